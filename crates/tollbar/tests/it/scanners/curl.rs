//! curl: what a partner types first, by HTTP/2.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{shops, tool};
use crate::support::{Reply, Shop};

/// One way to come to HTTP/2.
struct Way {
    shop: Shop,
    arguments: Vec<String>,
    base: String,
}

/// An answer as curl saw it.
struct Seen {
    version: String,
    status: u64,
    headers: String,
    body: Vec<u8>,
}

impl Way {
    fn command(&self, target: &str, arguments: &[&str]) -> Command {
        let mut command = tool("curl");
        command.args(["--disable", "--silent", "--show-error", "--max-time", "20", "--dump-header"]);
        command.arg(self.shop.platform.folder().join("head.txt"));
        command.args(["--write-out", "%{stderr}%{json}"]).args(&self.arguments).args(arguments);
        command.arg(format!("{}{target}", self.base));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn call(&self, target: &str, arguments: &[&str], upload: &[u8]) -> Seen {
        let key = format!("X-API-Key: {}", self.shop.client.key);
        self.call_without_key(target, &[&["--header", &key][..], arguments].concat(), upload)
    }

    fn call_without_key(&self, target: &str, arguments: &[&str], upload: &[u8]) -> Seen {
        let mut process = self.command(target, arguments).spawn().unwrap();
        let mut input = process.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                for piece in upload.chunks(10_000) {
                    if input.write_all(piece).is_err() {
                        return;
                    }
                }
            });
            process.wait_with_output().unwrap()
        });
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{target} {arguments:?}: {told}");
        let told: Value = serde_json::from_str(&told).unwrap();
        let headers = std::fs::read_to_string(self.shop.platform.folder().join("head.txt")).unwrap();
        Seen {
            version: told["http_version"].as_str().unwrap().to_owned(),
            status: told["response_code"].as_u64().unwrap(),
            headers: headers.to_ascii_lowercase(),
            body: output.stdout,
        }
    }
}

#[test]
fn curl_is_served_by_http2_over_tls_and_by_prior_knowledge() {
    let (authority, plain, tls) = shops();
    let port = tls.platform.gateway.port();
    let ca_file = authority.path("ca.pem");
    let over_tls = ["--http2", "--cacert", ca_file.to_str().unwrap(), "--resolve"];
    let mut over_tls = over_tls.map(str::to_owned).to_vec();
    over_tls.push(format!("a.test:{port}:127.0.0.1"));
    let base = format!("http://{}", plain.platform.gateway);
    for way in [
        Way { arguments: over_tls, base: format!("https://a.test:{port}"), shop: tls },
        Way { arguments: vec!["--http2-prior-knowledge".to_owned()], base, shop: plain },
    ] {
        try_way(&way);
    }
}

fn try_way(way: &Way) {
    let live = &way.shop.live;
    let assert_served = |seen: &Seen, status: u64| {
        let text = String::from_utf8_lossy(&seen.body);
        assert_eq!((seen.version.as_str(), seen.status), ("2", status), "{} {text}", way.base);
        assert!(seen.headers.contains("\nx-request-id: "), "{}", seen.headers);
    };
    let seen = way.call("/v1/orders?limit=5", &[], b"");
    assert_served(&seen, 200);
    assert_eq!(seen.body, br#"{"ok":true}"#);
    assert_eq!((live.last().method.as_str(), live.last().target.as_str()), ("GET", "/orders?limit=5"));

    let body: Vec<u8> =
        std::iter::once(b'"').chain(std::iter::repeat_n(b'x', 1 << 20)).chain([b'"']).collect();
    let file = way.shop.platform.folder().join("upload");
    std::fs::write(&file, &body).unwrap();
    let data = format!("@{}", file.display());
    let json = ["--header", "Content-Type: application/json"];
    assert_served(&way.call("/v1/orders", &[&json[..], &["--data-binary", &data]].concat(), b""), 200);
    assert!(live.last().body == body, "1 MiB arrives as it was sent");
    // Its length is not known before its end.
    let piped = [&json[..], &["--request", "POST", "--upload-file", "-"]].concat();
    assert_served(&way.call("/v1/orders", &piped, &body), 200);
    assert!(live.last().body == body, "a streamed one too");
    assert_eq!(live.last().header("content-length"), None);

    let large = vec![b'y'; 3 << 20];
    let answer = Reply::Full { status: 200, headers: Vec::new(), body: large.clone() };
    live.answer(move |_| answer.clone());
    let seen = way.call("/v1/orders", &[], b"");
    assert_served(&seen, 200);
    assert!(seen.body == large, "3 MiB arrive as they were sent");
    let seen = way.call("/v1/orders", &["--head"], b"");
    assert_served(&seen, 200);
    assert!(seen.body.is_empty() || seen.body.starts_with(b"HTTP/2"), "{}", seen.headers);
    assert!(seen.headers.contains(&format!("\ncontent-length: {}\r", large.len())), "{}", seen.headers);

    let count = live.count();
    for (arguments, status, code) in [
        (&[][..], 401, "missing_credentials"),
        (&["--header", "X-API-Key: nonsense"], 401, "invalid_api_key"),
    ] {
        let seen = way.call_without_key("/v1/orders", arguments, b"");
        assert_served(&seen, status);
        assert!(seen.headers.contains(&format!("\nx-error-code: {code}\r")), "{}", seen.headers);
        let body: Value = serde_json::from_slice(&seen.body).unwrap();
        assert_eq!((body["success"].as_bool(), body["error"]["code"].as_str()), (Some(false), Some(code)));
    }
    assert_served(&way.call("/v1/nowhere", &[], b""), 404);
    assert_eq!(live.count(), count);
}
