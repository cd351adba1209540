//! What is said of answers that are not as their document says, and what of them is needed to say it.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::{BodyGiven, Checks, Document, LoadError, Reading, ResponseNeed};

struct Described {
    document: Document,
    checks: Checks,
}

fn read(version: &str, responses: &Value, schemas: &Value) -> Result<Document, LoadError> {
    let document = json!({ "openapi": version, "paths": { "/x": { "get": { "responses": responses } } },
        "components": { "schemas": schemas } });
    Document::parse_with(document.to_string().as_bytes(), Reading { responses: true })
}

fn described(responses: &Value, schemas: &Value) -> Described {
    let document = read("3.0.3", responses, schemas).unwrap();
    let checks = Checks::build(document.operations(), document.schemas()).unwrap();
    Described { document, checks }
}

/// One status, whose body is JSON with this schema.
fn json_body(schema: &Value) -> Described {
    described(&json!({ "200": { "content": { "application/json": { "schema": schema } } } }), &json!({}))
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| {
        (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())
    };
    lines.iter().map(line).collect()
}

impl Described {
    fn told(&self, status: u16, lines: &[(&str, &str)], body: BodyGiven<'_>) -> String {
        let operation = &self.document.operations()[0];
        let checked = self.checks.check_response(0, operation, status, &headers(lines), body);
        checked.err().map(|faults| faults.to_string()).unwrap_or_default()
    }

    fn told_of(&self, body: &str) -> String {
        self.told(200, &[("content-type", "application/json")], BodyGiven::Whole(body.as_bytes()))
    }

    fn need(&self, status: u16, lines: &[(&str, &str)]) -> ResponseNeed {
        self.checks.response_need(0, &self.document.operations()[0], status, &headers(lines))
    }
}

#[test]
fn a_status_is_known_by_itself_by_its_hundred_or_by_default() {
    let some = described(&json!({ "200": {}, "4xx": {}, "x-note": 1 }), &json!({}));
    let all = described(
        &json!({ "default": { "content": { "application/json": { "schema": { "type": "object" } } } }, "200": {} }),
        &json!({}),
    );
    for (status, expected) in [
        (200, ""),
        (201, "status 201 is not described"),
        (404, ""),
        (499, ""),
        (500, "status 500 is not described"),
        (101, "status 101 is not described"),
    ] {
        assert_eq!(some.told(status, &[], BodyGiven::Unread), expected);
        let by_default = if status == 200 { "" } else { "the body must be an object (got an array)" };
        let json = [("content-type", "application/json")];
        assert_eq!(all.told(status, &json, BodyGiven::Whole(b"[]")), by_default, "{status}");
    }
    let nothing = described(&json!({}), &json!({}));
    assert_eq!(nothing.told(418, &[], BodyGiven::Whole(b"x")), "", "nothing is described");
}

