//! The document that partners get: true of what is answered, and a document to others too.

use std::io::Write;

use serde_json::{Value, json};
use tollbar_contract::Code;

use crate::support::{Platform, Shop, Upstream, installed, provocative_shop, provoke, run_node};

/// A 3.1 document with what tempts a rewriter: references into paths, a response of the same name, webhooks.
const NEWER: &str = r##"{
  "openapi": "3.1.0",
  "info": { "title": "Newer", "version": "2" },
  "paths": {
    "/things": {
      "post": {
        "operationId": "make",
        "requestBody": { "required": true, "content": { "application/json": { "schema": {
          "type": ["object", "null"], "properties": { "child": { "$ref": "#/paths/~1things/post/requestBody/content/application~1json/schema" } }
        } } } },
        "responses": { "201": { "description": "made" }, "409": { "description": "there already" } }
      },
      "head": { "responses": { "200": { "description": "ok" } } }
    },
    "/other/{key}": { "$ref": "#/components/pathItems/other" }
  },
  "components": {
    "pathItems": { "other": {
      "parameters": [{ "name": "key", "in": "path", "required": true, "schema": { "type": "string" } }],
      "get": { "responses": { "default": { "description": "whatever" } } }
    } },
    "responses": { "Error401": { "description": "theirs" } },
    "schemas": { "ErrorEnvelope": { "type": "string" } }
  },
  "webhooks": { "made": { "post": { "security": [{ "theirs": [] }], "responses": { "200": { "description": "ok" } } } } }
}"##;

fn operation<'d>(document: &'d Value, method: &str, path: &str) -> Option<&'d Value> {
    document["paths"].get(path)?.get(method.to_lowercase())
}

/// The codes that an operation lists for a status.
fn listed(document: &Value, operation: &Value, status: u16) -> Vec<String> {
    let responses = &operation["responses"];
    let Some(response) = responses.get(status.to_string()).or_else(|| responses.get("4XX")) else {
        return Vec::new();
    };
    let response = match response["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => response,
    };
    let codes =
        response.pointer("/content/application~1json/schema/allOf/1/properties/error/properties/code/enum");
    codes.map(|codes| serde_json::from_value(codes.clone()).unwrap()).unwrap_or_default()
}

fn validate(document: &Value) {
    let found = run_node("openapi_validator.mjs", document);
    assert_eq!(found["valid"], true, "{found}");
}

#[test]
fn every_error_that_is_provoked_is_listed_for_its_operation() {
    let shop = provocative_shop();
    let document = shop.platform.read("/apis/openapi");
    let mut without = Vec::new();
    for code in Code::ALL {
        let provocation = provoke(&shop, *code);
        let answer = provocation.send(&shop);
        assert_eq!(answer.json()["error"]["code"], code.as_str());
        let path = provocation.target.trim_start_matches("/sandbox").split('?').next().unwrap();
        let path = path.strip_prefix("/v1").unwrap();
        let path = if path.starts_with("/orders/") { "/orders/{id}" } else { path };
        match operation(&document, provocation.method, path) {
            Some(operation) => {
                let codes = listed(&document, operation, answer.status);
                assert!(
                    codes.iter().any(|one| one == code.as_str()),
                    "{code} {} of {path}: {codes:?}",
                    answer.status
                );
            }
            None => without.push(*code),
        }
        provocation.undo(&shop);
    }
    // These are answered where there is no operation, or at the token endpoint.
    let expected =
        [Code::InvalidGrant, Code::InvalidClient, Code::InvalidScope, Code::NotFound, Code::MethodNotAllowed];
    assert_eq!(without, expected);
}

#[test]
fn a_call_is_possible_by_the_document_alone() {
    let shop = Shop::open();
    let document = shop.platform.read("/apis/openapi?environment=sandbox");
    let server = document["servers"][0]["url"].as_str().unwrap();
    let prefix = format!("http://{}", shop.platform.gateway);
    assert_eq!(document["servers"].as_array().unwrap().len(), 1);
    let key = &document["components"]["securitySchemes"]["ApiKey"];
    let token_url =
        document.pointer("/components/securitySchemes/OAuth2Sandbox/flows/clientCredentials/tokenUrl");
    assert_eq!(token_url.unwrap(), &json!(format!("{server}/oauth/token")));
    let target = format!("{}/payments", server.strip_prefix(&prefix).unwrap());
    let required = operation(&document, "post", "/payments").unwrap()["parameters"].as_array().unwrap();
    assert_eq!((&required[0]["name"], &required[0]["required"]), (&json!("Idempotency-Key"), &json!(true)));
    let headers =
        [(key["name"].as_str().unwrap(), shop.client.sandbox_key.as_str()), ("Idempotency-Key", "k-1")];
    let answer = crate::support::request(shop.platform.gateway, "POST", &target, &headers, b"");
    assert_eq!(answer.status, 200, "{answer:?}");
    let described = &operation(&document, "post", "/payments").unwrap()["responses"]["201"]["headers"];
    for name in ["X-Request-Id", "X-RateLimit-Limit", "X-RateLimit-Reset", "X-Allowance-Remaining"] {
        assert!(described.get(name).is_some() && answer.header(&name.to_lowercase()).is_some(), "{name}");
    }
}

