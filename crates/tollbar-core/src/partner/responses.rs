//! Responses: the document's own successes with our headers, and the errors as they are answered here.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tollbar_contract::Code;

use super::{
    errors::can_answer,
    references::{free_name, resolve},
};
use crate::{EndpointRecord, UpstreamErrors};

/// The headers of our own: a name for the component, the header's name, its type, and what it says.
const HEADERS: [(&str, &str, &str, &str); 14] = [
    ("RequestId", "X-Request-Id", "string", "The id of this request, for support."),
    ("ErrorCode", "X-Error-Code", "string", "The error's code, as in the body."),
    ("ErrorSource", "X-Error-Source", "string", "Whose error it is: gateway or upstream."),
    ("ShouldRetry", "X-Should-Retry", "string", "false: the same request will not succeed later."),
    ("RetryAfter", "Retry-After", "integer", "Seconds after which to try again."),
    ("Challenge", "WWW-Authenticate", "string", "How to authenticate."),
    ("RateLimit", "X-RateLimit-Limit", "integer", "Requests that any 60 seconds may have."),
    ("RateRemaining", "X-RateLimit-Remaining", "integer", "How many of them are left now."),
    ("RateReset", "X-RateLimit-Reset", "integer", "Unix seconds at which all of them are there again."),
    ("AllowanceLimit", "X-Allowance-Limit", "integer", "Requests in this calendar month."),
    ("AllowanceRemaining", "X-Allowance-Remaining", "integer", "How many of them are left."),
    (
        "AllowanceReset",
        "X-Allowance-Reset",
        "integer",
        "Unix seconds at which the next month begins, in UTC.",
    ),
    ("Replayed", "Idempotent-Replayed", "string", "true: the stored answer to an earlier request."),
    ("OriginalRequestId", "X-Original-Request-Id", "string", "The id of the request that was executed."),
];

const METERS: [&str; 6] =
    ["RateLimit", "RateRemaining", "RateReset", "AllowanceLimit", "AllowanceRemaining", "AllowanceReset"];

/// Statuses that the upstream's own errors never have once they are wrapped.
const NEVER_REJECTED: [&str; 3] = ["400", "401", "404"];

/// Makes responses, and keeps what several operations share.
pub(super) struct Responses<'s> {
    source: &'s Value,
    upstream_errors: UpstreamErrors,
    /// The envelope's name among the schemas.
    envelope: String,
    /// Error responses by status, codes, and whether there is a body.
    made: BTreeMap<(String, Vec<Code>, bool), String>,
    components: Map<String, Value>,
    header_prefix: String,
}

