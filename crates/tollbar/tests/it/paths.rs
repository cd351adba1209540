//! What is matched is what is forwarded, byte for byte; or it is refused.

use serde_json::json;

use crate::support::{Connection, Described, Reply, Shop, send_raw};

fn raw(shop: &Shop, method: &str, target: &str) -> Vec<u8> {
    let (host, key) = (shop.platform.gateway, &shop.client.key);
    format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {key}\r\n\r\n").into_bytes()
}

#[test]
fn what_is_matched_is_forwarded_byte_for_byte() {
    let shop = Shop::open_keeping_all();
    for (target, endpoint) in [
        ("/orders", "GET /v1/orders"),
        ("/orders?", "GET /v1/orders"),
        ("/orders?limit=5", "GET /v1/orders"),
        ("/orders?limit=5&x=%20%2F&y=[a]{b}|c^`", "GET /v1/orders"),
        ("/orders??a=/b?c//../;x", "GET /v1/orders"),
        ("/orders?%00%ff%0d%0a", "GET /v1/orders"),
        ("/orders/latest", "GET /v1/orders/latest"),
        ("/orders/%6Catest", "GET /v1/orders/latest"),
        ("/%6frders/latest", "GET /v1/orders/latest"),
        ("/orders/Latest", "GET /v1/orders/{id}"),
        ("/orders/a%2Fb", "GET /v1/orders/{id}"),
        ("/orders/a%2fb", "GET /v1/orders/{id}"),
        ("/orders/a%3Fb%23c", "GET /v1/orders/{id}"),
        ("/orders/%C3%A9", "GET /v1/orders/{id}"),
        ("/orders/a;v=1", "GET /v1/orders/{id}"),
        ("/orders/a..b", "GET /v1/orders/{id}"),
        ("/orders/...", "GET /v1/orders/{id}"),
        ("/orders/a:b@c!$&'()*+,=~", "GET /v1/orders/{id}"),
    ] {
        let response = send_raw(shop.platform.gateway, raw(&shop, "GET", &format!("/v1{target}")));
        assert_eq!(response.status, 200, "{target}: {response:?}");
        assert_eq!(shop.live.last().target, target);
        assert_eq!(shop.look_up(&response.request_id())["endpoint"], endpoint, "{target}");
    }
}

#[test]
fn what_two_readers_could_understand_differently_is_refused() {
    let shop = Shop::open();
    for target in [
        "/v1/../v1/orders",
        "/v1/orders/..",
        "/v1/orders/../reports",
        "/v1/./orders",
        "/v1/orders/%2e%2e/reports",
        "/v1/orders/%2e%2e",
        "/v1/orders/.%2E/x",
        "/v1/orders/%2e",
        "/v1/orders/..;/x",
        "/v1/orders/..;a=b",
        "/v1/orders/a%2f..%2flatest",
        "/v1/orders/a%2f%2e%2e",
        "/v1//orders",
        "//v1/orders",
        "/v1/orders//latest",
        "/v1/orders/latest;x",
        "/v1/orders/latest;",
        "/v1/orders;x/latest",
        "/v1/orders/a\\b",
        "/v1/orders/a%5cb",
        "/v1/orders/%5C..%5C",
        "/v1/orders/a%00",
        "/v1/orders/%0d%0aX-Injected:1",
        "/v1/orders/%7f",
        "/v1/orders/%c0%ae%c0%ae",
        "/v1/orders/%c0%af",
        "/v1/orders/%e0%80%ae",
        "/v1/orders/%ff",
        "/v1/orders/%",
        "/v1/orders/%4",
        "/v1/orders/%zz",
        "/v1/orders/%u002e",
        "/v1/orders#x",
        "/v1/orders?a#x",
        "/v1/orders/a<b",
        "/v1/orders/a\"b",
        "/v1/orders/\u{e9}",
        "/v1/orders?a=\u{e9}",
        "/v1/orders?a=\x01",
        "/v1/orders?a=\\",
        "v1/orders",
        "*",
        "http:/v1/orders",
        "ftp://127.0.0.1/v1/orders",
        "http://user@127.0.0.1/v1/orders",
        "http://other.example/v1/orders",
    ] {
        let response = send_raw(shop.platform.gateway, raw(&shop, "GET", target));
        assert_eq!((response.status, response.code().as_str()), (400, "invalid_request"), "{target:?}");
    }
    assert_eq!(shop.live.bytes_seen(), 0);
}

