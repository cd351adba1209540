//! What schemas allow, however they are composed.

use serde_json::{Value, json};

use super::*;
use crate::schema::{SchemaId, SchemaSet};

fn shape(schemas: Vec<Value>) -> Shape {
    let set = SchemaSet::new(schemas);
    let mut reader = Reader::new(&set);
    let place = reader.add(Some(SchemaId(0)));
    reader.finish()(place)
}

fn types(schema: Value) -> Types {
    shape(vec![schema]).view().types()
}

#[test]
fn types_come_from_all_that_is_composed() {
    let number = Types::INTEGER.or(Types::FRACTION);
    for (schema, expected) in [
        (json!({}), Types::ALL),
        (json!(true), Types::ALL),
        (json!({ "type": "number" }), number),
        (json!({ "type": ["string", "null"] }), Types::STRING.or(Types::NULL)),
        (json!({ "allOf": [{ "type": "number" }, { "type": ["integer", "string"] }] }), Types::INTEGER),
        (json!({ "anyOf": [{ "type": "string" }, { "type": "array" }] }), Types::STRING.or(Types::ARRAY)),
        (json!({ "oneOf": [{ "type": "string" }, {}] }), Types::ALL),
        (json!({ "type": "string", "oneOf": [{ "enum": ["a"] }, { "pattern": "b" }] }), Types::STRING),
        (json!({ "enum": ["a", null] }), Types::STRING.or(Types::NULL)),
        (json!({ "const": 1 }), number),
        (json!({ "type": "integer", "enum": [1, 2] }), Types::INTEGER),
        (json!({ "$ref": "#/$defs/0" }), Types::ALL),
        (json!({ "allOf": [{ "$ref": "#/$defs/0" }, { "type": "string" }] }), Types::STRING),
        (json!({ "$ref": "#/$defs/9", "type": "string" }), Types::STRING),
    ] {
        assert_eq!(types(schema.clone()), expected, "{schema}");
    }
}

#[test]
fn members_of_several_branches_are_one() {
    let shape = shape(vec![
        json!({ "allOf": [{ "$ref": "#/$defs/1" }, { "properties": { "a": { "type": "integer" }, "b": {} } }] }),
        json!({ "oneOf": [
            { "properties": { "a": { "type": ["integer", "string"] }, "next": { "$ref": "#/$defs/0" } } },
            { "properties": { "b": { "type": "string" } }, "additionalProperties": { "type": "boolean" } }
        ] }),
    ]);
    let view = shape.view();
    assert_eq!(view.member("a").types(), Types::INTEGER);
    assert_eq!(view.member("b").types(), Types::STRING);
    assert_eq!(view.member("other").types(), Types::BOOLEAN);
    let deep = (0..1_000).fold(view, |view, _| view.member("next"));
    assert_eq!(deep.member("a").types(), Types::INTEGER);
    assert!(deep.means_object() && view.named_member("other").is_none());
}

#[test]
fn items_are_told_apart_by_place() {
    let shape = shape(vec![json!({ "prefixItems": [{ "type": "string" }], "items": { "type": "integer" } })]);
    let view = shape.view();
    assert_eq!((view.item(0).types(), view.item(1).types()), (Types::STRING, Types::INTEGER));
    assert!(view.means_list() && view.means_scalar() && !view.is_typed());
}

#[test]
fn what_grows_without_end_is_bounded() {
    // Each names all others, twice over: laid out naively, this has no end.
    let all: Vec<Value> = (0..200).map(|n| json!({ "$ref": format!("#/$defs/{n}") })).collect();
    let schemas: Vec<Value> = (0..200)
        .map(|n| {
            let member =
                json!({ "anyOf": [{ "$ref": format!("#/$defs/{}", (n + 1) % 200) }, all[n * 7 % 200]] });
            json!({ "allOf": all, "anyOf": all, "properties": { format!("p{n}"): member, "same": member } })
        })
        .collect();
    let shape = shape(schemas);
    assert_eq!(shape.view().member("same").types(), Types::ALL);

    let nested = (0..5_000).map(|n| json!({ "allOf": [{ "$ref": format!("#/$defs/{}", n + 1) }] })).collect();
    assert_eq!(self::shape(nested).view().types(), Types::ALL);
}
