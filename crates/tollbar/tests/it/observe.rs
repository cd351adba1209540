//! Answers of an observed upstream reach their clients as they are, and where they differ from the document is counted.

use serde_json::{Value, json};

use crate::{
    streaming::peak_bytes,
    support::{
        Http2, Platform, PlatformBuilder, Reply, Response, Upstream, frames, get, request, wait_until,
    },
};

const DOCUMENT: &str = r#"
openapi: 3.0.3
info: { title: Desk, version: "1" }
paths:
  /orders:
    get:
      tags: [x]
      responses:
        "200":
          description: ok
          headers: { X-Total: { required: true, schema: { type: integer } } }
          content:
            application/json:
              schema:
                type: object
                required: [items]
                properties:
                  items:
                    type: array
                    items: { type: object, properties: { price: { type: number }, token: { type: string } } }
        "204": { description: nothing }
        "404":
          description: nowhere
          content: { application/json: { schema: { type: object, required: [reason] } } }
    post:
      tags: [x]
      responses:
        "201": { description: ok, content: { application/json: { schema: { type: object, required: [id] } } } }
"#;

const RIGHT: &str = r#"{"items":[{"price":1.5,"token":"t"}]}"#;

/// A platform with the API on `/v1`, observed.
struct Desk {
    platform: Platform,
    upstream: Upstream,
    key: String,
}

impl Desk {
    fn open() -> Self {
        Self::open_with(Platform::with(), &json!({}))
    }

    fn open_with(builder: PlatformBuilder, differences: &Value) -> Self {
        let (platform, upstream) = (builder.start(), Upstream::start());
        let mut fields = json!({ "name": "acme", "tier": "enterprise", "allowance": 100_000,
            "scopes": ["x:read", "x:write"], "write_enabled": true });
        let id = platform.change("POST", "/clients", &fields)["id"].as_str().unwrap().to_owned();
        fields = platform.change("POST", &format!("/clients/{id}/keys"), &json!({ "environment": "live" }));
        let desk = Self { platform, upstream, key: fields["key"].as_str().unwrap().to_owned() };
        desk.import("/v1", &json!({ "observe": true, "upstream_errors": "pass" }), differences);
        desk
    }

    fn import(&self, base: &str, fields: &Value, differences: &Value) -> Value {
        let mut body = json!({ "document": DOCUMENT, "base": base, "upstream": self.upstream.url() });
        for (name, value) in fields.as_object().unwrap().iter().chain(differences.as_object().unwrap()) {
            body[name] = value.clone();
        }
        self.platform.change("POST", "/apis", &body)
    }

    fn answers(&self, reply: Reply) {
        self.upstream.answer(move |_| reply.clone());
    }

    fn call(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
        let mut all = vec![("X-API-Key", self.key.as_str())];
        all.extend_from_slice(headers);
        request(self.platform.gateway, method, target, &all, b"")
    }

    fn get(&self) -> Response {
        self.call("GET", "/v1/orders", &[])
    }

    /// What the command says of an endpoint, once so many of its answers are counted: looked at, and not.
    fn observed(&self, name: &str, looked_at: u64, not_looked_at: u64) -> Value {
        let mut found = Value::Null;
        let counts = |one: &Value| (one["looked_at"].as_u64(), one["not_looked_at"].as_u64());
        wait_until(&format!("{looked_at} and {not_looked_at} answers of {name} are counted"), || {
            let all = self.platform.read("/observed");
            found =
                all["endpoints"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned().into();
            let sum = |(one, other): (Option<u64>, Option<u64>)| one.unwrap_or(0) + other.unwrap_or(0);
            sum(counts(&found)) >= looked_at + not_looked_at
        });
        assert_eq!(counts(&found), (Some(looked_at), Some(not_looked_at)), "{found}");
        let output = self.platform.run(&["observe", "--endpoint", name, "--json"]);
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["endpoints"], json!([found]));
        found
    }

