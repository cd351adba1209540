//! The admin listener: who may speak to it, what it may be told, and what it never lets happen to the data plane.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::{Platform, Reply, Response, SHOP, Shop, Upstream, request, send_raw};

mod catalogue;
mod ops;

/// A GET of `/status` with exactly these header lines.
fn status_with(platform: &Platform, lines: &[String]) -> Response {
    let head: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
    send_raw(platform.admin, format!("GET /admin/v1/status HTTP/1.1\r\n{head}Connection: close\r\n\r\n"))
}

fn import(platform: &Platform, fields: &Value) -> Response {
    let mut body = json!({ "document": SHOP, "base": "/v1" });
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    platform.admin("POST", "/apis", Some(&body))
}

fn message(response: &Response) -> String {
    response.json()["error"]["message"].as_str().unwrap().to_owned()
}

#[test]
fn only_the_operator_token_opens_it() {
    let platform = Platform::start();
    let (host, token) = (format!("Host: {}", platform.admin), &platform.token);
    let right = format!("Authorization: Bearer {token}");
    assert_eq!(status_with(&platform, &[host.clone(), right.clone()]).status, 200);
    let shorter = &token[..token.len() - 1];
    for lines in [
        vec![],
        vec!["Authorization: Bearer".to_owned()],
        vec!["Authorization: Bearer ".to_owned()],
        vec![format!("Authorization: Bearer {token}x")],
        vec![format!("Authorization: Bearer {shorter}")],
        vec![format!("Authorization: Bearer {}", token.to_lowercase())],
        vec![format!("Authorization: {token}")],
        vec![format!("Authorization: Basic {token}")],
        vec![format!("Authorization: Bearer  {token}")],
        vec![format!("X-API-Key: {token}")],
        vec![format!("Cookie: token={token}")],
        vec![right.clone(), "Authorization: Bearer other".to_owned()],
        vec!["Authorization: Bearer other".to_owned(), right.clone()],
        vec![right.clone(), right],
    ] {
        let refused = status_with(&platform, &[vec![host.clone()], lines.clone()].concat());
        assert_eq!(refused.status, 401, "{lines:?}: {refused:?}");
        assert!(!refused.text().contains(shorter), "{lines:?}");
    }
    // Before the token is looked at, nobody learns what exists.
    for target in ["/admin/v1/clients", "/admin/v1/nothing", "/", "/metrics", "/admin/v1/status?token=x"] {
        let refused = send_raw(platform.admin, format!("GET {target} HTTP/1.1\r\n{host}\r\n\r\n"));
        assert_eq!(refused.status, 401, "{target}: {refused:?}");
    }
    assert!(!platform.log().contains(token.as_str()), "the token stands in the log");
}

#[test]
fn names_that_a_web_page_can_point_here_are_refused() {
    let platform = Platform::start();
    let port = platform.admin.port();
    let ask = |host: &str| {
        let authorization = format!("Authorization: Bearer {}", platform.token);
        status_with(&platform, &[format!("Host: {host}"), authorization])
    };
    for host in [
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{port}"),
        format!("localhost:{port}"),
        format!("LOCALHOST:{port}"),
        format!("[::1]:{port}"),
    ] {
        assert_eq!(ask(&host).status, 200, "{host}");
    }
    for host in [
        format!("rebound.example:{port}"),
        format!("localhost.rebound.example:{port}"),
        format!("127.0.0.1.rebound.example:{port}"),
        format!("localhost.:{port}"),
        format!("x@127.0.0.1:{port}"),
        "0x7f000001".to_owned(),
        "rebound.example".to_owned(),
        String::new(),
    ] {
        let refused = ask(&host);
        assert!(matches!(refused.status, 400 | 403), "{host}: {refused:?}");
    }
    let authorization = format!("Authorization: Bearer {}", platform.token);
    let two = [format!("Host: 127.0.0.1:{port}"), "Host: rebound.example".to_owned(), authorization.clone()];
    assert!(matches!(status_with(&platform, &two).status, 400 | 403));
    assert!(matches!(status_with(&platform, std::slice::from_ref(&authorization)).status, 400 | 403));
    // The target's own authority is what the server would go by.
    let absolute = format!(
        "GET http://rebound.example/admin/v1/status HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{authorization}\r\n\r\n"
    );
    assert!(matches!(send_raw(platform.admin, absolute).status, 400 | 403));
}

