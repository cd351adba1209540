//! Whole documents: what is read from them, and what is said of those that are refused.

mod references;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::operation::{Location, Style};
use crate::{Find, Router};

const PETS: &str = r##"
openapi: 3.0.3
info: { title: Pets, version: 1.4 }
servers:
  - url: https://{region}.example.com/api/v1/
    variables: { region: { default: eu } }
security:
  - key: []
  - oauth: [pets.read, pets.write]
x-top: ignored
paths:
  x-note: ignored
  /pets/{petId}:
    summary: ignored
    x-path-level: ignored
    parameters:
      - $ref: '#/components/parameters/PetId'
      - { name: verbose, in: query, schema: { type: boolean } }
      - { name: X-Trace, in: header, schema: { type: string } }
    get:
      operationId: showPet
      summary: One pet
      tags: [pets, reading]
      deprecated: true
      x-owner: { team: 7 }
      parameters:
        - { name: verbose, in: query, required: true, schema: { type: integer, minimum: 1, exclusiveMinimum: true } }
        - { name: x-trace, in: cookie, schema: { type: string } }
        - { name: Accept, in: header, schema: { type: string } }
      security: []
    put:
      requestBody: { $ref: '#/components/requestBodies/Pet' }
    trace: {}
components:
  parameters:
    PetId: { name: petId, in: path, required: true, schema: { $ref: '#/components/schemas/Id' } }
  requestBodies:
    Pet: { required: true, content: {} }
  schemas:
    Id: { allOf: [{ $ref: '#/components/schemas/Text' }], description: an id, maxLength: 9 }
    Text: { type: string, minLength: 2, maxLength: 99, nullable: true }
"##;

fn parse(value: &Value) -> Result<Document, LoadError> {
    Document::parse(value.to_string().as_bytes())
}

/// What is said of a document, without the line: all of it is on one.
pub(super) fn refused(value: &Value) -> String {
    let error = parse(value).unwrap_err();
    let place = error.pointer().filter(|pointer| !pointer.is_empty());
    place.map_or_else(String::new, |place| format!("{place}: ")) + error.message()
}

/// A document with one operation, `GET /x`, that has these parameters, and these components.
fn with_parameters(parameters: &Value, components: &Value) -> Value {
    json!({ "openapi": "3.1.0", "paths": { "/x": { "get": { "parameters": parameters } } }, "components": components })
}

#[test]
fn a_document_is_read() {
    let document = Document::parse(PETS.as_bytes()).unwrap();
    assert_eq!((document.title(), document.version()), ("Pets", "1.4"));
    assert_eq!(document.servers()[0].url, "https://eu.example.com/api/v1/");
    assert_eq!(document.server_base_path().as_deref(), Some("/api/v1"));
    assert_eq!(document.warnings(), [""; 0]);
    let methods: Vec<_> = document.operations().iter().map(|operation| operation.method.as_str()).collect();
    assert_eq!(methods, ["GET", "PUT", "TRACE"]);

    let [get, put, _] = document.operations() else { panic!("three operations") };
    assert_eq!(get.path, "/pets/{petId}");
    assert_eq!(get.operation_id.as_deref(), Some("showPet"));
    assert_eq!(get.summary.as_deref(), Some("One pet"));
    assert_eq!(get.tags, ["pets", "reading"]);
    assert!(get.deprecated && get.body.is_none());
    assert_eq!(get.security, Some(vec![]));
    assert_eq!(get.extensions, [("x-owner".to_owned(), json!({ "team": 7 }))].into());
    let places: Vec<_> = get.parameters.iter().map(|p| (p.name.as_str(), p.location, p.required)).collect();
    assert_eq!(
        places,
        [
            ("petId", Location::Path, true),
            ("X-Trace", Location::Header, false),
            ("verbose", Location::Query, true),
            ("x-trace", Location::Cookie, false),
        ]
    );
    let schema = |index: usize| {
        let id = get.parameters[index].schema_id.unwrap();
        document.schemas().resolve(document.schemas().find(id).unwrap())
    };
    assert_eq!(schema(0)["maxLength"], 9);
    assert_eq!(schema(2)["exclusiveMinimum"], 1);

    assert!(put.body.as_ref().unwrap().required);
    let oauth = vec![("oauth".to_owned(), vec!["pets.read".to_owned(), "pets.write".to_owned()])];
    assert_eq!(put.security, Some(vec![vec![("key".to_owned(), vec![])], oauth]));
    let verbose = put.parameters[1].schema_id.unwrap();
    assert_eq!(document.schemas().find(verbose).unwrap()["type"], "boolean");
}

