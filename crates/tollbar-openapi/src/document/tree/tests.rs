//! Malformed and hostile bytes: each is refused with its place.

use proptest::prelude::*;

use super::*;

fn told(text: &str) -> String {
    parse(text.as_bytes()).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn json_says_where_it_is_malformed() {
    for (text, expected) in [
        ("{\"a\": 1,\n \"b\": [1, 2,, 3]}", "line 2, column 13: /b/2: expected value"),
        ("{\"a\": {\"b/c\": tru}}", "line 1, column 18: /a/b~1c: expected ident"),
        ("{\"a\": 1}\n}", "line 2, column 1: trailing characters"),
        ("{\"a\": 1", "line 1, column 7: EOF while parsing an object"),
        ("{\"a\": \"\\ud800\"}", "line 1, column 14: /a: unexpected end of hex escape"),
        ("{\"a\": 1e400}", "line 1, column 11: /a: number out of range"),
        ("{\"a\": NaN}", "line 1, column 7: /a: expected value"),
        ("{\"a\": {\n\"x\": 1,\n\"x\": 2}}", "line 3, column 5: /a/x: the member is given twice"),
        ("[1, 2", "line 1, column 5: /2: EOF while parsing a list"),
    ] {
        assert_eq!(told(text), expected, "{text}");
    }
}

#[test]
fn yaml_says_where_it_is_malformed() {
    for (text, expected) in [
        ("a: 1\nb: [1, 2\nc: 3\n", "line 3, column 2: /b/1: illegal placement of ':' indicator"),
        ("a:\n  x: 1\n  x: 2\n", "line 3, column 6: /a/x: the member is given twice"),
        ("a: *nowhere\n", "line 1, column 4: /a: alias references unknown anchor"),
        ("a: 1\n---\nb: 2\n", "line 3, column 1: there is more than one YAML document"),
        ("a:\n\t- 1\n", "line 2, column 2: /a: tabs disallowed within this context (block indentation)"),
        ("a: .nan\n", "line 1, column 4: /a: a number must be finite"),
        (
            "b: \"\\q\"\n",
            "line 1, column 4: /b: while parsing a quoted scalar, found unknown escape character",
        ),
        ("{a: 1, b: }}", "line 1, column 12: misplaced bracket"),
        ("? [1, 2]\n: x\n", "line 1, column 3: expected string scalar"),
    ] {
        assert_eq!(told(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_text_is_named() {
    for (bytes, expected) in [
        (&b""[..], "the document is empty"),
        (b" \n\t ", "the document is empty"),
        (b"\xef\xbb\xbf", "the document is empty"),
        (b"\xff\xfe{\0}\0", "line 1, column 1: the document must be UTF-8"),
        (b"{\n \"a\": \"\xc3\xa9\xe9\"}", "line 2, column 9: the document must be UTF-8"),
    ] {
        assert_eq!(parse(bytes).unwrap_err().to_string(), expected);
    }
    let long = vec![b' '; DOCUMENT_LIMIT_BYTES + 1];
    assert_eq!(parse(&long).unwrap_err().to_string(), "the document is longer than 32 MiB");
}

#[test]
fn json_and_yaml_give_the_same_tree() {
    let json =
        "\u{feff}{\"a\": [1, -2, 2.5, true, null, \"x\"], \"b\": {\"200\": {}, \"c\": []}, \"no\": \"012\"}";
    let yaml = "\u{feff}# a comment\na: [1, -2, 2.5, true, ~, x]\nb:\n  200: {}\n  'c': []\nno: 012\n";
    let flow = "{a: [1, -2, 2.5, true, null, x], b: {200: {}, c: []}, no: 012}";
    let parsed = parse(json.as_bytes()).unwrap();
    assert_eq!(parse(yaml.as_bytes()).unwrap(), parsed);
    assert_eq!(parse(flow.as_bytes()).unwrap(), parsed);
}

#[test]
fn yaml_that_only_looks_like_something_else_stays_text() {
    let parsed = parse(b"- no\n- yes\n- on\n- 0755\n- 1_000\n- 2024-01-01\n- 1.20.3\n- 0x1F\n").unwrap();
    assert_eq!(parsed, serde_json::json!(["no", "yes", "on", "0755", "1_000", "2024-01-01", "1.20.3", 31]));
}

#[test]
fn anchors_and_merges_are_written_out() {
    let text = "base: &base\n  a: 1\n  b: 2\none:\n  <<: *base\n  b: 3\ntwo: *base\n";
    let expected = serde_json::json!({
        "base": { "a": 1, "b": 2 }, "one": { "a": 1, "b": 3 }, "two": { "a": 1, "b": 2 }
    });
    assert_eq!(parse(text.as_bytes()).unwrap(), expected);
    let often = format!("base: &base {{ a: 1 }}\nall:\n{}", "  - *base\n".repeat(5_000));
    assert_eq!(parse(often.as_bytes()).unwrap()["all"].as_array().unwrap().len(), 5_000);
}

#[test]
fn nesting_is_bounded() {
    let deep_json = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let deep_yaml =
        |depth: usize| (0..depth).map(|level| format!("{}a:\n", " ".repeat(level))).collect::<String>();
    assert_eq!(told(&deep_json(DOCUMENT_DEPTH_LIMIT)), "");
    assert_eq!(told(&deep_yaml(DOCUMENT_DEPTH_LIMIT)), "");
    for text in [
        deep_json(DOCUMENT_DEPTH_LIMIT + 1),
        deep_json(10_000),
        deep_yaml(DOCUMENT_DEPTH_LIMIT + 1),
        format!("a: {}", deep_json(10_000)),
        "- ".repeat(10_000),
        "{\"a\":".repeat(100_000),
    ] {
        let said = told(&text);
        assert!(said.contains("nested deeper than 64 levels"), "{}", said);
    }
}

#[test]
fn a_yaml_bomb_is_refused() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let said = told(&bomb);
    assert!(said.ends_with("the document is too large, or its aliases make it so"), "{said}");
}

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn anything_like_yaml_is_survived(text in "[-a1:{}\\[\\],&*!|>?#'\" \n\t~<%@]{0,80}") {
        let _ = parse(text.as_bytes());
    }

    #[test]
    fn any_cut_of_a_document_is_survived(at in 0usize..60) {
        let json = "{\"openapi\": \"3.1.0\", \"paths\": {\"/a\": {\"get\": {\"x\": [1.5e3]}}}}";
        let said = parse(&json.as_bytes()[..at]).unwrap_err();
        prop_assert!(said.line().is_some() || at == 0, "{}", said);
    }
}
