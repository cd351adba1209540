//! What tells a request from the one that used its `Idempotency-Key` before.

use serde_json::{Value, json};
use tollbar_contract::{Code, RequestId, Stage};
use tollbar_core::port::RequestEntry;

use crate::{control::Control, fault::Fault, view};

/// The other request, and what differs; `null` where the entry is no conflict, or names no other.
pub(super) async fn compared_with(control: &Control, entry: &RequestEntry) -> Result<Value, Fault> {
    let Some(first) = other_request(entry) else { return Ok(Value::Null) };
    let Some(other) = control.requests.find_request(first).await? else {
        return Ok(json!({ "request_id": first.as_str(), "is_in_log": false }));
    };
    let mut differs = Vec::new();
    let mut compare = |what: &str, is_equal: bool| {
        if !is_equal {
            differs.push(what.to_owned());
        }
    };
    compare("method", entry.method == other.method);
    compare("path", entry.path == other.path);
    if let (Some(own), Some(others)) = (&entry.keyed, &other.keyed) {
        compare("query", own.query == others.query);
        compare("body", own.body == others.body);
    }
    Ok(json!({
        "request_id": first.as_str(),
        "is_in_log": true,
        "at": view::time(other.at),
        "method": other.method,
        "path": other.path,
        "status": other.status,
        "differs": differs,
    }))
}

fn other_request(entry: &RequestEntry) -> Option<RequestId> {
    if entry.code.as_deref() != Some(Code::IdempotencyConflict.as_str()) {
        return None;
    }
    let step = entry.steps.iter().find(|step| step.stage == Stage::Idempotency && !step.passed)?;
    // The key before it is the caller's text.
    let (_, rest) = step.detail.rsplit_once("belongs to request ")?;
    RequestId::parse(rest.get(..12)?)
}
