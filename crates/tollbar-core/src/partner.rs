//! The partner's view: an imported document as it is enforced.
//!
//! What partners cannot call is gone; how they authenticate, what they may do and what goes wrong is said as it is here,
//! whatever the document says of itself.

mod errors;
mod references;
mod responses;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Map, Value, json};
use tollbar_contract::Environment;

pub use errors::can_answer;

use crate::{Api, Catalogue, EndpointRecord, OwnRoute, RouteSettings};
use references::{keep_reachable, move_out_of_paths, resolve, strip_internal};
use responses::Responses;

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// What a view is made of.
pub struct PartnerView<'a> {
    /// The document that the API was made of.
    pub source: &'a Value,
    /// The API.
    pub api: &'a Api,
    /// All APIs: one below another's base hides what is there.
    pub catalogue: &'a Catalogue,
    /// How paths are divided.
    pub routes: &'a RouteSettings,
    /// The environments to show, each with the URL of the base there.
    pub servers: &'a [(Environment, String)],
}

impl PartnerView<'_> {
    /// The document for partners, of the version of the source.
    pub fn document(&self) -> Value {
        let mut document = self.source.clone();
        strip_internal(&mut document);
        let source = document.clone();
        let Some(root) = document.as_object_mut() else { return document };
        root.shift_remove("security");
        let descriptions = [(Environment::Live, "Live"), (Environment::Sandbox, "Sandbox")];
        let servers = self.servers.iter().map(|(environment, url)| {
            let description = descriptions.iter().find(|(known, _)| known == environment);
            json!({ "url": url, "description": description.map_or("", |(_, words)| words) })
        });
        root.insert("servers".to_owned(), servers.collect());
        let mut responses = Responses::new(&source, self.api.record.upstream_errors);
        let paths = self.paths(&source, &mut responses);
        root.insert("paths".to_owned(), Value::Object(paths));
        if let Some(webhooks) = root.get_mut("webhooks") {
            without_security(webhooks);
        }
        let components = root.entry("components").or_insert_with(|| json!({}));
        if let Some(components) = components.as_object_mut() {
            components.insert("securitySchemes".to_owned(), self.security_schemes(&source));
        }
        responses.put_into(&mut document);
        move_out_of_paths(&source, &mut document);
        keep_reachable(&mut document);
        document
    }

    /// The endpoints that partners can call.
    pub fn endpoints(&self) -> impl Iterator<Item = &EndpointRecord> {
        self.api.endpoints().filter(|endpoint| !self.is_hidden(&endpoint.operation.path))
    }

    /// Whether something else answers at a path.
    fn is_hidden(&self, path: &str) -> bool {
        let is_own = OwnRoute::paths()
            .any(|own| path.strip_prefix(self.routes.own_prefix.as_str()).is_some_and(|rest| rest == own));
        let base = self.api.record.base.as_str();
        let is_anothers = self.catalogue.apis().iter().any(|other| {
            let inner = other.record.base.strip_prefix(base).filter(|inner| !inner.is_empty());
            inner.is_some_and(|inner| {
                path.strip_prefix(inner).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        });
        is_own || is_anothers
    }

    fn paths(&self, source: &Value, responses: &mut Responses<'_>) -> Map<String, Value> {
        let by_name: HashMap<(String, &str), &EndpointRecord> = self
            .endpoints()
            .map(|endpoint| {
                let operation = &endpoint.operation;
                ((operation.method.to_ascii_lowercase(), operation.path.as_str()), endpoint)
            })
            .collect();
        let mut paths = Map::new();
        let listed = source.get("paths").and_then(Value::as_object);
        for (path, item) in listed.into_iter().flatten() {
            if path.starts_with("x-") {
                paths.insert(path.clone(), item.clone());
                continue;
            }
            let mut item = written_out(source, item);
            item.shift_remove("servers");
            let shared = item.get("parameters").cloned();
            let mut has_some = false;
            for method in METHODS {
                let Some(operation) = item.shift_remove(method) else { continue };
                let Some(endpoint) = by_name.get(&(method.to_owned(), path.as_str())) else { continue };
                let operation = written_out(source, &operation);
                let operation = self.operation(source, endpoint, operation, shared.as_ref(), responses);
                item.insert(method.to_owned(), Value::Object(operation));
                has_some = true;
            }
            if has_some {
                // A key that is ours stands with the operations that have it.
                let keeps = |parameter: &Value| !is_idempotency_key(source, parameter);
                retain_items(&mut item, "parameters", keeps);
                paths.insert(path.clone(), Value::Object(item));
            }
        }
        paths
    }

    fn operation(
        &self,
        source: &Value,
        endpoint: &EndpointRecord,
        mut operation: Map<String, Value>,
        shared: Option<&Value>,
        responses: &mut Responses<'_>,
    ) -> Map<String, Value> {
        operation.shift_remove("servers");
        if let Some(callbacks) = operation.get_mut("callbacks").and_then(Value::as_object_mut) {
            callbacks.values_mut().for_each(without_security);
        }
        operation.insert("security".to_owned(), self.security(endpoint));
        let own = operation.get("parameters").and_then(Value::as_array);
        let has_own = own.is_some_and(|own| own.iter().any(|one| is_idempotency_key(source, one)));
        let shared = shared.and_then(Value::as_array).into_iter().flatten();
        let shared = shared.filter(|one| is_idempotency_key(source, one)).cloned();
        let added: Vec<Value> = if endpoint.write {
            retain_items(&mut operation, "parameters", |one| !is_idempotency_key(source, one));
            vec![idempotency_key(endpoint.idempotency_required)]
        } else if has_own {
            Vec::new()
        } else {
            shared.collect()
        };
        if !added.is_empty() {
            let list = operation.entry("parameters").or_insert_with(|| json!([]));
            if let Some(list) = list.as_array_mut() {
                list.extend(added);
            }
        }
        let described = operation.shift_remove("responses").unwrap_or_default();
        operation.insert("responses".to_owned(), responses.of(endpoint, &described));
        operation
    }

    /// The ways in: the key, or a token with the scopes.
    fn security(&self, endpoint: &EndpointRecord) -> Value {
        let mut ways = vec![json!({ "ApiKey": [] })];
        ways.extend(self.servers.iter().map(|(environment, _)| {
            let scopes: Vec<&str> = endpoint.scopes.iter().map(String::as_str).collect();
            json!({ token_scheme(*environment): scopes })
        }));
        Value::Array(ways)
    }

    fn security_schemes(&self, source: &Value) -> Value {
        let required: BTreeSet<&str> =
            self.endpoints().flat_map(|endpoint| endpoint.scopes.iter().map(String::as_str)).collect();
        let known = scope_descriptions(source);
        let scopes: Map<String, Value> = required
            .iter()
            .map(|scope| ((*scope).to_owned(), json!(known.get(*scope).copied().unwrap_or_default())))
            .collect();
        let mut schemes = json!({ "ApiKey": {
            "type": "apiKey", "in": "header", "name": "X-API-Key",
            "description": "The API key. What it may do is decided for each key."
        } });
        for (environment, url) in self.servers {
            schemes[token_scheme(*environment)] = json!({
                "type": "oauth2",
                "description": "A token of the token endpoint, as Authorization: Bearer.",
                "flows": { "clientCredentials": {
                    "tokenUrl": format!("{url}{}/oauth/token", self.routes.own_prefix), "scopes": scopes
                } }
            });
        }
        schemes
    }
}

const fn token_scheme(environment: Environment) -> &'static str {
    match environment {
        Environment::Live => "OAuth2",
        Environment::Sandbox => "OAuth2Sandbox",
    }
}

