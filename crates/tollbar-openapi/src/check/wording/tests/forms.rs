//! Values that may have one of several forms.

use serde_json::{Value, json};

use super::super::Subject;
use super::{Described, of_body, of_query, plain};

fn payments() -> Value {
    json!({
        "Card": {
            "type": "object",
            "required": ["kind", "number"],
            "properties": { "kind": { "type": "string" }, "number": { "type": "string" } },
        },
        "Bank": {
            "type": "object",
            "required": ["kind", "bic"],
            "properties": { "kind": { "type": "string" }, "bic": { "type": "string", "minLength": 8 } },
        },
    })
}

#[test]
fn a_member_that_names_the_form_is_followed() {
    // As the document's loader leaves it: names and the numbers of schemas.
    let described = Described::of_set(vec![
        json!({
            "oneOf": [{ "$ref": "#/$defs/1" }, { "$ref": "#/$defs/2" }],
            "discriminator": { "propertyName": "kind", "mapping": { "card": "#/$defs/1", "bank": "#/$defs/2" } },
        }),
        payments()["Card"].clone(),
        payments()["Bank"].clone(),
    ]);
    for (value, expected) in [
        (json!({ "kind": "card", "number": "4" }), ""),
        (json!({ "number": 4 }), r#"body field "kind" is required"#),
        (json!({ "kind": "x" }), r#"body field "kind" must be one of "card", "bank" (got "x")"#),
        (json!({ "kind": 7 }), r#"body field "kind" must be one of "card", "bank" (got 7)"#),
        (json!({ "kind": "card", "bic": 3 }), r#"body field "number" is required"#),
        (
            json!({ "kind": "bank", "bic": "X" }),
            r#"body field "bic" must be at least 8 characters long (got "X")"#,
        ),
        (json!({ "kind": "#/components/schemas/bank" }), r#"body field "bic" is required"#),
        (json!("card"), r#"the body must be an object (got "card")"#),
        (json!([]), "the body must be an object (got an array)"),
    ] {
        assert_eq!(plain(described.told(&value, &Subject::Body)), expected, "{value}");
    }
}

#[test]
fn a_member_with_its_own_values_in_each_form_tells_them_apart() {
    let schema = json!({ "oneOf": [
        { "type": "object", "required": ["kind"], "properties": { "kind": { "const": "card" }, "cents": { "type": "integer" } } },
        { "type": "object", "required": ["kind"], "properties": { "kind": { "enum": ["bank", "giro"] }, "cents": { "type": "integer" } } },
        { "type": "null" },
    ] });
    for (value, expected) in [
        (json!({ "kind": "giro", "cents": "x" }), r#"body field "cents" must be an integer (got "x")"#),
        (
            json!({ "kind": "cash", "cents": "x" }),
            r#"body field "kind" must be one of "card", "bank", "giro" (got "cash")"#,
        ),
        (json!({ "cents": 3 }), r#"body field "kind" is required"#),
        (json!(3), "the body must be an object or null (got 3)"),
    ] {
        assert_eq!(of_body(&schema, &value), expected, "{value}");
    }
}

#[test]
fn the_nearest_form_is_told() {
    let person = json!({
        "type": "object", "required": ["name", "age"], "additionalProperties": false,
        "properties": { "name": { "type": "string" }, "age": { "type": "integer" } },
    });
    let firm = json!({
        "type": "object", "required": ["firm"], "additionalProperties": false,
        "properties": { "firm": { "type": "string" }, "lines": { "type": "array", "items": { "type": "integer" } } },
    });
    for (schema, value, expected) in [
        (
            json!({ "anyOf": [person, firm] }),
            json!({ "name": "Jo", "age": "x" }),
            r#"body field "age" must be an integer (got "x")"#,
        ),
        (json!({ "anyOf": [person, firm] }), json!({ "name": "Jo" }), r#"body field "age" is required"#),
        (
            json!({ "oneOf": [person, firm] }),
            json!({ "firm": "A", "lines": [1, "x"] }),
            r#"body field "lines[1]" must be an integer (got "x")"#,
        ),
        (
            json!({ "oneOf": [person, firm] }),
            json!({ "x": 1 }),
            "the body must have one of the 2 forms that the documentation describes",
        ),
        (
            json!({ "oneOf": [person, { "type": "null" }] }),
            json!({ "name": "Jo" }),
            r#"body field "age" is required"#,
        ),
        (
            json!({ "oneOf": [person, { "type": "null" }] }),
            json!("Jo"),
            r#"the body must be an object or null (got "Jo")"#,
        ),
        (
            json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] }),
            json!(1.5),
            "the body must be a string or an integer (got 1.5)",
        ),
        (
            json!({ "anyOf": [{ "type": "string", "format": "date" }, { "type": "integer", "minimum": 3 }] }),
            json!(1),
            "the body must be at least 3 (got 1)",
        ),
        (
            json!({ "anyOf": [{ "format": "ipv4" }, { "format": "ipv6" }], "type": "string" }),
            json!("x"),
            r#"the body must have one of the 2 forms that the documentation describes (got "x")"#,
        ),
        (
            json!({ "anyOf": [{ "enum": ["a", "b"] }, { "const": "c" }] }),
            json!("x"),
            r#"the body must be one of "a", "b", "c" (got "x")"#,
        ),
        (
            json!({ "type": "object", "anyOf": [{ "required": ["email"] }, { "required": ["phone"] }] }),
            json!({ "fax": 1 }),
            r#"the body must have one of "email", "phone""#,
        ),
        (
            json!({ "oneOf": [{ "type": "integer" }, { "type": "number" }] }),
            json!(1),
            "the body matches more than one of the forms that the documentation describes, and must match exactly one",
        ),
        (json!({ "oneOf": [person] }), json!({ "name": "Jo" }), r#"body field "age" is required"#),
        (
            json!({ "properties": { "who": { "oneOf": [person, firm] } } }),
            json!({ "who": { "firm": 3 } }),
            r#"body field "who.firm" must be a string (got 3)"#,
        ),
        // A form within a form.
        (
            json!({ "anyOf": [{ "anyOf": [person, { "type": "null" }] }, { "type": "string" }] }),
            json!({ "name": 3, "age": 3 }),
            r#"body field "name" must be a string (got 3)"#,
        ),
        (
            json!({ "anyOf": [{ "anyOf": [person, { "type": "null" }] }, { "type": "string" }] }),
            json!(3),
            "the body must be an object, a string or null (got 3)",
        ),
    ] {
        assert_eq!(of_body(&schema, &value), expected, "{schema} {value}");
    }
}

#[test]
fn forms_of_a_parameter() {
    let schema = json!({ "oneOf": [{ "type": "integer" }, { "type": "boolean" }, { "type": "null" }] });
    assert_eq!(
        of_query(&schema, &json!("x")),
        r#"query parameter "q" must be an integer or true or false (got "x")"#
    );
}
