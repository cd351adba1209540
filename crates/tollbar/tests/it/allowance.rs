//! The monthly allowance: charged once for what is sent, under parallel calls, restarts and kills.

use std::{sync::mpsc, thread};

use serde_json::{Value, json};

use crate::support::{Connection, Gate, Reply, Shop, ShopClient};

fn request(key: &str) -> String {
    format!("GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n")
}

fn set(shop: &Shop, client: &ShopClient, fields: &Value) {
    shop.platform.change("PATCH", &format!("/clients/{}", client.id), fields);
}

fn status(shop: &Shop, client: &ShopClient) -> u16 {
    shop.call_as(&client.key, "GET", "/v1/orders", &[], b"").status
}

#[test]
fn the_last_units_of_an_allowance_go_to_exactly_that_many_of_a_hundred() {
    let shop = Shop::open();
    let client = shop.client("small", &json!({ "allowance": 7 }));
    let gate = Gate::default();
    let held = gate.clone();
    shop.live.answer(move |_| Reply::After(held.clone(), Box::new(Reply::json(200, "{}"))));
    let (answers, answered) = mpsc::channel();
    for _ in 0..100 {
        let (answers, request) = (answers.clone(), request(&client.key));
        let mut connection = Connection::open(shop.platform.gateway);
        thread::spawn(move || {
            connection.send(request);
            answers.send(connection.receive()).unwrap();
        });
    }
    for response in answered.iter().take(93) {
        assert_eq!((response.status, response.code().as_str()), (429, "api_usage_allowance_exceeded"));
        assert_eq!(response.header("retry-after"), None);
        assert_eq!(response.header("x-should-retry"), Some("false"));
        assert_eq!((response.number("x-allowance-limit"), response.number("x-allowance-remaining")), (7, 0));
    }
    shop.live.wait_for(7);
    gate.open();
    assert!(answered.iter().take(7).all(|response| response.status == 200));
    assert_eq!((shop.live.count(), shop.used(&client.id)), (7, 7));
}

#[test]
fn a_5xx_gives_the_unit_back_and_other_answers_keep_it() {
    let shop = Shop::open();
    let client = shop.client("small", &json!({ "allowance": 2 }));
    // A 401 from an upstream is our trouble: the client sees a 500.
    for (answered, status, used) in [
        (500, 500, 0),
        (502, 500, 0),
        (503, 500, 0),
        (599, 500, 0),
        (401, 500, 0),
        (404, 404, 1),
        (504, 500, 1),
        (200, 200, 2),
    ] {
        shop.live.answer(move |_| Reply::json(answered, "{}"));
        let response = shop.call_as(&client.key, "GET", "/v1/orders", &[], b"");
        assert_eq!(response.status, status, "{answered}");
        assert_eq!(shop.used(&client.id), used, "{answered}");
        assert_eq!(response.number("x-allowance-remaining"), 2 - used, "{answered}");
    }
    assert_eq!(status(&shop, &client), 429);
    assert_eq!(shop.live.count(), 8);
}

#[test]
fn the_count_is_exact_after_a_restart_and_within_those_in_flight_after_a_kill() {
    let shop = Shop::open();
    let client = shop.client("small", &json!({ "allowance": 100 }));
    let gate = Gate::default();
    let held = gate.clone();
    shop.live.answer(move |received| match received.target.as_str() {
        "/orders/fails" => Reply::json(500, "{}"),
        "/orders/held" => Reply::After(held.clone(), Box::new(Reply::json(200, "{}"))),
        _ => Reply::json(200, "{}"),
    });
    let call = |shop: &Shop, target: &str| shop.call_as(&client.key, "GET", target, &[], b"");
    for _ in 0..5 {
        assert_eq!(call(&shop, "/v1/orders").status, 200);
    }
    for _ in 0..3 {
        assert_eq!(call(&shop, "/v1/orders/fails").status, 500);
    }
    assert_eq!(call(&shop, "/v1/nothing").status, 404);
    let shop = shop.stop_and_restart();
    assert_eq!(shop.used(&client.id), 5, "after a clean end");
    let in_flight: Vec<Connection> = (0..4)
        .map(|_| {
            let mut connection = Connection::open(shop.platform.gateway);
            connection.send(request(&client.key).replace("/v1/orders", "/v1/orders/held"));
            connection
        })
        .collect();
    shop.live.wait_for(12);
    let shop = shop.kill_and_restart();
    let used = shop.used(&client.id);
    assert!((5..=9).contains(&used), "{used}");
    drop(in_flight);
    // Killed with nothing in flight, it is exact.
    assert_eq!(call(&shop, "/v1/orders").status, 200);
    let shop = shop.kill_and_restart();
    assert_eq!(shop.used(&client.id), used + 1);
    // Never above the limit, however often it is killed.
    let sent = shop.live.count();
    set(&shop, &client, &json!({ "allowance": used + 3 }));
    let first = (0..1).filter(|_| status(&shop, &client) == 200).count();
    let shop = shop.kill_and_restart();
    let later = (0..5).filter(|_| status(&shop, &client) == 200).count();
    assert_eq!((first, later, shop.live.count() - sent), (1, 1, 2));
    gate.open();
}

#[test]
fn another_allowance_holds_at_once_and_keeps_the_count() {
    let shop = Shop::open();
    let client = shop.client("small", &json!({ "allowance": 3 }));
    assert_eq!([0; 4].map(|_| status(&shop, &client)), [200, 200, 200, 429]);
    set(&shop, &client, &json!({ "allowance": 4 }));
    assert_eq!([0; 2].map(|_| status(&shop, &client)), [200, 429]);
    set(&shop, &client, &json!({ "allowance": 2 }));
    let refused = shop.call_as(&client.key, "GET", "/v1/orders", &[], b"");
    assert_eq!((refused.number("x-allowance-limit"), refused.number("x-allowance-remaining")), (2, 0));
    assert_eq!((shop.used(&client.id), shop.live.count()), (4, 4));
}

#[test]
fn overage_is_let_through_and_reported() {
    let shop = Shop::open();
    let client = shop.client("over", &json!({ "allowance": 2, "overage": "report" }));
    assert_eq!([0; 40].map(|_| status(&shop, &client)), [200; 40]);
    let usage = shop.platform.read(&format!("/usage/{}", client.id));
    assert_eq!((&usage["live"]["used"], &usage["live"]["remaining"]), (&json!(40), &json!(0)));
    let shop = shop.kill_and_restart();
    assert_eq!(shop.used(&client.id), 40);
    set(&shop, &client, &json!({ "overage": "block" }));
    assert_eq!(status(&shop, &client), 429);
}

#[test]
fn live_and_sandbox_are_counted_apart() {
    let shop = Shop::open();
    let client = shop.client("both", &json!({ "allowance": 1, "sandbox_allowance": 2 }));
    let in_sandbox = || shop.call_as(&client.sandbox_key, "GET", "/sandbox/v1/orders", &[], b"");
    assert_eq!([status(&shop, &client), status(&shop, &client)], [200, 429]);
    let first = in_sandbox();
    assert_eq!((first.number("x-allowance-limit"), first.number("x-allowance-remaining")), (2, 1));
    assert_eq!([in_sandbox().status, in_sandbox().status], [200, 429]);
    let usage = shop.platform.read(&format!("/usage/{}", client.id));
    assert_eq!((&usage["live"]["used"], &usage["sandbox"]["used"]), (&json!(1), &json!(2)));
}
