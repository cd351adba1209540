//! What is not kept: bounded, counted, and said.

use super::run;
use crate::support::{Connection, Platform, Shop, wait_until};

#[test]
fn what_is_missing_is_explained() {
    let shop = Shop::open_with(
        Platform::with().set("requests.successes_per_second", "0").set("requests.anonymous_per_second", "0"),
    );
    let success = shop.get("/v1/orders").request_id();
    let anonymous = crate::support::get(shop.platform.gateway, "/v1/orders", &[]).request_id();
    for id in [&success, &anonymous] {
        let output = shop.platform.run(&["request", "show", id]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{said}");
        for word in ["is not in the log", "0 entries were dropped", "1 errors and 1 successes were left out"]
        {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
    let status = run(&shop, &["status"]);
    assert!(status.contains("1 errors, 1 successes"), "{status}");
    // One digit differs: of so many numbers, those that were given are few.
    let never = (0..16).filter(|digit| {
        let id = format!("{digit:x}{}", &success[1..]);
        let refused = shop.platform.admin("GET", &format!("/requests/{id}"), None);
        refused.status == 404 && refused.text().contains("was never given by this platform")
    });
    assert!(never.count() >= 12);
}

#[test]
fn the_file_keeps_to_its_bound_under_load() {
    const BOUND: u64 = 16 << 20;
    const REQUESTS: usize = 22_000;
    let shop = Shop::open_with(
        Platform::with()
            .set("requests.successes_per_second", "1000000")
            .set("requests.keep_bytes", &BOUND.to_string()),
    );
    let file = shop.platform.data().join("requests.db");
    let bytes = || std::fs::metadata(&file).unwrap().len();
    let mut most = 0;
    // Pipelined, so that it goes on quickly: health answers need no credential, and are logged as successes are.
    let request = b"GET /v1/health HTTP/1.1\r\nHost: a\r\nX-Padding: 1\r\n\r\n".repeat(100);
    let mut connection = Connection::open(shop.platform.gateway);
    for _ in 0..REQUESTS / 100 {
        connection.send(&request);
        for _ in 0..100 {
            assert_eq!(connection.receive().status, 200);
        }
        most = most.max(bytes());
    }
    let log = || shop.platform.read("/status")["request_log"].clone();
    wait_until("all is written", || {
        most = most.max(bytes());
        log()["entries"].as_u64().unwrap() > 1000
    });
    assert!(most <= BOUND, "{most}");
    // What a flood has too much of is dropped, and counted; it waits for nothing.
    let entries = log()["entries"].as_u64().unwrap();
    let dropped = shop.platform.read("/status")["dropped_request_log_entries"].as_u64().unwrap();
    assert!(
        entries + dropped < u64::try_from(REQUESTS).unwrap(),
        "{entries} {dropped}: the oldest made room"
    );
}
