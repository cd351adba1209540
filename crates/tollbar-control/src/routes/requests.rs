//! Looking requests up: what support answers from.

mod absence;
mod conflict;
mod filter;

use axum::{Json, extract::State};
use serde_json::{Value, json};
use tollbar_contract::RequestId;
use tollbar_core::port::{RequestEntry, RequestId12};

use self::{absence::absence, conflict::compared_with, filter::RequestsQuery};
use super::Shared;
use crate::{
    control::Control,
    fault::Fault,
    input::{Path, Query},
    sentence::sentence,
    view,
};

/// `GET /requests/{id}`
pub(super) async fn show(State(control): Shared, Path(id): Path<String>) -> Result<Json<Value>, Fault> {
    let id = RequestId::parse(&id).ok_or_else(|| {
        Fault::bad(format!(
            "`{}` is not a request id; they are 12 characters of 0-9 and a-f",
            id.escape_debug()
        ))
    })?;
    let Some(entry) = control.requests.find_request(id).await? else {
        return Err(Fault::not_found(absence(&control, id).await));
    };
    let change = match entry.change {
        Some(change) => control.policy.find_audit(change).await?,
        None => None,
    };
    let mut shown = view::request(&entry);
    shown.insert("change_detail".to_owned(), change.as_ref().map(view::audit).into());
    shown.insert("credential_hint".to_owned(), credential_hint(&control, &entry).into());
    shown.insert("compared_with".to_owned(), compared_with(&control, &entry).await?);
    shown.insert("sentence".to_owned(), sentence(&entry).into());
    Ok(Json(Value::Object(shown)))
}

/// `GET /requests`
pub(super) async fn list(
    State(control): Shared,
    Query(query): Query<RequestsQuery>,
) -> Result<Json<Value>, Fault> {
    let (filter, note) = query.filter(&control)?;
    let before = filter.before;
    let page = control.requests.list_requests(filter).await?;
    if let (true, Some(before)) = (page.is_before_unknown, before) {
        return Err(Fault::bad(format!(
            "before: request {before} is not in the log, or not any more; leave it out to begin with the newest"
        )));
    }
    let entries: Vec<_> = page.entries.iter().map(view::request).collect();
    Ok(Json(json!({
        "requests": entries,
        "next": page.next.map(|RequestId12(id)| id.to_string()),
        "stopped_at": page.stopped_at.map(view::time),
        "note": note,
    })))
}

/// What a key is recognised by; it is the same for all its life.
fn credential_hint(control: &Control, entry: &RequestEntry) -> Option<String> {
    let key = control.directory.find_key_by_id(entry.credential.as_deref()?.parse().ok()?)?;
    Some(key.hint.clone())
}