#[test]
fn requests_from_pages_of_other_origins_are_refused_though_the_token_is_right() {
    let platform = Platform::start();
    let own = format!("http://{}", platform.admin);
    let (gateway, host) = (format!("http://{}", platform.gateway), format!("Host: {}", platform.admin));
    let authorization = format!("Authorization: Bearer {}", platform.token);
    let ask = |lines: &[&str]| {
        let mut all = vec![host.clone(), authorization.clone()];
        all.extend(lines.iter().map(|line| (*line).to_owned()));
        status_with(&platform, &all)
    };
    for lines in [
        vec![format!("Origin: {own}")],
        vec!["Sec-Fetch-Site: same-origin".to_owned()],
        vec!["Sec-Fetch-Site: none".to_owned()],
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(ask(&lines).status, 200, "{lines:?}");
    }
    for lines in [
        vec!["Origin: http://rebound.example".to_owned()],
        vec!["Origin: null".to_owned()],
        vec![format!("Origin: {gateway}")],
        vec![format!("Origin: {own}.rebound.example")],
        vec![format!("Origin: {own}"), "Origin: http://rebound.example".to_owned()],
        vec!["Sec-Fetch-Site: cross-site".to_owned()],
        vec!["Sec-Fetch-Site: same-site".to_owned()],
        vec![format!("Origin: {own}"), "Sec-Fetch-Site: cross-site".to_owned()],
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(ask(&lines).status, 403, "{lines:?}");
    }
    // No preflight is ever granted.
    let preflight = send_raw(
        platform.admin,
        format!(
            "OPTIONS /admin/v1/clients HTTP/1.1\r\n{host}\r\nOrigin: http://rebound.example\r\n\
             Access-Control-Request-Method: POST\r\n\r\n"
        ),
    );
    assert_eq!(preflight.status, 403);
    assert_eq!(preflight.header("access-control-allow-origin"), None);
    // What an HTML form can send is not JSON, and changes nothing.
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
    {
        let body = r#"{"rate_per_minute":1}"#;
        let refused = send_raw(
            platform.admin,
            format!(
                "PUT /admin/v1/tiers/basic HTTP/1.1\r\n{host}\r\n{authorization}\r\nContent-Type: {content_type}\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            ),
        );
        assert_eq!(refused.status, 415, "{content_type}: {refused:?}");
    }
    assert_eq!(platform.read("/tiers")["tiers"][0]["rate_per_minute"], 60);
}

#[test]
fn an_upstream_that_is_tollbar_itself_is_refused_however_it_is_written() {
    let platform = Platform::start();
    let hosts = [
        "127.0.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "0.0.0.0",
        "127.0.0.2",
        "127.1",
        "2130706433",
        "0x7f.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:127.0.0.1]",
    ];
    let upstream = Upstream::start();
    for (name, address) in [("gateway", platform.gateway), ("admin", platform.admin), ("ops", platform.ops)] {
        for host in hosts {
            let url = format!("http://{host}:{}/x", address.port());
            for fields in [
                json!({ "upstream": url }),
                json!({ "upstream": url.replace("http:", "https:") }),
                json!({ "upstream": upstream.url(), "sandbox_upstream": url }),
            ] {
                let refused = import(&platform, &fields);
                assert_eq!(refused.status, 400, "{name} {fields}: {refused:?}");
                assert!(message(&refused).contains("points at Tollbar itself"), "{fields}: {refused:?}");
            }
        }
    }
    for url in [
        "ftp://shop.example",
        "shop.example:80",
        "http://",
        "http://:80",
        "http://u:secret@shop.example",
        "https://u:secret@shop.example",
        "https://shop.example:0",
        "http://shop.example:0",
        "http://shop.example:99999",
        "http://shop.example/?a=b",
        "http://shop.example/#x",
        "http://shop.example/a/../b",
        "http://shop example/",
    ] {
        let refused = import(&platform, &json!({ "upstream": url }));
        assert_eq!(refused.status, 400, "{url}: {refused:?}");
        assert!(message(&refused).starts_with("upstream: "), "{url}: {refused:?}");
        assert!(!message(&refused).contains("secret"), "{refused:?}");
    }
    assert_eq!(platform.read("/apis")["apis"], json!([]));
    assert_eq!(import(&platform, &json!({ "upstream": upstream.url() })).status, 201);
}

#[test]
fn what_lies_in_the_data_folder_is_for_its_owner_alone() {
    let shop = Shop::open();
    assert_eq!(shop.get("/v1/orders").status, 200);
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let data = shop.platform.data();
    assert_eq!(mode(&data), 0o700);
    let mut folders = vec![data.clone()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                assert_eq!(mode(&path) & 0o077, 0, "{}", path.display());
                folders.push(path);
            } else {
                assert_eq!(mode(&path) & 0o077, 0, "{}: {:o}", path.display(), mode(&path));
                files += 1;
            }
        }
    }
    assert!(files >= 4, "the folder is not where it is looked for");
    for name in ["operator-token", "master-secret"] {
        assert_eq!(mode(&data.join(name)), 0o600, "{name}");
    }
    // The token stays what it is, and no two platforms have the same.
    let token = shop.platform.token.clone();
    let shop = shop.platform.stop_and_restart();
    assert_eq!(shop.token, token);
    assert_ne!(Platform::start().token, token);
    assert!(token.len() >= 32, "{token}");
}

/// The sentences are made of what other rooms record: this is where their wording meets.
#[test]
fn a_sentence_tells_what_the_code_alone_does_not() {
    let shop = Shop::open_keeping_all();
    let sentence =
        |response: &Response| shop.look_up(&response.request_id())["sentence"].as_str().unwrap().to_owned();
    let post = || shop.call("POST", "/v1/orders", &[("Idempotency-Key", "one")], br#"{"item":"tea"}"#);
    let first = post().request_id();
    let said = sentence(&post());
    assert!(said.contains(&format!("this repeats the answer to your request {first}")), "{said}");

    shop.live.answer(|_| Reply::json(503, "{}"));
    let said = sentence(&shop.get("/v1/orders"));
    assert!(said.contains("the API behind our gateway answered with an error of its own"), "{said}");

    let bearer = format!("Bearer {}", shop.client.key);
    let refused = request(shop.platform.gateway, "GET", "/v1/orders", &[("Authorization", &bearer)], b"");
    let said = sentence(&refused);
    assert!(said.contains("send the key as X-API-Key") && !said.contains(&shop.client.key), "{said}");

    shop.import(&json!({ "sandbox_upstream": null }));
    let refused = shop.call_as(&shop.client.sandbox_key, "GET", "/sandbox/v1/orders", &[], b"");
    assert_eq!(refused.code(), "not_found");
    let said = sentence(&refused);
    assert!(said.contains("the API has no sandbox environment here"), "{said}");
}
