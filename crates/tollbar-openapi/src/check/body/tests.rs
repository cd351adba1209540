//! Which bodies are read, and what is said of those that cannot be.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::{BodyGiven, BodyNeed, Checks, Document, RequestParts, find_unread_media_types};

struct Described {
    document: Document,
    checks: Checks,
}

fn described(body: &Value) -> Described {
    let document = json!({ "openapi": "3.1.0", "paths": { "/x": { "post": { "requestBody": body } } } });
    let document = Document::parse(document.to_string().as_bytes()).unwrap();
    let checks = Checks::build(document.operations(), document.schemas()).unwrap();
    Described { document, checks }
}

/// A body with these media types, all with one schema.
fn content(ranges: &[&str], schema: &Value) -> Described {
    let content = ranges.iter().map(|range| ((*range).to_owned(), json!({ "schema": schema })));
    described(&json!({ "content": content.collect::<serde_json::Map<_, _>>() }))
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}

impl Described {
    fn told(&self, lines: &[(&str, &str)], body: BodyGiven<'_>) -> String {
        let headers = headers(lines);
        let parts = RequestParts { path_parameters: &[], query: None, headers: &headers };
        let checked = self.checks.check(0, &self.document.operations()[0], &parts, body);
        checked.err().map(|faults| faults.to_string()).unwrap_or_default()
    }

    fn told_of(&self, content_type: &str, body: &str) -> String {
        self.told(&[("content-type", content_type)], BodyGiven::Whole(body.as_bytes()))
    }

    fn need(&self, lines: &[(&str, &str)]) -> BodyNeed {
        self.checks.body_need(0, &headers(lines))
    }

    fn need_of(&self, content_type: &str) -> BodyNeed {
        self.need(&[("content-type", content_type)])
    }

    fn unread(&self) -> Vec<&str> {
        find_unread_media_types(&self.document.operations()[0], self.document.schemas())
    }
}

