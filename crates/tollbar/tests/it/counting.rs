//! The per-minute rate under parallel calls, restarts and kills.

use std::{
    sync::{Arc, Barrier},
    thread,
};

use serde_json::json;

use crate::support::{Connection, Response, Shop, ShopClient};

fn request(key: &str) -> String {
    format!("GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n")
}

/// So many connections at once, each with so many requests; all answers.
fn at_once(shop: &Shop, key: &str, connections: usize, requests: usize) -> Vec<Response> {
    let start = Arc::new(Barrier::new(connections));
    let callers: Vec<_> = (0..connections)
        .map(|_| {
            let (start, request) = (start.clone(), request(key));
            let mut connection = Connection::open(shop.platform.gateway);
            thread::spawn(move || {
                start.wait();
                let ask = |_| {
                    connection.send(&request);
                    connection.receive()
                };
                (0..requests).map(ask).collect::<Vec<_>>()
            })
        })
        .collect();
    callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
}

fn limited(shop: &Shop, rate: u32) -> ShopClient {
    shop.platform.change("PUT", "/tiers/tiny", &json!({ "rate_per_minute": rate }));
    shop.client("tiny", &json!({ "tier": "tiny" }))
}

fn status(shop: &Shop, client: &ShopClient) -> u16 {
    shop.call_as(&client.key, "GET", "/v1/orders", &[], b"").status
}

#[test]
fn fifty_at_once_are_admitted_up_to_the_rate_and_not_one_more() {
    let shop = Shop::open();
    let client = limited(&shop, 70);
    let responses = at_once(&shop, &client.key, 50, 3);
    let (admitted, refused): (Vec<_>, Vec<_>) = responses.iter().partition(|r| r.status == 200);
    assert_eq!((admitted.len(), refused.len(), shop.live.count()), (70, 80, 70));
    for response in refused {
        assert_eq!((response.status, response.code().as_str()), (429, "rate_limit_exceeded"));
        assert_eq!((response.number("x-ratelimit-limit"), response.number("x-ratelimit-remaining")), (70, 0));
        assert!((1..=61).contains(&response.number("retry-after")), "{response:?}");
    }
    let mut remaining: Vec<_> = admitted.iter().map(|r| r.number("x-ratelimit-remaining")).collect();
    remaining.sort_unstable();
    assert_eq!(remaining[0], 0, "the last one admitted was told so");
}

#[test]
fn the_rate_is_the_clients_over_all_its_credentials_and_each_environments_own() {
    let shop = Shop::open();
    let client = limited(&shop, 3);
    let path = format!("/clients/{}/keys", client.id);
    let other = shop.platform.change("POST", &path, &json!({ "environment": "live" }));
    let token = shop.token(&shop.oauth(&client.id, "live"));
    let bearer = format!("Bearer {token}");
    let by_token = || crate::support::get(shop.platform.gateway, "/v1/orders", &[("Authorization", &bearer)]);
    let by_other = || shop.call_as(other["key"].as_str().unwrap(), "GET", "/v1/orders", &[], b"");
    let in_sandbox = || shop.call_as(&client.sandbox_key, "GET", "/sandbox/v1/orders", &[], b"");
    assert_eq!([status(&shop, &client), by_other().status, by_token().status], [200; 3]);
    assert_eq!([status(&shop, &client), by_other().status, by_token().status], [429; 3]);
    assert_eq!([in_sandbox().status, in_sandbox().status, in_sandbox().status], [200; 3]);
    assert_eq!(in_sandbox().status, 429);
    assert_eq!(shop.get("/v1/orders").status, 200, "other clients are not touched");
}

#[test]
fn the_rate_holds_over_a_kill_and_over_a_restart() {
    let shop = Shop::open();
    let client = limited(&shop, 10);
    let admitted = |shop: &Shop, most: usize| (0..most).filter(|_| status(shop, &client) == 200).count();
    assert_eq!(admitted(&shop, 4), 4);
    let shop = shop.kill_and_restart();
    assert_eq!(admitted(&shop, 3), 3);
    let shop = shop.stop_and_restart();
    assert_eq!(at_once(&shop, &client.key, 10, 1).iter().filter(|r| r.status == 200).count(), 3);
    let shop = shop.kill_and_restart();
    assert_eq!(admitted(&shop, 5), 0);
    assert_eq!(shop.live.count(), 10);
}

#[test]
fn what_waits_for_its_body_has_taken_from_the_rate_whatever_becomes_of_it() {
    let shop = Shop::open();
    let client = limited(&shop, 5);
    let waiting: Vec<_> = ["", "Idempotency-Key: k\r\n"]
        .map(|key| {
            let mut connection = Connection::open(shop.platform.gateway);
            connection.send(format!(
                "POST /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: application/json\r\n{key}\
                 Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
                client.key
            ));
            assert_eq!(connection.receive_head().0, 100);
            connection
        })
        .into();
    let shop = shop.kill_and_restart();
    drop(waiting);
    assert_eq!((0..5).filter(|_| status(&shop, &client) == 200).count(), 3);
}

#[test]
fn the_rate_headers_say_what_is_left_and_when_it_is_whole_again() {
    let shop = Shop::open();
    let client = limited(&shop, 5);
    let ask = |target: &str| shop.call_as(&client.key, "GET", target, &[], b"");
    let reset = |response: &Response| {
        let reset = response.number("x-ratelimit-reset");
        let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap();
        assert!(reset <= now + 61, "{reset} is more than 61 s ahead of {now}");
        reset
    };
    let mut last = 0;
    for left in (0..5).rev() {
        // A path that does not exist takes nothing, and shows the state.
        let missing = ask("/v1/nothing");
        assert_eq!((missing.status, missing.number("x-ratelimit-remaining")), (404, left + 1));
        let response = ask("/v1/orders");
        assert_eq!((response.status, response.number("x-ratelimit-remaining")), (200, left));
        assert_eq!(response.number("x-ratelimit-limit"), 5);
        assert!(reset(&response) >= last);
        last = reset(&response);
    }
    for _ in 0..20 {
        let refused = ask("/v1/orders");
        assert_eq!(
            (refused.code().as_str(), refused.number("x-ratelimit-remaining")),
            ("rate_limit_exceeded", 0)
        );
        assert_eq!(reset(&refused), last, "its own refusals never push the window out");
        assert!((1..=61).contains(&refused.number("retry-after")));
    }
    // Another rate holds at once and keeps the count.
    shop.platform.change("PUT", "/tiers/tiny", &json!({ "rate_per_minute": 6 }));
    assert_eq!([status(&shop, &client), status(&shop, &client)], [200, 429]);
    shop.platform.change("PUT", "/tiers/tiny", &json!({ "rate_per_minute": 2 }));
    assert_eq!(ask("/v1/orders").number("x-ratelimit-limit"), 2);
    assert_eq!(shop.live.count(), 6);
}
