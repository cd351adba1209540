//! OAuth2 client credentials.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tollbar_contract::Environment;
use tollbar_core::{
    OauthId, OauthRecord, OauthSecret, PolicyChange, SANDBOX_PREFIX, api_key::generate_client_secret,
};

use super::Shared;
use crate::{
    change::{Change, Note},
    control::Control,
    credential::{check_count, grace_end, shown_id},
    fault::Fault,
    input::{Body, Nothing, OptionalBody, Path},
    view::{self, OauthView},
};

/// Secrets that may be valid at once: the one in use, and those in their grace period.
const SECRETS_MAX: usize = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOauth {
    environment: Environment,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotation {
    #[serde(default)]
    grace_seconds: u64,
}

/// `POST /clients/{client}/oauth`
pub(super) async fn create(
    State(control): Shared,
    Path(client): Path<String>,
    Body(input): Body<NewOauth>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let work = async move |mut change: Change| {
        let client = change.control.find_existing_client(&client)?;
        check_count(change.control.directory.oauth_of(client.record.id).len())?;
        let environment = input.environment;
        let (secret, stored) = new_secret(&change.control);
        let id = OauthId::random();
        let record = OauthRecord {
            id,
            client: client.record.id,
            environment,
            secrets: vec![stored],
            revoked_at: None,
            created_at: change.now,
            change: change.id,
        };
        let detail = format!("{environment} credential for {} ({})", client.record.name, client.record.id);
        change.commit(vec![PolicyChange::PutOauth(record)], Note::new("oauth.create", &id, detail)).await?;
        let answer = json!({
            "client_id": id,
            "client_secret": secret,
            "environment": environment,
            "created_at": view::time(change.now),
            "token_url": token_url(&change.control, environment),
        });
        Ok((StatusCode::CREATED, Json(answer)))
    };
    control.change(work).await
}

/// `GET /clients/{client}/oauth`
pub(super) async fn list(State(control): Shared, Path(client): Path<String>) -> Result<Json<Value>, Fault> {
    let client = control.find_client(&client)?;
    let all = control.directory.oauth_of(client.record.id);
    let all: Vec<OauthView> = all.iter().map(|oauth| view::oauth(&control.directory, oauth)).collect();
    Ok(Json(json!({ "credentials": all })))
}

/// `POST /oauth/{id}/rotate`: tokens live on; the old secret ends at once unless a grace is given.
pub(super) async fn rotate(
    State(control): Shared,
    Path(id): Path<String>,
    OptionalBody(input): OptionalBody<Rotation>,
) -> Result<Json<Value>, Fault> {
    let work = async move |mut change: Change| {
        let mut record = OauthRecord::clone(&*find_oauth(&change.control, &id)?);
        change.control.find_existing_client(&record.client.to_string())?;
        let now = change.now;
        if let Some(at) = record.revoked_at {
            return Err(Fault::conflict(format!(
                "credential {} is revoked since {at}; create a new one with `tollbar oauth create {client}` (POST /admin/v1/clients/{client}/oauth)",
                record.id,
                client = record.client
            )));
        }
        let end = grace_end(now, input.grace_seconds)?;
        for secret in &mut record.secrets {
            secret.valid_until = Some(secret.valid_until.map_or(end, |earlier| earlier.min(end)));
        }
        record.secrets.retain(|secret| secret.valid_until.is_some_and(|until| until > now));
        if record.secrets.len() >= SECRETS_MAX {
            return Err(Fault::conflict(format!(
                "{SECRETS_MAX} secrets of {} are still valid; wait for a grace period to end, or rotate with grace_seconds 0",
                record.id
            )));
        }
        let (secret, stored) = new_secret(&change.control);
        record.secrets.insert(0, stored);
        record.change = change.id;
        let old_valid_until = (end > now).then(|| view::time(end));
        let detail = old_valid_until.as_ref().map_or_else(
            || "the old secret ended at once".to_owned(),
            |until| format!("the old secret is valid until {until}"),
        );
        let id = record.id;
        change.commit(vec![PolicyChange::PutOauth(record)], Note::new("oauth.rotate", &id, detail)).await?;
        Ok(Json(json!({ "client_id": id, "client_secret": secret, "old_valid_until": old_valid_until })))
    };
    control.change(work).await
}

/// `POST /oauth/{id}/revoke`: at once, and its tokens with it. Asking again is no fault.
pub(super) async fn revoke(
    State(control): Shared,
    Path(id): Path<String>,
    OptionalBody(Nothing {}): OptionalBody<Nothing>,
) -> Result<Json<OauthView>, Fault> {
    let work = async move |mut change: Change| {
        let mut record = OauthRecord::clone(&*find_oauth(&change.control, &id)?);
        if record.revoked_at.is_none() {
            record.revoked_at = Some(change.now);
            record.change = change.id;
            let detail = format!("{} credential of client {}, at once", record.environment, record.client);
            let note = Note::new("oauth.revoke", &record.id, detail);
            change.commit(vec![PolicyChange::PutOauth(record.clone())], note).await?;
        }
        Ok(Json(view::oauth(&change.control.directory, &record)))
    };
    control.change(work).await
}

fn find_oauth(control: &Control, id: &str) -> Result<Arc<OauthRecord>, Fault> {
    let parsed: Option<OauthId> = id.parse().ok();
    parsed.and_then(|id| control.directory.find_oauth(id)).ok_or_else(|| {
        let asked = shown_id(id).map_or("this client_id".to_owned(), |id| format!("the client_id {id}"));
        Fault::not_found(format!(
            "there is no credential with {asked}; they look like oc_0AbC..., and `tollbar oauth list CLIENT` (GET /admin/v1/clients/{{client}}/oauth) lists them"
        ))
    })
}

/// Where the credential is exchanged for tokens. It opens every API of its environment, so that any base will do.
fn token_url(control: &Control, environment: Environment) -> String {
    let (gateway, routes) = (&control.settings.gateway_url, &control.directory.routes);
    let start = match (&routes.hosts, environment) {
        (Some([live, sandbox]), _) => {
            let scheme = gateway.split("://").next().unwrap_or("https");
            let host = if environment == Environment::Live { live } else { sandbox };
            format!("{scheme}://{host}")
        }
        (None, Environment::Live) => gateway.clone(),
        (None, Environment::Sandbox) => format!("{gateway}{SANDBOX_PREFIX}"),
    };
    let snapshot = control.directory.snapshot();
    let base = snapshot.catalogue.bases(routes).min().unwrap_or_default();
    format!("{start}{base}{}/oauth/token", routes.own_prefix)
}

fn new_secret(control: &Control) -> (String, OauthSecret) {
    let secret = generate_client_secret(&control.settings.brand);
    let (digest, pepper_id) = control.directory.secrets.stamp(secret.as_bytes());
    (secret, OauthSecret { digest, pepper_id, valid_until: None })
}