    fn differences(&self) -> u64 {
        let text = get(self.platform.ops, "/metrics", &[]).text();
        let lines = text.lines().filter(|line| line.starts_with("tollbar_response_differences_total{"));
        lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    fn told(&self, arguments: &[&str]) -> String {
        let output = self.platform.run(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn orders(body: &str) -> Reply {
    Reply::json(200, body).with_header("X-Total", "1")
}

fn with_type(content_type: &str, body: &[u8]) -> Reply {
    let headers =
        vec![("Content-Type".to_owned(), content_type.to_owned()), ("X-Total".to_owned(), "1".to_owned())];
    Reply::Full { status: 200, headers, body: body.to_vec() }
}

#[test]
fn each_lie_reaches_the_client_as_it_is_and_is_told_with_its_request() {
    let desk = Desk::open();
    let html = "<p>fine</p>";
    let lies = [
        (Reply::json(418, "{}"), "{}", "status 418 is not described"),
        (
            with_type("text/html", html.as_bytes()),
            html,
            r#"header "Content-Type" must be application/json (got "text/html")"#,
        ),
        (
            orders(r#"{"items":[{"price":1},{"price":"s3cr3t"},{"price":"x"}]}"#),
            r#"{"items":[{"price":1},{"price":"s3cr3t"},{"price":"x"}]}"#,
            r#"body field "items[*].price" must be a number (got a string)"#,
        ),
        (
            orders(r#"{"items":[{"token":57371}]}"#),
            r#"{"items":[{"token":57371}]}"#,
            r#"body field "items[*].token" must be a string"#,
        ),
        (Reply::json(200, RIGHT), RIGHT, r#"header "X-Total" is required"#),
        (orders(html), html, "the body is not JSON: a value is missing, or written wrongly"),
        (orders("{}"), "{}", r#"body field "items" is required"#),
        (orders(""), "", "the body is missing"),
        (Reply::json(404, r#"{"code":1}"#), r#"{"code":1}"#, r#"body field "reason" is required"#),
    ];
    let mut requests = Vec::new();
    for (count, (lie, body, said)) in lies.iter().enumerate() {
        desk.answers(lie.clone());
        let answer = desk.get();
        let Reply::Full { status, headers, .. } = lie else { unreachable!() };
        assert_eq!((answer.status, answer.text()), (*status, (*body).to_owned()), "{said}");
        assert_eq!(answer.header("content-type"), Some(headers[0].1.as_str()));
        requests.push((said, answer.request_id()));
        desk.observed("GET /v1/orders", count as u64 + 1, 0);
    }
    let observed = desk.observed("GET /v1/orders", lies.len() as u64, 0);
    assert_eq!(observed["differing"], lies.len());
    let told = observed["differences"].as_array().unwrap();
    assert_eq!(told.len(), lies.len(), "{observed}");
    for (said, request) in requests {
        let one =
            told.iter().find(|one| one["text"] == *said).unwrap_or_else(|| panic!("{said} in {observed}"));
        assert_eq!((&one["count"], &one["last_request"]), (&json!(1), &json!(request)), "{said}");
    }
    assert_eq!(desk.differences(), lies.len() as u64);
    let text = desk.told(&["observe", "--endpoint", "GET", "/v1/orders"]);
    assert!(text.contains("  1 x  status 418 is not described\n"), "{text}");
    // Neither here nor in the log is anything of what the answers said.
    for secret in ["s3cr3t", "57371"] {
        assert!(!text.contains(secret) && !observed.to_string().contains(secret), "{text}");
        assert!(!desk.platform.log().contains(secret));
    }
}

#[test]
fn a_truthful_upstream_differs_in_nothing() {
    let desk = Desk::open();
    desk.answers(orders(RIGHT));
    let answer = desk.get();
    assert_eq!((answer.status, answer.text().as_str()), (200, RIGHT));
    assert_eq!(desk.call("HEAD", "/v1/orders", &[]).status, 200);
    desk.answers(Reply::Full { status: 204, headers: Vec::new(), body: Vec::new() });
    assert_eq!(desk.get().status, 204);
    desk.answers(Reply::json(404, r#"{"reason":"none"}"#));
    assert_eq!(desk.get().status, 404);
    let observed = desk.observed("GET /v1/orders", 4, 0);
    assert_eq!((&observed["differing"], &observed["differences"]), (&json!(0), &json!([])));
    assert_eq!(desk.differences(), 0);
    assert!(desk.told(&["observe"]).contains("GET /v1/orders"));
}

/// As large as may be, and wrong in its last item, so that all of it must be gone through.
fn hard() -> Reply {
    let mut items = r#"{"price":1.5,"token":"t"},"#.repeat(9_900);
    items += r#"{"price":"x"}"#;
    orders(&format!(r#"{{"items":[{items}]}}"#))
}

/// Whether a request is answered while an answer that came before it is still being looked at. There is one thread for
/// requests: if that looked at answers too, it never would be.
fn goes_before_a_hard_answer() -> bool {
    let desk = Desk::open_with(Platform::with().set("gateway.threads", "1"), &json!({}));
    desk.import("/plain", &json!({ "upstream_errors": "pass" }), &json!({}));
    desk.answers(hard());
    assert_eq!(desk.get().status, 200);
    desk.answers(Reply::json(200, "{}"));
    assert_eq!(desk.call("GET", "/plain/orders", &[]).status, 200);
    let is_before = desk.platform.read("/observed")["endpoints"] == json!([]);
    let observed = desk.observed("GET /v1/orders", 1, 0);
    assert_eq!(
        observed["differences"][0]["text"],
        r#"body field "items[*].price" must be a number (got a string)"#
    );
    is_before
}

#[test]
fn an_answer_that_takes_long_to_look_at_holds_nobody_up() {
    // The machine may have halted us for as long as it takes, but hardly each time.
    assert!((0..5).any(|_| goes_before_a_hard_answer()), "requests wait until answers have been looked at");
}

#[test]
fn what_is_too_much_to_look_at_is_counted_as_such() {
    let desk = Desk::open_with(Platform::with().set("gateway.threads", "1"), &json!({}));
    desk.answers(hard());
    for _ in 0..150 {
        assert_eq!(desk.get().status, 200);
    }
    let mut found = Value::Null;
    wait_until("all are counted", || {
        found = desk.platform.read("/observed")["endpoints"][0].clone();
        found["looked_at"].as_u64().unwrap_or(0) + found["not_looked_at"].as_u64().unwrap_or(0) == 150
    });
    assert!(
        found["looked_at"].as_u64().unwrap() > 0 && found["not_looked_at"].as_u64().unwrap() > 0,
        "{found}"
    );
    assert_eq!(found["differing"], found["looked_at"], "{found}");
    let table = desk.told(&["observe"]);
    assert!(table.contains(&found["not_looked_at"].to_string()), "{table}");
}

#[test]
fn what_is_not_observed_is_not_counted() {
    let desk = Desk::open();
    desk.import("/v2", &json!({}), &json!({}));
    assert!(desk.told(&["observe"]).starts_with("No answer was seen yet of what is observed (/v1)."));
    let off = desk.told(&["observe", "--base", "/v2"]);
    assert!(off.starts_with("Answers are not observed (/v2)."), "{off}");
    desk.answers(Reply::json(200, "[]"));
    assert_eq!(desk.call("GET", "/v2/orders", &[]).status, 200);
    assert_eq!(desk.get().status, 200);
    desk.observed("GET /v1/orders", 1, 0);
    assert_eq!(desk.differences(), 1, "the other answer came before, and is not counted");
    let all = desk.platform.read("/observed");
    assert_eq!((&all["observed"], &all["not_observed"]), (&json!(["/v1"]), &json!(["/v2"])));
    assert_eq!(all["endpoints"].as_array().unwrap().len(), 1);
    // Our own errors are nobody's answers.
    assert_eq!(request(desk.platform.gateway, "GET", "/v1/orders", &[], b"").status, 401);
    assert_eq!(desk.call("PUT", "/v1/orders", &[]).status, 405);
    desk.upstream.answer(|_| Reply::Close);
    assert_eq!(desk.get().status, 500);
    desk.answers(orders(RIGHT));
    desk.get();
    desk.observed("GET /v1/orders", 2, 0);
    for (query, said) in [
        ("?base=/v3", "no API's base"),
        ("?endpoint=GET%20/v1/order", "GET /v1/orders"),
        ("?endpoint=orders", "write method and path"),
        ("?base=/v1&endpoint=GET%20/v1/orders", "leave base out"),
    ] {
        let refused = desk.platform.admin("GET", &format!("/observed{query}"), None);
        assert!(refused.status >= 400 && refused.text().contains(said), "{query}: {refused:?}");
    }
}

#[test]
fn a_large_answer_passes_in_pieces_and_is_counted_as_not_looked_at() {
    let desk = Desk::open();
    desk.answers(orders(RIGHT));
    desk.get();
    desk.observed("GET /v1/orders", 1, 0);
    let body = format!(r#"{{"pad":"{}"}}"#, "x".repeat(10 * 1024 * 1024));
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Total: 1\r\n";
    let sized = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let before = peak_bytes(&desk.platform);
    for (count, bytes) in [sized, chunked].into_iter().enumerate() {
        desk.answers(Reply::Raw(bytes.into_bytes()));
        let answer = desk.get();
        assert!(answer.status == 200 && answer.body == body.as_bytes() && !answer.truncated);
        let observed = desk.observed("GET /v1/orders", 1, count as u64 + 1);
        assert_eq!(observed["differing"], 0);
    }
    let grown = peak_bytes(&desk.platform) - before;
    assert!(grown < 6_000_000, "{grown} bytes more");
}

#[test]
fn an_answer_that_cannot_be_read_is_judged_by_its_head() {
    let desk = Desk::open();
    desk.answers(with_type("application/json", b"\x1f\x8b\x08").with_header("Content-Encoding", "gzip"));
    assert_eq!(desk.get().body, b"\x1f\x8b\x08");
    let observed = desk.observed("GET /v1/orders", 0, 1);
    assert_eq!(observed["differing"], 0);
    desk.answers(Reply::json(200, "\u{1}").with_header("Content-Encoding", "br"));
    desk.get();
    let observed = desk.observed("GET /v1/orders", 0, 2);
    assert_eq!(observed["differences"][0]["text"], r#"header "X-Total" is required"#);
}

#[test]
fn an_error_is_looked_at_as_the_upstream_made_it() {
    let desk = Desk::open_with(Platform::with(), &json!({ "upstream_errors": "wrap" }));
    desk.answers(Reply::json(404, r#"{"message":"No such order"}"#));
    let answer = desk.get();
    assert_eq!((answer.code().as_str(), answer.message().as_str()), ("not_found", "No such order"));
    let observed = desk.observed("GET /v1/orders", 1, 0);
    assert_eq!(observed["differences"][0]["text"], r#"body field "reason" is required"#);
    desk.answers(Reply::json(503, "{}"));
    assert_eq!(desk.get().code(), "internal_error");
    let observed = desk.observed("GET /v1/orders", 2, 0);
    assert_eq!(observed["differences"][1]["text"], "status 503 is not described");
}

#[test]
fn a_replay_is_no_second_answer() {
    let desk = Desk::open();
    desk.answers(Reply::json(201, "{}"));
    for _ in 0..3 {
        let answer = desk.call("POST", "/v1/orders", &[("Idempotency-Key", "one")]);
        assert_eq!((answer.status, answer.text().as_str()), (201, "{}"));
    }
    desk.call("POST", "/v1/orders", &[("Idempotency-Key", "two")]);
    let observed = desk.observed("POST /v1/orders", 2, 0);
    assert_eq!(observed["differences"][0]["count"], 2);
    assert_eq!(observed["differences"][0]["text"], r#"body field "id" is required"#);
}

#[test]
fn answers_over_http2_are_looked_at_too() {
    let desk = Desk::open_with(Platform::with().set("gateway.http2_prior_knowledge", "true"), &json!({}));
    desk.answers(orders(r#"{"items":7}"#));
    let mut connection = Http2::open(desk.platform.gateway);
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "x.example"),
        (":path", "/v1/orders"),
        ("x-api-key", desk.key.as_str()),
    ];
    connection.send(frames::last_headers(1, frames::block(&fields)));
    let answer = connection.outcome(1).answer();
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"items":7}"#));
    let observed = desk.observed("GET /v1/orders", 1, 0);
    assert_eq!(observed["differences"][0]["text"], r#"body field "items" must be an array (got an integer)"#);
}

#[test]
fn another_import_keeps_observing_until_it_is_told_not_to_and_counts_anew() {
    let desk = Desk::open();
    desk.answers(Reply::json(418, "{}"));
    desk.get();
    desk.observed("GET /v1/orders", 1, 0);
    // What is known is of the document that was held against them.
    let imported = desk.import("/v1", &json!({ "upstream_errors": "pass" }), &json!({}));
    assert_eq!((&imported["observe"], &imported["differences"]["changed"]), (&json!(true), &json!([])));
    assert_eq!(desk.platform.read("/observed")["endpoints"], json!([]));
    desk.get();
    desk.observed("GET /v1/orders", 1, 0);
    // It is a setting of the API; the counts are the process's.
    let desk = Desk { platform: desk.platform.stop_and_restart(), ..desk };
    assert_eq!(desk.platform.read("/observed")["endpoints"], json!([]));
    assert!(desk.told(&["api", "list"]).contains("OBSERVED"));
    desk.get();
    desk.observed("GET /v1/orders", 1, 0);
    let file = desk.platform.folder().join("desk.yaml");
    std::fs::write(&file, DOCUMENT).unwrap();
    let url = desk.upstream.url();
    let import = ["import", file.to_str().unwrap(), "--base", "/v1", "--upstream", &url];
    assert!(desk.told(&import).contains("Answers are observed"));
    let told = desk.told(&[&import[..], &["--no-observe"]].concat());
    assert!(!told.contains("observed") && told.contains("0 changed; 0 breaking."), "{told}");
    assert!(desk.told(&["observe"]).starts_with("Answers are not observed (/v1)."));
    assert!(desk.told(&[&import[..], &["--observe"]].concat()).contains("Answers are observed"));
    let audit = desk.platform.read("/audit").to_string();
    assert!(audit.contains("answers observed"), "{audit}");
}

#[test]
fn a_document_that_is_wrong_about_answers_can_be_imported_without_them() {
    let desk = Desk::open();
    let wrong = DOCUMENT.replace("{ description: nothing }", "{ $ref: '#/components/responses/None' }");
    let body = |observe: bool| json!({ "document": wrong, "base": "/v1", "upstream": desk.upstream.url(), "observe": observe });
    let refused = desk.platform.admin("POST", "/apis", Some(&body(true)));
    assert_eq!(refused.status, 400, "{refused:?}");
    for said in ["#/components/responses/None", "leads nowhere", "--no-observe"] {
        assert!(refused.text().contains(said), "{refused:?}");
    }
    assert_eq!(desk.get().status, 200, "all is as it was");
    desk.platform.change("POST", "/apis", &body(false));
}
