//! The words, as partners read them.

mod names;

use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::Document;

fn operation(parameters: &Value) -> Document {
    let mut path = String::from("/x");
    for parameter in parameters.as_array().unwrap() {
        if parameter["in"] == "path" {
            path.push_str(&format!("/{{{}}}", parameter["name"].as_str().unwrap()));
        }
    }
    let document = json!({ "openapi": "3.1.0", "paths": { path: { "get": { "parameters": parameters } } } });
    Document::parse(document.to_string().as_bytes()).unwrap()
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}

fn told(document: &Document, path: &[(&str, &str)], query: &str, lines: &[(&str, &str)]) -> String {
    let path: Vec<_> = path.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let headers = headers(lines);
    let parts = RequestParts { path_parameters: &path, query: Some(query), headers: &headers };
    let checks = Checks::build(document.operations(), document.schemas()).unwrap();
    checks
        .check(0, &document.operations()[0], &parts, BodyGiven::None)
        .err()
        .map(|faults| faults.to_string())
        .unwrap_or_default()
}

/// What is said of `q`, when it has this schema, and the query is this.
fn of_query(schema: &Value, query: &str) -> String {
    told(&operation(&json!([{ "name": "q", "in": "query", "schema": schema }])), &[], query, &[])
}

#[test]
fn types() {
    for (schema, query, expected) in [
        (json!({ "type": "integer" }), "q=12", ""),
        (json!({ "type": "integer" }), "q=-12", ""),
        (json!({ "type": "integer" }), "q=123456789012345678901234567890", ""),
        (json!({ "type": "integer" }), "q=%31%32", ""),
        (json!({ "type": "integer" }), "q=abc", r#"query parameter "q" must be an integer (got "abc")"#),
        (json!({ "type": "integer" }), "q=1.0", r#"query parameter "q" must be an integer (got 1.0)"#),
        (json!({ "type": "integer" }), "q=%2B1", r#"query parameter "q" must be an integer (got "+1")"#),
        (json!({ "type": "integer" }), "q=+1", r#"query parameter "q" must be an integer (got " 1")"#),
        (json!({ "type": "integer" }), "q=1%0A", r#"query parameter "q" must be an integer (got "1\n")"#),
        (json!({ "type": "integer" }), "q=01", r#"query parameter "q" must be an integer (got "01")"#),
        (json!({ "type": "integer" }), "q=", r#"query parameter "q" must be an integer (got "")"#),
        (json!({ "type": "integer" }), "q", r#"query parameter "q" must be an integer (got "")"#),
        (json!({ "type": "integer" }), "q=%D9%A1", "query parameter \"q\" must be an integer (got \"١\")"),
        (json!({ "type": "number" }), "q=1.5e3", ""),
        (json!({ "type": "number" }), "q=NaN", r#"query parameter "q" must be a number (got "NaN")"#),
        (json!({ "type": "number" }), "q=1e400", r#"query parameter "q" must be a number (got 1e400)"#),
        (json!({ "type": "number" }), "q=0x10", r#"query parameter "q" must be a number (got "0x10")"#),
        (json!({ "type": "boolean" }), "q=true", ""),
        (json!({ "type": "boolean" }), "q=True", r#"query parameter "q" must be true or false (got "True")"#),
        (json!({ "type": "string" }), "q=", ""),
        (json!({ "type": "string" }), "q=%FF", r#"query parameter "q" is not valid UTF-8"#),
        (json!({ "type": ["integer", "boolean", "null"] }), "q=true", ""),
        (
            json!({ "type": ["integer", "boolean", "null"] }),
            "q=x",
            r#"query parameter "q" must be an integer or true or false (got "x")"#,
        ),
        (json!({ "type": ["integer", "string"], "maximum": 3 }), "q=500", ""),
        (json!({ "type": "null" }), "q=", ""),
        (json!({ "type": "null" }), "q=x", r#"query parameter "q" must be null (got "x")"#),
        (json!({}), "q=anything&q=twice", ""),
        (json!({ "type": "string" }), "q=1&q=2", r#"query parameter "q" is given more than once"#),
        (json!({ "type": "integer" }), "q=1&%71=2", r#"query parameter "q" is given more than once"#),
        (
            json!({ "oneOf": [{ "type": "integer" }] }),
            "q=abc",
            r#"query parameter "q" must be an integer (got "abc")"#,
        ),
        (
            json!({ "allOf": [{ "type": "integer" }] }),
            "q=abc",
            r#"query parameter "q" must be an integer (got "abc")"#,
        ),
        (
            json!({ "type": "string", "pattern": "^a$" }),
            "q=b",
            r#"query parameter "q" must match the pattern ^a$ (got "b")"#,
        ),
    ] {
        assert_eq!(of_query(&schema, query), expected, "{schema} {query}");
    }
}

#[test]
fn bounds() {
    for (schema, query, expected) in [
        (json!({ "type": "integer", "maximum": 100 }), "q=100", ""),
        (
            json!({ "type": "integer", "maximum": 100 }),
            "q=500",
            r#"query parameter "q" must be at most 100 (got 500)"#,
        ),
        (
            json!({ "type": "integer", "minimum": 1 }),
            "q=0",
            r#"query parameter "q" must be at least 1 (got 0)"#,
        ),
        (
            json!({ "type": "integer", "minimum": 0, "exclusiveMinimum": true }),
            "q=0",
            r#"query parameter "q" must be more than 0 (got 0)"#,
        ),
        (
            json!({ "type": "integer", "exclusiveMinimum": 0 }),
            "q=0",
            r#"query parameter "q" must be more than 0 (got 0)"#,
        ),
        (
            json!({ "type": "integer", "minimum": 5, "exclusiveMinimum": 0 }),
            "q=4",
            r#"query parameter "q" must be at least 5 (got 4)"#,
        ),
        (
            json!({ "type": "integer", "minimum": 5, "exclusiveMinimum": 5 }),
            "q=5",
            r#"query parameter "q" must be more than 5 (got 5)"#,
        ),
        (
            json!({ "type": "number", "exclusiveMaximum": 0.3 }),
            "q=0.30",
            r#"query parameter "q" must be less than 0.3 (got 0.3)"#,
        ),
        // To every reader that has doubles, this is 0.3.
        (
            json!({ "type": "number", "exclusiveMaximum": 0.3 }),
            "q=0.29999999999999999999",
            r#"query parameter "q" must be less than 0.3 (got 0.3)"#,
        ),
        (
            json!({ "type": "integer", "maximum": 9007199254740992u64 }),
            "q=9007199254740993",
            r#"query parameter "q" must be at most 9007199254740992 (got 9007199254740993)"#,
        ),
        (
            json!({ "type": "integer", "maximum": 10 }),
            "q=99999999999999999999999999999999999999999999999",
            r#"query parameter "q" must be at most 10 (got 1e+47)"#,
        ),
        (json!({ "type": "integer", "format": "int32" }), "q=2147483647", ""),
        (
            json!({ "type": "integer", "format": "int32" }),
            "q=2147483648",
            r#"query parameter "q" must be an integer between -2147483648 and 2147483647 (got 2147483648)"#,
        ),
        (
            json!({ "type": "integer", "format": "int64" }),
            "q=-9223372036854775809",
            r#"query parameter "q" must be an integer between -9223372036854775808 and 9223372036854775807 (got -9.223372036854778e+18)"#,
        ),
        (json!({ "type": "string", "maximum": 1 }), "q=5", ""),
        (
            json!({ "type": "string", "minLength": 1 }),
            "q=",
            r#"query parameter "q" must be at least 1 character long (got "")"#,
        ),
        (json!({ "type": "string", "maxLength": 3 }), "q=%C3%A9%C3%A9%C3%A9", ""),
        (
            json!({ "type": "string", "maxLength": 3 }),
            "q=abcd",
            r#"query parameter "q" must be at most 3 characters long (got "abcd")"#,
        ),
        (json!({ "type": "integer", "maxLength": 1 }), "q=10", ""),
    ] {
        assert_eq!(of_query(&schema, query), expected, "{schema} {query}");
    }
}

#[test]
fn enumerations() {
    let many: Vec<String> = (0..12).map(|number| format!("c{number}")).collect();
    for (schema, query, expected) in [
        (json!({ "enum": ["asc", "desc"] }), "q=asc", ""),
        (
            json!({ "type": "string", "enum": ["asc", "desc"] }),
            "q=up",
            r#"query parameter "q" must be one of "asc", "desc" (got "up")"#,
        ),
        (
            json!({ "type": "string", "enum": ["asc"] }),
            "q=ASC",
            r#"query parameter "q" must be "asc" (got "ASC")"#,
        ),
        (json!({ "const": 3 }), "q=4", r#"query parameter "q" must be 3 (got 4)"#),
        (json!({ "type": "number", "enum": [1, 2.5, true] }), "q=2.50", ""),
        (json!({ "enum": [1, true, null] }), "q=true", ""),
        (json!({ "enum": [1, true, null] }), "q=", ""),
        (
            json!({ "enum": [1, true, null] }),
            "q=false",
            r#"query parameter "q" must be one of 1, true, null (got "false")"#,
        ),
        (
            json!({ "enum": many }),
            "q=x",
            r#"query parameter "q" must be one of "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", … (12 in all) (got "x")"#,
        ),
    ] {
        assert_eq!(of_query(&schema, query), expected, "{schema} {query}");
    }
}

#[test]
fn lists() {
    let list = json!({ "type": "array", "items": { "type": "integer", "maximum": 9 } });
    for (extra, query, expected) in [
        (json!({}), "q=1&q=2", ""),
        (json!({}), "q=1&q=x", r#"item 2 of query parameter "q" must be an integer (got "x")"#),
        (json!({}), "q=1,2", r#"item 1 of query parameter "q" must be an integer (got "1,2")"#),
        (json!({}), "q=", ""),
        (json!({}), "q=&q=1", r#"item 1 of query parameter "q" must be an integer (got "")"#),
        (json!({ "explode": false }), "q=1,2", ""),
        (
            json!({ "explode": false }),
            "q=1,99",
            r#"item 2 of query parameter "q" must be at most 9 (got 99)"#,
        ),
        (
            json!({ "explode": false }),
            "q=1%2Cx",
            r#"item 2 of query parameter "q" must be an integer (got "x")"#,
        ),
        (json!({ "explode": false }), "q=1%2C2", ""),
        (
            json!({ "explode": false }),
            "q=1%2C2,3",
            r#"item 1 of query parameter "q" must be an integer (got "1,2")"#,
        ),
        (json!({ "explode": false }), "q=1&q=2", r#"query parameter "q" is given more than once"#),
        (json!({ "style": "pipeDelimited", "explode": false }), "q=1|2", ""),
        (
            json!({ "style": "pipeDelimited", "explode": false }),
            "q=1|b",
            r#"item 2 of query parameter "q" must be an integer (got "b")"#,
        ),
        (json!({ "style": "spaceDelimited", "explode": false }), "q=1%202", ""),
    ] {
        let mut parameter = json!({ "name": "q", "in": "query", "schema": list });
        parameter.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        assert_eq!(told(&operation(&json!([parameter])), &[], query, &[]), expected, "{extra} {query}");
    }
    let either = json!([{ "name": "q", "in": "query", "schema": { "type": ["array", "string"], "items": { "type": "integer" } } }]);
    assert_eq!(told(&operation(&either), &[], "q=1&q=2", &[]), "");
    assert_eq!(told(&operation(&either), &[], "q=x", &[]), "");
}

#[test]
fn every_place_is_read_in_its_own_way() {
    let number = json!({ "type": "integer" });
    let numbers = json!({ "type": "array", "items": { "type": "integer" } });
    let all = operation(&json!([
        { "name": "id", "in": "path", "required": true, "schema": number },
        { "name": "ids", "in": "path", "required": true, "schema": numbers },
        { "name": "X-Count", "in": "header", "schema": number },
        { "name": "X-Counts", "in": "header", "schema": numbers },
        { "name": "count", "in": "cookie", "schema": number },
    ]));
    let fine: &[(&str, &str)] = &[("id", "1"), ("ids", "1,2")];
    for (path, lines, expected) in [
        (fine, &[][..], ""),
        (&[("ids", "1")][..], &[][..], r#"path parameter "id" is required"#),
        (
            &[("id", "+1"), ("ids", "x")][..],
            &[][..],
            r#"path parameter "id" must be an integer (got "+1"); item 1 of path parameter "ids" must be an integer (got "x")"#,
        ),
        (&[("id", " 1"), ("ids", "1")][..], &[][..], r#"path parameter "id" must be an integer (got " 1")"#),
        (fine, &[("x-count", "5")][..], ""),
        (fine, &[("x-count", "five")][..], r#"header "X-Count" must be an integer (got "five")"#),
        (fine, &[("x-count", "5"), ("x-count", "6")][..], r#"header "X-Count" is given more than once"#),
        (fine, &[("x-counts", "5, 6"), ("x-counts", "7")][..], ""),
        (
            fine,
            &[("x-counts", "5, six")][..],
            r#"item 2 of header "X-Counts" must be an integer (got "six")"#,
        ),
        (fine, &[("cookie", "a=b; count=5")][..], ""),
        (fine, &[("cookie", "count=%35; a=b")][..], ""),
        (fine, &[("cookie", "a=b; count=five")][..], r#"cookie "count" must be an integer (got "five")"#),
    ] {
        assert_eq!(told(&all, path, "", lines), expected, "{path:?} {lines:?}");
    }
}

#[test]
fn a_cookie_is_found_beside_what_cannot_be_read_and_with_blanks_in_its_pair() {
    let document =
        operation(&json!([{ "name": "n", "in": "cookie", "schema": { "maximum": 9, "type": "integer" } }]));
    let checks = Checks::build(document.operations(), document.schemas()).unwrap();
    let expected = r#"cookie "n" must be at most 9 (got 10)"#;
    for line in [&b"n=10; z=\xff"[..], b"z=\xc3(; n=10", b"a=b; n =10", b"n= 10"] {
        let mut headers = HeaderMap::new();
        headers.append("cookie", HeaderValue::from_bytes(line).unwrap());
        let parts = RequestParts { path_parameters: &[], query: None, headers: &headers };
        let told = checks.check(0, &document.operations()[0], &parts, BodyGiven::None).unwrap_err();
        assert_eq!(told.to_string(), expected, "{line:?}");
    }
}

#[test]
fn what_is_missing_is_named_in_the_order_of_the_document() {
    let required = |name: &str, place: &str| json!({ "name": name, "in": place, "required": true, "schema": { "type": "string" } });
    let all = operation(&json!([
        required("b", "query"),
        required("X-Tenant", "header"),
        required("sid", "cookie"),
        required("a", "query"),
        required("Authorization", "header"),
        required("accept", "header"),
        required("Content-Type", "header"),
    ]));
    assert_eq!(
        told(&all, &[], "", &[]),
        r#"query parameter "b" is required; header "X-Tenant" is required; cookie "sid" is required; query parameter "a" is required"#
    );
    assert_eq!(told(&all, &[], "a&b=&other=1", &[("x-tenant", ""), ("cookie", "sid=")]), "");
}

#[test]
fn no_more_than_five_faults_are_named() {
    let all: Vec<Value> =
        (0..9).map(|n| json!({ "name": format!("p{n}"), "in": "query", "required": true })).collect();
    let expected =
        (0..5).map(|n| format!("query parameter \"p{n}\" is required")).collect::<Vec<_>>().join("; ");
    assert_eq!(told(&operation(&json!(all)), &[], "", &[]), expected);
}

#[test]
fn objects_are_found_by_their_style() {
    let object = json!({ "type": "object", "properties": { "a": { "type": "integer" } } });
    let with = |extra: Value| {
        let mut parameter = json!({ "name": "q", "in": "query", "required": true, "schema": object });
        parameter.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        operation(&json!([parameter]))
    };
    let required = r#"query parameter "q" is required"#;
    let invalid = r#"query parameter "q" is not valid JSON"#;
    for (extra, query, expected) in [
        (json!({ "style": "deepObject" }), "q[a]=1", ""),
        (json!({ "style": "deepObject" }), "q%5Ba%5D=1", ""),
        (json!({ "style": "deepObject" }), "qa=1", required),
        // Its members' names are in the query, not its own.
        (json!({}), "a=1", ""),
        (json!({}), "q=a,1", required),
        (json!({ "explode": false }), "q=a,1", ""),
        (json!({ "explode": false }), "a=1", required),
        (json!({ "schema": { "oneOf": [{ "type": "string" }, object] } }), "a=1", ""),
        (json!({ "schema": { "oneOf": [{ "type": "string" }, object] } }), "q=x", ""),
        (json!({ "content": { "application/json": { "schema": object } } }), "q={\"a\":1}", ""),
        (json!({ "content": { "application/json": { "schema": object } } }), "q={", invalid),
        (json!({ "content": { "application/json": { "schema": object } } }), "a=1", required),
    ] {
        assert_eq!(told(&with(extra.clone()), &[], query, &[]), expected, "{extra} {query}");
    }
}

#[test]
fn an_empty_value_can_be_allowed() {
    let all =
        json!([{ "name": "q", "in": "query", "allowEmptyValue": true, "schema": { "type": "integer" } }]);
    assert_eq!(told(&operation(&all), &[], "q", &[]), "");
    assert_eq!(
        told(&operation(&all), &[], "q=x", &[]),
        r#"query parameter "q" must be an integer (got "x")"#
    );
}

#[test]
fn secrets_are_never_shown() {
    for name in ["api_key", "Access-Token", "clientSecret", "PASSWORD", "x-authorization", "my-cookie"] {
        for (place, query, line) in [
            ("query", format!("{name}=hunter2"), None),
            ("header", String::new(), Some((name, "hunter2"))),
            ("cookie", String::new(), Some(("cookie", "hunter2"))),
        ] {
            let all = json!([{ "name": name, "in": place, "schema": { "type": "integer" } }]);
            let cookie = format!("{name}=hunter2");
            let line = line
                .map(|(header, value)| (header, if header == "cookie" { cookie.as_str() } else { value }));
            let said = told(&operation(&all), &[], &query, line.as_slice());
            assert!(said.ends_with("must be an integer") && !said.contains("hunter2"), "{said}");
        }
    }
}

#[test]
fn values_are_cut_and_cannot_break_out() {
    let integer = json!({ "type": "integer" });
    for (query, shown) in [
        ("q=%22%5C%07%1B[31m", r#""\"\\\u{7}\u{1b}[31m""#),
        ("q=it's+late", r#""it's late""#),
        ("q=%E2%80%AE%E2%80%A8x", r#""\u{202e}\u{2028}x""#),
        ("q=caf%C3%A9", r#""café""#),
        ("q=1234567890123456789012345678901234567890x", r#""1234567890123456789012345678901234567890…""#),
    ] {
        assert_eq!(
            of_query(&integer, query),
            format!(r#"query parameter "q" must be an integer (got {shown})"#)
        );
    }
}

#[test]
fn work_is_bounded() {
    let fault = "the query must have at most 1,000 parameters";
    assert_eq!(of_query(&json!({ "type": "array" }), &"q=1&".repeat(2_000)), fault);
    assert_eq!(of_query(&json!({ "type": "array" }), &"&".repeat(1_000_000)), fault);
    let thousand = ["q=1"; 1_000].join("&");
    assert_eq!(of_query(&json!({ "type": "array" }), &thousand), "");
}

proptest! {
    #[test]
    fn integers_are_what_an_integer_prints(number: i128) {
        prop_assert_eq!(of_query(&json!({ "type": "integer" }), &format!("q={number}")), "");
    }

    #[test]
    fn any_request_is_survived(
        query in "\\PC{0,60}",
        value in prop::collection::vec(any::<u8>(), 0..30),
        path in "\\PC{0,20}",
    ) {
        let schema = json!({ "type": "array", "items": { "type": "number", "minimum": 3, "maxLength": 2 } });
        let all = operation(&json!([
            { "name": "q", "in": "query", "schema": schema, "explode": false },
            { "name": "id", "in": "path", "schema": { "type": "integer", "format": "int32" } },
            { "name": "X-N", "in": "header", "schema": schema },
            { "name": "n", "in": "cookie", "schema": { "type": "boolean" } },
        ]));
        let mut map = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            map.append("x-n", value.clone());
            map.append("cookie", value);
        }
        let path = [("id".to_owned(), path)];
        for query in [query.clone(), format!("q={query}"), format!("n={query}&q=%{query}")] {
            let parts = RequestParts { path_parameters: &path, query: Some(&query), headers: &map };
            let checks = Checks::build(all.operations(), all.schemas()).unwrap();
            if let Err(faults) = checks.check(0, &all.operations()[0], &parts, BodyGiven::None) {
                prop_assert!(!faults.to_string().chars().any(char::is_control));
            }
        }
    }
}