#[test]
fn a_validator_that_is_not_ours_accepts_it() {
    let platform = Platform::start();
    let upstream = Upstream::start();
    let import = |body: Value| platform.change("POST", "/apis", &body);
    for errors in ["wrap", "pass"] {
        import(
            json!({ "document": crate::support::SHOP, "base": "/v1", "upstream": upstream.url(), "upstream_errors": errors }),
        );
        import(
            json!({ "document": NEWER, "base": "/v2", "upstream": upstream.url(), "sandbox_upstream": upstream.url(),
            "upstream_errors": errors }),
        );
        let set = json!({ "method": "POST", "path": "/v2/things", "scopes": [] });
        platform.change("PATCH", "/apis/endpoints", &set);
        for base in ["/v1", "/v2"] {
            let document = platform.read(&format!("/apis/openapi?base={base}"));
            validate(&document);
            // And we take it ourselves.
            let again =
                json!({ "document": document.to_string(), "base": "/again", "upstream": upstream.url() });
            let made = import(again);
            assert_eq!(
                made["endpoints"],
                platform.read(&format!("/apis/endpoints?base={base}"))["endpoints"].as_array().unwrap().len()
            );
            platform.change("DELETE", "/apis?base=/again", &json!({}));
        }
        let newer = platform.read("/apis/openapi?base=/v2");
        assert_eq!(
            (&newer["openapi"], &newer["components"]["responses"]["Error401"]),
            (&json!("3.1.0"), &Value::Null)
        );
        assert_eq!(newer["components"]["schemas"].as_object().unwrap().len(), 1, "{newer:#}");
    }
    let refused = platform.admin("GET", "/apis/openapi", None);
    assert_eq!(
        (refused.status, refused.json()["error"]["message"].clone()),
        (400, json!("base: which one of /v1, /v2?"))
    );
    let refused = platform.admin("GET", "/apis/openapi?base=/v1&environment=sandbox", None);
    assert_eq!(refused.status, 404, "{refused:?}");
    let refused = platform.admin("GET", "/apis/openapi?base=/v1&server=ftp://x", None);
    assert_eq!(refused.status, 400, "{refused:?}");
    let output = platform.run(&["openapi", "--base", "/v2", "--server", "https://api.example.com/"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["servers"][1]["url"], "https://api.example.com/sandbox/v2");
}

#[test]
fn a_large_document_is_imported_compared_and_shown() {
    let platform = Platform::start();
    let file = installed("node_modules/@octokit/openapi/generated/api.github.com.json");
    let file = file.to_str().unwrap();
    let timed = |what: &str, arguments: &[&str]| {
        let began = std::time::Instant::now();
        let output = platform.run(arguments);
        let _ = writeln!(std::io::stderr(), "{what} in {:?}, {} bytes", began.elapsed(), output.stdout.len());
        output
    };
    let import = ["import", file, "--base", "/gh", "--upstream", "http://127.0.0.1:9"];
    assert!(timed("imported", &import).status.success());
    let same = timed("compared", &["diff", file, "--base", "/gh"]);
    assert_eq!(same.status.code(), Some(0), "{}", String::from_utf8_lossy(&same.stdout));
    let again = timed("imported again", &import);
    assert!(String::from_utf8_lossy(&again.stdout).contains("0 new, 0 gone, 0 changed; 0 breaking."));
    let shown = timed("shown", &["openapi", "--json"]);
    let document: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(
        document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|item| item.as_object().unwrap().keys())
            .filter(|key| ["get", "put", "post", "delete", "patch"].contains(&key.as_str()))
            .count(),
        1223
    );
    validate(&document);
    // The audit trail holds words, not copies.
    let audit = platform.read("/audit").to_string();
    assert!(audit.len() < 10_000, "{} bytes", audit.len());
}
