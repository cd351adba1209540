//! Each style with each type, as the specification's table has them.

mod properties;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::json;

use super::*;
use crate::Document;
use crate::check::given::{Claims, Query};
use crate::check::shape::Reader;
use crate::check::{RequestParts, Validators};

/// A request, by what a parameter can stand in.
#[derive(Default)]
struct Request<'a> {
    path: &'a str,
    query: &'a str,
    headers: &'a [(&'a str, &'a str)],
}

/// What the first of these parameters is read as.
fn decoded(parameters: &Value, request: &Request<'_>) -> Decoded {
    let name = parameters[0]["name"].as_str().unwrap();
    let is_in_path = parameters[0]["in"] == "path";
    let path = if is_in_path { format!("/{{{name}}}") } else { "/x".to_owned() };
    let document = json!({ "openapi": "3.1.0", "paths": { path: { "get": { "parameters": parameters } } } });
    let document = Document::parse(document.to_string().as_bytes()).unwrap();
    let operation = &document.operations()[0];
    let validators = Validators::compile(document.schemas().clone()).unwrap();
    let mut reader = Reader::new(document.schemas());
    let places: Vec<usize> = operation.parameters.iter().map(|one| reader.add(one.schema_id)).collect();
    let shape_at = reader.finish();
    let shapes: Vec<Shape> = places.into_iter().map(shape_at).collect();
    let claims = Claims::of(&operation.parameters, &shapes);
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers {
        headers.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    }
    let path = [(name.to_owned(), request.path.to_owned())];
    let parts = RequestParts {
        path_parameters: if is_in_path { &path } else { &[] },
        query: Some(request.query),
        headers: &headers,
    };
    let query = Query::parse(parts.query).unwrap_or_else(|fault| panic!("{fault}"));
    let given = Given::new(&parts, &query, claims.as_ref());
    let parameter = &operation.parameters[0];
    let accept =
        |value: &Value| parameter.schema_id.is_none_or(|id| validators.hold(id, value.clone()).is_valid());
    decode(parameter, &shapes[0], &given, &[], &accept)
}

fn parameter(place: &str, name: &str, extra: &Value, schema: &Value) -> Value {
    let mut parameter = json!({ "name": name, "in": place, "schema": schema });
    parameter.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    json!([parameter])
}

fn of_query(extra: &Value, schema: &Value, query: &str) -> Decoded {
    decoded(&parameter("query", "color", extra, schema), &Request { query, ..Request::default() })
}

fn of_path(extra: &Value, schema: &Value, path: &str) -> Decoded {
    decoded(&parameter("path", "color", extra, schema), &Request { path, ..Request::default() })
}

fn of_header(extra: &Value, schema: &Value, lines: &[&str]) -> Decoded {
    let headers: Vec<_> = lines.iter().map(|line| ("color", *line)).collect();
    let request = Request { headers: &headers, ..Request::default() };
    decoded(&parameter("header", "color", extra, schema), &request)
}

fn of_cookie(extra: &Value, schema: &Value, line: &str) -> Decoded {
    let request = Request { headers: &[("cookie", line)], ..Request::default() };
    decoded(&parameter("cookie", "color", extra, schema), &request)
}

fn strings() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

fn numbers() -> Value {
    json!({ "type": "array", "items": { "type": "integer" } })
}

fn colors() -> Value {
    let number = json!({ "type": "integer" });
    json!({ "type": "object", "properties": { "R": number, "G": number, "B": number } })
}

fn malformed(words: &str) -> Decoded {
    Decoded::Malformed(words.to_owned())
}

fn style(name: &str, explode: bool) -> Value {
    json!({ "style": name, "explode": explode })
}

