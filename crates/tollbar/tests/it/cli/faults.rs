//! What is wrong on a command line, and how it is said.

use serde_json::Value;

use super::{set_up, tollbar, tollbar_in, words};
use crate::support::Upstream;

#[test]
fn a_command_line_that_is_wrong_ends_with_2_and_says_what_is_wrong() {
    let (platform, _upstream) = set_up();
    for (line, said) in [
        ("frobnicate", &["frobnicate"][..]),
        ("client", &["create", "suspend"]),
        ("client craete x", &["craete"]),
        ("client create x --allowance 1", &["--tier"]),
        ("client create x --tier basic", &["--allowance"]),
        ("client create x --tier basic --allowance many", &["--allowance", "many"]),
        ("client create x --tier basic --allowance -1", &["-1"]),
        ("client create x --tier basic --allowance 1 --overage sometimes", &["block", "report"]),
        ("client show", &["CLIENT"]),
        ("client update acme --access maybe", &["maybe", "true"]),
        ("client update acme --scope a --add-scope b", &["--scope", "--add-scope"]),
        ("key create acme", &["--env"]),
        ("key create acme --env prod", &["prod", "live", "sandbox"]),
        ("key create acme --env live --expires soon", &["soon", "90d", "30m"][..1]),
        ("key rotate key_1 --grace 24", &["24", "24h"]),
        ("oauth rotate x --grace=-1h", &["-1h"]),
        ("token revoke", &["TOKEN"]),
        ("token revoke x --client acme", &["--client"]),
        ("tier set gold", &["--rate"]),
        ("tier set gold --rate 99999999999", &["99999999999"]),
        ("switch off", &["platform|category|endpoint"]),
        ("switch off everything", &["everything", "platform"]),
        ("switch off platform --until 5", &["`5`"]),
        ("usage acme --month 2026-13", &["2026-13"]),
        ("usage acme --month november", &["2026-11"]),
        ("request show", &["ID"]),
        ("request show ABCDEF", &["12 characters"]),
        ("request list --code rate_limit", &["rate_limit_exceeded"]),
        ("import shop.yaml", &["--upstream"]),
        ("import shop.yaml --upstream http://h --upstream-errors hide", &["wrap", "pass"]),
        ("serve --gateway", &["--gateway"]),
        ("status --colour", &["--colour"]),
        ("client update acme", &["nothing", "change"]),
        ("key create acme --env live --expires 2020-01-01", &["2020-01-01", "future"]),
        ("token revoke 'not a token'", &["token"]),
        ("tier set gold --rate 0", &["0"]),
        ("switch off category", &["which category"]),
        ("switch off endpoint orders", &["GET /v1/orders/{id}"]),
        ("switch off platform orders", &["category orders"]),
        ("switch off platform --until 2020-01-01", &["future"]),
        ("switch off platform now", &["category now"]),
        ("token revoke abc123", &["22 letters"]),
        ("request list --limit 0", &["1 to 1000"]),
        ("audit --limit 0", &["1 to 1000"]),
        ("client create x --tier basic --allowance 1.000", &["1.000", "100,000"]),
        ("help frobnicate", &["frobnicate"]),
    ] {
        let ended = tollbar(&platform, line);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "`{line}`: {}", ended.err);
        for word in said {
            assert!(ended.err.contains(word), "`{line}` does not say {word}:\n{}", ended.err);
        }
        let ended = tollbar(&platform, &format!("{line} --json"));
        assert_eq!(ended.code, 2, "`{line} --json`: {}", ended.err);
    }
    assert_eq!(platform.read("/clients")["clients"].as_array().unwrap().len(), 1);
    assert_eq!(platform.read("/switches")["switches"], serde_json::json!([]));
}

