//! Swagger 2.0, made into OpenAPI 3.0 before it is read. What cannot be made sense of is left as it is, so that the
//! reader of 3.0 says what is wrong with it.

mod parameters;
mod schemas;

use serde_json::{Map, Value, json};

use super::error::join;
use super::{LoadError, Warnings};
use parameters::{Found, Target};
use schemas::Schemas;

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// What an operation says otherwise, or not at all, in 3.0.
const REPLACED: [&str; 5] = ["parameters", "consumes", "produces", "schemes", "responses"];

/// What a body is where nobody says.
const USUAL_MEDIA_TYPE: &str = "application/json";

/// Makes a 3.0 document of a 2.0 one.
pub(super) fn convert(old: &Value, warnings: &mut Warnings) -> Result<Value, LoadError> {
    warnings
        .add("/swagger", "the document is Swagger 2.0; it is read as if it were converted to OpenAPI 3.0");
    let converter = Converter { old, schemas: Schemas::new(old) };
    let mut new = Map::from_iter([("openapi".to_owned(), json!("3.0.3"))]);
    for (name, value) in members(Some(old)) {
        if ["info", "tags", "externalDocs", "security"].contains(&name) || name.starts_with("x-") {
            new.insert(name.to_owned(), value.clone());
        }
    }
    new.insert("servers".to_owned(), servers(old));
    if let Some(paths) = old.get("paths") {
        new.insert("paths".to_owned(), converter.paths(paths, warnings));
    }
    new.insert("components".to_owned(), converter.components(warnings));
    if !converter.schemas.is_whole() {
        return Err(LoadError::new("the document is too large once its references are written out").at(""));
    }
    Ok(Value::Object(new))
}

/// The place in the 2.0 document of what stands at a place in the 3.0 one, as closely as it can be told.
pub(super) fn origin(pointer: &str) -> String {
    let moved = [
        ("/components/schemas", "/definitions"),
        ("/components/parameters", "/parameters"),
        ("/components/requestBodies", "/parameters"),
        ("/components/responses", "/responses"),
        ("/components/securitySchemes", "/securityDefinitions"),
    ];
    for (new, old) in moved {
        if let Some(rest) = pointer.strip_prefix(new) {
            // What stands in `content` stood somewhere else.
            let rest = rest.split("/content/").next().unwrap_or_default();
            return format!("{old}{rest}");
        }
    }
    // Bodies were parameters, and the numbers of those that stayed have changed.
    for ended in ["/parameters/", "/requestBody"] {
        if let Some((place, _)) = pointer.split_once(ended).filter(|_| pointer.starts_with("/paths/")) {
            return format!("{place}/parameters");
        }
    }
    if pointer.starts_with("/servers") { String::new() } else { pointer.to_owned() }
}

struct Converter<'o> {
    old: &'o Value,
    schemas: Schemas<'o>,
}

impl<'o> Converter<'o> {
    fn paths(&self, paths: &'o Value, warnings: &mut Warnings) -> Value {
        let Value::Object(all) = paths else { return paths.clone() };
        let converted = all.iter().map(|(path, item)| {
            let item = if path.starts_with("x-") {
                item.clone()
            } else {
                self.path(item, &join("/paths", path), warnings)
            };
            (path.clone(), item)
        });
        converted.collect()
    }

    fn path(&self, item: &'o Value, pointer: &str, warnings: &mut Warnings) -> Value {
        let Value::Object(all) = item else { return item.clone() };
        let shared = self.list(item.get("parameters"), &join(pointer, "parameters"), warnings);
        let mut new = Map::new();
        for (name, value) in all {
            let value = match name.as_str() {
                "parameters" => continue,
                method if METHODS.contains(&method) => {
                    self.operation(value, &shared, &join(pointer, method), warnings)
                }
                _ => value.clone(),
            };
            new.insert(name.clone(), value);
        }
        if let Some(list) = shared.listed {
            new.insert("parameters".to_owned(), list);
        }
        Value::Object(new)
    }

    fn operation(&self, old: &'o Value, shared: &Found, pointer: &str, warnings: &mut Warnings) -> Value {
        let Value::Object(all) = old else { return old.clone() };
        let kept = all.iter().filter(|(name, _)| !REPLACED.contains(&name.as_str()));
        let mut new: Map<String, Value> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        let own = self.list(old.get("parameters"), &join(pointer, "parameters"), warnings);
        let consumes = self.media_types(old, "consumes");
        if let Some(body) = own.body_beside(shared, &consumes, &self.schemas, pointer, warnings) {
            new.insert("requestBody".to_owned(), body);
        }
        if let Some(list) = own.listed {
            new.insert("parameters".to_owned(), list);
        }
        if let Some(Value::Object(responses)) = old.get("responses") {
            let produces = self.media_types(old, "produces");
            let responses = responses
                .iter()
                .map(|(status, response)| (status.clone(), self.response(response, &produces)));
            new.insert("responses".to_owned(), responses.collect());
        }
        Value::Object(new)
    }

