//! More ways in which a credential is not good enough: stages 2, 3, 4, 7 and 10.

use anyhow::Result;
use serde_json::json;
use tollbar_contract::Stage;

use crate::tour::{
    attempt::Attempt,
    scene::{FAILURES_PER_MINUTE, Scene},
    wire::Call,
};

const LIST: &str = "/v1/shipments";

pub(super) fn two_at_once(scene: &Scene) -> Result<Attempt> {
    let key = scene.partner("belt-and-braces", &json!({}))?.key;
    let reply = Call::get(LIST).key(&key).bearer("a.b.c").send(scene.gateway)?;
    let did = "Sent X-API-Key and Authorization together.";
    Ok(Attempt::refused(Stage::Presented, did, reply).with_secret(&key))
}

pub(super) fn foreign_token(scene: &Scene) -> Result<Attempt> {
    let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.";
    let reply = Call::get(LIST).bearer(token).send(scene.gateway)?;
    Ok(Attempt::refused(Stage::Presented, "Sent a token that this platform did not sign.", reply))
}

pub(super) fn expired_key(scene: &Scene) -> Result<Attempt> {
    scene.wait_for_ending();
    let (key, partner) = (&scene.ending.key, &scene.ending.partner);
    let reply = Call::get(LIST).key(key).send(scene.gateway)?;
    let attempt = Attempt::refused(Stage::Known, "Used an API key after its expiry date.", reply);
    Ok(attempt.by(partner).with_secret(key))
}

/// Failures are throttled by address; a valid credential never is.
pub(super) fn guessing(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("same-building", &json!({}))?;
    let guess = || Call::get(LIST).key("tb_live_perhapsthisone").send(scene.gateway);
    let mut reply = guess()?;
    for _ in 0..FAILURES_PER_MINUTE {
        if reply.status == 429 {
            break;
        }
        reply = guess()?;
    }
    let valid = Call::get(LIST).key(&partner.key).send(scene.gateway)?;
    let did = "Guessed keys until the address was throttled; a valid key still works.";
    let attempt = Attempt::refused(Stage::Known, did, reply).sent(1).with_secret(&partner.key);
    Ok(attempt.expect(valid.status == 200, format!("the valid key was answered {}", valid.status)))
}

pub(super) fn deleted_client(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("closed-shop", &json!({}))?;
    scene.delete_client(&partner.id)?;
    let reply = Call::get(LIST).key(&partner.key).send(scene.gateway)?;
    Ok(Attempt::refused(Stage::Revoked, "Used the key of a client that was deleted.", reply).by(&partner))
}

pub(super) fn revoked_credential(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("changed-locks", &json!({}))?;
    let oauth = scene.oauth(&partner, "live")?;
    let token = scene.token(&oauth)?;
    scene.change(&format!("/oauth/{}/revoke", oauth.id), &json!({}))?;
    let reply = Call::get(LIST).bearer(&token).send(scene.gateway)?;
    let did = "Used a token whose OAuth credential had been revoked.";
    Ok(Attempt::refused(Stage::Revoked, did, reply).by(&partner).with_secret(&token))
}

pub(super) fn all_tokens_revoked(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("clean-sweep", &json!({}))?;
    let token = scene.token(&scene.oauth(&partner, "live")?)?;
    scene.change("/tokens/revoke", &json!({ "client": partner.id }))?;
    let reply = Call::get(LIST).bearer(&token).send(scene.gateway)?;
    let did = "Used a token after all tokens of its client had been revoked.";
    Ok(Attempt::refused(Stage::Revoked, did, reply).by(&partner).with_secret(&token))
}

pub(super) fn sandbox_key_on_live(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("test-run", &json!({}))?;
    let reply = Call::get(LIST).key(&partner.sandbox_key).send(scene.gateway)?;
    Ok(Attempt::refused(Stage::Environment, "Used a sandbox key on live.", reply).by(&partner))
}

pub(super) fn live_token_on_sandbox(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("wrong-window", &json!({}))?;
    let token = scene.token(&scene.oauth(&partner, "live")?)?;
    let reply = Call::get("/sandbox/v1/shipments").bearer(&token).send(scene.gateway)?;
    let attempt = Attempt::refused(Stage::Environment, "Used a live token on the sandbox.", reply);
    Ok(attempt.by(&partner).with_secret(&token))
}

pub(super) fn narrow_key(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("careful-firm", &json!({}))?;
    let only_tracking = json!({ "environment": "live", "scopes": ["tracking:read"] });
    let (_, key) = scene.key(&partner.id, &only_tracking)?;
    let reply = Call::get(LIST).key(&key).send(scene.gateway)?;
    let attempt = Attempt::refused(Stage::Scope, "Used a key that has fewer scopes than its client.", reply);
    Ok(attempt.by(&partner).with_secret(&key).saying("shipments:read"))
}

pub(super) fn withdrawn_scope(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("smaller-plan", &json!({}))?;
    let token = scene.token(&scene.oauth(&partner, "live")?)?;
    scene.edit_client(&partner.id, &json!({ "remove_scopes": ["shipments:read"] }))?;
    let reply = Call::get(LIST).bearer(&token).send(scene.gateway)?;
    let did = "Used a token with a scope that was taken from the client since.";
    Ok(Attempt::refused(Stage::Scope, did, reply).by(&partner).with_secret(&token).saying("shipments:read"))
}