#[test]
fn headers_that_must_be_there_are_named() {
    let described = described(
        &json!({ "200": { "headers": {
            "X-Total": { "required": true, "schema": { "type": "integer" } },
            "ETag": { "$ref": "#/paths/~1x/get/responses/200/headers/X-Total" },
            "X-Left": { "schema": { "type": "integer" } },
            "Content-Type": { "required": true },
            "no name": { "required": true },
        } } }),
        &json!({}),
    );
    assert_eq!(described.told(200, &[("etag", "1")], BodyGiven::None), r#"header "X-Total" is required"#);
    assert_eq!(described.told(200, &[("x-total", "x"), ("etag", "1")], BodyGiven::None), "");
    assert!(described.document.warnings()[0].contains("no name"), "{:?}", described.document.warnings());
}

#[test]
fn a_media_type_must_be_one_of_those() {
    let described = json_body(&json!({ "type": "object" }));
    for (content_type, expected) in [
        (Some("application/json; charset=utf-8"), ""),
        (Some("text/html"), r#"header "Content-Type" must be application/json (got "text/html")"#),
        (None, r#"header "Content-Type" is required, and must be application/json"#),
        // What cannot be read is no difference.
        (Some("application/json; charset=latin1"), ""),
    ] {
        let lines: Vec<_> = content_type.iter().map(|value| ("content-type", *value)).collect();
        for body in [BodyGiven::Whole(b"{}"), BodyGiven::Unread] {
            assert_eq!(described.told(200, &lines, body), expected);
        }
        assert_eq!(described.told(200, &lines, BodyGiven::None), "", "an answer to HEAD, or a 304");
    }
    assert_eq!(described.told(200, &[], BodyGiven::Whole(b"")), "the body is missing");
    assert_eq!(described.told_of(""), "the body is missing");
}

#[test]
fn what_is_said_of_a_body_has_no_value_and_is_the_same_for_each_item() {
    let described = json_body(&json!({
        "type": "object", "required": ["items", "note"], "additionalProperties": false,
        "properties": {
            "items": { "type": "array", "items": { "type": "object", "required": ["sku"], "properties": {
                "sku": { "type": "string", "pattern": "^[A-Z]+$" },
                "price": { "type": "number", "maximum": 100 },
                "state": { "enum": ["new", "old"] },
                "token": { "type": "string" },
                "on": { "type": "string", "format": "date" },
            } } },
            "by_mail": { "type": "object", "additionalProperties": { "type": "integer" } },
            "note": { "type": "string", "nullable": true },
            "login": { "type": "string", "writeOnly": true },
        },
    }));
    for (body, expected) in [
        (r#"{"items":[],"note":null}"#, ""),
        (
            r#"{"items":[{"sku":"A","price":"s3cr3t"},{"sku":"A","price":"x"},{"sku":"B","price":101}],"note":null}"#,
            r#"body field "items[*].price" must be a number (got a string); body field "items[*].price" must be at most 100"#,
        ),
        (r#"{"items":[{}, {}],"note":null}"#, r#"body field "items[*].sku" is required"#),
        (
            r#"{"items":[{"sku":"s3cr3t"}],"note":null}"#,
            r#"body field "items[*].sku" must match the pattern ^[A-Z]+$"#,
        ),
        (
            r#"{"items":[{"sku":"A","state":"s3cr3t"}],"note":null}"#,
            r#"body field "items[*].state" must be one of "new", "old""#,
        ),
        (
            r#"{"items":[{"sku":"A","on":"s3cr3t"}],"note":null}"#,
            r#"body field "items[*].on" must be a date such as 2026-11-22"#,
        ),
        (
            r#"{"items":[{"sku":"A","token":7}],"note":null}"#,
            r#"body field "items[*].token" must be a string"#,
        ),
        (r#"{"items":[],"note":7}"#, r#"body field "note" must be a string or null (got an integer)"#),
        (
            r#"{"items":[],"note":null,"by_mail":{"s3cr3t@x":"a","b@x":"b"}}"#,
            r#"body field "by_mail.*" must be an integer (got a string)"#,
        ),
        (r#"{"items":[],"note":null,"extra":7}"#, r#"body field "extra" is not known"#),
        (r#"{"items":[]}"#, r#"body field "note" is required"#),
        (r#"{"items":[{"sku":"A","sku":"B"}],"note":null}"#, "the body gives a field twice"),
        ("<html>", "the body is not JSON: a value is missing, or written wrongly"),
        ("{", "the body is not JSON: it ends too early"),
        ("[]", "the body must be an object (got an array)"),
    ] {
        let told = described.told_of(body);
        assert!(told.ends_with(expected) && told.is_empty() == expected.is_empty(), "{body}: {told}");
        assert!(!told.contains("s3cr3t"), "{told}");
    }
}

#[test]
fn what_goes_up_only_is_not_required_in_an_answer() {
    let schema = json!({ "type": "object", "required": ["id", "password"], "properties": {
        "id": { "type": "integer", "readOnly": true }, "password": { "type": "string", "writeOnly": true } } });
    let described = json_body(&schema);
    assert_eq!(described.told_of(r#"{"id":1}"#), "");
    assert_eq!(described.told_of("{}"), r#"body field "id" is required"#);
}

#[test]
fn only_a_body_that_can_be_held_against_something_is_needed() {
    use ResponseNeed::{Nothing, Unreadable, Whole};
    let object = json!({ "schema": { "type": "object" } });
    let all = described(
        &json!({
            "200": { "content": { "application/json": object, "application/xml": object, "text/csv": { "schema": { "type": "string" } },
                "application/pdf": { "schema": { "type": "string", "format": "binary" } }, "image/*": {} } },
            "204": { "description": "nothing" },
        }),
        &json!({}),
    );
    for (status, lines, expected) in [
        (200, &[("content-type", "application/json")][..], Whole),
        (200, &[("content-type", "application/json"), ("content-encoding", "gzip")], Unreadable),
        (200, &[("content-type", "application/json; charset=utf-16")], Unreadable),
        (200, &[("content-type", "application/xml")], Unreadable),
        (200, &[("content-type", "text/csv")], Nothing),
        (200, &[("content-type", "application/pdf")], Nothing),
        (200, &[("content-type", "image/png")], Nothing),
        (200, &[("content-type", "text/html")], Nothing),
        (200, &[], Nothing),
        (204, &[("content-type", "application/json")], Nothing),
        (500, &[("content-type", "application/json")], Nothing),
    ] {
        assert_eq!(all.need(status, lines), expected, "{status} {lines:?}");
    }
}

#[test]
fn answers_are_read_only_where_somebody_asks() {
    let text = json!({ "openapi": "3.1.0", "paths": { "/x": { "get": { "responses": {
        "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/A" } } } } } } } },
        "components": { "schemas": { "A": { "type": "object" } } } })
    .to_string();
    let without = Document::parse(text.as_bytes()).unwrap();
    assert!(without.schemas().is_empty() && without.operations()[0].responses.is_empty());
    let stored = serde_json::to_value(&without.operations()[0]).unwrap();
    assert!(stored.get("responses").is_none(), "{stored}");
    let with = Document::parse_with(text.as_bytes(), Reading { responses: true }).unwrap();
    assert_eq!((with.schemas().len(), with.operations()[0].responses.len()), (1, 1));
    let back: crate::Operation =
        serde_json::from_value(serde_json::to_value(&with.operations()[0]).unwrap()).unwrap();
    assert_eq!(back, with.operations()[0]);
}

#[test]
fn what_is_wrong_with_responses_is_said() {
    for (responses, said) in [
        (json!([]), "responses must be an object"),
        (json!({ "200": { "$ref": "#/nowhere" } }), "leads nowhere"),
        (json!({ "200": { "headers": [] } }), "headers must be an object"),
        (json!({ "200": { "content": 7 } }), "content must be an object"),
    ] {
        let error = read("3.1.0", &responses, &json!({})).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
    }
    let odd =
        read("3.1.0", &json!({ "2000": {}, "ok": {}, "20X": {}, "200": null, "DEFAULT": {} }), &json!({}));
    let odd = odd.unwrap();
    let known: Vec<&str> = odd.operations()[0].responses.iter().map(|one| one.status.as_str()).collect();
    assert_eq!((known, odd.warnings().len()), (vec!["200", "default"], 3));
}

#[test]
fn swagger_has_its_answers_too() {
    let text = json!({ "swagger": "2.0", "produces": ["application/json"], "paths": { "/x": { "get": { "responses": {
        "200": { "schema": { "$ref": "#/definitions/A" } } } } } }, "definitions": { "A": { "type": "object" } } });
    let document = Document::parse_with(text.to_string().as_bytes(), Reading { responses: true }).unwrap();
    let checks = Checks::build(document.operations(), document.schemas()).unwrap();
    let described = Described { document, checks };
    assert_eq!(described.told_of("7"), "the body must be an object (got an integer)");
}

#[test]
fn of_paths_that_are_one_endpoint_any_answer_will_do() {
    let answer = |kind: &str| json!({ "content": { "application/json": { "schema": { "type": kind } } } });
    let text = json!({ "openapi": "3.0.0", "paths": {
        "/?a": { "get": { "responses": { "200": answer("object"), "201": answer("object") } } },
        "/?b": { "get": { "responses": { "200": answer("array"), "404": {} } } } } });
    let document = Document::parse_with(text.to_string().as_bytes(), Reading { responses: true }).unwrap();
    let checks = Checks::build(document.operations(), document.schemas()).unwrap();
    let described = Described { document, checks };
    assert_eq!(described.told_of("7"), "", "two descriptions");
    let json = [("content-type", "application/json")];
    assert_eq!(
        described.told(201, &json, BodyGiven::Whole(b"7")),
        "the body must be an object (got an integer)"
    );
    assert_eq!(described.told(404, &[], BodyGiven::Unread), "");
    assert_eq!(described.told(418, &[], BodyGiven::Unread), "status 418 is not described");
}
