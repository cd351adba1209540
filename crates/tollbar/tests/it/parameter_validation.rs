//! A parameter that is not as the document says is refused by its name, and nothing reaches the upstream; a right one
//! arrives there byte for byte.

use crate::support::{Described, Http2, Platform, frames};

/// The paths, and for each parameter what is right and what is wrong with its name.
const PATHS: &str = r#"
  /x/form:
    get:
      parameters: [{ name: ids, in: query, schema: { type: array, maxItems: 2, items: { type: integer } }, explode: false }]
  /x/limit:
    get: &limit
      parameters:
        - { name: limit, in: query, schema: { type: integer } }
        - { name: X-Limit, in: header, schema: { type: integer } }
    post: *limit
  /x/exploded:
    get:
      parameters: [{ name: ids, in: query, schema: { type: array, maxItems: 2, items: { type: integer } } }]
  /x/spaces:
    get:
      parameters: [{ name: ids, in: query, style: spaceDelimited, explode: false, schema: { type: array, items: { type: integer } } }]
  /x/pipes:
    get:
      parameters: [{ name: ids, in: query, style: pipeDelimited, explode: false, schema: { type: array, items: { type: integer } } }]
  /x/deep:
    get:
      parameters:
        - name: filter
          in: query
          style: deepObject
          explode: true
          schema: { type: object, required: [size], properties: { size: { type: integer }, colour: { enum: [red, blue] } } }
  /x/content:
    get:
      parameters:
        - { name: filter, in: query, content: { application/json: { schema: { type: object, required: [a] } } } }
  /x/header:
    get:
      parameters: [{ name: X-Days, in: header, schema: { type: array, items: { type: integer } } }]
  /x/simple/{id}:
    get:
      parameters: [{ name: id, in: path, required: true, schema: { type: array, items: { type: integer } } }]
  /x/label/{id}:
    get:
      parameters: [{ name: id, in: path, required: true, style: label, schema: { type: integer } }]
  /x/matrix/{id}:
    get:
      parameters: [{ name: id, in: path, required: true, style: matrix, schema: { type: integer } }]
  /x/cookie:
    get:
      parameters: [{ name: days, in: cookie, schema: { type: integer, maximum: 7 } }]
"#;

type Lines = &'static [(&'static str, &'static str)];