#[test]
fn names_are_compared_byte_for_byte() {
    let shop = Shop::open();
    for target in [
        "/V1/orders",
        "/v1/Orders",
        "/%761/orders",
        "/v%31/orders",
        "/v1%2Forders",
        "/v1/orders/",
        "/v1/orders/latest/",
        "/v1/orders%2F1",
        "/v1/orders%3Flimit=1",
        "/v1",
        "/v1/",
        "/",
        "/orders",
        "/Sandbox/v1/orders",
    ] {
        let response = send_raw(shop.platform.gateway, raw(&shop, "GET", target));
        assert_eq!((response.status, response.code().as_str()), (404, "not_found"), "{target:?}");
    }
    assert_eq!((shop.live.bytes_seen(), shop.sandbox.bytes_seen()), (0, 0));
}

#[test]
fn the_upstreams_path_stands_before_the_rest() {
    let shop = Shop::open();
    for prefix in ["/prefix", "/prefix/", "/a/b%20c", "/"] {
        let upstream = format!("{}{prefix}", shop.live.url());
        shop.import(&json!({ "upstream": upstream }));
        let response = shop.get("/v1/orders/a%2Fb?x=1");
        assert_eq!(response.status, 200, "{prefix}: {response:?}");
        assert_eq!(shop.live.last().target, format!("{}/orders/a%2Fb?x=1", prefix.trim_end_matches('/')));
    }
}

#[test]
fn an_absolute_target_is_its_path_and_its_host_must_be_the_host() {
    let shop = Shop::open();
    let (gateway, key) = (shop.platform.gateway, &shop.client.key);
    let response = send_raw(gateway, raw(&shop, "GET", &format!("http://{gateway}/v1/orders/1?a")));
    assert_eq!(response.status, 200, "{response:?}");
    let received = shop.live.last();
    assert_eq!(received.target, "/orders/1?a");
    assert_eq!(received.header("host"), Some(shop.live.address.to_string().as_str()));
    // A live credential does not reach sandbox through the target's other form.
    let response = send_raw(gateway, raw(&shop, "GET", &format!("http://{gateway}/sandbox/v1/orders")));
    assert_eq!(response.code(), "credential_environment_mismatch");
    let differing =
        format!("GET http://a.example/v1/orders HTTP/1.1\r\nHost: b.example\r\nX-API-Key: {key}\r\n\r\n");
    assert_eq!(send_raw(gateway, differing).code(), "invalid_request");
    for (target, code) in [("*", "invalid_request"), (&*format!("http://{gateway}"), "invalid_request")] {
        assert_eq!(send_raw(gateway, raw(&shop, "OPTIONS", target)).code(), code, "{target}");
    }
    assert_eq!(shop.live.count(), 1);
    assert_eq!(shop.sandbox.bytes_seen(), 0);
}

#[test]
fn the_real_method_decides() {
    let shop = Shop::open();
    let gateway = shop.platform.gateway;
    let reader = shop.client("reader", &json!({ "scopes": ["orders:read"] }));
    let call = |method: &str, headers: &[(&str, &str)]| {
        shop.call_as(&reader.key, method, "/v1/orders/1", headers, b"")
    };
    // HEAD is GET without a body, with GET's scope.
    let head = call("HEAD", &[]);
    assert_eq!((head.status, head.number("content-length")), (200, 11));
    assert_eq!(shop.live.last().method, "HEAD");
    let head =
        shop.call_as(&shop.client("none", &json!({ "scopes": [] })).key, "HEAD", "/v1/orders/1", &[], b"");
    assert_eq!((head.status, head.header("x-error-code")), (403, Some("scope_missing")));
    assert_eq!(call("DELETE", &[]).code(), "scope_missing");
    for method in ["TRACE", "PROPFIND", "get", "Get", "DELETEX"] {
        let response = call(method, &[]);
        assert_eq!((response.status, response.code().as_str()), (405, "method_not_allowed"), "{method}");
        assert_eq!(response.header("allow"), Some("DELETE, GET, HEAD, OPTIONS"), "{method}");
    }
    assert_eq!(send_raw(gateway, raw(&shop, "CONNECT", "127.0.0.1:80")).code(), "invalid_request");
    assert_eq!(send_raw(gateway, raw(&shop, "CONNECT", "/v1/orders/1")).code(), "invalid_request");
    for name in [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "x_http_method_override",
        "X_Method_Override",
    ] {
        assert_eq!(call("GET", &[(name, "DELETE")]).code(), "invalid_request", "{name}");
    }
    let options = call("OPTIONS", &[]);
    assert_eq!((options.status, options.header("allow")), (204, Some("DELETE, GET, HEAD, OPTIONS")));
    assert_eq!(shop.live.count(), 1, "only the first HEAD went on");
}

