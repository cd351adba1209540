//! The audit trail.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use tollbar_core::{ChangeId, port::AuditFilter};

use super::{Shared, list_limit};
use crate::{
    fault::Fault,
    input::{Path, Query, parse_time},
    view,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    subject: Option<String>,
    action: Option<String>,
    since: Option<String>,
    before: Option<u64>,
    limit: Option<u32>,
}

/// `GET /audit`
pub(super) async fn list(
    State(control): Shared,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Value>, Fault> {
    let mut subjects: Vec<String> = query.subject.into_iter().collect();
    // A client is named in the trail by its id, which no change of its name touches.
    let client = subjects.first().and_then(|subject| control.directory.find_client_named(subject));
    subjects.extend(client.map(|client| client.record.id.to_string()));
    let filter = AuditFilter {
        subjects,
        action: query.action,
        since: query.since.map(|text| parse_time("since", &text)).transpose()?,
        before: query.before.map(ChangeId),
        limit: list_limit(query.limit)?,
    };
    let entries = control.policy.list_audit(filter).await?;
    let entries: Vec<Value> = entries.iter().map(view::audit).collect();
    Ok(Json(json!({ "entries": entries })))
}

/// `GET /audit/{id}`
pub(super) async fn show(State(control): Shared, Path(id): Path<String>) -> Result<Json<Value>, Fault> {
    let number: u64 = id.parse().map_err(|_| {
        Fault::bad(format!("`{}` is not the number of a change, such as 42", id.escape_debug()))
    })?;
    let entry = control.policy.find_audit(ChangeId(number)).await?;
    let entry =
        entry.ok_or_else(|| Fault::not_found(format!("there is no change {number} in the audit trail")))?;
    Ok(Json(view::audit(&entry)))
}
