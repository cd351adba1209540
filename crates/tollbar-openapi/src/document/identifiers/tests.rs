//! Schemas that are known by names, in documents good and bad.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::tests::refused;
use crate::document::Document;
use crate::schema::Validators;

/// A body that is described so, beside other schemas.
fn document(schema: &Value, others: &Value) -> Value {
    json!({
        "openapi": "3.1.0",
        "paths": { "/x": { "post": { "requestBody": { "content": { "application/json": { "schema": schema } } } } } },
        "components": { "schemas": others },
    })
}

const HERE: &str = "/paths/~1x/post/requestBody/content/application~1json/schema";

/// Whether a text, and a number, are what a body may be.
fn accepts(schema: &Value, others: &Value) -> Result<(bool, bool), String> {
    let document = document(schema, others);
    let document = Document::parse(document.to_string().as_bytes()).map_err(|error| error.to_string())?;
    assert_eq!(document.warnings(), [""; 0]);
    let id = document.operations()[0].body.as_ref().unwrap().content[0].schema_id.unwrap();
    let validators = Validators::compile(document.schemas().clone()).unwrap();
    let is_valid = |value: Value| validators.hold(id, value).is_valid();
    Ok((is_valid(json!("text")), is_valid(json!(1))))
}

#[test]
fn schemas_are_found_by_what_they_are_called() {
    let others = json!({
        "Text": { "$id": "https://example.com/schemas/text", "type": "string", "$anchor": "own" },
        "Alias": { "$id": "https://example.com/schemas/alias", "$ref": "text" },
        // Pointers as most people mean them, `$id` or not.
        "Habit": { "$id": "Habit", "$ref": "#/components/schemas/Text" },
        "Deep": { "$id": "https://example.com/deep/", "$defs": {
            "up": { "$ref": "../schemas/text" },
            "below": { "$id": "below", "$defs": { "n": { "$anchor": "n", "type": "number" } }, "allOf": [{ "$ref": "#/$defs/n" }] },
            "beside": { "$ref": "below#n" },
            "slashed": { "$ref": "/schemas/./x/../text#own" },
        } },
        "Spaced": { "$id": "a name", "type": "number" },
    });
    let (text, number) = ((true, false), (false, true));
    for (target, expected) in [
        ("https://example.com/schemas/text", text),
        ("HTTPS://EXAMPLE.com/schemas/text#", text),
        ("https://example.com/schemas/text#own", text),
        ("https://example.com/schemas/text#/type", text),
        ("https://example.com/schemas/alias", text),
        ("Habit", text),
        ("./Habit", text),
        ("#own", text),
        ("#n", number),
        ("https://example.com/deep/#/$defs/up", text),
        ("https://example.com/deep/below", number),
        ("https://example.com/deep/below#n", number),
        ("#/components/schemas/Deep/$defs/beside", number),
        ("#/components/schemas/Deep/$defs/slashed", text),
    ] {
        // What is no schema at its end is only found, and not read.
        if target.ends_with("/type") {
            let said = accepts(&json!({ "$ref": target }), &others).unwrap_err();
            assert!(said.contains("/components/schemas/Text/type: a schema must be an object"), "{said}");
            continue;
        }
        assert_eq!(accepts(&json!({ "$ref": target }), &others), Ok(expected), "{target}");
    }
}

#[test]
fn names_that_are_not_known_are_told_with_their_place() {
    let out = "leads out of the document, and nothing is fetched; bundle it into one file first";
    let others = json!({
        "A": { "$id": "https://example.com/a", "$defs": { "x": { "$anchor": "x" } } },
        // No names: a fragment, nothing, too much, no URI, no text.
        "B": { "$id": "#b" }, "C": { "$id": "" }, "D": { "$id": format!("https://example.com/{}", "d".repeat(1_100)) },
        "E": { "$id": "http://[" }, "F": { "$id": 7 }, "G": { "$id": "https://example.com/g#part" },
        // Data, and a property's name.
        "H": { "example": { "$id": "https://example.com/h" }, "properties": { "$id": { "type": "string" } } },
    });
    let long = format!("https://example.com/{}", "d".repeat(1_100));
    for target in [
        "https://example.com/b",
        "a",
        "",
        "http://[",
        "https://example.com/g",
        "https://example.com/h",
        "https://json-schema.org/draft/2020-12/schema",
        "urn:a:b",
    ] {
        let said = refused(&document(&json!({ "$ref": target }), &others));
        assert_eq!(said, format!("{HERE}/$ref: the reference \"{target}\" {out}"));
    }
    assert!(refused(&document(&json!({ "$ref": long }), &others)).starts_with(&format!("{HERE}/$ref: ")));
    for (target, expected) in [
        (
            "https://example.com/a#y",
            "leads nowhere: no schema has this $anchor, nor is it a pointer such as \"#/components/parameters/limit\"",
        ),
        ("https://example.com/a#/$defs/y", "leads nowhere"),
    ] {
        let said = refused(&document(&json!({ "$ref": target }), &others));
        assert_eq!(said, format!("{HERE}/$ref: the reference \"{target}\" {expected}"));
    }
    // Names are of OpenAPI 3.1.
    let mut former = document(&json!({ "$ref": "https://example.com/a" }), &others);
    former["openapi"] = json!("3.0.3");
    assert_eq!(refused(&former), format!("{HERE}/$ref: the reference \"https://example.com/a\" {out}"));
}

