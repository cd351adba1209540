use serde_json::json;
use tollbar_core::Timestamp;

use super::bench::Bench;

#[tokio::test]
async fn a_credential_is_created_rotated_and_revoked() {
    let bench = Bench::with_client().await;
    let made = bench.post("/clients/Acme/oauth", json!({ "environment": "live" })).await.ok(201);
    let id = made["client_id"].as_str().unwrap().to_owned();
    let first = made["client_secret"].as_str().unwrap().to_owned();
    assert!(id.starts_with("oc_") && first.starts_with("acme_secret_"));
    assert_eq!(
        (&made["created_at"], &made["token_url"]),
        (&json!("2026-11-22T09:00:00.000Z"), &json!("http://127.0.0.1:8080/v1/oauth/token"))
    );
    let rotated = bench.post(&format!("/oauth/{id}/rotate"), json!({ "grace_seconds": 60 })).await.ok(200);
    assert_eq!(rotated["client_id"], id);
    assert_eq!(rotated["old_valid_until"], "2026-11-22T09:01:00.000Z");
    let stored = bench.directory.find_oauth(id.parse().unwrap()).unwrap();
    assert_eq!(stored.secrets.len(), 2);
    assert_eq!(stored.secrets[0].valid_until, None);
    assert_eq!(stored.secrets[1].digest, bench.directory.secrets.credential_digest(first.as_bytes()));
    // Without a grace every older secret ends at once.
    let last = bench.call("POST", &format!("/oauth/{id}/rotate"), None).await.ok(200);
    assert_eq!(last["old_valid_until"], json!(null));
    assert_eq!(bench.directory.find_oauth(id.parse().unwrap()).unwrap().secrets.len(), 1);
    let everything = format!("{:?}", bench.store.applied.lock().unwrap());
    assert!(!everything.contains(&first) && !everything.contains(last["client_secret"].as_str().unwrap()));
    let view = bench.call("POST", &format!("/oauth/{id}/revoke"), None).await.ok(200);
    assert_eq!((&view["state"], &view["client_id"]), (&json!("revoked"), &json!(id)));
    bench.call("POST", &format!("/oauth/{id}/revoke"), None).await.ok(200);
    bench.call("POST", &format!("/oauth/{id}/rotate"), None).await.refused(409, &["revoked"]);
    let listed = bench.get("/clients/Acme/oauth").await.ok(200);
    assert_eq!(listed["credentials"], json!([view]));
    let actions: Vec<String> = bench.store.audit().into_iter().skip(2).map(|entry| entry.action).collect();
    assert_eq!(actions, ["oauth.create", "oauth.rotate", "oauth.rotate", "oauth.revoke"]);
}

#[tokio::test]
async fn the_token_url_is_that_of_the_environment_and_of_the_first_api() {
    let bench = Bench::with_client().await;
    let table = [
        (None, "sandbox", "http://127.0.0.1:8080/sandbox/v1/oauth/token"),
        (Some("/v3"), "live", "http://127.0.0.1:8080/v3/oauth/token"),
        (Some("/v2/orders"), "sandbox", "http://127.0.0.1:8080/sandbox/v2/orders/oauth/token"),
    ];
    for (base, environment, expected) in table {
        if let Some(base) = base {
            bench.post("/apis", super::catalogue::shop(&json!({ "base": base }))).await.ok(201);
        }
        let made = bench.post("/clients/Acme/oauth", json!({ "environment": environment })).await.ok(201);
        assert_eq!(made["token_url"], expected);
    }
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let bench = Bench::with_client().await;
    bench.post("/clients/Acme/oauth", json!({ "environment": "x" })).await.refused(400, &["`x`"]);
    bench.post("/clients/Nobody/oauth", json!({ "environment": "live" })).await.refused(404, &["Nobody"]);
    bench.get("/clients/Nobody/oauth").await.refused(404, &["Nobody"]);
    let help = "`tollbar oauth list CLIENT` (GET /admin/v1/clients/{client}/oauth) lists them";
    let message =
        bench.call("POST", "/oauth/acme_secret_x/rotate", None).await.refused(404, &["client_id", help]);
    assert!(!message.contains("acme_secret_x"), "{message}");
    bench
        .call("POST", "/oauth/oc_00000000000/revoke", None)
        .await
        .refused(404, &["the client_id oc_00000000000", help]);
    let made = bench.post("/clients/Acme/oauth", json!({ "environment": "live" })).await.ok(201);
    let rotate = format!("/oauth/{}/rotate", made["client_id"].as_str().unwrap());
    bench.post(&rotate, json!({ "grace": 1 })).await.refused(400, &["unknown field `grace`"]);
    for _ in 0..4 {
        bench.post(&rotate, json!({ "grace_seconds": 60 })).await.ok(200);
    }
    bench.post(&rotate, json!({ "grace_seconds": 60 })).await.refused(409, &["5 secrets"]);
    bench.post(&rotate, json!({ "grace_seconds": 0 })).await.ok(200);
}

#[tokio::test]
async fn tokens_are_revoked_singly_or_all() {
    let bench = Bench::with_client().await;
    let one = bench
        .post(
            "/tokens/revoke",
            json!({ "token_id": "4fQ2bN8xKpL0a1b2c3d4e5", "expires_at": "2026-11-22T10:00:00Z" }),
        )
        .await
        .ok(200);
    assert_eq!(
        one,
        json!({ "token_id": "4fQ2bN8xKpL0a1b2c3d4e5", "expires_at": "2026-11-22T10:00:00.000Z" })
    );
    assert_eq!(
        bench.directory.find_revoked_token("4fQ2bN8xKpL0a1b2c3d4e5"),
        Some(Some(tollbar_core::ChangeId(44)))
    );
    bench.post("/tokens/revoke", json!({ "token_id": "0000000000000000000001" })).await.ok(200);
    bench.directory.forget_expired_revocations(Timestamp::parse("2026-12-22").unwrap());
    assert!(bench.directory.find_revoked_token("4fQ2bN8xKpL0a1b2c3d4e5").is_none());
    assert!(
        bench.directory.find_revoked_token("0000000000000000000001").is_some(),
        "kept for longer than any token lives"
    );
    let all = bench.post("/tokens/revoke", json!({ "client": "Acme" })).await.ok(200);
    assert_eq!(
        (&all["name"], &all["tokens_valid_from"]),
        (&json!("Acme"), &json!("2026-11-22T09:00:00.001Z"))
    );
    for (asked, status, word) in [
        (json!({}), 400, "token_id"),
        (json!({ "token_id": "a", "client": "Acme" }), 400, "token_id"),
        (json!({ "client": "Acme", "expires_at": "2027-01-01" }), 400, "token_id"),
        (json!({ "token_id": "eyJ.eyJ.sig" }), 400, "`jti`"),
        (json!({ "token_id": "4fQ2bN8xKpL0a1b2c3d4e5f6" }), 400, "token_id: what was sent (24 characters)"),
        (json!({ "token_id": "oc_4fQ2bN8xKpL" }), 400, "22 letters and digits"),
        (json!({ "token_id": "4fQ2bN8xKpL0a1b2c3d4e5", "expires_at": "2026-01-01" }), 400, "has passed"),
        (json!({ "client": "Nobody" }), 404, "Nobody"),
    ] {
        bench.post("/tokens/revoke", asked).await.refused(status, &[word]);
    }
    let actions: Vec<String> = bench.store.audit().into_iter().skip(2).map(|entry| entry.action).collect();
    assert_eq!(actions, ["token.revoke", "token.revoke", "client.revoke_tokens"]);
}
