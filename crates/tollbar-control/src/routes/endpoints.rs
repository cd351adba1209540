//! Endpoints, and what is set for them by hand.

use std::collections::BTreeSet;

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tollbar_core::{
    Api, EndpointRecord, EndpointSettings, PolicyChange, Snapshot, SwitchTarget, is_same_template,
};

use super::{
    Shared,
    apis::{AnyBase, find_api},
};
use crate::{
    change::{Change, Note},
    client_rules::check_scopes,
    fault::Fault,
    input::{Body, Query},
};

const CATEGORY_CHARACTERS_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Set {
    method: String,
    path: String,
    /// What is not set in the same request goes back to what the document says.
    #[serde(default)]
    reset: bool,
    scopes: Option<Vec<String>>,
    category: Option<String>,
    write: Option<bool>,
    idempotency_required: Option<bool>,
    resend_unknown: Option<bool>,
}

/// `GET /apis/endpoints`: of one base, or of all.
pub(super) async fn list(State(control): Shared, Query(query): Query<AnyBase>) -> Result<Json<Value>, Fault> {
    let snapshot = control.directory.snapshot();
    let apis: Vec<&Api> = match &query.base {
        Some(base) => vec![find_api(&snapshot.catalogue, base)?],
        None => snapshot.catalogue.apis().iter().map(|api| &**api).collect(),
    };
    let rows = apis.iter().flat_map(|api| {
        api.record.endpoints.iter().zip(api.endpoints()).map(|(said, endpoint)| {
            row(&api.record.base, said, endpoint, snapshot.endpoint_settings.get(&said.id))
        })
    });
    let mut answer = json!({ "endpoints": rows.collect::<Vec<Value>>() });
    let is_gone = |set: &&EndpointSettings| {
        let api = snapshot.catalogue.find_base(&set.base);
        !api.is_some_and(|api| api.record.endpoints.iter().any(|endpoint| endpoint.id == set.endpoint))
    };
    let gone: Vec<Value> = snapshot
        .endpoint_settings
        .values()
        .filter(|set| query.base.as_deref().is_none_or(|base| base.trim_end_matches('/') == set.base))
        .filter(is_gone)
        .map(|set| json!({ "name": set.name(), "by_hand": by_hand(set) }))
        .collect();
    if !gone.is_empty() {
        answer["gone"] = json!(gone);
    }
    Ok(Json(answer))
}

/// `PATCH /apis/endpoints`: sets an endpoint by hand, or gives it back to the document.
pub(super) async fn set(State(control): Shared, Body(input): Body<Set>) -> Result<Json<Value>, Fault> {
    let work = async move |mut change: Change| {
        let snapshot = change.control.directory.snapshot();
        let target = SwitchTarget::Endpoint { method: input.method.to_uppercase(), path: input.path.clone() };
        let found = find(&snapshot, &target);
        let known = match found {
            Some((_, said)) => snapshot.endpoint_settings.get(&said.id),
            None => find_gone(&snapshot, &target),
        };
        let mut settings = match (found, known) {
            (Some((api, said)), known) => EndpointSettings {
                endpoint: said.id,
                base: api.record.base.clone(),
                method: said.operation.method.clone(),
                path: said.operation.path.clone(),
                ..known.filter(|_| !input.reset).cloned().unwrap_or_else(|| nothing(said, &change))
            },
            (None, Some(gone)) if input.reset => nothing_like(gone),
            (None, _) => return Err(unknown(&snapshot, &target)),
        };
        apply(&input, &mut settings)?;
        if let Some((_, said)) = found {
            let endpoint = settings.over(said);
            if endpoint.idempotency_required && !endpoint.write {
                return Err(Fault::bad(
                    "idempotency_required: the Idempotency-Key is read on write endpoints only; set write too",
                ));
            }
        }
        settings.set_at = change.now;
        settings.change = change.id;
        let name = settings.name();
        if settings.is_empty() {
            let is_set = known.is_some();
            if is_set {
                let note = Note::new("endpoint.reset", &name, "as the document says");
                change.commit(vec![PolicyChange::ResetEndpoint(settings.endpoint)], note).await?;
            }
        } else {
            let shown = by_hand(&settings);
            let words = shown.iter().map(|(field, value)| format!("{field} {}", in_words(value)));
            let detail = words.collect::<Vec<_>>().join(", ");
            let note = Note::new("endpoint.set", &name, detail);
            change.commit(vec![PolicyChange::PutEndpointSettings(settings.clone())], note).await?;
        }
        let now = change.control.directory.snapshot();
        let api = now.catalogue.find_base(&settings.base);
        let shown = api.and_then(|api| {
            let mut both = api.record.endpoints.iter().zip(api.endpoints());
            let (said, endpoint) = both.find(|(said, _)| said.id == settings.endpoint)?;
            Some(row(&settings.base, said, endpoint, now.endpoint_settings.get(&said.id)))
        });
        Ok(Json(shown.unwrap_or_else(|| json!({ "name": name, "gone": true }))))
    };
    control.change(work).await
}

