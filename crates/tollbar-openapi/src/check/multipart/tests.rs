//! Bodies as browsers and libraries write them, and as attackers do.

use proptest::prelude::*;
use serde_json::json;

use super::super::shape::Reader;
use super::*;
use crate::schema::{SchemaId, SchemaSet, Validators};

fn read_with(schema: &Value, encoding: &Value, body: &[u8]) -> Result<Value, String> {
    let set = SchemaSet::new(vec![schema.clone()]);
    let validators = Validators::compile(set.clone()).unwrap();
    let mut reader = Reader::new(&set);
    let place = reader.add(Some(SchemaId(0)));
    let shape = reader.finish()(place);
    let encoding: BTreeMap<String, Encoding> = serde_json::from_value(encoding.clone()).unwrap();
    let accept = |value: &Value| validators.hold(SchemaId(0), value.clone()).is_valid();
    decode(body, "b", &shape, &encoding, &accept).map_err(|fault| fault.to_string())
}

fn read(body: &str) -> Result<Value, String> {
    read_with(&upload(), &json!({}), body.as_bytes())
}

fn upload() -> Value {
    json!({ "type": "object", "properties": {
        "id": { "type": "string" },
        "count": { "type": "integer" },
        "file": { "type": "string", "format": "binary" },
        "small": { "type": "string", "format": "binary", "maxLength": 4 },
        "tags": { "type": "array", "items": { "type": "string" } },
        "address": { "type": "object", "properties": { "city": { "type": "string" } } },
        "addresses": { "type": "array", "items": { "type": "object" } },
        "files": { "type": "array", "items": {} },
        "note": { "type": "string" }
    } })
}

/// A part with more in its head, or none more.
fn part(disposition: &str, head: &str, body: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n{head}\r\n{body}\r\n")
}

fn body(parts: &[String]) -> String {
    format!("{}--b--\r\n", parts.concat())
}

#[test]
fn parts_are_read_by_the_schema() {
    let json_head = "Content-Type: application/json\r\n";
    let image = "content-type: image/png\r\nContent-Transfer-Encoding: binary\r\n";
    for (parts, expected) in [
        (vec![], json!({})),
        (
            vec![part("name=\"id\"", "", "12"), part("name=count", "", "12")],
            json!({ "id": "12", "count": 12 }),
        ),
        (
            vec![part("name=\"count\"", "Content-Type: text/plain; charset=utf-8\r\n", "x")],
            json!({ "count": "x" }),
        ),
        (vec![part("name=\"id\"", "", "")], json!({ "id": "" })),
        (vec![part("name=\"id\"", "", "a\r\n--\r\n\nb\r\n")], json!({ "id": "a\r\n--\r\n\nb\r\n" })),
        (vec![part("name=\"file\"; filename=\"a;b=\u{e9}.png\"", image, "\u{0}\r\n")], json!({ "file": "" })),
        (vec![part("name=\"small\"; filename*=UTF-8''a", image, "12345")], json!({ "small": "xxxxx" })),
        (vec![part("name=\"tags\"", "", "a"), part("name=\"tags\"", "", "b")], json!({ "tags": ["a", "b"] })),
        (vec![part("name=\"tags[]\"", "", "a")], json!({ "tags": ["a"] })),
        (
            vec![part("name=\"address\"", json_head, "{\"city\":\"x\"}")],
            json!({ "address": { "city": "x" } }),
        ),
        (vec![part("name=\"address\"", "", "{\"city\":\"x\"}")], json!({ "address": { "city": "x" } })),
        (vec![part("name=\"address[city]\"", "", "x")], json!({ "address": { "city": "x" } })),
        (vec![part("name=\"addresses\"", json_head, "{}")], json!({ "addresses": [{}] })),
        (vec![part("name=\"files\"; filename=\"C:\\x.txt\"", "", "7")], json!({ "files": [""] })),
        (vec![part("name=\"note\"; filename=\"n.txt\"", "", "text")], json!({ "note": "text" })),
        (vec![part("name=\"other\"", "X-Any: thing\r\n", "1")], json!({ "other": 1 })),
    ] {
        assert_eq!(read(&body(&parts)), Ok(expected), "{parts:?}");
    }
    let binary = [part("name=\"file\"", "", "").trim_end().as_bytes(), b"\r\n\r\n\xFF\xFE\r\n--b--"].concat();
    assert_eq!(read_with(&upload(), &json!({}), &binary), Ok(json!({ "file": "" })));
}

