//! A repeat of a keyed request that is under way waits for it.

use serde_json::json;

use crate::support::{Platform, Reply, Shop, begin, get, hold, is_replay, post};

/// How many requests have passed stage 13, of a client that has a rate of 6,000.
fn rated(shop: &Shop) -> u64 {
    let account = get(shop.platform.gateway, "/v1/account", &[("X-API-Key", &shop.client.key)]);
    6000 - account.number("x-ratelimit-remaining")
}

#[test]
fn a_repeat_waits_for_a_while_and_is_then_told_to_come_again() {
    let shop = Shop::open_with(Platform::with().set("idempotency.wait_seconds", "1"));
    let gate = hold(&shop, Reply::json(201, "{}"));
    let mut first = begin(&shop, "slow");
    shop.live.wait_for(1);
    let early = post(&shop, "slow");
    assert_eq!((early.status, early.code().as_str()), (500, "internal_error"));
    assert_eq!((early.header("retry-after"), early.header("x-should-retry")), (Some("1"), None));
    gate.open();
    assert_eq!(first.receive().status, 201);
    assert!(is_replay(&post(&shop, "slow")));
    assert_eq!(shop.live.count(), 1);
}

#[test]
fn a_repeat_that_waited_is_checked_again_before_it_is_sent() {
    let shop = Shop::open();
    let gate = hold(&shop, Reply::json(503, "{}"));
    let mut first = begin(&shop, "k");
    shop.live.wait_for(1);
    let before = rated(&shop);
    let mut repeat = begin(&shop, "k");
    let mut asked = 0;
    crate::support::wait_until("the repeat has passed the rate", || {
        asked += 1;
        rated(&shop) > before + asked
    });
    shop.platform.change("POST", &format!("/clients/{}/suspend", shop.client.id), &json!({}));
    gate.open();
    assert_eq!(first.receive().code(), "internal_error", "503 releases the key");
    assert_eq!(repeat.receive().code(), "client_suspended");
    assert_eq!(shop.live.count(), 1);
    shop.platform.change("POST", &format!("/clients/{}/resume", shop.client.id), &json!({}));
    shop.live.answer(|_| Reply::json(201, "{}"));
    let again = post(&shop, "k");
    assert!(again.status == 201 && !is_replay(&again), "the refused repeat holds the key no longer");
}
