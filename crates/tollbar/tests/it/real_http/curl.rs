//! curl, against httpbin and Node.

use std::{
    io::ErrorKind,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::support::{RealServer, gunzip};

use super::site::{Site, in_each_way};

/// What curl saw.
pub(super) struct Curled {
    status: u16,
    version: String,
    /// Of the body.
    sent_bytes: u64,
    /// Every head, interim ones too.
    heads: String,
    body: Vec<u8>,
}

impl Curled {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {}", self.heads))
    }

    fn has(&self, line: &str) -> bool {
        self.heads.lines().any(|found| found.trim_end().eq_ignore_ascii_case(line))
    }
}

/// curl, ready to call `target` as the site wants it.
pub(super) fn curl(site: &Site, target: &str) -> Command {
    let mut command = Command::new("curl");
    command.args(["-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", "40"]);
    command.arg(match (site.http2, site.has_tls()) {
        (true, true) => "--http2",
        (true, false) => "--http2-prior-knowledge",
        (false, _) => "--http1.1",
    });
    if let Some(ca) = site.ca() {
        command.args(["--cacert", &ca]);
    }
    command.arg(site.url("http", target)).stdin(Stdio::null());
    command
}

/// Panics where curl is missing: a test that skips itself tests nothing.
pub(super) fn present<T>(started: std::io::Result<T>) -> T {
    started.unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => panic!("curl is missing: install it (on Debian: apt-get install curl)"),
        _ => panic!("curl cannot be run: {error}"),
    })
}

fn call(site: &Site, target: &str, arguments: &[&str]) -> Curled {
    let key = format!("X-API-Key: {}", site.key);
    call_with(site, target, &[&["--header", &key], arguments].concat())
}

fn call_with(site: &Site, target: &str, arguments: &[&str]) -> Curled {
    let heads = site.platform.folder().join("heads.txt");
    let mut command = curl(site, target);
    command
        .args(arguments)
        .arg("--dump-header")
        .arg(&heads)
        .args(["--write-out", "%{stderr}%{response_code} %{http_version} %{size_upload}"]);
    let output = present(command.output());
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{site}, {target}: {told}");
    let told: Vec<&str> = told.split(' ').collect();
    let heads = std::fs::read_to_string(heads).unwrap();
    let (status, version) = (told[0].parse().unwrap(), told[1].to_owned());
    Curled { status, version, sent_bytes: told[2].parse().unwrap(), heads, body: output.stdout }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..=250).cycle().take(length).collect()
}

/// A file to be sent.
fn file(site: &Site, length: usize) -> String {
    let path = site.platform.folder().join("upload.bin");
    std::fs::write(&path, pattern(length)).unwrap();
    format!("@{}", path.to_str().unwrap())
}

#[test]
fn curl_gets_posts_and_understands() {
    in_each_way(|site| {
        let version = if site.http2 { "2" } else { "1.1" };
        let got = call(site, "/v1/echo?a=%2F&b", &[]);
        assert_eq!((got.status, got.version.as_str()), (200, version), "{site}: {}", got.heads);
        let [target, via] = super::echoed(site);
        assert_eq!((&got.json()["target"], &got.json()["headers"]["via"]), (&target.into(), &via.into()));

        let head = call(site, "/v1/stream/1000?sized", &["--head"]);
        assert!(head.status == 200 && head.has("Content-Length: 1000"), "{site}: {}", head.heads);

        let posted = call(site, "/v1/orders", &["--json", "{\"n\":1}"]);
        assert_eq!((posted.status, posted.json()["text"].as_str()), (200, Some("{\"n\":1}")), "{site}");
        let keyed = ["--json", "{\"n\":2}", "--header", "Idempotency-Key: k"];
        let [first, again] = [call(site, "/v1/orders", &keyed), call(site, "/v1/orders", &keyed)];
        assert_eq!(first.json(), again.json(), "{site}");
        assert!(again.has("Idempotent-Replayed: true"), "{site}: {}", again.heads);

        for (key, target, status, code) in [
            ("", "/v1/echo", 401, "missing_credentials"),
            (site.key.as_str(), "/v1/nowhere", 404, "not_found"),
            (&site.key, "/v1/orders", 405, "method_not_allowed"),
            (&site.key, "/v1/fails", 500, "internal_error"),
        ] {
            let refused = call_with(site, target, &["--header", &format!("X-API-Key: {key}")]);
            assert_eq!((refused.status, &refused.json()["error"]["code"]), (status, &code.into()), "{site}");
            assert!(refused.has(&format!("X-Error-Code: {code}")), "{site}: {}", refused.heads);
        }
    });
}

#[test]
fn curl_sends_what_was_invited_and_nothing_that_is_refused() {
    in_each_way(|site| {
        let file = file(site, 5_000_000);
        let upload =
            ["--data-binary", &file, "--header", "Expect: 100-continue", "--expect100-timeout", "30"];
        let posted = call(site, "/v1/digest", &upload);
        assert_eq!((posted.status, &posted.json()["bytes"]), (200, &5_000_000.into()), "{site}");
        assert_eq!(posted.sent_bytes, 5_000_000, "{site}");
        let version = if site.http2 { "2" } else { "1.1" };
        let interim = posted.heads.lines().next().unwrap();
        assert!(interim.starts_with(&format!("HTTP/{version} 100")), "{site}: {}", posted.heads);

        let refused = call_with(site, "/v1/digest", &upload);
        assert_eq!((refused.status, refused.sent_bytes), (401, 0), "{site}: {}", refused.heads);
        assert_eq!(refused.json()["error"]["code"], "missing_credentials", "{site}");

        let chunked =
            ["--request", "POST", "--upload-file", &file[1..], "--header", "Transfer-Encoding: chunked"];
        let posted = call(site, "/v1/digest", &chunked);
        assert_eq!((posted.status, &posted.json()["bytes"]), (200, &5_000_000.into()), "{site}");
    });
}

#[test]
fn curl_gets_from_httpbin_what_httpbin_says() {
    in_each_way(|site| {
        let httpbin = RealServer::httpbin();
        site.import("/bin", &httpbin);
        let zipped = call(site, "/bin/gzip", &["--header", "Accept-Encoding: gzip"]);
        assert!(zipped.has("Content-Encoding: gzip"), "{site}: {}", zipped.heads);
        let inside: Value = serde_json::from_slice(&gunzip(&zipped.body)).unwrap();
        assert_eq!((&inside["gzipped"], &inside["method"]), (&true.into(), &"GET".into()), "{site}");
        let opened = call(site, "/bin/gzip", &["--compressed"]);
        assert!(opened.has("Content-Encoding: gzip"), "{site}: {}", opened.heads);
        assert_eq!(opened.json()["gzipped"], true, "{site}");
        assert!(opened.json()["headers"]["Accept-Encoding"].as_str().unwrap().contains("gzip"), "{site}");

        let form = ["--form", "name=Grüße", "--form", "file=@-;filename=a.txt"];
        let posted = call(site, "/bin/post", &form);
        assert_eq!((posted.status, &posted.json()["form"]["name"]), (200, &"Grüße".into()), "{site}");
        assert_eq!(posted.json()["files"]["file"], "", "{site}");
    });
}

#[test]
fn curl_downloads_twenty_megabytes() {
    in_each_way(|site| {
        let expected = pattern(20_000_000);
        for target in ["/v1/stream/20000000", "/v1/stream/20000000?sized"] {
            let got = call(site, target, &[]);
            assert_eq!((got.status, got.body.len()), (200, 20_000_000), "{site}: {}", got.heads);
            assert!(got.body == expected, "{site}: other bytes");
        }
    });
}
