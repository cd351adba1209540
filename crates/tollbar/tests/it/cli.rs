//! The command line against a running platform: what it prints, for people and for programs, and how it ends.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::support::{Platform, SHOP, Shop, Upstream, request};

mod faults;
mod look_up;
mod printing;
mod serving;

/// How a command ended.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(!err.contains("panicked"), "{err}");
        Self { code: output.status.code().unwrap(), out: String::from_utf8(output.stdout).unwrap(), err }
    }
}

impl Ended {
    /// What was printed, after checking that all went well.
    fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        assert_eq!(self.err, "");
        // Nobody wants colours in a pipe.
        assert!(!self.out.contains('\u{1b}'), "{}", self.out);
        self.out
    }
}

/// Words in a line; `{x}` is one argument as a whole.
fn tollbar(platform: &Platform, line: &str) -> Ended {
    platform.run(&words(line)).into()
}

fn json(platform: &Platform, line: &str) -> Value {
    let text = tollbar(platform, &format!("{line} --json")).ok();
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{line}: not JSON ({e}): {text}"))
}

/// Splits at spaces, but not inside of '...'.
fn words(line: &str) -> Vec<&str> {
    let parts = line.split('\'').enumerate();
    parts
        .flat_map(|(n, part)| match n % 2 {
            0 => part.split_whitespace().collect::<Vec<_>>(),
            _ => vec![part],
        })
        .collect()
}

/// The binary by itself, in a folder, with standard input.
fn tollbar_in(folder: &Path, arguments: &[&str], variables: &[(&str, &str)], input: &str) -> Ended {
    let mut process = Command::new(env!("CARGO_BIN_EXE_tollbar"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended without reading.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    process.wait_with_output().unwrap().into()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// A platform that was set up by nothing but commands, and its upstream.
fn set_up() -> (Platform, Upstream) {
    let (platform, upstream) = (Platform::start(), Upstream::start());
    std::fs::write(platform.folder().join("shop.yaml"), SHOP).unwrap();
    let url = upstream.url();
    json(&platform, &format!("import shop.yaml --upstream {url} --sandbox-upstream {url} --base /v1"));
    json(
        &platform,
        "client create acme --tier standard --allowance 1000 --sandbox-allowance 50 --scope orders:read \
         --scope orders:write,reports:read --write-enabled",
    );
    (platform, upstream)
}

fn call(platform: &Platform, method: &str, target: &str, key: &str) -> crate::support::Response {
    request(platform.gateway, method, target, &[("X-API-Key", key)], b"")
}

#[test]
fn a_platform_is_set_up_and_run_by_commands_alone() {
    let (platform, upstream) = set_up();
    let created = json(&platform, "key create acme --env live --scope orders:read --expires 90d");
    let (id, key) = (text(&created, "id"), text(&created, "key"));
    assert_eq!(call(&platform, "GET", "/v1/orders", key).status, 200);
    assert_eq!(call(&platform, "POST", "/v1/orders", key).code(), "scope_missing");

    let rotated = json(&platform, &format!("key rotate {id} --grace 0"));
    assert_eq!(call(&platform, "GET", "/v1/orders", key).code(), "revoked_api_key");
    let key = text(&rotated, "key");
    assert_eq!(call(&platform, "GET", "/v1/orders", key).status, 200);
    let graceful = json(&platform, &format!("key rotate {} --grace 24h", text(&rotated, "id")));
    assert_eq!(call(&platform, "GET", "/v1/orders", key).status, 200);
    assert_eq!(call(&platform, "GET", "/v1/orders", text(&graceful, "key")).status, 200);
    let id = text(&graceful, "id");
    assert_eq!(json(&platform, &format!("key revoke {id}"))["state"], "revoked");
    assert_eq!(call(&platform, "GET", "/v1/orders", text(&graceful, "key")).code(), "revoked_api_key");
    let listed = json(&platform, "key list acme");
    assert_eq!(listed["keys"].as_array().unwrap().len(), 3);
    assert!(!listed.to_string().contains(key), "a key is shown once");

    for (line, code) in [
        ("client suspend acme", "client_suspended"),
        ("client resume acme", ""),
        ("client update acme --access false", "api_access_disabled"),
        ("client update acme --access true", ""),
        ("client update acme --remove-scope orders:read", "scope_missing"),
        ("client update acme --add-scope orders:read", ""),
        ("client update acme --allow-ip 203.0.113.0/24", "ip_not_allowed"),
        ("client update acme --clear-allow-ips", ""),
        ("client update acme --allowance 0", "api_usage_allowance_exceeded"),
        ("client update acme --allowance 1000", ""),
        ("switch off platform --message 'Back at six' --until 2h", "api_platform_disabled"),
        ("switch on platform", ""),
        ("switch off category orders --env live", "endpoint_disabled"),
        ("switch on category orders --env live", ""),
        ("switch off endpoint 'GET /v1/orders'", "endpoint_disabled"),
        ("switch on endpoint 'GET /v1/orders'", ""),
        ("tier set standard --rate 1", "rate_limit_exceeded"),
        ("tier set standard --rate 600", ""),
        ("client delete acme", "revoked_api_key"),
    ] {
        tollbar(&platform, line).ok();
        let answer = call(&platform, "GET", "/v1/orders", key);
        let answered = if answer.status == 200 { String::new() } else { answer.code() };
        assert_eq!(answered, code, "{line}");
    }
    assert!(upstream.count() > 0);
}

#[test]
fn a_server_elsewhere_is_reached_with_its_token_from_the_environment_and_never_with_anothers() {
    let shop = Shop::open();
    let platform = &shop.platform;
    let url = format!("http://{}", platform.admin);
    let empty = tempfile::tempdir().unwrap();
    let arguments = ["client", "list", "--json", "--admin", url.as_str()];
    let listed = tollbar_in(empty.path(), &arguments, &[("TOLLBAR_TOKEN", &platform.token)], "").ok();
    assert!(listed.contains("acme"));
    let none = tollbar_in(empty.path(), &arguments, &[], "");
    assert_eq!(none.code, 1);
    assert!(none.err.contains("TOLLBAR_TOKEN"), "{}", none.err);
    let wrong = tollbar_in(empty.path(), &arguments, &[("TOLLBAR_TOKEN", "wrong")], "");
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("operator token") && !wrong.err.contains(&platform.token), "{}", wrong.err);
    // A proxy that happens to be set does not get the token.
    let proxy = Upstream::start();
    let variables = [
        ("TOLLBAR_TOKEN", platform.token.as_str()),
        ("http_proxy", &proxy.url()),
        ("HTTP_PROXY", &proxy.url()),
        ("ALL_PROXY", &proxy.url()),
    ];
    tollbar_in(empty.path(), &arguments, &variables, "").ok();
    assert_eq!(proxy.bytes_seen(), 0);
    // The gateway is not the admin API, and says nothing that could be taken for it.
    let gateway = format!("http://{}", platform.gateway);
    let arguments = ["status", "--admin", gateway.as_str()];
    let mistaken = tollbar_in(empty.path(), &arguments, &[("TOLLBAR_TOKEN", &platform.token)], "");
    assert_eq!(mistaken.code, 1, "{}", mistaken.out);
    assert!(mistaken.err.contains(&gateway), "{}", mistaken.err);
}
