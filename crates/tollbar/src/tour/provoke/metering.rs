//! How much, and how fast? Stages 13 and 16.

use anyhow::Result;
use serde_json::json;
use tollbar_contract::Stage;

use crate::tour::{attempt::Attempt, scene::Scene, wire::Call};

pub(super) fn rate(scene: &Scene) -> Result<Attempt> {
    scene.set_tier("snail", 3)?;
    let partner = scene.partner("eager-beaver", &json!({ "tier": "snail" }))?;
    let (_, second_key) = scene.key(&partner.id, &json!({ "environment": "live" }))?;
    let call = |key: &str| Call::get("/v1/shipments").key(key).send(scene.gateway);
    let before = [call(&partner.key)?, call(&second_key)?, call(&partner.key)?];
    let reply = call(&second_key)?;
    let left: Vec<_> = before.iter().map(|reply| reply.number("x-ratelimit-remaining")).collect();
    let did = "Sent 4 requests with 2 keys in a tier of 3 a minute.";
    let attempt = Attempt::refused(Stage::Rate, did, reply).by(&partner).with_secret(&second_key).sent(3);
    let fault = format!("X-RateLimit-Remaining went {left:?}, not 2, 1, 0");
    Ok(attempt.expect(left == [Some(2), Some(1), Some(0)], fault).header("x-ratelimit-limit", Some("3")))
}

pub(super) fn allowance(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("small-budget", &json!({ "allowance": 2 }))?;
    let call = || Call::get("/v1/shipments").key(&partner.key).send(scene.gateway);
    let before = [call()?, call()?];
    let reply = call()?;
    let left: Vec<_> = before.iter().map(|reply| reply.number("x-allowance-remaining")).collect();
    let used = scene.used(&partner)?;
    let attempt =
        Attempt::refused(Stage::Allowance, "Sent 3 requests with an allowance of 2 a month.", reply);
    let attempt = attempt.by(&partner).sent(2).header("x-allowance-limit", Some("2"));
    let fault = format!("X-Allowance-Remaining went {left:?}, not 1, 0");
    let attempt = attempt.expect(left == [Some(1), Some(0)], fault);
    Ok(attempt.expect(used == Some(2), format!("{used:?} requests were charged, not 2")))
}
