//! What was decided while a request waited for its body counts for it too.

use anyhow::Result;
use serde_json::json;
use tollbar_contract::Stage;

use crate::tour::{
    attempt::Attempt,
    scene::{Partner, Scene},
    wire::{Call, Reply},
};

pub(super) fn revoked_meanwhile(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("just-too-late", &json!({}))?;
    let revoke = || scene.change(&format!("/keys/{}/revoke", partner.key_id), &json!({})).map(drop);
    let did = "Had the key revoked while the request's body was on its way.";
    Ok(Attempt::refused(Stage::Revoked, did, book(scene, &partner, revoke)?).by(&partner).waited())
}

pub(super) fn platform_off_meanwhile(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("closing-time", &json!({}))?;
    let target = json!({ "kind": "platform" });
    let reply = book(scene, &partner, || scene.switch_off(&target));
    scene.switch_on(&target)?;
    let did = "Had the platform switched off while the body was on its way.";
    Ok(Attempt::refused(Stage::Platform, did, reply?).by(&partner).waited())
}

pub(super) fn endpoint_off_meanwhile(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("last-minute", &json!({}))?;
    let target = json!({ "kind": "endpoint", "method": "POST", "path": "/v1/shipments" });
    let reply = book(scene, &partner, || scene.switch_off(&target));
    scene.switch_on(&target)?;
    let did = "Had the endpoint switched off while the body was on its way.";
    Ok(Attempt::refused(Stage::Switch, did, reply?).by(&partner).waited())
}

fn book(scene: &Scene, partner: &Partner, meanwhile: impl FnOnce() -> Result<()>) -> Result<Reply> {
    let booking = json!({ "to": "Ada Marsh, Leeds", "weight_grams": 900 });
    Call::post("/v1/shipments", &booking).key(&partner.key).send_around(scene.gateway, meanwhile)
}
