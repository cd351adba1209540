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

/// A schema with so many patterns for names, one of which is for those that begin with `y`, held against so
/// many members: how many rules had to be compiled, whether the walk came to its end, and what was found.
fn walk_patterns(patterns: usize, members: usize) -> (usize, bool, usize) {
    let mut described: serde_json::Map<String, Value> =
        (0..patterns - 1).map(|n| (format!("^x{n}of{patterns}$"), json!({ "type": "integer" }))).collect();
    described.insert("^y".to_owned(), json!({ "type": "string" }));
    let value: serde_json::Map<String, Value> = (0..members)
        .map(|n| (format!("y{n}"), if n == members - 1 { json!(1) } else { json!("") }))
        .collect();
    let schema = json!({ "patternProperties": described, "additionalProperties": false, "propertyNames": { "pattern": "^[y]" } });
    let described = Described::of_set(vec![schema]);
    let set = described.validators.set();
    let (mut findings, value) = (Findings::new(5), Value::Object(value));
    let mut finder = Finder::new(set, false);
    finder.find(set.find(SchemaId(0)).unwrap(), &value, &mut findings);
    (finder.judge.compiled(), finder.is_spent(), findings.len())
}

#[test]
fn a_pattern_is_compiled_once_however_many_there_are_and_members_to_hold_against_them() {
    assert_eq!(walk_patterns(2, 50), (3, false, 1));
    // More than are kept from one request to the next.
    assert_eq!(walk_patterns(300, 50), (301, false, 1));
    let (compiled, is_spent, findings) = walk_patterns(5_000, 50);
    assert!(compiled <= 500 && is_spent && findings == 0, "{compiled}");
}