#[test]
fn one_name_of_several_schemas_is_no_name() {
    let others = json!({
        "A": { "$id": "https://example.com/a", "$anchor": "n", "type": "string" },
        "B": { "$id": "https://EXAMPLE.com/b/../a", "type": "number" },
        "C": { "$anchor": "n" },
        "D": { "$dynamicAnchor": "n" },
    });
    for (target, first, second) in [("https://example.com/a", "A", "B"), ("#n", "C", "D")] {
        let text = serde_json::to_string_pretty(&document(&json!({ "$ref": target }), &others)).unwrap();
        let said = Document::parse(text.as_bytes()).unwrap_err();
        let line = text.lines().position(|line| line.contains("\"$ref\"")).unwrap() + 1;
        assert_eq!(said.line(), u64::try_from(line).ok(), "{said}");
        assert_eq!(said.pointer(), Some(format!("{HERE}/$ref").as_str()));
        let places = format!("such as /components/schemas/{first} and /components/schemas/{second}");
        assert_eq!(said.message(), format!("the reference \"{target}\" leads to several places, {places}"));
    }
    // Where nobody refers to them by it, it hurts nobody.
    assert_eq!(accepts(&json!({ "$ref": "#/components/schemas/A" }), &others), Ok((true, false)));
}

#[test]
fn names_that_lead_in_circles_are_refused() {
    let circle = json!({
        "A": { "$id": "a", "$ref": "b" }, "B": { "$id": "b", "$ref": "a" },
        "C": { "$id": "c", "$ref": "#/$defs/x", "$defs": { "x": { "$ref": "c#/$defs/x" } } },
        "D": { "$id": "d", "$ref": "d#/x/y" },
    });
    for target in ["a", "c", "d"] {
        let said = refused(&document(&json!({ "$ref": target }), &circle));
        assert!(said.ends_with("leads in a circle, or over more than 32 others"), "{target}: {said}");
    }
    // A tree is no circle.
    let tree = json!({ "Node": { "$id": "node", "type": ["object", "string"], "properties": { "next": { "$ref": "node" } } } });
    assert_eq!(accepts(&json!({ "$ref": "node" }), &tree), Ok((true, false)));
}