#[test]
fn a_content_type_that_is_not_described_is_refused_by_name() {
    let one = content(&["application/json"], &json!({ "type": "object" }));
    let two = content(&["application/json", "text/*", "application/json;v=2"], &json!({ "type": "object" }));
    for (lines, expected) in [
        (&[("content-type", "application/json")][..], ""),
        (&[("content-type", "APPLICATION/json ; Charset=\"UTF-8\"")], ""),
        (
            &[("content-type", "text/plain")],
            r#"header "Content-Type" must be application/json (got "text/plain")"#,
        ),
        (
            &[("content-type", "text/plain; secret=\"application/json\"")],
            r#"header "Content-Type" must be application/json (got "text/plain")"#,
        ),
        (
            &[("content-type", "application/problem+json")],
            r#"header "Content-Type" must be application/json (got "application/problem+json")"#,
        ),
        (&[], r#"header "Content-Type" is required, and must be application/json"#),
        (
            &[("content-type", "application/json"), ("content-type", "application/json")],
            r#"header "Content-Type" is given more than once"#,
        ),
        (
            &[("content-type", "application/json, text/plain")],
            r#"header "Content-Type" must be a media type, such as application/json (got "application/json, text/plain")"#,
        ),
        (
            &[("content-type", "")],
            r#"header "Content-Type" must be a media type, such as application/json (got "")"#,
        ),
        (
            &[("content-type", "application/json; charset=utf-16")],
            r#"header "Content-Type" must say charset utf-8 (got "utf-16")"#,
        ),
        (
            &[("content-type", "application/json"), ("content-encoding", "gzip")],
            r#"header "Content-Encoding" must be left out: an encoded body cannot be checked (got "gzip")"#,
        ),
        (
            &[("content-type", "application/json"), ("content-encoding", "identity, br")],
            r#"header "Content-Encoding" must be left out: an encoded body cannot be checked (got "identity, br")"#,
        ),
        (&[("content-type", "application/json"), ("content-encoding", "Identity")], ""),
    ] {
        assert_eq!(one.told(lines, BodyGiven::Whole(b"{}")), expected, "{lines:?}");
        let need = if expected.is_empty() { BodyNeed::Whole } else { BodyNeed::Refusal };
        assert_eq!(one.need(lines), need, "{lines:?}");
    }
    assert_eq!(
        two.told_of("image/png", "{}"),
        r#"header "Content-Type" must be one of application/json, text/*, application/json; v=2 (got "image/png")"#
    );
}

#[test]
fn a_body_is_read_by_what_the_request_says_it_is() {
    let objects = json!({ "type": "object", "required": ["a"] });
    let any = content(&["*/*"], &objects);
    for (content_type, need) in [
        ("application/json", BodyNeed::Whole),
        ("application/vnd.a+JSON", BodyNeed::Whole),
        ("text/json", BodyNeed::Whole),
        ("text/plain", BodyNeed::Whole),
        ("multipart/form-data; boundary=a", BodyNeed::Whole),
        ("multipart/form-data", BodyNeed::Refusal),
        ("application/x-www-form-urlencoded", BodyNeed::Whole),
        ("multipart/mixed; boundary=a", BodyNeed::Nothing),
        ("application/xml", BodyNeed::Nothing),
        ("text/xml", BodyNeed::Nothing),
        ("text/csv", BodyNeed::Nothing),
        ("application/octet-stream", BodyNeed::Nothing),
    ] {
        assert_eq!(any.need_of(content_type), need, "{content_type}");
    }
    assert_eq!(any.need(&[]), BodyNeed::Nothing, "without a type it is bytes");
    for content_type in ["application/json", "application/vnd.a+json", "text/plain", "text/json"] {
        assert_eq!(any.told_of(content_type, "{\"a\":1}"), "", "{content_type}");
        assert_ne!(any.told_of(content_type, "{}"), "", "{content_type}");
        let broken = any.told_of(content_type, "{");
        assert_eq!(broken, "the body is not JSON: it ends too early at line 1, column 1", "{content_type}");
    }
}

#[test]
fn bytes_go_by_as_they_come() {
    let bytes = json!({ "type": "string", "format": "binary" });
    for range in ["application/octet-stream", "*/*", "application/json", "multipart/form-data", "text/plain"]
    {
        let bytes = content(&[range], &bytes);
        let content_type = if range == "*/*" { "application/json" } else { range };
        let lines = [("content-type", content_type), ("content-encoding", "gzip")];
        assert_eq!(bytes.need(&lines), BodyNeed::Nothing, "{range}");
        assert_eq!(bytes.told(&lines, BodyGiven::Unread), "", "{range}");
        assert_eq!(bytes.unread(), Vec::<&str>::new(), "{range}");
    }
    let without_schema = described(&json!({ "content": { "application/json": {} } }));
    assert_eq!(without_schema.need_of("application/json"), BodyNeed::Nothing);
    assert_eq!(without_schema.need_of("text/plain"), BodyNeed::Refusal);
    let anything = described(&json!({ "content": {} }));
    assert_eq!(anything.need(&[("content-type", "x"), ("content-type", "y")]), BodyNeed::Nothing);
    let bytes = content(&["application/octet-stream"], &bytes);
    assert_eq!(bytes.need(&[]), BodyNeed::Nothing, "without a type it is bytes");
}

#[test]
fn what_is_written_in_other_characters_is_refused() {
    let object = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    let ranges = ["application/json", "text/plain", "application/x-www-form-urlencoded"];
    let any = content(&ranges, &object);
    for (content_type, body, refused) in [
        ("application/json; charset=us-ascii", "{\"a\":\"\\u00e9\"}", None),
        ("application/json; charset=us-ascii", "{\"a\":\"é\"}", Some("us-ascii")),
        ("application/json; charset=windows-1252", "{\"a\":\"é\"}", Some("windows-1252")),
        ("application/json; charset*=utf-16''", "{}", Some("charset*")),
        ("text/plain; charset=ISO-8859-1", "{\"a\":\"e\"}", None),
        ("text/plain; charset=ISO-8859-1", "{\"a\":\"é\"}", Some("ISO-8859-1")),
        ("application/x-www-form-urlencoded; charset=utf-8", "a=%C3%A9", None),
        ("application/x-www-form-urlencoded; charset=ISO-8859-1", "a=%7E", None),
        ("application/x-www-form-urlencoded; charset=ISO-8859-1", "a=%C3%A9", Some("ISO-8859-1")),
        ("application/x-www-form-urlencoded; charset=us-ascii", "a=é", Some("us-ascii")),
        ("application/x-www-form-urlencoded; charset=ibm037", "a=e", Some("ibm037")),
    ] {
        let expected = refused
            .map(|name| format!("header \"Content-Type\" must say charset utf-8 (got \"{name}\")"))
            .unwrap_or_default();
        assert_eq!(any.told_of(content_type, body), expected, "{content_type} {body}");
    }
}

#[test]
fn a_text_is_held_against_what_is_said_of_it() {
    let short = content(&["text/plain"], &json!({ "type": "string", "maxLength": 3 }));
    assert_eq!(short.told_of("text/plain", "1\u{e4}3"), "");
    assert_ne!(short.told_of("text/plain", "1234"), "");
    let latin1 = short.told(&[("content-type", "text/plain")], BodyGiven::Whole(b"\xe4"));
    assert_eq!(latin1, "the body is not valid UTF-8");
    let named = short.told_of("text/plain; charset=utf-16", "a");
    assert_eq!(named, r#"header "Content-Type" must say charset utf-8 (got "utf-16")"#);
    let number = content(&["text/plain"], &json!({ "type": "integer" }));
    assert_eq!(number.told_of("text/plain", "12"), "");
    assert_ne!(number.told_of("text/plain", "1.5"), "");
    assert_ne!(number.told_of("text/plain", "x"), "");
    let free = content(&["text/plain"], &json!({ "type": "string", "description": "a note" }));
    assert_eq!(free.need_of("text/plain"), BodyNeed::Nothing);
}

#[test]
fn a_missing_body_is_named_and_another_is_not_looked_at() {
    let required = described(&json!({
        "required": true, "content": { "application/json": { "schema": { "type": "object" } } },
    }));
    assert_eq!(required.told(&[], BodyGiven::None), "the request body is required");
    assert_eq!(required.told(&[("content-type", "x")], BodyGiven::Unchecked), "");
    let optional = content(&["application/json"], &json!({ "type": "object" }));
    assert_eq!(optional.told(&[("content-type", "text/plain")], BodyGiven::None), "");
    // It was let go by, and then the description changed.
    let late = optional.told(&[("content-type", "application/json")], BodyGiven::Unread);
    assert_eq!(late, "the request body could not be checked; send the request again");
}

#[test]
fn what_nothing_can_read_is_listed() {
    let objects = json!({ "type": "object", "required": ["a"] });
    let ranges = [
        "application/json",
        "application/*+json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/plain",
        "application/xml",
        "text/xml",
        "application/vnd.a+xml",
        "text/csv",
        "application/x-ndjson",
        "image/*",
        "*/*",
        "nonsense",
    ];
    let expected = [
        "application/xml",
        "text/xml",
        "application/vnd.a+xml",
        "text/csv",
        "application/x-ndjson",
        "image/*",
        "*/*",
        "nonsense",
    ];
    assert_eq!(content(&ranges, &objects).unread(), expected);
    assert_eq!(
        content(&["application/xml", "text/csv"], &json!({ "type": "string" })).unread(),
        Vec::<&str>::new()
    );
    let list = json!({ "type": "array" });
    assert_eq!(content(&["multipart/form-data"], &list).unread(), ["multipart/form-data"]);
    // Where nothing can be matched, nothing is refused.
    assert_eq!(content(&["nonsense"], &objects).need_of("text/plain"), BodyNeed::Nothing);
}

#[test]
fn no_integer_is_rounded_into_its_bounds() {
    let of = |extra: Value| {
        let mut schema = json!({ "type": "integer" });
        schema.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        content(&["application/json"], &schema)
    };
    let least = json!({ "minimum": i64::MIN });
    let most = json!({ "maximum": u64::MAX });
    let wide = json!({ "format": "int64" });
    // As a program that knows only doubles writes 2^63, and the greatest of 64 bits less one.
    let loose = json!({ "format": "int64", "maximum": 9_223_372_036_854_776_000_u64 });
    let tight = json!({ "format": "int64", "maximum": i64::MAX - 1 });
    let open = json!({ "format": "int64", "exclusiveMaximum": 9_223_372_036_854_775_808_u64 });
    for (bounds, body, is_taken) in [
        (&least, "-9223372036854775808", true),
        (&least, "-9223372036854775809", false),
        (&least, "-9223372036854776000", false),
        (&least, "-9.223372036854775808e18", true),
        (&most, "18446744073709551615", true),
        (&most, "18446744073709551616", false),
        (&most, "18446744073709551617", false),
        (&most, "1e400", false),
        (&wide, "9223372036854775807", true),
        (&wide, "9223372036854775808", false),
        (&wide, "-9223372036854775808", true),
        (&wide, "-9223372036854775809", false),
        (&loose, "9223372036854775807", true),
        (&loose, "9223372036854775808", false),
        (&tight, "9223372036854775806", true),
        (&tight, "9223372036854775807", false),
        (&open, "9223372036854775807", true),
        (&open, "9223372036854775808", false),
    ] {
        let told = of(bounds.clone()).told_of("application/json", body);
        assert_eq!(told.is_empty(), is_taken, "{bounds} {body}: {told}");
    }
}

#[test]
fn a_member_that_some_readers_take_for_another_is_refused_by_name() {
    let schema = json!({ "type": "object", "required": ["amount"], "additionalProperties": { "type": "string" }, "properties": {
        "amount": { "type": "integer" },
        "kind": { "type": "string" },
        "lines": { "type": "array", "items": { "anyOf": [
            { "properties": { "sku": { "type": "string" } } },
            { "properties": { "sizeIds": { "type": "string" }, "SIZEIDS": { "type": "string" } } },
        ] } },
        "labels": { "type": "object", "additionalProperties": { "type": "string" } },
        "Label": { "type": "string" },
        "upper": { "type": "object", "properties": { "Kind": { "type": "string" } } },
        "free": {},
    } });
    let described = content(&["application/json", "application/x-www-form-urlencoded"], &schema);
    for (body, expected) in [
        (r#"{"amount":1,"other":"x","label":"x"}"#, r#"body field "label" must be written "Label""#),
        (r#"{"Amount":1}"#, r#"body field "Amount" must be written "amount""#),
        (r#"{"amount":1,"AMOUNT":null}"#, r#"body field "AMOUNT" must be written "amount""#),
        (r#"{"amount":1,"\u0041mount":"x"}"#, r#"body field "Amount" must be written "amount""#),
        // U+017F is an s to Go, and U+212A a k.
        ("{\"amount\":1,\"line\u{17f}\":[]}", "body field \"line\u{17f}\" must be written \"lines\""),
        ("{\"amount\":1,\"\u{212a}ind\":\"x\"}", ""),
        (
            r#"{"amount":1,"lines":[{},{"Sku":1,"x":2}]}"#,
            r#"body field "lines[1].Sku" must be written "sku""#,
        ),
        // Both spellings are the document's, somewhere.
        (r#"{"amount":1,"Kind":"x","upper":{"kind":"x"},"lines":[{"SIZEIDS":"x"}]}"#, ""),
        (r#"{"amount":1,"upper":{"KIND":"x"}}"#, r#"body field "upper.KIND" must be written "Kind""#),
        (r#"{"amount":1,"labels":{"Amount":"x"},"free":{"Amount":[{"Sku":1}]}}"#, ""),
    ] {
        let expected = if body.contains('\u{212a}') {
            "body field \"\u{212a}ind\" must be written \"kind\""
        } else {
            expected
        };
        assert_eq!(described.told_of("application/json", body), expected, "{body}");
    }
    for (body, expected) in [
        ("amount=1&Other=x", ""),
        ("Amount=1", r#"form field "Amount" must be written "amount""#),
        ("amount[x]=1", r#"form field "amount[x]" must be written without brackets"#),
        ("amount=1&Lines[0][sku]=x", r#"form field "Lines[0][sku]" must be written "lines""#),
        ("amount=1&lines[0][Sku]=x", r#"form field "lines[0].Sku" must be written "sku""#),
    ] {
        assert_eq!(described.told_of("application/x-www-form-urlencoded", body), expected, "{body}");
    }
    let many = format!(
        "{{{}}}",
        ["amount", "Amount", "AMount", "AMOunt", "AMOUnt", "AMOUNt", "AMOUNT"]
            .map(|name| format!("\"{name}\":1"))
            .join(",")
    );
    assert_eq!(described.told_of("application/json", &many).matches("must be written").count(), 5);
}

#[test]
fn a_form_that_would_be_read_as_parameters_is_refused() {
    let parameter = |place: &str| json!([{ "name": "limit", "in": place, "schema": { "type": "integer" } }]);
    let with = |operation: Value| {
        let document = json!({ "openapi": "3.1.0", "paths": { "/x": { "post": operation } } });
        let document = Document::parse(document.to_string().as_bytes()).unwrap();
        let checks = Checks::build(document.operations(), document.schemas()).unwrap();
        Described { document, checks }
    };
    let refuses = with(json!({ "parameters": parameter("query") }));
    let wrong = "the body must not be a form: the parameters belong in the query, where they are checked";
    for content_type in [
        "application/x-www-form-urlencoded",
        "Multipart/Form-Data; boundary=b",
        "application/X-www-form-urlencoded;charset=utf-8",
    ] {
        assert_eq!(refuses.told_of(content_type, "limit=x"), wrong, "{content_type}");
        assert_eq!(refuses.need_of(content_type), BodyNeed::Refusal);
        let lines = [("content-type", content_type)];
        assert_eq!(refuses.told(&lines, BodyGiven::None), "");
        assert_eq!(refuses.told(&lines, BodyGiven::Unchecked), "");
        assert_eq!(refuses.told(&lines, BodyGiven::Unread), wrong);
        for other in [
            json!({ "parameters": parameter("header") }),
            json!({ "parameters": parameter("query"), "requestBody": { "content": {} } }),
        ] {
            assert_eq!(with(other).told_of(content_type, "limit=x"), "");
        }
    }
    assert_eq!(refuses.told_of("application/json", "limit=x"), "");
    assert_eq!(refuses.told(&[], BodyGiven::Whole(b"limit=x")), "");
}
