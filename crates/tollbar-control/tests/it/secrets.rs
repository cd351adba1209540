//! Rotation of the platform's own secrets, and the end of the old ones.

use serde_json::{Value, json};
use tollbar_core::{PolicyChange, Timestamp, secret::keyring::SecretKind, token::new_signing_key};

use super::bench::{Bench, START};

impl Bench {
    async fn rotate(&self, what: &str, dry_run: bool) -> Value {
        let answer = self.post("/secrets/rotate", json!({ "what": what, "dry_run": dry_run })).await.ok(200);
        assert_eq!((&answer["what"], &answer["dry_run"]), (&json!(what), &json!(dry_run)));
        answer
    }

    /// Id and state of each secret of a kind.
    async fn secrets(&self, what: &str) -> Vec<(String, String)> {
        let all = self.get("/secrets").await.ok(200);
        let of_kind = all["secrets"].as_array().unwrap().iter().filter(|secret| secret["what"] == what);
        let text = |secret: &Value, field: &str| secret[field].as_str().unwrap().to_owned();
        of_kind.map(|secret| (text(secret, "id"), text(secret, "state"))).collect()
    }

    async fn new_key(&self, body: Value) -> (String, String) {
        let made = self.post("/clients/Acme/keys", body).await.ok(201);
        (made["id"].as_str().unwrap().to_owned(), made["key"].as_str().unwrap().to_owned())
    }

    fn knows(&self, key: &str) -> bool {
        self.directory.find_presented_key(key.as_bytes()).is_some()
    }

    fn put_signing_key(&self) -> String {
        let now = Timestamp::parse(START).unwrap();
        let record = new_signing_key(&self.directory.secrets, now, 3600).unwrap();
        self.directory.apply(PolicyChange::PutSigningKey(record.clone())).unwrap();
        record.id
    }
}

fn states(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(id, state)| ((*id).to_owned(), (*state).to_owned())).collect()
}

#[tokio::test]
async fn what_can_be_rotated_is_said_and_nothing_else_is() {
    let bench = Bench::start().await;
    let rotate = async |what: &str| bench.post("/secrets/rotate", json!({ "what": what })).await;
    rotate("master").await.refused(409, &["tollbar secret rotate master", "stopped"]);
    for wrong in ["", "request-ids", "Pepper", "tb_live_abc"] {
        let told = rotate(wrong).await.refused(400, &["signing-key, pepper, sealing"]);
        assert!(wrong.len() < 6 || !told.contains(wrong), "{told}");
    }
    bench.post("/secrets/rotate", json!({})).await.refused(400, &["what"]);
    bench.post("/secrets/rotate", json!({ "what": "pepper", "value": "x" })).await.refused(400, &["value"]);
    assert_eq!(bench.store.audit(), []);
}

#[tokio::test]
async fn a_dry_run_changes_nothing_and_tells_the_same() {
    let bench = Bench::with_client().await;
    bench.put_signing_key();
    let (_, key) = bench.new_key(json!({ "environment": "live" })).await;
    let before =
        (bench.store.audit(), bench.get("/secrets").await.ok(200), bench.directory.secrets.stamp(b"x"));
    for what in ["signing-key", "pepper", "sealing"] {
        let (first, second) = (bench.rotate(what, true).await, bench.rotate(what, true).await);
        assert_eq!((&first, &first["new"]), (&second, &Value::Null));
        let after =
            (bench.store.audit(), bench.get("/secrets").await.ok(200), bench.directory.secrets.stamp(b"x"));
        assert_eq!(after, before, "{what}");
    }
    for what in ["signing-key", "pepper", "sealing"] {
        let told = bench.rotate(what, true).await;
        let done = bench.rotate(what, false).await;
        for same in ["old", "honoured_until", "summary"] {
            assert_eq!(told[same], done[same], "{what}");
        }
        assert_ne!((&done["new"], &done["new"]), (&Value::Null, &done["old"]));
        let entry = bench.store.audit().pop().unwrap();
        assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("operator", "secret.rotate"));
        assert_eq!(entry.subject, what);
        assert!(entry.detail.contains(done["new"].as_str().unwrap()), "{}", entry.detail);
    }
    assert!(bench.knows(&key));
}

#[tokio::test]
async fn an_old_pepper_goes_when_the_last_key_under_it_has_ended() {
    let bench = Bench::with_client().await;
    let (_, short) =
        bench.new_key(json!({ "environment": "live", "expires_at": "2026-11-22T09:01:00Z" })).await;
    let (_, long) =
        bench.new_key(json!({ "environment": "live", "expires_at": "2026-11-22T10:00:00Z" })).await;
    let rotated = bench.rotate("pepper", false).await;
    assert_eq!((&rotated["old"], &rotated["new"]), (&json!("pepper-1"), &json!("pepper-2")));
    assert_eq!(rotated["honoured_until"], "2026-11-22T10:00:00.000Z");
    let (_, new) = bench.new_key(json!({ "environment": "live" })).await;
    let ids = |record: &tollbar_core::KeyRecord| record.pepper_id;
    let stored = |key: &str| ids(&bench.directory.find_presented_key(key.as_bytes()).unwrap());
    assert_eq!((stored(&short), stored(&long), stored(&new)), (1, 1, 2));
    for (seconds, is_kept) in [(0, true), (60, true), (3539, true), (1, false)] {
        bench.advance(seconds);
        bench.control.drop_unneeded_secrets().await;
        assert_eq!((bench.knows(&long), bench.knows(&new)), (is_kept, true));
    }
    assert_eq!(bench.secrets("pepper").await, states(&[("pepper-2", "current")]));
    let entry = bench.store.audit().pop().unwrap();
    assert_eq!((entry.actor.as_str(), entry.action.as_str()), ("tollbar", "secret.drop"));
    assert_eq!(entry.subject, "pepper-1");
    let last = bench.store.applied.lock().unwrap().pop().unwrap().0;
    assert_eq!(last, [PolicyChange::DropSecret { kind: SecretKind::Pepper, id: 1 }]);
    bench.control.drop_unneeded_secrets().await;
    assert_eq!(bench.rotate("pepper", false).await["new"], "pepper-3", "a number is not given twice");
}

