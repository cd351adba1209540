//! A run: load, kill, start again, compare.

use std::{sync::atomic::AtomicUsize, thread, time::Duration};

use serde_json::json;

use super::{
    books::{Account, Books, Report, is_overload},
    caller::{Ask, Call, Caller},
    dice::Dice,
    world::{Moment, World},
};
use crate::support::{Connection, Platform, SHOP, ShopClient, new_client, wait_until};

/// What a run is made from.
pub(super) struct Plan {
    pub(super) seed: u64,
    pub(super) kills: usize,
    /// Requests from one kill to the next, about.
    pub(super) requests_between: usize,
}

const CALLERS: usize = 8;
/// Repeats of writes after a start, beside those that had no answer.
const REPEATS: usize = 12;
/// What the last client's allowance begins with, and grows by at each start: it is used up early, and the last units are
/// raced for.
const TIGHT: u64 = 40;
const AMPLE: u64 = 10_000_000;

/// Runs it.
pub(super) fn run(plan: &Plan) -> Report {
    let world = World::start();
    let builder = Platform::with().set("idempotency.wait_seconds", "5");
    let mut platform = builder.start();
    let clients = set_up(&platform, &world);
    let account = |(number, client): (usize, &ShopClient)| Account {
        id: client.id.clone(),
        allowance: allowance(number),
        used: 0,
    };
    let mut books = Books::new(clients.iter().enumerate().map(account).collect(), plan.seed);
    let mut callers: Vec<Caller> =
        (0..CALLERS).map(|name| Caller::new(plan.seed, name, name % clients.len())).collect();
    let mut dice = Dice::of(plan.seed, u64::MAX);
    let mut calls = Vec::new();
    for _ in 0..plan.kills {
        world.plan_kill(choose(&mut dice, plan.requests_between), platform.pid());
        calls.extend(load(&platform, &clients, &world, &mut callers, usize::MAX));
        // All callers have seen their connection end: the process is dead, or dying.
        platform.kill();
        let arrivals = world.take_arrivals();
        platform = platform.restart();
        books.report.kills += 1;
        books.take_up(&calls, &arrivals, &used(&platform, &clients));
        let tight = books.accounts.last_mut().unwrap();
        tight.allowance += TIGHT;
        let fields = json!({ "allowance": tight.allowance });
        platform.change("PATCH", &format!("/clients/{}", tight.id), &fields);
        calls = repeat(&platform, &clients, &callers, &calls, &mut dice);
        // What was repeated may have been executed: it belongs to what comes until the next kill, and is in the count already.
    }
    if plan.kills == 0 {
        calls.extend(load(&platform, &clients, &world, &mut callers, plan.requests_between));
    }
    let arrivals = world.take_arrivals_so_far();
    let counts = used(&platform, &clients);
    books.take_up(&calls, &arrivals, &counts);
    check_report(&platform, &clients, &counts);
    books.report
}

/// Three clients with ample allowances and one with a tight one.
fn set_up(platform: &Platform, world: &World) -> Vec<ShopClient> {
    let upstream = world.upstream.url();
    platform.change("POST", "/apis", &json!({ "document": SHOP, "base": "/v1", "upstream": upstream }));
    platform.change("PUT", "/tiers/boundless", &json!({ "rate_per_minute": 4_000_000 }));
    let client = |number: usize| {
        let fields = json!({ "tier": "boundless", "allowance": allowance(number) });
        new_client(platform, &format!("client-{number}"), &fields)
    };
    (0..4).map(client).collect()
}

fn allowance(number: usize) -> u64 {
    if number == 3 { TIGHT } else { AMPLE }
}

fn choose(dice: &mut Dice, requests_between: usize) -> Moment {
    let at = requests_between / 2 + dice.below(requests_between) + 1;
    match dice.below(3) {
        // Refusals and replays are answered without being sent: there are fewer arrivals than answers.
        0 => Moment::Arrival(at / 2),
        1 => Moment::Answer(at),
        _ => Moment::After(at / 2, Duration::from_micros(u64::try_from(dice.below(5000)).unwrap())),
    }
}

/// Everybody asks until the process is killed, or so often.
fn load(
    platform: &Platform,
    clients: &[ShopClient],
    world: &World,
    callers: &mut [Caller],
    requests: usize,
) -> Vec<Call> {
    let left = AtomicUsize::new(requests);
    world.hold();
    thread::scope(|scope| {
        let threads: Vec<_> = callers
            .iter_mut()
            .map(|caller| {
                let (client, left) = (&clients[caller.client], &left);
                scope.spawn(move || {
                    let calls = caller.run(platform.gateway, client, world, left);
                    // Those that still wait must not wait for requests that nobody makes any more.
                    world.release();
                    calls
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Repeats the writes that had no answer, and some of all others.
fn repeat(
    platform: &Platform,
    clients: &[ShopClient],
    callers: &[Caller],
    calls: &[Call],
    dice: &mut Dice,
) -> Vec<Call> {
    let unanswered = calls.iter().filter(|call| call.answer.is_none() && call.ask.key.is_some());
    let mut asks: Vec<(usize, Ask)> = unanswered.map(|call| (call.client, call.ask.clone())).collect();
    for _ in 0..REPEATS {
        let caller = &callers[dice.below(callers.len())];
        if !caller.writes.is_empty() {
            asks.push((caller.client, caller.writes[dice.below(caller.writes.len())].clone()));
        }
    }
    let mut connection = Connection::open(platform.gateway);
    asks.into_iter()
        .map(|(client, ask)| {
            let mut answer = None;
            wait_until("there is less to do", || {
                answer = ask.call(&mut connection, &clients[client].key);
                !is_overload(answer.as_ref().expect("nobody was killed here"))
            });
            Call { client, ask, answer }
        })
        .collect()
}

fn used(platform: &Platform, clients: &[ShopClient]) -> Vec<u64> {
    let read = |client: &ShopClient| {
        platform.read(&format!("/usage/{}", client.id))["live"]["used"].as_u64().unwrap()
    };
    clients.iter().map(read).collect()
}

/// What a bill is made of adds up to what is enforced.
fn check_report(platform: &Platform, clients: &[ShopClient], used: &[u64]) {
    for (client, used) in clients.iter().zip(used) {
        let usage = platform.read(&format!("/usage/{}", client.id));
        let of = |row: &serde_json::Value, field: &str| row[field].as_u64().unwrap();
        let rows = usage["rows"].as_array().unwrap();
        let sum: u64 = rows.iter().map(|row| of(row, "charged") - of(row, "given_back")).sum();
        assert_eq!(sum, *used, "{usage}");
    }
}
