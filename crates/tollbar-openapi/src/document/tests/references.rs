//! What references in a document lead to, and what they must not.

use serde_json::json;

use super::super::*;
use super::{parse, refused, with_parameters};

#[test]
fn references_that_lead_out_are_refused_wherever_they_stand() {
    let words = "leads out of the document, and nothing is fetched; bundle it into one file first";
    for target in ["https://example.com/a.yaml", "other.yaml#/a", "file:///etc/passwd", "//host/a", ""] {
        let deep = json!({ "openapi": "3.0.0", "paths": {}, "components": { "schemas": { "A": { "anyOf": [{ "$ref": target }] } } } });
        assert_eq!(
            refused(&deep),
            format!("/components/schemas/A/anyOf/0/$ref: the reference \"{target}\" {words}")
        );
    }
    // What is data in one place is a name in another.
    for (map, name) in [
        ("responses", "default"),
        ("properties", "example"),
        ("schemas", "x-a"),
        ("properties", "properties"),
    ] {
        let outside =
            json!({ "openapi": "3.0.0", "components": { "a": { map: { name: { "$ref": "b.yaml" } } } } });
        assert_eq!(
            refused(&outside),
            format!("/components/a/{map}/{name}/$ref: the reference \"b.yaml\" {words}")
        );
    }
    // Data is no reference, and a property may be called so.
    let data = json!({ "openapi": "3.0.0", "paths": {}, "x-a": { "$ref": "b.yaml" }, "components": { "schemas": {
        "A": { "example": { "$ref": "b.yaml" }, "properties": { "$ref": { "type": "string" } } } } } });
    assert!(parse(&data).is_ok());
}

#[test]
fn references_are_followed() {
    let document = json!({
        "openapi": "3.1.0",
        "paths": {
            "/first/{id}": { "get": { "parameters": [
                { "name": "id", "in": "path", "schema": { "type": "integer" } },
                { "$ref": "#/components/parameters/Limit" },
            ] } },
            "/second/{id}": { "$ref": "#/paths/~1first~1%7Bid%7D", "post": {} },
            "/fourth/{id}": { "put": { "$ref": "#/paths/~1first~1{id}/get" } },
            "/third/{id}": { "get": { "parameters": [
                { "$ref": "#/paths/~1first~1{id}/get/parameters/0" },
                // On the way, a reference is followed too.
                { "name": "max", "in": "query", "schema": { "$ref": "#/paths/~1first~1{id}/get/parameters/1/schema", "maximum": 9 } },
            ] } },
        },
        "components": {
            "parameters": { "Limit": { "$ref": "#/components/parameters/Other~01" }, "Other~1": { "name": "limit", "in": "query", "schema": { "$ref": "#/components/schemas/Limit" } } },
            "schemas": { "Limit": { "type": ["integer", "null"], "maximum": 100 } },
        },
    });
    let document = parse(&document).unwrap();
    assert_eq!(
        document.warnings(),
        ["/paths/~1second~1{id}/post: the path parameter \"id\" is not described; any value is accepted"]
    );
    let shown = document.operations().iter().map(|operation| {
        let parameters = operation.parameters.iter().map(|p| {
            let schema = document.schemas().find(p.schema_id.unwrap()).unwrap();
            let maximum = document.schemas().resolve(schema).get("maximum").map(Value::to_string);
            format!("{}:{}", p.name, maximum.unwrap_or_default())
        });
        format!("{} {} {}", operation.method, operation.path, parameters.collect::<Vec<_>>().join(" "))
    });
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [
            "GET /first/{id} id: limit:100",
            "GET /second/{id} id: limit:100",
            "POST /second/{id} ",
            "PUT /fourth/{id} id: limit:100",
            "GET /third/{id} id: max:9",
        ]
    );
}

#[test]
fn references_that_lead_nowhere_or_in_circles_are_named() {
    let circle = "leads in a circle, or over more than 32 others";
    for (parameters, components, expected) in [
        (json!([{ "$ref": "#/components/parameters/A" }]), json!({}), "/paths/~1x/get/parameters/0/$ref: the reference \"#/components/parameters/A\" leads nowhere".to_owned()),
        (json!([{ "$ref": "#/paths/~1x/get/parameters/9" }]), json!({}), "/paths/~1x/get/parameters/0/$ref: the reference \"#/paths/~1x/get/parameters/9\" leads nowhere".to_owned()),
        (json!([{ "$ref": "#limit" }]), json!({}), "/paths/~1x/get/parameters/0/$ref: the reference \"#limit\" leads nowhere: no schema has this $anchor, nor is it a pointer such as \"#/components/parameters/limit\"".to_owned()),
        (json!([{ "$ref": "#/paths/~1x/get/parameters/0" }]), json!({}), format!("/paths/~1x/get/parameters/0/$ref: the reference \"#/paths/~1x/get/parameters/0\" {circle}")),
        (json!([{ "$ref": "#/components/a" }]), json!({ "a": { "$ref": "#/components/b" }, "b": { "$ref": "#/components/a" } }), format!("/paths/~1x/get/parameters/0/$ref: the reference \"#/components/a\" {circle}")),
        // A circle that is entered on the way, through a step that is missing.
        (json!([{ "$ref": "#/components/a/x" }]), json!({ "a": { "$ref": "#/components/a/y" } }), format!("/components/a/$ref: the reference \"#/components/a/y\" {circle}")),
    ] {
        assert_eq!(refused(&with_parameters(&parameters, &components)), expected);
    }
}

#[test]
fn schemas_that_contain_themselves_are_bounded() {
    let parameters = json!([{ "name": "q", "in": "query", "schema": { "$ref": "#/components/schemas/A" } }]);
    let branches: Vec<Value> = (0..200).map(|_| json!({ "$ref": "#/components/schemas/A" })).collect();
    for schema in [
        json!({ "type": "array", "items": { "$ref": "#/components/schemas/A" } }),
        json!({ "allOf": [{ "$ref": "#/components/schemas/A" }], "items": { "$ref": "#/components/schemas/A" } }),
        json!({ "oneOf": branches, "anyOf": branches, "allOf": branches }),
    ] {
        assert!(parse(&with_parameters(&parameters, &json!({ "schemas": { "A": schema } }))).is_ok());
    }
}

#[test]
fn a_small_document_cannot_become_a_large_one() {
    let large: Vec<String> = (0..20_000).map(|number| format!("choice {number}")).collect();
    let components =
        json!({ "parameters": { "A": { "name": "a", "in": "query", "schema": { "enum": large } } } });
    let get = json!({ "get": { "parameters": [{ "$ref": "#/components/parameters/A" }] } });
    let paths: Map<String, Value> = (0..5_000).map(|number| (format!("/p{number}"), get.clone())).collect();
    let document = parse(&json!({ "openapi": "3.0.0", "paths": paths, "components": components })).unwrap();
    assert_eq!((document.operations().len(), document.schemas().len()), (5_000, 1));

    // What each operation has for itself.
    let item = json!({ "get": { "x-large": large } });
    let paths: Map<String, Value> =
        (0..5_000).map(|number| (format!("/p{number}"), json!({ "$ref": "#/components/item" }))).collect();
    let said = refused(&json!({ "openapi": "3.0.0", "paths": paths, "components": { "item": item } }));
    assert_eq!(said, "/components/item/get: the document is too large once its references are written out");

    let many: Vec<Value> =
        (0..1_001).map(|number| json!({ "name": format!("p{number}"), "in": "query" })).collect();
    let said = refused(&with_parameters(&json!(many), &json!({})));
    assert_eq!(said, "/paths/~1x/get/parameters: there are more than 1000 parameters in one place");
}
