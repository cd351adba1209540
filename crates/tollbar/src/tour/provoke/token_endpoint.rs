//! `POST {base}/oauth/token`.

use anyhow::Result;
use serde_json::json;
use tollbar_contract::Stage;

use crate::tour::{
    attempt::{Attempt, Outcome},
    scene::{Oauth, Partner, Scene},
    wire::{Call, Reply},
};

pub(super) fn grant(scene: &Scene) -> Result<Attempt> {
    let (_, oauth) = holder(scene, "old-habits")?;
    let reply = ask(scene, &oauth, &[("grant_type", "password")])?;
    let did = "Asked for a token with grant_type=password.";
    // The grant is looked at before the client is.
    Ok(Attempt::new(Outcome::RefusedByOwnRoute(Stage::Http), did, reply).with_secret(&oauth.secret))
}

pub(super) fn client(scene: &Scene) -> Result<Attempt> {
    let (_, oauth) = holder(scene, "wrong-secret")?;
    let reply = ask(scene, &oauth, &[("client_secret", "open-sesame")])?;
    let did = "Asked for a token with a wrong client_secret.";
    let attempt = Attempt::new(Outcome::RefusedByOwnRoute(Stage::Known), did, reply);
    // Only who used Basic is challenged.
    Ok(attempt.with_secret("open-sesame").header("www-authenticate", None))
}

pub(super) fn scope(scene: &Scene) -> Result<Attempt> {
    let (partner, oauth) = holder(scene, "big-eyes")?;
    let reply = ask(scene, &oauth, &[("scope", "tracking:read reports:read")])?;
    let did = "Asked for a token with a scope that the client does not have.";
    let attempt = Attempt::new(Outcome::RefusedByOwnRoute(Stage::Scope), did, reply).by(&partner);
    Ok(attempt.with_secret(&oauth.secret).saying("reports:read"))
}

fn holder(scene: &Scene, name: &str) -> Result<(Partner, Oauth)> {
    let partner = scene.partner(name, &json!({ "scopes": ["tracking:read"] }))?;
    let oauth = scene.oauth(&partner, "live")?;
    Ok((partner, oauth))
}

fn ask(scene: &Scene, oauth: &Oauth, fields: &[(&str, &str)]) -> Result<Reply> {
    Call::form("/v1/oauth/token", &oauth.form(fields)).send(scene.gateway)
}