#[test]
fn the_table_of_the_specification() {
    let string = json!({ "type": "string" });
    let (list, object) = (json!(["blue", "black", "brown"]), json!({ "R": 100, "G": 200, "B": 150 }));
    let value = |value: &Value| Decoded::Value(value.clone());
    for (name, explode, for_string, for_list, for_object) in [
        ("matrix", false, ";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"),
        ("matrix", true, ";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"),
        ("label", false, ".blue", ".blue,black,brown", ".R,100,G,200,B,150"),
        ("label", true, ".blue", ".blue.black.brown", ".R=100.G=200.B=150"),
        ("simple", false, "blue", "blue,black,brown", "R,100,G,200,B,150"),
        ("simple", true, "blue", "blue,black,brown", "R=100,G=200,B=150"),
    ] {
        let extra = style(name, explode);
        assert_eq!(of_path(&extra, &string, for_string), Decoded::Value(json!("blue")), "{extra}");
        assert_eq!(of_path(&extra, &strings(), for_list), value(&list), "{extra}");
        assert_eq!(of_path(&extra, &colors(), for_object), value(&object), "{extra}");
        let encoded = |text: &str| text.replace(',', "%2C");
        assert_eq!(of_path(&extra, &strings(), &encoded(for_list)), value(&list), "{extra}");
        assert_eq!(of_path(&extra, &colors(), &encoded(for_object)), value(&object), "{extra}");
        if name == "simple" {
            assert_eq!(of_header(&extra, &string, &[for_string]), Decoded::Value(json!("blue")));
            assert_eq!(of_header(&extra, &strings(), &[for_list]), value(&list));
            assert_eq!(of_header(&extra, &colors(), &[for_object]), value(&object));
        }
    }
    for (name, explode, for_list, for_object) in [
        ("form", false, "color=blue,black,brown", "color=R,100,G,200,B,150"),
        ("form", false, "color=blue%2Cblack%2cbrown", "color=R%2C100%2CG%2c200%2CB%2C150"),
        ("form", true, "color=blue&color=black&color=brown", "R=100&G=200&B=150"),
        ("spaceDelimited", false, "color=blue%20black%20brown", "color=R%20100%20G%20200%20B%20150"),
        ("spaceDelimited", false, "color=blue+black+brown", "color=R+100+G+200+B+150"),
        ("pipeDelimited", false, "color=blue%7Cblack%7cbrown", "color=R%7C100%7CG%7C200%7CB%7C150"),
        ("pipeDelimited", false, "color=blue|black|brown", "color=R|100|G|200|B|150"),
        (
            "deepObject",
            true,
            "color[]=blue&color[]=black&color[]=brown",
            "color%5BR%5D=100&color%5BG%5D=200&color%5BB%5D=150",
        ),
        ("deepObject", false, "color=blue&color=black&color=brown", "color[R]=100&color[G]=200&color[B]=150"),
        ("spaceDelimited", true, "color=blue&color=black&color=brown", "color=R%20100%20G%20200%20B%20150"),
        ("pipeDelimited", true, "color=blue&color=black&color=brown", "color=R|100|G|200|B|150"),
        ("pipeDelimited", true, "color=blue|black|brown", "color=R|100|G|200|B|150"),
    ] {
        let extra = style(name, explode);
        assert_eq!(of_query(&extra, &string, "color=blue"), Decoded::Value(json!("blue")), "{extra}");
        assert_eq!(of_query(&extra, &strings(), for_list), value(&list), "{extra} {for_list}");
        assert_eq!(of_query(&extra, &colors(), for_object), value(&object), "{extra} {for_object}");
    }
    for (explode, for_list, for_object) in [
        (false, "color=blue,black,brown", "color=R,100,G,200,B,150"),
        (false, "color=blue%2Cblack%2cbrown", "color=R%2C100%2CG%2C200%2CB%2C150"),
        (true, "color=blue&color=black&color=brown", "R=100; G=200; B=150"),
        (true, "color=blue; color=black; color=brown", "R=100; G=200; B=150"),
    ] {
        let extra = style("form", explode);
        let limited =
            json!({ "type": "array", "items": { "type": "string", "maxLength": 5 }, "minItems": 2 });
        assert_eq!(of_cookie(&extra, &string, "a=b; color=blue"), Decoded::Value(json!("blue")));
        assert_eq!(of_cookie(&extra, &limited, for_list), value(&list), "{extra} {for_list}");
        assert_eq!(of_cookie(&extra, &colors(), for_object), value(&object), "{extra} {for_object}");
    }
}

