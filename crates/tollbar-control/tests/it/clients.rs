use serde_json::{Value, json};

use super::bench::Bench;

fn acme(changes: &Value) -> Value {
    let mut client =
        json!({ "name": "Acme", "tier": "standard", "allowance": 1000, "scopes": ["orders:read"] });
    for (name, value) in changes.as_object().unwrap() {
        client[name] = value.clone();
    }
    client
}

#[tokio::test]
async fn tiers_are_made_and_listed() {
    let bench = Bench::start().await;
    assert_eq!(
        bench.put("/tiers/pro", json!({ "rate_per_minute": 600 })).await.ok(200),
        json!({ "name": "pro", "rate_per_minute": 600 })
    );
    bench.put("/tiers/basic", json!({ "rate_per_minute": 60 })).await.ok(200);
    assert_eq!(
        bench.get("/tiers").await.ok(200),
        json!({ "tiers": [{ "name": "basic", "rate_per_minute": 60 }, { "name": "pro", "rate_per_minute": 600 }] })
    );
    bench.put("/tiers/pro", json!({ "rate_per_minute": 0 })).await.refused(400, &["rate_per_minute"]);
    bench.put("/tiers/pro", json!({ "rate_per_minute": -1 })).await.refused(400, &["-1"]);
    bench
        .put("/tiers/pro", json!({ "rate": 1 }))
        .await
        .refused(400, &["unknown field `rate`", "rate_per_minute"]);
    bench.put("/tiers/a%20b", json!({ "rate_per_minute": 1 })).await.refused(400, &["a b"]);
    assert_eq!(bench.store.audit().len(), 2);
}

#[tokio::test]
async fn a_client_is_created_as_asked() {
    let bench = Bench::with_tier().await;
    let asked = acme(&json!({
        "sandbox_allowance": 50, "write_enabled": true, "allow_ips": ["203.0.113.7", "10.0.0.0/8"], "overage": "report",
    }));
    let mut view = bench.post("/clients", asked).await.ok(201);
    let id = view["id"].take();
    assert!(id.as_str().unwrap().starts_with("cl_"));
    let expected = json!({
        "id": null, "name": "Acme", "tier": "standard", "rate_per_minute": 60, "scopes": ["orders:read"],
        "allowance": { "live": 1000, "sandbox": 50 }, "used": { "live": 0, "sandbox": 0 }, "overage": "report",
        "write_enabled": true, "access_enabled": true, "suspended": false, "deleted": false,
        "allow_ips": ["203.0.113.7/32", "10.0.0.0/8"], "created_at": "2026-11-22T09:00:00.000Z", "change": 43,
    });
    assert_eq!(view, expected);
    assert_eq!(
        bench.store.audit().pop().unwrap().detail,
        "Acme: tier standard, live allowance 1000 and sandbox allowance 50 requests a month, overage report, writes enabled, \
         access enabled, addresses [203.0.113.7/32, 10.0.0.0/8], scopes [orders:read]"
    );
    let by_name = bench.get("/clients/Acme").await.ok(200);
    let by_id = bench.get(&format!("/clients/{}", id.as_str().unwrap())).await.ok(200);
    assert_eq!(by_name, by_id);
    assert_eq!(bench.get("/clients").await.ok(200), json!({ "clients": [by_name] }));
}

#[tokio::test]
async fn names_differ_in_more_than_capital_letters() {
    let bench = Bench::with_client().await;
    bench.post("/clients", acme(&json!({ "name": "Öl & Gas" }))).await.ok(201);
    bench.post("/clients", acme(&json!({ "name": "öl & GAS" }))).await.refused(409, &["as `Öl & Gas`"]);
    bench.patch("/clients/Acme", json!({ "name": "ÖL & GAS" })).await.refused(409, &["as `Öl & Gas`"]);
    bench.patch("/clients/Acme", json!({ "name": "ACME" })).await.ok(200);
    bench.delete("/clients/ACME").await.ok(200);
    bench.post("/clients", acme(&json!({ "name": "acme" }))).await.ok(201);
}

#[tokio::test]
async fn names_with_any_characters_can_stand_in_a_path() {
    let bench = Bench::with_tier().await;
    bench.post("/clients", acme(&json!({ "name": "Müller & Söhne / Köln" }))).await.ok(201);
    bench.get("/clients/M%C3%BCller%20%26%20S%C3%B6hne%20%2F%20K%C3%B6ln").await.ok(200);
    bench
        .get("/clients/M%C3%BCler")
        .await
        .refused(404, &["no client is called `Müler`", "Müller & Söhne / Köln"]);
}

