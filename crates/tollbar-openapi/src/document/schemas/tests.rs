//! Schemas, as they are kept.

#![allow(clippy::needless_pass_by_value, clippy::redundant_clone)]

mod chaos;

use serde_json::{Value, json};

use crate::document::{Document, LoadError};
use crate::schema::{SchemaId, SchemaSet, Validators};

fn load(version: &str, schema: &Value, others: &Value) -> Result<Document, LoadError> {
    let document = json!({
        "openapi": version,
        "paths": { "/x": { "post": { "requestBody": { "content": { "application/json": { "schema": schema } } } } } },
        "components": { "schemas": others },
    });
    Document::parse(document.to_string().as_bytes())
}

/// Where the schema stands, in messages.
const HERE: &str = "/paths/~1x/post/requestBody/content/application~1json/schema";

/// All schemas as they are kept, the first of them the body's; and the warnings.
fn kept(version: &str, schema: Value, others: Value) -> (Vec<Value>, Vec<String>) {
    let document = load(version, &schema, &others).unwrap();
    let warnings = document.warnings().iter().map(|warning| warning.replace(HERE, "")).collect();
    (document.schemas().iter().cloned().collect(), warnings)
}

fn both(schema: Value) -> (Value, Vec<String>) {
    let (mut old, old_warnings) = kept("3.0.3", schema.clone(), json!({}));
    let (new, new_warnings) = kept("3.1.0", schema, json!({}));
    assert_eq!((&old, &old_warnings), (&new, &new_warnings));
    (old.remove(0), old_warnings)
}

