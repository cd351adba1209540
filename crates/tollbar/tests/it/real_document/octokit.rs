//! GitHub's own client calls GitHub's document, served by a mock server that holds requests against it: through Tollbar
//! all is as it is without.

use serde_json::{Value, json};

use super::{document, run_json};
use crate::support::{Platform, RealServer, run_node};

const CALLS_MIN: usize = 30;

#[test]
fn githubs_own_client_gets_through_tollbar_what_it_gets_without() {
    let prism = RealServer::prism(&document());
    let platform = Platform::start();
    let file = document();
    let import = ["import", file.to_str().unwrap(), "--base", "/gh", "--upstream", &prism.url()];
    let imported = run_json(&platform, &import);
    let scopes: Vec<&str> =
        imported["scopes"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap()).collect();
    run_json(&platform, &["tier", "set", "bulk", "--rate", "100000"]);
    let create = ["client", "create", "acme", "--tier", "bulk", "--allowance", "100000", "--write-enabled"];
    run_json(&platform, &[&create[..], &["--scope", &scopes.join(",")]].concat());
    let made = run_json(&platform, &["key", "create", "acme", "--env", "live"]);

    let without = run_node("octokit_client.mjs", &json!({ "base": prism.url() }));
    let base = format!("http://{}/gh", platform.gateway);
    let through = run_node("octokit_client.mjs", &json!({ "base": base, "key": made["key"] }));
    let (without, through) = (without.as_array().unwrap(), through.as_array().unwrap());
    assert!(without.len() >= CALLS_MIN, "{}", without.len());
    assert_eq!(without.len(), through.len());
    let mut differences = Vec::new();
    for (without, through) in without.iter().zip(through) {
        assert!(is_success(without), "the mock server itself refuses it: {without}");
        if without != through {
            differences.push(format!("{}\n  without: {without}\n  through: {through}", without["what"]));
        }
    }
    assert!(differences.is_empty(), "{} calls differ:\n{}", differences.len(), differences.join("\n"));
    assert_eq!(platform.read("/usage/acme")["live"]["used"], through.len());
}

fn is_success(call: &Value) -> bool {
    call["status"].as_u64().is_some_and(|status| (200..300).contains(&status))
}
