//! Who are you, and may you be here? Stages 1 to 7.

use anyhow::Result;
use serde_json::json;
use tollbar_contract::Stage;

use crate::tour::{attempt::Attempt, scene::Scene, wire::Call};

const LIST: &str = "/v1/shipments";

pub(super) fn platform_disabled(scene: &Scene) -> Result<Attempt> {
    // Without credentials: what comes first answers first.
    let reply = scene.while_off(&json!({ "kind": "platform" }), || Call::get(LIST).send(scene.gateway))?;
    let did = "Called while the operator had switched the platform off.";
    Ok(Attempt::refused(Stage::Platform, did, reply).saying("Back at noon."))
}

pub(super) fn missing(scene: &Scene) -> Result<Attempt> {
    let reply = Call::get(LIST).send(scene.gateway)?;
    Ok(Attempt::refused(Stage::Presented, "Called without any credential.", reply))
}

pub(super) fn malformed(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("odd-spelling", &json!({}))?;
    let token = scene.token(&scene.oauth(&partner, "live")?)?;
    // Nothing is wrong with the token.
    let reply = Call::get(LIST).header("Authorization", &format!("Digest {token}")).send(scene.gateway)?;
    let did = "Sent a good token as Authorization: Digest, where Bearer belongs.";
    Ok(Attempt::refused(Stage::Presented, did, reply).with_secret(&token))
}

pub(super) fn invalid_key(scene: &Scene) -> Result<Attempt> {
    let key = scene.partner("tipsy-typist", &json!({}))?.key;
    let (rest, last) = key.split_at(key.len() - 1);
    let mistyped = format!("{rest}{}", if last == "0" { "1" } else { "0" });
    let reply = Call::get(LIST).key(&mistyped).send(scene.gateway)?;
    let did = "Mistyped one character of an API key.";
    Ok(Attempt::refused(Stage::Known, did, reply).with_secret(&key).with_secret(&mistyped))
}

pub(super) fn expired_token(scene: &Scene) -> Result<Attempt> {
    scene.wait_for_ending();
    let (token, partner) = (&scene.ending.token, &scene.ending.partner);
    let reply = Call::get(LIST).bearer(token).send(scene.gateway)?;
    let challenge = Some("Bearer realm=\"api\", error=\"invalid_token\"");
    let did = "Used a Bearer token after its time.";
    let attempt = Attempt::refused(Stage::Known, did, reply).by(partner).with_secret(token);
    Ok(attempt.header("www-authenticate", challenge))
}

pub(super) fn revoked_key(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("lost-laptop", &json!({}))?;
    scene.change(&format!("/keys/{}/revoke", partner.key_id), &json!({}))?;
    let reply = Call::get(LIST).key(&partner.key).send(scene.gateway)?;
    Ok(Attempt::refused(Stage::Revoked, "Used an API key that had been revoked.", reply).by(&partner))
}

pub(super) fn revoked_token(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("second-thoughts", &json!({}))?;
    let oauth = scene.oauth(&partner, "live")?;
    let token = scene.token(&oauth)?;
    let revoked = Call::form("/v1/oauth/revoke", &oauth.form(&[("token", &token)])).send(scene.gateway)?;
    let reply = Call::get(LIST).bearer(&token).send(scene.gateway)?;
    let attempt = Attempt::refused(Stage::Revoked, "Revoked a Bearer token, then used it.", reply);
    let fault = format!("POST /v1/oauth/revoke answered {}", revoked.status);
    Ok(attempt.by(&partner).with_secret(&token).expect(revoked.status == 200, fault))
}

pub(super) fn suspended(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("unpaid-bills", &json!({}))?;
    scene.change(&format!("/clients/{}/suspend", partner.id), &json!({}))?;
    let reply = Call::get(LIST).key(&partner.key).send(scene.gateway)?;
    Ok(Attempt::refused(Stage::Standing, "Called as a client that is suspended.", reply).by(&partner))
}

pub(super) fn address(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("fixed-office", &json!({ "allow_ips": ["203.0.113.0/24"] }))?;
    // Whatever the caller says of itself.
    let call = Call::get(LIST).key(&partner.key).header("X-Forwarded-For", "203.0.113.7");
    let did = "Called from an address that is not on the client's list.";
    Ok(Attempt::refused(Stage::Address, did, call.send(scene.gateway)?).by(&partner))
}

pub(super) fn environment(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("wrong-door", &json!({}))?;
    let reply = Call::get("/sandbox/v1/shipments").key(&partner.key).send(scene.gateway)?;
    Ok(Attempt::refused(Stage::Environment, "Used a live key on the sandbox.", reply).by(&partner))
}
