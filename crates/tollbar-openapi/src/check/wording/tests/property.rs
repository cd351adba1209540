//! Any schema and any value: something is said if and only if the library refuses the value.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

const NAMES: [&str; 5] = ["a", "b", "kind", "password", "a.b"];
const TEXTS: [&str; 6] = ["", "a", "abc", "card", "2026-11-22", "10.0.0.1"];
const PATTERNS: [&str; 4] = ["^a", "b$", "^[a-z]{2,}$", "\\d"];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..6).prop_map(Value::from),
        prop::sample::select(vec![0.5, 1.0, -2.5, 1e300, 3.0]).prop_map(Value::from),
        prop::sample::select(TEXTS.to_vec()).prop_map(Value::from),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn leaf() -> impl Strategy<Value = Value> {
    let kind =
        || prop::sample::select(vec!["string", "integer", "number", "boolean", "array", "object", "null"]);
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        kind().prop_map(|kind| json!({ "type": kind })),
        kind().prop_map(|kind| json!({ "type": kind })),
        (kind(), kind()).prop_filter("twice", |(a, b)| a != b).prop_map(|(a, b)| json!({ "type": [a, b] })),
        (-2i64..4, -2i64..4).prop_map(|(min, max)| json!({ "minimum": min, "exclusiveMaximum": max })),
        (-2i64..4, -2i64..4).prop_map(|(min, max)| json!({ "exclusiveMinimum": min, "maximum": max })),
        (0u64..3, 0u64..4)
            .prop_map(|(min, max)| json!({ "type": "string", "minLength": min, "maxLength": max })),
        (0u64..3, 0u64..3)
            .prop_map(|(min, max)| json!({ "minItems": min, "maxItems": max, "uniqueItems": true })),
        (0u64..3, 0u64..3).prop_map(|(min, max)| json!({ "minProperties": min, "maxProperties": max })),
        prop::sample::select(vec![0.5, 2.0, 3.0]).prop_map(|step| json!({ "multipleOf": step })),
        prop::sample::select(PATTERNS.to_vec()).prop_map(|pattern| json!({ "pattern": pattern })),
        prop::sample::select(vec!["date", "ipv4", "uuid", "email", "date-time", "uri", "password"])
            .prop_map(|format| json!({ "format": format })),
        prop::collection::vec(scalar(), 1..4).prop_map(|options| json!({ "enum": options })),
        value().prop_map(|only| json!({ "const": only })),
        prop::collection::vec(name(), 1..3).prop_map(|names| {
            let names: std::collections::BTreeSet<_> = names.into_iter().collect();
            json!({ "required": names })
        }),
        (name(), name()).prop_map(|(one, other)| json!({ "dependentRequired": { one: [other] } })),
        (0..2).prop_map(|number| json!({ "$ref": format!("#/$defs/{number}") })),
    ]
}

fn schema() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 32, 3, |inner| {
        let some = || prop::collection::vec(inner.clone(), 1..4);
        let named = || {
            prop::collection::vec((name(), inner.clone()), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
        };
        prop_oneof![
            (some(), any::<bool>(), any::<bool>()).prop_map(|(forms, one, with_type)| {
                let mut schema = json!({ if one { "oneOf" } else { "anyOf" }: forms });
                if with_type {
                    schema["type"] = json!("object");
                }
                schema
            }),
            some().prop_map(|parts| json!({ "allOf": parts })),
            inner.clone().prop_map(|refused| json!({ "not": refused })),
            (named(), inner.clone(), prop::sample::select(vec!["additionalProperties", "unevaluatedProperties"]))
                .prop_map(|(named, rest, keyword)| json!({ "properties": named, keyword: rest })),
            (named(), name()).prop_map(
                |(named, name)| json!({ "type": "object", "properties": named, "required": [name], "additionalProperties": false })
            ),
            (some(), named(), any::<bool>()).prop_map(|(parts, named, any_of)| json!({
                if any_of { "anyOf" } else { "allOf" }: parts, "properties": named, "unevaluatedProperties": false,
            })),
            (inner.clone(), prop::sample::select(PATTERNS.to_vec()), any::<bool>()).prop_map(
                |(schema, pattern, rest)| json!({ "patternProperties": { pattern: schema }, "additionalProperties": rest })
            ),
            inner.clone().prop_map(|names| json!({ "propertyNames": names })),
            inner.clone().prop_map(|items| json!({ "type": "array", "items": items })),
            (some(), inner.clone(), prop::sample::select(vec!["items", "unevaluatedItems"]))
                .prop_map(|(first, rest, keyword)| json!({ "prefixItems": first, keyword: rest })),
            (inner.clone(), 0u64..3, 0u64..3)
                .prop_map(|(one, min, max)| json!({ "contains": one, "minContains": min, "maxContains": max })),
            (inner.clone(), any::<bool>())
                .prop_map(|(one, rest)| json!({ "contains": one, "unevaluatedItems": rest })),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(condition, then, other)| json!({ "if": condition, "then": then, "else": other })),
            (name(), inner.clone()).prop_map(|(name, schema)| json!({ "dependentSchemas": { name: schema } })),
            (0..2, inner).prop_map(
                |(number, also)| json!({ "$ref": format!("#/$defs/{number}"), "allOf": [also] })
            ),
        ]
    })
}

/// Everything under a secret's name becomes the same text.
fn hide(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(members) => {
            for (name, member) in members {
                if name == "password" {
                    *member = match member {
                        Value::Object(_) => json!({ "hunter2": "hunter2" }),
                        Value::Array(_) => json!(["hunter2"]),
                        _ => json!("hunter2"),
                    };
                } else {
                    hide(member);
                }
            }
        }
        _ => {}
    }
}

/// A schema that comes back to itself with the same value means nothing: such references are taken out, those
/// that lie a step deeper stay.
fn straighten(schema: &mut Value, number: usize, is_here: bool) {
    match schema {
        Value::Array(parts) => parts.iter_mut().for_each(|part| straighten(part, number, is_here)),
        Value::Object(members) => {
            let target = members.get("$ref").and_then(Value::as_str).map(str::to_owned);
            if is_here && target.is_some_and(|target| target <= format!("#/$defs/{number}")) {
                members.remove("$ref");
            }
            for (keyword, member) in members {
                let stays =
                    matches!(keyword.as_str(), "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else");
                if let (true, Some(named)) = (keyword == "dependentSchemas", member.as_object_mut()) {
                    named.values_mut().for_each(|schema| straighten(schema, number, is_here));
                } else {
                    straighten(member, number, is_here && stays);
                }
            }
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn something_is_said_exactly_of_what_is_refused(
        mut schemas in prop::collection::vec(schema(), 2),
        values in prop::collection::vec(value(), 1..8),
    ) {
        for (number, schema) in schemas.iter_mut().enumerate() {
            straighten(schema, number, true);
        }
        let described = Described::of_set(schemas);
        for mut value in values {
            hide(&mut value);
            let mut found = Findings::new(5);
            let set = described.validators.set();
            Finder::new(set, false).find(set.find(SchemaId(0)).unwrap(), &value, &mut found);
            prop_assert_eq!(found.is_empty(), described.is_valid(&value), "the walk and the library, of {}", value);
            let inside = parameter("q", Location::Query, Style::DeepObject, true);
            for subject in [Subject::Body, Subject::Form, Subject::Multipart, Subject::Parameter(&inside)] {
                let told = described.told(&value, &subject);
                prop_assert!(!told.contains("hunter2"), "{}", told);
            }
        }
    }
}
