//! The partner's view of an API.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::Value;
use tollbar_contract::Environment;
use tollbar_core::{RouteSettings, SANDBOX_PREFIX, partner::PartnerView};
use tollbar_openapi::Document;

use super::{Shared, apis::find_api};
use crate::{fault::Fault, input::Query, view};

const SERVER_CHARACTERS_MAX: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    base: Option<String>,
    environment: Option<Environment>,
    server: Option<String>,
}

/// `GET /apis/openapi`
pub(super) async fn show(State(control): Shared, Query(asked): Query<Asked>) -> Result<Json<Value>, Fault> {
    let snapshot = control.directory.snapshot();
    let base = match (asked.base, snapshot.catalogue.apis()) {
        (Some(base), _) => base,
        (None, [only]) => only.record.base.clone(),
        (None, []) => return Err(Fault::not_found("nothing is imported yet")),
        (None, several) => {
            let bases: Vec<String> = several.iter().map(|api| view::base(&api.record.base)).collect();
            return Err(Fault::bad(format!("base: which one of {}?", bases.join(", "))));
        }
    };
    let api = find_api(&snapshot.catalogue, &base)?.clone();
    let base = api.record.base.clone();
    let has = |environment: &Environment| !api.record.upstreams[environment.index()].is_empty();
    let environments: Vec<Environment> = match asked.environment {
        Some(environment) if has(&environment) => vec![environment],
        Some(environment) => {
            return Err(Fault::not_found(format!(
                "the API on {} has no {environment} upstream, so that nothing is served there",
                view::base(&base)
            )));
        }
        None => [Environment::Live, Environment::Sandbox].into_iter().filter(has).collect(),
    };
    let routes = control.directory.routes.clone();
    let server = asked.server.as_deref().map(parse_server).transpose()?;
    if server.is_some() && routes.hosts.is_some() && environments.len() > 1 {
        return Err(Fault::bad(
            "server: live and sandbox have hosts of their own here; say which environment",
        ));
    }
    let servers: Vec<(Environment, String)> = environments
        .into_iter()
        .map(|environment| {
            let url = match server {
                Some(server) => named(&routes, server, environment, &base),
                None => routes.base_url(&control.settings.gateway_url, environment, &base),
            };
            (environment, url)
        })
        .collect();
    let document = control.policy.find_document(base.clone()).await?;
    let document = document.ok_or_else(|| {
        let base = view::base(&base);
        Fault::conflict(format!("the document of {base} was not kept; import it again, then it can be shown"))
    })?;
    // One large document at a time: reading one takes many times its size in memory.
    let one_at_a_time = control.importing.lock().await;
    let making = tokio::task::spawn_blocking(move || {
        let source = Document::read_tree(&document).map_err(|error| {
            Fault::internal(format!("the document that was imported cannot be read any more: {error}"))
        })?;
        let (api, catalogue) = (&api, &snapshot.catalogue);
        Ok(PartnerView { source: &source, api, catalogue, routes: &routes, servers: &servers }.document())
    });
    let outcome = making.await;
    drop(one_at_a_time);
    outcome
        .unwrap_or_else(|error| {
            tracing::error!(%error, "making a document for partners broke off");
            Err(Fault::internal("making the document broke off"))
        })
        .map(Json)
}

/// The base under an address that was named: with its own host, no prefix says which environment it is.
fn named(routes: &RouteSettings, server: &str, environment: Environment, base: &str) -> String {
    let prefix =
        if routes.hosts.is_none() && environment == Environment::Sandbox { SANDBOX_PREFIX } else { "" };
    format!("{server}{prefix}{base}")
}

fn parse_server(text: &str) -> Result<&str, Fault> {
    let server = text.trim().trim_end_matches('/');
    let rest = server.strip_prefix("https://").or_else(|| server.strip_prefix("http://"));
    let is_right = rest.is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with('/')
            && rest.len() <= SERVER_CHARACTERS_MAX
            && !rest.contains(['?', '#', '@', '\\', '{', '}'])
            && rest.chars().all(|c| c.is_ascii_graphic())
    });
    if is_right {
        Ok(server)
    } else {
        Err(Fault::bad(format!(
            "server: `{}` cannot be an address; write it like https://api.example.com, without the base",
            text.escape_debug()
        )))
    }
}
