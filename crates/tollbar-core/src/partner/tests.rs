//! A document as partners get it.

use tollbar_contract::Code;
use tollbar_openapi::Document;

use super::*;
use crate::{
    API_FORMAT, ApiRecord, ChangeId, EndpointId, EndpointSettings, OnUpstream5xx, Timestamp, UpstreamErrors,
    import::import,
};

const DOCUMENT: &str = r##"
openapi: 3.0.3
info: { title: Shop, version: "7", x-audience: partners, x-tollbar-team: inside }
servers: [{ url: "https://internal.example/v1" }]
security: [{ internal: [] }]
paths:
  /orders:
    parameters: [{ name: idempotency-key, in: header, schema: { type: string } }]
    get:
      security: [{ oauth: ["orders:list"] }]
      responses:
        "200": { $ref: "#/components/responses/Orders" }
        default: { description: Anything }
    post:
      x-tollbar-idempotency-required: true
      x-kept: 1
      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/Order" } } } }
      responses:
        "201": { description: Made, headers: { x-request-id: { description: theirs, schema: { type: integer } } } }
        "400": { description: Wrong }
        "422": { description: Unclear, content: { application/json: { schema: { type: object } } } }
        "500": { description: Broken }
    options: { responses: { "204": { description: none } } }
  /account:
    get: { responses: { "200": { description: hidden, content: { application/json: { schema: { $ref: "#/components/schemas/Hidden" } } } } } }
  /copy:
    put:
      requestBody: { $ref: "#/paths/~1orders/post/requestBody" }
      responses: { "200": { description: Copied } }
components:
  responses:
    Orders: { description: All, content: { application/json: { schema: { type: array, items: { $ref: "#/components/schemas/Order" } } } } }
  schemas:
    Order: { type: object, properties: { x-tollbar-note: { type: string }, next: { $ref: "#/components/schemas/Order" } } }
    Hidden: { type: object }
  securitySchemes:
    internal: { type: http, scheme: basic }
    oauth: { type: oauth2, flows: { implicit: { authorizationUrl: "https://x.example", scopes: { "orders:list": See orders } } } }
"##;

fn api(upstream_errors: UpstreamErrors) -> Api {
    let document = Document::parse(DOCUMENT.as_bytes()).unwrap();
    let imported = import(&document, None, &RouteSettings::default()).unwrap();
    let mut endpoints = imported.endpoints;
    for (number, endpoint) in (1..).zip(&mut endpoints) {
        endpoint.id = EndpointId(number);
    }
    Api::new(ApiRecord {
        format: API_FORMAT,
        base: imported.base,
        title: String::new(),
        version: String::new(),
        upstreams: [vec!["http://u".into()], vec!["http://s".into()]],
        upstream_errors,
        on_upstream_5xx: OnUpstream5xx::Store,
        observe: false,
        endpoints,
        schemas: imported.schemas,
        imported_at: Timestamp::default(),
        change: ChangeId(0),
    })
    .unwrap()
}

fn view(api: &Api) -> Value {
    let source = Document::read_tree(DOCUMENT.as_bytes()).unwrap();
    let servers = [
        (Environment::Live, "https://api.example/v1".to_owned()),
        (Environment::Sandbox, "https://api.example/sandbox/v1".to_owned()),
    ];
    let mut catalogue = Catalogue::default();
    catalogue.put(std::sync::Arc::new(api.clone()));
    let routes = RouteSettings::default();
    PartnerView { source: &source, api, catalogue: &catalogue, routes: &routes, servers: &servers }.document()
}

/// The codes that an operation lists, by status.
fn codes(document: &Value, path: &str, method: &str) -> BTreeMap<String, Vec<String>> {
    let responses = document["paths"][path][method]["responses"].as_object().unwrap();
    let mut found = BTreeMap::new();
    for (status, response) in responses {
        let response = resolve(document, response);
        let schema = &response["content"]["application/json"]["schema"];
        let ours = if schema.get("anyOf").is_some() { &schema["anyOf"][0] } else { schema };
        if let Some(codes) = ours.pointer("/allOf/1/properties/error/properties/code/enum") {
            found.insert(status.clone(), serde_json::from_value(codes.clone()).unwrap());
        }
    }
    found
}

