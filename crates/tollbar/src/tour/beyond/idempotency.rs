//! A write that must happen once: stage 14.

use anyhow::{Context, Result};
use serde_json::json;
use tollbar_contract::Stage;

use crate::tour::{
    attempt::{Attempt, Outcome},
    scene::{Partner, Scene},
    wire::{Call, Reply},
};

/// Repeats that are sent while the first is under way.
const AT_ONCE: usize = 4;

pub(super) fn replay(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("broken-line", &json!({}))?;
    let (first, reply) = (book(scene, &partner)?, book(scene, &partner)?);
    let is_same = first.status == reply.status && first.body == reply.body;
    let original = first.request_id().to_owned();
    let did = "Booked twice with one Idempotency-Key: booked once, answered twice.";
    let attempt = Attempt::new(Outcome::Replayed(201), did, reply).by(&partner);
    let attempt = attempt.expect(is_same, "the second answer is not the first one");
    let attempt = attempt.header("x-original-request-id", Some(&original));
    // The repeat is free.
    Ok(attempt.header("idempotent-replayed", Some("true")).header("x-allowance-remaining", Some("999")))
}

pub(super) fn four_at_once(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("nervous-finger", &json!({}))?;
    let replies: Vec<Result<Reply>> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(|| book(scene, &partner))).collect();
        all.into_iter()
            .map(|one| one.join().unwrap_or_else(|_| Err(anyhow::anyhow!("it panicked"))))
            .collect()
    });
    let replies = replies.into_iter().collect::<Result<Vec<Reply>>>()?;
    let is_same = replies.iter().all(|one| one.status == 201 && one.body == replies[0].body);
    let is_replayed = |one: &Reply| one.header("idempotent-replayed") == Some("true");
    let replayed = replies.iter().filter(|one| is_replayed(one)).count();
    let reply = replies.into_iter().find(is_replayed).context("none of them was replayed")?;
    let did = "Booked four times at once with one Idempotency-Key: booked once.";
    let attempt = Attempt::new(Outcome::Replayed(201), did, reply).by(&partner);
    let attempt = attempt.expect(is_same, "the four answers differ");
    Ok(attempt.expect(replayed == AT_ONCE - 1, format!("{replayed} of {AT_ONCE} were replayed")))
}

pub(super) fn unusable_key(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("long-story", &json!({}))?;
    let booking = json!({ "to": "Ada Marsh, Leeds", "weight_grams": 900 });
    let call = Call::post("/v1/shipments", &booking).key(&partner.key);
    let reply = call.header("Idempotency-Key", &"k".repeat(300)).send(scene.gateway)?;
    let did = "Sent an Idempotency-Key of 300 characters; 255 is the most.";
    Ok(Attempt::refused(Stage::Idempotency, did, reply).by(&partner).saying("Idempotency-Key"))
}

pub(super) fn key_required(scene: &Scene) -> Result<Attempt> {
    let partner = scene.partner("no-receipt", &json!({}))?;
    let reply =
        Call::post("/v1/shipments/LP-1003/label", &json!({})).key(&partner.key).send(scene.gateway)?;
    let did = "Printed a label, which costs postage, without the Idempotency-Key it requires.";
    Ok(Attempt::refused(Stage::Idempotency, did, reply).by(&partner).saying("Idempotency-Key"))
}

fn book(scene: &Scene, partner: &Partner) -> Result<Reply> {
    let booking = json!({ "to": "Ines Duarte, Porto", "weight_grams": 700 });
    let call = Call::post("/v1/shipments", &booking).key(&partner.key);
    call.header("Idempotency-Key", "order-18").send(scene.gateway)
}
