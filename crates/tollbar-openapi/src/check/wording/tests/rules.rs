//! Every rule that a document can set, in a body and in a parameter.

use serde_json::{Value, json};

use super::{of_body, of_query};

/// What is said of the member `f` of a body.
fn of_field(schema: &Value, value: &Value) -> String {
    of_body(&json!({ "type": "object", "properties": { "f": schema } }), &json!({ "f": value })).replacen(
        "body field \"f\" ",
        "",
        1,
    )
}

fn of_parameter(schema: &Value, value: &Value) -> String {
    of_query(schema, value).replacen("query parameter \"q\" ", "", 1)
}

#[test]
fn types() {
    for (schema, value, body, parameter) in [
        (
            json!({ "type": "integer" }),
            json!("12"),
            r#"must be an integer (got "12")"#,
            "must be an integer (got 12)",
        ),
        (
            json!({ "type": "integer" }),
            json!("x"),
            r#"must be an integer (got "x")"#,
            r#"must be an integer (got "x")"#,
        ),
        (
            json!({ "type": "integer" }),
            json!(1.5),
            "must be an integer (got 1.5)",
            "must be an integer (got 1.5)",
        ),
        (
            json!({ "type": "integer" }),
            json!(null),
            "must be an integer (got null)",
            r#"must be an integer (got "")"#,
        ),
        (
            json!({ "type": "number" }),
            json!(true),
            "must be a number (got true)",
            r#"must be a number (got "true")"#,
        ),
        (json!({ "type": "string" }), json!(7), "must be a string (got 7)", "must be a string (got 7)"),
        (
            json!({ "type": "boolean" }),
            json!("yes"),
            r#"must be a boolean (got "yes")"#,
            r#"must be true or false (got "yes")"#,
        ),
        (
            json!({ "type": "string" }),
            json!({ "a": "b" }),
            "must be a string (got an object)",
            "must be a string (got an object)",
        ),
        (
            json!({ "type": "object" }),
            json!([1]),
            "must be an object (got an array)",
            "must be an object (got an array)",
        ),
        (
            json!({ "type": "array" }),
            json!("x"),
            r#"must be an array (got "x")"#,
            r#"must be an array (got "x")"#,
        ),
        (json!({ "type": "null" }), json!("x"), r#"must be null (got "x")"#, r#"must be null (got "x")"#),
        (
            json!({ "type": ["integer", "null"] }),
            json!("x"),
            r#"must be an integer or null (got "x")"#,
            r#"must be an integer (got "x")"#,
        ),
        (
            json!({ "type": ["null", "integer", "boolean", "string"] }),
            json!([]),
            "must be an integer, a boolean, a string or null (got an array)",
            "must be an integer, true or false or a string (got an array)",
        ),
        (
            json!({ "type": ["integer", "number"] }),
            json!("x"),
            r#"must be a number (got "x")"#,
            r#"must be a number (got "x")"#,
        ),
    ] {
        assert_eq!(of_field(&schema, &value), body, "{schema} {value}");
        assert_eq!(of_parameter(&schema, &value), parameter, "{schema} {value}");
    }
}

#[test]
fn values() {
    let many: Vec<String> = (0..12).map(|number| format!("c{number}")).collect();
    let long: Vec<String> = (0..5).map(|number| format!("{number}-{}", "long".repeat(20))).collect();
    for (schema, value, expected) in [
        (
            json!({ "type": "string", "enum": ["asc", "desc"] }),
            json!("up"),
            r#"must be one of "asc", "desc" (got "up")"#,
        ),
        (
            json!({ "type": "string", "enum": ["asc", "desc"] }),
            json!(3),
            r#"must be one of "asc", "desc" (got 3)"#,
        ),
        (json!({ "enum": ["asc", null] }), json!({}), r#"must be one of "asc", null (got an object)"#),
        (json!({ "const": "EUR" }), json!("USD"), r#"must be "EUR" (got "USD")"#),
        (json!({ "const": 3 }), json!(4), "must be 3 (got 4)"),
        (json!({ "const": 3 }), json!(3.0), ""),
        (
            json!({ "enum": [{ "a": 1 }, { "a": 2 }] }),
            json!({ "a": 3 }),
            "must be one of the values that the documentation lists (got an object)",
        ),
        (
            json!({ "enum": many }),
            json!("x"),
            r#"must be one of "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", … (12 in all) (got "x")"#,
        ),
        (
            json!({ "enum": long }),
            json!("x"),
            r#"must be one of "0-longlonglonglonglonglonglonglonglonglo…", … (5 in all) (got "x")"#,
        ),
        (json!({ "not": { "const": "root" } }), json!("root"), r#"must not be "root""#),
        (json!({ "not": { "enum": [1, 2] } }), json!(2), "must not be one of 1, 2"),
    ] {
        assert_eq!(of_field(&schema, &value), expected, "{schema} {value}");
    }
}

#[test]
fn numbers() {
    for (schema, value, expected) in [
        (json!({ "maximum": 100 }), json!(500), "must be at most 100 (got 500)"),
        (json!({ "minimum": 1 }), json!(0), "must be at least 1 (got 0)"),
        (json!({ "exclusiveMinimum": 0 }), json!(0), "must be more than 0 (got 0)"),
        (json!({ "exclusiveMaximum": 0.3 }), json!(0.5), "must be less than 0.3 (got 0.5)"),
        (json!({ "minimum": 5, "exclusiveMinimum": 0 }), json!(-1), "must be at least 5 (got -1)"),
        (json!({ "minimum": 5, "exclusiveMinimum": 5 }), json!(5), "must be more than 5 (got 5)"),
        (json!({ "minimum": 5, "exclusiveMinimum": 5 }), json!(4), "must be more than 5 (got 4)"),
        (json!({ "multipleOf": 5 }), json!(7), "must be a multiple of 5 (got 7)"),
        (json!({ "multipleOf": 0.01 }), json!(0.123), "must be a multiple of 0.01 (got 0.123)"),
        (
            json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX }),
            json!(2_147_483_648u64),
            "must be an integer between -2147483648 and 2147483647 (got 2147483648)",
        ),
        (
            json!({ "type": "integer", "minimum": 1, "maximum": i32::MAX }),
            json!(2_147_483_648u64),
            "must be at most 2147483647 (got 2147483648)",
        ),
        (
            json!({ "maximum": 9_007_199_254_740_992u64 }),
            json!(9_007_199_254_740_993u64),
            "must be at most 9007199254740992 (got 9007199254740993)",
        ),
    ] {
        assert_eq!(of_field(&schema, &value), expected, "{schema} {value}");
        assert_eq!(of_parameter(&schema, &value), expected, "{schema} {value}");
    }
}

#[test]
fn texts() {
    let long = format!("^{}$", "[a-z]".repeat(20));
    for (schema, value, expected) in [
        (json!({ "minLength": 1 }), json!(""), r#"must be at least 1 character long (got "")"#),
        (json!({ "minLength": 3 }), json!("ab"), r#"must be at least 3 characters long (got "ab")"#),
        (json!({ "maxLength": 3 }), json!("abcd"), r#"must be at most 3 characters long (got "abcd")"#),
        (json!({ "maxLength": 3 }), json!("ééé"), ""),
        (
            json!({ "minLength": 2, "maxLength": 2 }),
            json!("DEU"),
            r#"must be exactly 2 characters long (got "DEU")"#,
        ),
        (json!({ "pattern": "^[a-z]+$" }), json!("A1"), r#"must match the pattern ^[a-z]+$ (got "A1")"#),
        (
            json!({ "pattern": long }),
            json!("A1"),
            r#"does not have the form that the documentation describes (got "A1")"#,
        ),
        (
            json!({ "pattern": "(?:a|b)c" }),
            json!("A1"),
            r#"does not have the form that the documentation describes (got "A1")"#,
        ),
        (json!({ "format": "date" }), json!("22.11."), r#"must be a date such as 2026-11-22 (got "22.11.")"#),
        (
            json!({ "format": "date-time" }),
            json!("2026-11-22 10:00"),
            r#"must be a date and time such as 2026-11-22T10:00:00Z (got "2026-11-22 10:00")"#,
        ),
        (json!({ "format": "time" }), json!("10 am"), r#"must be a time such as 10:00:00Z (got "10 am")"#),
        (
            json!({ "format": "uuid" }),
            json!("12"),
            r#"must be a UUID such as 123e4567-e89b-12d3-a456-426614174000 (got "12")"#,
        ),
        (
            json!({ "format": "email" }),
            json!("jo"),
            r#"must be an email address such as jo@example.com (got "jo")"#,
        ),
        (
            json!({ "format": "ipv4" }),
            json!("1.2.3"),
            r#"must be an IPv4 address such as 192.0.2.1 (got "1.2.3")"#,
        ),
        (
            json!({ "format": "ipv6" }),
            json!("1.2.3.4"),
            r#"must be an IPv6 address such as 2001:db8::1 (got "1.2.3.4")"#,
        ),
        (
            json!({ "format": "uri" }),
            json!("a b"),
            r#"must be a URI such as https://example.com/a (got "a b")"#,
        ),
        // One thing is said of one value, the plainest first.
        (
            json!({ "type": "string", "minLength": 1, "pattern": "^a", "format": "date" }),
            json!(""),
            r#"must be at least 1 character long (got "")"#,
        ),
        (
            json!({ "allOf": [{ "maxLength": 1 }, { "pattern": "^a" }] }),
            json!("xyz"),
            r#"must be at most 1 character long (got "xyz")"#,
        ),
        (
            json!({ "maxLength": 3 }),
            json!("\u{1b}[31m\"\n"),
            r#"must be at most 3 characters long (got "\u{1b}[31m\"\n")"#,
        ),
    ] {
        assert_eq!(of_field(&schema, &value), expected, "{schema} {value}");
    }
}

#[test]
fn lists() {
    for (schema, value, expected) in [
        (json!({ "minItems": 1 }), json!([]), r#"body field "f" must have at least 1 item"#),
        (json!({ "maxItems": 2 }), json!([1, 2, 3]), r#"body field "f" must have at most 2 items"#),
        (json!({ "maxItems": 0 }), json!([1]), r#"body field "f" must have no items"#),
        (json!({ "minItems": 2, "maxItems": 2 }), json!([1]), r#"body field "f" must have exactly 2 items"#),
        (
            json!({ "uniqueItems": true }),
            json!([1, 1]),
            r#"body field "f" must not have the same item twice"#,
        ),
        (
            json!({ "items": { "type": "integer" } }),
            json!([1, "x", 2, null]),
            r#"body field "f[1]" must be an integer (got "x"); body field "f[3]" must be an integer (got null)"#,
        ),
        (
            json!({ "prefixItems": [{ "type": "integer" }, { "type": "string" }], "items": false }),
            json!(["x", 1, 2]),
            r#"body field "f" must have at most 2 items; body field "f[0]" must be an integer (got "x"); body field "f[1]" must be a string (got 1)"#,
        ),
        (
            json!({ "contains": { "const": 1 } }),
            json!([2]),
            r#"body field "f" must have at least 1 item of the kind that the documentation describes"#,
        ),
        (
            json!({ "contains": { "const": 1 }, "maxContains": 1 }),
            json!([1, 1]),
            r#"body field "f" must have exactly 1 item of the kind that the documentation describes"#,
        ),
        (
            json!({ "prefixItems": [true], "unevaluatedItems": false }),
            json!([1, 2]),
            r#"body field "f[1]" must not be given"#,
        ),
        (json!({ "items": { "not": {} } }), json!([1]), r#"body field "f[0]" is not accepted (got 1)"#),
    ] {
        let told = of_body(&json!({ "properties": { "f": schema } }), &json!({ "f": value }));
        assert_eq!(told, expected, "{schema} {value}");
    }
}

#[test]
fn objects() {
    let named = json!({ "a": { "type": "integer" }, "b": { "type": "string" } });
    for (schema, value, expected) in [
        (json!({ "type": "object" }), json!("x"), r#"the body must be an object (got "x")"#),
        (json!({ "type": "object" }), json!([]), "the body must be an object (got an array)"),
        (json!({ "required": ["a"] }), json!({}), r#"body field "a" is required"#),
        // What is missing is told in its place.
        (
            json!({ "required": ["z", "b"], "properties": named }),
            json!({ "a": "x" }),
            r#"body field "a" must be an integer (got "x"); body field "b" is required; body field "z" is required"#,
        ),
        (
            json!({ "properties": named, "additionalProperties": false }),
            json!({ "colour": 1, "b": 2, "size": 3 }),
            r#"body field "b" must be a string (got 2); body field "colour" is not known; body field "size" is not known"#,
        ),
        (
            json!({ "allOf": [{ "properties": named }], "unevaluatedProperties": false }),
            json!({ "a": 1, "colour": 1 }),
            r#"body field "colour" is not known"#,
        ),
        (
            json!({ "additionalProperties": { "type": "integer" } }),
            json!({ "x": "y" }),
            r#"body field "x" must be an integer (got "y")"#,
        ),
        (
            json!({ "patternProperties": { "^x-": { "type": "integer" } } }),
            json!({ "x-a": "y" }),
            r#"body field "x-a" must be an integer (got "y")"#,
        ),
        (
            json!({ "propertyNames": { "maxLength": 2 } }),
            json!({ "abc": 1 }),
            r#"body field "abc" has a name that is not accepted: it must be at most 2 characters long"#,
        ),
        (json!({ "minProperties": 1 }), json!({}), "the body must have at least 1 field"),
        (json!({ "maxProperties": 1 }), json!({ "a": 1, "b": 2 }), "the body must have at most 1 field"),
        (
            json!({ "dependentRequired": { "card": ["expiry"] } }),
            json!({ "card": 1 }),
            r#"body field "expiry" is required when "card" is given"#,
        ),
        (
            json!({ "dependentSchemas": { "card": { "properties": { "n": { "type": "integer" } } } } }),
            json!({ "card": 1, "n": "x" }),
            r#"body field "n" must be an integer (got "x")"#,
        ),
        (json!({ "properties": { "a": false } }), json!({ "a": 1 }), r#"body field "a" must not be given"#),
        (json!({ "not": { "required": ["a"] } }), json!({ "a": 1 }), r#"body field "a" must not be given"#),
        (
            json!({ "not": { "required": ["a", "b"] } }),
            json!({ "a": 1, "b": 2 }),
            r#"body field "b" must not be given together with "a""#,
        ),
        (json!({ "not": { "type": "object" } }), json!({ "a": 1 }), "the body is not accepted"),
        (json!(false), json!({}), "the body is not accepted"),
        (
            json!({ "if": { "properties": { "kind": { "const": "x" } } }, "then": { "required": ["a"] }, "else": { "required": ["b"] } }),
            json!({ "kind": "x" }),
            r#"body field "a" is required"#,
        ),
        (
            json!({ "if": { "properties": { "kind": { "const": "x" } } }, "then": { "required": ["a"] }, "else": { "required": ["b"] } }),
            json!({ "kind": "y" }),
            r#"body field "b" is required"#,
        ),
    ] {
        assert_eq!(of_body(&schema, &value), expected, "{schema} {value}");
    }
}

#[test]
fn no_more_than_five_are_told_and_never_too_much() {
    let items = json!({ "type": "array", "items": { "type": "integer" } });
    let told = of_body(&items, &json!(["a", "b", "c", "d", "e", "f", "g"]));
    assert_eq!(told.matches("must be an integer").count(), 5);
    assert!(told.starts_with(r#"body field "[0]" must be an integer (got "a"); "#), "{told}");
    let options: Vec<String> = (0..20).map(|number| format!("{number:025}")).collect();
    let members: serde_json::Map<String, Value> =
        (0..6).map(|number| (format!("{number}{}", "n".repeat(70)), json!({ "enum": options }))).collect();
    let value: serde_json::Map<String, Value> =
        members.keys().map(|name| (name.clone(), json!("v".repeat(70)))).collect();
    // The lengths are looked at wherever something is told.
    assert!(of_body(&json!({ "properties": members }), &json!(value)).matches("; ").count() >= 2);
}
