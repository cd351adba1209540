//! The real binary under a wall clock that is set: month ends, and steps of an hour and of a month, both ways, while it
//! runs and over a restart. The clock is libfaketime's; what only goes forward stays the machine's own.

use std::path::{Path, PathBuf};

use jiff::{Timestamp, civil, tz::TimeZone};
use serde_json::json;

use crate::support::{
    Connection, Gate, Platform, PlatformBuilder, Reply, Response, Shop, ShopClient, get, new_client, post,
    wait_until,
};

const HOUR: i64 = 3600;
const MONTH: i64 = 31 * 24 * HOUR;
/// How long before a month's end a platform is started: a start takes a part of a second.
const BEFORE_THE_END: i64 = 8;

/// A wall clock that a test sets.
struct WallClock {
    file: tempfile::TempPath,
}

impl WallClock {
    /// As far from the true time as that.
    fn set_to(seconds: i64) -> Self {
        let clock = Self { file: tempfile::NamedTempFile::new().unwrap().into_temp_path() };
        clock.set(seconds);
        clock
    }

    /// Replaced as a whole: whoever reads it sees the one or the other.
    fn set(&self, seconds: i64) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n")).unwrap();
        std::fs::rename(new, &self.file).unwrap();
    }

    /// For a platform that goes by this clock.
    fn builder(&self) -> PlatformBuilder {
        Platform::with()
            .variable("LD_PRELOAD", library().to_str().unwrap())
            .variable("FAKETIME_TIMESTAMP_FILE", self.file.to_str().unwrap())
            .variable("FAKETIME_NO_CACHE", "1")
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }
}

fn library() -> PathBuf {
    let machine = std::env::consts::ARCH;
    let path = format!("/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1");
    assert!(Path::new(&path).exists(), "{path} is missing: install faketime, or run `cargo xtask test`");
    PathBuf::from(path)
}

/// Seconds from now to the next month's beginning, UTC; and the two months' names.
fn next_month() -> (i64, [String; 2]) {
    let now = Timestamp::now();
    let this = now.to_zoned(TimeZone::UTC).date();
    let next = civil::date(this.year(), this.month(), 1).saturating_add(jiff::ToSpan::months(1));
    let begins = next.to_zoned(TimeZone::UTC).unwrap().timestamp();
    let name = |date: civil::Date| date.strftime("%Y-%m").to_string();
    (begins.as_second() - now.as_second(), [name(this), name(next)])
}

fn used(shop: &Shop, client: &ShopClient, month: &str) -> u64 {
    shop.platform.read(&format!("/usage/{}?month={month}", client.id))["live"]["used"].as_u64().unwrap()
}

fn call(shop: &Shop, client: &ShopClient) -> Response {
    shop.call_as(&client.key, "GET", "/v1/orders", &[], b"")
}

/// The shop's client with another allowance.
fn small(shop: &Shop, allowance: u64) -> ShopClient {
    new_client(&shop.platform, "small", &json!({ "allowance": allowance }))
}

