//! Documents that are made to cost much, or to reach further than themselves: refused by name, or taken and harmless.
//! Nothing is fetched, the process stays as small as it was, and what was imported before answers as before.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Described, Platform, Response, Shop, Upstream, peak_kib, send_raw};

/// No import of these may take so long: the binary is not optimised here, and other tests run beside it.
const QUICKLY: Duration = Duration::from_secs(15);

/// No request may, either.
const AT_ONCE: Duration = Duration::from_secs(3);

/// What the process may ever take: a document of 32 MiB is in memory several times while it is read.
const MEMORY_KIB: u64 = 1024 * 1024;

/// What a document is answered with.
enum Answer {
    /// 201, whatever it warns of.
    Taken,
    /// 201, with a warning that has these words.
    Warned(&'static str),
    /// 400, with these words.
    Refused(&'static str),
}
use Answer::{Refused, Taken, Warned};

fn paths(paths: &str) -> String {
    format!("openapi: 3.1.0\ninfo: {{ title: Hostile, version: \"1\" }}\npaths:\n{paths}")
}

/// A document with these schemas, the first of which, `A`, is that of a body.
fn schemas(schemas: &Value) -> String {
    json!({
        "openapi": "3.1.0",
        "paths": { "/x": { "post": { "tags": ["x"], "requestBody": { "content": { "application/json": {
            "schema": { "$ref": "#/components/schemas/A" },
        } } } } } },
        "components": { "schemas": schemas },
    })
    .to_string()
}

fn refers_to(target: &str) -> String {
    schemas(&json!({ "A": { "properties": { "a": { "$ref": target } } } }))
}

/// Each level is the one before it, twice.
fn doubled(levels: usize) -> String {
    let level = |n: usize| {
        let one = json!({ "$ref": format!("#/components/schemas/{}", if n == 1 { "B".to_owned() } else { format!("L{}", n - 1) }) });
        (if n == levels { "A".to_owned() } else { format!("L{n}") }, json!({ "allOf": [one, one] }))
    };
    let all: serde_json::Map<String, Value> =
        (1..=levels).map(level).chain([("B".to_owned(), json!({ "type": "object" }))]).collect();
    schemas(&Value::Object(all))
}

fn bomb() -> String {
    let mut text = "openapi: 3.1.0\nx0: &x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let below = vec![format!("*x{}", level - 1); 9].join(", ");
        text.push_str(&format!("x{level}: &x{level} [{below}]\n"));
    }
    text + "paths: { /a: { get: {} } }\n"
}

fn documents(elsewhere: &str) -> Vec<(&'static str, String, Answer)> {
    let long = "d".repeat(20 * 1024 * 1024);
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
    let folded = "^(a[bc]{1,1000}d){1,1000}$";
    vec![
        (
            "a schema that is itself",
            schemas(&json!({ "A": { "$ref": "#/components/schemas/A" } })),
            Refused("circle"),
        ),
        (
            "schemas that are each other",
            schemas(
                &json!({ "A": { "allOf": [{ "$ref": "#/components/schemas/B" }] }, "B": { "anyOf": [{ "$ref": "#/components/schemas/A" }] } }),
            ),
            Warned("refers to itself"),
        ),
        (
            "a tree",
            schemas(&json!({ "A": { "properties": { "a": { "$ref": "#/components/schemas/A" } } } })),
            Taken,
        ),
        ("a remote schema", refers_to(&format!("{elsewhere}/a.json#/A")), Refused("$ref")),
        ("one without a scheme", refers_to(&elsewhere.replace("http:", "")), Refused("$ref")),
        ("a file's URL", refers_to("file:///etc/hostname"), Refused("$ref")),
        ("a file", refers_to("../../../../etc/hostname#/a"), Refused("$ref")),
        ("a remote path", paths(&format!("  /a: {{ $ref: \"{elsewhere}/a\" }}\n")), Refused("$ref")),
        (
            "another dialect",
            schemas(
                &json!({ "A": { "$schema": format!("{elsewhere}/dialect"), "$id": format!("{elsewhere}/a"), "type": "object" } }),
            ),
            Taken,
        ),
        (
            "a pattern that backtracks",
            schemas(&json!({ "A": { "type": "string", "pattern": "(a+)+$" } })),
            Taken,
        ),
        (
            "a pattern that unfolds",
            schemas(&json!({ "A": { "type": "string", "pattern": folded } })),
            Warned("unenforced"),
        ),
        ("one thing, doubled forty times", doubled(40), Refused("held against the same value")),
        ("a bomb", bomb(), Refused("document")),
        ("deep lists", format!("{{\"openapi\":\"3.1.0\",\"x\":{}}}", nested("[", "]")), Refused("document")),
        (
            "deep objects",
            format!("{{\"openapi\":\"3.1.0\",\"x\":{}}}", nested("{\"a\":", "}")),
            Refused("document"),
        ),
        ("deep lists in YAML", paths(&format!("  /a: {}\n", nested("[", "]"))), Refused("document")),
        ("deep objects in YAML", paths(&format!("  /a: {}\n", nested("{a: ", "}"))), Refused("document")),
        ("20 MB of text", paths(&format!("  /a: {{ get: {{ tags: [x], description: {long} }} }}\n")), Taken),
        (
            "20 MB of numbers",
            format!("{{\"openapi\":\"3.1.0\",\"x\":[1{}]}}", ",1".repeat(10 * 1024 * 1024)),
            Refused("document"),
        ),
        ("33 MB", "#".repeat(33 * 1024 * 1024), Refused("32 MiB")),
    ]
}

fn import(platform: &Platform, document: &str, upstream: &str) -> Response {
    let fields = json!({ "document": document, "base": "/hostile", "upstream": upstream });
    platform.admin("POST", "/apis", Some(&fields))
}

/// What was imported before, as it is described.
fn old_endpoints(platform: &Platform) -> Vec<Value> {
    let all = platform.read("/apis/endpoints");
    let all = all.as_array().or_else(|| all["endpoints"].as_array()).unwrap();
    all.iter().filter(|endpoint| endpoint.to_string().contains("/v1/")).cloned().collect()
}

fn assert_answer(name: &str, answer: &Answer, response: &Response) {
    let told = response.json();
    let message = told["error"]["message"].as_str().unwrap_or_default();
    match answer {
        Taken => assert_eq!(response.status, 201, "{name}: {message}"),
        Warned(words) => {
            assert_eq!(response.status, 201, "{name}: {message}");
            assert!(told["warnings"].to_string().contains(words), "{name}: {}", told["warnings"]);
        }
        Refused(words) => {
            assert_eq!(response.status, 400, "{name}: {}", response.text());
            assert!(message.starts_with("document: ") && message.contains(words), "{name}: {message}");
        }
    }
    assert!(message.len() < 2_000, "{name}: {message}");
}

#[test]
fn hostile_documents_are_refused_by_name_or_harmless() {
    let (shop, elsewhere) = (Shop::open(), Upstream::start());
    let before = old_endpoints(&shop.platform);
    assert_eq!(before.len(), 8, "{before:?}");
    let documents = documents(&elsewhere.url());
    for _ in 0..3 {
        for (name, document, answer) in &documents {
            let began = Instant::now();
            let response = import(&shop.platform, document, &shop.live.url());
            assert!(began.elapsed() < QUICKLY, "{name}: {:?}", began.elapsed());
            assert_answer(name, answer, &response);
            assert_eq!(shop.get("/v1/orders/7").status, 200, "after {name}");
        }
    }
    let memory = peak_kib(shop.platform.pid());
    assert!(memory < MEMORY_KIB, "{memory} KiB");
    assert_eq!(old_endpoints(&shop.platform), before);
    let message = shop.get("/v1/orders?limit=500").message();
    assert!(message.contains("\"limit\" must be at most 100"), "{message}");
    assert_eq!(elsewhere.bytes_seen(), 0, "nothing is ever fetched");
}

#[test]
fn bytes_that_are_no_text_are_no_document() {
    let shop = Shop::open();
    let before = shop.platform.read("/apis");
    let body = b"{\"base\":\"/x\",\"upstream\":\"http://127.0.0.1:1\",\"document\":\"openapi: \xff\"}";
    let head = format!(
        "POST /admin/v1/apis HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        shop.platform.admin,
        shop.platform.token,
        body.len()
    );
    let refused = send_raw(shop.platform.admin, [head.as_bytes(), body].concat());
    assert_eq!(refused.status, 400, "{refused:?}");
    let file = shop.platform.folder().join("latin.yaml");
    for bytes in [&b"openapi: 3.0.0\n# caf\xe9\npaths: { /a: { get: {} } }\n"[..], b"\xff\xfeo\0p\0"] {
        std::fs::write(&file, bytes).unwrap();
        let output = shop.platform.run(&["import", file.to_str().unwrap(), "--upstream", &shop.live.url()]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains("must be UTF-8"), "{output:?}");
    }
    assert_eq!(shop.platform.read("/apis"), before);
}

/// A schema, and a value that is made to be hard to hold against it.
const HARD: &str = r#"
  /x/pattern:
    post:
      requestBody: { content: { application/json: { schema: { type: string, pattern: '(a+)+$' } } } }
  /x/query:
    get:
      parameters: [{ name: q, in: query, schema: { type: string, pattern: '^(([a-z])+.)+[A-Z]([a-z])+$' } }]
  /x/unique:
    post:
      requestBody: { content: { application/json: { schema: { type: array, uniqueItems: true, maxItems: 10 } } } }
  /x/choices:
    post:
      requestBody: { content: { application/json: { schema: { $ref: '#/x-tree' } } } }
x-tree:
  oneOf:
    - { type: object, properties: { c: { $ref: '#/x-tree' }, d: { type: integer } }, required: [c] }
    - { type: object, properties: { c: { $ref: '#/x-tree' }, d: { type: string } }, required: [c] }
    - { type: integer }
"#;

#[test]
fn hard_values_are_refused_at_once() {
    let described = Described::open(HARD);
    assert!(described.warnings.is_empty(), "{:?}", described.warnings);
    let json = [("Content-Type", "application/json")];
    let pattern = format!("\"{}!\"", "a".repeat(100_000));
    let unique: Vec<String> = (0..50_000).map(|n| format!("{{\"a\":[{n}]}}")).collect();
    let unique = format!("[{}]", unique.join(","));
    let choices = format!("{}true{}", "{\"c\":".repeat(60), "}".repeat(60));
    let query = format!("/v1/x/query?q={}", "a".repeat(4_000));
    for (method, target, body) in [
        ("POST", "/v1/x/pattern", pattern.as_str()),
        ("GET", query.as_str(), ""),
        ("POST", "/v1/x/unique", unique.as_str()),
        ("POST", "/v1/x/choices", choices.as_str()),
    ] {
        let began = Instant::now();
        let headers = if body.is_empty() { &[][..] } else { &json[..] };
        let message = described.refuses(method, target, headers, body.as_bytes());
        assert!(began.elapsed() < AT_ONCE, "{target}: {:?}", began.elapsed());
        assert!(message.len() < 1_000, "{message}");
    }
    described.passes("POST", "/v1/x/pattern", &json, format!("\"{}\"", "a".repeat(100_000)).as_bytes());
}
