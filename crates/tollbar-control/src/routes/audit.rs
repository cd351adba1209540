//! The audit trail.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, list_limit};
use crate::{fault::Fault, input::Query, view};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditQuery {
    limit: Option<u32>,
}

/// `GET /audit`
pub(super) async fn list(
    State(control): Shared,
    Query(query): Query<AuditQuery>,
) -> Result<Json<Value>, Fault> {
    let entries = control.policy.list_audit(list_limit(query.limit)?).await?;
    let entries: Vec<Value> = entries.iter().map(view::audit).collect();
    Ok(Json(json!({ "entries": entries })))
}
