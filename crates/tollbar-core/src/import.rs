//! From an OpenAPI document to endpoints: categories, scopes, write flags, base path.

use std::sync::Arc;

use tollbar_openapi::{Document, Operation, Reading, Router, SchemaSet, find_unread_media_types};

use crate::{
    API_FORMAT, Api, ApiRecord, EndpointId, EndpointRecord, OwnRoute, RouteSettings, scope::scope_is_valid,
};

/// What a document becomes, before its endpoints have durable numbers (all are 0).
#[derive(Debug)]
pub struct Imported {
    /// The base path: as asked for, else that of the document's first server, else the default one.
    pub base: String,
    /// The endpoints, in the document's order.
    pub endpoints: Vec<EndpointRecord>,
    /// The schemas that their requests are held against.
    pub schemas: SchemaSet,
    /// What the operator should know: left out, reinterpreted, hidden.
    pub warnings: Vec<String>,
}

/// Why a document cannot be imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportFault {
    /// The base path is not one.
    #[error(
        "`{0}` cannot be a base path; write it like /v1 (no slash at the end, no `.` or `..`, only plain characters)"
    )]
    Base(String),
    /// Two operations match the same requests.
    #[error("{0}")]
    Routes(String),
}

/// So many operations with bodies that are not checked are named.
const UNREAD_SHOWN: usize = 50;

/// Makes endpoints of a document's operations.
pub fn import(
    document: &Document,
    base: Option<&str>,
    settings: &RouteSettings,
) -> Result<Imported, ImportFault> {
    let from_document = document.server_base_path().filter(|path| path != "/");
    let base = base.map(str::to_owned).or(from_document).unwrap_or_else(|| settings.default_base.clone());
    let base = if base == "/" { String::new() } else { base };
    check_base(&base)?;
    let mut warnings = document.warnings().to_vec();
    let mut endpoints = Vec::new();
    for operation in document.operations() {
        let name = format!("{} {}", operation.method, operation.path);
        if matches!(operation.method.as_str(), "OPTIONS" | "TRACE") {
            warnings.push(format!(
                "{name} is left out: Tollbar answers OPTIONS itself, and never forwards TRACE"
            ));
            continue;
        }
        if let Some(own) =
            OwnRoute::paths().find(|own| format!("{}{own}", settings.own_prefix) == operation.path)
        {
            warnings.push(format!(
                "{name} is hidden by Tollbar's own {base}{}{own}; set routes.own_prefix to move Tollbar's",
                settings.own_prefix
            ));
        }
        endpoints.push(endpoint(operation.clone(), &mut warnings));
    }
    warn_of_unread(&endpoints, document.schemas(), &mut warnings);
    let routes = endpoints.iter().enumerate();
    Router::build(routes.map(|(n, e)| (e.operation.method.as_str(), e.operation.path.as_str(), n))).map_err(
        |conflicts| {
            let conflicts: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
            ImportFault::Routes(conflicts.join("; "))
        },
    )?;
    Ok(Imported { base, endpoints, schemas: document.schemas().clone(), warnings })
}

/// Reads an API again that an older version stored: what the document says is new, all that was decided about the API
/// stays. Its endpoints have no numbers yet.
pub fn read_again(
    record: &ApiRecord,
    document: &[u8],
    settings: &RouteSettings,
) -> Result<ApiRecord, String> {
    let reading = Reading { responses: record.observe };
    let document = Document::parse_with(document, reading).map_err(|error| error.to_string())?;
    let base = if record.base.is_empty() { "/" } else { &record.base };
    let imported = import(&document, Some(base), settings).map_err(|fault| fault.to_string())?;
    let record = ApiRecord {
        format: API_FORMAT,
        endpoints: imported.endpoints,
        schemas: imported.schemas,
        ..record.clone()
    };
    // What cannot be built would keep the whole platform from starting.
    let api = Api::new(record).map_err(|fault| fault.to_string())?;
    Ok(Arc::unwrap_or_clone(api.record))
}

