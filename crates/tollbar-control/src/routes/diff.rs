//! Reading a document, and what it would change. Nothing is changed here.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tollbar_core::{
    API_FORMAT, Api, ApiRecord, ChangeId, EndpointId, EndpointSettings, OnUpstream5xx, RouteSettings,
    Timestamp, UpstreamErrors,
    difference::{ApiDifference, EndpointDifference, compare, number_as_known},
    import::{ImportFault, Imported, import},
};
use tollbar_openapi::{Document, Effect, Reading};

use super::Shared;
use crate::{control::Control, fault::Fault, input::Body, view};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Candidate {
    document: String,
    base: Option<String>,
}

/// What was read of a document, before anything is changed.
pub(super) struct Read {
    /// What it would be, without upstreams; its endpoints have the numbers that are known already.
    pub(super) api: Api,
    /// What is in force on its base.
    pub(super) old: Option<Arc<Api>>,
    /// What is different between the two.
    pub(super) difference: ApiDifference,
    pub(super) warnings: Vec<String>,
    pub(super) document: Vec<u8>,
}

/// Differences, for people and programs.
#[derive(Serialize)]
pub(super) struct DifferenceView {
    breaking: usize,
    added: Vec<String>,
    gone: Vec<String>,
    changed: Vec<Value>,
}

/// What is set for endpoints by hand: whose endpoints there are, and whose are gone.
#[derive(Serialize)]
pub(super) struct ByHand {
    applied: Vec<String>,
    gone: Vec<String>,
}

/// `POST /apis/diff`
pub(super) async fn diff(State(control): Shared, Body(input): Body<Candidate>) -> Result<Json<Value>, Fault> {
    let Read { api, old, difference, mut warnings, .. } =
        read_document(&control, input.document, input.base, Some(false)).await?;
    let by_hand = ByHand::of(&api, &control.directory.snapshot().endpoint_settings);
    warnings.extend(by_hand.warnings());
    let about = |api: &Api| json!({ "title": api.record.title, "version": api.record.version });
    Ok(Json(json!({
        "base": view::base(&api.record.base),
        "from": old.as_deref().map(about),
        "to": about(&api),
        "same": difference.is_empty(),
        "differences": DifferenceView::of(&difference),
        "by_hand": by_hand,
        "warnings": warnings,
    })))
}

/// Reads the document on a thread that may be kept busy, and without the right to change policy: revoking a key must
/// not wait for it. `observe`: whether what it says of answers is read; `None`: if that is so of what is in force.
pub(super) async fn read_document(
    control: &Control,
    text: String,
    base: Option<String>,
    observe: Option<bool>,
) -> Result<Read, Fault> {
    let one_at_a_time = control.importing.lock().await;
    let directory = control.directory.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let snapshot = directory.snapshot();
        let parse = |responses| parse(&text, base.as_deref(), Reading { responses }, &directory.routes);
        let mut read = parse(observe == Some(true));
        let observe = observe.unwrap_or_else(|| {
            let base = read.as_ref().ok().map(|(_, imported)| imported.base.as_str());
            let old = base.and_then(|base| snapshot.catalogue.find_base(base));
            let is_observed = old.is_some_and(|api| api.record.observe);
            if is_observed {
                // Only now it is known what it takes the place of.
                read = parse(true);
            }
            is_observed
        });
        let read = read.map_err(|fault| {
            let is_of_answers = observe && parse(false).is_ok();
            let hint =
                "; without observing its answers (observe false, --no-observe) the document can be imported";
            if is_of_answers { Fault::bad(format!("{fault}{hint}")) } else { Fault::bad(fault) }
        });
        let (document, Imported { base, mut endpoints, schemas, warnings }) = read?;
        if endpoints.is_empty() {
            let reason = warnings.last().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let message = format!("document: it has no operation that could be an endpoint{reason}");
            return Err(Fault::bad(message));
        }
        let old = snapshot.catalogue.find_base(&base).cloned();
        number_as_known(&mut endpoints, &base, old.as_deref(), snapshot.endpoint_settings.values());
        let record = ApiRecord {
            format: API_FORMAT,
            base,
            title: document.title().to_owned(),
            version: document.version().to_owned(),
            upstreams: [Vec::new(), Vec::new()],
            upstream_errors: UpstreamErrors::default(),
            on_upstream_5xx: OnUpstream5xx::default(),
            observe,
            endpoints,
            schemas,
            imported_at: Timestamp::default(),
            change: ChangeId(0),
        };
        drop(document);
        let api = Api::new(record).map_err(|fault| Fault::bad(format!("document: {fault}")))?;
        let difference = compare(old.as_deref(), &api.with_settings(&snapshot.endpoint_settings));
        Ok(Read { api, old, difference, warnings, document: text.into_bytes() })
    });
    let outcome = reading.await;
    drop(one_at_a_time);
    outcome.unwrap_or_else(|error| {
        tracing::error!(%error, "reading a document broke off");
        Err(Fault::internal("reading the document broke off; nothing was changed"))
    })
}

/// The document, and what it becomes; or what is wrong.
fn parse(
    text: &str,
    base: Option<&str>,
    reading: Reading,
    routes: &RouteSettings,
) -> Result<(Document, Imported), String> {
    let document =
        Document::parse_with(text.as_bytes(), reading).map_err(|error| format!("document: {error}"))?;
    let imported = import(&document, base, routes).map_err(|fault| match fault {
        ImportFault::Base(_) => format!("base: {fault}"),
        ImportFault::Routes(_) => format!("document: {fault}"),
    })?;
    Ok((document, imported))
}

impl DifferenceView {
    pub(super) fn of(difference: &ApiDifference) -> Self {
        let ApiDifference { added, gone, changed } = difference;
        Self {
            breaking: difference.breaking(),
            added: added.clone(),
            gone: gone.clone(),
            changed: changed.iter().map(endpoint).collect(),
        }
    }
}

fn endpoint(changed: &EndpointDifference) -> Value {
    let EndpointDifference { name, was, differences } = changed;
    let differences = differences.iter().map(|one| {
        let effect = match one.effect {
            Effect::Breaking => "breaking",
            Effect::Changed => "changed",
            Effect::Compatible => "compatible",
        };
        json!({ "effect": effect, "text": one.text })
    });
    let mut shown = json!({ "name": name, "differences": differences.collect::<Vec<Value>>() });
    if let Some(was) = was {
        shown["was"] = json!(was);
    }
    shown
}

impl ByHand {
    /// Of one API, by the numbers of its endpoints.
    pub(super) fn of(api: &Api, settings: &BTreeMap<EndpointId, EndpointSettings>) -> Self {
        let base = &api.record.base;
        let here: BTreeMap<EndpointId, String> = api
            .record
            .endpoints
            .iter()
            .map(|endpoint| {
                let operation = &endpoint.operation;
                (endpoint.id, format!("{} {base}{}", operation.method, operation.path))
            })
            .collect();
        let mut shown = Self { applied: Vec::new(), gone: Vec::new() };
        for set in settings.values().filter(|set| set.base == *base) {
            match here.get(&set.endpoint) {
                Some(name) => shown.applied.push(name.clone()),
                None => shown.gone.push(set.name()),
            }
        }
        shown
    }

    pub(super) fn is_empty(&self) -> bool {
        self.applied.is_empty() && self.gone.is_empty()
    }

    pub(super) fn warnings(&self) -> impl Iterator<Item = String> {
        self.gone.iter().map(|name| {
            format!(
                "what is set by hand for {name} has no endpoint any more; it holds again if the endpoint comes back, and \
                 `tollbar endpoint set '{name}' --reset` forgets it"
            )
        })
    }
}