/// A right request, a wrong one, and what is said of that.
const TABLE: &[(&str, Lines, &str, Lines, &str)] = &[
    (
        "/form?ids=1,2",
        &[],
        "/form?ids=1,x",
        &[],
        r#"item 2 of query parameter "ids" must be an integer (got "x")"#,
    ),
    ("/form?ids=%31,2&other=x", &[], "/form?ids=1,2,3", &[], r#"query parameter "ids""#),
    (
        "/form?ids=1%2C2",
        &[],
        "/form?ids=1%2Cx",
        &[],
        r#"item 2 of query parameter "ids" must be an integer (got "x")"#,
    ),
    (
        "/limit?Limit=1&LIMITS=x",
        &[],
        "/limit?Limit=x",
        &[],
        r#"query parameter "limit" must be an integer (got "x")"#,
    ),
    (
        "/limit?limit=1&Page[x]=2",
        &[],
        "/limit?limit[]=1",
        &[],
        r#"query parameter "limit" must be written without brackets"#,
    ),
    (
        "/limit?utm=a;b",
        &[],
        "/limit?utm=a;limit=x",
        &[],
        r#"the query must separate its parameters with "&", not ";""#,
    ),
    (
        "/limit",
        &[("X_Limit", "1")],
        "/limit",
        &[("X_Limit", "x")],
        r#"header "X-Limit" must be an integer (got "x")"#,
    ),
    (
        "/exploded?ids[]=1&ids%5B1%5D=2",
        &[],
        "/exploded?ids[0]=1&ids[1]=x",
        &[],
        r#"item 2 of query parameter "ids" must be an integer (got "x")"#,
    ),
    (
        "/exploded?ids=1&ids=2",
        &[],
        "/exploded?ids=1&ids=x",
        &[],
        r#"item 2 of query parameter "ids" must be an integer (got "x")"#,
    ),
    (
        "/spaces?ids=1%202",
        &[],
        "/spaces?ids=1%20x",
        &[],
        r#"item 2 of query parameter "ids" must be an integer (got "x")"#,
    ),
    (
        "/pipes?ids=1%7C2",
        &[],
        "/pipes?ids=1%7Cx",
        &[],
        r#"item 2 of query parameter "ids" must be an integer (got "x")"#,
    ),
    (
        "/deep?filter%5Bsize%5D=1&filter%5Bcolour%5D=red",
        &[],
        "/deep?filter%5Bsize%5D=x",
        &[],
        r#"query parameter "filter"#,
    ),
    (
        "/content?filter=%7B%22a%22%3A1%7D",
        &[],
        "/content?filter=%7B%22a%22%3A1",
        &[],
        r#"query parameter "filter""#,
    ),
    (
        "/header",
        &[("X-Days", "1, 2,3")],
        "/header",
        &[("X-Days", "1, x")],
        r#"item 2 of header "X-Days" must be an integer (got "x")"#,
    ),
    ("/simple/1,2", &[], "/simple/1,x", &[], r#"item 2 of path parameter "id" must be an integer (got "x")"#),
    ("/label/.7", &[], "/label/.x", &[], r#"path parameter "id" must be an integer (got "x")"#),
    ("/matrix/;id=7", &[], "/matrix/;id=x", &[], r#"path parameter "id" must be an integer (got "x")"#),
    (
        "/cookie",
        &[("Cookie", "a=b; days=7")],
        "/cookie",
        &[("Cookie", "a=b; days=8")],
        r#"cookie "days" must be at most 7 (got 8)"#,
    ),
];

#[test]
fn a_wrong_parameter_is_named_and_a_right_one_passes_as_it_is() {
    let described = Described::open(PATHS);
    for (right, lines, wrong, wrong_lines, expected) in TABLE {
        described.passes("GET", &format!("/v1/x{right}"), lines, b"");
        let message = described.refuses("GET", &format!("/v1/x{wrong}"), wrong_lines, b"");
        assert!(message.contains(expected), "{wrong}: {message}");
    }
}

#[test]
fn a_form_where_only_parameters_are_described_is_refused() {
    let described = Described::open(PATHS);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let wrong = "the body must not be a form: the parameters belong in the query";
    let message = described.refuses("POST", "/v1/x/limit?limit=1", &form, b"limit=x");
    assert!(message.contains(wrong), "{message}");
    let large = [b"limit=", b"x".repeat(100_000).as_slice()].concat();
    let message = described.refuses("POST", "/v1/x/limit?limit=1", &form, &large);
    assert!(message.contains(wrong), "{message}");
    described.passes("POST", "/v1/x/limit?limit=1", &form, b"");
    described.passes("POST", "/v1/x/limit?limit=1", &[("Content-Type", "text/plain")], b"limit=x");
}

#[test]
fn it_is_the_same_over_http2() {
    let described =
        Described::open_with(Platform::with().set("gateway.http2_prior_knowledge", "true"), PATHS);
    let mut connection = Http2::open(described.platform.gateway);
    let mut stream = 1;
    let mut call = |target: &str, lines: Lines| {
        let target = format!("/v1/x{target}");
        let lines: Vec<_> = lines.iter().map(|(name, value)| (name.to_ascii_lowercase(), *value)).collect();
        let mut fields = vec![
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "x.example"),
            (":path", target.as_str()),
            ("x-api-key", described.key.as_str()),
        ];
        fields.extend(lines.iter().map(|(name, value)| (name.as_str(), *value)));
        connection.send(frames::last_headers(stream, frames::block(&fields)));
        let answer = connection.outcome(stream).answer();
        stream += 2;
        answer
    };
    for (right, lines, wrong, wrong_lines, expected) in TABLE {
        assert_eq!(call(right, lines).status, 200, "{right}");
        let received = described.upstream.last();
        assert_eq!(received.target, format!("/x{right}"));
        let seen = described.upstream.bytes_seen();
        let refused = call(wrong, wrong_lines);
        assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_request"), "{wrong}");
        assert!(refused.message().contains(expected), "{wrong}: {}", refused.message());
        assert_eq!(described.upstream.bytes_seen(), seen, "{wrong}");
    }
}
