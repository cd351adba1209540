//! What TLS is told at the start and while it runs: files, addresses, upstreams. Handshakes stand elsewhere.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Platform, SHOP, Shop, get, wait_until};

pub(crate) mod certificates;

use certificates::{Authority, text};

const FREE: [&str; 8] =
    ["--gateway", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--ops", "127.0.0.1:0", "--data", "data"];

/// How a server ended that could not start: its code, and what it said.
fn refused(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tollbar"))
        .arg("serve")
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.stdout.is_empty() && !said.contains("panicked"), "{said}");
    (output.status.code().unwrap(), said)
}

fn metric(platform: &Platform, name: &str) -> Option<u64> {
    let text = get(platform.ops, "/metrics", &[]).text();
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

fn reloads(platform: &Platform) -> [Option<u64>; 2] {
    ["tollbar_tls_reloads_total", "tollbar_tls_reload_failures_total"].map(|name| metric(platform, name))
}

#[test]
fn plain_http_that_others_can_reach_is_refused_with_what_to_do() {
    let rest = &FREE[2..];
    let flags = [&["--gateway", "0.0.0.0:0"], rest].concat();
    for (arguments, variables) in
        [(flags.as_slice(), &[][..]), (rest, &[("TOLLBAR__GATEWAY__LISTEN", "[::]:0")])]
    {
        let (code, said) = refused(arguments, variables);
        assert_ne!(code, 0);
        for word in ["gateway.listen", "not a loopback", "tls.certificate_files", "gateway.plain_http = true"]
        {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
    // Where a proxy in front is vouched for, and where there is TLS, everyone may come.
    let authority = Authority::new();
    authority.issue("a", &["a.test"]);
    let (certificate, key) = (text(&authority.path("a.pem")), text(&authority.path("a.key")));
    let config = |path: &str| {
        let file = authority
            .write("tollbar.toml", format!("[gateway]\nlisten = \"0.0.0.0:8080\"\n{path}").as_bytes());
        let output = Command::new(env!("CARGO_BIN_EXE_tollbar"))
            .args(["check", "--config", &text(&file)])
            .env_clear()
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(config("plain_http = true"), (true, String::new()));
    let tls = format!("[tls]\ncertificate_files = [\"{certificate}\"]\nkey_files = [\"{key}\"]");
    assert_eq!(config(&tls), (true, String::new()));
    let (ok, said) = config("plain_http = false");
    assert!(!ok && said.contains("tollbar.toml:2: gateway.listen: 0.0.0.0:8080 is not a loopback"), "{said}");
}

#[test]
fn files_that_cannot_be_used_are_named_at_the_start_and_no_key_is_shown() {
    let authority = Authority::new();
    authority.issue("a", &["a.test"]);
    authority.issue("b", &["b.test"]);
    let key = std::fs::read_to_string(authority.path("a.key")).unwrap();
    let secret = key.lines().nth(1).unwrap();
    authority.write("cut.key", &key.as_bytes()[..key.len() - 40]);
    let mangled = key.replace(secret, &format!("!{secret}"));
    authority.write("mangled.key", mangled.as_bytes());
    for (certificate, key, said) in [
        ("missing.pem", "a.key", &["missing.pem", "cannot be read"][..]),
        ("a.pem", "missing.key", &["missing.key", "cannot be read"]),
        ("a.key", "a.key", &["a.key", "no certificate in it"]),
        ("a.pem", "a.pem", &["a.pem", "no private key in it"]),
        ("a.pem", "b.key", &["b.key is not the key of", "a.pem"]),
        ("a.pem", "cut.key", &["cut.key", "damaged or cut off"]),
        ("a.pem", "mangled.key", &["mangled.key", "damaged or cut off"]),
    ] {
        let (certificate, key) = (text(&authority.path(certificate)), text(&authority.path(key)));
        let variables =
            [("TOLLBAR__TLS__CERTIFICATE_FILES", certificate.as_str()), ("TOLLBAR__TLS__KEY_FILES", &key)];
        let (code, error) = refused(&FREE, &variables);
        assert_eq!(code, 1, "{error}");
        for word in said {
            assert!(error.contains(word), "{word}: {error}");
        }
        assert!(!error.contains(secret), "{error}");
    }
    let ca_file = text(&authority.path("a.key"));
    let (code, error) = refused(&FREE, &[("TOLLBAR__UPSTREAM__CA_FILE", &ca_file)]);
    assert!(code == 1 && error.contains("a.key: there is no certificate in it"), "{error}");
}

#[test]
fn with_tls_every_url_of_the_gateway_says_so() {
    let authority = Authority::new();
    authority.issue("a", &["localhost"]);
    let platform = authority.serving(&["a"]).start();
    let url = format!("https://{}", platform.gateway);
    let file =
        |path: &std::path::Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
    assert_eq!(file(&platform.folder().join("ready.json"))["gateway"], url);
    assert_eq!(file(&platform.data().join("running.json"))["gateway"], url);
    assert_eq!(platform.read("/status")["gateway"], url);
    assert!(platform.log().contains(&format!("gateway  {url} ")), "{}", platform.log());
    // Its own listeners speak as before.
    assert_eq!(get(platform.ops, "/readyz", &[]).status, 200);
    let status: Value = serde_json::from_slice(&platform.run(&["status", "--json"]).stdout).unwrap();
    assert_eq!(status["gateway"], url);
}

#[test]
fn a_hangup_ends_no_server() {
    let shop = Shop::open();
    shop.platform.hang_up();
    wait_until("the hangup was noted", || shop.platform.log().contains("no TLS files to be read again"));
    assert_eq!(shop.get("/v1/orders").status, 200);
    assert_eq!(metric(&shop.platform, "tollbar_tls_reloads_total"), None);
    let mut platform = shop.platform;
    platform.hang_up();
    platform.terminate();
    platform.wait_for_end();
}

#[test]
fn a_hangup_takes_new_files_at_once_and_broken_ones_never() {
    let authority = Authority::new();
    authority.issue_until("a", &["a.test"], 2090);
    // Nothing is found by looking: only who is asked.
    let platform = authority.serving(&["a"]).set("tls.reload_seconds", "86400").start();
    let end = |platform: &Platform| {
        let path = text(&authority.path("a.pem"));
        metric(platform, &format!("tollbar_tls_certificate_end_seconds{{file=\"{path}\"}}"))
    };
    let first = end(&platform).unwrap();
    assert_eq!(reloads(&platform), [Some(0), Some(0)]);
    authority.issue_until("a", &["a.test"], 2091);
    platform.hang_up();
    wait_until("the new certificate is in force", || reloads(&platform) == [Some(1), Some(0)]);
    let second = end(&platform).unwrap();
    assert_eq!(second - first, 365 * 24 * 60 * 60);
    let key = std::fs::read_to_string(authority.path("a.key")).unwrap();
    authority.write("a.key", &key.as_bytes()[..key.len() - 40]);
    platform.hang_up();
    wait_until("the broken key was tried", || reloads(&platform) == [Some(1), Some(1)]);
    assert_eq!(end(&platform), Some(second));
    let log = platform.log();
    let line = log.lines().find(|line| line.contains("TLS files cannot be used")).unwrap();
    assert!(line.contains("ERROR") && line.contains("a.key") && line.contains("damaged"), "{line}");
    assert!(!log.contains(key.lines().nth(1).unwrap()), "{log}");
}

#[test]
fn a_changed_file_is_found_without_being_told() {
    let authority = Authority::new();
    authority.issue("a", &["a.test"]);
    let platform = authority.serving(&["a"]).set("tls.reload_seconds", "1").start();
    authority.issue("a", &["a.test"]);
    wait_until("the new certificate is in force", || reloads(&platform) == [Some(1), Some(0)]);
    authority.write("a.pem", b"nonsense");
    wait_until("the broken file was tried", || reloads(&platform) == [Some(1), Some(1)]);
    assert!(platform.log().contains("a.pem: there is no certificate in it"), "{}", platform.log());
}

#[test]
fn certificates_that_end_are_warned_of() {
    let authority = Authority::new();
    authority.issue_until("old", &["old.test"], 2001);
    let platform = authority.serving(&["old"]).start();
    let log = platform.log();
    let line = log.lines().find(|line| line.contains("has expired")).unwrap_or_else(|| panic!("{log}"));
    assert!(line.contains("WARN") && line.contains("old.pem"), "{line}");
}

#[test]
fn an_upstream_that_speaks_tls_is_imported_and_shown_as_such() {
    let authority = Authority::new();
    let platform = Platform::with().set("upstream.ca_file", &text(&authority.path("ca.pem"))).start();
    std::fs::write(platform.folder().join("shop.yaml"), SHOP).unwrap();
    let upstreams = ["--upstream", "https://192.0.2.1/api", "--sandbox-upstream", "https://192.0.2.2:8443"];
    let output = platform.run(&[&["import", "shop.yaml", "--base", "/v1"], &upstreams[..]].concat());
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success() && !err.contains("certificate"), "{out}{err}");
    assert!(out.contains("GET /v1/orders -> https://192.0.2.1/api/orders"), "{out}");
    assert!(out.contains("-> https://192.0.2.2:8443/orders"), "{out}");
    let api = &platform.read("/apis")["apis"][0];
    assert_eq!((&api["upstream"], &api["sandbox_upstream"]), (&json!(upstreams[1]), &json!(upstreams[3])));
}