#[test]
fn keywords_are_kept_as_the_newest_draft_writes_them() {
    for (written, expected) in [
        (json!({}), json!({})),
        (
            json!({ "title": "T", "description": "d", "example": { "$ref": "no" }, "default": 1, "x-a": 1, "deprecated": true, "readOnly": true }),
            json!({}),
        ),
        (
            json!({ "type": "string", "format": "password", "writeOnly": true }),
            json!({ "type": "string", "format": "password", "writeOnly": true }),
        ),
        (json!({ "type": ["string", "string"] }), json!({ "type": "string" })),
        (
            json!({ "type": "string", "nullable": true, "minLength": 2.0 }),
            json!({ "type": ["string", "null"], "minLength": 2 }),
        ),
        (
            json!({ "type": "string", "nullable": true, "enum": ["a"] }),
            json!({ "type": ["string", "null"], "enum": ["a", null] }),
        ),
        (json!({ "nullable": true, "const": 1 }), json!({ "enum": [1, null] })),
        (
            json!({ "nullable": true, "allOf": [{ "type": "string" }] }),
            json!({ "anyOf": [{ "allOf": [{ "type": "string" }] }, { "type": "null" }] }),
        ),
        (
            json!({ "type": "integer", "minimum": 1, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": false }),
            json!({ "type": "integer", "exclusiveMinimum": 1, "maximum": 9 }),
        ),
        (
            json!({ "type": "integer", "exclusiveMinimum": 1 }),
            json!({ "type": "integer", "exclusiveMinimum": 1 }),
        ),
        (
            json!({ "type": "integer", "format": "int32", "minimum": 0 }),
            json!({ "type": "integer", "format": "int32", "minimum": 0, "maximum": 2_147_483_647 }),
        ),
        (
            json!({ "type": "integer", "format": "int64" }),
            json!({ "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX }),
        ),
        (json!({ "type": "string", "format": "int32" }), json!({ "type": "string", "format": "int32" })),
        (
            json!({ "items": [{ "type": "string" }, {}], "additionalItems": false }),
            json!({ "prefixItems": [{ "type": "string" }, {}], "items": false }),
        ),
        (json!({ "items": {}, "additionalItems": false }), json!({ "items": {} })),
        (
            json!({ "dependencies": { "a": ["b"], "c": { "required": ["d"] } } }),
            json!({ "dependentRequired": { "a": ["b"] }, "dependentSchemas": { "c": { "required": ["d"] } } }),
        ),
        (json!({ "pattern": "^arn:.{16,2044}$" }), json!({ "pattern": "^arn:.{16,2044}$" })),
        (
            json!({ "required": ["a", "a"], "properties": { "$ref": { "type": "string" }, "example": {}, "enum": {}, "x-a": {} } }),
            json!({ "required": ["a"], "properties": { "$ref": { "type": "string" }, "example": {}, "enum": {}, "x-a": {} } }),
        ),
        (
            json!({ "additionalProperties": false, "uniqueItems": false, "maxItems": 1e30 }),
            json!({ "additionalProperties": false }),
        ),
    ] {
        assert_eq!(both(written.clone()), (expected, vec![]), "{written}");
    }
}

#[test]
fn what_is_malformed_is_left_out_and_named() {
    for (written, expected, warning) in [
        (json!({ "type": "int" }), json!({}), ": type is unenforced: \"int\" is not a type"),
        (json!({ "type": [] }), json!({}), ": type is unenforced: it is an empty list"),
        (json!({ "enum": null }), json!({}), ": enum is unenforced: it is null"),
        (json!({ "enum": [] }), json!({}), ": enum is unenforced: it is an empty list"),
        (
            json!({ "minLength": "3" }),
            json!({}),
            ": minLength is unenforced: it must be a whole number, 0 or more",
        ),
        (json!({ "minimum": "3" }), json!({}), ": minimum is unenforced: it must be a number"),
        (json!({ "multipleOf": 0 }), json!({}), ": multipleOf is unenforced: it must be a number above 0"),
        (
            json!({ "properties": { "a": { "required": true } } }),
            json!({ "properties": { "a": {} } }),
            "/properties/a: required is unenforced: it must be a list of names",
        ),
        (
            json!({ "properties": { "a": null } }),
            json!({ "properties": { "a": true } }),
            "/properties/a: the schema is unenforced: it is null",
        ),
        (
            json!({ "properties": { "a": "text" } }),
            json!({ "properties": { "a": true } }),
            "/properties/a: the schema is unenforced: it must be an object",
        ),
        (
            json!({ "additionalProperties": "false" }),
            json!({}),
            ": additionalProperties is unenforced: it must be a schema",
        ),
        (json!({ "allOf": {} }), json!({}), ": allOf is unenforced: it must be a list of schemas"),
        (
            json!({ "pattern": "(" }),
            json!({}),
            ": pattern is unenforced: \"(\" is no pattern that is understood, or becomes too large",
        ),
        (
            json!({ "pattern": "a(?!b)" }),
            json!({}),
            ": pattern is unenforced: \"a(?!b)\" needs look-around or back-references, and does not run in linear time",
        ),
        (
            json!({ "pattern": "(a)\\1" }),
            json!({}),
            ": pattern is unenforced: \"(a)\\1\" needs look-around or back-references, and does not run in linear time",
        ),
        (json!({ "nullable": "yes" }), json!({}), ": nullable is unenforced: it must be true or false"),
        (json!({ "$ref": 3 }), json!({}), ": $ref is unenforced: it must be text"),
    ] {
        assert_eq!(both(written.clone()), (expected, vec![warning.to_owned()]), "{written}");
    }
    let huge = "(\\p{L}{500}){500}";
    let (schema, warnings) = both(json!({ "pattern": huge }));
    assert_eq!(
        (schema, warnings),
        (
            json!({}),
            vec![format!(
                ": pattern is unenforced: \"{huge}\" is no pattern that is understood, or becomes too large"
            )]
        )
    );
}

#[test]
fn what_is_left_out_never_makes_a_schema_stricter() {
    let looks = json!({ "pattern": "a(?!b)" });
    for (written, expected) in [
        (
            json!({ "patternProperties": { "a(?!b)": {}, "^b": {} }, "additionalProperties": false }),
            json!({ "patternProperties": { "^b": {} } }),
        ),
        (json!({ "not": looks }), json!({})),
        (json!({ "not": { "items": looks } }), json!({})),
        (json!({ "if": looks, "then": { "type": "string" } }), json!({ "then": { "type": "string" } })),
        (json!({ "oneOf": [looks, { "type": "string" }] }), json!({ "anyOf": [{}, { "type": "string" }] })),
        (json!({ "allOf": [looks, { "type": "string" }] }), json!({ "allOf": [{}, { "type": "string" }] })),
    ] {
        let (schema, warnings) = both(written.clone());
        assert_eq!(schema, expected, "{written}");
        assert!(warnings.iter().all(|warning| warning.contains("unenforced")), "{warnings:?}");
    }
}

#[test]
fn references_are_kept_as_numbers() {
    let others =
        json!({ "A": { "$ref": "#/components/schemas/B" }, "B": { "type": "string", "maxLength": 9 } });
    let reference = |beside: Value| {
        let mut schema = json!({ "$ref": "#/components/schemas/A" });
        schema.as_object_mut().unwrap().extend(beside.as_object().unwrap().clone());
        schema
    };
    let b = json!({ "type": "string", "maxLength": 9 });
    for (version, schema, expected) in [
        ("3.0.0", reference(json!({ "maxLength": 3 })), vec![b.clone()]),
        ("3.1.0", reference(json!({ "description": "d" })), vec![b.clone()]),
        (
            "3.1.0",
            reference(json!({ "maxLength": 3 })),
            vec![json!({ "$ref": "#/$defs/1", "maxLength": 3 }), b.clone()],
        ),
        (
            "3.0.0",
            reference(json!({ "nullable": true, "maxLength": 3 })),
            vec![json!({ "anyOf": [{ "$ref": "#/$defs/1" }, { "type": "null" }] }), b.clone()],
        ),
        (
            "3.1.0",
            reference(json!({ "nullable": true })),
            vec![json!({ "anyOf": [{ "$ref": "#/$defs/1" }, { "type": "null" }] }), b.clone()],
        ),
        (
            "3.0.0",
            json!({ "items": { "$ref": "#/paths/~1x/post/requestBody/content/application~1json/schema" } }),
            vec![json!({ "items": { "$ref": "#/$defs/0" } })],
        ),
        (
            "3.1.0",
            json!({ "items": { "$ref": "#/paths/~1x/post/requestBody/content/application~1json/schema/$defs/a" }, "$defs": { "a": true } }),
            vec![json!({ "items": { "$ref": "#/$defs/1" } }), json!(true)],
        ),
        (
            "3.1.0",
            json!({ "items": { "$ref": "#name" }, "$defs": { "a": { "$anchor": "name", "type": "null" } } }),
            vec![json!({ "items": { "$ref": "#/$defs/1" } }), json!({ "type": "null" })],
        ),
        (
            "3.1.0",
            json!({ "$dynamicAnchor": "n", "items": { "$dynamicRef": "#n" } }),
            vec![json!({ "items": { "$ref": "#/$defs/0" } })],
        ),
    ] {
        assert_eq!(kept(version, schema.clone(), others.clone()), (expected, vec![]), "{version} {schema}");
    }
    for (target, expected) in [
        (
            "#/components/schemas/C",
            format!("{HERE}/$ref: the reference \"#/components/schemas/C\" leads nowhere"),
        ),
        (
            "#c",
            format!(
                "{HERE}/$ref: the reference \"#c\" leads nowhere: no schema has this $anchor, nor is it a pointer such as \"#/components/parameters/limit\""
            ),
        ),
    ] {
        let refused = load("3.1.0", &json!({ "$ref": target }), &others).unwrap_err().to_string();
        assert!(refused.ends_with(&expected), "{refused}");
    }
    let circle =
        json!({ "A": { "$ref": "#/components/schemas/B" }, "B": { "$ref": "#/components/schemas/A" } });
    assert!(
        load("3.0.0", &reference(json!({})), &circle)
            .unwrap_err()
            .to_string()
            .ends_with("leads in a circle, or over more than 32 others")
    );
}

#[test]
fn what_is_read_only_is_not_required_of_requests() {
    let others = json!({
        "Id": { "type": "string", "readOnly": true },
        "Base": { "required": ["id", "name"], "properties": { "id": { "$ref": "#/components/schemas/Id" }, "name": {} } },
        "Common": { "required": ["id", "name"] },
    });
    let to = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let own = json!({ "properties": { "id": { "readOnly": true } } });
    for (schema, expected) in [
        (
            json!({ "required": ["id", "b"], "properties": { "id": { "readOnly": true } } }),
            vec![json!({ "required": ["b"], "properties": { "id": {} } })],
        ),
        (
            json!({ "required": ["id"], "properties": { "id": { "allOf": [to("Id")] } } }),
            vec![
                json!({ "properties": { "id": { "allOf": [{ "$ref": "#/$defs/1" }] } } }),
                json!({ "type": "string" }),
            ],
        ),
        (
            json!({ "allOf": [to("Base")], "required": ["id"] }),
            vec![
                json!({ "allOf": [{ "$ref": "#/$defs/1" }] }),
                json!({ "required": ["name"], "properties": { "id": { "$ref": "#/$defs/2" }, "name": {} } }),
                json!({ "type": "string" }),
            ],
        ),
        // One schema means two things, by what stands beside it.
        (
            json!({ "properties": { "a": { "allOf": [to("Common"), own] }, "b": { "allOf": [to("Common")] } } }),
            vec![
                json!({ "properties": { "a": { "allOf": [{ "$ref": "#/$defs/1" }, { "properties": { "id": {} } }] }, "b": { "allOf": [{ "$ref": "#/$defs/2" }] } } }),
                json!({ "required": ["name"] }),
                json!({ "required": ["id", "name"] }),
            ],
        ),
        // What is not demanded stays as it is.
        (
            json!({ "not": { "required": ["id"] }, "properties": { "id": { "readOnly": true } } }),
            vec![json!({ "not": { "required": ["id"] }, "properties": { "id": {} } })],
        ),
    ] {
        assert_eq!(kept("3.0.3", schema.clone(), others.clone()), (expected, vec![]), "{schema}");
    }
}

#[test]
fn choices_know_what_tells_them_apart() {
    let others = json!({ "Cat": { "type": "object" }, "Dog": { "type": "object", "title": "D" }, "Cow": {} });
    let to = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let discriminator = json!({ "propertyName": "kind", "mapping": { "meow": "Cat", "wuff": "#/components/schemas/Dog", "moo": "Cow" } });
    let (schemas, warnings) =
        kept("3.0.3", json!({ "oneOf": [to("Cat"), to("Dog")], "discriminator": discriminator }), others);
    let mapping = json!({ "meow": "#/$defs/1", "wuff": "#/$defs/2", "Cat": "#/$defs/1", "Dog": "#/$defs/2" });
    assert_eq!(
        schemas[0],
        json!({ "oneOf": [{ "$ref": "#/$defs/1" }, { "$ref": "#/$defs/2" }], "discriminator": { "propertyName": "kind", "mapping": mapping } })
    );
    assert_eq!(
        warnings,
        ["/discriminator/mapping: \"moo\" is mapped to \"Cow\", which is not one of the choices"]
    );
}

#[test]
fn schemas_that_ask_only_themselves_say_nothing() {
    let others = json!({ "A": { "allOf": [{ "$ref": "#/components/schemas/B" }], "type": "object" }, "B": { "anyOf": [{ "$ref": "#/components/schemas/A" }, { "type": "string" }] } });
    let (schemas, warnings) = kept("3.1.0", json!({ "$ref": "#/components/schemas/A" }), others);
    assert_eq!(schemas[1], json!({ "anyOf": [false, { "type": "string" }] }));
    assert_eq!(
        warnings,
        [
            "/components/schemas/B: the schema refers to itself for the same value; that reference is unenforced"
        ]
    );
}

#[test]
fn long_ways_and_wide_ones_are_refused() {
    let chain = |number: usize| {
        (
            format!("A{number}"),
            json!({ "allOf": [{ "$ref": format!("#/components/schemas/A{}", number + 1) }] }),
        )
    };
    let mut others: serde_json::Map<String, Value> = (0..5_000).map(chain).collect();
    others.insert("A5000".to_owned(), json!({}));
    let start = json!({ "$ref": "#/components/schemas/A0" });
    let said = load("3.0.0", &start, &others.into()).unwrap_err().to_string();
    assert!(
        said.ends_with(
            "more than 32 schemas, each referring to the next, are held against the same value here"
        ),
        "{said}"
    );

    let wide = |number: usize| {
        let branches = vec![json!({ "$ref": format!("#/components/schemas/A{}", number + 1) }); 20];
        (format!("A{number}"), json!({ "allOf": branches, "oneOf": branches }))
    };
    let mut others: serde_json::Map<String, Value> = (0..12).map(wide).collect();
    others.insert("A12".to_owned(), json!({}));
    let said = load("3.0.0", &start, &others.into()).unwrap_err().to_string();
    assert!(said.ends_with("more than 100000 schemas are held against the same value here"), "{said}");
}
#[test]
fn what_is_left_out_elsewhere_never_makes_a_schema_stricter() {
    let written = json!({
        "A": {
            "oneOf": [{ "$ref": "#/components/schemas/B" }, { "$ref": "#/components/schemas/Plain" }],
            "not": { "properties": { "b": { "$ref": "#/components/schemas/B" } } },
            "if": { "$ref": "#/components/schemas/Loose" },
            "then": { "required": ["x"] },
            "properties": {
                "not": { "$ref": "#/components/schemas/B" },
                "kept": { "not": { "$ref": "#/components/schemas/Plain" }, "oneOf": [{ "$ref": "#/components/schemas/Plain" }] },
                "both": { "anyOf": [{ "type": "string" }], "oneOf": [{ "$ref": "#/components/schemas/B" }] },
            },
        },
        "B": { "properties": { "b": { "items": { "$ref": "#/components/schemas/Loose" } } } },
        "Loose": { "type": "string", "pattern": "(?=a)" },
        "Plain": { "type": "string" },
    });
    for version in ["3.0.3", "3.1.0"] {
        let (schemas, warnings) = kept(version, json!({ "$ref": "#/components/schemas/A" }), written.clone());
        let whole = schemas.iter().find(|schema| schema.get("then").is_some()).unwrap();
        assert!(["oneOf", "not", "if"].iter().all(|name| whole.get(*name).is_none()), "{whole}");
        assert_eq!(whole["anyOf"].as_array().map(Vec::len), Some(2), "{whole}");
        let properties = &whole["properties"];
        assert!(properties["not"].get("$ref").is_some(), "a member's name is no keyword: {whole}");
        assert!(
            properties["kept"].get("not").is_some() && properties["kept"].get("oneOf").is_some(),
            "{whole}"
        );
        assert_eq!(properties["both"], json!({ "anyOf": [{ "type": "string" }] }));
        for keyword in ["oneOf", "not", "if"] {
            let told =
                format!("/components/schemas/A: {keyword} is unenforced: something that it refers to is");
            assert!(warnings.iter().any(|warning| warning.ends_with(&told)), "{told} in {warnings:?}");
        }
        // Nothing that the document takes is refused now.
        let validators = Validators::compile(SchemaSet::new(schemas.clone())).unwrap();
        for value in [json!("text"), json!({ "b": ["a"] }), json!({ "not": {} })] {
            assert!(validators.hold(SchemaId(0), value.clone()).is_valid(), "{value}");
        }
    }
}
