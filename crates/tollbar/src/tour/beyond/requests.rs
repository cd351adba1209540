//! More that can be wrong with a request, or behind it: stages 0, 12, 15 and 17.

use anyhow::Result;
use serde_json::json;
use tollbar_contract::Stage;

use crate::tour::{
    attempt::{Attempt, Outcome},
    scene::Scene,
    wire::{Call, send_bytes},
};

pub(super) fn garbled(scene: &Scene) -> Result<Attempt> {
    let reply = send_bytes(scene.gateway, "GET /v1/shipments please\r\nHost: x\r\n\r\n")?;
    Ok(Attempt::refused(Stage::Http, "Sent a request line that is not HTTP.", reply))
}

pub(super) fn method_override(scene: &Scene) -> Result<Attempt> {
    let key = scene.partner("sneaky-header", &json!({}))?.key;
    let call = Call::get("/v1/shipments").key(&key).header("X-HTTP-Method-Override", "DELETE");
    let did = "Smuggled another method in with X-HTTP-Method-Override.";
    Ok(Attempt::refused(Stage::Http, did, call.send(scene.gateway)?).with_secret(&key))
}

pub(super) fn endpoint_off(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("road-works", &json!({}))?;
    let target = json!({ "kind": "endpoint", "method": "GET", "path": "/v1/tracking/{shipment_id}" });
    let call = |path: &str| Call::get(path).key(&partner.key).send(scene.gateway);
    let (reply, other) =
        scene.while_off(&target, || Ok((call("/v1/tracking/LP-1002")?, call("/v1/shipments")?)))?;
    let did = "Called an endpoint that was switched off; the others go on.";
    let attempt = Attempt::refused(Stage::Switch, did, reply).by(&partner).sent(1).saying("Back at noon.");
    Ok(attempt.expect(other.status == 200, format!("another endpoint answered {}", other.status)))
}

pub(super) fn body_required(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("empty-envelope", &json!({}))?;
    let call = Call::get("/v1/shipments").method("POST").key(&partner.key).header("Content-Length", "0");
    let did = "Booked a shipment without saying which: the body was left out.";
    Ok(Attempt::refused(Stage::Validity, did, call.send(scene.gateway)?).by(&partner).saying("body"))
}

pub(super) fn hidden_inside(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("customs-agent", &json!({}))?;
    let reply = Call::get("/v1/reports/customs").key(&partner.key).send(scene.gateway)?;
    let is_hidden = !reply.body.contains("psql");
    let did = "Called an endpoint whose upstream fails; its inside stays hidden.";
    let attempt = Attempt::new(Outcome::UpstreamFailed, did, reply).by(&partner);
    let attempt = attempt.expect(is_hidden, "the upstream's own error text got out");
    Ok(attempt.header("x-allowance-remaining", Some("1000")))
}

pub(super) fn unknown_shipment(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("lost-parcel", &json!({}))?;
    let reply = Call::get("/v1/tracking/LP-7").key(&partner.key).send(scene.gateway)?;
    let did = "Asked for a shipment that the API itself does not know.";
    Ok(Attempt::new(Outcome::UpstreamFailed, did, reply).by(&partner).saying("LP-7"))
}
