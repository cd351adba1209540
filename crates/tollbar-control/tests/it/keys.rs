use serde_json::json;
use tollbar_core::{admission, api_key::checksum_is_right, presented::Presented};

use super::bench::Bench;

#[tokio::test]
async fn a_key_is_shown_once_and_works() {
    let bench = Bench::with_client().await;
    let asked = json!({ "environment": "sandbox", "scopes": ["orders:read"], "expires_at": "2026-12-01" });
    let made = bench.post("/clients/Acme/keys", asked).await.ok(201);
    let key = made["key"].as_str().unwrap();
    assert!(key.starts_with("acme_sandbox_") && checksum_is_right(key.as_bytes()));
    assert!(key.starts_with(made["hint"].as_str().unwrap().trim_end_matches("...")));
    assert_eq!(made["expires_at"], "2026-12-01T00:00:00.000Z");
    assert_eq!(made["scopes"], json!(["orders:read"]));
    let now = tollbar_core::Clock::now(&*bench.clock);
    let known = admission::authenticate(&bench.directory, &Presented::ApiKey(key.as_bytes()), &|_| None, now)
        .unwrap();
    assert_eq!(known.credential_id(), made["id"].as_str().unwrap());
    let listed = bench.get("/clients/Acme/keys").await;
    assert!(!listed.text.contains(key));
    let listed = listed.ok(200);
    assert_eq!(listed["keys"][0]["state"], "active");
    assert_eq!(listed["keys"][0]["client"], bench.get("/clients/Acme").await.ok(200)["id"]);
    assert_eq!(listed["keys"][0]["revoked_at"], json!(null));
    let everything = format!("{:?}", bench.store.applied.lock().unwrap());
    assert!(!everything.contains(key), "neither the store nor the audit trail has it");
}

