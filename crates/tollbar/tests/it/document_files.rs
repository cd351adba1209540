//! Documents as they are kept in repositories: in many files, or in the format from before OpenAPI. What they say is
//! held against requests, wherever it is written.

use std::{fs, process::Output};

use crate::support::Described;

/// Something for the key to have scopes of.
const OTHER: &str = "  /x/other: { get: { responses: {} } }";

/// A file's name, and what is in it.
const TREE: [(&str, &str); 7] = [
    (
        "api/openapi.yaml",
        r#"
openapi: 3.0.3
info: { title: Tree, version: "7" }
tags: [{ name: x }]
paths:
  /x/orders: { $ref: paths/orders.yaml }
  /x/orders/{id}: { $ref: 'paths/order.yaml#/one' }
components:
  parameters:
    Limit: { name: limit, in: query, schema: { $ref: 'schemas/numbers.json#/Small' } }
"#,
    ),
    (
        "api/paths/orders.yaml",
        r#"
get:
  tags: [x]
  parameters: [{ $ref: '../openapi.yaml#/components/parameters/Limit' }]
  responses: {}
post:
  tags: [x]
  requestBody: { $ref: './bodies/order.yml' }
  responses: {}
"#,
    ),
    (
        "api/paths/order.yaml",
        r#"
one:
  get:
    tags: [x]
    parameters: [{ name: id, in: path, required: true, schema: { $ref: ../schemas/numbers.json#/Small } }]
    responses: {}
"#,
    ),
    (
        "api/paths/bodies/order.yml",
        "required: true\ncontent:\n  application/json: { schema: { $ref: '../../schemas/order.json' } }\n",
    ),
    (
        "api/schemas/order.json",
        r##"{ "type": "object", "required": ["lines"], "properties": {
            "lines": { "type": "array", "items": { "$ref": "#/definitions/Line" } },
            "parent": { "$ref": "order.json" } },
            "definitions": { "Line": { "type": "object", "required": ["sku"], "properties": {
                "sku": { "type": "string", "pattern": "^[A-Z]{3}$" },
                "quantity": { "$ref": "numbers.json#/Small" } } } } }"##,
    ),
    ("api/schemas/numbers.json", r#"{ "Small": { "type": "integer", "minimum": 1, "maximum": 9 } }"#),
    ("secret.yaml", "Small: { type: integer }\n"),
];

const SWAGGER: &str = r#"
swagger: '2.0'
info: { title: Old, version: '1' }
basePath: /ignored
consumes: [application/json]
parameters:
  Ids: { name: ids, in: query, type: array, items: { type: integer }, collectionFormat: pipes }
paths:
  /x/old:
    get: { tags: [x], parameters: [{ $ref: '#/parameters/Ids' }], responses: {} }
    post: { tags: [x], parameters: [{ name: b, in: body, required: true, schema: { $ref: '#/definitions/Pet' } }], responses: {} }
    put:
      tags: [x]
      consumes: [application/x-www-form-urlencoded]
      parameters: [{ name: age, in: formData, type: integer, required: true, maximum: 99 }]
      responses: {}
definitions:
  Pet: { type: object, required: [name], properties: { name: { type: string, maxLength: 5 } } }
"#;

const JSON: &[(&str, &str)] = &[("Content-Type", "application/json")];
const FORM: &[(&str, &str)] = &[("Content-Type", "application/x-www-form-urlencoded")];

fn write(described: &Described, name: &str, text: &str) -> String {
    let path = described.platform.folder().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn import(described: &Described, file: &str) -> Output {
    described.platform.run(&["import", file, "--base", "/v1", "--upstream", &described.upstream.url()])
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A request, and what is said of it; nothing, if it passes.
type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str, &'static str);

fn assert_holds(described: &Described, rows: &[Row]) {
    for (method, target, headers, body, expected) in rows {
        if expected.is_empty() {
            described.passes(method, target, headers, body.as_bytes());
        } else {
            let message = described.refuses(method, target, headers, body.as_bytes());
            assert!(message.contains(expected), "{method} {target} {body}: {message}");
        }
    }
}

#[test]
fn a_tree_of_files_is_one_document() {
    let described = Described::open(OTHER);
    let files = TREE.map(|(name, text)| write(&described, name, text));
    let output = import(&described, &files[0]);
    assert!(output.status.success() && told(&output).contains("Tree 7"), "{}", told(&output));
    assert_holds(
        &described,
        &[
            ("GET", "/v1/x/orders?limit=9", &[], "", ""),
            (
                "GET",
                "/v1/x/orders?limit=10",
                &[],
                "",
                r#"query parameter "limit" must be at most 9 (got 10)"#,
            ),
            ("GET", "/v1/x/orders/9", &[], "", ""),
            ("GET", "/v1/x/orders/x", &[], "", r#"path parameter "id" must be an integer (got "x")"#),
            (
                "POST",
                "/v1/x/orders",
                JSON,
                r#"{"lines":[{"sku":"ABC","quantity":9}],"parent":{"lines":[]}}"#,
                "",
            ),
            ("POST", "/v1/x/orders", JSON, "", "the request body is required"),
            (
                "POST",
                "/v1/x/orders",
                JSON,
                r#"{"lines":[{"quantity":1}]}"#,
                r#"body field "lines[0].sku" is required"#,
            ),
            (
                "POST",
                "/v1/x/orders",
                JSON,
                r#"{"lines":[],"parent":{"lines":[{"sku":"ABC","quantity":10}]}}"#,
                r#"body field "parent.lines[0].quantity" must be at most 9 (got 10)"#,
            ),
        ],
    );
    // A file that cannot be used is named, what was imported stays, and nothing above the folder is read.
    let endpoints = described.platform.read("/apis/endpoints");
    for (name, text, words) in [
        ("api/schemas/numbers.json", "{ \"Small\": { \"type\": \"integer\", } }", "numbers.json"),
        ("api/schemas/numbers.json", "{ \"Large\": {} }", "numbers.json"),
        (
            "api/schemas/numbers.json",
            r##"{ "Small": { "$ref": "../../secret.yaml#/Small" } }"##,
            "secret.yaml",
        ),
        ("api/schemas/numbers.json", r##"{ "Small": { "$ref": "gone.yaml" } }"##, "gone.yaml"),
        (
            "api/schemas/numbers.json",
            r##"{ "Small": { "$ref": "order.json#/properties/parent/x" } }"##,
            "order.json",
        ),
    ] {
        write(&described, name, text);
        let output = import(&described, &files[0]);
        assert!(!output.status.success() && told(&output).contains(words), "{text}: {}", told(&output));
    }
    assert_eq!(described.platform.read("/apis/endpoints"), endpoints);
    described.passes("GET", "/v1/x/orders?limit=9", &[], b"");
}

#[test]
fn a_document_from_before_openapi_is_held_against_requests() {
    let described = Described::open(OTHER);
    let file = write(&described, "swagger.yaml", SWAGGER);
    let output = import(&described, &file);
    assert!(output.status.success() && told(&output).contains("Old 1"), "{}", told(&output));
    assert_holds(
        &described,
        &[
            ("GET", "/v1/x/old?ids=1|2", &[], "", ""),
            (
                "GET",
                "/v1/x/old?ids=1|x",
                &[],
                "",
                r#"item 2 of query parameter "ids" must be an integer (got "x")"#,
            ),
            ("POST", "/v1/x/old", JSON, r#"{"name":"Rex"}"#, ""),
            (
                "POST",
                "/v1/x/old",
                JSON,
                r#"{"name":"Bucephalus"}"#,
                r#"body field "name" must be at most 5 characters long"#,
            ),
            ("PUT", "/v1/x/old", FORM, "age=99", ""),
            ("PUT", "/v1/x/old", FORM, "age=100", r#"form field "age" must be at most 99 (got 100)"#),
            (
                "PUT",
                "/v1/x/old",
                JSON,
                "{}",
                r#"header "Content-Type" must be application/x-www-form-urlencoded"#,
            ),
        ],
    );
}
