//! The platform's own secrets: which there are, what lives under each, and their rotation. Never a value.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use tollbar_core::{
    SigningKeyRecord, Timestamp, UnderPepper,
    secret::keyring::{KeyringRecord, SecretKind},
};

use super::Shared;
use crate::{
    change::Change,
    fault::Fault,
    input::Body,
    secrets::{
        not_the_master, of_newest_pepper, of_pepper, of_sealing, of_signing_key, rotate_pepper,
        rotate_sealing, rotate_signing_key,
    },
    view::time,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    what: String,
    #[serde(default)]
    dry_run: bool,
}

/// `GET /secrets`
pub(super) async fn list(State(control): Shared) -> Json<Value> {
    let (now, under) = (control.now(), control.under_peppers());
    let records = control.directory.secrets.records();
    let is_current =
        |record: &KeyringRecord| !records.iter().any(|r| r.kind == record.kind && r.id > record.id);
    let keyring = records.iter().map(|record| secret(record, is_current(record), &under));
    let keys = control.signing_key_records();
    let keys = keys.iter().map(|key| signing_key(key, now));
    Json(json!({ "secrets": keyring.chain(keys).collect::<Vec<_>>() }))
}

/// `POST /secrets/rotate`
pub(super) async fn rotate(
    State(control): Shared,
    Body(Rotation { what, dry_run }): Body<Rotation>,
) -> Result<Json<Value>, Fault> {
    if !["signing-key", "pepper", "sealing"].contains(&what.as_str()) {
        // It is not repeated: somebody may think that a new secret is asked for.
        return Err(if what == "master" {
            not_the_master()
        } else {
            Fault::bad("what: give one of signing-key, pepper, sealing")
        });
    }
    let work = async move |change: Change| {
        let rotated = match what.as_str() {
            "signing-key" => rotate_signing_key(change, dry_run).await,
            "pepper" => rotate_pepper(change, dry_run).await,
            _ => rotate_sealing(change, dry_run).await,
        }?;
        Ok(Json(json!({
            "what": what,
            "dry_run": dry_run,
            "old": rotated.old,
            "new": rotated.new,
            "honoured_until": rotated.honoured_until.map(time),
            "summary": rotated.summary,
        })))
    };
    control.change(work).await
}

fn secret(record: &KeyringRecord, is_current: bool, under: &BTreeMap<u32, UnderPepper>) -> Value {
    let mut view = json!({
        "what": record.kind,
        "id": record.name(),
        "state": if is_current { "current" } else { "honoured" },
        "created_at": time(record.created_at),
        "kept_until": record.needed_until.map(time),
    });
    view["lives"] = match (record.kind, record.needed_until) {
        (SecretKind::Pepper, _) => {
            let under = under.get(&record.id).cloned().unwrap_or_default();
            if !is_current && !under.opens_something() {
                view["state"] = "tombstones".into();
            }
            view["keys"] = under.keys.into();
            view["oauth_secrets"] = under.oauth_secrets.into();
            view["tombstones"] = under.tombstones.into();
            if is_current { of_newest_pepper(record.id, &under) } else { of_pepper(record.id, &under) }
        }
        (SecretKind::Sealing, Some(until)) => of_sealing(record.id, until),
        (SecretKind::Sealing, None) => "The signing key and stored answers are sealed under it.".to_owned(),
        (SecretKind::RequestIds, _) => "Never rotated: an id would be given twice.".to_owned(),
    }
    .into();
    view
}

fn signing_key(key: &SigningKeyRecord, now: Timestamp) -> Value {
    let tokens_until = key.retired.as_ref().map(|retired| retired.tokens_until);
    let state = match tokens_until {
        None => "current",
        Some(until) if now < until => "honoured",
        Some(_) => "public-half",
    };
    json!({
        "what": "signing-key",
        "id": key.id,
        "state": state,
        "created_at": time(key.created_at),
        "kept_until": tokens_until.map(time),
        "lives": of_signing_key(key),
    })
}
