//! What is taken, what is refused, and how that is said.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn told(bytes: impl AsRef<[u8]>) -> String {
    parse(bytes.as_ref()).err().map(|fault| fault.to_string()).unwrap_or_default()
}

fn utf16(text: &str, mark: bool, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let mark = mark.then_some(0xfeff);
    mark.into_iter().chain(text.encode_utf16()).flat_map(to_bytes).collect()
}

fn utf32(text: &str, to_bytes: fn(u32) -> [u8; 4]) -> Vec<u8> {
    text.chars().flat_map(|character| to_bytes(u32::from(character))).collect()
}

#[test]
fn what_is_not_json_is_said_with_its_place() {
    let rows = [
        ("", "it ends too early at line 1, column 1"),
        ("  ", "it ends too early at line 1, column 2"),
        ("{", "it ends too early at line 1, column 1"),
        ("[1,\n", "it ends too early at line 2, column 1"),
        ("\"ab", "it ends too early at line 1, column 3"),
        ("{\"a\"\n1}", "a colon is missing at line 2, column 1"),
        ("[1 2]", "a comma or a closing bracket is missing at line 1, column 4"),
        ("{\"a\":1 \"b\"}", "a comma or a closing brace is missing at line 1, column 8"),
        ("{a:1}", "a name in double quotes is missing at line 1, column 2"),
        ("{'a':1}", "a name in double quotes is missing at line 1, column 2"),
        ("[1,]", "a comma has nothing behind it at line 1, column 4"),
        ("{\"a\":1,}", "a comma has nothing behind it at line 1, column 8"),
        ("{} {}", "there is more than one value at line 1, column 4"),
        ("1,2", "there is more than one value at line 1, column 2"),
        ("\"\\x\"", "an escape in a text is wrong at line 1, column 3"),
        ("\"\\u00g0\"", "an escape in a text is wrong at line 1, column 7"),
        ("01", "a number is written wrongly at line 1, column 2"),
        ("-", "it ends too early at line 1, column 1"),
        ("1.", "it ends too early at line 1, column 2"),
        ("[1.]", "a number is written wrongly at line 1, column 4"),
        ("[1e400]", "a number is too large at line 1, column 6"),
        ("-1e400", "a number is too large at line 1, column 6"),
        ("NaN", "a value is missing, or written wrongly at line 1, column 1"),
        ("[Infinity]", "a value is missing, or written wrongly at line 1, column 2"),
        ("-Infinity", "a number is written wrongly at line 1, column 2"),
        ("+1", "a value is missing, or written wrongly at line 1, column 1"),
        ("0x10", "there is more than one value at line 1, column 2"),
        ("tru", "it ends too early at line 1, column 3"),
        ("True", "a value is missing, or written wrongly at line 1, column 1"),
        ("\u{a0}1", "a value is missing, or written wrongly at line 1, column 1"),
        ("\"a\nb\"", "a control character in a text is not escaped at line 2, column 1"),
        ("\"\\ud800\"", "an escape in a text stands for half a character at line 1, column 8"),
        ("\"\\ud800\\u0041\"", "an escape in a text stands for half a character at line 1, column 13"),
        ("\"\\udc00\"", "an escape in a text stands for half a character at line 1, column 7"),
        ("{\"\\ud800x\":1}", "an escape in a text stands for half a character at line 1, column 9"),
        ("/* */ 1", "a value is missing, or written wrongly at line 1, column 1"),
    ];
    let said: Vec<(&str, String)> = rows.iter().map(|(text, _)| (*text, told(text))).collect();
    let expected: Vec<(&str, String)> =
        rows.iter().map(|(text, words)| (*text, format!("the body is not JSON: {words}"))).collect();
    assert_eq!(said, expected);
}

#[test]
fn what_is_json_is_read_as_it_is() {
    for (text, expected) in [
        (
            " {\"b\":[1,-2,2.5,null,true],\"a\":{\"b\":\"\"}}\n",
            json!({"b": [1, -2, 2.5, null, true], "a": {"b": ""}}),
        ),
        ("\"\\ud83d\\ude00\\n\"", json!("😀\n")),
        ("18446744073709551615", json!(u64::MAX)),
        ("18446744073709551616", json!(18446744073709551616.0)),
        ("1e-400", json!(0.0)),
        ("-0", json!(-0.0)),
        ("{\"\":1,\"A\":2,\"a\":3}", json!({"": 1, "A": 2, "a": 3})),
        ("{\"a\":{\"x\":1},\"b\":{\"x\":1}}", json!({"a": {"x": 1}, "b": {"x": 1}})),
    ] {
        assert_eq!(parse(text.as_bytes()).unwrap(), expected, "{text}");
    }
}

