//! Is the request right, and what came of it? Stages 8, 12, 14, 15 and 17.

use anyhow::Result;
use serde_json::json;
use tollbar_contract::Stage;

use crate::tour::{
    attempt::{Attempt, Outcome},
    scene::Scene,
    wire::Call,
};

pub(super) fn switched_off(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("patient-poller", &json!({}))?;
    let call = || Call::get("/v1/tracking/LP-1002").key(&partner.key).send(scene.gateway);
    let target = json!({ "kind": "category", "name": "tracking" });
    let reply = scene.while_off(&target, || call().and_then(|_| call()))?;
    let did = "Called twice while the category tracking was switched off.";
    let attempt = Attempt::refused(Stage::Switch, did, reply).by(&partner).saying("Back at noon.");
    // Polling for the end of it costs no rate.
    Ok(attempt.header("x-ratelimit-remaining", Some("600")))
}

pub(super) fn conflict(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("copy-paste", &json!({}))?;
    let book = |weight_grams: u32| {
        let booking = json!({ "to": "Ines Duarte, Porto", "weight_grams": weight_grams });
        let call = Call::post("/v1/shipments", &booking).key(&partner.key);
        call.header("Idempotency-Key", "order-17").send(scene.gateway)
    };
    let (first, reply) = (book(400)?, book(500)?);
    let did = "Used an Idempotency-Key again, with another body.";
    let attempt = Attempt::refused(Stage::Idempotency, did, reply).by(&partner).sent(1);
    Ok(attempt.expect(first.status == 201, format!("the first booking was answered {}", first.status)))
}

pub(super) fn invalid(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("sloppy-script", &json!({}))?;
    let reply = Call::get("/v1/reports/volume?month=13").key(&partner.key).send(scene.gateway)?;
    let did = "Left a required parameter out, and gave another a wrong value.";
    Ok(Attempt::refused(Stage::Validity, did, reply).by(&partner).saying("year").saying("month"))
}

pub(super) fn broken_upstream(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("unlucky-caller", &json!({}))?;
    let reply = Call::get("/v1/reports/archive").key(&partner.key).send(scene.gateway)?;
    let used = scene.used(&partner)?;
    let attempt =
        Attempt::refused(Stage::Upstream, "Called an endpoint whose upstream hangs up in the middle.", reply);
    // What was charged is given back.
    let attempt = attempt.by(&partner).sent(1).header("x-allowance-remaining", Some("1000"));
    Ok(attempt.expect(used == Some(0), format!("{used:?} requests stay charged, not 0")))
}

pub(super) fn not_found(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("lost-tourist", &json!({}))?;
    let reply = Call::get("/v1/pigeons").key(&partner.key).send(scene.gateway)?;
    Ok(Attempt::refused(Stage::Endpoint, "Called a path that no endpoint has.", reply).by(&partner))
}

pub(super) fn method(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("heavy-hand", &json!({}))?;
    let reply = Call::get("/v1/shipments").method("DELETE").key(&partner.key).send(scene.gateway)?;
    let attempt =
        Attempt::refused(Stage::Endpoint, "Called a path with a method that it does not have.", reply);
    Ok(attempt.by(&partner).header("allow", Some("GET, POST, HEAD, OPTIONS")))
}

pub(super) fn rejected(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("piano-mover", &json!({}))?;
    let piano = json!({ "to": "Tomas Berg, Bergen", "weight_grams": 240_000 });
    let reply = Call::post("/v1/shipments", &piano).key(&partner.key).send(scene.gateway)?;
    let did = "Booked a parcel that the API itself finds too heavy (422).";
    Ok(Attempt::new(Outcome::UpstreamFailed, did, reply).by(&partner).saying("240000 g"))
}
