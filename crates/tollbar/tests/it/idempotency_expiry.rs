//! However short the time for which an answer is kept: it begins when the execution ends, and no key is free before.

use crate::support::{Gate, Platform, Reply, Response, Shop, begin, is_replay, post, wait_until};

/// Long enough for a repeat that waits to see what it waited for.
const KEEP_SECONDS: &str = "3";

fn open() -> Shop {
    Shop::open_with(Platform::with().set("idempotency.keep_seconds", KEEP_SECONDS))
}

/// The upstream holds what has the key `slow`, and answers everything else.
fn hold_slow(shop: &Shop, answer: Reply) -> Gate {
    let gate = Gate::default();
    let held = gate.clone();
    shop.live.answer(move |received| match received.header("idempotency-key") {
        Some("slow") => Reply::After(held.clone(), Box::new(answer.clone())),
        _ => Reply::json(200, "{}"),
    });
    gate
}

/// Waits until what is answered now would have expired.
fn pass_its_time(shop: &Shop) {
    assert!(!is_replay(&post(shop, "quick")));
    wait_until("an answer of now has expired", || !is_replay(&post(shop, "quick")));
}

fn executions(shop: &Shop) -> usize {
    let sent = shop.live.requests();
    sent.iter().filter(|request| request.header("idempotency-key") == Some("slow")).count()
}

fn assert_unknown(repeat: &Response) {
    assert!(repeat.status == 500 && repeat.message().contains("unknown"), "{repeat:?}");
}

#[test]
fn an_execution_that_takes_longer_than_its_answer_is_kept_is_replayed_all_the_same() {
    let shop = open();
    let gate = hold_slow(&shop, Reply::json(201, "{}"));
    let mut first = begin(&shop, "slow");
    shop.live.wait_for(1);
    let mut repeat = begin(&shop, "slow");
    pass_its_time(&shop);
    gate.open();
    assert_eq!(first.receive().status, 201);
    let repeat = repeat.receive();
    assert!(repeat.status == 201 && is_replay(&repeat), "{repeat:?}");
    assert_eq!(executions(&shop), 1);
    wait_until("it has expired", || !is_replay(&post(&shop, "slow")));
    assert_eq!(executions(&shop), 2);
}

#[test]
fn an_execution_that_breaks_off_late_is_unknown_from_then_on() {
    let shop = open();
    let gate = hold_slow(&shop, Reply::Close);
    let mut first = begin(&shop, "slow");
    shop.live.wait_for(1);
    let mut repeat = begin(&shop, "slow");
    pass_its_time(&shop);
    gate.open();
    assert_unknown(&first.receive());
    assert_unknown(&repeat.receive());
    assert_unknown(&post(&shop, "slow"));
    assert_eq!(executions(&shop), 1);
}

#[test]
fn a_key_is_not_free_while_what_a_kill_cut_off_may_still_be_executed() {
    let shop = open();
    let _never = hold_slow(&shop, Reply::Close);
    let _first = begin(&shop, "slow");
    shop.live.wait_for(1);
    let shop = shop.kill_and_restart();
    pass_its_time(&shop);
    assert_unknown(&post(&shop, "slow"));
    assert_eq!(executions(&shop), 1);
}
