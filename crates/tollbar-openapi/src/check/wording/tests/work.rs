//! However large a value is, and however its schema turns, little work is done to say what is wrong with it.

use super::*;

/// About as many values as a body of 1 MiB can hold.
const MANY: usize = 500_000;

#[test]
fn the_first_faults_of_many_are_enough() {
    let told = of_body(&json!({ "items": { "type": "string" } }), &json!(vec![0; MANY]));
    assert!(told.starts_with(r#"body field "[0]" must be a string (got 0); "#), "{told}");
    let nullable =
        json!({ "anyOf": [{ "type": "array", "items": { "type": "string" } }, { "type": "null" }] });
    let told = of_body(&nullable, &json!(vec![0; MANY]));
    assert!(told.starts_with(r#"body field "[0]" must be a string (got 0); "#), "{told}");
}

#[test]
fn the_last_of_many_is_found() {
    let mut items = vec![json!(0); 10_000];
    items.push(json!("x"));
    let told = of_body(&json!({ "items": { "type": "integer" } }), &json!(items));
    assert_eq!(told, r#"body field "[10000]" must be an integer (got "x")"#);
}

/// Larger than any body that is read: the walk ends before the fault.
#[test]
fn what_is_not_found_in_time_is_told_in_general() {
    let mut items = vec![json!(0); 1_000_000];
    items.push(json!("x"));
    let told = of_body(&json!({ "items": { "type": "integer" } }), &json!(items));
    assert_eq!(told, "the body does not have the form that the documentation describes");
}

#[test]
fn names_by_the_thousand() {
    let members: serde_json::Map<String, Value> =
        (0..MANY / 10).map(|number| (format!("n{number}"), json!(number))).collect();
    let told = of_body(&json!({ "properties": { "a": {} }, "additionalProperties": false }), &json!(members));
    assert_eq!(told.matches("is not known").count(), 5);
}

/// Two forms, each of which holds the same again: looked at one by one, they double with each step.
#[test]
fn forms_within_forms() {
    let form = |own: &str| json!({ "type": "object", "properties": { "next": { "$ref": "#/$defs/0" }, own: { "type": "integer" } } });
    let described = Described::of_set(vec![json!({ "anyOf": [form("a"), form("b")] })]);
    let mut value = json!({ "a": "x", "b": "y" });
    for _ in 0..100 {
        value = json!({ "next": value });
    }
    let set = described.validators.set();
    let mut findings = Findings::new(5);
    let mut finder = Finder::new(set, false);
    finder.find(set.find(SchemaId(0)).unwrap(), &value, &mut findings);
    assert!(!findings.is_empty() && !finder.is_spent());
}

#[test]
fn a_long_way_down() {
    let described = Described::of_set(vec![
        json!({
            "allOf": [{ "$ref": "#/$defs/1" }],
        }),
        json!({
            "properties": { "n": { "$ref": "#/$defs/0" } }, "type": ["object", "integer"],
        }),
    ]);
    let mut value = json!("x");
    for _ in 0..120 {
        value = json!({ "n": value });
    }
    let told = described.told(&value, &Subject::Body);
    assert!(told.ends_with(r#"n.n.n.n" must be an object or an integer (got "x")"#), "{told}");
}
