//! Reading clients.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use crate::{
    fault::Fault,
    input::{Path, Query},
    view::{self, ClientView},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    #[serde(default)]
    deleted: bool,
}

/// `GET /clients`
pub(super) async fn list(State(control): Shared, Query(query): Query<ListQuery>) -> Json<Value> {
    let mut clients = control.directory.clients();
    clients.retain(|client| query.deleted || !client.record.deleted);
    clients.sort_by(|a, b| (&a.record.name, a.record.created_at).cmp(&(&b.record.name, b.record.created_at)));
    let now = control.now();
    let clients: Vec<ClientView> =
        clients.iter().map(|client| view::client(&control.directory, client, now)).collect();
    Json(json!({ "clients": clients }))
}

/// `GET /clients/{client}`
pub(super) async fn show(
    State(control): Shared,
    Path(client): Path<String>,
) -> Result<Json<ClientView>, Fault> {
    let client = control.find_client(&client)?;
    Ok(Json(view::client(&control.directory, &client, control.now())))
}
