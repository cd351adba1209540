//! What has been sold to you? Stages 9 to 11.

use anyhow::Result;
use serde_json::json;
use tollbar_contract::Stage;

use crate::tour::{attempt::Attempt, scene::Scene, wire::Call};

pub(super) fn access(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("not-yet-signed", &json!({ "access_enabled": false }))?;
    let reply = Call::get("/v1/shipments").key(&partner.key).send(scene.gateway)?;
    let did = "Called as a client whose API access is not enabled yet.";
    Ok(Attempt::refused(Stage::Access, did, reply).by(&partner))
}

pub(super) fn scope(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("curious-intern", &json!({ "scopes": ["shipments:read"] }))?;
    let reply = Call::get("/v1/reports/volume?year=2026&month=11").key(&partner.key).send(scene.gateway)?;
    let did = "Asked for a report without the scope reports:read.";
    Ok(Attempt::refused(Stage::Scope, did, reply).by(&partner).saying("reports:read"))
}

pub(super) fn write(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("window-shopper", &json!({ "write_enabled": false }))?;
    let booking = json!({ "to": "Ada Marsh, Leeds", "weight_grams": 900 });
    let reply = Call::post("/v1/shipments", &booking).key(&partner.key).send(scene.gateway)?;
    let did = "Booked a shipment as a client that has bought reading only.";
    Ok(Attempt::refused(Stage::Write, did, reply).by(&partner))
}