#[test]
fn an_answer_to_head_leaves_the_connection_in_step() {
    let shop = Shop::open();
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send(raw(&shop, "HEAD", "/v1/orders"));
    let head = connection.receive_to("HEAD");
    assert_eq!((head.status, head.number("content-length")), (200, 11));
    connection.send(raw(&shop, "HEAD", "/v1/nothing"));
    let head = connection.receive_to("HEAD");
    assert_eq!((head.status, head.header("x-error-code")), (404, Some("not_found")));
    connection.send(raw(&shop, "GET", "/v1/orders"));
    assert_eq!(connection.receive().text(), r#"{"ok":true}"#);
}

#[test]
fn answers_without_a_body_leave_the_connection_in_step() {
    let shop = Shop::open();
    let mut connection = Connection::open(shop.platform.gateway);
    for status in [200, 201, 204, 205, 301, 304] {
        shop.live.answer(move |_| Reply::Full { status, headers: vec![], body: vec![] });
        connection.send(raw(&shop, "GET", "/v1/orders"));
        let response = connection.receive();
        assert_eq!((response.status, response.body.len()), (status, 0));
        let length = response.header("content-length");
        assert_eq!(length, if status == 204 || status == 304 { None } else { Some("0") }, "{status}");
        shop.live.answer(|_| Reply::json(200, "{}"));
        connection.send(raw(&shop, "GET", "/v1/orders"));
        assert_eq!(connection.receive().text(), "{}", "after {status}");
    }
}

/// Values in a path in each of its styles, as texts and as lists.
const STYLES: &str = r#"
  /x/text/{id}:
    get: { parameters: [{ name: id, in: path, required: true, schema: { type: string } }] }
  /x/list/{id}:
    get: { parameters: [{ name: id, in: path, required: true, schema: { type: array, maxItems: 2, items: { maxLength: 5 } } }] }
  /x/label/{id}:
    get: { parameters: [{ name: id, in: path, required: true, style: label, explode: true, schema: { type: array, maxItems: 2 } }] }
  /x/matrix/{id}:
    get: { parameters: [{ name: id, in: path, required: true, style: matrix, schema: { type: array, maxItems: 2, items: { maxLength: 5 } } }] }
  /x/spread/{id}:
    get: { parameters: [{ name: id, in: path, required: true, style: matrix, explode: true, schema: { type: array, maxItems: 2 } }] }
  /x/inside/{a}-{b}.json:
    get:
      parameters:
        - { name: a, in: path, required: true, schema: { type: integer } }
        - { name: b, in: path, required: true, schema: { type: string, maxLength: 3 } }
"#;

#[test]
fn what_is_cut_before_it_is_decoded_is_forwarded_byte_for_byte() {
    let described = Described::open(STYLES);
    for target in [
        "/text/a,b;c=d",
        "/text/a%2Cb%3Bc",
        "/text/a%2Fb",
        "/text/%2B+",
        "/list/a,b",
        // Commas that are all encoded are read as commas; beside a raw one, what is encoded cuts nothing.
        "/list/a%2Cb",
        "/list/a,b%2cc",
        "/list/a%2Fb,c%3Bd",
        "/label/.a.b",
        "/label/.a%2Eb.c",
        "/matrix/;id=a,b",
        "/matrix/;id=a%2Cb",
        "/matrix/;id=%3B%2F%3D",
        "/spread/;id=a;id=b",
        "/spread/;id=a%3Bid=b",
        "/inside/7-abc.json",
        "/inside/7-%2D%2E.json",
    ] {
        described.passes("GET", &format!("/v1/x{target}"), &[], b"");
    }
    for target in [
        "/list/a,b,c",
        // To those who drop what follows a semicolon, nothing is left.
        "/list/;a,=",
        "/list/a%2Cb%2cc",
        "/list/a%2Cb%2Cc%2C",
        "/label/a.b",
        "/label/.a.b.c",
        // What stands between values stands there as it is.
        "/label/%2Ea",
        "/matrix/id=a",
        "/matrix/%3Bid=a",
        "/matrix/;id%3Da",
        "/matrix/;ID=a",
        "/matrix/;id=a,b,c",
        "/matrix/;id=a;id=b",
        "/matrix/;id=a;other=b",
        "/spread/;id=a;id=b;id=c",
        "/inside/7-abcd.json",
        "/inside/x-a.json",
        "/text/%2f..%2f",
        "/text/a;/..",
        "/matrix/..;id=a",
        "/label/..",
    ] {
        described.refuses("GET", &format!("/v1/x{target}"), &[], b"");
    }
}
