use serde_json::json;

use super::{bench::Bench, catalogue::shop};

async fn with_shop() -> Bench {
    let bench = Bench::start().await;
    bench.post("/apis", shop(&json!({}))).await.ok(201);
    bench
}

#[tokio::test]
async fn throwing_again_replaces() {
    let bench = with_shop().await;
    let target = json!({ "kind": "endpoint", "method": "post", "path": "/v1/orders" });
    let first = bench.post("/switches", json!({ "target": target, "message": "Back soon." })).await.ok(201);
    let expected = json!({
        "id": first["id"], "target": { "kind": "endpoint", "method": "POST", "path": "/v1/orders" }, "environment": null,
        "message": "Back soon.", "until": null, "since": "2026-11-22T09:00:00.000Z",
    });
    assert_eq!(first, expected);
    let audit = bench.store.audit().pop().unwrap();
    assert_eq!((audit.action.as_str(), audit.subject.as_str()), ("switch.off", "endpoint POST /v1/orders"));
    assert!(audit.detail.contains(first["id"].as_str().unwrap()), "{}", audit.detail);
    bench.advance(60);
    let again =
        bench.post("/switches", json!({ "target": target, "until": "2026-11-22T10:00:00Z" })).await.ok(201);
    assert_eq!((&again["id"], &again["since"]), (&first["id"], &first["since"]));
    assert_eq!((&again["message"], &again["until"]), (&json!(null), &json!("2026-11-22T10:00:00.000Z")));
    let other = bench.post("/switches", json!({ "target": target, "environment": "live" })).await.ok(201);
    assert_ne!(other["id"], first["id"]);
    assert_eq!(bench.get("/switches").await.ok(200), json!({ "switches": [again, other] }));
    bench.advance(3600);
    assert_eq!(bench.get("/switches").await.ok(200), json!({ "switches": [other] }));
    // What is over is cleared away with the next one.
    bench.post("/switches", json!({ "target": { "kind": "platform" } })).await.ok(201);
    assert_eq!(bench.directory.snapshot().switches.len(), 2);
}

#[tokio::test]
async fn what_does_not_exist_cannot_be_switched() {
    let bench = with_shop().await;
    for (asked, status, words) in [
        (json!({ "target": { "kind": "category", "name": "order" } }), 404, vec!["`order`", "orders"]),
        (
            json!({ "target": { "kind": "endpoint", "method": "GET", "path": "/orders" } }),
            404,
            vec!["`GET /orders`", "GET /v1/orders"],
        ),
        (json!({ "target": { "kind": "everything" } }), 400, vec!["`everything`", "`platform`"]),
        (json!({ "target": { "kind": "platform", "name": "x" } }), 400, vec!["unknown field `name`"]),
        (
            json!({ "target": { "kind": "platform" }, "until": "2026-11-21" }),
            400,
            vec!["until", "has passed"],
        ),
        (json!({ "target": { "kind": "platform" }, "environment": "test" }), 400, vec!["`test`"]),
        (json!({ "target": { "kind": "platform" }, "message": "a\nb" }), 400, vec!["message"]),
        (json!({ "target": { "kind": "platform" }, "message": " " }), 400, vec!["message"]),
    ] {
        bench.post("/switches", asked).await.refused(status, &words);
    }
    let typo = json!({ "target": { "kind": "category", "name": "order" } });
    bench.post("/switches/on", typo).await.refused(404, &["orders"]);
    assert_eq!(bench.get("/switches").await.ok(200), json!({ "switches": [] }));
}

#[tokio::test]
async fn taking_back_in_one_environment_leaves_the_other_off() {
    let bench = with_shop().await;
    let target = json!({ "kind": "category", "name": "orders" });
    let both = bench.post("/switches", json!({ "target": target })).await.ok(201);
    let on = bench.post("/switches/on", json!({ "target": target, "environment": "sandbox" })).await.ok(200);
    assert_eq!(on, json!({ "removed": [both] }));
    let left = bench.get("/switches").await.ok(200);
    assert_eq!(
        (&left["switches"][0]["id"], &left["switches"][0]["environment"]),
        (&both["id"], &json!("live"))
    );
    let audit = bench.store.audit().len();
    let again =
        bench.post("/switches/on", json!({ "target": target, "environment": "sandbox" })).await.ok(200);
    assert_eq!((again, bench.store.audit().len()), (json!({ "removed": [] }), audit));
    bench.post("/switches", json!({ "target": target, "environment": "sandbox" })).await.ok(201);
    let all = bench.post("/switches/on", json!({ "target": target })).await.ok(200);
    assert_eq!(all["removed"].as_array().unwrap().len(), 2);
    assert_eq!(bench.get("/switches").await.ok(200), json!({ "switches": [] }));
    let audit = bench.store.audit().pop().unwrap();
    assert_eq!((audit.action.as_str(), audit.subject.as_str()), ("switch.on", "category orders"));
    assert!(audit.detail.contains(both["id"].as_str().unwrap()), "{}", audit.detail);
    bench.post("/switches/on", json!({ "targets": 1 })).await.refused(400, &["unknown field `targets`"]);
}