#[tokio::test]
async fn keys_that_cannot_be_are_refused() {
    let bench = Bench::with_client().await;
    for (asked, words) in [
        (json!({ "environment": "prod" }), vec!["`prod`", "`live` or `sandbox`"]),
        (json!({}), vec!["missing field `environment`"]),
        (
            json!({ "environment": "live", "scopes": ["admin"] }),
            vec!["Acme does not have admin", "orders:read"],
        ),
        (json!({ "environment": "live", "scopes": [] }), vec!["empty"]),
        (json!({ "environment": "live", "expires_at": "soon" }), vec!["expires_at", "`soon` is not a time"]),
        (json!({ "environment": "live", "expires_at": "2026-11-22" }), vec!["has passed"]),
        (json!({ "environment": "live", "note": 1 }), vec!["unknown field `note`"]),
    ] {
        bench.post("/clients/Acme/keys", asked).await.refused(400, &words);
    }
    bench.post("/clients/Nobody/keys", json!({ "environment": "live" })).await.refused(404, &["Nobody"]);
    bench.get("/clients/Nobody/keys").await.refused(404, &["Nobody"]);
    assert!(bench.get("/clients/Acme/keys").await.ok(200)["keys"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn rotation_leaves_a_grace_period_and_keeps_everything_else() {
    let bench = Bench::with_client().await;
    let asked = json!({ "environment": "live", "scopes": ["orders:read"], "expires_at": "2027-01-01" });
    let old = bench.post("/clients/Acme/keys", asked).await.ok(201);
    let id = old["id"].as_str().unwrap();
    let before = bench.store.audit().len();
    let new = bench.post(&format!("/keys/{id}/rotate"), json!({ "grace_seconds": 3600 })).await.ok(201);
    assert_eq!(bench.store.audit().len(), before + 1, "both keys in one change");
    assert_eq!(new["replaces"], json!({ "id": id, "revoked_at": "2026-11-22T10:00:00.000Z" }));
    for same in ["environment", "scopes", "expires_at"] {
        assert_eq!(new[same], old[same]);
    }
    assert_ne!(new["key"], old["key"]);
    let first_state = bench.get("/clients/Acme/keys").await.ok(200)["keys"].clone();
    assert!(first_state.as_array().unwrap().iter().any(|key| key["id"] == id && key["state"] == "grace"));
    // An earlier end stays.
    let again = bench.post(&format!("/keys/{id}/rotate"), json!({ "grace_seconds": 7200 })).await.ok(201);
    assert_eq!(again["replaces"]["revoked_at"], "2026-11-22T10:00:00.000Z");
    bench.advance(3600);
    bench
        .post(&format!("/keys/{id}/rotate"), json!({ "grace_seconds": 0 }))
        .await
        .refused(409, &["is revoked since"]);
    bench.post(&format!("/keys/{id}/rotate"), json!({})).await.refused(400, &["grace_seconds"]);
    let new_id = new["id"].as_str().unwrap();
    bench
        .post(&format!("/keys/{new_id}/rotate"), json!({ "grace_seconds": 99_999_999_999_u64 }))
        .await
        .refused(400, &["366 days"]);
    bench.advance(60 * 86_400);
    bench
        .post(&format!("/keys/{new_id}/rotate"), json!({ "grace_seconds": 0 }))
        .await
        .refused(409, &["expired"]);
    let states = bench.get("/clients/Acme/keys").await.ok(200);
    let of = |id: &str| {
        states["keys"].as_array().unwrap().iter().find(|key| key["id"] == id).unwrap()["state"].clone()
    };
    assert_eq!((of(id), of(new_id)), (json!("revoked"), json!("expired")));
}

#[tokio::test]
async fn revoking_is_at_once_and_for_ever() {
    let bench = Bench::with_client().await;
    let made = bench.post("/clients/Acme/keys", json!({ "environment": "live" })).await.ok(201);
    let path = format!("/keys/{}/revoke", made["id"].as_str().unwrap());
    let view = bench.call("POST", &path, None).await.ok(200);
    assert_eq!(
        (&view["state"], &view["revoked_at"]),
        (&json!("revoked"), &json!("2026-11-22T09:00:00.000Z"))
    );
    bench.advance(60);
    assert_eq!(bench.call("POST", &path, None).await.ok(200)["revoked_at"], "2026-11-22T09:00:00.000Z");
    assert_eq!(bench.store.audit().iter().filter(|entry| entry.action == "key.revoke").count(), 1);
    // Somebody who puts in the key itself must not find it in the answer.
    let key = made["key"].as_str().unwrap();
    let message = bench.call("POST", &format!("/keys/{key}/revoke"), None).await.refused(404, &["key_"]);
    assert!(!message.contains(key));
    let help = "`tollbar key list CLIENT` (GET /admin/v1/clients/{client}/keys) lists them";
    bench
        .call("POST", "/keys/key_00000000000/revoke", None)
        .await
        .refused(404, &["no key key_00000000000;", help]);
}

#[tokio::test]
async fn a_key_in_its_grace_period_can_be_revoked_at_once() {
    let bench = Bench::with_client().await;
    let made = bench.post("/clients/Acme/keys", json!({ "environment": "live" })).await.ok(201);
    let id = made["id"].as_str().unwrap();
    bench.post(&format!("/keys/{id}/rotate"), json!({ "grace_seconds": 3600 })).await.ok(201);
    bench.advance(10);
    let view = bench.call("POST", &format!("/keys/{id}/revoke"), None).await.ok(200);
    assert_eq!(
        (&view["state"], &view["revoked_at"]),
        (&json!("revoked"), &json!("2026-11-22T09:00:10.000Z"))
    );
}

#[tokio::test]
async fn the_keys_of_a_deleted_client_are_shown_as_revoked() {
    let bench = Bench::with_client().await;
    let made = bench.post("/clients/Acme/keys", json!({ "environment": "live" })).await.ok(201);
    let client = bench.delete("/clients/Acme").await.ok(200)["id"].as_str().unwrap().to_owned();
    assert_eq!(bench.get(&format!("/clients/{client}/keys")).await.ok(200)["keys"][0]["state"], "revoked");
    let id = made["id"].as_str().unwrap();
    bench.post(&format!("/keys/{id}/rotate"), json!({ "grace_seconds": 0 })).await.refused(409, &["deleted"]);
}
