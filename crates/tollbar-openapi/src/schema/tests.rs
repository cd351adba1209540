//! Sets of schemas, compiled.

use std::time::{Duration, Instant};

use super::*;
use serde_json::json;

fn accepts(validators: &Validators, number: u32, value: Value) -> bool {
    validators.hold(SchemaId(number), value).is_valid()
}

#[test]
fn a_value_is_held_against_the_schema_of_its_number() {
    let set = SchemaSet::new(vec![
        json!({ "properties": { "a": { "$ref": "#/$defs/1" } } }),
        json!({ "items": { "type": "string" } }),
        json!(false),
    ]);
    let validators = Validators::compile(set).unwrap();
    assert!(accepts(&validators, 0, json!({ "a": ["x"] })));
    assert!(!accepts(&validators, 0, json!({ "a": ["x", 1] })));
    assert!(!accepts(&validators, 1, json!([1])));
    assert!(!accepts(&validators, 2, json!(1)));
    assert_eq!(validators.hold(SchemaId(1), json!([1])).value(), &json!([1]));
}

#[test]
fn schemas_that_ask_themselves_come_to_an_end() {
    let set = SchemaSet::new(vec![
        json!({ "allOf": [{ "$ref": "#/$defs/0" }], "type": "object" }),
        json!({ "anyOf": [{ "$ref": "#/$defs/2" }, { "type": "string" }] }),
        json!({ "oneOf": [{ "$ref": "#/$defs/1" }, { "type": "integer" }] }),
    ]);
    let validators = Validators::compile(set).unwrap();
    assert!(accepts(&validators, 0, json!({})));
    assert!(!accepts(&validators, 0, json!(1)));
    assert!(accepts(&validators, 1, json!("x")));
    // What is neither is refused, by whichever way round.
    let _ = accepts(&validators, 2, json!(1.5));
}

#[test]
fn thousands_of_schemas_that_all_reach_each_other_are_compiled_once_each() {
    let schema = |number: usize| {
        let members = (0..20).map(|member| {
            let other = (number * 7 + member * 131 + 1) % 3_000;
            (format!("p{member}"), json!({ "$ref": format!("#/$defs/{other}") }))
        });
        json!({ "type": "object", "properties": members.collect::<serde_json::Map<_, _>>(), "minProperties": 1 })
    };
    let started = Instant::now();
    let validators = Validators::compile(SchemaSet::new((0..3_000).map(schema).collect())).unwrap();
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    let within = |value: Value| json!({ "p1": { "p2": { "p3": value } } });
    assert!(!accepts(&validators, 2_999, within(json!({}))));
    assert!(accepts(&validators, 2_999, within(json!({ "other": 1 }))));
}

#[test]
fn recursive_choices_are_not_tried_again_and_again() {
    // Each branch asks the same of what is within: without memory, depth doubles the work.
    let branch =
        |name: &str| json!({ "required": [name], "properties": { "next": { "$ref": "#/$defs/0" } } });
    let set = SchemaSet::new(vec![
        json!({ "anyOf": [branch("a"), branch("b"), { "maxProperties": 1, "properties": { "next": { "$ref": "#/$defs/0" } } }] }),
    ]);
    let validators = Validators::compile(set).unwrap();
    let nested = (0..60).fold(json!(1), |value, _| json!({ "next": value }));
    let started = Instant::now();
    assert!(validators.hold(SchemaId(0), nested).is_valid());
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[test]
fn what_does_not_compile_is_found_one_by_one() {
    assert!(is_sound(3, &json!({ "$ref": "#/$defs/9", "items": { "$ref": "#/$defs/3" } })));
    assert!(!is_sound(3, &json!({ "pattern": "(?=a)b(?!c)" })));
    assert!(!is_sound(3, &json!({ "type": "file" })));
    assert!(Validators::compile(SchemaSet::new(vec![json!({ "type": "file" })])).is_err());
}

#[test]
fn the_deepest_check_fits_a_small_stack() {
    // As deep as the loader lets schemas refer to each other, and values as deep as bodies may be.
    let mut schemas: Vec<Value> =
        (1..17).map(|next| json!({ "allOf": [{ "$ref": format!("#/$defs/{next}") }] })).collect();
    schemas.push(json!({ "properties": { "a": { "$ref": "#/$defs/0" } }, "maxProperties": 1 }));
    let validators = Validators::compile(SchemaSet::new(schemas)).unwrap();
    let nested = (0..64).fold(json!({ "a": 1, "b": 2 }), |value, _| json!({ "a": value }));
    assert!(!accepts(&validators, 0, nested));
}
