//! A secret is named and never shown.

use serde_json::{Value, json};

use super::super::Subject;
use super::{Described, of_body, parameter};
use crate::operation::{Location, Style};

#[test]
fn of_a_body() {
    let number = json!({ "type": "integer" });
    for (schema, value, expected) in [
        (
            json!({ "properties": { "password": number } }),
            json!({ "password": "hunter2" }),
            r#"body field "password" must be an integer"#,
        ),
        (
            json!({ "properties": { "user": { "properties": { "apiKey": { "enum": ["a", "b"] } } } } }),
            json!({ "user": { "apiKey": "hunter2" } }),
            r#"body field "user.apiKey" must be one of "a", "b""#,
        ),
        (
            json!({ "properties": { "x": { "type": "string", "format": "password", "minLength": 20 } } }),
            json!({ "x": "hunter2" }),
            r#"body field "x" must be at least 20 characters long"#,
        ),
        (
            json!({ "properties": { "x": { "writeOnly": true, "pattern": "^a+$" } } }),
            json!({ "x": "hunter2" }),
            r#"body field "x" must match the pattern ^a+$"#,
        ),
        // Another part of the document says that it is one.
        (
            json!({ "allOf": [
                { "properties": { "x": { "maxLength": 2 } } },
                { "properties": { "x": { "$ref": "#/components/schemas/Hidden" } } },
            ] }),
            json!({ "x": "hunter2" }),
            r#"body field "x" must be at most 2 characters long"#,
        ),
        (
            json!({ "oneOf": [
                { "properties": { "x": { "maxLength": 2 } }, "required": ["x"] },
                { "properties": { "x": { "$ref": "#/components/schemas/Hidden" } }, "required": ["x", "y", "z"] },
            ] }),
            json!({ "x": "hunter2" }),
            r#"body field "x" must be at most 2 characters long"#,
        ),
        // What lies in a secret is one, and so are names in it that nobody knows.
        (
            json!({ "properties": { "credentials": { "properties": { "user": number }, "additionalProperties": false } } }),
            json!({ "credentials": { "user": "hunter2" } }),
            r#"body field "credentials.user" must be an integer"#,
        ),
        (
            json!({ "properties": { "credentials": { "additionalProperties": false } } }),
            json!({ "credentials": { "hunter2": 1 } }),
            r#"body field "credentials" has a field that is not accepted"#,
        ),
        (
            json!({ "properties": { "tokens": { "items": number } } }),
            json!({ "tokens": ["hunter2"] }),
            r#"body field "tokens[0]" must be an integer"#,
        ),
        // Objects and lists are never written out.
        (
            json!({ "properties": { "x": { "const": { "password": "a" } } } }),
            json!({ "x": { "password": "hunter2" } }),
            r#"body field "x" must be one of the values that the documentation lists (got an object)"#,
        ),
        (
            json!({ "properties": { "monkey": number } }),
            json!({ "monkey": "george" }),
            r#"body field "monkey" must be an integer (got "george")"#,
        ),
    ] {
        let hidden = json!({ "Hidden": { "type": "string", "writeOnly": true } });
        let told = Described::new(&schema, &hidden).told(&value, &Subject::Body);
        assert_eq!(told, expected, "{schema} {value}");
    }
}

#[test]
fn of_parameters_and_forms() {
    let number = json!({ "type": "integer" });
    let described = Described::new(&number, &json!({}));
    for name in ["Authorization", "X-Api-Key", "Cookie", "access_token", "userPin"] {
        let parameter = parameter(name, Location::Header, Style::Simple, false);
        let told = described.told(&json!("hunter2"), &Subject::Parameter(&parameter));
        assert_eq!(told, format!("header \"{name}\" must be an integer"));
    }
    let list = Described::new(&json!({ "items": number }), &json!({}));
    let keys = parameter("keys", Location::Query, Style::Form, true);
    let told = list.told(&json!([1, "hunter2"]), &Subject::Parameter(&keys));
    assert_eq!(told, r#"item 2 of query parameter "keys" must be an integer"#);
    let object = Described::new(&json!({ "properties": { "pin": number } }), &json!({}));
    for subject in [Subject::Form, Subject::Multipart] {
        let told = object.told(&json!({ "pin": "hunter2" }), &subject);
        assert!(told.ends_with("field \"pin\" must be an integer"), "{told}");
    }
}

#[test]
fn a_tag_with_a_secret_name_is_not_shown() {
    let form =
        |kind: &str| json!({ "required": ["tokenType"], "properties": { "tokenType": { "const": kind } } });
    let schema: Value = json!({ "type": "object", "oneOf": [form("a"), form("b")] });
    assert_eq!(
        of_body(&schema, &json!({ "tokenType": "hunter2" })),
        r#"body field "tokenType" must be one of "a", "b""#
    );
}
