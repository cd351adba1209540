//! What is running.

use axum::{Json, extract::State};
use serde_json::{Value, json};

use super::{Shared, switches::is_in_force};
use crate::view;

/// `GET /status`
pub(super) async fn show(State(control): Shared) -> Json<Value> {
    let snapshot = control.directory.snapshot();
    let now = control.now();
    let apis = snapshot.catalogue.apis();
    let endpoints: usize = apis.iter().map(|api| api.record.endpoints.len()).sum();
    let clients = control.directory.clients().iter().filter(|client| !client.record.deleted).count();
    let switches = snapshot.switches.iter().filter(|s| is_in_force(s, now)).count();
    let left_out = control.keeping.as_ref().map(|keeping| (keeping.left_out)());
    let extent = control.requests.request_log_extent().await.ok();
    Json(json!({
        "version": control.settings.version,
        "started_at": control.settings.started_at.to_string(),
        "gateway": control.settings.gateway_url,
        "apis": apis.len(),
        "endpoints": endpoints,
        "clients": clients,
        "switches": switches,
        "dropped_request_log_entries": control.requests.dropped(),
        "request_log": {
            "entries": extent.map(|extent| extent.entries),
            "oldest": extent.and_then(|extent| extent.oldest).map(view::time),
            "bytes": extent.map(|extent| extent.bytes),
            "keep_days": control.keeping.as_ref().map(|keeping| keeping.days),
            "keep_bytes": control.keeping.as_ref().map(|keeping| keeping.bytes),
            "errors_left_out": left_out.map(|left_out| left_out.errors),
            "successes_left_out": left_out.map(|left_out| left_out.successes),
        },
    }))
}
