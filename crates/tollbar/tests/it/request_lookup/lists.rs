//! Finding requests.

use serde_json::{Value, json};

use super::run;
use crate::support::{Reply, Shop};

fn ids(answer: &Value) -> Vec<String> {
    let all = answer["requests"].as_array().unwrap();
    all.iter().map(|entry| entry["request_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_filter_finds_its_own() {
    let shop = Shop::open_keeping_all();
    shop.live.answer(|received| match received.target.as_str() {
        "/orders/broken" => Reply::json(502, "{}"),
        _ => Reply::json(200, "{}"),
    });
    let other = shop.client("other", &json!({}));
    let token_of = shop.oauth(&other.id, "live");
    let token = shop.token(&token_of);
    let bearer = format!("Bearer {token}");
    let id = |key: &str, method: &str, target: &str| shop.call_as(key, method, target, &[], b"").request_id();
    let read = id(&shop.client.key, "GET", "/v1/orders/7");
    let wrong = id(&shop.client.key, "GET", "/v1/orders?limit=x");
    let broken = id(&shop.client.key, "GET", "/v1/orders/broken");
    let sandbox = id(&other.sandbox_key, "GET", "/sandbox/v1/orders/7");
    let gateway = shop.platform.gateway;
    let by_token = crate::support::request(gateway, "GET", "/v1/events", &[("Authorization", &bearer)], b"");
    let by_token = by_token.request_id();
    for (filter, expected) in [
        (&["--client", "other"][..], &[&by_token, &sandbox][..]),
        (&["--code", "invalid_request"], &[&wrong]),
        (&["--status", "5xx"], &[&broken]),
        (&["--status", "400"], &[&wrong]),
        (&["--env", "sandbox"], &[&sandbox]),
        (&["--endpoint", "GET /v1/orders/{id}", "--env", "live"], &[&broken, &read]),
        (&["--endpoint", "get /v1/orders/8", "--status", "2xx", "--env", "live"], &[&read]),
        (&["--credential", &shop.client.key_id], &[&broken, &wrong, &read]),
        (&["--credential", &token_of.0, "--endpoint", "GET /v1/events"], &[&by_token]),
        (&["--client", "other", "--code", "invalid_request"], &[]),
        (&["--address", "192.0.2.1"], &[]),
        (&["--address", "127.0.0.1", "--client", "acme", "--status", "200"], &[&read]),
        (&["--since", "1h", "--client", "acme"], &[&broken, &wrong, &read]),
        (&["--until", "1h"], &[]),
    ] {
        let arguments = [&["request", "list", "--json"], filter].concat();
        let answer: Value = serde_json::from_str(&run(&shop, &arguments)).unwrap();
        let found = ids(&answer);
        // The token's own request is found by its client as well.
        let found: Vec<&String> =
            found.iter().filter(|id| shop.look_up(id)["endpoint"] != "(token)").collect();
        assert_eq!(found, expected, "{filter:?}: {answer}");
    }
    let listed = run(&shop, &["request", "list", "--status", "4xx"]);
    assert!(
        listed.contains("STAGE") && listed.contains("validity") && listed.contains("\"limit\""),
        "{listed}"
    );
    let nothing = run(&shop, &["request", "list", "--endpoint", "GET /v1/ordres"]);
    assert!(
        nothing.starts_with("No request matches.\n\nNote: no endpoint in the catalogue is called"),
        "{nothing}"
    );
}

#[test]
fn pages_are_gone_through_without_a_gap() {
    let shop = Shop::open_keeping_all();
    let sent: Vec<String> = (0..25).map(|_| shop.get("/v1/orders").request_id()).collect();
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let behind = before.as_ref().map_or(String::new(), |id| format!("&before={id}"));
        let page = shop.platform.read(&format!("/requests?client=acme&limit=10{behind}"));
        seen.extend(ids(&page));
        let Some(next) = page["next"].as_str() else { break };
        before = Some(next.to_owned());
    }
    assert_eq!(seen, sent.into_iter().rev().collect::<Vec<_>>());
    let first = run(&shop, &["request", "list", "--limit", "10"]);
    let next = format!("10 shown; --limit N for more, --before {} for those behind them", seen[9]);
    assert!(first.contains(&next), "{first}");
    let behind = run(&shop, &["request", "list", "--limit", "10", "--before", &seen[9]]);
    assert!(behind.contains(&seen[10]) && !behind.contains(&seen[9]), "{behind}");
    let refused = shop.platform.admin("GET", "/requests?before=000000000000", None);
    assert_eq!(refused.status, 400, "{refused:?}");
}

#[test]
fn changes_are_found_by_whom_they_concern() {
    let shop = Shop::open();
    let key = &shop.client.key_id;
    shop.platform.change("POST", &format!("/keys/{key}/revoke"), &json!({}));
    let of_client = run(&shop, &["audit", "--subject", "acme"]);
    assert!(of_client.contains("client.create") && !of_client.contains("key.revoke"), "{of_client}");
    let of_key = run(&shop, &["audit", "--subject", key]);
    assert!(of_key.contains("key.revoke") && !of_key.contains("client.create"), "{of_key}");
    let of_kind = run(&shop, &["audit", "--action", "key", "--since", "1h"]);
    assert!(of_kind.contains("key.create") && of_kind.contains("key.revoke"), "{of_kind}");
    assert_eq!(run(&shop, &["audit", "--action", "ke"]), "No change matches.\n");
    let all = shop.platform.read("/audit?limit=1000");
    let newest = all["entries"][0]["id"].as_u64().unwrap();
    let shown = run(&shop, &["audit", "show", &newest.to_string()]);
    assert!(shown.contains("key.revoke") && shown.contains(key), "{shown}");
    let output = shop.platform.run(&["audit", "show", "99999"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("there is no change 99999"), "{said}");
    assert!(run(&shop, &["audit", "--limit", "1"]).contains("key.revoke"));
}