#[test]
fn what_is_not_written_in_the_style_is_malformed() {
    let odd = "must be a list of names, each followed by its value";
    let unpaired = "must be a list of names and values, as in \"name=value\"";
    for (extra, schema, path, expected) in [
        (style("matrix", false), strings(), "color=blue", "must begin with \";\""),
        (style("matrix", false), strings(), ";colour=blue", "must be written as \";color=...\""),
        (style("matrix", false), strings(), ";color=a;color=b", "is given more than once"),
        (style("matrix", true), colors(), ";R", unpaired),
        (style("label", false), strings(), "blue", "must begin with \".\""),
        (style("label", false), colors(), ".R,100,G", odd),
        (style("simple", false), colors(), "R,100,G", odd),
        (style("simple", true), colors(), "R,100", unpaired),
        (style("simple", true), colors(), "R=1,R=2", "has the member \"R\", which is given more than once"),
    ] {
        assert_eq!(of_path(&extra, &schema, path), malformed(expected), "{extra} {path}");
    }
    let twice = "is given more than once";
    let both = "is given both as one value and by its members";
    for (extra, schema, query, expected) in [
        (style("form", false), strings(), "color=a&color=b", twice),
        (style("form", true), json!({ "type": "string" }), "color=a&color=b", twice),
        (style("form", false), colors(), "color=R", odd),
        (style("pipeDelimited", false), strings(), "color=a&color=b", twice),
        (style("deepObject", true), colors(), "color=a&color[R]=1", both),
        (
            style("deepObject", true),
            colors(),
            "color[R]=a&color[R][x]=1",
            "has the member \"R\", which is given both as one value and by its members",
        ),
        (style("form", true), strings(), "color=%FF", "is not valid UTF-8"),
        (style("form", true), strings(), "color=%zz", text::BROKEN_ESCAPE),
        (style("form", true), strings(), "color=100%", text::BROKEN_ESCAPE),
    ] {
        assert_eq!(of_query(&extra, &schema, query), malformed(expected), "{extra} {query}");
    }
    assert_eq!(of_header(&json!({}), &json!({ "type": "string" }), &["a", "b"]), malformed(twice));
}

#[test]
fn items_are_cut_before_they_are_decoded() {
    let list = |items: &[&str]| Decoded::Value(json!(items));
    assert_eq!(of_path(&json!({}), &strings(), "a%2Cb,c"), list(&["a,b", "c"]));
    assert_eq!(of_path(&json!({}), &strings(), "a+b"), list(&["a+b"]));
    assert_eq!(of_path(&style("matrix", true), &strings(), ";color=a%3Bb;color=c"), list(&["a;b", "c"]));
    assert_eq!(of_query(&style("form", false), &strings(), "color=a%2Cb,c+d"), list(&["a,b", "c d"]));
    assert_eq!(
        of_query(&style("form", true), &strings(), "color=a%26b&color=c%3Dd=e"),
        list(&["a&b", "c=d=e"])
    );
    assert_eq!(
        of_query(&style("pipeDelimited", false), &strings(), "color=a,b|c%7Cd"),
        list(&["a,b", "c|d"])
    );
    assert_eq!(of_header(&json!({}), &strings(), &["a%2Cb , c", "d"]), list(&["a%2Cb", "c", "d"]));
    assert_eq!(of_cookie(&style("form", false), &strings(), "color=a%2Cb,c"), list(&["a,b", "c"]));
}

