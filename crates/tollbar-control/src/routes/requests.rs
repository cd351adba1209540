//! Looking requests up: what support answers from.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use tollbar_contract::{Code, RequestId};
use tollbar_core::port::RequestFilter;

use super::{Shared, list_limit};
use crate::{
    fault::Fault,
    input::{Path, Query, parse_time},
    sentence::sentence,
    view,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestsQuery {
    client: Option<String>,
    code: Option<String>,
    since: Option<String>,
    limit: Option<u32>,
}

/// `GET /requests/{id}`
pub(super) async fn show(State(control): Shared, Path(id): Path<String>) -> Result<Json<Value>, Fault> {
    let id = RequestId::parse(&id).ok_or_else(|| {
        Fault::bad(format!(
            "`{}` is not a request id; they are 12 characters of 0-9 and a-f",
            id.escape_debug()
        ))
    })?;
    let entry = control.requests.find_request(id).await?.ok_or_else(|| {
        Fault::not_found(format!(
            "request {id} is not in the log; every error of an identified client is kept, of others and of successes a part, or the server ended before it was written, or it was beyond requests.anonymous_per_second"
        ))
    })?;
    let change = match entry.change {
        Some(change) => control.policy.find_audit(change).await?,
        None => None,
    };
    let mut shown = view::request(&entry);
    shown.insert("change_detail".to_owned(), change.as_ref().map(view::audit).into());
    shown.insert("sentence".to_owned(), sentence(&entry).into());
    Ok(Json(Value::Object(shown)))
}

/// `GET /requests`
pub(super) async fn list(
    State(control): Shared,
    Query(query): Query<RequestsQuery>,
) -> Result<Json<Value>, Fault> {
    if let Some(code) = query.code.as_deref().filter(|code| Code::find(code).is_none()) {
        let near = crate::near::nearest(code, Code::ALL.iter().map(|code| code.as_str()));
        return Err(Fault::bad(format!("code: there is no error code `{}`; {near}", code.escape_debug())));
    }
    let filter = RequestFilter {
        client: query.client.map(|client| control.find_client(&client)).transpose()?.map(|c| c.record.id),
        code: query.code,
        since: query.since.map(|text| parse_time("since", &text)).transpose()?,
        limit: list_limit(query.limit)?,
    };
    let entries = control.requests.list_requests(filter).await?;
    let entries: Vec<_> = entries.iter().map(view::request).collect();
    Ok(Json(json!({ "requests": entries })))
}
