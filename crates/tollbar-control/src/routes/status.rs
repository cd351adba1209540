//! What is running.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{Shared, switches::is_in_force};

/// `GET /status`
pub(super) async fn show(State(control): Shared) -> Json<Value> {
    let snapshot = control.directory.snapshot();
    let now = control.now();
    let apis = snapshot.catalogue.apis();
    let endpoints: usize = apis.iter().map(|api| api.record.endpoints.len()).sum();
    let clients = control.directory.clients().iter().filter(|client| !client.record.deleted).count();
    let switches = snapshot.switches.iter().filter(|s| is_in_force(s, now)).count();
    Json(json!({
        "version": control.settings.version,
        "started_at": control.settings.started_at.to_string(),
        "gateway": control.settings.gateway_url,
        "apis": apis.len(),
        "endpoints": endpoints,
        "clients": clients,
        "switches": switches,
        "dropped_request_log_entries": control.requests.dropped(),
    }))
}