fn check_base(base: &str) -> Result<(), ImportFault> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
    let segment_is_plain = |s: &str| !s.is_empty() && s != "." && s != ".." && s.chars().all(is_plain);
    let is_right = base.is_empty()
        || base
            .strip_prefix('/')
            .is_some_and(|rest| rest.len() < 200 && rest.split('/').all(segment_is_plain));
    // A base that begins with the sandbox prefix would make live and sandbox paths the same.
    let is_sandbox = base.split('/').nth(1) == crate::SANDBOX_PREFIX.strip_prefix('/');
    if is_right && !is_sandbox { Ok(()) } else { Err(ImportFault::Base(base.to_owned())) }
}

fn endpoint(operation: Operation, warnings: &mut Vec<String>) -> EndpointRecord {
    let name = format!("{} {}", operation.method, operation.path);
    let mut flag = |extension: &str| match operation.extensions.get(extension) {
        None => None,
        Some(serde_json::Value::Bool(flag)) => Some(*flag),
        Some(other) => {
            warnings.push(format!("{name}: {extension} must be true or false, not {other}; it is ignored"));
            None
        }
    };
    let by_method = !matches!(operation.method.as_str(), "GET" | "HEAD");
    let write = flag("x-tollbar-write").unwrap_or(by_method);
    let idempotency_required = flag("x-tollbar-idempotency-required").unwrap_or(false);
    let resend_unknown = flag("x-tollbar-resend-unknown").unwrap_or(false);
    let body_unchecked = !flag("x-tollbar-check-body").unwrap_or(true);
    let category = category(&operation);
    let verb = if write { "write" } else { "read" };
    let scopes = required_scopes(&operation, &name, warnings)
        .unwrap_or_else(|| vec![format!("{}:{verb}", scope_part(&category))]);
    EndpointRecord {
        id: EndpointId(0),
        category,
        scopes,
        write,
        idempotency_required,
        resend_unknown,
        body_unchecked,
        operation,
    }
}

/// Says which bodies are passed on without being held against the document.
fn warn_of_unread(endpoints: &[EndpointRecord], schemas: &SchemaSet, warnings: &mut Vec<String>) {
    let unread = |endpoint: &EndpointRecord| {
        if endpoint.body_unchecked {
            return Some(format!(
                "{}: bodies are passed on unchecked (x-tollbar-check-body: false)",
                endpoint.name()
            ));
        }
        let ranges = find_unread_media_types(&endpoint.operation, schemas);
        let what = if ranges.is_empty() { return None } else { ranges.join(", ") };
        Some(format!("{}: bodies of {what} are passed on unchecked", endpoint.name()))
    };
    let mut lines = endpoints.iter().filter_map(unread);
    warnings.extend(lines.by_ref().take(UNREAD_SHOWN));
    let more = lines.count();
    if more > 0 {
        warnings.push(format!("{more} more operations have bodies that are passed on unchecked"));
    }
}

/// The first tag, else the first literal part of the path, else `general`.
fn category(operation: &Operation) -> String {
    let tag = operation.tags.first().map(|tag| tag.trim()).filter(|tag| !tag.is_empty());
    let from_path =
        || operation.path.split('/').find(|part| !part.is_empty()).filter(|part| !part.contains('{'));
    tag.or_else(from_path).unwrap_or("general").chars().filter(|c| !c.is_control()).take(100).collect()
}

/// The scopes of the first alternative in `security` that names any; `None` if none does.
fn required_scopes(operation: &Operation, name: &str, warnings: &mut Vec<String>) -> Option<Vec<String>> {
    let alternatives = operation.security.as_ref()?;
    let scopes = alternatives
        .iter()
        .map(|requirement| requirement.iter().flat_map(|(_, scopes)| scopes.clone()).collect::<Vec<_>>())
        .find(|scopes| !scopes.is_empty())?;
    if let Some(wrong) = scopes.iter().find(|scope| !scope_is_valid(scope)) {
        warnings.push(format!(
            "{name}: `{wrong}` in `security` cannot be a scope; the category's is required instead"
        ));
        return None;
    }
    Some(scopes)
}

