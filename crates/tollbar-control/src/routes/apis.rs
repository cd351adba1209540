//! The catalogue: what is imported. Importing itself is next door.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use tollbar_core::{Api, ApiRecord, Catalogue, PolicyChange};

use super::{Shared, observed};
use crate::{
    change::{Change, Note},
    fault::Fault,
    input::{Nothing, OptionalBody, Query},
    view::{self, ApiView},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnyBase {
    pub(super) base: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneBase {
    base: String,
}

/// `GET /apis`
pub(super) async fn list(State(control): Shared) -> Json<Value> {
    let snapshot = control.directory.snapshot();
    let mut apis: Vec<&ApiRecord> = snapshot.catalogue.apis().iter().map(|api| &*api.record).collect();
    apis.sort_by(|a, b| a.base.cmp(&b.base));
    let apis: Vec<ApiView> = apis.into_iter().map(view::api).collect();
    Json(json!({ "apis": apis }))
}

/// `DELETE /apis?base=`
pub(super) async fn remove(
    State(control): Shared,
    Query(query): Query<OneBase>,
    OptionalBody(Nothing {}): OptionalBody<Nothing>,
) -> Result<Json<ApiView>, Fault> {
    let work = async move |mut change: Change| {
        let snapshot = change.control.directory.snapshot();
        let record = &find_api(&snapshot.catalogue, &query.base)?.record;
        let shown = view::api(record);
        let detail = format!("{} {}, {} endpoints", record.title, record.version, record.endpoints.len());
        let note = Note::new("api.remove", &view::base(&record.base), detail);
        change.commit(vec![PolicyChange::RemoveApi { base: record.base.clone() }], note).await?;
        observed::forget_gone(&change.control.directory);
        Ok(Json(shown))
    };
    control.change(work).await
}

/// The API on a base, as people write it.
pub(super) fn find_api<'a>(catalogue: &'a Catalogue, asked: &str) -> Result<&'a Api, Fault> {
    let base = if asked == "/" { "" } else { asked };
    catalogue.find_base(base).map(|api| &**api).ok_or_else(|| {
        let bases: Vec<String> = catalogue.apis().iter().map(|api| view::base(&api.record.base)).collect();
        Fault::unknown("API's base", asked, bases.iter().map(String::as_str))
    })
}