#[test]
fn what_the_platform_refuses_ends_with_1_and_the_reason_for_people_and_programs() {
    let (platform, upstream) = set_up();
    let url = upstream.url();
    std::fs::write(platform.folder().join("bad.yaml"), "openapi: 3.0.3\npaths:\n  /a: [\n").unwrap();
    let imports = |file: &str| format!("import {file} --upstream {url}");
    let admin = format!("import shop.yaml --upstream http://localhost:{}", platform.admin.port());
    for (line, said) in [
        ("client create acme --tier basic --allowance 1".to_owned(), &["acme", "taken"][..]),
        ("client create b --tier gold --allowance 1".to_owned(), &["gold", "standard"]),
        ("client create b --tier basic --allowance 1 --allow-ip 10.0.0.0/99".to_owned(), &["10.0.0.0/99"]),
        ("client create b --tier basic --allowance 1 --scope 'a b'".to_owned(), &["a b", "scope"]),
        ("client create '' --tier basic --allowance 1".to_owned(), &["name"]),
        ("client show acmee".to_owned(), &["acmee", "acme?"]),
        ("client delete nobody".to_owned(), &["nobody"]),
        ("client update nobody --tier basic".to_owned(), &["nobody"]),
        ("client update acme --tier gold".to_owned(), &["gold"]),
        ("client suspend cl_00000000000".to_owned(), &["cl_00000000000"]),
        ("key create nobody --env live".to_owned(), &["nobody"]),
        ("key create acme --env live --scope payments:write".to_owned(), &["payments:write"]),
        ("key rotate key_none".to_owned(), &["key"]),
        ("key revoke key_none".to_owned(), &["key"]),
        ("oauth create nobody --env live".to_owned(), &["nobody"]),
        ("oauth rotate oc_none".to_owned(), &["client_id"]),
        ("oauth revoke oc_none".to_owned(), &["client_id"]),
        ("switch off category ordres".to_owned(), &["ordres", "orders?"]),
        ("switch off endpoint 'GET /v1/ordrs'".to_owned(), &["GET /v1/orders"]),
        ("usage nobody".to_owned(), &["nobody"]),
        ("request show 0123456789ab".to_owned(), &["0123456789ab"]),
        ("request list --client nobody".to_owned(), &["nobody"]),
        ("api remove /v9".to_owned(), &["/v9", "/v1"]),
        ("api endpoints --base /v9".to_owned(), &["/v9"]),
        (imports("missing.yaml"), &["missing.yaml"]),
        (imports("."), &["."]),
        (imports("bad.yaml"), &["line 3"]),
        ("import shop.yaml --upstream shop".to_owned(), &["upstream", "http://"]),
        (admin, &["Tollbar itself"]),
    ] {
        let ended = tollbar(&platform, &line);
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "`{line}`: {}", ended.err);
        assert!(
            ended.err.starts_with("error: ") && ended.err.lines().count() <= 3,
            "`{line}`: {}",
            ended.err
        );
        for word in said {
            assert!(ended.err.contains(word), "`{line}` does not say {word}: {}", ended.err);
        }
        let ended = tollbar(&platform, &format!("{line} --json"));
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "`{line} --json`");
        let error: Value = serde_json::from_str(&ended.err).unwrap_or_else(|e| panic!("{e}: {}", ended.err));
        let message = error["error"]["message"].as_str().unwrap();
        assert!(said.iter().all(|word| message.contains(word)), "`{line} --json`: {message}");
    }
    assert_eq!(platform.read("/clients")["clients"].as_array().unwrap().len(), 1);
    assert_eq!(platform.read("/switches")["switches"], serde_json::json!([]));
}

#[test]
fn help_is_there_for_every_command() {
    let empty = tempfile::tempdir().unwrap();
    let top = tollbar_in(empty.path(), &["--help"], &[], "").ok();
    for command in [
        "serve", "check", "demo", "tour", "import", "client", "key", "oauth", "token", "tier", "switch",
        "usage", "request",
    ] {
        assert!(top.contains(&format!("\n  {command} ")), "{command} is not in:\n{top}");
        let help = tollbar_in(empty.path(), &[command, "--help"], &[], "").ok();
        assert!(help.contains("Usage: tollbar"), "{command}: {help}");
    }
    for line in [
        "client create",
        "client update",
        "client list",
        "key create",
        "key rotate",
        "oauth create",
        "token revoke",
        "tier set",
        "switch off",
        "switch on",
        "request show",
    ] {
        let arguments = [&words(line)[..], &["--help"]].concat();
        assert!(tollbar_in(empty.path(), &arguments, &[], "").ok().contains("--json"), "{line}");
    }
    let help = tollbar_in(empty.path(), &["help", "client", "create"], &[], "").ok();
    assert!(help.contains("--sandbox-allowance"), "{help}");
    assert!(tollbar_in(empty.path(), &["--version"], &[], "").ok().starts_with("tollbar "));
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0, "help leaves nothing behind");
}

#[test]
fn without_a_server_a_command_says_how_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let none = tollbar_in(folder.path(), &["client", "list"], &[], "");
    assert_eq!(none.code, 1);
    assert!(none.err.contains("tollbar serve") && none.err.contains("tollbar-data"), "{}", none.err);
    // What was left by one that was killed is told apart from one that runs.
    let (platform, _upstream) = set_up();
    let left = folder.path().join("left");
    std::fs::create_dir(&left).unwrap();
    for name in ["running.json", "operator-token"] {
        std::fs::copy(platform.data().join(name), left.join(name)).unwrap();
    }
    drop(platform);
    let ended = tollbar_in(folder.path(), &["status", "--data", "left"], &[], "");
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("has ended without a word"), "{}", ended.err);
    // Something else may have the port by now: it is not given the operator token.
    let stranger = Upstream::start();
    let text = std::fs::read_to_string(left.join("running.json")).unwrap();
    let mut running: Value = serde_json::from_str(&text).unwrap();
    running["admin"] = stranger.url().into();
    std::fs::write(left.join("running.json"), running.to_string()).unwrap();
    stranger.answer(|_| crate::support::Reply::json(404, "<html>"));
    let ended = tollbar_in(folder.path(), &["status", "--data", "left"], &[], "");
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("has ended without a word"), "{}", ended.err);
    assert_eq!(stranger.bytes_seen(), 0);
    // The process runs, and what answers is not its admin API.
    running["pid"] = std::process::id().into();
    running.as_object_mut().unwrap().remove("folder");
    std::fs::write(left.join("running.json"), running.to_string()).unwrap();
    let lock = std::fs::File::create(left.join("lock")).unwrap();
    lock.lock().unwrap();
    let ended = tollbar_in(folder.path(), &["status", "--data", "left"], &[], "");
    assert_eq!(ended.code, 1);
    assert!(ended.err.contains("is it the admin address?"), "{}", ended.err);
}
