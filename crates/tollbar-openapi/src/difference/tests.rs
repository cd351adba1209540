//! Tables: two documents, and what is different between them.

use super::*;
use crate::document::Document;

fn document(operation: &str) -> Document {
    let text = format!(
        "openapi: 3.1.0\ninfo: {{ title: t, version: '1' }}\npaths:\n  /orders/{{id}}:\n    post:\n{operation}"
    );
    Document::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn compared(old: &Document, new: &Document) -> Vec<String> {
    let mut differences = Differences::new(old.schemas(), new.schemas());
    let found = differences.of(&old.operations()[0], &new.operations()[0]);
    found.iter().map(|one| format!("{:?}: {}", one.effect, one.text)).collect()
}

fn with_body(schema: &str) -> Document {
    document(&format!(
        "      requestBody: {{ required: true, content: {{ application/json: {{ schema: {schema} }} }} }}\n      responses: {{}}\n"
    ))
}

fn with_parameters(parameters: &str) -> Document {
    document(&format!("      parameters: [{parameters}]\n      responses: {{}}\n"))
}

/// Each row says what goes there, and what comes back when the two are turned round.
#[test]
fn bodies() {
    let table = [
        ("{ type: string }", "{ type: string }", vec![], vec![]),
        (
            "{ type: string }",
            "{ type: integer }",
            vec!["Breaking: the body must be an integer now (before: a string)"],
            vec!["Breaking: the body must be a string now (before: an integer)"],
        ),
        (
            "{ type: [string, 'null'] }",
            "{ type: string }",
            vec!["Breaking: the body must be a string now (before: null or a string)"],
            vec!["Compatible: the body may be null or a string now (before: a string)"],
        ),
        (
            "{ properties: { a: { type: number } } }",
            "{ properties: { a: { type: integer } } }",
            vec!["Breaking: body field \"a\" must be an integer now (before: a number)"],
            vec!["Compatible: body field \"a\" may be a number now (before: an integer)"],
        ),
        (
            "{ properties: { a: { enum: [x, y] } } }",
            "{ properties: { a: { enum: [x, z] } } }",
            vec![
                "Breaking: body field \"a\" may not be \"y\" any more",
                "Compatible: body field \"a\" may be \"z\" now",
            ],
            vec![
                "Breaking: body field \"a\" may not be \"z\" any more",
                "Compatible: body field \"a\" may be \"y\" now",
            ],
        ),
        (
            "{ properties: { a: {} } }",
            "{ properties: { a: {}, b: {} }, required: [b] }",
            vec!["Breaking: body field \"b\" is new and required"],
            vec![
                "Compatible: body field \"b\" may be left out now",
                "Compatible: body field \"b\" is gone: what is sent in it is not checked",
            ],
        ),
        (
            "{ properties: { a: {} } }",
            "{ properties: { a: {} }, additionalProperties: false }",
            vec!["Breaking: the body must not have other fields any more"],
            vec!["Compatible: the body may have other fields now"],
        ),
        (
            "{ properties: { a: {}, b: {} }, additionalProperties: false }",
            "{ properties: { a: {} }, additionalProperties: false }",
            vec!["Breaking: body field \"b\" is not accepted any more"],
            vec!["Compatible: body field \"b\" is new, and may be left out"],
        ),
        (
            "{ type: array, items: { type: object, properties: { sku: { type: string, maxLength: 20 } } } }",
            "{ type: array, items: { type: object, properties: { sku: { type: string, maxLength: 10 } } } }",
            vec!["Breaking: body field \"[].sku\" must have at most 10 characters now (before: 20)"],
            vec!["Compatible: body field \"[].sku\" must have at most 20 characters now (before: 10)"],
        ),
        (
            "{ type: string }",
            "{ type: string, pattern: '^a' }",
            vec!["Breaking: the body must match ^a now"],
            vec!["Compatible: the body need not match a pattern any more"],
        ),
        (
            "{ pattern: '^b' }",
            "{ pattern: '^a' }",
            vec!["Changed: the body must match ^a now (before: ^b)"],
            vec!["Changed: the body must match ^b now (before: ^a)"],
        ),
        (
            "{ anyOf: [{ type: string }, { type: integer }] }",
            "{ anyOf: [{ type: integer }] }",
            vec!["Breaking: the body has fewer forms to choose from now"],
            vec!["Compatible: the body has more forms to choose from now"],
        ),
        (
            "{ oneOf: [{ type: string }, { type: integer, minimum: 1 }] }",
            "{ oneOf: [{ type: integer, minimum: 2 }, { type: string }] }",
            vec!["Breaking: the body must be at least 2 now (before: at least 1)"],
            vec!["Compatible: the body must be at least 1 now (before: at least 2)"],
        ),
        (
            "{ not: { type: string } }",
            "{ not: { type: integer } }",
            vec!["Changed: the body has another \"not\" now"],
            vec!["Changed: the body has another \"not\" now"],
        ),
        (
            "{ type: string, description: a, example: x }",
            "{ type: string, description: b, title: c }",
            vec![],
            vec![],
        ),
        (
            "{ multipleOf: 4 }",
            "{ multipleOf: 2 }",
            vec!["Compatible: the body must be a multiple of 2 now (before: 4)"],
            vec!["Breaking: the body must be a multiple of 4 now (before: 2)"],
        ),
    ];
    for (old, new, there, back) in table {
        let (one, other) = (with_body(old), with_body(new));
        assert_eq!(compared(&one, &other), there, "{old} -> {new}");
        assert_eq!(compared(&other, &one), back, "{new} -> {old}");
    }
}

#[test]
fn parameters() {
    let limit = |rest: &str| with_parameters(&format!("{{ name: limit, in: query{rest} }}"));
    let table = [
        (limit(""), limit(", required: true"), vec!["Breaking: query parameter \"limit\" is required now"]),
        (
            limit(", schema: { type: integer, maximum: 100 }"),
            limit(", schema: { type: integer, maximum: 50 }"),
            vec!["Breaking: query parameter \"limit\" must be at most 50 now (before: at most 100)"],
        ),
        (
            limit(", schema: { type: array, items: { type: string } }"),
            limit(", explode: false, schema: { type: array, items: { type: integer } }"),
            vec![
                "Breaking: query parameter \"limit\" is written otherwise now (style, explode or media type)",
                "Breaking: \"[]\" of query parameter \"limit\" must be an integer now (before: a string)",
            ],
        ),
        (
            with_parameters(""),
            limit(", required: true"),
            vec!["Breaking: query parameter \"limit\" is new and required"],
        ),
        (
            with_parameters(""),
            limit(""),
            vec!["Compatible: query parameter \"limit\" is new, and may be left out"],
        ),
        (
            limit(", required: true"),
            with_parameters(""),
            vec!["Compatible: query parameter \"limit\" is gone: what is sent in it is not checked"],
        ),
    ];
    for (old, new, expected) in table {
        assert_eq!(compared(&old, &new), expected);
    }
}

#[test]
fn schemas_that_refer_to_themselves_are_compared_once() {
    let tree = |value: &str| {
        let text = format!(
            "openapi: 3.0.3\ninfo: {{ title: t, version: '1' }}\npaths:\n  /t:\n    post:\n      requestBody: {{ content: {{ application/json: {{ \
             schema: {{ $ref: '#/components/schemas/Node' }} }} }} }}\n      responses: {{}}\ncomponents:\n  schemas:\n    \
             Node: {{ properties: {{ value: {value}, left: {{ $ref: '#/components/schemas/Node' }}, more: {{ type: array, items: {{ \
             $ref: '#/components/schemas/Node' }} }} }} }}\n"
        );
        Document::parse(text.as_bytes()).unwrap()
    };
    let (one, other) = (tree("{ type: string }"), tree("{ type: string, minLength: 1 }"));
    assert_eq!(
        compared(&one, &other),
        ["Breaking: body field \"value\" must have at least 1 characters now (before: any number)"]
    );
    assert!(compared(&one, &one).is_empty());
}

#[test]
fn bodies_and_media_types_come_and_go() {
    let body = |text: &str| document(&format!("{text}      responses: {{}}\n"));
    let json = body("      requestBody: { content: { application/json: {} } }\n");
    let both = body(
        "      requestBody: { required: true, content: { application/json; charset=utf-8: {}, text/csv: {} } }\n",
    );
    let none = body("");
    assert_eq!(
        compared(&json, &both),
        [
            "Breaking: the body is required now",
            "Compatible: the body may be of the media type \"text/csv\" now"
        ]
    );
    assert_eq!(
        compared(&both, &json),
        [
            "Compatible: the body may be left out now",
            "Breaking: the body may not be of the media type \"text/csv\" any more"
        ]
    );
    assert_eq!(compared(&none, &both), ["Breaking: the body is new and required"]);
    assert_eq!(compared(&both, &none), ["Compatible: the body is not described any more: it is not checked"]);
}

#[test]
fn operations_are_paired_by_shape() {
    let operation = |method: &str, path: &str| -> Operation {
        serde_json::from_value(serde_json::json!({ "method": method, "path": path })).unwrap()
    };
    let old = [operation("GET", "/a/{id}"), operation("GET", "/b"), operation("PUT", "/a/{id}")];
    let new = [operation("GET", "/c"), operation("GET", "/a/{key}")];
    let pairs = pair(&old.iter().collect::<Vec<_>>(), &new.iter().collect::<Vec<_>>());
    assert_eq!(pairs, [Pair::Added(0), Pair::Both { old: 0, new: 1 }, Pair::Gone(1), Pair::Gone(2)]);
}
