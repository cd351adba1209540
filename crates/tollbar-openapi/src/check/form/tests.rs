//! Forms as the specification and as clients write them.

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
    decode(body, &shape, &encoding, &accept).map_err(|fault| fault.to_string())
}

fn read(schema: &Value, body: &str) -> Result<Value, String> {
    read_with(schema, &json!({}), body.as_bytes())
}

fn order() -> Value {
    json!({ "type": "object", "properties": {
        "id": { "type": "string" },
        "count": { "type": "integer" },
        "tags": { "type": "array", "items": { "type": "string" } },
        "numbers": { "type": "array", "items": { "type": "integer" } },
        "address": { "type": "object", "properties": { "city": { "type": "string" }, "zip": { "type": "integer" } } },
        "metadata": { "anyOf": [
            { "type": "object", "additionalProperties": { "type": "string" } },
            { "type": "string", "enum": [""] }
        ] },
        "lines": { "type": "array", "items": { "type": "object", "properties": {
            "sku": { "type": "string" }, "count": { "type": "integer" }, "next": { "$ref": "#/$defs/0" }
        } } },
        "odd[name]": { "type": "integer" },
        "any": {}
    } })
}

#[test]
fn fields_are_read_by_the_schema() {
    for (body, expected) in [
        ("", json!({})),
        ("&&", json!({})),
        ("id=12&count=12", json!({ "id": "12", "count": 12 })),
        ("id=a+b%26&count=x", json!({ "id": "a b&", "count": "x" })),
        ("id&unknown=1", json!({ "id": "", "unknown": 1 })),
        ("tags=a&tags=b", json!({ "tags": ["a", "b"] })),
        ("tags=a", json!({ "tags": ["a"] })),
        ("tags=a,b", json!({ "tags": ["a,b"] })),
        ("tags[]=a&tags%5B%5D=b", json!({ "tags": ["a", "b"] })),
        ("numbers[1]=1&numbers[0]=2", json!({ "numbers": [2, 1] })),
        // As the specification says, and as clients do.
        (
            "address=%7B%22city%22:%22a%2Bb%22,%22zip%22:1%7D",
            json!({ "address": { "city": "a+b", "zip": 1 } }),
        ),
        ("address[city]=x&address[zip]=1", json!({ "address": { "city": "x", "zip": 1 } })),
        ("metadata[a]=1&metadata[b]=2", json!({ "metadata": { "a": "1", "b": "2" } })),
        ("metadata=", json!({ "metadata": "" })),
        (
            "lines[0][sku]=a&lines[0][count]=1&lines[1][sku]=2&lines[1][next][lines][0][count]=3",
            json!({ "lines": [{ "sku": "a", "count": 1 }, { "sku": "2", "next": { "lines": [{ "count": 3 }] } }] }),
        ),
        ("lines={\"sku\":\"a\"}&lines={\"count\":1}", json!({ "lines": [{ "sku": "a" }, { "count": 1 }] })),
        ("_charset_=UTF%2D8&id=1", json!({ "_charset_": "UTF-8", "id": "1" })),
        ("odd[name]=5&other[x]=6", json!({ "odd[name]": 5, "other[x]": 6 })),
        ("any[a]=1&any[b][]=true", json!({ "any": { "a": 1, "b": [true] } })),
    ] {
        assert_eq!(read(&order(), body), Ok(expected), "{body}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let deep = format!("lines{}=1", "[0]".repeat(17));
    for (body, expected) in [
        ("id=1&id=2", r#"form field "id" is given more than once"#),
        ("id=1&_charset_=utf-16", r#"form field "_charset_" must be utf-8"#),
        ("_Charset%5F=iso-8859-1&id=1", r#"form field "_Charset_" must be utf-8"#),
        ("_charset_", r#"form field "_charset_" must be utf-8"#),
        ("id=%FF", r#"form field "id" is not valid UTF-8"#),
        ("id=100%", r#"form field "id" has a "%" that is not followed by two hexadecimal digits"#),
        ("%FF=1", "a name in the form is not valid UTF-8"),
        (
            "address=1&address[city]=x",
            r#"form field "address" is given both as one value and by its members"#,
        ),
        (
            "address[city]=1&address[city]=2",
            r#"form field "address" has the member "city", which is given more than once"#,
        ),
        (
            "lines[][sku]=1&lines[][count]=2",
            r#"form field "lines" needs numbers in its brackets, as in "[0][name]""#,
        ),
        (
            deep.as_str(),
            r#"form field "lines[0][0][0][0][0][0][0][0][0][0][0][0…" is nested more than 16 deep"#,
        ),
    ] {
        assert_eq!(read(&order(), body), Err(expected.to_owned()), "{body}");
    }
    assert_eq!(read_with(&order(), &json!({}), b"id=\xFF"), Err("the form is not valid UTF-8".to_owned()));
    let many = "id=1&".repeat(FORM_FIELD_LIMIT + 1);
    assert_eq!(read(&order(), &many), Err("the form must have at most 10,000 fields".to_owned()));
}

#[test]
fn encodings_are_honoured() {
    let encoding = json!({
        "tags": { "style": "form", "explode": false },
        "numbers": { "style": "pipeDelimited" },
        "id": { "content_types": ["application/json"] },
        "lines": { "content_types": ["application/json"] },
        "metadata": { "style": "deep_object", "explode": true },
        "address": { "style": "form" }
    });
    let encoding: Value =
        serde_json::from_str(&encoding.to_string().replace("pipeDelimited", "pipe_delimited")).unwrap();
    for (body, expected) in [
        ("tags=a,b%2Cc", Ok(json!({ "tags": ["a", "b,c"] }))),
        ("numbers=1|2|3", Ok(json!({ "numbers": [1, 2, 3] }))),
        ("numbers=1%7C2%7C3", Ok(json!({ "numbers": [1, 2, 3] }))),
        ("id=%22a%22", Ok(json!({ "id": "a" }))),
        ("id=a", Err(r#"form field "id" is not valid JSON"#)),
        ("lines=[{\"count\":1}]", Ok(json!({ "lines": [{ "count": 1 }] }))),
        ("lines={\"count\":1}", Ok(json!({ "lines": [{ "count": 1 }] }))),
        ("lines={\"count\":1}&lines={}", Ok(json!({ "lines": [{ "count": 1 }, {}] }))),
        ("metadata[a]=1", Ok(json!({ "metadata": { "a": "1" } }))),
        ("city=x&zip=1&count=2", Ok(json!({ "count": 2, "address": { "city": "x", "zip": 1 } }))),
        ("tags=a&tags=b", Err(r#"form field "tags" is given more than once"#)),
    ] {
        let got = read_with(&order(), &encoding, body.as_bytes());
        assert_eq!(got, expected.map_err(str::to_owned), "{body}");
    }
}

#[test]
fn hostile_forms_are_read_in_one_pass() {
    for text in ["&", "=", "[", "]", "id[", "lines[0]", "%20", "a", "[]"] {
        let long = text.repeat(1_048_576 / text.len());
        let _ = read(&order(), &long);
        let _ = read(&order(), &format!("any{long}=1"));
        let _ = read(&order(), &format!("any={long}"));
    }
    let many: String = (0..9_000).map(|n| format!("any[{n}][x{n}]=1&")).collect();
    assert!(read(&order(), &many).is_ok());
}

/// Writes a value with names in brackets, as most clients do.
fn write(name: &str, value: &Value, pairs: &mut Vec<String>) {
    let escape = |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02x}")).collect() };
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let name = if name.is_empty() { member.clone() } else { format!("{name}[{member}]") };
                write(&name, value, pairs);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                write(&format!("{name}[{index}]"), item, pairs);
            }
        }
        Value::String(text) => pairs.push(format!("{}={}", escape(name), escape(text))),
        other => pairs.push(format!("{}={}", escape(name), escape(&other.to_string()))),
    }
}

proptest! {
    #[test]
    fn forms_come_back(
        id in ".{0,8}",
        count: i64,
        tags in prop::collection::vec(".{1,5}", 1..4),
        lines in prop::collection::vec((".{0,5}", any::<i32>()), 1..4),
        city in ".{0,5}",
    ) {
        let lines: Vec<Value> = lines.into_iter().map(|(sku, count)| json!({ "sku": sku, "count": count })).collect();
        let value = json!({ "id": id, "count": count, "tags": tags, "lines": lines, "address": { "city": city } });
        let mut pairs = Vec::new();
        write("", &value, &mut pairs);
        prop_assert_eq!(read(&order(), &pairs.join("&")), Ok(value));
    }

    #[test]
    fn any_form_is_survived(body in prop::collection::vec(any::<u8>(), 0..80), text in "[a-i\\[\\]=&%0-9]{0,80}") {
        let _ = read_with(&order(), &json!({}), &body);
        let _ = read(&order(), &text);
    }
}