#[tokio::test]
async fn a_revoked_key_keeps_its_pepper_for_ever() {
    let bench = Bench::with_client().await;
    let (id, key) =
        bench.new_key(json!({ "environment": "live", "expires_at": "2026-11-22T09:01:00Z" })).await;
    bench.rotate("pepper", false).await;
    assert_eq!(bench.secrets("pepper").await, states(&[("pepper-2", "current"), ("pepper-1", "honoured")]));
    bench.post(&format!("/keys/{id}/revoke"), json!({})).await.ok(200);
    for _ in 0..3 {
        bench.control.drop_unneeded_secrets().await;
        bench.advance(86_400);
    }
    assert!(bench.knows(&key));
    assert_eq!(bench.secrets("pepper").await, states(&[("pepper-2", "current"), ("pepper-1", "tombstones")]));
}

#[tokio::test]
async fn an_oauth_secret_holds_its_pepper_until_it_is_rotated() {
    let bench = Bench::with_client().await;
    let made = bench.post("/clients/Acme/oauth", json!({ "environment": "live" })).await.ok(201);
    let id = made["client_id"].as_str().unwrap();
    let told = bench.rotate("pepper", false).await;
    assert!(told["summary"].as_str().unwrap().contains("1 has no end"), "{told}");
    bench.control.drop_unneeded_secrets().await;
    assert_eq!(bench.secrets("pepper").await.len(), 2);
    bench.post(&format!("/oauth/{id}/rotate"), json!({ "grace_seconds": 5 })).await.ok(200);
    for (seconds, kept) in [(4, 2), (6, 1)] {
        bench.advance(seconds);
        bench.control.drop_unneeded_secrets().await;
        assert_eq!(bench.secrets("pepper").await.len(), kept, "after {seconds} s");
    }
}

#[tokio::test]
async fn an_old_sealing_key_goes_when_the_last_answer_under_it_has_ended() {
    let bench = Bench::start().await;
    let kid = bench.put_signing_key();
    let sealed = bench.directory.secrets.seal(b"slot", b"answer");
    // A record that is kept longer than the present setting says.
    let last = Timestamp::parse("2027-06-01").unwrap();
    *bench.store.last_answer_ends.lock().unwrap() = Some(last);
    let rotated = bench.rotate("sealing", false).await;
    assert_eq!(rotated["honoured_until"], "2027-06-01T00:00:00.000Z");
    assert_eq!(bench.directory.signing_keys().records().next().unwrap().id, kid);
    let opens = || bench.directory.secrets.open(b"slot", &sealed).is_ok();
    bench.control.drop_unneeded_secrets().await;
    assert!(opens());
    bench.advance(last.as_seconds() - Timestamp::parse(START).unwrap().as_seconds() - 1);
    bench.control.drop_unneeded_secrets().await;
    assert!(opens());
    bench.advance(1);
    bench.control.drop_unneeded_secrets().await;
    assert!(!opens());
    assert_eq!(bench.secrets("sealing").await, states(&[("sealing-2", "current")]));
    // The signing key was sealed anew: it still opens, also from the store.
    let record = bench.directory.signing_keys().records().next().unwrap().clone();
    bench.directory.apply(PolicyChange::PutSigningKey(record)).unwrap();
    *bench.store.last_answer_ends.lock().unwrap() = None;
    let rotated = bench.rotate("sealing", true).await;
    assert_ne!(rotated["honoured_until"], Value::Null, "answers may be under way");
}

#[tokio::test]
async fn what_the_store_refuses_is_not_in_force() {
    let bench = Bench::with_client().await;
    bench.put_signing_key();
    let before = (bench.get("/secrets").await.ok(200), bench.directory.secrets.stamp(b"x"));
    bench.store.fails.store(true, std::sync::atomic::Ordering::SeqCst);
    for what in ["signing-key", "pepper", "sealing"] {
        bench.post("/secrets/rotate", json!({ "what": what })).await.refused(503, &["nothing was changed"]);
    }
    assert_eq!((bench.get("/secrets").await.ok(200), bench.directory.secrets.stamp(b"x")), before);
}

#[tokio::test]
async fn there_is_an_end_to_peppers() {
    let bench = Bench::with_client().await;
    for _ in 1..32 {
        bench.rotate("pepper", false).await;
    }
    bench.post("/secrets/rotate", json!({ "what": "pepper" })).await.refused(409, &["32", "secret list"]);
    bench.control.drop_unneeded_secrets().await;
    assert_eq!(bench.secrets("pepper").await, states(&[("pepper-32", "current")]));
    bench.rotate("pepper", false).await;
}
