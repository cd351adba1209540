//! The same with more of everything, and for longer: `cargo xtask soak` runs it.

use serde_json::{Value, json};

use super::{
    h2load::load,
    run, shops,
    slowhttptest::{self, MODES, try_mode},
    tool,
};
use crate::support::Shop;

const CONNECTIONS: u64 = 1000;
/// Longer than each of the time limits that end these connections.
const SECONDS: u64 = 60;
const REQUESTS: &str = "200000";

#[test]
fn a_thousand_slow_connections_for_a_minute_in_each_way() {
    let shop = slowhttptest::shop(None);
    for mode in MODES {
        println!("{}: {:?}", mode.name, try_mode(&shop, mode, CONNECTIONS, SECONDS, true).last());
    }
    assert_eq!(shop.get("/v1/orders").status, 200);
}

#[test]
fn two_hundred_thousand_requests_all_succeed_over_tls_and_by_prior_knowledge() {
    let (_authority, mut plain, mut tls) = shops();
    let url = |shop: &Shop, scheme: &str| format!("{scheme}://{}/v1/orders", shop.platform.gateway);
    for (shop, scheme) in [(&mut plain, "http"), (&mut tls, "https")] {
        shop.client = shop.client("heavy", &json!({ "allowance": 1_000_000 }));
        println!("{scheme}: {}", load(shop, &url(shop, scheme), REQUESTS, &[]));
        assert_eq!(shop.used(&shop.client.id), 200_000, "each is counted, and once");
    }
}

#[test]
fn testssl_finds_nothing_either() {
    let (_authority, _, shop) = shops();
    let report = shop.platform.folder().join("testssl.json");
    let mut command = tool("testssl");
    command.env("TERM", "dumb").args(["--quiet", "--color", "0", "--warnings", "off", "--ip", "one"]);
    command.args(["--connect-timeout", "5", "--openssl-timeout", "5", "--jsonfile"]).arg(&report);
    let (_, text) = run(command.arg(shop.platform.gateway.to_string()));
    let findings: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    let findings = findings.as_array().unwrap();
    assert!(findings.len() > 50, "{text}");
    let mut bad = Vec::new();
    for finding in findings {
        let (id, severity) = (finding["id"].as_str().unwrap(), finding["severity"].as_str().unwrap());
        // The certificate was made for this test, by nobody whom the tool trusts, and headers are the API's.
        let is_ours = !["cert", "HSTS", "DNS_CAA"].iter().any(|not_ours| id.starts_with(not_ours));
        // All ciphers are strong: the client takes the one that is quickest for it.
        let is_ours = is_ours && id != "cipher_order";
        if is_ours && matches!(severity, "LOW" | "MEDIUM" | "HIGH" | "CRITICAL") {
            bad.push(finding);
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
}
