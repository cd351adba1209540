//! API keys.

use std::{collections::BTreeSet, sync::Arc};

use axum::{Json, extract::State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tollbar_contract::Environment;
use tollbar_core::{
    ClientId, KeyId, KeyRecord, PolicyChange,
    api_key::{generate_key, key_hint},
};

use super::Shared;
use crate::{
    change::{Change, Note},
    control::Control,
    credential::{check_count, check_own_scopes, grace_end, shown_id},
    fault::Fault,
    input::{Body, Nothing, OptionalBody, Path, parse_future_time},
    view::{self, KeyView},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewKey {
    environment: Environment,
    scopes: Option<BTreeSet<String>>,
    expires_at: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    grace_seconds: u64,
}

/// `POST /clients/{client}/keys`
pub(super) async fn create(
    State(control): Shared,
    Path(client): Path<String>,
    Body(input): Body<NewKey>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let work = async move |mut change: Change| {
        let client = change.control.find_existing_client(&client)?;
        check_count(change.control.directory.keys_of(client.record.id).len())?;
        check_own_scopes(input.scopes.as_ref(), &client.record)?;
        let ends =
            input.expires_at.map(|text| parse_future_time("expires_at", &text, change.now)).transpose()?;
        let (key, record) = new_key(&change, client.record.id, input.environment);
        let record = KeyRecord { scopes: input.scopes, expires_at: ends, ..record };
        let detail = format!(
            "{} key for {} ({}), {}",
            record.environment,
            client.record.name,
            client.record.id,
            describe_limits(&record)
        );
        let answer = shown_once(&key, &record);
        let note = Note::new("key.create", &record.id, detail);
        change.commit(vec![PolicyChange::PutKey(record)], note).await?;
        Ok((StatusCode::CREATED, Json(answer)))
    };
    control.change(work).await
}

/// `GET /clients/{client}/keys`
pub(super) async fn list(State(control): Shared, Path(client): Path<String>) -> Result<Json<Value>, Fault> {
    let client = control.find_client(&client)?;
    let keys = control.directory.keys_of(client.record.id);
    let now = control.now();
    let keys: Vec<KeyView> = keys.iter().map(|key| view::key(&control.directory, key, now)).collect();
    Ok(Json(json!({ "keys": keys })))
}

/// `POST /keys/{id}/rotate`
pub(super) async fn rotate(
    State(control): Shared,
    Path(id): Path<String>,
    Body(input): Body<Rotation>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let work = async move |mut change: Change| {
        let mut old = KeyRecord::clone(&*find_key(&change.control, &id)?);
        let client = change.control.find_existing_client(&old.client.to_string())?;
        check_count(change.control.directory.keys_of(old.client).len())?;
        let now = change.now;
        let instead = format!(
            "create a new one with `tollbar key create {client}` (POST /admin/v1/clients/{client}/keys)",
            client = old.client
        );
        if let Some(at) = old.revoked_from().filter(|_| old.is_revoked(now)) {
            return Err(Fault::conflict(format!("key {} is revoked since {at}; {instead}", old.id)));
        }
        if let Some(at) = old.expires_at.filter(|at| *at <= now) {
            return Err(Fault::conflict(format!("key {} has expired at {at}; {instead}", old.id)));
        }
        let end = grace_end(now, input.grace_seconds)?;
        let end = old.grace_until.map_or(end, |earlier| earlier.min(end));
        let (key, record) = new_key(&change, old.client, old.environment);
        let record = KeyRecord { scopes: old.scopes.clone(), expires_at: old.expires_at, ..record };
        old.grace_until = Some(end);
        old.revoked_at = (end <= now).then_some(end);
        old.change = change.id;
        let mut answer = shown_once(&key, &record);
        answer["replaces"] = json!({ "id": old.id, "revoked_at": view::time(end) });
        let detail =
            format!("{} of {} is replaced by {} and ends at {end}", old.id, client.record.name, record.id);
        let note = Note::new("key.rotate", &old.id, detail);
        change.commit(vec![PolicyChange::PutKey(record), PolicyChange::PutKey(old)], note).await?;
        Ok((StatusCode::CREATED, Json(answer)))
    };
    control.change(work).await
}

/// `POST /keys/{id}/revoke`: at once. Asking again is no fault.
pub(super) async fn revoke(
    State(control): Shared,
    Path(id): Path<String>,
    OptionalBody(Nothing {}): OptionalBody<Nothing>,
) -> Result<Json<KeyView>, Fault> {
    let work = async move |mut change: Change| {
        let mut key = KeyRecord::clone(&*find_key(&change.control, &id)?);
        if key.revoked_at.is_none() {
            // The end of a grace period that is over stays the time of the revocation.
            key.revoked_at = key.grace_until.filter(|until| *until <= change.now).or(Some(change.now));
            key.change = change.id;
            let detail = format!("{} key of client {}, at once", key.environment, key.client);
            let note = Note::new("key.revoke", &key.id, detail);
            change.commit(vec![PolicyChange::PutKey(key.clone())], note).await?;
        }
        Ok(Json(view::key(&change.control.directory, &key, change.now)))
    };
    control.change(work).await
}

fn find_key(control: &Control, id: &str) -> Result<Arc<KeyRecord>, Fault> {
    let parsed: Option<KeyId> = id.parse().ok();
    parsed.and_then(|id| control.directory.find_key_by_id(id)).ok_or_else(|| {
        let asked = shown_id(id).unwrap_or("with this id");
        Fault::not_found(format!(
            "there is no key {asked}; ids look like key_0AbC..., and `tollbar key list CLIENT` (GET /admin/v1/clients/{{client}}/keys) lists them"
        ))
    })
}

fn new_key(change: &Change, client: ClientId, environment: Environment) -> (String, KeyRecord) {
    let key = generate_key(&change.control.settings.brand, environment);
    let (digest, pepper_id) = change.control.directory.secrets.stamp(key.as_bytes());
    let record = KeyRecord {
        id: KeyId::random(),
        client,
        environment,
        digest,
        pepper_id,
        hint: key_hint(&key),
        scopes: None,
        expires_at: None,
        revoked_at: None,
        grace_until: None,
        created_at: change.now,
        change: change.id,
    };
    (key, record)
}

fn shown_once(key: &str, record: &KeyRecord) -> Value {
    json!({
        "id": record.id,
        "key": key,
        "environment": record.environment,
        "hint": record.hint,
        "scopes": record.scopes,
        "expires_at": record.expires_at.map(view::time),
        "created_at": view::time(record.created_at),
    })
}

fn describe_limits(record: &KeyRecord) -> String {
    let scopes = match &record.scopes {
        None => "all scopes of its client".to_owned(),
        Some(own) => format!("scopes [{}]", own.iter().map(String::as_str).collect::<Vec<_>>().join(" ")),
    };
    match record.expires_at {
        None => format!("{scopes}, without an end"),
        Some(at) => format!("{scopes}, until {at}"),
    }
}
