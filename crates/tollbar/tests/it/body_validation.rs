//! A body that is not as the document says is refused by name, quickly, and nothing reaches the upstream; a right one
//! arrives there byte for byte.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{Connection, Described, Http2, Platform, Shop, frames, get, send_raw, wait_until};

mod hostile;
mod sizes;

const ORDERS: &str = r#"
  /x/orders:
    post:
      requestBody:
        required: true
        content:
          application/json:
            schema: &order
              type: object
              required: [id]
              properties:
                id: { type: string, maxLength: 5 }
                lines:
                  type: array
                  items: { type: object, required: [sku], properties: { sku: { type: string }, count: { type: integer } } }
          application/vnd.order+json: { schema: *order }
          application/x-www-form-urlencoded:
            schema:
              type: object
              required: [name]
              properties: { name: { type: string }, days: { type: array, items: { type: integer } } }
          multipart/form-data:
            schema:
              type: object
              required: [note]
              properties: { note: { type: string, maxLength: 5 }, count: { type: integer }, file: { type: string, format: binary } }
          text/plain: { schema: { type: string, maxLength: 5 } }
  /x/numbers:
    post:
      requestBody: { content: { application/json: { schema: { type: array, items: { type: integer, minimum: 1 } } } } }
  /x/anything:
    post:
      requestBody: { content: { application/json: { schema: {} } } }
  /x/files:
    post:
      requestBody: { content: { application/octet-stream: { schema: { type: string, format: binary } } } }
  /x/documents:
    post:
      requestBody: { content: { application/xml: { schema: *order }, image/*: { schema: { type: string, format: binary } } } }
  /x/trusted:
    post:
      x-tollbar-check-body: false
      requestBody: { required: true, content: { application/json: { schema: *order } } }
  /x/silent:
    get: {}
    post: {}
"#;

const JSON: (&str, &str) = ("Content-Type", "application/json");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const MULTIPART: (&str, &str) = ("Content-Type", "multipart/form-data; boundary=cut");
const TEXT: (&str, &str) = ("Content-Type", "text/plain");

fn part(name: &str, more: &str, content: &str) -> String {
    format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n{content}\r\n")
}

fn multipart(parts: &[String]) -> String {
    parts.concat() + "--cut--\r\n"
}

#[test]
fn a_wrong_field_is_named_and_a_right_body_passes_as_it_is() {
    let described = Described::open(ORDERS);
    let post = "/v1/x/orders";
    for body in [
        "{ \"id\":\"1\",\n \"lines\":[{\"sku\":\"a\",\"count\":1.0}], \"more\": 1e2 }\n",
        "{\"id\":\"\\u00e9\\ud83d\\ude00\"}",
    ] {
        described.passes("POST", post, &[JSON], body.as_bytes());
        described.passes("POST", post, &[("Content-Type", "application/vnd.order+json")], body.as_bytes());
        described.passes(
            "POST",
            post,
            &[("Content-Type", "Application/JSON; charset=\"UTF-8\"")],
            body.as_bytes(),
        );
    }
    for (body, expected) in [
        ("{}", r#"body field "id" is required"#),
        (r#"{"id":"123456"}"#, r#"body field "id""#),
        (r#"{"id":"1","lines":[{"sku":"a"},{"sku":"b"},{}]}"#, r#"body field "lines[2].sku" is required"#),
        (
            r#"{"id":"1","lines":[{"sku":"a","count":1.5}]}"#,
            r#"body field "lines[0].count" must be an integer"#,
        ),
        (
            r#"{"id":"1","lines":[{"sku":"a","Count":1.5}]}"#,
            r#"body field "lines[0].Count" must be written "count""#,
        ),
        ("[]", "the body must be an object"),
        ("{\"id\": \"1\"", "the body is not JSON: it ends too early at line 1, column 10"),
        ("", "the request body is required"),
    ] {
        let message = described.refuses("POST", post, &[JSON], body.as_bytes());
        assert!(message.contains(expected), "{body}: {message}");
    }
}

#[test]
fn a_form_is_held_against_its_description() {
    let described = Described::open(ORDERS);
    let post = "/v1/x/orders";
    described.passes("POST", post, &[FORM], b"name=J%C3%BCrgen+K&days=1&days=2&other=x");
    for (body, expected) in [
        ("name=x&days=1&days=x", "form field \"days"),
        ("days=1", "form field \"name\" is required"),
        ("name=x&Days=x", "form field \"Days\" must be written \"days\""),
    ] {
        let message = described.refuses("POST", post, &[FORM], body.as_bytes());
        assert!(message.contains(expected), "{body}: {message}");
    }
}

#[test]
fn a_multipart_body_is_held_against_its_description() {
    let described = Described::open(ORDERS);
    let post = "/v1/x/orders";
    let file =
        part("file", "; filename=\"a.bin\"\r\nContent-Type: application/octet-stream", "\u{0}\r\n--cu\u{1}");
    let right = multipart(&[part("note", "", "hello"), file.clone(), part("count", "", "3")]);
    described.passes("POST", post, &[MULTIPART], right.as_bytes());
    for (parts, expected) in [
        (vec![part("note", "", "hello!")], "multipart field \"note\""),
        (vec![part("note", "", "a"), part("count", "", "x")], "multipart field \"count\""),
        (vec![file], "multipart field \"note\" is required"),
    ] {
        let message = described.refuses("POST", post, &[MULTIPART], multipart(&parts).as_bytes());
        assert!(message.contains(expected), "{parts:?}: {message}");
    }
    let message =
        described.refuses("POST", post, &[("Content-Type", "multipart/form-data")], right.as_bytes());
    assert!(message.contains("boundary"), "{message}");
}

#[test]
fn a_text_is_held_against_its_description() {
    let described = Described::open(ORDERS);
    described.passes("POST", "/v1/x/orders", &[TEXT], "h\u{e4}llo".as_bytes());
    let message = described.refuses("POST", "/v1/x/orders", &[TEXT], b"hello!");
    assert!(message.contains("the body"), "{message}");
}

#[test]
fn over_http2_it_is_the_same() {
    let described =
        Described::open_with(Platform::with().set("gateway.http2_prior_knowledge", "true"), ORDERS);
    let mut connection = Http2::open(described.platform.gateway);
    let mut stream = 1;
    let mut call = |content_type: &str, body: &str| {
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "x.example"),
            (":path", "/v1/x/orders"),
            ("x-api-key", described.key.as_str()),
            ("content-type", content_type),
        ];
        let head = frames::headers(stream, frames::block(&fields));
        // Cut where it hurts.
        let (one, two) = body.as_bytes().split_at(body.len() / 2);
        connection.send([head, frames::data(stream, one), frames::last_data(stream, two)].concat());
        let answer = connection.outcome(stream).answer();
        stream += 2;
        answer
    };
    let file = part("file", "; filename=\"a\"", "x");
    for (content_type, right, wrong, expected) in [
        (JSON.1, "{\"id\":\"1\"}".to_owned(), "{}".to_owned(), "body field \"id\" is required"),
        (
            JSON.1,
            "{\"id\": \"1\"}".to_owned(),
            "{\"id\":1,\"id\":\"1\"}".to_owned(),
            "body field \"id\" is given twice",
        ),
        (FORM.1, "name=a".to_owned(), "days=1".to_owned(), "form field \"name\" is required"),
        (
            MULTIPART.1,
            multipart(&[part("note", "", "a"), file.clone()]),
            multipart(&[file]),
            "multipart field \"note\" is required",
        ),
    ] {
        assert_eq!(call(content_type, &right).status, 200, "{right}");
        assert_eq!(described.upstream.last().body, right.as_bytes());
        let seen = described.upstream.bytes_seen();
        let refused = call(content_type, &wrong);
        assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_request"), "{wrong}");
        assert!(refused.message().contains(expected), "{wrong}: {}", refused.message());
        assert_eq!(described.upstream.bytes_seen(), seen, "{wrong}");
    }
}

#[test]
fn what_cannot_be_checked_is_said_at_import_and_passes_as_it_is() {
    let described = Described::open(ORDERS);
    let unchecked: Vec<_> = described.warnings.iter().filter(|line| line.contains("unchecked")).collect();
    assert_eq!(
        unchecked,
        [
            "POST /x/documents: bodies of application/xml are passed on unchecked",
            "POST /x/trusted: bodies are passed on unchecked (x-tollbar-check-body: false)",
        ]
    );
    let noise: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    for (target, headers) in [
        ("/v1/x/documents", &[("Content-Type", "application/xml")][..]),
        ("/v1/x/documents", &[("Content-Type", "image/png"), ("Content-Encoding", "gzip")]),
        ("/v1/x/files", &[("Content-Type", "application/octet-stream")]),
        ("/v1/x/files", &[]),
        ("/v1/x/trusted", &[JSON, ("Content-Encoding", "gzip")]),
        ("/v1/x/trusted", &[]),
        // Of these the document does not say that they have a body, nor that they have none.
        ("/v1/x/silent", &[JSON]),
        ("/v1/x/silent", &[]),
    ] {
        described.passes("POST", target, headers, &noise);
        described.passes("POST", target, headers, &noise[..10]);
    }
    described.passes("GET", "/v1/x/silent", &[JSON], b"{");
    let message = described.refuses("POST", "/v1/x/trusted", &[], b"");
    assert_eq!(message, "the request body is required");
}