#[tokio::test]
async fn a_client_that_cannot_be_is_refused_and_nothing_changes() {
    let bench = Bench::with_client().await;
    let before = bench.store.audit().len();
    let table = [
        (json!({}), 409, vec!["`Acme` is taken"]),
        (json!({ "name": "aCME" }), 409, vec!["`aCME` is taken", "as `Acme`"]),
        (json!({ "name": "" }), 400, vec!["name", "1 to 100"]),
        (json!({ "name": "x".repeat(101) }), 400, vec!["name"]),
        (json!({ "name": " x" }), 400, vec!["space"]),
        (json!({ "name": "a\u{202e}b" }), 400, vec!["cannot be seen"]),
        (json!({ "name": "cl_zzzzzzzzzzz" }), 400, vec!["looks like an id"]),
        (json!({ "name": ".." }), 400, vec!["path"]),
        (json!({ "name": "B", "tier": "gold" }), 400, vec!["`gold` does not exist", "standard"]),
        (json!({ "name": "B", "scopes": ["a b"] }), 400, vec!["`a b` cannot be a scope"]),
        (json!({ "name": "B", "allowance": 9_223_372_036_854_775_808_u64 }), 400, vec!["allowance"]),
        (json!({ "name": "B", "sandbox_allowance": -1 }), 400, vec!["-1"]),
        (json!({ "name": "B", "allow_ips": ["10.0.0.1/8"] }), 400, vec!["did you mean 10.0.0.0/8"]),
        (json!({ "name": "B", "overage": "maybe" }), 400, vec!["`maybe`", "`block` or `report`"]),
        (json!({ "name": "B", "colour": "red" }), 400, vec!["unknown field `colour`"]),
    ];
    for (changes, status, words) in table {
        bench.post("/clients", acme(&changes)).await.refused(status, &words);
    }
    bench.post("/clients", json!({ "name": "B" })).await.refused(400, &["missing field `tier`"]);
    assert_eq!(bench.store.audit().len(), before);
    assert_eq!(bench.directory.clients().len(), 1);
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let bench = Bench::with_client().await;
    bench.put("/tiers/pro", json!({ "rate_per_minute": 600 })).await.ok(200);
    let view = bench
        .patch(
            "/clients/Acme",
            json!({
                "tier": "pro", "allowance": 5, "add_scopes": ["reports:read"], "remove_scopes": ["orders:write", "orders:wriet"],
                "write_enabled": true, "access_enabled": false, "allow_ips": ["192.0.2.0/24"], "name": "Acme Ltd",
            }),
        )
        .await
        .ok(200);
    assert_eq!(view["name"], "Acme Ltd");
    assert_eq!(view["rate_per_minute"], 600);
    assert_eq!(view["allowance"], json!({ "live": 5, "sandbox": 1000 }));
    assert_eq!(view["scopes"], json!(["orders:read", "reports:read"]));
    assert_eq!(view["access_enabled"], false);
    assert_eq!(
        view["warnings"],
        json!(["orders:wriet was not among the client's scopes, so it was not removed"])
    );
    let audit = bench.store.audit().pop().unwrap();
    assert_eq!(audit.action, "client.update");
    for word in [
        "live allowance 1000 -> 5;",
        "tier standard -> pro",
        "scope +reports:read",
        "scope -orders:write",
        "name Acme -> Acme Ltd",
    ] {
        assert!(audit.detail.contains(word), "{}", audit.detail);
    }
    let before = bench.store.audit().len();
    bench.patch("/clients/Acme", json!({})).await.refused(404, &["Acme Ltd"]);
    bench.patch("/clients/Acme%20Ltd", json!({ "tier": "gold" })).await.refused(400, &["pro, standard"]);
    bench
        .patch("/clients/Acme%20Ltd", json!({ "add_scopes": ["a"], "remove_scopes": ["a"] }))
        .await
        .refused(400, &["`a`"]);
    bench.patch("/clients/Acme%20Ltd", json!({ "tier": "pro" })).await.ok(200);
    assert_eq!(bench.store.audit().len(), before, "what changes nothing leaves no trace");
}

#[tokio::test]
async fn suspending_resuming_and_deleting() {
    let bench = Bench::with_client().await;
    let id = bench.get("/clients/Acme").await.ok(200)["id"].as_str().unwrap().to_owned();
    assert_eq!(bench.call("POST", "/clients/Acme/suspend", None).await.ok(200)["suspended"], true);
    assert_eq!(bench.post("/clients/Acme/resume", json!({})).await.ok(200)["suspended"], false);
    bench.post("/clients/Acme/suspend", json!({ "why": "x" })).await.refused(400, &["unknown field `why`"]);
    bench.call("POST", "/clients/Nobody/suspend", None).await.refused(404, &["Nobody"]);
    assert_eq!(bench.delete("/clients/Acme").await.ok(200)["deleted"], true);
    bench.delete("/clients/Acme").await.refused(404, &["Acme"]);
    assert_eq!(bench.delete(&format!("/clients/{id}")).await.ok(200)["deleted"], true);
    bench.call("POST", &format!("/clients/{id}/resume"), None).await.refused(409, &["deleted"]);
    bench
        .post(&format!("/clients/{id}/keys"), json!({ "environment": "live" }))
        .await
        .refused(409, &["deleted"]);
    assert_eq!(bench.get("/clients").await.ok(200), json!({ "clients": [] }));
    let all = bench.get("/clients?deleted=true").await.ok(200);
    assert_eq!(all["clients"][0]["id"], id);
    let actions: Vec<String> = bench.store.audit().into_iter().skip(2).map(|entry| entry.action).collect();
    assert_eq!(actions, ["client.suspend", "client.resume", "client.delete"]);
    // The name is free again.
    bench.post("/clients", acme(&json!({}))).await.ok(201);
    bench.get("/clients?removed=true").await.refused(400, &["removed"]);
}