/// A category as part of a scope: lower case, everything but letters, digits, `.`, `_` as a dash.
fn scope_part(category: &str) -> String {
    let dashed = |c: char| {
        if c.is_ascii_alphanumeric() || c == '.' || c == '_' { c.to_ascii_lowercase() } else { '-' }
    };
    category.chars().map(dashed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"
openapi: 3.0.3
info: { title: Shop, version: "1" }
servers: [{ url: "https://shop.example/v2" }]
paths:
  /orders:
    get: { tags: [Order Desk, other], responses: {} }
    post: { tags: [Order Desk], responses: {} }
    options: { responses: {} }
  /search:
    post:
      x-tollbar-write: false
      requestBody:
        content:
          application/json: { schema: { type: object } }
          application/xml: { schema: { type: object } }
          text/csv: { schema: { type: string } }
          image/*: { schema: { type: string, format: binary } }
          application/octet-stream: {}
      responses: {}
  /reports:
    get:
      x-tollbar-write: "yes"
      security: [{ key: [] }, { oauth: ["reports:run", "reports:read"] }]
      responses: {}
  /account:
    get: { responses: {} }
  /{id}:
    put:
      x-tollbar-idempotency-required: true
      x-tollbar-check-body: false
      requestBody: { content: { application/json: { schema: { type: object } } } }
      responses: {}
"#;

    fn imported(base: Option<&str>) -> Result<Imported, ImportFault> {
        import(&Document::parse(DOCUMENT.as_bytes()).unwrap(), base, &RouteSettings::default())
    }

    #[test]
    fn a_document_becomes_endpoints() {
        let imported = imported(None).unwrap();
        assert_eq!(imported.base, "/v2");
        let mut rows: Vec<String> = imported
            .endpoints
            .iter()
            .map(|e| format!("{} | {} | {} | {}", e.name(), e.category, e.scopes.join(" "), e.write))
            .collect();
        rows.sort();
        assert_eq!(
            rows,
            [
                "GET /account | account | account:read | false",
                "GET /orders | Order Desk | order-desk:read | false",
                "GET /reports | reports | reports:run reports:read | false",
                "POST /orders | Order Desk | order-desk:write | true",
                "POST /search | search | search:read | false",
                "PUT /{id} | general | general:write | true",
            ]
        );
        assert!(imported.endpoints.iter().any(|e| e.idempotency_required));
        let warnings = imported.warnings.join("\n");
        for word in [
            "OPTIONS /orders",
            "hidden by Tollbar's own /v2/account",
            "x-tollbar-write must be true or false",
            "POST /search: bodies of application/xml are passed on unchecked",
            "PUT /{id}: bodies are passed on unchecked (x-tollbar-check-body: false)",
        ] {
            assert!(warnings.contains(word), "{word} in {warnings}");
        }
    }

    #[test]
    fn what_is_read_again_has_answers_where_they_are_observed() {
        let document = DOCUMENT.replacen("responses: {}", "responses: { '200': { description: ok } }", 1);
        for observe in [false, true] {
            let old = ApiRecord {
                format: 0,
                base: "/v2".to_owned(),
                title: String::new(),
                version: String::new(),
                upstreams: [Vec::new(), Vec::new()],
                upstream_errors: crate::UpstreamErrors::Wrap,
                on_upstream_5xx: crate::OnUpstream5xx::Store,
                observe,
                endpoints: Vec::new(),
                schemas: SchemaSet::default(),
                imported_at: crate::Timestamp::default(),
                change: crate::ChangeId(1),
            };
            let new = read_again(&old, document.as_bytes(), &RouteSettings::default()).unwrap();
            let described = new.endpoints.iter().filter(|e| !e.operation.responses.is_empty()).count();
            assert_eq!((new.observe, described), (observe, usize::from(observe)));
        }
    }

    #[test]
    fn the_base_is_as_asked_for_or_refused() {
        assert_eq!(imported(Some("/api/v3")).unwrap().base, "/api/v3");
        assert_eq!(imported(Some("/")).unwrap().base, "");
        for wrong in ["v1", "/v1/", "/v1//x", "/../v1", "/v 1", "/v1%20", "/sandbox/v1", "/v1?x"] {
            assert_eq!(imported(Some(wrong)).unwrap_err(), ImportFault::Base(wrong.to_owned()));
        }
    }
}
