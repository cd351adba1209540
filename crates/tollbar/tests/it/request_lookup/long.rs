//! A million requests in the log, and an end by kill -9: what the next start costs.

use std::time::{Duration, Instant};

use tollbar_contract::{Environment, RequestId, Stage};
use tollbar_core::{
    ClientId, Timestamp,
    port::{RequestEntry, RequestId12, RequestLog as _, TraceStep},
};
use tollbar_store::{Store, StoreOptions};

use crate::support::{Platform, Shop};

const ENTRIES: u64 = 1_000_000;
const READY_WITHIN: Duration = Duration::from_secs(1);

fn entry(number: u64) -> RequestEntry {
    let steps = Stage::ALL.iter().filter(|stage| **stage == Stage::Scope);
    let detail = "what was compared there, about as long as it is".to_owned();
    RequestEntry {
        // Ids in no order, as they are.
        request_id: RequestId12(RequestId::from_number(number.wrapping_mul(0x9E37_79B9_7F4A_7C15))),
        at: Timestamp::from_millis(1_900_000_000_000 + number),
        method: "GET".to_owned(),
        path: "/v1/orders/7".to_owned(),
        environment: Environment::Live,
        status: 403,
        code: Some("scope_missing".to_owned()),
        message: Some("The scope is missing.".to_owned()),
        refused_at: Some(Stage::Scope),
        client: Some(ClientId::from_number(number % 1000)),
        client_name: Some("Example".to_owned()),
        credential: Some("key_00000000001".to_owned()),
        address: "192.0.2.1".to_owned(),
        address_source: "peer".to_owned(),
        endpoint: Some("GET /v1/orders/{id}".to_owned()),
        steps: steps.map(|stage| TraceStep { stage: *stage, passed: true, detail: detail.clone() }).collect(),
        change: None,
        upstream_status: None,
        duration_millis: 1,
        upstream_millis: None,
        upstream_connect_millis: None,
        upstream_address: None,
        keyed: None,
    }
}

/// Through the store's own port, as the gateway does it; dropped, and not closed.
fn fill(folder: &std::path::Path) {
    let mut options = StoreOptions::of_this_machine();
    options.request_log_bytes = 16 << 30;
    let store = Store::open_with(folder, &options).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for number in 0..ENTRIES {
        store.record(entry(number));
        if number % 8_000 == 7_999 {
            runtime.block_on(store.find_request(RequestId::from_number(0))).unwrap();
        }
    }
    runtime.block_on(store.find_request(RequestId::from_number(0))).unwrap();
    assert_eq!(store.dropped(), 0);
}

#[test]
fn ready_within_a_second_after_a_kill_with_a_million_requests_logged() {
    let settings = || {
        Platform::with()
            .set("requests.keep_bytes", &(16_u64 << 30).to_string())
            .set("requests.successes_per_second", "1000000")
    };
    let mut shop = Shop::open_with(settings());
    shop.platform.terminate();
    shop.platform.wait_for_end();
    let began = Instant::now();
    fill(&shop.platform.data());
    let bytes = std::fs::metadata(shop.platform.data().join("requests.db")).unwrap().len();
    println!("{ENTRIES} requests logged in {:?}, {} MiB", began.elapsed(), bytes >> 20);
    shop = Shop { platform: shop.platform.restart(), ..shop };
    for round in 0..5 {
        for _ in 0..200 {
            assert_eq!(shop.get("/v1/orders").status, 200);
        }
        shop.platform.kill();
        let began = Instant::now();
        shop = Shop { platform: shop.platform.restart(), ..shop };
        assert_eq!(shop.get("/v1/orders").status, 200);
        let ready = began.elapsed();
        println!("kill {round}: ready, and the first request answered, after {ready:?}");
        assert!(ready < READY_WITHIN, "{ready:?}");
        let began = Instant::now();
        assert!(shop.platform.read("/status")["request_log"]["entries"].as_u64().unwrap() >= ENTRIES);
        let page = shop.platform.read("/requests?address=203.0.113.7");
        println!(
            "  a search that finds nothing stopped at {} after {:?}",
            page["stopped_at"],
            began.elapsed()
        );
    }
}
