use serde_json::{Value, json};
use tollbar_contract::{Environment, RequestId, Stage};
use tollbar_core::{
    ChangeId, RequestIdPermutation, Timestamp,
    port::{RequestEntry, RequestFilter, RequestId12, RequestLog, TraceStep},
};

use super::bench::Bench;

fn refused_request() -> RequestEntry {
    RequestEntry {
        request_id: RequestId12(RequestId::from_number(0xa1b2_c3d4_e5f6)),
        at: Timestamp::parse("2026-11-22T09:16:10Z").unwrap(),
        method: "POST".to_owned(),
        path: "/v1/orders".to_owned(),
        environment: Environment::Live,
        status: 403,
        code: Some("client_suspended".to_owned()),
        message: None,
        refused_at: Some(Stage::Standing),
        client: None,
        client_name: Some("Acme".to_owned()),
        credential: None,
        address: "192.0.2.1".to_owned(),
        address_source: "peer".to_owned(),
        endpoint: None,
        steps: vec![TraceStep { stage: Stage::Standing, passed: false, detail: "suspended".to_owned() }],
        change: Some(ChangeId(44)),
        upstream_status: None,
        duration_millis: 1,
        upstream_millis: None,
        upstream_connect_millis: None,
        upstream_address: None,
        keyed: None,
    }
}

#[tokio::test]
async fn a_request_is_looked_up_with_the_change_behind_it() {
    let bench = Bench::with_client().await;
    bench.call("POST", "/clients/Acme/suspend", None).await.ok(200);
    bench.store.record(refused_request());
    let shown = bench.get("/requests/A1B2C3D4E5F6").await.ok(200);
    assert_eq!(shown["at"], "2026-11-22T09:16:10.000Z");
    assert_eq!(shown["request_id"], "a1b2c3d4e5f6");
    assert_eq!(shown["steps"][0]["detail"], "suspended");
    let client = bench.get("/clients/Acme").await.ok(200)["id"].clone();
    let expected = json!({
        "id": 44, "at": "2026-11-22T09:00:00.000Z", "actor": "operator", "action": "client.suspend", "subject": client,
        "detail": "Acme: suspended false -> true",
    });
    assert_eq!(shown["change_detail"], expected);
    assert_eq!(
        shown["sentence"],
        "Your request a1b2c3d4e5f6 (POST /v1/orders, 2026-11-22 09:16:10 UTC) was refused with client_suspended: \
         your API client account was suspended at that time."
    );
    let ids = RequestIdPermutation::new(bench.directory.secrets.request_id_key());
    let missing = ids.id(5).to_string();
    bench.get(&format!("/requests/{missing}")).await.refused(
        404,
        &[
            &missing,
            "the server ended before it was written",
            "requests.anonymous_per_second",
            "Since the start at 2026-11-22T09:00:00.000Z, 3 entries were dropped",
            "5 errors and 6 successes were left out",
            "The oldest entry is from 2026-11-20T00:00:00.000Z",
            "requests.keep_days = 30",
        ],
    );
    let never = ids.id((1 << 47) + 1).to_string();
    bench
        .get(&format!("/requests/{never}"))
        .await
        .refused(404, &[&never, "was never given by this platform"]);
    bench.get("/requests/nonsense").await.refused(400, &["`nonsense`", "12 characters"]);
}