#[test]
fn operations_survive_being_stored() {
    let document = Document::parse(PETS.as_bytes()).unwrap();
    let stored = serde_json::to_string(document.operations()).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Operation>>(&stored).unwrap(), document.operations());
}

#[test]
fn versions_are_named() {
    for (document, expected) in [
        (
            json!({ "swagger": "1.2" }),
            "/swagger: this is a Swagger 1.2 document; convert it to Swagger 2.0 or OpenAPI 3 first",
        ),
        (
            json!({}),
            "this is no OpenAPI document: it has no \"openapi\" member, such as \"openapi\": \"3.1.0\"",
        ),
        (json!({ "openapi": "3.2.0" }), "/openapi: OpenAPI version 3.2.0 is not supported; 3.0 and 3.1 are"),
        (json!({ "openapi": "4" }), "/openapi: OpenAPI version 4 is not supported; 3.0 and 3.1 are"),
        (
            json!({ "openapi": "3.10.0" }),
            "/openapi: OpenAPI version 3.10.0 is not supported; 3.0 and 3.1 are",
        ),
        (json!([1]), "an OpenAPI document must be an object"),
        (json!("text"), "an OpenAPI document must be an object"),
    ] {
        assert_eq!(refused(&document), expected);
    }
    for version in [json!("3.0.0"), json!("3.1.1"), json!("3.1"), json!("3.0.0-rc2"), json!(3.1)] {
        assert!(parse(&json!({ "openapi": version, "paths": {} })).is_ok(), "{version}");
    }
}

#[test]
fn malformed_documents_say_where() {
    let get = |operation: Value| json!({ "openapi": "3.0.0", "paths": { "/a/{b}": { "get": operation } } });
    let parameter = |parameter: Value| get(json!({ "parameters": [parameter] }));
    let here = "/paths/~1a~1{b}/get";
    for (document, expected) in [
        (json!({ "openapi": "3.0.0", "paths": [] }), "/paths: paths must be an object".to_owned()),
        (
            json!({ "openapi": "3.0.0", "paths": { "/a": 1 } }),
            "/paths/~1a: a path must hold an object".to_owned(),
        ),
        (
            json!({ "openapi": "3.0.0", "security": {}, "paths": {} }),
            "/security: security must be a list".to_owned(),
        ),
        (get(json!([])), format!("{here}: an operation must be an object")),
        (
            get(json!({ "security": [{ "a": "b" }] })),
            format!("{here}/security/0: a security requirement must map names of schemes to lists of scopes"),
        ),
        (
            get(json!({ "security": [[]] })),
            format!("{here}/security/0: a security requirement must map names of schemes to lists of scopes"),
        ),
        (get(json!({ "requestBody": true })), format!("{here}/requestBody: requestBody must be an object")),
        (get(json!({ "parameters": {} })), format!("{here}/parameters: parameters must be a list")),
        (parameter(json!("limit")), format!("{here}/parameters/0: a parameter must be an object")),
        (
            parameter(json!({ "name": "a", "in": "query", "schema": 3 })),
            format!("{here}/parameters/0/schema: a schema must be an object"),
        ),
        (
            parameter(json!({ "name": "a", "in": "query", "schema": { "enum": 3 } })),
            format!("{here}/parameters/0/schema/enum: enum must be a list"),
        ),
    ] {
        assert_eq!(refused(&document), expected);
    }
}

