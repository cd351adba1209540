//! Where upstreams' answers differ from their documents: what was counted since the start.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use tollbar_core::{Api, Directory, EndpointRecord, SwitchTarget, observation::Observed};

use super::{
    Shared,
    apis::find_api,
    endpoints::{find, unknown},
};
use crate::{fault::Fault, input::Query, view};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    base: Option<String>,
    /// `GET /v1/orders/{id}`
    endpoint: Option<String>,
}

/// `GET /observed`: endpoints whose answers were seen, those that differ most first.
pub(super) async fn list(State(control): Shared, Query(asked): Query<Asked>) -> Result<Json<Value>, Fault> {
    let snapshot = control.directory.snapshot();
    let (apis, only): (Vec<&Api>, _) = match (&asked.base, &asked.endpoint) {
        (Some(_), Some(_)) => {
            return Err(Fault::bad("endpoint: it has its base in it; leave base out"));
        }
        (Some(base), None) => (vec![find_api(&snapshot.catalogue, base)?], None),
        (None, Some(name)) => {
            let target = parse_endpoint(name)?;
            let (api, endpoint) = find(&snapshot, &target).ok_or_else(|| unknown(&snapshot, &target))?;
            (vec![api], Some(endpoint.id))
        }
        (None, None) => (snapshot.catalogue.apis().iter().map(|api| &**api).collect(), None),
    };
    let is_asked_for = |endpoint: &&EndpointRecord| only.is_none_or(|only| endpoint.id == only);
    let mut seen: Vec<(String, Observed)> = Vec::new();
    for api in apis.iter().filter(|api| api.record.observe) {
        for endpoint in api.record.endpoints.iter().filter(is_asked_for) {
            let name =
                format!("{} {}{}", endpoint.operation.method, api.record.base, endpoint.operation.path);
            let observed = control.directory.observations.find(endpoint.id, api.record.change);
            seen.extend(observed.map(|observed| (name, observed)));
        }
    }
    seen.sort_by(|(name, one), (other_name, other)| {
        other.differing.cmp(&one.differing).then_with(|| name.cmp(other_name))
    });
    let bases = |observe: bool| {
        let some = apis.iter().filter(|api| api.record.observe == observe);
        some.map(|api| view::base(&api.record.base)).collect::<Vec<String>>()
    };
    Ok(Json(json!({
        "since": view::time(control.settings.started_at),
        "observed": bases(true),
        "not_observed": bases(false),
        "endpoints": seen.iter().map(|(name, observed)| row(name, observed)).collect::<Vec<Value>>(),
    })))
}

/// What is known of endpoints that no API has any more is of no use, and takes room.
pub(super) fn forget_gone(directory: &Directory) {
    let snapshot = directory.snapshot();
    let observed = snapshot.catalogue.apis().iter().filter(|api| api.record.observe);
    let ids: std::collections::HashSet<_> =
        observed.flat_map(|api| api.record.endpoints.iter().map(|endpoint| endpoint.id)).collect();
    directory.observations.retain(|id| ids.contains(&id));
}

fn row(name: &str, observed: &Observed) -> Value {
    let Observed { looked_at, not_looked_at, differing, sentences, untold } = observed;
    let mut sentences: Vec<_> = sentences.iter().collect();
    sentences.sort_by_key(|sentence| std::cmp::Reverse(sentence.count));
    let differences = sentences.into_iter().map(|sentence| {
        json!({
            "text": sentence.text,
            "count": sentence.count,
            "last_request": sentence.last_request.as_str(),
            "last_at": view::time(sentence.last_at),
        })
    });
    json!({
        "name": name,
        "looked_at": looked_at,
        "not_looked_at": not_looked_at,
        "differing": differing,
        "differences": differences.collect::<Vec<Value>>(),
        "untold": untold,
    })
}

fn parse_endpoint(name: &str) -> Result<SwitchTarget, Fault> {
    let parts = name.trim().split_once(' ').map(|(method, path)| (method, path.trim()));
    let Some((method, path)) = parts.filter(|(_, path)| path.starts_with('/')) else {
        return Err(Fault::bad(format!(
            "endpoint: `{}` is not one; write method and path with its base, such as GET /v1/orders/{{id}}",
            name.escape_debug()
        )));
    };
    Ok(SwitchTarget::Endpoint { method: method.to_uppercase(), path: path.to_owned() })
}