#[test]
fn media_types_are_those_of_the_document() {
    let encoding = json!({
        "file": { "content_types": ["image/png", "image/jpeg"] },
        "note": { "content_types": ["text/*"] },
        "address": { "content_types": ["application/json"] },
        "tags": { "style": "form", "explode": false }
    });
    let typed = |name: &str, kind: &str, text: &str| {
        part(&format!("name=\"{name}\""), &format!("Content-Type: {kind}\r\n"), text)
    };
    let wrong = Err(r#"multipart field "file" must be image/png or image/jpeg"#.to_owned());
    for (part, expected) in [
        (typed("file", "image/png", "x"), Ok(json!({ "file": "" }))),
        (typed("file", "IMAGE/jpeg; q=1", "x"), Ok(json!({ "file": "" }))),
        (typed("file", "image/gif", "x"), wrong.clone()),
        (part("name=\"file\"; filename=\"a.png\"", "", "x"), wrong),
        (typed("note", "text/markdown", "x"), Ok(json!({ "note": "x" }))),
        (part("name=\"note\"", "", "x"), Ok(json!({ "note": "x" }))),
        (typed("note", "image/png", "x"), Err(r#"multipart field "note" must be text/*"#.to_owned())),
        (part("name=\"address\"", "", "{}"), Ok(json!({ "address": {} }))),
        (part("name=\"address\"", "", "{"), Err(r#"multipart field "address" is not valid JSON"#.to_owned())),
        (
            typed("address", "text/xml", "<a/>"),
            Err(r#"multipart field "address" must be application/json"#.to_owned()),
        ),
        (part("name=\"tags\"", "", "a,b%2C+"), Ok(json!({ "tags": ["a", "b%2C+"] }))),
    ] {
        assert_eq!(
            read_with(&upload(), &encoding, body(std::slice::from_ref(&part)).as_bytes()),
            expected,
            "{part}"
        );
    }
}

#[test]
fn text_that_says_other_characters_than_utf8_is_refused_by_name() {
    let with = |name: &str, kind: &str, text: &str| {
        let part = part(&format!("name=\"{name}\""), &format!("Content-Type: {kind}\r\n"), text);
        read(&body(&[part])).map(|_| ())
    };
    let refused = |name: &str| Err(format!("multipart field \"{name}\" must be in UTF-8"));
    for (name, kind, text, is_fine) in [
        ("note", "text/plain; charset=UTF-8", "é", true),
        ("note", "text/plain;charset=\"utf8\"", "é", true),
        ("note", "text/plain; charset=us-ascii", "e", true),
        ("note", "text/plain; charset=us-ascii", "é", false),
        // What the commonest client in Java says of every text.
        ("note", "text/plain; charset=ISO-8859-1", "e", true),
        ("note", "text/plain; charset=ISO-8859-1", "é", false),
        ("note", "text/plain; charset=utf-16", "e", false),
        ("note", "text/plain; charset=utf-7", "+AG4-", false),
        ("note", "text/plain; charset*=utf-16''x", "e", false),
        ("note", "text/plain; Charset*0=utf-; charset*1=16", "e", false),
        ("note", "text/plain; charset=", "e", false),
        ("address", "application/json; charset=utf-16", "{}", false),
        ("count", "text/plain; charset=utf-32", "1", false),
        ("other", "text/plain; charset=utf-16", "1", false),
        ("file", "text/plain; charset=utf-16", "e", true),
    ] {
        let expected = if is_fine { Ok(()) } else { refused(name) };
        // An empty value is no media type.
        let expected = if kind.ends_with('=') {
            Err("multipart field \"note\" has a malformed Content-Type".to_owned())
        } else {
            expected
        };
        assert_eq!(with(name, kind, text), expected, "{name} {kind} {text}");
    }
    let twice = with("note", "text/plain; charset=utf-8; charset=utf-16", "e");
    assert_eq!(twice, Err("multipart field \"note\" has a malformed Content-Type".to_owned()));
    let file = |head: &str| {
        read(&body(&[part("name=\"note\"; filename=\"a\"", &format!("Content-Type: {head}\r\n"), "x")]))
    };
    assert_eq!(file("text/plain; charset=utf-16"), refused("note").map(|()| Value::Null));
    let tags = json!({ "tags": { "style": "form", "explode": false } });
    let tags = read_with(
        &upload(),
        &tags,
        body(&[part("name=tags", "Content-Type: a/b;charset=x\r\n", "a")]).as_bytes(),
    );
    assert_eq!(tags, refused("tags").map(|()| Value::Null));
}

#[test]
fn a_field_that_names_the_characters_of_the_others_must_say_utf8() {
    for (name, value, is_fine) in [
        ("_charset_", "UTF-8", true),
        ("_charset_", "utf-16", false),
        ("_Charset_", "iso-8859-1", false),
        ("_charset_", "", false),
        ("charset", "utf-16", true),
    ] {
        let expected =
            if is_fine { Ok(()) } else { Err(format!("multipart field \"{name}\" must be utf-8")) };
        let parts = [part(&format!("name=\"{name}\""), "", value), part("name=note", "", "x")];
        assert_eq!(read(&body(&parts)).map(|_| ()), expected, "{name}={value}");
    }
}

#[test]
fn json_for_a_text_must_be_right_as_either() {
    let schema = json!({ "type": "object", "properties": {
        "note": { "type": "string", "maxLength": 5 },
        "least": { "type": "string", "minLength": 4 },
        "both": { "type": ["string", "object"], "maxLength": 8, "required": ["a"] },
        "tags": { "type": "array", "maxItems": 2, "items": { "type": "string", "maxLength": 9 } },
        "lists": { "type": "array", "items": { "type": "array", "items": { "type": "integer" } } },
        "open": { "required": ["a"] }
    } });
    let validators = Validators::compile(SchemaSet::new(vec![schema.clone()])).unwrap();
    let json_type = "Content-Type: application/json\r\n";
    let is_valid = |encoding: &Value, disposition: &str, head: &str, text: &str| {
        let read = read_with(&schema, encoding, body(&[part(disposition, head, text)]).as_bytes());
        read.is_ok_and(|value| validators.hold(SchemaId(0), value).is_valid())
    };
    let open = json!({});
    for (disposition, text, expected) in [
        ("name=note", "\"abc\"", true),
        ("name=note", "\"abcd\"", false),
        ("name=note", "abc", false),
        ("name=note", "12", false),
        ("name=note", "{}", false),
        // As a text it is long enough, and as JSON it is not.
        ("name=least", "\"ab\"", false),
        ("name=least", "\"abcd\"", true),
        ("name=both", "{\"a\":1}", true),
        ("name=both", "{\"a\": 1 }", false),
        ("name=both", "{\"b\":1}", false),
        ("name=tags", "[\"a\"]", true),
        ("name=tags", " [\"a\"]", true),
        ("name=tags", "[\"a\",\"b\"]", true),
        ("name=tags", "[\"a\", \"b\"]", false),
        ("name=tags", "[1]", false),
        ("name=tags", "\"a\"", true),
        ("name=lists", "[1,2]", true),
        ("name=lists", "[[1],[2]]", true),
        ("name=lists", "[\"a\"]", false),
        ("name=open", "{\"a\":1}", true),
        ("name=open", "{\"b\":1}", false),
        ("name=open", "{", false),
        // A file is as it is where nothing but a text is described.
        ("name=note; filename=a", "{}", true),
        ("name=note; filename=a", "{\"a\":1}", false),
        ("name=both; filename=a", "{\"b\":1}", false),
    ] {
        assert_eq!(is_valid(&open, disposition, json_type, text), expected, "{disposition} {text}");
    }
    // The document says which it is.
    let said = json!({ "note": { "content_types": ["application/json"] }, "tags": { "content_types": ["application/json"] } });
    for (name, text, expected) in [
        ("note", "\"abcde\"", true),
        ("note", "abc", false),
        ("tags", "[\"a\",\"b\"]", true),
        ("tags", "[\"a\",\"b\",\"c\"]", false),
    ] {
        for head in ["", json_type] {
            assert_eq!(
                is_valid(&said, &format!("name={name}"), head, text),
                expected,
                "{name} {text} {head}"
            );
        }
    }
    let text = json!({ "note": { "content_types": ["text/plain"] } });
    assert!(is_valid(&text, "name=note", "Content-Type: text/plain\r\n", "{\"a\":"));
    assert!(!is_valid(&text, "name=note", json_type, "\"a\""));
}

#[test]
fn what_cannot_be_read_is_named() {
    let id = part("name=\"id\"", "", "1");
    for (parts, expected) in [
        (vec![id.clone(), id], r#"multipart field "id" is given more than once"#),
        (
            vec![part("name=\"address\"", "Content-Type: application/json\r\n", "{\"a\":")],
            r#"multipart field "address" is not valid JSON"#,
        ),
    ] {
        assert_eq!(read(&body(&parts)), Err(expected.to_owned()));
    }
    let text =
        [b"--b\r\nContent-Disposition: form-data; name=\"id\"\r\n\r\n\xFF".as_slice(), b"\r\n--b--\r\n"]
            .concat();
    let expected = Err(r#"multipart field "id" is not valid UTF-8"#.to_owned());
    assert_eq!(read_with(&upload(), &json!({}), &text), expected);
}

#[test]
fn what_readers_disagree_about_is_refused() {
    let id = part("name=\"id\"", "", "1");
    let begin = "the multipart body must begin with the boundary that its Content-Type names";
    let end = "the multipart body must end with its last boundary";
    let goes_on = "the multipart body has a line that begins with the boundary and goes on";
    let bare = "the multipart body must have CR LF before each boundary, and no other line end";
    let malformed = "the multipart body has a part that has a malformed Content-Disposition";
    let field = "the multipart body has a part that has a malformed header field";
    let of = |disposition: &str| body(&[part(disposition, "", "1")]);
    let with = |head: &str| body(&[part("name=\"id\"", head, "1")]);
    for (body, expected) in [
        (String::new(), begin),
        (format!("preamble\r\n{}", body(std::slice::from_ref(&id))), begin),
        (format!("\n{}", body(std::slice::from_ref(&id))), begin),
        (id.clone(), end),
        (format!("{id}--b--\r\n--b\r\n"), end),
        (format!("{id}--b--x"), end),
        (format!("{id}--b-"), goes_on),
        (format!("{id}--b \r\n"), goes_on),
        (format!("{id}--bb\r\n{id}--b--"), goes_on),
        (body(&[part("name=\"id\"", "", "x\n--b--")]), bare),
        (body(&[part("name=\"id\"", "", "x\r--b\r")]), bare),
        (body(std::slice::from_ref(&id)).replace("\r\n", "\n"), goes_on),
        (of(r#"name="a\"; filename="b""#), malformed),
        (of(r#"name="a\b""#), malformed),
        (of(r#"name="a"; filename="b\"; name="c""#), malformed),
        (of(r#"name="a" filename="b""#), malformed),
        (of("name=\"a"), malformed),
        (of("name=a b"), malformed),
        (of("name"), malformed),
        (
            of("name=\"a\"; name=\"b\""),
            "the multipart body has a part that has name more than once in its Content-Disposition",
        ),
        (
            of("name=\"a\"; NAME=b"),
            "the multipart body has a part that has name more than once in its Content-Disposition",
        ),
        (of("filename=x"), "the multipart body has a part that has no name"),
        (of("name*=UTF-8''a"), "the multipart body has a part that has a Content-Disposition with name*"),
        (
            with("Content-Disposition: form-data; name=x\r\n"),
            "the multipart body has a part that has Content-Disposition more than once",
        ),
        (
            with("Content-Type: a/b\r\ncontent-type: a/b\r\n"),
            "the multipart body has a part that has content-type more than once",
        ),
        (
            with("Content-Transfer-Encoding: base64\r\n"),
            "the multipart body has a part that has a Content-Transfer-Encoding, which must be binary, 8bit or 7bit",
        ),
        (with(" folded\r\n"), field),
        (with("X : y\r\n"), field),
        (with("X: a\nY: b\r\n"), field),
        (with("X: a\rY: b\r\n"), field),
        (with("X: a\0\r\n"), field),
        (with(&"X: y\r\n".repeat(16)), "the multipart body has a part that has more than 16 header fields"),
        (
            with(&format!("X: {}\r\n", "y".repeat(9_000))),
            "the multipart body has a part that has a head of more than 8 KiB",
        ),
        ("--b\r\n\r\nx\r\n--b--".to_owned(), "the multipart body has a part that has no Content-Disposition"),
        (
            "--b\r\nContent-Disposition: form-data; name=x\r\n--b--".to_owned(),
            "the multipart body has a part that has no end of its head",
        ),
        (
            "--b\r\nContent-Disposition: attachment; name=x\r\n\r\n\r\n--b--".to_owned(),
            "the multipart body has a part that has a Content-Disposition other than form-data",
        ),
        (body(&vec![id.clone(); PART_LIMIT + 1]), "the multipart body must have at most 1,000 parts"),
    ] {
        assert_eq!(read(&body), Err(expected.to_owned()), "{body:.300}");
    }
    for boundary in ["", " ", "a\r\n", "é", "\"", &"a".repeat(71)] {
        assert!(part::split(b"----", boundary).is_err(), "{boundary:?}");
    }
    assert!(part::split(b"--a b--", "a b").is_ok_and(|parts| parts.is_empty()));
}

#[test]
fn json_in_all_parts_together_is_bounded() {
    let list = format!("[{}0]", "0,".repeat(150_000));
    let parts = |count: usize| {
        let parts =
            (0..count).map(|n| part(&format!("name=\"x{n}\""), "Content-Type: application/json\r\n", &list));
        body(&parts.collect::<Vec<_>>())
    };
    assert!(read(&parts(3)).is_ok());
    assert_eq!(
        read(&parts(4)).unwrap_err(),
        "multipart field \"x3\" is too long: a form may have at most 1 MiB of JSON"
    );
}

#[test]
fn hostile_bodies_are_read_in_one_pass() {
    for text in ["-", "\r\n", "\r\n-", "\r\n--", "\n", "--b", "--b\r\n", "\r\n--b\r\n", "x", ": \r\n", "\""] {
        let long = text.repeat(1_048_576 / text.len());
        let _ = read(&long);
        let _ = read(&format!("--b\r\n{long}"));
        let _ = read(&body(&[part("name=\"id\"", "", &long)]));
        let _ = read(&body(&[part(&format!("name=\"{long}"), "", "1")]));
    }
}

proptest! {
    #[test]
    fn parts_come_back(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5)) {
        let mut body = Vec::new();
        for value in &values {
            body.extend(b"--frontier\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n");
            body.extend(value);
            body.extend(b"\r\n");
        }
        body.extend(b"--frontier--\r\n");
        let parts = part::split(&body, "frontier").unwrap();
        let back: Vec<Vec<u8>> = parts.iter().map(|part| part.bytes.to_vec()).collect();
        prop_assert_eq!(back, values);
    }

    #[test]
    fn any_body_is_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "(--b|\r\n|Content-Disposition: form-data; name=|\"|id|;|--|: ){0,30}") {
        let _ = read_with(&upload(), &json!({}), &bytes);
        let _ = read(&text);
        let _ = read(&format!("--b\r\n{text}\r\n--b--"));
    }
}
