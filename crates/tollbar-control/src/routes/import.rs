//! Importing an OpenAPI document: all of it or nothing. The running catalogue stays until the new one is durable.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{Json, extract::State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tollbar_core::{
    Api, ApiRecord, Catalogue, EndpointId, OnUpstream5xx, Switch, SwitchTarget, UpstreamErrors,
    difference::{ApiDifference, compare},
};

use super::{
    Shared,
    diff::{ByHand, DifferenceView, Read, read_document},
    observed, switches,
};
use crate::{
    change::{Change, Note},
    control::Control,
    fault::Fault,
    input::Body,
    upstream::{Urls, check_upstreams},
    view,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApi {
    document: String,
    base: Option<String>,
    upstream: Urls,
    sandbox_upstream: Option<Urls>,
    #[serde(default)]
    upstream_errors: UpstreamErrors,
    #[serde(default)]
    on_upstream_5xx: OnUpstream5xx,
    /// Whether answers are held against the document; left out: as it was.
    observe: Option<bool>,
}

#[derive(Serialize)]
pub(super) struct ImportView {
    base: String,
    title: String,
    version: String,
    endpoints: usize,
    categories: Vec<CategoryView>,
    scopes: BTreeSet<String>,
    warnings: Vec<String>,
    replaced: bool,
    upstream: Option<String>,
    sandbox_upstream: Option<String>,
    observe: bool,
    /// The sandbox upstream of what was replaced; `null` if it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_sandbox_upstream: Option<Option<String>>,
    /// Endpoints that were not there before, and those that are gone.
    added: usize,
    removed: usize,
    /// What is different from what was replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    differences: Option<DifferenceView>,
    #[serde(skip_serializing_if = "ByHand::is_empty")]
    by_hand: ByHand,
}

#[derive(Serialize)]
struct CategoryView {
    name: String,
    endpoints: usize,
}

/// `POST /apis`
pub(super) async fn import(
    State(control): Shared,
    Body(input): Body<NewApi>,
) -> Result<(StatusCode, Json<ImportView>), Fault> {
    let mut warnings = Vec::new();
    let (own, known) = (&control.settings.own_addresses, control.settings.authorities_are_known);
    let live = check_upstreams("upstream", &input.upstream, own, known, &mut warnings).await?;
    let sandbox = match &input.sandbox_upstream {
        None => Vec::new(),
        Some(urls) => check_upstreams("sandbox_upstream", urls, own, known, &mut warnings).await?,
    };
    let mut read = read_document(&control, input.document, input.base, input.observe).await?;
    read.warnings.append(&mut warnings);
    let work = async move |mut change: Change| {
        let Read { api, old: compared_with, difference, mut warnings, document } = read;
        let ids = number(&change.control, &api).await?;
        // What is durable must be sure to fit into memory: it is built already.
        let api = api.with_record(|record| {
            record.endpoints.iter_mut().zip(ids).for_each(|(endpoint, id)| endpoint.id = id);
            record.upstreams = [live, sandbox];
            record.upstream_errors = input.upstream_errors;
            record.on_upstream_5xx = input.on_upstream_5xx;
            record.imported_at = change.now;
            record.change = change.id;
        });
        let record = &api.record;
        let snapshot = change.control.directory.snapshot();
        let old = snapshot.catalogue.find_base(&record.base);
        let by_hand = ByHand::of(&api, &snapshot.endpoint_settings);
        // Somebody else may have imported in the meantime.
        let difference = if is_same_api(old, compared_with.as_ref()) {
            difference
        } else {
            compare(old.map(|api| &**api), &api.with_settings(&snapshot.endpoint_settings))
        };
        warnings.extend(nested_bases(&snapshot.catalogue, &record.base));
        warnings.extend(lost_sandbox(old.map(|api| &*api.record), record));
        warnings.extend(by_hand.warnings());
        let in_force = api.with_settings(&snapshot.endpoint_settings);
        let shown = view_of(&in_force, warnings, old.map(|api| &*api.record), &difference, by_hand);
        let [upstream, sandbox] =
            record.upstreams.each_ref().map(|urls| view::urls(urls).unwrap_or_else(|| "none".to_owned()));
        let detail = format!(
            "{} {}, {} endpoints, upstream {upstream}, sandbox upstream {sandbox}{}{}",
            record.title,
            record.version,
            record.endpoints.len(),
            if record.observe { ", answers observed" } else { "" },
            if shown.replaced {
                format!(
                    ", in place of what was there: {} added, {} removed, {} changed",
                    shown.added,
                    shown.removed,
                    difference.changed.len()
                )
            } else {
                String::new()
            }
        );
        let note = Note::new("api.import", &shown.base, detail);
        change.commit_api(&api, note, document).await?;
        observed::forget_gone(&change.control.directory);
        let now = change.control.directory.snapshot();
        let in_force = now.switches.iter().filter(|switch| switches::is_in_force(switch, change.now));
        let idle = in_force.filter(|switch| !hits_any(&now.catalogue, switch)).map(|switch| {
            format!(
                "the switch on {} hits no endpoint any more ({})",
                switches::name_of(&switch.target),
                switch.id
            )
        });
        let shown = ImportView { warnings: shown.warnings.into_iter().chain(idle).collect(), ..shown };
        Ok((StatusCode::CREATED, Json(shown)))
    };
    control.change(work).await
}

fn is_same_api(one: Option<&Arc<Api>>, other: Option<&Arc<Api>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}

/// The endpoints' durable numbers. If the import fails after this, new ones wait for the next one.
async fn number(control: &Control, api: &Api) -> Result<Vec<EndpointId>, Fault> {
    let endpoints = &api.record.endpoints;
    let names = endpoints.iter().map(|endpoint| {
        let operation = &endpoint.operation;
        (api.record.base.clone(), operation.method.clone(), operation.path.clone())
    });
    let ids = control.policy.number_endpoints(names.collect()).await?;
    if ids.len() != endpoints.len() {
        return Err(Fault::internal("the store numbered another count of endpoints than it was asked to"));
    }
    Ok(ids)
}

/// The longest base wins, so that one API can hide a part of another.
fn nested_bases(catalogue: &Catalogue, base: &str) -> Vec<String> {
    let is_under =
        |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
    let warning = |inner: &str, outer: &str| {
        format!("{inner} lies under {}: requests below {inner} go to the API there", view::base(outer))
    };
    let others = catalogue.apis().iter().map(|api| api.record.base.as_str());
    others
        .filter_map(|other| match (is_under(other, base), is_under(base, other)) {
            (true, _) => Some(warning(other, base)),
            (_, true) => Some(warning(base, other)),
            _ => None,
        })
        .collect()
}

/// An import says everything anew: a sandbox upstream that is not named again is gone.
fn lost_sandbox(old: Option<&ApiRecord>, new: &ApiRecord) -> Option<String> {
    let [_, before] = &old?.upstreams;
    let [_, now] = &new.upstreams;
    let lost = view::urls(before).filter(|_| now.is_empty())?;
    Some(format!(
        "the sandbox upstream {lost} is gone: sandbox calls are not_found now; give --sandbox-upstream to keep it"
    ))
}

fn hits_any(catalogue: &Catalogue, switch: &Switch) -> bool {
    let mut endpoints = catalogue
        .apis()
        .iter()
        .flat_map(|api| api.endpoints().map(|endpoint| (api.record.base.as_str(), endpoint)));
    match &switch.target {
        SwitchTarget::Platform => true,
        SwitchTarget::Category { name } => endpoints.any(|(_, endpoint)| endpoint.category == *name),
        target @ SwitchTarget::Endpoint { .. } => {
            endpoints.any(|(base, endpoint)| target.is_endpoint(base, &endpoint.operation))
        }
    }
}

fn view_of(
    api: &Api,
    warnings: Vec<String>,
    old: Option<&ApiRecord>,
    difference: &ApiDifference,
    by_hand: ByHand,
) -> ImportView {
    let record = &api.record;
    let [upstream, sandbox_upstream] = record.upstreams.each_ref().map(|urls| view::urls(urls));
    let mut categories: BTreeMap<&str, usize> = BTreeMap::new();
    for endpoint in api.endpoints() {
        *categories.entry(&endpoint.category).or_default() += 1;
    }
    let categories = categories.into_iter();
    ImportView {
        base: view::base(&record.base),
        title: record.title.clone(),
        version: record.version.clone(),
        endpoints: record.endpoints.len(),
        categories: categories
            .map(|(name, endpoints)| CategoryView { name: name.to_owned(), endpoints })
            .collect(),
        scopes: api.endpoints().flat_map(|endpoint| endpoint.scopes.iter().cloned()).collect(),
        warnings,
        replaced: old.is_some(),
        upstream,
        sandbox_upstream,
        observe: record.observe,
        previous_sandbox_upstream: old.map(|old| {
            let [_, sandbox] = &old.upstreams;
            view::urls(sandbox)
        }),
        added: difference.added.len(),
        removed: difference.gone.len(),
        differences: old.is_some().then(|| DifferenceView::of(difference)),
        by_hand,
    }
}