#[test]
fn what_is_odd_is_warned_of() {
    let document = json!({
        "openapi": "3.0.0",
        "paths": {
            "/a/{x}": { "get": { "operationId": "one", "parameters": [
                { "name": "x", "in": "path", "schema": { "type": "file" } },
                { "name": "y", "in": "path" },
                { "name": "z", "in": "query", "style": "comma" },
            ] } },
            "/a/{w}": { "servers": [], "put": { "operationId": "one", "servers": [] } },
            "/b{": { "get": {} },
            "d/e": { "get": { "parameters": [
                { "in": "query" },
                { "name": "a" },
                { "name": "a", "in": "body" },
                { "name": "a b", "in": "header" },
                { "name": "a", "in": "query", "required": true },
                { "name": "a", "in": "query" },
            ] } },
            "/f": null,
            "/g": { "get": null, "parameters": null },
            "/c": { "description": "", "x-c": 1, "GET": {}, "query": {} },
        },
    });
    let document = parse(&document).unwrap();
    assert_eq!(
        document.warnings(),
        [
            "/paths/~1a~1{x}/get/parameters/2: the style \"comma\" is not known here, and the usual one is used",
            "/paths/~1a~1{x}/get: the path parameter \"y\" is not in the path, and is skipped",
            "/paths/~1a~1{w}: servers of a single path are not used",
            "/paths/~1a~1{w}/put: servers of a single operation are not used",
            "/paths/~1a~1{w}/put: the path parameter \"w\" is not described; any value is accepted",
            "/paths/~1a~1{w}/put: the operationId \"one\" is used more than once",
            "/paths/~1b{: skipped: a \"{\" in a path must be closed before the next \"/\"",
            "/paths/d~1e: a path must start with \"/\"; it is read as /d/e",
            "/paths/d~1e/get/parameters/0: skipped: a parameter must have a name",
            "/paths/d~1e/get/parameters/1: skipped: the parameter \"a\" must say what it is in: path, query, header or cookie",
            "/paths/d~1e/get/parameters/2: skipped: the parameter \"a\" cannot be in \"body\"; path, query, header and cookie are known",
            "/paths/d~1e/get/parameters/3: skipped: \"a b\" cannot be the name of a header",
            "/paths/d~1e/get/parameters/5: skipped: the parameter \"a\" is listed before in the same place",
            "/paths/~1f: skipped: there is nothing in it",
            "/paths/~1c: skipped: \"GET\" is not a method (methods are written in small letters)",
            "/paths/~1c: skipped: \"query\" is not a method (methods are written in small letters)",
            // Schemas are read when all operations are known.
            "/paths/~1a~1{x}/get/parameters/0/schema: type is unenforced: \"file\" is not a type",
        ]
    );
    assert_eq!(document.operations()[0].parameters[1].style, Style::Form);
    let paths: Vec<&str> = document.operations().iter().map(|operation| operation.path.as_str()).collect();
    assert_eq!(paths, ["/a/{x}", "/a/{w}", "/d/e", "/g"]);
    assert!(document.operations()[2].parameters[0].required);
}

#[test]
fn paths_that_cannot_be_told_apart_are_refused_with_both_names() {
    let paths = |paths: Value| json!({ "openapi": "3.0.0", "paths": paths });
    assert_eq!(
        refused(&paths(json!({
            "/a/{x}": { "get": {} }, "/a/{y}": { "get": {}, "put": {} }, "/a/{z}": { "put": {}, "post": {} },
        }))),
        "/paths/~1a~1{y}/get: GET /a/{y} matches the same requests as GET /a/{x}; only one of them can stay \
         (and 1 more such pairs)"
    );
    let fine =
        paths(json!({ "/a/{x}": { "get": {} }, "/a/{y}": { "put": {} }, "/a/{z}:stop": { "get": {} } }));
    assert_eq!(parse(&fine).unwrap().operations().len(), 3);
}