fn metric(shop: &Shop, name: &str) -> f64 {
    let metrics = get(shop.platform.ops, "/metrics", &[]).text();
    let line = metrics.lines().find(|line| line.starts_with(name)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// The month that an answer's headers speak of ends then.
fn reset(response: &Response) -> String {
    let seconds = i64::try_from(response.number("x-allowance-reset")).unwrap();
    Timestamp::from_second(seconds).unwrap().to_zoned(TimeZone::UTC).strftime("%Y-%m").to_string()
}

#[test]
fn at_the_months_end_a_new_allowance_begins_and_what_is_given_back_goes_to_the_old_month() {
    let (until, [old, new]) = next_month();
    let clock = WallClock::set_to(until - BEFORE_THE_END);
    let shop = Shop::open_with(clock.builder());
    let client = small(&shop, 3);
    // One that is under way when the month ends, and ends by a 5xx.
    let gate = Gate::default();
    let held = gate.clone();
    shop.live.answer(move |_| Reply::After(held.clone(), Box::new(Reply::json(500, "{}"))));
    let mut over_midnight = Connection::open(shop.platform.gateway);
    over_midnight.send(format!("GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n\r\n", client.key));
    shop.live.wait_for(1);
    shop.live.answer(|_| Reply::json(200, "{}"));
    let before = [call(&shop, &client), call(&shop, &client), call(&shop, &client)];
    assert_eq!(before.each_ref().map(|answer| answer.status), [200, 200, 429], "{before:?}");
    assert_eq!((reset(&before[0]), used(&shop, &client, &old)), (new.clone(), 3));
    // The new month: whoever tries again and again is let in when it begins, and not before.
    let mut first = call(&shop, &client);
    wait_until("the new month has begun", || {
        first = call(&shop, &client);
        first.status != 429
    });
    assert_eq!((first.status, first.number("x-allowance-remaining")), (200, 2), "{first:?}");
    assert_ne!(reset(&first), new, "that month is this month now");
    gate.open();
    assert_eq!(over_midnight.receive().status, 500);
    assert_eq!((used(&shop, &client, &old), used(&shop, &client, &new)), (2, 1));
    let rest = [(); 3].map(|()| call(&shop, &client).status);
    assert_eq!(rest, [200, 200, 429]);
    // And what is on disk says the same.
    let shop = shop.kill_and_restart();
    assert_eq!((used(&shop, &client, &old), used(&shop, &client, &new)), (2, 3));
    assert_eq!(call(&shop, &client).status, 429);
}

#[test]
fn a_step_of_a_running_platforms_wall_clock_raises_an_alarm_and_changes_nothing() {
    for step in [HOUR, -HOUR, MONTH, -MONTH] {
        let clock = WallClock::set_to(0);
        let shop = Shop::open_with(clock.builder().set("tokens.lifetime_seconds", "2"));
        let client = small(&shop, 2);
        let token = shop.token(&shop.oauth("acme", "live"));
        let expired = || {
            let bearer = format!("Bearer {token}");
            let answer = get(shop.platform.gateway, "/v1/orders", &[("Authorization", &bearer)]);
            answer.status == 401 && answer.code() == "expired_token"
        };
        wait_until("the token has expired", expired);
        assert_eq!(call(&shop, &client).status, 200);
        let before = shop.platform.read("/status")["now"].clone();
        clock.set(step);
        wait_until("the alarm is raised", || shop.platform.log().contains("the wall clock was stepped"));
        let seen = metric(&shop, "tollbar_clock_step");
        #[expect(clippy::cast_precision_loss, reason = "seconds of a month")]
        let wanted = step as f64;
        assert!((seen - wanted).abs() < 5.0 || (seen / 1000.0 - wanted).abs() < 5.0, "{seen} for {step}");
        let answer = call(&shop, &client);
        assert_eq!((answer.status, call(&shop, &client).status), (200, 429), "{step}");
        assert!(expired(), "what has expired stays so, whatever the wall clock shows ({step})");
        let now: Timestamp = Timestamp::now();
        let until = i64::try_from(answer.number("x-ratelimit-reset")).unwrap() - now.as_second();
        assert!((-5..=61).contains(&until), "{until}: its own time goes on ({step}, {before})");
        // A repeat of a write that was executed is one under the stepped clock as well.
        assert_eq!(post(&shop, "k").status, 200);
        assert!(post(&shop, "k").header("idempotent-replayed").is_some());
    }
}

#[test]
fn over_a_restart_under_another_time_each_months_count_is_its_own() {
    let (until, [old, new]) = next_month();
    let into_the_month = until + HOUR / 2;
    let clock = WallClock::set_to(into_the_month);
    let shop = Shop::open_with(clock.builder());
    let client = small(&shop, 3);
    assert_eq!([(); 2].map(|()| call(&shop, &client).status), [200, 200]);
    // An hour back, into the month before: that one's own count, nothing refunded.
    clock.set(into_the_month - HOUR);
    let shop = shop.kill_and_restart();
    assert_eq!((used(&shop, &client, &old), used(&shop, &client, &new)), (0, 2));
    assert_eq!([(); 4].map(|()| call(&shop, &client).status), [200, 200, 200, 429]);
    // An hour on again: one unit is left of the month that had begun.
    clock.set(into_the_month);
    let shop = shop.kill_and_restart();
    assert_eq!((used(&shop, &client, &old), used(&shop, &client, &new)), (3, 2));
    assert_eq!([(); 2].map(|()| call(&shop, &client).status), [200, 429]);
    // A month ahead by mistake, and back.
    clock.set(into_the_month + MONTH);
    let shop = shop.stop_and_restart();
    assert_eq!(call(&shop, &client).status, 200);
    clock.set(into_the_month);
    let shop = shop.stop_and_restart();
    assert_eq!(call(&shop, &client).status, 429, "no double month");
    assert_eq!((used(&shop, &client, &old), used(&shop, &client, &new)), (3, 3));
}

#[test]
fn a_month_that_is_over_is_held_against_the_allowance_that_it_ended_with() {
    let (until, [old, new]) = next_month();
    let clock = WallClock::set_to(until - HOUR);
    let shop = Shop::open_with(clock.builder());
    let client = new_client(&shop.platform, "small", &json!({ "allowance": 9, "overage": "report" }));
    let set = |shop: &Shop, terms: &serde_json::Value| {
        shop.platform.change("PATCH", "/clients/small", terms);
    };
    set(&shop, &json!({ "allowance": 2 }));
    assert_eq!([(); 5].map(|()| call(&shop, &client).status), [200; 5]);
    clock.set(until + HOUR);
    let shop = shop.stop_and_restart();
    assert_eq!(call(&shop, &client).status, 200);
    set(&shop, &json!({ "allowance": 100, "overage": "block" }));
    let terms = |month: &str| {
        let usage = shop.platform.read(&format!("/usage/small?month={month}"));
        let all = shop.platform.read(&format!("/usage?month={month}"));
        let listed = all["clients"].as_array().unwrap().iter().find(|listed| listed["name"] == "small");
        assert_eq!(listed.unwrap()["live"], usage["live"]);
        let of = |field: &str| usage["live"][field].as_u64().unwrap();
        (of("allowance"), of("remaining"), of("billable_overage"), usage["overage"].clone())
    };
    assert_eq!(terms(&old), (2, 0, 3, json!("report")));
    assert_eq!(terms(&new), (100, 99, 0, json!("block")));
    let corrected = shop.platform.change(
        "POST",
        "/clients/small/corrections",
        &json!({ "environment": "live", "units": -4, "reason": "ours", "month": old }),
    );
    assert_eq!((&corrected["allowance"], &corrected["remaining"]), (&json!(2), &json!(1)));
}

/// What doctor says of the clock.
fn clock_check(shop: &Shop) -> serde_json::Value {
    let output = shop.platform.run(&["doctor", "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = found["checks"].as_array().unwrap().iter();
    checks.clone().find(|check| check["subject"] == "clock").unwrap().clone()
}

#[test]
fn what_a_clock_left_that_was_ahead_is_named() {
    let clock = WallClock::set_to(MONTH);
    let shop = Shop::open_with(clock.builder());
    assert_eq!(post(&shop, "k").status, 200);
    clock.set(0);
    let shop = shop.stop_and_restart();
    // Which of the two clocks is wrong cannot be known.
    assert_eq!(clock_check(&shop)["level"], "wrong");
    // A request is enough, and the last change may stay ahead.
    assert_eq!(shop.get("/v1/orders").status, 200);
    let check = clock_check(&shop);
    assert_eq!(check["level"], "warning", "work went on by this clock: {check}");
    let (found, advice) = (check["found"].as_str().unwrap(), check["advice"].as_str().unwrap());
    for word in [
        "changes on the audit trail",
        "1 idempotency keys",
        "the last ends at",
        "1 files of the usage journal",
    ] {
        assert!(found.contains(word), "`{word}` in: {found}");
    }
    assert!(advice.contains("nothing has to be done"), "{advice}");
    assert!(post(&shop, "k").header("idempotent-replayed").is_some(), "it is not executed again");
}

#[test]
fn a_change_by_the_right_clock_is_enough_and_one_of_long_ago_is_not() {
    let clock = WallClock::set_to(MONTH);
    let shop = Shop::open_with(clock.builder());
    assert_eq!(shop.get("/v1/orders").status, 200);
    clock.set(0);
    let shop = shop.stop_and_restart();
    assert_eq!(clock_check(&shop)["level"], "wrong");
    shop.client("new", &json!({}));
    assert_eq!(clock_check(&shop)["level"], "warning");
    // The same clock, and what was charged last is ahead of it: it may be the one that is wrong.
    let clock = WallClock::set_to(0);
    let shop = Shop::open_with(clock.builder());
    clock.set(MONTH);
    let shop = shop.stop_and_restart();
    assert_eq!(shop.get("/v1/orders").status, 200);
    clock.set(HOUR);
    let shop = shop.stop_and_restart();
    assert_eq!(clock_check(&shop)["level"], "wrong");
}

#[test]
fn the_rate_holds_over_a_restart_under_another_time() {
    for step in [HOUR, -HOUR, MONTH, -MONTH] {
        let clock = WallClock::set_to(0);
        let shop = Shop::open_with(clock.builder());
        shop.platform.change("PUT", "/tiers/tiny", &json!({ "rate_per_minute": 3 }));
        let client = new_client(&shop.platform, "small", &json!({ "tier": "tiny" }));
        assert_eq!([(); 3].map(|()| call(&shop, &client).status), [200, 200, 200]);
        clock.set(step);
        let shop = shop.kill_and_restart();
        let refused = call(&shop, &client);
        assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limit_exceeded"), "{step}");
        assert!((1..=61).contains(&refused.number("retry-after")), "{step}: {refused:?}");
    }
}