    fn response(&self, old: &'o Value, produces: &[String]) -> Value {
        let Value::Object(all) = old else { return old.clone() };
        if let Some(target) = old.get("$ref").and_then(Value::as_str) {
            return json!({ "$ref": self.schemas.reference(target) });
        }
        let mut new = Map::new();
        for (name, value) in all {
            match name.as_str() {
                "schema" => {
                    new.insert(
                        "content".to_owned(),
                        content(&self.schemas.convert(value), produces, &self.schemas),
                    );
                }
                "headers" => {
                    let headers = members(Some(value))
                        .map(|(name, header)| (name.to_owned(), parameters::header(header, &self.schemas)));
                    new.insert(name.clone(), headers.collect());
                }
                "examples" => {}
                _ => {
                    new.insert(name.clone(), value.clone());
                }
            }
        }
        Value::Object(new)
    }

    fn components(&self, warnings: &mut Warnings) -> Value {
        let (mut parameters, mut bodies) = (Map::new(), Map::new());
        let consumes = self.media_types(&Value::Null, "consumes");
        for (name, old) in members(self.old.get("parameters")) {
            match parameters::convert(old, &self.schemas, &join("/parameters", name), warnings) {
                Target::Listed(new) => drop(parameters.insert(name.to_owned(), new)),
                Target::Body { schema, required } => {
                    let body = json!({ "required": required, "content": content(&schema, &consumes, &self.schemas) });
                    bodies.insert(name.to_owned(), body);
                }
                // Written into each operation that has it.
                Target::Field(_) => {}
            }
        }
        let produces = self.media_types(&Value::Null, "produces");
        let responses = members(self.old.get("responses"))
            .map(|(name, response)| (name.to_owned(), self.response(response, &produces)));
        let responses: Map<String, Value> = responses.collect();
        let schemes = members(self.old.get("securityDefinitions"))
            .map(|(name, scheme)| (name.to_owned(), security_scheme(scheme)));
        let schemes: Map<String, Value> = schemes.collect();
        let definitions = members(self.old.get("definitions"))
            .map(|(name, schema)| (name.to_owned(), self.schemas.convert(schema)));
        let mut definitions: Map<String, Value> = definitions.collect();
        // Last, when all references have been seen.
        definitions.extend(self.schemas.take_moved());
        json!({
            "schemas": definitions,
            "parameters": parameters,
            "requestBodies": bodies,
            "responses": responses,
            "securitySchemes": schemes,
        })
    }

    /// `consumes` or `produces`: the operation's, else the document's.
    fn media_types(&self, operation: &Value, name: &str) -> Vec<String> {
        let listed = operation.get(name).or_else(|| self.old.get(name)).and_then(Value::as_array);
        let listed = listed.into_iter().flatten().filter_map(Value::as_str);
        listed.filter(|kind| !kind.is_empty()).map(str::to_owned).collect()
    }

    fn list(&self, list: Option<&'o Value>, pointer: &str, warnings: &mut Warnings) -> Found {
        parameters::list(list, self.old, &self.schemas, pointer, warnings)
    }
}

fn members(object: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    object.and_then(Value::as_object).into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn content(schema: &Value, media_types: &[String], schemas: &Schemas<'_>) -> Value {
    let usual = [USUAL_MEDIA_TYPE.to_owned()];
    let media_types = if media_types.is_empty() { &usual } else { media_types };
    if !schemas.may_write(schema, media_types.len()) {
        return json!({});
    }
    media_types.iter().map(|kind| (kind.clone(), json!({ "schema": schema }))).collect()
}

fn servers(old: &Value) -> Value {
    let text = |name: &str| old.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let base = text("basePath").unwrap_or_default();
    let slash = if base.is_empty() || base.starts_with('/') { "" } else { "/" };
    let Some(host) = text("host") else {
        return if base.is_empty() { json!([]) } else { json!([{ "url": format!("{slash}{base}") }]) };
    };
    let schemes = old.get("schemes").and_then(Value::as_array).into_iter().flatten();
    let mut schemes: Vec<&str> = schemes.filter_map(Value::as_str).collect();
    if schemes.is_empty() {
        schemes.push("https");
    }
    schemes.iter().map(|scheme| json!({ "url": format!("{scheme}://{host}{slash}{base}") })).collect()
}

fn security_scheme(old: &Value) -> Value {
    let text = |name: &str| old.get(name).and_then(Value::as_str);
    match (text("type"), text("flow")) {
        (Some("basic"), _) => json!({ "type": "http", "scheme": "basic" }),
        (Some("oauth2"), Some(flow)) => {
            let flow = match flow {
                "application" => "clientCredentials",
                "accessCode" => "authorizationCode",
                other => other,
            };
            let kept = ["authorizationUrl", "tokenUrl", "scopes"];
            let kept = members(Some(old)).filter(|(name, _)| kept.contains(name));
            let kept: Map<String, Value> =
                kept.map(|(name, value)| (name.to_owned(), value.clone())).collect();
            json!({ "type": "oauth2", "flows": { flow: kept } })
        }
        _ => old.clone(),
    }
}

#[cfg(test)]
mod tests;
