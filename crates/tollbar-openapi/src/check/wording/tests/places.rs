//! Where a value stands, in the words of each kind of request.

use serde_json::{Value, json};

use super::super::Subject;
use super::{Described, of_body, parameter, plain};
use crate::operation::{Location, Style};

/// Says of any value in an object or a list of any depth that it must be an integer.
fn numbers() -> Described {
    Described::of_set(vec![json!({
        "type": ["integer", "array", "object"],
        "items": { "$ref": "#/$defs/0" },
        "additionalProperties": { "$ref": "#/$defs/0" },
    })])
}

fn place(value: &Value, subject: &Subject<'_>) -> String {
    let told = plain(numbers().told(value, subject));
    told.strip_suffix(r#" must be an integer, an array or an object (got "x")"#).unwrap_or(&told).to_owned()
}

#[test]
fn in_bodies() {
    for (value, expected) in [
        (json!("x"), "the body"),
        (json!({ "a": "x" }), r#"body field "a""#),
        (json!({ "lines": [1, 2, { "sku": "x" }] }), r#"body field "lines[2].sku""#),
        (json!([["x"]]), r#"body field "[0][0]""#),
        (json!({ "straße-1": { "$id": "x" } }), r#"body field "straße-1.$id""#),
        (json!({ "lines": { "a.b": "x" } }), r#"body field "lines['a.b']""#),
        (json!({ "a b": { "c": "x" } }), r#"body field "['a b'].c""#),
        (json!({ "": "x" }), r#"body field "['']""#),
        (json!({ "it's": "x" }), r#"body field "['it\'s']""#),
        (json!({ "say \"x\"\n": "x" }), r#"body field "['say \"x\"\n']""#),
        (json!({ "\u{202e}": "x" }), r#"body field "\u{202e}""#),
        (json!({ "n".repeat(60): "x" }), r#"body field "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn…""#),
        (
            json!({ "addresses": { "n".repeat(40): { "m".repeat(40): [{ "street": "x" }] } } }),
            r#"body field "addresses.nnnnnnnnnn…nnnnnnnnn.mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm[0].street""#,
        ),
    ] {
        assert_eq!(place(&value, &Subject::Body), expected, "{value}");
    }
}

#[test]
fn in_forms() {
    for (value, expected) in [
        (json!({ "tags": ["x"] }), r#"form field "tags[0]""#),
        (json!({ "address": { "city": "x" } }), r#"form field "address.city""#),
    ] {
        assert_eq!(place(&value, &Subject::Form), expected, "{value}");
    }
    assert_eq!(place(&json!({ "file": "x" }), &Subject::Multipart), r#"multipart field "file""#);
}

#[test]
fn in_parameters() {
    let (path, query, header, cookie) = (Location::Path, Location::Query, Location::Header, Location::Cookie);
    for (location, style, explode, value, expected) in [
        (query, Style::Form, true, json!("x"), r#"query parameter "q""#),
        (path, Style::Simple, false, json!("x"), r#"path parameter "q""#),
        (header, Style::Simple, false, json!("x"), r#"header "q""#),
        (cookie, Style::Form, true, json!("x"), r#"cookie "q""#),
        (query, Style::Form, true, json!([1, "x"]), r#"item 2 of query parameter "q""#),
        (header, Style::Simple, false, json!([1, ["x"]]), r#"item 1 of item 2 of header "q""#),
        (query, Style::DeepObject, true, json!({ "status": "x" }), r#"query parameter "q[status]""#),
        (query, Style::DeepObject, true, json!({ "a": { "b": "x" } }), r#"query parameter "q[a][b]""#),
        (query, Style::DeepObject, true, json!({ "a": [1, "x"] }), r#"item 2 of query parameter "q[a]""#),
        // Its members are parameters of their own.
        (query, Style::Form, true, json!({ "status": "x" }), r#"query parameter "status""#),
        (query, Style::Form, true, json!({ "a": [1, "x"] }), r#"item 2 of query parameter "a""#),
        (query, Style::Form, false, json!({ "status": "x" }), r#"field "status" of query parameter "q""#),
        (header, Style::Simple, true, json!({ "status": "x" }), r#"field "status" of header "q""#),
        (
            query,
            Style::Content,
            false,
            json!([{ "a": [{ "b": "x" }] }]),
            r#"field "a[0].b" of item 1 of query parameter "q""#,
        ),
    ] {
        let parameter = parameter("q", location, style, explode);
        assert_eq!(
            place(&value, &Subject::Parameter(&parameter)),
            expected,
            "{location:?} {style:?} {value}"
        );
    }
}

#[test]
fn what_is_missing_or_unknown_has_a_place_too() {
    let schema = json!({
        "properties": { "lines": { "items": { "required": ["sku"], "properties": { "n": {} }, "additionalProperties": false } } },
    });
    assert_eq!(
        of_body(&schema, &json!({ "lines": [{ "sku": 1 }, { "n": 1, "color": 3 }] })),
        r#"body field "lines[0].sku" is not known; body field "lines[1].sku" is required; body field "lines[1].color" is not known"#
    );
    let filter = parameter("filter", Location::Query, Style::DeepObject, true);
    let described = Described::new(
        &json!({ "required": ["from"], "properties": { "from": {} }, "additionalProperties": false }),
        &json!({}),
    );
    assert_eq!(
        described.told(&json!({ "until": 1 }), &Subject::Parameter(&filter)),
        r#"query parameter "filter[from]" is required; query parameter "filter[until]" is not known"#
    );
}