impl<'s> Responses<'s> {
    pub(super) fn new(source: &'s Value, upstream_errors: UpstreamErrors) -> Responses<'s> {
        // Our headers have names that the document does not use.
        let headers = source.pointer("/components/headers");
        let is_taken = |prefix: &str| {
            HEADERS
                .iter()
                .any(|(name, ..)| headers.is_some_and(|all| all.get(format!("{prefix}{name}")).is_some()))
        };
        let mut header_prefix = String::new();
        while is_taken(&header_prefix) {
            header_prefix.push_str("Gateway");
        }
        Responses {
            source,
            upstream_errors,
            envelope: free_name(source, "schemas", "ErrorEnvelope"),
            made: BTreeMap::new(),
            components: Map::new(),
            header_prefix,
        }
    }

    /// The responses of one operation.
    pub(super) fn of(&mut self, endpoint: &EndpointRecord, described: &Value) -> Value {
        let described = resolve(self.source, described).as_object().cloned().unwrap_or_default();
        let has_success = described.keys().any(|status| is_success(status));
        let mut responses = Map::new();
        for (status, response) in &described {
            let is_kept = status.starts_with("x-")
                || is_success(status)
                || self.upstream_errors == UpstreamErrors::Pass
                // Where nothing else says what a success is, this does.
                || (status == "default" && !has_success);
            if is_kept {
                let response = if status.starts_with("x-") {
                    response.clone()
                } else {
                    self.with_headers(endpoint, response, is_success(status))
                };
                responses.insert(status.clone(), response);
            }
        }
        let has_body = endpoint.operation.method != "HEAD";
        for (status, codes) in self.errors(endpoint, &described) {
            let response = match responses.shift_remove(&status) {
                Some(theirs) => self.either(&status, &codes, &theirs, has_body),
                None => self.shared(status.clone(), codes, has_body),
            };
            responses.insert(status, response);
        }
        Value::Object(responses)
    }

    /// Puts what is shared among the components.
    pub(super) fn put_into(self, document: &mut Value) {
        let Self { envelope, components, header_prefix, .. } = self;
        let mut put = |kind: &str, name: String, value: Value| {
            document["components"][kind][name] = value;
        };
        put("schemas", envelope, envelope_schema());
        for (name, response) in components {
            put("responses", name, response);
        }
        for (name, _, kind, description) in HEADERS {
            let header = json!({ "description": description, "schema": { "type": kind } });
            put("headers", format!("{header_prefix}{name}"), header);
        }
    }

    /// The codes of an operation by status.
    fn errors(
        &self,
        endpoint: &EndpointRecord,
        described: &Map<String, Value>,
    ) -> BTreeMap<String, Vec<Code>> {
        let mut errors: BTreeMap<String, Vec<Code>> = BTreeMap::new();
        let can = |code: &&Code| can_answer(**code, endpoint, self.upstream_errors);
        for code in Code::ALL.iter().filter(can).filter(|code| **code != Code::RequestRejected) {
            errors.entry(code.status().to_string()).or_default().push(*code);
        }
        if can_answer(Code::RequestRejected, endpoint, self.upstream_errors) {
            let is_plain = |status: &&String| status.len() == 3 && status.bytes().all(|b| b.is_ascii_digit());
            for status in described.keys().filter(is_plain).filter(|status| status.starts_with('4')) {
                errors.entry(status.clone()).or_default();
            }
            errors.entry("4XX".to_owned()).or_default();
            for (status, codes) in &mut errors {
                if status.starts_with('4') && !NEVER_REJECTED.contains(&status.as_str()) {
                    codes.push(Code::RequestRejected);
                }
            }
            errors.retain(|_, codes| !codes.is_empty());
        }
        errors
    }

    fn shared(&mut self, status: String, codes: Vec<Code>, has_body: bool) -> Value {
        let key = (status, codes, has_body);
        let name = match self.made.get(&key) {
            Some(name) => name.clone(),
            None => {
                let (status, codes, _) = &key;
                let mut name = free_name(self.source, "responses", &format!("Error{status}"));
                let mut number = 1;
                while self.components.contains_key(&name) {
                    number += 1;
                    name = free_name(self.source, "responses", &format!("Error{status}-{number}"));
                }
                let response = self.error(status, codes, has_body);
                self.components.insert(name.clone(), response);
                self.made.insert(key, name.clone());
                name
            }
        };
        json!({ "$ref": format!("#/components/responses/{name}") })
    }

    fn error(&self, status: &str, codes: &[Code], has_body: bool) -> Value {
        let words = codes.iter().map(|code| format!("`{code}`: {}", code.description()));
        let mut headers = vec!["RequestId", "ErrorCode", "ErrorSource"];
        match status {
            "401" => headers.push("Challenge"),
            "429" => headers.extend(["RetryAfter", "ShouldRetry"]),
            "500" => headers.extend(["RetryAfter", "ShouldRetry"]),
            "503" | "4XX" => headers.push("RetryAfter"),
            _ => {}
        }
        if status != "401" {
            headers.extend(METERS);
        }
        let mut response = json!({
            "description": words.collect::<Vec<_>>().join("\n\n"),
            "headers": self.headers(&headers),
        });
        if has_body {
            response["content"] = json!({ "application/json": { "schema": self.schema(codes) } });
        }
        response
    }

    fn schema(&self, codes: &[Code]) -> Value {
        let codes: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
        json!({ "allOf": [
            { "$ref": format!("#/components/schemas/{}", self.envelope) },
            { "type": "object", "properties": { "error": {
                "type": "object", "properties": { "code": { "type": "string", "enum": codes } }
            } } },
        ] })
    }

    /// Our error, or the upstream's own.
    fn either(&self, status: &str, codes: &[Code], theirs: &Value, has_body: bool) -> Value {
        let mut response = self.error(status, codes, has_body);
        let ours = response["description"].as_str().unwrap_or_default();
        let own = theirs["description"].as_str().unwrap_or_default();
        response["description"] = json!(format!("{ours}\n\nOr the API's own: {own}"));
        for (name, header) in theirs["headers"].as_object().into_iter().flatten() {
            if response["headers"].get(name).is_none() {
                response["headers"][name] = header.clone();
            }
        }
        for (range, media) in theirs["content"].as_object().into_iter().flatten().filter(|_| has_body) {
            let mut media = media.clone();
            if range == "application/json" {
                let own = media.get("schema").cloned().unwrap_or_else(|| json!({}));
                media["schema"] = json!({ "anyOf": [self.schema(codes), own] });
            }
            response["content"][range] = media;
        }
        if let Some(links) = theirs.get("links") {
            response["links"] = links.clone();
        }
        response
    }

    /// A response of the document, with the headers that are ours.
    fn with_headers(&self, endpoint: &EndpointRecord, response: &Value, is_success: bool) -> Value {
        let mut response = resolve(self.source, response).clone();
        let Some(members) = response.as_object_mut() else { return response };
        let mut names = vec!["RequestId"];
        names.extend(METERS);
        if endpoint.write && is_success {
            names.extend(["Replayed", "OriginalRequestId"]);
        }
        let ours = self.headers(&names);
        let headers = members.entry("headers").or_insert_with(|| json!({}));
        if let (Some(headers), Value::Object(ours)) = (headers.as_object_mut(), ours) {
            headers.retain(|name, _| !ours.keys().any(|our| our.eq_ignore_ascii_case(name)));
            headers.extend(ours);
        }
        response
    }

    fn headers(&self, names: &[&str]) -> Value {
        let known = HEADERS.iter().filter(|(name, ..)| names.contains(name));
        let prefix = &self.header_prefix;
        known
            .map(|(name, header, ..)| {
                ((*header).to_owned(), json!({ "$ref": format!("#/components/headers/{prefix}{name}") }))
            })
            .collect::<Map<_, _>>()
            .into()
    }
}

/// `200`, `2XX`; a redirect is no error.
fn is_success(status: &str) -> bool {
    status.starts_with(['1', '2', '3'])
}

fn envelope_schema() -> Value {
    json!({
        "type": "object",
        "required": ["success", "error", "meta"],
        "properties": {
            "success": { "type": "boolean", "enum": [false] },
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": { "type": "string", "description": "The error's stable name." },
                    "message": { "type": "string", "description": "What is wrong, for people." }
                }
            },
            "meta": {
                "type": "object",
                "required": ["request_id", "version"],
                "properties": {
                    "request_id": { "type": "string", "description": "As in X-Request-Id, for support." },
                    "version": { "type": "string", "description": "The version of the API." }
                }
            }
        }
    })
}