#[test]
fn every_code_is_listed_where_it_can_occur_and_nowhere_else() {
    for upstream_errors in [UpstreamErrors::Wrap, UpstreamErrors::Pass] {
        let api = api(upstream_errors);
        let settings = EndpointSettings {
            endpoint: EndpointId(1),
            base: "/v1".into(),
            method: "GET".into(),
            path: "/orders".into(),
            scopes: Some(vec![]),
            category: None,
            write: None,
            idempotency_required: None,
            resend_unknown: None,
            set_at: Timestamp::default(),
            change: ChangeId(0),
        };
        for api in [api.with_settings(&BTreeMap::from([(EndpointId(1), settings)])), api] {
            let document = view(&api);
            for (path, method) in [("/orders", "get"), ("/orders", "post"), ("/copy", "put")] {
                let listed = codes(&document, path, method);
                let endpoint = api
                    .endpoints()
                    .find(|e| e.operation.path == path && e.operation.method.eq_ignore_ascii_case(method))
                    .unwrap();
                for code in Code::ALL {
                    let statuses: Vec<&String> = listed
                        .iter()
                        .filter(|(_, codes)| codes.iter().any(|listed| listed == code.as_str()))
                        .map(|(status, _)| status)
                        .collect();
                    let expected = can_answer(*code, endpoint, upstream_errors);
                    assert_eq!(!statuses.is_empty(), expected, "{code} of {method} {path}: {statuses:?}");
                    let is_own = |status: &&String| **status == code.status().to_string();
                    assert!(
                        *code == Code::RequestRejected || statuses.iter().all(is_own),
                        "{code} {statuses:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn errors_of_the_upstream_are_as_they_are_answered() {
    let document = view(&api(UpstreamErrors::Wrap));
    let post = codes(&document, "/orders", "post");
    assert_eq!(post["422"], ["request_rejected"]);
    assert_eq!(post["4XX"], ["request_rejected"]);
    assert_eq!(post["409"], ["idempotency_conflict", "request_rejected"]);
    assert_eq!(post["404"], ["not_found"]);
    assert_eq!(post["401"].len(), 4);
    assert!(
        document["paths"]["/orders"]["get"]["responses"].get("default").is_none(),
        "a success is described"
    );

    let document = view(&api(UpstreamErrors::Pass));
    let responses = &document["paths"]["/orders"]["post"]["responses"];
    assert_eq!(responses["422"]["description"], "Unclear");
    assert_eq!(
        responses["500"]["description"].as_str().unwrap().lines().last().unwrap(),
        "Or the API's own: Broken"
    );
    let post = codes(&document, "/orders", "post");
    assert_eq!((post.get("404"), post.get("4XX")), (None, None));
    assert_eq!(post["409"], ["idempotency_conflict"]);
    assert!(document["paths"]["/orders"]["get"]["responses"].get("default").is_some());
}

#[test]
fn it_says_how_to_call_and_nothing_of_the_inside() {
    let document = view(&api(UpstreamErrors::Wrap));
    assert_eq!(document["openapi"], "3.0.3");
    assert_eq!(document["servers"][0]["url"], "https://api.example/v1");
    assert_eq!(document["servers"][1]["url"], "https://api.example/sandbox/v1");
    let text = document.to_string();
    for inside in
        ["internal.example", "x-tollbar-team", "x-tollbar-idempotency", "Hidden", "/account", "basic"]
    {
        assert!(!text.contains(inside), "{inside} in {document:#}");
    }
    assert!(text.contains("x-tollbar-note"), "that is the name of a field");
    assert_eq!(document["info"]["x-audience"], "partners");
    let (get, post) = (&document["paths"]["/orders"]["get"], &document["paths"]["/orders"]["post"]);
    assert_eq!(post["x-kept"], 1);
    assert!(document["paths"]["/orders"].get("options").is_none());
    assert_eq!(
        get["security"],
        json!([{ "ApiKey": [] }, { "OAuth2": ["orders:list"] }, { "OAuth2Sandbox": ["orders:list"] }])
    );
    let flow = &document["components"]["securitySchemes"]["OAuth2Sandbox"]["flows"]["clientCredentials"];
    assert_eq!(flow["tokenUrl"], "https://api.example/sandbox/v1/oauth/token");
    assert_eq!(flow["scopes"]["orders:list"], "See orders");
    assert_eq!(flow["scopes"]["orders:write"], "");
    let keys = |operation: &Value| -> Vec<Value> {
        operation["parameters"].as_array().into_iter().flatten().map(|one| one["name"].clone()).collect()
    };
    assert_eq!((keys(get), keys(post)), (vec![json!("idempotency-key")], vec![json!("Idempotency-Key")]));
    assert_eq!(post["parameters"][0]["required"], true);
    let headers: Vec<&String> = post["responses"]["201"]["headers"].as_object().unwrap().keys().collect();
    assert_eq!(headers[0], "X-Request-Id");
    assert_eq!(headers.len(), 9, "ours stand in place of theirs: {headers:?}");
    assert!(get["responses"]["200"]["headers"].get("X-RateLimit-Reset").is_some());
    assert!(get["responses"]["200"]["headers"].get("Idempotent-Replayed").is_none());
}

#[test]
fn it_is_a_document_that_can_be_read() {
    for errors in [UpstreamErrors::Wrap, UpstreamErrors::Pass] {
        let document = view(&api(errors));
        let read = Document::parse(document.to_string().as_bytes()).unwrap();
        let names: Vec<String> =
            read.operations().iter().map(|one| format!("{} {}", one.method, one.path)).collect();
        assert_eq!(names, ["GET /orders", "POST /orders", "PUT /copy"]);
        // What stood in another operation is there, although references into paths are gone.
        assert!(read.operations()[2].body.as_ref().is_some_and(|body| body.content.len() == 1));
        assert!(!document.to_string().contains("#/paths"));
    }
}