#[test]
fn a_member_that_is_given_twice_is_named() {
    for (text, path) in [
        (r#"{"a":1,"a":1}"#, "a"),
        (r#"{"a":1,"\u0061":2}"#, "a"),
        (r#"{"lines":[{},{"sku":"x","n":1,"sku":"y"}]}"#, "lines[1].sku"),
        (r#"[[{"a":{"b":1,"c":{},"b":2}}]]"#, "[0][0].a.b"),
        (r#"{"":{"":1,"":2}}"#, ""),
    ] {
        assert_eq!(told(text), format!("body field \"{path}\" is given twice"), "{text}");
    }
    let long = format!("{{\"{0}\":1,\"{0}\":2}}", "a".repeat(10_000));
    assert!(told(long).len() < 100);
}

#[test]
fn only_utf8_without_a_mark_is_read() {
    for (bytes, expected) in [
        (b"\xef\xbb\xbf{}".to_vec(), "the body must not begin with a byte order mark"),
        (utf16("{}", true, u16::to_be_bytes), "the body must be UTF-8, not UTF-16"),
        (utf16("{}", true, u16::to_le_bytes), "the body must be UTF-8, not UTF-16"),
        (utf16("{}", false, u16::to_be_bytes), "the body must be UTF-8, not UTF-16"),
        (utf16("[1]", false, u16::to_le_bytes), "the body must be UTF-8, not UTF-16"),
        (utf32("{}", u32::to_be_bytes), "the body must be UTF-8, not UTF-32"),
        (utf32("\u{feff}{}", u32::to_be_bytes), "the body must be UTF-8, not UTF-32"),
        (utf32("{}", u32::to_le_bytes), "the body must be UTF-8, not UTF-32"),
        (utf32("\u{feff}{}", u32::to_le_bytes), "the body must be UTF-8, not UTF-32"),
        (b"\"\xff\"".to_vec(), "the body is not valid UTF-8"),
        (b"\"\xed\xa0\x80\"".to_vec(), "the body is not valid UTF-8"),
        (b"\"\xc0\xaf\"".to_vec(), "the body is not valid UTF-8"),
    ] {
        assert_eq!(told(&bytes), expected, "{bytes:?}");
    }
}

#[test]
fn depth_and_number_of_values_have_an_end() {
    let nested = |open: &str, close: &str, depth: usize| open.repeat(depth) + "1" + &close.repeat(depth);
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        assert_eq!(told(nested(open, close, JSON_DEPTH_LIMIT)), "");
        for depth in [JSON_DEPTH_LIMIT + 1, 10_000, 1_000_000] {
            assert_eq!(told(nested(open, close, depth)), "the body is nested deeper than 64 levels");
            assert_eq!(told(open.repeat(depth)), "the body is nested deeper than 64 levels");
        }
    }
    let list = |count: usize| format!("[{}1]", "1,".repeat(count - 1));
    assert_eq!(told(list(JSON_VALUE_LIMIT - 1)), "");
    assert_eq!(told(list(JSON_VALUE_LIMIT)), "the body has more than 250,000 values");
}

proptest! {
    #[test]
    fn what_another_strict_reader_takes_is_taken_alike(text in r#"[\[\]{}:,"a1.e\\u0 \-]{0,24}"#) {
        // The other one keeps the last of two members; all else is the same.
        let theirs = serde_json::from_str::<Value>(&text).ok();
        match read(text.as_bytes()) {
            Ok(value) => prop_assert_eq!(Some(value), theirs),
            Err(Wrong::Twice(_)) => {}
            Err(_) => prop_assert!(theirs.is_none(), "{}", text),
        }
    }

    #[test]
    fn nothing_is_quoted(secret in "[a-z]{12}") {
        for text in [format!("{{\"a\": {secret}}}"), format!("[\"{secret}"), format!("\"{secret}\" 1"), format!("\"\\{secret}\"")] {
            prop_assert!(!told(text).contains(&secret));
        }
    }
}
