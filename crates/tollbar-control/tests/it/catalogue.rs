use serde_json::{Value, json};

use super::bench::Bench;

pub(crate) const DOCUMENT: &str = r#"
openapi: 3.0.3
info: { title: Shop, version: "7" }
servers: [{ url: "https://shop.example/v1" }]
paths:
  /orders:
    get: { tags: [orders], responses: {} }
    post: { tags: [orders], responses: {}, x-tollbar-idempotency-required: true }
  /orders/{id}:
    get: { tags: [orders], responses: {}, parameters: [{ name: id, in: path, required: true, schema: { type: string } }] }
  /reports:
    get: { tags: [reports], security: [{ oauth: ["reports:run"] }], responses: {} }
"#;

pub(crate) fn shop(changes: &Value) -> Value {
    let mut api = json!({ "document": DOCUMENT, "upstream": "http://192.0.2.10:8000/shop/" });
    for (name, value) in changes.as_object().unwrap() {
        api[name] = value.clone();
    }
    api
}

#[tokio::test]
async fn a_document_becomes_an_api() {
    let bench = Bench::start().await;
    let made = bench.post("/apis", shop(&json!({ "sandbox_upstream": "http://192.0.2.11" }))).await.ok(201);
    let expected = json!({
        "base": "/v1", "title": "Shop", "version": "7", "endpoints": 4,
        "categories": [{ "name": "orders", "endpoints": 3 }, { "name": "reports", "endpoints": 1 }],
        "scopes": ["orders:read", "orders:write", "reports:run"], "warnings": [], "replaced": false,
        "upstream": "http://192.0.2.10:8000/shop", "sandbox_upstream": "http://192.0.2.11", "observe": false, "added": 4, "removed": 0,
    });
    assert_eq!(made, expected);
    let listed = bench.get("/apis").await.ok(200);
    let expected = json!({ "apis": [{
        "base": "/v1", "title": "Shop", "version": "7", "upstream": "http://192.0.2.10:8000/shop",
        "sandbox_upstream": "http://192.0.2.11", "endpoints": 4, "observe": false,
        "imported_at": "2026-11-22T09:00:00.000Z",
    }] });
    assert_eq!(listed, expected);
    let endpoints = bench.get("/apis/endpoints?base=/v1").await.ok(200);
    let post = endpoints["endpoints"].as_array().unwrap().iter().find(|row| row["method"] == "POST").unwrap();
    let expected = json!({
        "name": "POST /v1/orders", "method": "POST", "path": "/v1/orders", "category": "orders",
        "scopes": ["orders:write"], "write": true, "idempotency_required": true,
    });
    assert_eq!(*post, expected);
    let (_, audit, document) = bench.store.applied.lock().unwrap().last().unwrap().clone();
    assert_eq!((audit.action.as_str(), audit.subject.as_str()), ("api.import", "/v1"));
    assert_eq!(document.unwrap(), DOCUMENT.as_bytes());
}

