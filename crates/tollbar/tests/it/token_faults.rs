//! The token endpoint with any number of faults at once: always the first in the order answers.

use serde_json::json;

use crate::support::{Platform, Response, Shop, request};

/// What can be wrong, in the order in which it is checked.
const FAULTS: [(&str, u16); 8] = [
    ("invalid_request", 400),
    ("invalid_grant", 400),
    ("invalid_client", 401),
    ("credential_environment_mismatch", 403),
    ("client_suspended", 403),
    ("ip_not_allowed", 403),
    ("api_access_disabled", 403),
    ("invalid_scope", 400),
];

/// Suspended, address, access: these are the client's, not the request's.
const STANDING: std::ops::Range<usize> = 4..7;

fn post(shop: &Shop, target: &str, form: &str) -> Response {
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    request(shop.platform.gateway, "POST", target, &headers, form.as_bytes())
}

#[test]
fn of_any_number_of_faults_the_first_in_the_order_answers() {
    let shop = Shop::open_with(Platform::with().set("authentication.failures_per_minute", "100000"));
    let mut requests = Vec::new();
    // A client for each combination of what can be wrong with a client.
    for standing in 0..1 << STANDING.len() {
        let is = |bit: usize| standing >> bit & 1 == 1;
        let addresses = if is(1) { json!(["192.0.2.0/24"]) } else { json!([]) };
        let fields = json!({ "allow_ips": addresses, "access_enabled": !is(2) });
        let client = shop.client(&format!("client {standing}"), &fields);
        if is(0) {
            shop.platform.change("POST", &format!("/clients/{}/suspend", client.id), &json!({}));
        }
        let credentials = ["live", "sandbox"].map(|environment| shop.oauth(&client.id, environment));
        for others in 0..1 << (FAULTS.len() - STANDING.len()) {
            let (before, after) = (others % (1 << STANDING.start), others >> STANDING.start);
            let faults = before | standing << STANDING.start | after << STANDING.end;
            requests.push((faults, form(faults, &credentials)));
        }
    }
    assert_eq!(requests.len(), 1 << FAULTS.len());
    for (faults, form) in &requests {
        let response = post(&shop, "/v1/oauth/token", form);
        match (0..FAULTS.len()).find(|fault| has(*faults, *fault)) {
            None => assert_eq!(response.status, 200, "{response:?}"),
            Some(first) => {
                let answer = (response.code(), response.status);
                assert_eq!((answer.0.as_str(), answer.1), FAULTS[first], "{faults:08b} {form}");
            }
        }
    }
}

const fn has(faults: usize, fault: usize) -> bool {
    faults >> fault & 1 == 1
}

/// A request with those of the faults that are a request's.
fn form(faults: usize, credentials: &[(String, String); 2]) -> String {
    let (id, right) = &credentials[usize::from(has(faults, 3))];
    let grant = if has(faults, 1) { "password" } else { "client_credentials" };
    let secret = if has(faults, 2) { "wrong" } else { right };
    let scope = if has(faults, 7) { "orders:read+admin" } else { "orders:read" };
    let duplicate = if has(faults, 0) { "&scope=orders:read" } else { "" };
    format!("grant_type={grant}&client_id={id}&client_secret={secret}&scope={scope}{duplicate}")
}

#[test]
fn a_switch_of_the_platform_stops_tokens_where_it_is_thrown() {
    let shop = Shop::open();
    let [live, sandbox] = ["live", "sandbox"].map(|environment| {
        let (id, secret) = shop.oauth("acme", environment);
        format!("grant_type=client_credentials&client_id={id}&client_secret={secret}")
    });
    let both = || {
        let answers =
            [post(&shop, "/v1/oauth/token", &live), post(&shop, "/sandbox/v1/oauth/token", &sandbox)];
        answers.map(|response| {
            if response.status != 200 {
                assert_eq!(response.code(), "api_platform_disabled");
                assert_eq!(response.number("retry-after"), 60);
            }
            response.status
        })
    };
    let switch = |path: &str, environment: &str| {
        let body = json!({ "target": { "kind": "platform" }, "environment": environment });
        shop.platform.change("POST", path, &body)
    };
    assert_eq!(both(), [200, 200]);
    switch("/switches", "live");
    assert_eq!(both(), [503, 200]);
    switch("/switches/on", "live");
    switch("/switches", "sandbox");
    assert_eq!(both(), [200, 503]);
}
