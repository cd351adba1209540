use std::sync::atomic::Ordering::SeqCst;

use serde_json::json;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::{bench::Bench, catalogue::shop};

/// Sends a change that stops in the store, and goes away.
async fn leave_while_changing(bench: &Bench) {
    bench.store.hold();
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    let request = bench.request("PUT", "/tiers/pro", Some(json!({ "rate_per_minute": 600 })));
    stream.write_all(request.as_bytes()).await.unwrap();
    bench.store.at_gate.notified().await;
    drop(stream);
    // By the time that another connection has been answered, the end of the first has been seen.
    bench.get("/status").await.ok(200);
}

#[tokio::test]
async fn a_change_runs_to_its_end_although_its_client_leaves() {
    let bench = Bench::start().await;
    leave_while_changing(&bench).await;
    assert!(bench.directory.snapshot().tiers.is_empty());
    bench.store.gate.add_permits(1000);
    // The next change waits for the one before.
    bench.put("/tiers/basic", json!({ "rate_per_minute": 60 })).await.ok(200);
    assert_eq!(bench.store.audit().len(), 2);
    assert_eq!(bench.directory.snapshot().tiers["pro"].rate_per_minute, 600);
}

#[tokio::test]
async fn stopping_waits_for_a_change_whose_client_has_left() {
    let mut bench = Bench::start().await;
    leave_while_changing(&bench).await;
    bench.stop.take().unwrap().send(()).unwrap();
    bench.store.gate.add_permits(1000);
    bench.server.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(bench.store.audit().len(), 1);
    assert_eq!(bench.directory.snapshot().tiers["pro"].rate_per_minute, 600);
}

#[tokio::test]
async fn what_the_store_refuses_is_not_in_force() {
    let bench = Bench::with_client().await;
    let made = bench.post("/clients/Acme/keys", json!({ "environment": "live" })).await.ok(201);
    bench.store.fails.store(true, SeqCst);
    let before = bench.get("/clients/Acme").await.ok(200);
    let path = format!("/keys/{}/revoke", made["id"].as_str().unwrap());
    bench.call("POST", &path, None).await.refused(503, &["nothing was changed", "the disk is full"]);
    bench.delete("/clients/Acme").await.refused(503, &["nothing was changed"]);
    bench.get("/audit").await.refused(503, &["the disk is full"]);
    assert_eq!(bench.get("/clients/Acme").await.ok(200), before);
    assert_eq!(bench.get("/clients/Acme/keys").await.ok(200)["keys"][0]["state"], "active");
    bench.store.fails.store(false, SeqCst);
    bench.call("POST", &path, None).await.ok(200);
    // The numbers of the failed changes are not given again.
    assert_eq!(bench.store.audit().last().unwrap().id.0, 47);
}

#[tokio::test]
async fn changes_at_the_same_time_do_not_undo_each_other() {
    let bench = Bench::with_client().await;
    let scopes: Vec<String> = (0..20).map(|n| format!("extra:{n}")).collect();
    let mut calls = tokio::task::JoinSet::new();
    for scope in &scopes {
        let request = bench.request("PATCH", "/clients/Acme", Some(json!({ "add_scopes": [scope] })));
        let address = bench.address;
        calls.spawn(async move { super::bench::send(address, &request).await.ok(200) });
    }
    calls.join_all().await;
    let has = bench.directory.find_client_named("Acme").unwrap().record.scopes.clone();
    assert!(scopes.iter().all(|scope| has.contains(scope)), "{has:?}");
}

#[tokio::test]
async fn every_mutation_leaves_one_entry_and_no_secret() {
    let bench = Bench::with_client().await;
    let key = bench.post("/clients/Acme/keys", json!({ "environment": "live" })).await.ok(201);
    let oauth = bench.post("/clients/Acme/oauth", json!({ "environment": "live" })).await.ok(201);
    let (key_id, oauth_id) = (key["id"].as_str().unwrap(), oauth["client_id"].as_str().unwrap());
    let target = json!({ "target": { "kind": "platform" } });
    let live = json!({ "environment": "live" });
    let grace = json!({ "grace_seconds": 60 });
    let mut secrets = vec![key["key"].clone(), oauth["client_secret"].clone()];
    let table = [
        ("PUT", "/tiers/pro".to_owned(), json!({ "rate_per_minute": 1 }), "tier.put"),
        ("PATCH", "/clients/Acme".to_owned(), json!({ "tier": "pro" }), "client.update"),
        ("POST", "/clients/Acme/suspend".to_owned(), json!({}), "client.suspend"),
        ("POST", "/clients/Acme/resume".to_owned(), json!({}), "client.resume"),
        ("POST", "/clients/Acme/keys".to_owned(), live.clone(), "key.create"),
        ("POST", format!("/keys/{key_id}/rotate"), grace.clone(), "key.rotate"),
        ("POST", format!("/keys/{key_id}/revoke"), json!({}), "key.revoke"),
        ("POST", "/clients/Acme/oauth".to_owned(), live, "oauth.create"),
        ("POST", format!("/oauth/{oauth_id}/rotate"), grace, "oauth.rotate"),
        ("POST", format!("/oauth/{oauth_id}/revoke"), json!({}), "oauth.revoke"),
        (
            "POST",
            "/tokens/revoke".to_owned(),
            json!({ "token_id": "4fQ2bN8xKpL0a1b2c3d4e5" }),
            "token.revoke",
        ),
        ("POST", "/tokens/revoke".to_owned(), json!({ "client": "Acme" }), "client.revoke_tokens"),
        ("POST", "/apis".to_owned(), shop(&json!({})), "api.import"),
        ("POST", "/switches".to_owned(), target.clone(), "switch.off"),
        ("POST", "/switches/on".to_owned(), target, "switch.on"),
        ("DELETE", "/apis?base=/v1".to_owned(), json!({}), "api.remove"),
        ("DELETE", "/clients/Acme".to_owned(), json!({}), "client.delete"),
        ("POST", "/secrets/rotate".to_owned(), json!({ "what": "pepper" }), "secret.rotate"),
        ("POST", "/secrets/rotate".to_owned(), json!({ "what": "sealing" }), "secret.rotate"),
    ];
    for (method, path, body, action) in table {
        let before = bench.store.audit().len();
        let answer = bench.call(method, &path, Some(body)).await;
        assert!(matches!(answer.status, 200 | 201), "{path}: {}", answer.text);
        secrets.extend([answer.body["key"].clone(), answer.body["client_secret"].clone()]);
        let new = bench.store.audit().split_off(before);
        let told: Vec<_> = new.iter().map(|entry| (entry.actor.as_str(), entry.action.as_str())).collect();
        assert_eq!(told, [("operator", action)], "{path}");
    }
    let stored = format!("{:?}", bench.store.applied.lock().unwrap());
    let secrets: Vec<&str> = secrets.iter().filter_map(|secret| secret.as_str()).collect();
    assert_eq!(secrets.len(), 6);
    assert!(secrets.iter().all(|secret| !stored.contains(secret)));
}

#[tokio::test]
async fn an_import_that_the_store_refuses_leaves_the_old_one() {
    let bench = Bench::start().await;
    bench.post("/apis", shop(&json!({}))).await.ok(201);
    let before = bench.directory.find_api("/v1");
    bench.store.fails.store(true, SeqCst);
    let other = shop(&json!({ "upstream": "http://192.0.2.99" }));
    bench.post("/apis", other).await.refused(503, &["nothing was changed"]);
    assert_eq!(bench.directory.find_api("/v1"), before);
}