#[test]
fn commas_that_are_encoded_stand_between_items_where_no_other_does() {
    let list = |items: &[&str]| Decoded::Value(json!(items));
    let whole = style("form", false);
    assert_eq!(of_query(&whole, &strings(), "color=a%2Cb%2cc"), list(&["a", "b", "c"]));
    assert_eq!(of_query(&whole, &strings(), "color=a%252Cb"), list(&["a%2Cb"]));
    assert_eq!(of_query(&whole, &strings(), "color=%2C"), list(&["", ""]));
    assert_eq!(of_query(&style("form", true), &strings(), "color=a%2Cb"), list(&["a,b"]));
    assert_eq!(of_path(&json!({}), &strings(), "a%2Cb"), list(&["a", "b"]));
    assert_eq!(of_path(&json!({}), &json!({ "type": "string" }), "a%2Cb"), Decoded::Value(json!("a,b")));
    assert_eq!(of_header(&json!({}), &strings(), &["a%2Cb"]), list(&["a%2Cb"]));
    assert_eq!(of_cookie(&whole, &strings(), "color=a%2Cb"), list(&["a", "b"]));
    // This cookie is not percent-encoded at all.
    assert_eq!(of_cookie(&whole, &strings(), "color=a%2Cb%"), list(&["a%2Cb%"]));
    let open = json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let one = Decoded::Value(json!({ "name": "a,b" }));
    assert_eq!(of_path(&style("simple", true), &open, "name=a%2Cb"), one);
    assert_eq!(
        of_path(&style("simple", true), &open, "name=a%2Cb,c=d"),
        Decoded::Value(json!({ "name": "a,b", "c": "d" }))
    );
}

#[test]
fn lists_in_cookies_have_no_agreed_form() {
    let list = Decoded::Value(json!([1, 2]));
    for line in ["color=1,2", "color=1%2C2", "color=1&color=2", "color=1; color=2"] {
        assert_eq!(of_cookie(&json!({}), &numbers(), line), list, "{line}");
    }
}

#[test]
fn an_empty_text_is_an_empty_list_or_one_of_an_empty_string() {
    let some = json!({ "type": "array", "items": { "type": "string" }, "minItems": 1 });
    assert_eq!(of_query(&json!({}), &strings(), "color="), Decoded::Value(json!([])));
    assert_eq!(of_query(&json!({}), &some, "color="), Decoded::Value(json!([""])));
    assert_eq!(of_query(&json!({}), &strings(), "color=&color=a"), Decoded::Value(json!(["", "a"])));
    assert_eq!(of_query(&json!({}), &strings(), "other=1"), Decoded::Missing);
    let allowed = json!({ "allowEmptyValue": true });
    assert_eq!(of_query(&allowed, &json!({ "type": "integer" }), "color"), Decoded::Empty);
}