#[tokio::test]
async fn importing_again_replaces_and_keeps_the_numbers() {
    let bench = Bench::start().await;
    let sandbox = json!({ "sandbox_upstream": "http://192.0.2.11/" });
    bench.post("/apis", shop(&sandbox)).await.ok(201);
    let numbers = |bench: &Bench| {
        let api = bench.directory.find_api("/v1").unwrap();
        let mut numbers: Vec<_> = api.endpoints.iter().map(|e| (e.name(), e.id)).collect();
        numbers.sort();
        numbers
    };
    let before = numbers(&bench);
    assert!(before.iter().all(|(_, id)| id.0 > 0));
    bench.post("/switches", json!({ "target": { "kind": "category", "name": "reports" } })).await.ok(201);
    let shorter = DOCUMENT.split("  /reports").next().unwrap().replace("/orders/{id}", "/orders/first/{id}");
    let made = bench.post("/apis", shop(&json!({ "document": shorter }))).await.ok(201);
    assert_eq!(made["replaced"], true);
    let warnings = made["warnings"].to_string();
    assert!(warnings.contains("category reports hits no endpoint any more"), "{warnings}");
    let lost = "the sandbox upstream http://192.0.2.11 is gone: sandbox calls are not_found now; give --sandbox-upstream to keep it";
    assert!(warnings.contains(lost), "{warnings}");
    assert_eq!((&made["added"], &made["removed"]), (&json!(1), &json!(2)));
    assert_eq!(
        (&made["sandbox_upstream"], &made["previous_sandbox_upstream"]),
        (&Value::Null, &json!("http://192.0.2.11"))
    );
    let kept = |all: Vec<(String, _)>| {
        all.into_iter().filter(|(name, _)| name.ends_with("/orders")).collect::<Vec<_>>()
    };
    assert_eq!(kept(numbers(&bench)), kept(before));
    let again = bench.post("/apis", shop(&sandbox)).await.ok(201);
    assert_eq!(again.get("previous_sandbox_upstream"), Some(&Value::Null), "it was replaced, and had none");
    assert!(!again["warnings"].to_string().contains("is gone"), "{again}");
    assert_eq!(bench.get("/apis").await.ok(200)["apis"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_document_that_cannot_be_leaves_everything() {
    let bench = Bench::start().await;
    bench.post("/apis", shop(&json!({}))).await.ok(201);
    let (before, audit) = (bench.directory.find_api("/v1"), bench.store.audit().len());
    let own = format!("http://127.0.0.1:{}/", bench.address.port());
    let clash = DOCUMENT.replace("/reports:", "/orders/{number}:");
    let remote = DOCUMENT
        .replace("responses: {} }", "parameters: [{ $ref: \"https://evil.example/x\" }], responses: {} }");
    let table = [
        (json!({ "document": "swagger: '1.2'" }), vec!["document:", "Swagger"]),
        (json!({ "document": "{" }), vec!["document:"]),
        (json!({ "document": "openapi: 3.0.0\ninfo: {}\npaths: {}" }), vec!["no operation"]),
        (json!({ "document": clash }), vec!["document:", "matches the same requests"]),
        (json!({ "document": remote }), vec!["document:"]),
        (json!({ "base": "v1/" }), vec!["base:", "`v1/`"]),
        (json!({ "upstream": "ftp://shop.example" }), vec!["upstream:", "http:// or https://"]),
        (json!({ "upstream": own }), vec!["upstream:", "Tollbar itself"]),
        (json!({ "sandbox_upstream": "http://u:pw@192.0.2.1" }), vec!["sandbox_upstream:", "password"]),
        (json!({ "upstream_errors": "hide" }), vec!["`wrap` or `pass`"]),
        (json!({ "on_upstream_5xx": "forget" }), vec!["`store` or `release`"]),
        (json!({ "url": "x" }), vec!["unknown field `url`"]),
    ];
    for (changes, words) in table {
        bench.post("/apis", shop(&changes)).await.refused(400, &words);
    }
    assert_eq!(bench.directory.find_api("/v1"), before);
    assert_eq!(bench.store.audit().len(), audit);
}

#[tokio::test]
async fn documents_may_be_long_and_other_bodies_may_not() {
    let bench = Bench::start().await;
    let long = format!("{DOCUMENT}\n# {}\n", "x".repeat(1024 * 1024));
    bench.post("/apis", shop(&json!({ "document": long }))).await.ok(201);
    let tier = json!({ "rate_per_minute": 1, "x": "x".repeat(300 * 1024) });
    bench.put("/tiers/pro", tier).await.refused(413, &["larger"]);
}

#[tokio::test]
async fn an_api_is_taken_away() {
    let bench = Bench::start().await;
    bench.post("/apis", shop(&json!({ "base": "/" }))).await.ok(201);
    bench.post("/apis", shop(&json!({ "base": "/v2" }))).await.ok(201)["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|warning| warning.as_str().unwrap().contains("/v2 lies under /"))
        .unwrap();
    assert_eq!(bench.get("/apis").await.ok(200)["apis"][0]["base"], "/");
    assert_eq!(bench.get("/apis/endpoints").await.ok(200)["endpoints"].as_array().unwrap().len(), 8);
    bench.get("/apis/endpoints?base=/v3").await.refused(404, &["`/v3`", "/v2"]);
    bench.delete("/apis?base=/v3").await.refused(404, &["`/v3`"]);
    bench.delete("/apis").await.refused(400, &["base"]);
    assert_eq!(bench.delete("/apis?base=/").await.ok(200)["endpoints"], 4);
    assert!(bench.directory.find_api("").is_none() && bench.directory.find_api("/v2").is_some());
    assert_eq!(bench.store.audit().last().unwrap().action, "api.remove");
}

#[tokio::test]
async fn scopes_that_no_endpoint_requires_are_taken_with_a_warning() {
    let bench = Bench::with_client().await;
    bench.post("/apis", shop(&json!({}))).await.ok(201);
    let view = bench.patch("/clients/Acme", json!({ "add_scopes": ["orders:raed"] })).await.ok(200);
    assert_eq!(view["warnings"], json!(["no endpoint requires the scope orders:raed"]));
    assert!(view["scopes"].as_array().unwrap().contains(&json!("orders:raed")));
}

#[tokio::test]
async fn an_upstream_may_speak_tls() {
    let bench = Bench::start().await;
    let made = bench.post("/apis", shop(&json!({ "upstream": "https://192.0.2.1/v2/" }))).await.ok(201);
    assert_eq!(made["upstream"], "https://192.0.2.1/v2");
    // This platform knows no authority.
    assert!(made["warnings"].to_string().contains("upstream.ca_file"), "{made}");
}

#[tokio::test]
async fn what_is_set_by_hand_outlives_an_import() {
    let bench = Bench::start().await;
    bench.post("/apis", shop(&json!({}))).await.ok(201);
    let one = |changes: &Value| {
        let mut body = json!({ "method": "get", "path": "/v1/orders/{id}" });
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let row = bench
        .patch(
            "/apis/endpoints",
            one(&json!({ "scopes": ["orders:see"], "category": "Desk", "write": true })),
        )
        .await
        .ok(200);
    assert_eq!(row["by_hand"], json!({ "scopes": ["orders:see"], "category": "Desk", "write": true }));
    assert_eq!(
        (&row["scopes"], &row["document"]["scopes"]),
        (&json!(["orders:see"]), &json!(["orders:read"]))
    );
    let entry = bench.store.audit().last().unwrap().clone();
    assert_eq!((entry.action.as_str(), entry.subject.as_str()), ("endpoint.set", "GET /v1/orders/{id}"));
    assert_eq!(entry.detail, "scopes orders:see, category Desk, write true");
    // What another request sets is added to it.
    bench.patch("/apis/endpoints", one(&json!({ "idempotency_required": true }))).await.ok(200);
    let number = bench.directory.find_api("/v1").unwrap().endpoints[2].id;

    let switch = json!({ "target": { "kind": "endpoint", "method": "GET", "path": "/v1/orders/{id}" } });
    bench.post("/switches", switch).await.ok(201);
    let renamed = DOCUMENT.replace("{id}", "{orderId}").replace("name: id", "name: orderId");
    let made = bench.post("/apis", shop(&json!({ "document": renamed }))).await.ok(201);
    assert_eq!(made["by_hand"], json!({ "applied": ["GET /v1/orders/{orderId}"], "gone": [] }));
    assert_eq!((&made["added"], &made["removed"]), (&json!(0), &json!(0)));
    assert_eq!(
        made["differences"]["changed"],
        json!([{ "name": "GET /v1/orders/{orderId}", "was": "GET /v1/orders/{id}", "differences": [] }])
    );
    assert!(!made["warnings"].to_string().contains("no endpoint any more"), "{made}");
    assert_eq!(bench.directory.find_api("/v1").unwrap().endpoints[2].id, number, "it is the same endpoint");
    let endpoints = bench.get("/apis/endpoints?base=/v1").await.ok(200);
    assert_eq!(endpoints["endpoints"][2]["scopes"], json!(["orders:see"]));

    // Gone, it is kept, and told; come back, it holds again.
    let shorter = DOCUMENT.replace("  /orders/{id}:\n    get:", "  /orders/{id}/all:\n    get:");
    let made = bench.post("/apis", shop(&json!({ "document": shorter }))).await.ok(201);
    assert_eq!(made["by_hand"], json!({ "applied": [], "gone": ["GET /v1/orders/{id}"] }));
    let warnings = made["warnings"].to_string();
    assert!(warnings.contains("tollbar endpoint set 'GET /v1/orders/{id}' --reset"), "{warnings}");
    let listed = bench.get("/apis/endpoints").await.ok(200);
    assert_eq!(listed["gone"][0]["name"], "GET /v1/orders/{id}");
    let made = bench.post("/apis", shop(&json!({}))).await.ok(201);
    assert_eq!(made["by_hand"]["applied"], json!(["GET /v1/orders/{id}"]));

    let row =
        bench.patch("/apis/endpoints", one(&json!({ "reset": true, "category": "Desk" }))).await.ok(200);
    assert_eq!(row["by_hand"], json!({ "category": "Desk" }));
    assert_eq!(row["scopes"], json!(["orders:read"]));
    let row = bench.patch("/apis/endpoints", one(&json!({ "reset": true }))).await.ok(200);
    assert_eq!(row.get("by_hand"), None);
    assert_eq!(bench.store.audit().last().unwrap().action, "endpoint.reset");
}

#[tokio::test]
async fn what_cannot_be_set_by_hand_is_refused_by_name() {
    let bench = Bench::start().await;
    bench.post("/apis", shop(&json!({}))).await.ok(201);
    let audit = bench.store.audit().len();
    let get = |changes: Value| {
        let mut body = json!({ "method": "GET", "path": "/v1/orders" });
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        body
    };
    let table = [
        (get(json!({})), 400, vec!["nothing to set"]),
        (get(json!({ "scopes": ["a b"] })), 400, vec!["scopes:", "`a b`"]),
        (get(json!({ "category": " " })), 400, vec!["category:"]),
        (get(json!({ "idempotency_required": true })), 400, vec!["idempotency_required:", "write"]),
        (get(json!({ "path": "/v1/order", "write": true })), 404, vec!["GET /v1/order", "GET /v1/orders"]),
        (get(json!({ "scope": [] })), 400, vec!["unknown field `scope`"]),
    ];
    for (body, status, words) in table {
        bench.patch("/apis/endpoints", body).await.refused(status, &words);
    }
    assert_eq!(bench.store.audit().len(), audit);
}

#[tokio::test]
async fn a_difference_is_told_and_nothing_is_changed() {
    let bench = Bench::start().await;
    let first = bench.post("/apis/diff", json!({ "document": DOCUMENT })).await.ok(200);
    assert_eq!((&first["from"], &first["same"]), (&Value::Null, &json!(false)));
    assert_eq!(first["differences"]["added"].as_array().unwrap().len(), 4);
    assert_eq!(bench.store.audit().len(), 0);

    bench.post("/apis", shop(&json!({}))).await.ok(201);
    let (before, audit) = (bench.directory.find_api("/v1"), bench.store.audit().len());
    let same = bench.post("/apis/diff", json!({ "document": DOCUMENT })).await.ok(200);
    assert_eq!(same["same"], true, "{same}");

    let other = DOCUMENT
        .replace("  /reports:", "  /exports:")
        .replace(
            "x-tollbar-idempotency-required: true",
            "security: [{ oauth: [\"orders:write\", \"orders:new\"] }]",
        )
        .replace("schema: { type: string } }", "schema: { type: integer } }");
    let told = bench.post("/apis/diff", json!({ "document": other, "base": "/v1" })).await.ok(200);
    let expected = json!({
        "breaking": 3, "added": ["GET /v1/exports"], "gone": ["GET /v1/reports"],
        "changed": [
            { "name": "POST /v1/orders", "differences": [
                { "effect": "breaking", "text": "it requires the scope orders:new now" },
                { "effect": "compatible", "text": "it does not require an Idempotency-Key any more" },
            ] },
            { "name": "GET /v1/orders/{id}", "differences": [
                { "effect": "breaking", "text": "path parameter \"id\" must be an integer now (before: a string)" },
            ] },
        ],
    });
    assert_eq!(told["differences"], expected);
    // What is set by hand stands before both.
    let set =
        json!({ "method": "POST", "path": "/v1/orders", "scopes": ["a"], "idempotency_required": true });
    bench.patch("/apis/endpoints", set).await.ok(200);
    let told = bench.post("/apis/diff", json!({ "document": other })).await.ok(200);
    assert_eq!(told["differences"]["changed"].as_array().unwrap().len(), 1, "{told}");
    bench.post("/apis/diff", json!({ "document": "swagger: '1.2'" })).await.refused(400, &["Swagger"]);
    assert_eq!(bench.directory.find_api("/v1"), before);
    assert_eq!(bench.store.audit().len(), audit + 1);
    // An import says the same.
    let made = bench.post("/apis", shop(&json!({ "document": other }))).await.ok(201);
    assert_eq!(made["differences"], told["differences"]);
}