/// Some documents tell operations apart by what no path has.
#[test]
fn operations_that_no_path_tells_apart_become_one_endpoint() {
    let operation = |action: &str, schema: Value, security: Value| {
        json!({ "post": {
            "operationId": action,
            "security": security,
            "x-tollbar-write": false,
            "x-action": action,
            "parameters": [
                { "name": "Action", "in": "query", "required": true, "schema": { "enum": [action] } },
                { "name": action, "in": "query", "required": true, "schema": { "type": "integer" } },
            ],
            "requestBody": { "required": true, "content": { "application/json": { "schema": schema } } },
        } })
    };
    let document = json!({ "openapi": "3.0.0", "paths": {
        "/?Action=Start": operation("Start", json!({ "type": "object" }), json!([{ "o": ["a"] }])),
        "/#Action=Stop": operation("Stop", json!({ "type": "string" }), json!([{ "o": ["b"] }, { "k": [] }])),
        "/other": { "get": {} },
    } });
    let document = parse(&document).unwrap();
    assert_eq!(
        document.warnings(),
        [
            "/paths: POST /: 2 operations whose paths differ only after \"?\" or \"#\" are one endpoint, which accepts \
          what any of them accepts"
        ]
    );
    let [one, _] = document.operations() else { panic!("two endpoints") };
    assert_eq!((one.method.as_str(), one.path.as_str()), ("POST", "/"));
    assert_eq!((one.operation_id.as_deref(), one.extensions.len()), (None, 1));
    // What differs in security is asked for together.
    let o = ("o".to_owned(), vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(one.security, Some(vec![vec![o, ("k".to_owned(), vec![])]]));
    assert_eq!(one.parameters.len(), 1, "of what only one of them has, nothing is known");
    let choices = |id: Option<crate::schema::SchemaId>| {
        let schema = document.schemas().find(id.unwrap()).unwrap();
        let choices = schema["anyOf"].as_array().unwrap().iter();
        choices.map(|choice| document.schemas().resolve(choice).clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        choices(one.parameters[0].schema_id),
        [json!({ "enum": ["Start"] }), json!({ "enum": ["Stop"] })]
    );
    let body = one.body.as_ref().unwrap();
    assert!(body.required);
    assert_eq!(
        choices(body.content[0].schema_id),
        [json!({ "type": "object" }), json!({ "type": "string" })]
    );
}

#[test]
fn a_document_without_operations_is_fine() {
    for (document, expected) in [
        (
            json!({ "openapi": "3.1.0", "webhooks": {} }),
            "the document describes webhooks only, and no operation",
        ),
        (json!({ "openapi": "3.1.0" }), "the document has no paths, and so no operation"),
        (json!({ "openapi": "3.1.0", "paths": {} }), "/paths: there is no operation"),
    ] {
        let document = parse(&document).unwrap();
        assert!(document.operations().is_empty());
        assert_eq!(document.warnings(), [expected]);
    }
}

#[test]
fn warnings_are_bounded() {
    let paths: Map<String, Value> =
        (0..500).map(|number| (format!("/p{number}/{{x}}"), json!({ "get": {} }))).collect();
    let document = parse(&json!({ "openapi": "3.1.0", "paths": paths })).unwrap();
    assert_eq!(document.warnings().len(), 201);
    assert_eq!(document.warnings()[200], "and 300 more warnings");
}

#[test]
fn messages_cannot_steer_a_terminal_or_fill_it() {
    let long = format!("\u{1b}[31m{}", "a".repeat(100_000));
    let said = refused(&json!({ "openapi": long }));
    assert!(
        said.starts_with("/openapi: OpenAPI version \\u{1b}[31maaa") && said.chars().count() < 500,
        "{said}"
    );
}

#[test]
fn what_is_loaded_can_be_routed() {
    let document = Document::parse(PETS.as_bytes()).unwrap();
    let routes =
        document.operations().iter().enumerate().map(|(id, o)| (o.method.as_str(), o.path.as_str(), id));
    let router = Router::build(routes).unwrap();
    assert!(matches!(router.find("PUT", "/pets/7"), Find::Matched(found) if found.id == 1));
}

/// Values of the kind that documents have, in places where they do not belong.
fn chaos() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "get",
        "parameters",
        "$ref",
        "schema",
        "type",
        "items",
        "enum",
        "allOf",
        "oneOf",
        "name",
        "in",
        "security",
        "/a",
        "/{b}",
        "/{b",
        "requestBody",
        "minimum",
        "exclusiveMinimum",
        "content",
        "x-a",
        "components",
    ]);
    let text = prop::sample::select(vec![
        "#",
        "#/paths",
        "#/paths/~1a",
        "#/components",
        "#/components/schema",
        "#/paths/~1a/get/parameters/0",
        "query",
        "path",
        "object",
        "integer",
        "b",
        "#/security/0",
    ]);
    let leaf = prop_oneof![
        4 => text.prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 60, 6, move |inner| {
        let members = prop::collection::vec((name.clone(), inner.clone()), 0..6);
        prop_oneof![
            3 => members.prop_map(|all| all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into()),
            1 => prop::collection::vec(inner, 0..4).prop_map(Value::from),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_document_is_survived(paths in chaos(), item in chaos(), parameter in chaos(), components in chaos()) {
        let whole = json!({ "openapi": "3.1.0", "paths": paths, "components": components });
        let item = json!({ "openapi": "3.1.0", "paths": { "/a": item, "/{b}": { "$ref": "#/components" } }, "components": components });
        let parameter = with_parameters(&json!([parameter, { "name": "a", "in": "query", "schema": parameter }]), &components);
        for document in [whole, item, parameter] {
            match parse(&document) {
                Ok(document) => {
                    let stored = serde_json::to_string(document.operations()).unwrap();
                    prop_assert!(serde_json::from_str::<Vec<Operation>>(&stored).is_ok());
                }
                Err(error) => prop_assert!(error.pointer().is_some(), "{}", error),
            }
        }
    }
}

/// Wrong documents, as JSON and as YAML: what is wrong, and where.
#[test]
fn what_is_wrong_is_told_with_its_line() {
    let table = [
        (
            "{\n  \"openapi\": \"3.0.0\",\n  \"paths\": {\n    \"/a\": {\n      \"get\": {\n        \"security\": [\n          {\"k\": \"x\"}\n        ]\n      }\n    }\n  }\n}",
            "openapi: 3.0.0\npaths:\n  /a:\n    get:\n      security:\n        - k: x\n",
            ("line 7, column 10", "line 6, column 11"),
            "/paths/~1a/get/security/0: a security requirement must map names of schemes to lists of scopes",
        ),
        (
            "{\n  \"openapi\": \"3.0.0\",\n  \"paths\": {\"/a\": {\"get\": {\"parameters\": [\n    {\"$ref\": \"#/components/parameters/b\"}\n  ]}}}\n}",
            "openapi: 3.0.0\npaths:\n  /a: { get: { parameters: [\n    { $ref: '#/components/parameters/b' }\n  ] } }\n",
            ("line 4, column 13", "line 4, column 13"),
            "/paths/~1a/get/parameters/0/$ref: the reference \"#/components/parameters/b\" leads nowhere",
        ),
        (
            "{\"openapi\": \"3.0.0\",\n \"paths\": {\"/a\": {},\n \"/b\": 7}}",
            "openapi: 3.0.0\npaths:\n  /a: {}\n  /b: 7\n",
            ("line 3, column 7", "line 4, column 7"),
            "/paths/~1b: a path must hold an object",
        ),
        (
            "{\"openapi\": \"3.0.0\",\n \"components\": {\"schemas\": {\"A\": {\"items\":\n {\"$ref\": \"https://example.com/a\"}}}}}",
            "openapi: 3.0.0\ncomponents:\n  schemas:\n    A:\n      items:\n        $ref: https://example.com/a\n",
            ("line 3, column 10", "line 6, column 15"),
            "/components/schemas/A/items/$ref: the reference \"https://example.com/a\" leads out of the document, and nothing is fetched; bundle it into one file first",
        ),
        (
            "{\n\"swagger\": \"2.0\",\n\"paths\": {\"/a\": {\"get\": {\n\"parameters\": 5}}}}",
            "swagger: '2.0'\npaths:\n  /a:\n    get:\n      parameters: 5\n",
            ("line 4, column 14", "line 5, column 19"),
            "/paths/~1a/get/parameters: parameters must be a list",
        ),
    ];
    for (json, yaml, (in_json, in_yaml), expected) in table {
        for (text, place) in [(json, in_json), (yaml, in_yaml)] {
            let said = Document::parse(text.as_bytes()).unwrap_err().to_string();
            assert_eq!(said, format!("{place}: {expected}"), "{text}");
        }
    }
}

/// The place is found even where the pointer goes further than the text.
#[test]
fn what_is_missing_is_told_where_it_is_missing() {
    let text = b"a:\n  b:\n    - c: 1\n    - d: 2\n";
    for (pointer, expected) in [
        ("/a/b/1/d", Some((4, 10))),
        ("/a/b/1/x/y", Some((4, 7))),
        ("/a/b/9", Some((3, 5))),
        ("/a/z", Some((2, 3))),
        ("/z", None),
        ("", None),
    ] {
        assert_eq!(tree::find(text, pointer), expected, "{pointer}");
    }
}