#[test]
fn thousands_of_names_are_read_in_time() {
    let started = Instant::now();
    let many: serde_json::Map<String, Value> = (0..10_000)
        .map(|number| {
            let next = format!("s{}", (number + 1) % 10_000);
            (format!("S{number}"), json!({ "$id": format!("s{number}"), "$anchor": format!("a{number}"), "properties": { "next": { "$ref": next } } }))
        })
        .collect();
    let text = document(&json!({ "$ref": "s0" }), &Value::Object(many)).to_string();
    let read = Document::parse(text.as_bytes()).unwrap();
    assert_eq!(read.schemas().len(), 10_000);

    // Each relative to one that is long, under a member whose name is long.
    let mut text = format!(
        "{{\"openapi\":\"3.1.0\",\"paths\":{{}},\"components\":{{\"schemas\":{{\"{}\":{{\"$id\":\"https://example.com/{}/\",\"anyOf\":[",
        "m".repeat(100_000),
        "l".repeat(900)
    );
    for number in 0..36_000 {
        let comma = if number == 0 { "" } else { "," };
        write!(text, "{comma}{{\"$id\":\"{number}\",\"$ref\":\"{number}\"}}").unwrap();
    }
    text.push_str("]}}}}");
    let said = Document::parse(text.as_bytes()).unwrap_err();
    assert_eq!(said.message(), "all $id of the document together are longer than 32 MiB");
    assert!(said.pointer().unwrap().ends_with("/$id"));

    // Short references to a place that takes long to name.
    for (name, target) in [("$id", "x"), ("$anchor", "#x")] {
        let properties: serde_json::Map<String, Value> =
            (0..1_000).map(|number| (number.to_string(), json!({ "$ref": target }))).collect();
        let others = json!({ "m".repeat(1_000_000): { name: "x" } });
        let said = refused(&document(&json!({ "properties": properties }), &others));
        assert!(said.ends_with("the document is too large once its references are written out"));
    }
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn dynamic_references_lead_to_the_outermost_of_a_name() {
    let list =
        json!({ "$id": "list", "$dynamicRef": "#item", "$defs": { "any": { "$dynamicAnchor": "item" } } });
    let others = |more: Value| {
        let mut others = json!({
            "List": list,
            "Texts": { "$id": "texts", "$ref": "list", "$defs": { "item": { "$dynamicAnchor": "item", "type": "string" } } },
            "Numbers": { "$id": "numbers", "allOf": [{ "$ref": "list" }], "$defs": { "item": { "$dynamicAnchor": "item", "type": "number" } } },
            "Both": { "$id": "both", "anyOf": [{ "$ref": "texts" }, { "$ref": "numbers" }] },
        });
        others.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        others
    };
    for (target, expected) in [
        ("list", (true, true)),
        ("texts", (true, false)),
        ("numbers", (false, true)),
        ("both", (true, true)),
        // What is above comes first.
        ("over", (false, true)),
        // Beside a plain one both count.
        ("beside", (false, false)),
        ("beside-first", (false, false)),
    ] {
        let more = json!({
            "Over": { "$id": "over", "$ref": "texts", "$defs": { "item": { "$dynamicAnchor": "item", "type": "number" } } },
            "Beside": { "$id": "beside", "$ref": "texts", "$dynamicRef": "numbers#only", "allOf": [true] },
            "BesideFirst": { "$id": "beside-first", "$dynamicRef": "numbers#only", "$ref": "texts" },
        });
        let mut others = others(more);
        others["Numbers"]["$defs"]["only"] = json!({ "$dynamicAnchor": "only", "type": "number" });
        assert_eq!(accepts(&json!({ "$ref": target }), &others), Ok(expected), "{target}");
    }
}

#[test]
fn a_dynamic_reference_that_is_not_followed_makes_nothing_stricter() {
    for (target, others) in [
        (json!("#n"), json!({ "A": { "$dynamicAnchor": "n" }, "B": { "$dynamicAnchor": "n" } })),
        (json!("#m"), json!({})),
        (json!("https://example.com/a"), json!({})),
        (json!(7), json!({})),
    ] {
        let loose = json!({ "properties": { "a": {} }, "$dynamicRef": target });
        for schema in [
            json!({ "properties": { "a": {} }, "$dynamicRef": target, "unevaluatedProperties": false }),
            json!({ "allOf": [loose], "unevaluatedProperties": false, "unevaluatedItems": false }),
        ] {
            let document = document(&schema, &others);
            let document = Document::parse(document.to_string().as_bytes()).unwrap();
            let told = document.warnings().iter().filter(|told| told.contains("$dynamicRef is unenforced: "));
            assert_eq!(told.count(), 1, "{:?}", document.warnings());
            let id = document.operations()[0].body.as_ref().unwrap().content[0].schema_id.unwrap();
            let validators = Validators::compile(document.schemas().clone()).unwrap();
            assert!(validators.hold(id, json!({ "a": 1, "b": 2 })).is_valid(), "{schema}");
        }
    }
}

#[test]
fn ways_on_which_names_mean_something_else_are_bounded() {
    // Each of the resources can be come to with or without any of the others before it.
    let names = 20;
    let mut others = serde_json::Map::new();
    for number in 0..names {
        let on = |kind: &str| json!({ "$ref": format!("{kind}{}", number + 1) });
        for kind in ["a", "b"] {
            let own = json!({ "x": { "$dynamicAnchor": format!("n{number}"), "title": kind } });
            let both = json!({ "a": on("a"), "b": on("b") });
            others.insert(
                format!("{kind}{number}"),
                json!({ "$id": format!("{kind}{number}"), "$defs": own, "properties": both }),
            );
        }
    }
    for kind in ["a", "b"] {
        others.insert(format!("{kind}{names}"), json!({ "$id": format!("{kind}{names}") }));
    }
    let started = Instant::now();
    let said = refused(&document(&json!({ "$ref": "a0" }), &Value::Object(others)));
    assert!(said.ends_with("the document is too large once its references are written out"), "{said}");
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}
