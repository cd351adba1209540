//! Names that are not described, and what separates them.

use super::*;

#[test]
fn names_that_some_readers_fold_are_held_to_what_they_would_be() {
    let number = json!({ "type": "integer", "maximum": 9 });
    let all = operation(&json!([
        { "name": "limit", "in": "query", "schema": number },
        { "name": "ids", "in": "query", "schema": { "type": "array", "items": number, "maxItems": 3 } },
        { "name": "tags", "in": "query", "explode": false, "schema": { "type": "array", "items": number } },
        { "name": "page_size", "in": "query", "schema": number },
        { "name": "page[after]", "in": "query", "schema": number },
        { "name": "both", "in": "query", "schema": number },
        { "name": "Both", "in": "query", "schema": { "type": "string" } },
        { "name": "rows[]", "in": "query", "schema": { "type": "array", "items": number } },
        { "name": "any", "in": "query", "schema": {} },
        { "name": "deep", "in": "query", "style": "deepObject", "schema": { "type": "object", "properties": { "size": number } } },
        { "name": "spread", "in": "query", "schema": { "type": "object", "properties": { "from": number, "to": { "type": "array", "items": number } } } },
    ]));
    let in_limit = r#"query parameter "limit" must be an integer (got "x")"#;
    let no_brackets = r#"query parameter "limit" must be written without brackets"#;
    let twice = r#"query parameter "limit" is given more than once"#;
    for (query, expected) in [
        ("Limit=9&unknown=x&lim=x&limits=x", ""),
        ("Limit=x", in_limit),
        ("%4Cimit=x", in_limit),
        ("LIMIT=10", r#"query parameter "limit" must be at most 9 (got 10)"#),
        ("l%C4%B1mit=x", ""),
        ("limit=1&Limit=2", twice),
        ("LIMIT=1&Limit=2", twice),
        ("limit[]=1", no_brackets),
        ("limit%5B%5D=1", no_brackets),
        ("limit[x]=1", no_brackets),
        ("limit[0][x]=1&limit[]=2", no_brackets),
        ("Limit[x]y=1", no_brackets),
        ("limit[=1", ""),
        ("ids[]=1&ids[]=2&ids=3", ""),
        ("ids[0]=1&ids[1]=2", ""),
        ("ids[]=x", r#"item 1 of query parameter "ids" must be an integer (got "x")"#),
        ("ids=1&IDs[7]=x", r#"item 2 of query parameter "ids" must be an integer (got "x")"#),
        ("ids=1&ids=2&ids[]=3&ids[0]=4", r#"query parameter "ids" must have at most 3 items"#),
        ("ids[a]=1", r#"query parameter "ids" must be an array (got an object)"#),
        ("ids[0]x=1", r#"query parameter "ids" must have its brackets in pairs"#),
        ("tags=1,2&tags[]=3", ""),
        ("tags=1,2&tags[]=x", r#"item 3 of query parameter "tags" must be an integer (got "x")"#),
        ("page.size=x", r#"query parameter "page_size" must be an integer (got "x")"#),
        ("Page%20Size=x", r#"query parameter "page_size" must be an integer (got "x")"#),
        ("page[after]=1", ""),
        ("Page[After]=x", r#"query parameter "page[after]" must be an integer (got "x")"#),
        ("page[after][x]=1", r#"query parameter "page[after]" must be written without brackets"#),
        ("page[before]=x&page=x", ""),
        ("both=1&Both=x", ""),
        ("BOTH=x", r#"query parameter "both" must be an integer (got "x")"#),
        ("rows[]=1", ""),
        ("rows[0]=x", r#"item 1 of query parameter "rows[]" must be an integer (got "x")"#),
        ("rows=x", r#"item 1 of query parameter "rows[]" must be an integer (got "x")"#),
        ("any[x]=1&Any=2", r#"query parameter "any" is given both as one value and by its members"#),
        ("any[x]=1", ""),
        ("deep[size]=1", ""),
        ("Deep[size]=x", r#"query parameter "deep[size]" must be an integer (got "x")"#),
        ("deep[Size]=1", r#"query parameter "deep[Size]" must be written "size""#),
        (
            "deep[size]=1&DEEP[size]=2",
            r#"query parameter "deep" has the member "size", which is given more than once"#,
        ),
        ("From=1", ""),
        ("From=x", r#"query parameter "from" must be an integer (got "x")"#),
        ("spread[from]=x", r#"query parameter "from" must be an integer (got "x")"#),
        ("from[]=1", r#"query parameter "from" must be written without brackets"#),
        ("To[]=x", r#"item 1 of query parameter "to" must be an integer (got "x")"#),
    ] {
        assert_eq!(told(&all, &[], query, &[]), expected, "{query}");
    }
    let required =
        operation(&json!([{ "name": "limit", "in": "query", "required": true, "schema": number }]));
    assert_eq!(told(&required, &[], "Limit=1", &[]), r#"query parameter "limit" is required"#);
    assert_eq!(told(&operation(&json!([])), &[], "Limit[]=1;x", &[]), "");
}

#[test]
fn headers_are_one_where_they_become_variables() {
    let number = json!({ "type": "integer", "maximum": 9 });
    let all = operation(&json!([
        { "name": "X-Limit", "in": "header", "schema": number },
        { "name": "X_Count", "in": "header", "schema": number },
        { "name": "X-Days", "in": "header", "schema": { "type": "array", "items": number } },
        { "name": "X-Two", "in": "header", "schema": number },
        { "name": "X_Two", "in": "header", "schema": {} },
    ]));
    for (lines, expected) in [
        (&[("x_limit", "5"), ("x_other", "x")][..], ""),
        (&[("x_limit", "x")][..], r#"header "X-Limit" must be an integer (got "x")"#),
        (&[("X-Limit", "1"), ("X_Limit", "2")][..], r#"header "X-Limit" is given more than once"#),
        (&[("x-count", "x")][..], r#"header "X_Count" must be an integer (got "x")"#),
        (
            &[("X-Days", "1, 2"), ("X_Days", "x")][..],
            r#"item 3 of header "X-Days" must be an integer (got "x")"#,
        ),
        (&[("X-Two", "1"), ("X_Two", "x")][..], ""),
    ] {
        assert_eq!(told(&all, &[], "", lines), expected, "{lines:?}");
    }
}

#[test]
fn a_semicolon_that_could_end_a_parameter_is_refused() {
    let all = operation(&json!([
        { "name": "q", "in": "query", "schema": { "type": "string" } },
        { "name": "deep", "in": "query", "style": "deepObject", "schema": { "type": "object" } },
    ]));
    let wrong = r#"the query must separate its parameters with "&", not ";""#;
    for (query, expected) in [
        ("q=a%3Bb", ""),
        ("utm=a;b&q=1", ""),
        ("q=a;b", wrong),
        ("q=a;", wrong),
        ("x=1;q=2", wrong),
        ("x=1;Q=2", wrong),
        ("x=1;%71=2", wrong),
        ("x=1;deep[a]=2", wrong),
        ("q=1;q=1", wrong),
    ] {
        assert_eq!(told(&all, &[], query, &[]), expected, "{query}");
    }
}
