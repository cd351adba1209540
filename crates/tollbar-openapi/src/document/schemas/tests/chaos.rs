//! Schemas made at random.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::load;
use crate::schema::{SchemaId, SchemaSet, Validators};

/// Schemas of the kind that documents have, with keywords that do not fit their values.
fn chaos() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "$ref",
        "$dynamicRef",
        "$id",
        "$anchor",
        "$dynamicAnchor",
        "type",
        "nullable",
        "enum",
        "const",
        "multipleOf",
        "minimum",
        "exclusiveMinimum",
        "maxLength",
        "minItems",
        "minContains",
        "pattern",
        "format",
        "items",
        "prefixItems",
        "additionalItems",
        "contains",
        "uniqueItems",
        "unevaluatedItems",
        "properties",
        "patternProperties",
        "additionalProperties",
        "unevaluatedProperties",
        "propertyNames",
        "required",
        "dependencies",
        "dependentRequired",
        "dependentSchemas",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "then",
        "else",
        "discriminator",
        "propertyName",
        "mapping",
        "readOnly",
        "writeOnly",
        "A",
        "B",
    ]);
    let text = prop::sample::select(vec![
        "#/components/schemas/A",
        "#/components/schemas/B",
        "#/components/schemas/A/properties/A",
        "#A",
        "A#A",
        "A#/properties/B",
        "https://example.com/B",
        "A",
        "B",
        "object",
        "integer",
        "array",
        "int32",
        "int64",
        "date",
        "regex",
        "^a",
        "(?=a)",
        "(",
        "[",
        "\\p{Letter}",
    ]);
    let leaf = prop_oneof![
        5 => text.prop_map(Value::from),
        1 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => (0..4).prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 50, 6, move |inner| {
        let members = prop::collection::vec((name.clone(), inner.clone()), 0..7);
        prop_oneof![
            4 => members.prop_map(|all| all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<serde_json::Map<_, _>>().into()),
            1 => prop::collection::vec(inner, 0..4).prop_map(Value::from),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn any_schema_is_refused_or_compiles(body in chaos(), a in chaos(), b in chaos(), is_old in any::<bool>()) {
        let version = if is_old { "3.0.3" } else { "3.1.0" };
        // What is no schema at all is refused too quickly to learn from.
        let body = json!({ "anyOf": [body, { "minLength": 2 }], "properties": { "A": body, "B": a } });
        match load(version, &body, &json!({ "A": a, "B": b })) {
            Ok(document) => {
                let stored = serde_json::to_string(document.schemas()).unwrap();
                let set: SchemaSet = serde_json::from_str(&stored).unwrap();
                prop_assert_eq!(&set, document.schemas());
                prop_assert!(!document.warnings().iter().any(|warning| warning.contains("cannot be compiled")), "{:?}", document.warnings());
                let validators = Validators::compile(set).unwrap();
                for value in [&body, &a, &b] {
                    let held = validators.hold(SchemaId(0), value.clone());
                    let _ = held.is_valid();
                }
            }
            Err(error) => prop_assert!(error.pointer().is_some_and(|pointer| !pointer.is_empty()), "{}", error),
        }
    }
}