/// What the document says of its scopes.
fn scope_descriptions(source: &Value) -> BTreeMap<&str, &str> {
    let schemes = source.pointer("/components/securitySchemes").and_then(Value::as_object);
    let flows = schemes.into_iter().flat_map(Map::values).filter_map(|scheme| scheme["flows"].as_object());
    let scopes = flows.flat_map(Map::values).filter_map(|flow| flow["scopes"].as_object());
    scopes.flatten().filter_map(|(name, words)| Some((name.as_str(), words.as_str()?))).collect()
}

/// An object without a reference: what stands beside the reference counts before what it refers to.
fn written_out(source: &Value, value: &Value) -> Map<String, Value> {
    let mut written = resolve(source, value).as_object().cloned().unwrap_or_default();
    for (name, member) in value.as_object().into_iter().flatten().filter(|(name, _)| *name != "$ref") {
        written.insert(name.clone(), member.clone());
    }
    written
}

fn retain_items(members: &mut Map<String, Value>, name: &str, keeps: impl FnMut(&Value) -> bool) {
    let Some(list) = members.get_mut(name).and_then(Value::as_array_mut) else { return };
    list.retain(keeps);
    if list.is_empty() {
        members.shift_remove(name);
    }
}

fn is_idempotency_key(source: &Value, parameter: &Value) -> bool {
    let parameter = resolve(source, parameter);
    parameter["in"] == "header"
        && parameter["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("idempotency-key"))
}

fn idempotency_key(required: bool) -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header", "required": required,
        "description": "Names this write: sent again with the same key, it is executed once, and the first answer comes again.",
        "schema": { "type": "string", "minLength": 1, "maxLength": 257, "pattern": "^[!-~]+$" }
    })
}

/// Operations that are not called here say nothing of our schemes.
fn without_security(items: &mut Value) {
    for item in items.as_object_mut().into_iter().flat_map(|items| items.values_mut()) {
        for method in METHODS {
            if let Some(operation) = item.get_mut(method).and_then(Value::as_object_mut) {
                operation.shift_remove("security");
            }
        }
    }
}

#[cfg(test)]
mod tests;