fn row(
    base: &str,
    said: &EndpointRecord,
    endpoint: &EndpointRecord,
    settings: Option<&EndpointSettings>,
) -> Value {
    let method = &endpoint.operation.method;
    let path = format!("{base}{}", endpoint.operation.path);
    let mut row = json!({
        "name": format!("{method} {path}"),
        "method": method,
        "path": path,
        "category": endpoint.category,
        "scopes": endpoint.scopes,
        "write": endpoint.write,
        "idempotency_required": endpoint.idempotency_required,
    });
    if let Some(settings) = settings {
        row["by_hand"] = Value::Object(by_hand(settings));
        row["document"] = json!({
            "category": said.category,
            "scopes": said.scopes,
            "write": said.write,
            "idempotency_required": said.idempotency_required,
            "resend_unknown": said.resend_unknown,
        });
    }
    row
}

/// What is set, and nothing else.
fn by_hand(settings: &EndpointSettings) -> Map<String, Value> {
    let EndpointSettings { scopes, category, write, idempotency_required, resend_unknown, .. } = settings;
    let all = [
        ("scopes", json!(scopes)),
        ("category", json!(category)),
        ("write", json!(write)),
        ("idempotency_required", json!(idempotency_required)),
        ("resend_unknown", json!(resend_unknown)),
    ];
    all.into_iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn in_words(value: &Value) -> String {
    match value {
        Value::Array(scopes) if scopes.is_empty() => "none".to_owned(),
        Value::Array(scopes) => scopes.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn apply(input: &Set, settings: &mut EndpointSettings) -> Result<(), Fault> {
    let Set { reset, scopes, category, write, idempotency_required, resend_unknown, .. } = input;
    if let Some(scopes) = scopes {
        let distinct: BTreeSet<String> = scopes.iter().cloned().collect();
        check_scopes(&distinct)?;
        settings.scopes = Some(distinct.into_iter().collect());
    }
    if let Some(category) = category {
        let category = category.trim();
        let length = category.chars().count();
        if length == 0 || length > CATEGORY_CHARACTERS_MAX || category.chars().any(char::is_control) {
            return Err(Fault::bad(format!(
                "category: it must have 1 to {CATEGORY_CHARACTERS_MAX} characters, on one line"
            )));
        }
        settings.category = Some(category.to_owned());
    }
    settings.write = write.or(settings.write);
    settings.idempotency_required = idempotency_required.or(settings.idempotency_required);
    settings.resend_unknown = resend_unknown.or(settings.resend_unknown);
    if !reset && settings.is_empty() {
        return Err(Fault::bad(
            "there is nothing to set: give scopes, category, write, idempotency_required or resend_unknown, or reset",
        ));
    }
    Ok(())
}

fn nothing(said: &EndpointRecord, change: &Change) -> EndpointSettings {
    EndpointSettings {
        endpoint: said.id,
        base: String::new(),
        method: String::new(),
        path: String::new(),
        scopes: None,
        category: None,
        write: None,
        idempotency_required: None,
        resend_unknown: None,
        set_at: change.now,
        change: change.id,
    }
}

fn nothing_like(gone: &EndpointSettings) -> EndpointSettings {
    EndpointSettings {
        scopes: None,
        category: None,
        write: None,
        idempotency_required: None,
        resend_unknown: None,
        ..gone.clone()
    }
}

/// The endpoint as the document says it.
pub(super) fn find<'s>(
    snapshot: &'s Snapshot,
    target: &SwitchTarget,
) -> Option<(&'s Api, &'s EndpointRecord)> {
    let all = snapshot.catalogue.apis().iter();
    let mut all = all.flat_map(|api| api.record.endpoints.iter().map(move |endpoint| (&**api, endpoint)));
    all.find(|(api, endpoint)| target.is_endpoint(&api.record.base, &endpoint.operation))
}

/// What is set for an endpoint that is gone.
fn find_gone<'s>(snapshot: &'s Snapshot, target: &SwitchTarget) -> Option<&'s EndpointSettings> {
    let SwitchTarget::Endpoint { method, path } = target else { return None };
    let is_it = |set: &&EndpointSettings| {
        set.method == *method
            && path.strip_prefix(&set.base).is_some_and(|rest| is_same_template(rest, &set.path))
    };
    snapshot.endpoint_settings.values().find(is_it)
}

pub(super) fn unknown(snapshot: &Snapshot, target: &SwitchTarget) -> Fault {
    let SwitchTarget::Endpoint { method, path } = target else { return Fault::bad("no endpoint is named") };
    let all = snapshot.catalogue.apis().iter();
    let known: Vec<String> = all
        .flat_map(|api| {
            let base = &api.record.base;
            let name = move |endpoint: &EndpointRecord| {
                format!("{} {base}{}", endpoint.operation.method, endpoint.operation.path)
            };
            api.record.endpoints.iter().map(name)
        })
        .collect();
    Fault::unknown("endpoint", format!("{method} {path}"), known.iter().map(String::as_str))
}
