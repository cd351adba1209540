//! Importing an OpenAPI document: all of it or nothing. The running catalogue stays until the new one is durable.

use std::collections::{BTreeMap, BTreeSet};

use axum::{Json, extract::State};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use tollbar_core::{
    Api, ApiRecord, Catalogue, EndpointRecord, OnUpstream5xx, PolicyChange, Switch, SwitchTarget,
    UpstreamErrors,
    import::{ImportFault, Imported, import as import_document},
};
use tollbar_openapi::Document;

use super::{Shared, switches};
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
    /// The sandbox upstream of what was replaced; `null` if it had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_sandbox_upstream: Option<Option<String>>,
    /// Endpoints that were not there before, and those that are gone.
    added: usize,
    removed: usize,
}

#[derive(Serialize)]
struct CategoryView {
    name: String,
    endpoints: usize,
}

/// What was read of the document, before anything is changed.
struct Read {
    title: String,
    version: String,
    imported: Imported,
    document: Vec<u8>,
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
    let mut read = read_document(&control, input.document, input.base).await?;
    read.imported.warnings.append(&mut warnings);
    let work = async move |mut change: Change| {
        let Read {
            title,
            version,
            imported: Imported { base, mut endpoints, schemas, mut warnings },
            document,
        } = read;
        number(&change.control, &base, &mut endpoints).await?;
        let record = ApiRecord {
            base,
            title,
            version,
            upstreams: [live, sandbox],
            upstream_errors: input.upstream_errors,
            on_upstream_5xx: input.on_upstream_5xx,
            endpoints,
            schemas,
            imported_at: change.now,
            change: change.id,
        };
        // What is durable must be sure to fit into memory: it is built once before.
        let record = Api::new(record)
            .map(|api| api.record)
            .map_err(|fault| Fault::bad(format!("document: {fault}")))?;
        let snapshot = change.control.directory.snapshot();
        let old = snapshot.catalogue.find_base(&record.base).map(|api| &api.record);
        warnings.extend(nested_bases(&snapshot.catalogue, &record.base));
        warnings.extend(lost_sandbox(old, &record));
        let shown = view_of(&record, warnings, old);
        let [upstream, sandbox] =
            record.upstreams.each_ref().map(|urls| view::urls(urls).unwrap_or_else(|| "none".to_owned()));
        let detail = format!(
            "{} {}, {} endpoints, upstream {upstream}, sandbox upstream {sandbox}{}",
            record.title,
            record.version,
            record.endpoints.len(),
            if shown.replaced {
                format!(", in place of what was there: {} added, {} removed", shown.added, shown.removed)
            } else {
                String::new()
            }
        );
        let note = Note::new("api.import", &shown.base, detail);
        change.commit_with(vec![PolicyChange::PutApi(Box::new(record))], note, Some(document)).await?;
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

/// Reads the document on a thread that may be kept busy, before the right to change policy is taken: revoking a
/// key must not wait for it.
async fn read_document(control: &Control, text: String, base: Option<String>) -> Result<Read, Fault> {
    let one_at_a_time = control.importing.lock().await;
    let settings = control.directory.routes.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let document =
            Document::parse(text.as_bytes()).map_err(|error| Fault::bad(format!("document: {error}")))?;
        let imported =
            import_document(&document, base.as_deref(), &settings).map_err(|fault| match fault {
                ImportFault::Base(_) => Fault::bad(format!("base: {fault}")),
                ImportFault::Routes(_) => Fault::bad(format!("document: {fault}")),
            })?;
        if imported.endpoints.is_empty() {
            let reason = imported.warnings.last().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let message = format!("document: it has no operation that could be an endpoint{reason}");
            return Err(Fault::bad(message));
        }
        let (title, version) = (document.title().to_owned(), document.version().to_owned());
        Ok(Read { title, version, imported, document: text.into_bytes() })
    });
    let outcome = reading.await;
    drop(one_at_a_time);
    outcome.unwrap_or_else(|error| {
        tracing::error!(%error, "reading a document broke off");
        Err(Fault::internal("reading the document broke off; nothing was changed"))
    })
}

/// Gives endpoints their durable numbers. If the import fails after this, the numbers wait for the next one.
async fn number(control: &Control, base: &str, endpoints: &mut [EndpointRecord]) -> Result<(), Fault> {
    if endpoints.is_empty() {
        return Err(Fault::bad("document: it has no operation that could be an endpoint"));
    }
    let names = endpoints.iter().map(|endpoint| {
        let operation = &endpoint.operation;
        (base.to_owned(), operation.method.clone(), operation.path.clone())
    });
    let ids = control.policy.number_endpoints(names.collect()).await?;
    if ids.len() != endpoints.len() {
        return Err(Fault::internal("the store numbered another count of endpoints than it was asked to"));
    }
    for (endpoint, id) in endpoints.iter_mut().zip(ids) {
        endpoint.id = id;
    }
    Ok(())
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
        .flat_map(|api| api.record.endpoints.iter().map(|endpoint| (api.record.base.as_str(), endpoint)));
    match &switch.target {
        SwitchTarget::Platform => true,
        SwitchTarget::Category { name } => endpoints.any(|(_, endpoint)| endpoint.category == *name),
        SwitchTarget::Endpoint { method, path } => endpoints.any(|(base, endpoint)| {
            let operation = &endpoint.operation;
            operation.method == *method && path.strip_prefix(base) == Some(operation.path.as_str())
        }),
    }
}

fn view_of(record: &ApiRecord, warnings: Vec<String>, old: Option<&ApiRecord>) -> ImportView {
    let names =
        |record: &ApiRecord| record.endpoints.iter().map(EndpointRecord::name).collect::<BTreeSet<_>>();
    let (before, after) = (old.map(names).unwrap_or_default(), names(record));
    let [upstream, sandbox_upstream] = record.upstreams.each_ref().map(|urls| view::urls(urls));
    let mut categories: BTreeMap<&str, usize> = BTreeMap::new();
    for endpoint in &record.endpoints {
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
        scopes: record.endpoints.iter().flat_map(|endpoint| endpoint.scopes.iter().cloned()).collect(),
        warnings,
        replaced: old.is_some(),
        upstream,
        sandbox_upstream,
        previous_sandbox_upstream: old.map(|old| {
            let [_, sandbox] = &old.upstreams;
            view::urls(sandbox)
        }),
        added: after.difference(&before).count(),
        removed: before.difference(&after).count(),
    }
}
