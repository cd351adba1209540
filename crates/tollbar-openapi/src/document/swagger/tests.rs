//! Each construct of Swagger 2.0, and what is made of it.

use serde_json::json;

use super::super::Document;
use super::*;

fn converted(old: &Value) -> (Value, Vec<String>) {
    let mut warnings = Warnings::default();
    let new = convert(old, &mut warnings).unwrap();
    (new, warnings.finish().split_off(1))
}

/// What an operation with these parameters becomes.
fn operation(parameters: &Value, consumes: &Value) -> (Value, Vec<String>) {
    let (new, warnings) = converted(&json!({ "swagger": "2.0", "paths": { "/a": { "post": {
        "consumes": consumes, "parameters": parameters,
    } } } }));
    (new["paths"]["/a"]["post"].clone(), warnings)
}

#[test]
fn servers_are_made_of_schemes_host_and_base_path() {
    for (old, expected) in [
        (json!({}), json!([])),
        (json!({ "basePath": "/v1" }), json!([{ "url": "/v1" }])),
        (json!({ "host": "a.example", "basePath": "v1" }), json!([{ "url": "https://a.example/v1" }])),
        (
            json!({ "host": "a.example:8443", "schemes": ["https", "http"], "basePath": "/" }),
            json!([{ "url": "https://a.example:8443/" }, { "url": "http://a.example:8443/" }]),
        ),
    ] {
        assert_eq!(converted(&old).0["servers"], expected, "{old}");
    }
}

#[test]
fn parameters_have_a_schema_and_a_style() {
    let list = |place: &str, format: &str| json!({ "name": "x", "in": place, "type": "array", "items": { "type": "string" }, "collectionFormat": format });
    let of = |place: &str, style: &str, explode: bool| {
        json!({ "name": "x", "in": place, "schema": { "type": "array", "items": { "type": "string" } },
                "style": style, "explode": explode })
    };
    for (old, expected) in [
        (
            json!({ "name": "x", "in": "query", "required": true, "description": "d", "type": "integer", "format": "int32",
                    "maximum": 5, "exclusiveMaximum": true, "default": 1, "x-nullable": true, "x-own": 1 }),
            json!({ "name": "x", "in": "query", "required": true, "description": "d", "x-own": 1, "schema": {
                    "type": "integer", "format": "int32", "maximum": 5, "exclusiveMaximum": true, "default": 1, "nullable": true } }),
        ),
        (list("query", "csv"), of("query", "form", false)),
        (list("query", "multi"), of("query", "form", true)),
        (list("query", "ssv"), of("query", "spaceDelimited", false)),
        (list("query", "pipes"), of("query", "pipeDelimited", false)),
        (list("path", "csv"), of("path", "simple", false)),
        (list("header", "csv"), of("header", "simple", false)),
    ] {
        let (new, warnings) = operation(&json!([old]), &json!([]));
        assert_eq!(new["parameters"][0], expected);
        assert_eq!(warnings, [""; 0]);
    }
    for (old, word) in [
        (list("query", "tsv"), "the collectionFormat \"tsv\""),
        (list("header", "pipes"), "the collectionFormat \"pipes\""),
        (
            json!({ "name": "x", "in": "query", "type": "array", "items": { "type": "array", "items": { "type": "string" } } }),
            "lists within lists",
        ),
    ] {
        let (new, warnings) = operation(&json!([old]), &json!([]));
        assert_eq!(new["parameters"][0]["schema"], json!({}));
        let [only] = warnings.as_slice() else { panic!("{warnings:?}") };
        assert!(
            only.starts_with("/paths/~1a/post/parameters/0: unenforced: ") && only.contains(word),
            "{only}"
        );
    }
}

