//! An encoder that is too plain to be wrong, and texts that nobody would write.

use proptest::prelude::*;

use super::*;

/// Encodes everything but letters and digits.
fn escape(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

proptest! {
    #[test]
    fn lists_come_back_from_every_style(items in prop::collection::vec(".{0,8}", 2..6)) {
        let expected = Decoded::Value(json!(items));
        let escaped: Vec<String> = items.iter().map(|item| escape(item)).collect();
        let repeated = escaped.iter().map(|item| format!("color={item}")).collect::<Vec<_>>();
        for (extra, query) in [
            (style("form", false), format!("color={}", escaped.join(","))),
            (style("form", true), repeated.join("&")),
            (style("deepObject", true), repeated.join("&").replace("color=", "color[]=")),
        ] {
            prop_assert_eq!(of_query(&extra, &strings(), &query), expected.clone(), "{}", query);
        }
        for (extra, path) in [
            (style("simple", false), escaped.join(",")),
            (style("label", true), format!(".{}", escaped.join("."))),
            (style("label", false), format!(".{}", escaped.join(","))),
            (style("matrix", true), format!(";{}", repeated.join(";"))),
            (style("matrix", false), format!(";color={}", escaped.join(","))),
        ] {
            prop_assert_eq!(of_path(&extra, &strings(), &path), expected.clone(), "{}", path);
        }
    }

    #[test]
    fn lists_that_are_encoded_as_a_whole_come_back(items in prop::collection::vec("[^,]{1,8}", 1..6)) {
        let expected = Decoded::Value(json!(items));
        let escaped = escape(&items.join(","));
        let read = of_query(&style("form", false), &strings(), &format!("color={escaped}"));
        prop_assert_eq!(&read, &expected);
        for (extra, path) in [
            (style("simple", false), escaped.clone()),
            (style("label", false), format!(".{escaped}")),
            (style("matrix", false), format!(";color={escaped}")),
        ] {
            prop_assert_eq!(of_path(&extra, &strings(), &path), expected.clone(), "{}", path);
        }
    }

    #[test]
    fn objects_come_back_from_every_style(
        red in any::<i64>(),
        green in prop::option::of(any::<i64>()),
        name in "[a-z]{1,8}",
        word in ".{0,8}",
    ) {
        let mut pairs = vec![("R".to_owned(), json!(red)), (name, json!(word))];
        pairs.extend(green.map(|green| ("G".to_owned(), json!(green))));
        let object: Value = Value::Object(pairs.iter().cloned().collect());
        let text = |value: &Value| escape(value.as_str().map_or_else(|| value.to_string(), str::to_owned).as_str());
        let joined = |between: &str, delimiter: &str| {
            let pairs = pairs.iter().map(|(name, value)| format!("{name}{between}{}", text(value)));
            pairs.collect::<Vec<_>>().join(delimiter)
        };
        let mut schema = colors();
        schema["additionalProperties"] = json!({ "type": "string" });
        let expected = Decoded::Value(object);
        let deep = pairs.iter().map(|(name, value)| format!("color[{name}]={}", text(value)));
        for (extra, query) in [
            (style("form", true), joined("=", "&")),
            (style("form", false), format!("color={}", joined(",", ","))),
            (style("pipeDelimited", false), format!("color={}", joined("|", "|"))),
            (style("deepObject", true), deep.collect::<Vec<_>>().join("&")),
        ] {
            prop_assert_eq!(of_query(&extra, &schema, &query), expected.clone(), "{}", query);
        }
        for (extra, path) in [
            (style("simple", true), joined("=", ",")),
            (style("simple", false), joined(",", ",")),
            (style("label", true), format!(".{}", joined("=", "."))),
            (style("matrix", true), format!(";{}", joined("=", ";"))),
        ] {
            prop_assert_eq!(of_path(&extra, &schema, &path), expected.clone(), "{}", path);
        }
    }

    #[test]
    fn anything_is_survived(query in "[a-c=&\\[\\]%0-9,|+.;é]{0,60}", pick in 0..6_usize, explode: bool) {
        let styles = ["form", "spaceDelimited", "pipeDelimited", "deepObject"];
        let schemas = [json!({}), colors(), strings(), json!({ "type": ["array", "object", "integer", "null"] }),
            json!({ "type": "object", "additionalProperties": { "type": ["array", "object"] } }), json!({ "enum": [1, "1"] })];
        for name in styles {
            for query in [query.clone(), format!("color{query}"), format!("color={query}")] {
                of_query(&style(name, explode), &schemas[pick], &query);
            }
        }
        for name in ["simple", "label", "matrix"] {
            for path in [query.clone(), format!(".{query}"), format!(";color={query}")] {
                of_path(&style(name, explode), &schemas[pick], &path);
            }
        }
        if let Ok(value) = HeaderValue::from_str(&query) {
            of_header(&style("simple", explode), &schemas[pick], &[value.to_str().unwrap_or_default()]);
            of_cookie(&style("form", explode), &schemas[pick], value.to_str().unwrap_or_default());
        }
    }
}

#[test]
fn hostile_texts_are_read_in_one_pass() {
    let deep = style("deepObject", true);
    for text in ["=", "[", "]", "[]", "[0]", ",", "|", "%20", ".", ";", "1", "{", "[["] {
        let long = text.repeat(200_000 / text.len());
        for schema in [colors(), strings(), json!({})] {
            of_query(&deep, &schema, &format!("color{long}"));
            for name in ["form", "spaceDelimited", "pipeDelimited"] {
                of_query(&style(name, false), &schema, &format!("color={long}"));
            }
            of_path(&style("label", true), &schema, &long);
            of_path(&style("matrix", true), &schema, &long);
            of_cookie(&json!({}), &schema, &format!("color={long}"));
        }
    }
}
