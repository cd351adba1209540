//! Creating and changing clients.

use std::{collections::BTreeSet, sync::Arc};

use axum::{Json, extract::State};
use http::StatusCode;
use serde::Deserialize;
use tollbar_core::{ClientChanges, ClientId, ClientRecord, Overage, PolicyChange};

use super::Shared;
use crate::{
    change::{Change, Note},
    client_rules::{
        check_allowance, check_name, check_scopes, check_tier, describe, describe_differences,
        parse_networks, unknown_scopes,
    },
    control::Control,
    fault::Fault,
    input::{Body, Nothing, OptionalBody, Path},
    view::{self, ClientView},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewClient {
    name: String,
    tier: String,
    allowance: u64,
    sandbox_allowance: Option<u64>,
    scopes: BTreeSet<String>,
    #[serde(default)]
    write_enabled: bool,
    access_enabled: Option<bool>,
    #[serde(default)]
    allow_ips: Vec<String>,
    #[serde(default)]
    overage: Overage,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientPatch {
    name: Option<String>,
    tier: Option<String>,
    allowance: Option<u64>,
    sandbox_allowance: Option<u64>,
    scopes: Option<BTreeSet<String>>,
    #[serde(default)]
    add_scopes: BTreeSet<String>,
    #[serde(default)]
    remove_scopes: BTreeSet<String>,
    write_enabled: Option<bool>,
    access_enabled: Option<bool>,
    allow_ips: Option<Vec<String>>,
    overage: Option<Overage>,
}

/// `POST /clients`
pub(super) async fn create(
    State(control): Shared,
    Body(input): Body<NewClient>,
) -> Result<(StatusCode, Json<ClientView>), Fault> {
    let work = async move |mut change: Change| {
        let directory = &change.control.directory;
        check_name(directory, &input.name, None)?;
        check_tier(directory, &input.tier)?;
        check_scopes(&input.scopes)?;
        let allowance = [input.allowance, input.sandbox_allowance.unwrap_or(input.allowance)];
        check_allowance("allowance", allowance[0])?;
        check_allowance("sandbox_allowance", allowance[1])?;
        let warnings = unknown_scopes(directory, &input.scopes);
        let record = ClientRecord {
            id: ClientId::random(),
            name: input.name,
            tier: input.tier,
            scopes: input.scopes,
            allowance,
            overage: input.overage,
            write_enabled: input.write_enabled,
            access_enabled: input.access_enabled.unwrap_or(true),
            suspended: false,
            allow_ips: parse_networks(&input.allow_ips)?,
            tokens_valid_from: None,
            deleted: false,
            created_at: change.now,
            change: change.id,
            changes: ClientChanges::all(change.id),
        };
        let detail = describe(&record);
        let id = record.id;
        change.commit(vec![PolicyChange::PutClient(record)], Note::new("client.create", &id, detail)).await?;
        Ok((StatusCode::CREATED, Json(shown(&change, id, warnings)?)))
    };
    control.change(work).await
}

/// `PATCH /clients/{client}`
pub(super) async fn update(
    State(control): Shared,
    Path(client): Path<String>,
    Body(patch): Body<ClientPatch>,
) -> Result<Json<ClientView>, Fault> {
    change_client(&control, client, "client.update", |control, record| patched(control, record, patch)).await
}

/// `POST /clients/{client}/suspend`
pub(super) async fn suspend(
    State(control): Shared,
    Path(client): Path<String>,
    OptionalBody(Nothing {}): OptionalBody<Nothing>,
) -> Result<Json<ClientView>, Fault> {
    let suspended = |_: &Control, record: &mut ClientRecord| {
        record.suspended = true;
        Ok(Vec::new())
    };
    change_client(&control, client, "client.suspend", suspended).await
}

/// `POST /clients/{client}/resume`
pub(super) async fn resume(
    State(control): Shared,
    Path(client): Path<String>,
    OptionalBody(Nothing {}): OptionalBody<Nothing>,
) -> Result<Json<ClientView>, Fault> {
    let resumed = |_: &Control, record: &mut ClientRecord| {
        record.suspended = false;
        Ok(Vec::new())
    };
    change_client(&control, client, "client.resume", resumed).await
}

/// `DELETE /clients/{client}`: asking again is no fault.
pub(super) async fn delete(
    State(control): Shared,
    Path(client): Path<String>,
    OptionalBody(Nothing {}): OptionalBody<Nothing>,
) -> Result<Json<ClientView>, Fault> {
    if let Some(gone) = control.directory.find_client_named(&client).filter(|client| client.record.deleted) {
        return Ok(Json(view::client(&control.directory, &gone, control.now())));
    }
    let deleted = |_: &Control, record: &mut ClientRecord| {
        record.deleted = true;
        Ok(Vec::new())
    };
    change_client(&control, client, "client.delete", deleted).await
}

/// Changes one client. What changes nothing leaves no trace, so that a record's change is the one that
/// made it so.
async fn change_client(
    control: &Arc<Control>,
    client: String,
    action: &'static str,
    edit: impl FnOnce(&Control, &mut ClientRecord) -> Result<Vec<String>, Fault> + Send + 'static,
) -> Result<Json<ClientView>, Fault> {
    let work = async move |mut change: Change| {
        let old = change.control.find_existing_client(&client)?;
        let id = old.record.id;
        let mut record = old.record.clone();
        let warnings = edit(&change.control, &mut record)?;
        if record != old.record {
            let detail = describe_differences(&old.record, &record);
            record.change = change.id;
            record.changes = record.changes.after(&old.record, &record, change.id);
            change.commit(vec![PolicyChange::PutClient(record)], Note::new(action, &id, detail)).await?;
        }
        Ok(Json(shown(&change, id, warnings)?))
    };
    control.change(work).await
}

fn patched(control: &Control, record: &mut ClientRecord, patch: ClientPatch) -> Result<Vec<String>, Fault> {
    let directory = &control.directory;
    let mut warnings = Vec::new();
    if let Some(name) = patch.name {
        check_name(directory, &name, Some(record.id))?;
        record.name = name;
    }
    if let Some(tier) = patch.tier {
        check_tier(directory, &tier)?;
        record.tier = tier;
    }
    for (position, field, allowance) in
        [(0, "allowance", patch.allowance), (1, "sandbox_allowance", patch.sandbox_allowance)]
    {
        if let (Some(allowance), Some(slot)) = (allowance, record.allowance.get_mut(position)) {
            check_allowance(field, allowance)?;
            *slot = allowance;
        }
    }
    if let Some(scopes) = patch.scopes {
        record.scopes = scopes;
    }
    if let Some(both) = patch.add_scopes.intersection(&patch.remove_scopes).next() {
        return Err(Fault::bad(format!("`{both}` stands in add_scopes and in remove_scopes")));
    }
    record.scopes.extend(patch.add_scopes);
    for scope in &patch.remove_scopes {
        if !record.scopes.remove(scope) {
            warnings.push(format!("{scope} was not among the client's scopes, so it was not removed"));
        }
    }
    check_scopes(&record.scopes)?;
    warnings.extend(unknown_scopes(directory, &record.scopes));
    record.write_enabled = patch.write_enabled.unwrap_or(record.write_enabled);
    record.access_enabled = patch.access_enabled.unwrap_or(record.access_enabled);
    record.overage = patch.overage.unwrap_or(record.overage);
    if let Some(networks) = patch.allow_ips {
        record.allow_ips = parse_networks(&networks)?;
    }
    Ok(warnings)
}

fn shown(change: &Change, id: ClientId, warnings: Vec<String>) -> Result<ClientView, Fault> {
    let directory = &change.control.directory;
    let client = directory.find_client(id).ok_or_else(|| Fault::internal("the client is not in memory"))?;
    let mut shown = view::client(directory, &client, change.now);
    shown.warnings = warnings;
    Ok(shown)
}
