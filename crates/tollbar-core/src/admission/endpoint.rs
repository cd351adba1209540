//! Stage 8: which endpoint a path and a method mean.

use std::sync::Arc;

use http::Method;
use tollbar_contract::{Code, Stage};
use tollbar_openapi::{Find, Style};

use crate::{Api, EndpointRecord, Location, Rejection};

/// An endpoint that exists (stage 8).
#[derive(Clone)]
pub struct Operation {
    pub(super) api: Arc<Api>,
    pub(super) endpoint: usize,
    pub(super) path_parameters: Vec<(String, String)>,
}

impl Operation {
    /// The API it is of.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The endpoint.
    ///
    /// # Panics
    /// Never: the number came from the router of the same API.
    #[expect(clippy::indexing_slicing, reason = "the number came from the router of the same API")]
    pub fn endpoint(&self) -> &EndpointRecord {
        self.api.endpoint(self.endpoint).unwrap_or_else(|| &self.api.record.endpoints[self.endpoint])
    }

    /// `GET /v1/orders/{id}`.
    pub fn name(&self) -> String {
        let operation = &self.endpoint().operation;
        format!("{} {}{}", operation.method, self.api.record.base, operation.path)
    }
}

/// Stage 8: path and method exist. `OPTIONS` never matches: see [`allowed_methods`].
pub fn find_operation(location: &Location<'_>, method: &Method) -> Result<Operation, Rejection> {
    let not_found = |cause: &'static str| Rejection::new(Code::NotFound, Stage::Endpoint, cause);
    if location.base.is_none() {
        return Err(not_found("the path is under no base path"));
    }
    let api =
        location.api.ok_or_else(|| not_found("no API on this base has an upstream in this environment"))?;
    let found = api.find(method.as_str(), location.rest);
    let is_kept = matches!(&found, Find::Matched(matched) if has_matrix_parameters(api, matched.id));
    if let Some(stripped) = without_path_parameters(location.rest, is_kept) {
        // `/users/me;x` may be `/users/me` to one reader and `/users/{id}` to another.
        if shape(&api.find(method.as_str(), &stripped)) != shape(&found) {
            return Err(Rejection::invalid(
                Stage::Endpoint,
                "the path is ambiguous: without what follows `;` it is another endpoint",
            ));
        }
    }
    match found {
        Find::Matched(matched) => {
            Ok(Operation { api: api.clone(), endpoint: matched.id, path_parameters: matched.parameters })
        }
        Find::MethodNotAllowed { allow } => {
            let mut rejection = Rejection::new(
                Code::MethodNotAllowed,
                Stage::Endpoint,
                format!("{method} is not among {}", allow.join(", ")),
            );
            rejection.advice.allow = Some(with_implied(allow));
            Err(rejection)
        }
        Find::NotFound => Err(not_found("no path template matches")),
    }
}

/// What `OPTIONS` answers: the methods of a path, for `Allow`.
pub fn allowed_methods(location: &Location<'_>) -> Result<String, Rejection> {
    match find_operation(location, &Method::OPTIONS) {
        Err(Rejection { code: Code::MethodNotAllowed, advice, .. }) => Ok(advice.allow.unwrap_or_default()),
        Err(other) => Err(other),
        // Import leaves OPTIONS operations out.
        Ok(operation) => Ok(operation.endpoint().operation.method.clone()),
    }
}

fn with_implied(mut allow: Vec<String>) -> String {
    if allow.iter().any(|m| m == "GET") && !allow.iter().any(|m| m == "HEAD") {
        allow.push("HEAD".to_owned());
    }
    if !allow.iter().any(|m| m == "OPTIONS") {
        allow.push("OPTIONS".to_owned());
    }
    allow.join(", ")
}

/// Whether the document has parameters in the path that are written as `;name=value`.
fn has_matrix_parameters(api: &Api, endpoint: usize) -> bool {
    let endpoint = api.endpoint(endpoint);
    endpoint.is_some_and(|one| one.operation.parameters.iter().any(|other| other.style == Style::Matrix))
}

/// The path with `;...` taken out of each segment; `None` if there is none. A segment that begins with `;` is kept
/// where the document says that a parameter is written so.
fn without_path_parameters(path: &str, is_kept: bool) -> Option<String> {
    if !path.contains(';') {
        return None;
    }
    let segments: Vec<&str> = path
        .split('/')
        .map(|segment| match segment.split_once(';') {
            Some((before, _)) if !(is_kept && before.is_empty()) => before,
            _ => segment,
        })
        .collect();
    Some(segments.join("/"))
}

fn shape(found: &Find) -> Option<usize> {
    match found {
        Find::Matched(matched) => Some(matched.id),
        Find::MethodNotAllowed { .. } | Find::NotFound => None,
    }
}

#[cfg(test)]
mod tests {
    use super::without_path_parameters;

    #[test]
    fn what_follows_a_semicolon_is_kept_where_the_document_says_so() {
        for (path, is_kept, expected) in [
            ("/users/me", false, None),
            ("/users/me;x", false, Some("/users/me")),
            ("/users/me;x", true, Some("/users/me")),
            ("/users/;id=5;id=6/x;y", false, Some("/users//x")),
            ("/users/;id=5;id=6/x;y", true, Some("/users/;id=5;id=6/x")),
        ] {
            assert_eq!(without_path_parameters(path, is_kept).as_deref(), expected, "{path}");
        }
    }
}