#[test]
fn a_text_is_what_the_schema_allows() {
    for (schema, text, expected) in [
        (json!({ "type": "integer" }), "12", json!(12)),
        (json!({ "type": "integer" }), "-0", json!(0)),
        (json!({ "type": "integer" }), "18446744073709551615", json!(u64::MAX)),
        (
            json!({ "type": "integer" }),
            "123456789012345678901234567890",
            json!(123456789012345678901234567890_f64),
        ),
        (json!({ "type": "integer" }), "-9223372036854775808", json!(i64::MIN)),
        (
            json!({ "type": "integer" }),
            "-9223372036854775809",
            json!((-9_223_372_036_854_775_808.0_f64).next_down()),
        ),
        (json!({ "type": "integer" }), "1.0", json!("1.0")),
        (json!({ "type": "integer" }), "01", json!("01")),
        (json!({ "type": "integer" }), "%2B1", json!("+1")),
        (json!({ "type": "integer" }), "+1", json!(" 1")),
        (json!({ "type": "integer" }), "%D9%A1", json!("١")),
        (json!({ "type": "integer" }), "", json!("")),
        (json!({ "type": "number" }), "1.5e3", json!(1500.0)),
        (json!({ "type": "number" }), "7", json!(7)),
        (json!({ "type": "number" }), "1e400", json!("1e400")),
        (json!({ "type": "number" }), "NaN", json!("NaN")),
        (json!({ "type": "number" }), "0x10", json!("0x10")),
        (json!({ "type": "boolean" }), "true", json!(true)),
        (json!({ "type": "boolean" }), "True", json!("True")),
        (json!({ "type": "string" }), "12", json!("12")),
        (json!({ "type": ["integer", "null"] }), "", json!(null)),
        (json!({ "type": ["integer", "null"] }), "null", json!(null)),
        (json!({ "type": ["string", "null"] }), "", json!("")),
        (json!({ "type": ["string", "null"], "minLength": 1 }), "", json!(null)),
        (json!({ "type": "integer", "nullable": true }), "5", json!(5)),
        (json!({}), "0123", json!("0123")),
        (json!({}), "12", json!(12)),
        (json!({ "pattern": "^1" }), "12", json!(12)),
        (json!({ "type": ["string", "integer"], "maximum": 3 }), "500", json!("500")),
        (json!({ "type": ["string", "integer"], "maximum": 3 }), "2", json!(2)),
        (json!({ "type": "string", "enum": ["1", "2"] }), "1", json!("1")),
        (json!({ "enum": ["1", "2"] }), "1", json!("1")),
        (json!({ "enum": [1, 2] }), "1", json!(1)),
        (json!({ "enum": [1, "2", true, null] }), "2", json!("2")),
        (json!({ "enum": [1, "2", true, null] }), "true", json!(true)),
        (json!({ "enum": [1, "2", true, null] }), "", json!(null)),
        (json!({ "const": 2.5 }), "2.50", json!(2.5)),
        (json!({ "anyOf": [{ "type": "integer" }, { "enum": ["all"] }] }), "all", json!("all")),
        (json!({ "anyOf": [{ "type": "integer" }, { "enum": ["all"] }] }), "7", json!(7)),
        (
            json!({ "oneOf": [{ "type": "integer", "maximum": 3 }, { "type": "string", "pattern": "^[0-9]{3}$" }] }),
            "123",
            json!("123"),
        ),
        (json!({ "allOf": [{ "type": "number" }, { "type": ["integer", "string"] }] }), "7", json!(7)),
        (json!({ "allOf": [{ "type": "string" }, {}] }), "7", json!("7")),
        (
            json!({ "anyOf": [{ "type": "integer" }, { "type": "array", "items": { "type": "integer" } }] }),
            "7",
            json!(7),
        ),
        (
            json!({ "anyOf": [{ "type": "string", "maxLength": 0 }, { "type": "array", "items": { "type": "integer" } }] }),
            "7",
            json!([7]),
        ),
    ] {
        let got = of_query(&json!({}), &schema, &format!("color={text}"));
        assert_eq!(got, Decoded::Value(expected), "{schema} {text}");
    }
    let either = json!({ "type": "array", "items": { "type": ["integer", "string"] } });
    assert_eq!(of_query(&json!({}), &either, "color=1&color=x"), Decoded::Value(json!([1, "x"])));
    assert_eq!(of_query(&json!({}), &json!({}), "color=1&color=x"), Decoded::Value(json!([1, "x"])));
}