#[test]
fn bodies_and_forms_become_a_request_body() {
    let body =
        json!({ "name": "b", "in": "body", "required": true, "schema": { "$ref": "#/definitions/A" } });
    let schema = json!({ "schema": { "$ref": "#/components/schemas/A" } });
    let field = |name: &str, kind: &str| json!({ "name": name, "in": "formData", "type": kind });
    let object = |properties: Value| json!({ "type": "object", "properties": properties });
    let text = json!({ "type": "string" });
    for (parameters, consumes, expected) in [
        (json!([body]), json!([]), json!({ "required": true, "content": { "application/json": schema } })),
        (
            json!([body]),
            json!(["application/xml", "text/json"]),
            json!({ "required": true, "content": { "application/xml": schema, "text/json": schema } }),
        ),
        (
            json!([field("a", "string")]),
            json!(["application/json"]),
            json!({ "required": false, "content": { "application/x-www-form-urlencoded":
                { "schema": object(json!({ "a": text })), "encoding": {} } } }),
        ),
        (
            json!([field("a", "string"), field("f", "file")]),
            json!([]),
            json!({ "required": false, "content": { "multipart/form-data": { "encoding": {}, "schema":
                object(json!({ "a": text, "f": { "type": "string", "format": "binary" } })) } } }),
        ),
        (
            json!([{ "name": "l", "in": "formData", "required": true, "type": "array", "items": text, "collectionFormat": "pipes" }]),
            json!(["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]),
            {
                let list = json!({ "type": "object", "required": ["l"], "properties": { "l": { "type": "array", "items": text } } });
                let form = json!({ "schema": list, "encoding": { "l": { "style": "pipeDelimited", "explode": false } } });
                json!({ "required": true, "content": { "multipart/form-data; boundary=x": form, "application/x-www-form-urlencoded": form } })
            },
        ),
    ] {
        let (new, warnings) = operation(&parameters, &consumes);
        assert_eq!((&new["requestBody"], &new["parameters"]), (&expected, &json!([])));
        assert_eq!(warnings, [""; 0]);
    }
    let (new, warnings) = operation(&json!([body, field("a", "string")]), &json!([]));
    assert_eq!(new["requestBody"]["content"]["application/json"], schema);
    assert_eq!(warnings, ["/paths/~1a/post: it has a body and form fields; the form fields are skipped"]);
}

#[test]
fn schemas_are_written_as_in_3_0() {
    let (new, _) = converted(&json!({ "swagger": "2.0", "definitions": {
        "Pet": {
            "discriminator": "kind",
            "x-nullable": true,
            "properties": {
                "discriminator": { "type": "string" },
                "photo": { "type": "file" },
                "deep": { "$ref": "#/paths/~1a/get/responses/200/schema" },
                "list": { "items": { "allOf": [{ "$ref": "#/definitions/Pet" }] } },
            },
            "example": { "$ref": "#/definitions/Pet" },
        },
    }, "paths": { "/a": { "get": { "responses": { "200": { "schema": { "type": "integer" } } } } } } }));
    let moved = "paths..1a.get.responses.200.schema";
    assert_eq!(
        new["components"]["schemas"],
        json!({
            "Pet": {
                "discriminator": { "propertyName": "kind" },
                "nullable": true,
                "properties": {
                    "discriminator": { "type": "string" },
                    "photo": { "type": "string", "format": "binary" },
                    "deep": { "$ref": format!("#/components/schemas/{moved}") },
                    "list": { "items": { "allOf": [{ "$ref": "#/components/schemas/Pet" }] } },
                },
                "example": { "$ref": "#/definitions/Pet" },
            },
            moved: { "type": "integer" },
        })
    );
}

#[test]
fn security_and_responses_are_kept() {
    let (new, _) = converted(&json!({
        "swagger": "2.0",
        "produces": ["application/json"],
        "securityDefinitions": {
            "b": { "type": "basic" },
            "k": { "type": "apiKey", "in": "header", "name": "X-Key" },
            "o": { "type": "oauth2", "flow": "accessCode", "authorizationUrl": "https://a", "tokenUrl": "https://t", "scopes": { "s": "" } },
        },
        "security": [{ "o": ["s"] }],
        "responses": { "E": { "description": "bad", "schema": { "type": "string" }, "headers": { "X-N": { "type": "integer" } } } },
        "paths": { "/a": { "get": { "security": [], "responses": { "400": { "$ref": "#/responses/E" } } } } },
    }));
    assert_eq!(new["security"], json!([{ "o": ["s"] }]));
    assert_eq!(new["paths"]["/a"]["get"]["security"], json!([]));
    assert_eq!(new["paths"]["/a"]["get"]["responses"]["400"], json!({ "$ref": "#/components/responses/E" }));
    assert_eq!(
        new["components"]["responses"]["E"],
        json!({
            "description": "bad",
            "content": { "application/json": { "schema": { "type": "string" } } },
            "headers": { "X-N": { "schema": { "type": "integer" } } },
        })
    );
    let flow = json!({ "authorizationUrl": "https://a", "tokenUrl": "https://t", "scopes": { "s": "" } });
    assert_eq!(
        new["components"]["securitySchemes"],
        json!({
            "b": { "type": "http", "scheme": "basic" },
            "k": { "type": "apiKey", "in": "header", "name": "X-Key" },
            "o": { "type": "oauth2", "flows": { "authorizationCode": flow } },
        })
    );
}

const SHOP: &str = "
swagger: '2.0'
info: { title: Shop, version: '3' }
host: shop.example
basePath: /api
consumes: [application/json]
parameters:
  Limit: { name: limit, in: query, type: integer, maximum: 100 }
  Order: { name: order, in: body, required: true, schema: { $ref: '#/definitions/Order' } }
  Note: { name: note, in: formData, type: string }
paths:
  /orders/{id}:
    parameters:
      - { name: id, in: path, required: true, type: string }
      - $ref: '#/parameters/Order'
    get:
      parameters: [$ref: '#/parameters/Limit']
    put: {}
    post:
      parameters:
        - $ref: '#/parameters/Note'
        - $ref: '#/paths/~1orders~1{id}/parameters/0'
definitions:
  Order: { type: object, required: [sku], properties: { sku: { type: string } } }
";

#[test]
fn a_whole_document_is_read() {
    let document = Document::parse(SHOP.as_bytes()).unwrap();
    assert_eq!(document.title(), "Shop");
    assert_eq!(document.server_base_path().as_deref(), Some("/api"));
    let shown = document.operations().iter().map(|operation| {
        let names = operation.parameters.iter().map(|parameter| parameter.name.as_str());
        let kinds = operation.body.iter().flat_map(|body| &body.content).map(|kind| kind.range.as_str());
        format!(
            "{} {} {}",
            operation.method,
            names.collect::<Vec<_>>().join(","),
            kinds.collect::<Vec<_>>().join(",")
        )
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        ["GET id,limit application/json", "PUT id application/json", "POST id application/json"]
    );
    assert_eq!(
        document.warnings(),
        [
            "/swagger: the document is Swagger 2.0; it is read as if it were converted to OpenAPI 3.0",
            "/paths/~1orders~1{id}/post: it has a body and form fields; the form fields are skipped",
        ]
    );
}

#[test]
fn what_is_wrong_is_told_where_it_was_written() {
    for (new, old) in [
        ("/components/schemas/A/items", "/definitions/A/items"),
        ("/components/requestBodies/B/content/a~1b/schema", "/parameters/B"),
        ("/paths/~1a/get/parameters/3/schema/enum", "/paths/~1a/get/parameters"),
        ("/paths/~1a/get/requestBody/content", "/paths/~1a/get/parameters"),
        ("/paths/~1a/get/security", "/paths/~1a/get/security"),
        ("/servers/0", ""),
    ] {
        assert_eq!(origin(new), old);
    }
}

#[test]
fn a_small_document_cannot_become_a_large_one() {
    let large: Vec<String> = (0..10_000).map(|number| format!("choice {number}")).collect();
    let body = json!({ "name": "b", "in": "body", "schema": { "enum": large } });
    let post = json!({ "post": { "parameters": [{ "$ref": "#/parameters/B" }] } });
    let paths: Map<String, Value> = (0..5_000).map(|number| (format!("/p{number}"), post.clone())).collect();
    let old = json!({ "swagger": "2.0", "parameters": { "B": body }, "paths": paths });
    let said = convert(&old, &mut Warnings::default()).unwrap_err().to_string();
    assert_eq!(said, "the document is too large once its references are written out");
}