#[tokio::test]
async fn requests_are_listed_as_asked() {
    let bench = Bench::with_client().await;
    bench.store.record(RequestEntry { change: None, ..refused_request() });
    let listed =
        bench.get("/requests?client=Acme&code=client_suspended&since=2026-11-01&limit=7").await.ok(200);
    assert_eq!(listed["requests"][0]["at"], "2026-11-22T09:16:10.000Z");
    let filter = bench.store.filters.lock().unwrap().pop().unwrap();
    assert_eq!(filter.client, bench.directory.clients().first().map(|client| client.record.id));
    assert_eq!((filter.limit, filter.since), (7, Timestamp::parse("2026-11-01")));
    let query = "status=4xx&environment=sandbox&endpoint=post+/v1/orders&credential=key_0&address=::ffff:192.0.2.1\
        &until=2026-11-30&before=a1b2c3d4e5f6";
    let listed = bench.get(&format!("/requests?{query}")).await.ok(200);
    assert!(
        listed["note"].as_str().unwrap().contains("no endpoint in the catalogue is called POST /v1/orders")
    );
    let filter = bench.store.filters.lock().unwrap().pop().unwrap();
    let expected = RequestFilter {
        status: Some(400..=499),
        environment: Some(Environment::Sandbox),
        endpoint: Some("POST /v1/orders".to_owned()),
        credential: Some("key_0".to_owned()),
        address: Some("192.0.2.1".to_owned()),
        until: Timestamp::parse("2026-11-30"),
        before: RequestId::parse("a1b2c3d4e5f6"),
        limit: 50,
        ..RequestFilter::default()
    };
    assert_eq!(filter, expected);
    bench.get("/requests").await.ok(200);
    assert_eq!(bench.store.filters.lock().unwrap().pop().unwrap().limit, 50);
    for (query, status, word) in [
        ("code=client_suspendet", 400, "did you mean client_suspended"),
        ("client=Nobody", 404, "Nobody"),
        ("since=yesterday", 400, "`yesterday`"),
        ("limit=0", 400, "limit"),
        ("limit=1001", 400, "1000"),
        ("limit=x", 400, "invalid digit"),
        ("status=6xx", 400, "`6xx` is not a status"),
        ("environment=test", 400, "neither live nor sandbox"),
        ("endpoint=orders", 400, "`orders` is not an endpoint"),
        ("address=here", 400, "`here` is not an IP address"),
        ("before=x", 400, "`x` is not a request id"),
        ("credential=tb_live_0123456789012345", 400, "a credential itself"),
        ("since=2026-11-02&until=2026-11-01", 400, "is not after since"),
        ("colour=red", 400, "unknown field `colour`"),
    ] {
        bench.get(&format!("/requests?{query}")).await.refused(status, &[word]);
    }
    assert_eq!(bench.get("/requests/a1b2c3d4e5f6").await.ok(200)["change_detail"], Value::Null);
}

#[tokio::test]
async fn the_audit_trail_is_newest_first() {
    let bench = Bench::with_client().await;
    let entries = bench.get("/audit?limit=1").await.ok(200);
    assert_eq!(entries["entries"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&entries["entries"][0]["id"], &entries["entries"][0]["action"]),
        (&json!(43), &json!("client.create"))
    );
    assert_eq!(entries["entries"][0]["at"], "2026-11-22T09:00:00.000Z");
    assert_eq!(bench.get("/audit").await.ok(200)["entries"].as_array().unwrap().len(), 2);
    bench.get("/audit?limit=5000").await.refused(400, &["limit"]);
}

#[tokio::test]
async fn status_says_what_is_running() {
    let bench = Bench::with_client().await;
    bench
        .post("/switches", json!({ "target": { "kind": "platform" }, "until": "2026-11-22T10:00:00Z" }))
        .await
        .ok(201);
    let expected = json!({
        "version": "1.2.3", "started_at": "2026-11-22T09:00:00.000Z", "gateway": "http://127.0.0.1:8080", "apis": 0,
        "endpoints": 0, "clients": 1, "switches": 1, "dropped_request_log_entries": 3,
        "request_log": {
            "entries": 7, "oldest": "2026-11-20T00:00:00.000Z", "bytes": 4096, "keep_days": 30, "keep_bytes": 1 << 30,
            "errors_left_out": 5, "successes_left_out": 6,
        },
    });
    assert_eq!(bench.get("/status").await.ok(200), expected);
    bench.advance(3600);
    assert_eq!(bench.get("/status").await.ok(200)["switches"], 0);
}

#[tokio::test]
async fn unknown_routes_and_methods_are_named() {
    let bench = Bench::start().await;
    bench.get("/nothing").await.refused(404, &["GET /admin/v1/nothing"]);
    bench.delete("/status").await.refused(405, &["/admin/v1/status", "DELETE"]);
}