#[test]
fn members_stand_under_their_own_names_in_an_exploded_form() {
    let with_others = |others: Value| {
        json!([
            { "name": "filter", "in": "query", "schema": {
                "type": "object",
                "properties": { "from": { "type": "integer" }, "tags": strings(), "in": colors() },
                "additionalProperties": others
            } },
            { "name": "limit", "in": "query", "schema": { "type": "integer" } },
            { "name": "page", "in": "query", "style": "deepObject", "schema": { "type": "object" } },
        ])
    };
    let read = |parameters: &Value, query| decoded(parameters, &Request { query, ..Request::default() });
    let closed = with_others(json!(false));
    let open = with_others(json!({ "type": "integer" }));
    for (parameters, query, expected) in [
        (&closed, "from=1&other=2", json!({ "from": 1 })),
        (&closed, "tags=a&tags=b", json!({ "tags": ["a", "b"] })),
        (&closed, "tags[]=a&in[R]=5", json!({ "tags": ["a"], "in": { "R": 5 } })),
        (&closed, "from=x", json!({ "from": "x" })),
        (&open, "from=1&other=2&limit=3&page[n]=4", json!({ "from": 1, "other": 2 })),
    ] {
        assert_eq!(read(parameters, query), Decoded::Value(expected), "{query}");
    }
    assert_eq!(read(&closed, "limit=1&other=2&filter=x"), Decoded::Missing);
    assert_eq!(read(&open, "limit=1&page[n]=4"), Decoded::Missing);
}

#[test]
fn deep_objects_are_read_as_clients_write_them() {
    let schema = json!({ "type": "object", "properties": {
        "a": { "type": "object", "properties": { "b": { "type": "integer" }, "c": numbers() } },
        "list": numbers(),
        "either": { "anyOf": [{ "type": "integer" }, { "type": "object", "properties": { "gte": { "type": "integer" } } }] },
        "lines": { "type": "array", "items": { "type": "object", "properties": { "sku": { "type": "string" } } } },
    } });
    for (query, expected) in [
        ("color[a][b]=1&color[a][c][]=2&color[a][c][]=3", json!({ "a": { "b": 1, "c": [2, 3] } })),
        ("color[list]=1&color[list]=2", json!({ "list": [1, 2] })),
        ("color[list]=1", json!({ "list": [1] })),
        ("color[list][1]=1&color[list][0]=2", json!({ "list": [2, 1] })),
        ("color[either][gte]=5", json!({ "either": { "gte": 5 } })),
        ("color[either]=5", json!({ "either": 5 })),
        (
            "color[lines][0][sku]=1&color[lines][1][sku]=2",
            json!({ "lines": [{ "sku": "1" }, { "sku": "2" }] }),
        ),
        ("color[%C3%A9]=x", json!({ "é": "x" })),
    ] {
        assert_eq!(of_query(&style("deepObject", true), &schema, query), Decoded::Value(expected), "{query}");
    }
    for query in ["color[a", "colora]=1", "color]a[=1", "color[a]x=1", "color[a[b]]=1", "[a]=1"] {
        assert_eq!(of_query(&style("deepObject", true), &schema, query), Decoded::Missing, "{query}");
    }
    let deep = format!("color{}=1", "[a]".repeat(17));
    assert_eq!(
        of_query(&style("deepObject", true), &schema, &deep),
        malformed("is nested more than 16 deep")
    );
    let named = parameter("query", "ids[]", &json!({}), &numbers());
    let request = Request { query: "ids[]=1&ids%5B%5D=2", ..Request::default() };
    assert_eq!(decoded(&named, &request), Decoded::Value(json!([1, 2])));
}

#[test]
fn a_whole_media_type_can_be_the_value() {
    let with = |media: &str| json!([{ "name": "color", "in": "query", "content": { media: { "schema": colors() } } }]);
    let read = |media: &str, query| decoded(&with(media), &Request { query, ..Request::default() });
    assert_eq!(read("application/json", "color=%7B%22R%22:1%7D"), Decoded::Value(json!({ "R": 1 })));
    assert_eq!(
        read("application/vnd.x+json; v=1", "color={\"R\":\"1\"}"),
        Decoded::Value(json!({ "R": "1" }))
    );
    assert_eq!(read("application/json", "color={"), malformed("is not valid JSON"));
    assert_eq!(read("text/plain", "color=R"), Decoded::Value(json!("R")));
    assert_eq!(read("application/json", "R=1"), Decoded::Missing);
}
