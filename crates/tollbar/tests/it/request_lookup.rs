//! The request look-up as support uses it: one look tells why, lists find what is asked for, what is missing is said so.

use serde_json::{Value, json};
use tollbar_contract::Code;

use crate::support::{Shop, provocative_shop, provoke, send_raw};

mod every_id_once;
mod keeping;
mod lists;
#[cfg(feature = "soak")]
mod long;

/// What the command prints, which must succeed.
fn run(shop: &Shop, arguments: &[&str]) -> String {
    let output = shop.platform.run(arguments);
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    out
}

/// For each code: the stage, and what one look must show of what was compared.
fn expected(code: Code) -> (&'static str, &'static [&'static str]) {
    match code {
        Code::ApiPlatformDisabled => (
            "stage 1 (platform)",
            &["switched off at 20", "in both environments, with no end set", "Moving house"],
        ),
        Code::MissingCredentials => {
            ("stage 2 (presented)", &["neither X-API-Key nor Authorization is present"])
        }
        Code::MalformedCredentials => ("stage 2 (presented)", &["Authorization is not `Bearer <token>`"]),
        Code::InvalidApiKey => ("stage 3 (known)", &["checksum is wrong", "it has 47 characters"]),
        Code::ExpiredToken => ("stage 3 (known)", &["the client of token", "no longer exists", "oc_"]),
        Code::RevokedApiKey => ("stage 4 (revoked)", &["is revoked since 20", "tb_live_", "key.revoke"]),
        Code::RevokedToken => ("stage 4 (revoked)", &["credential oc_", "is revoked", "oauth.revoke"]),
        Code::ClientSuspended => ("stage 5 (standing)", &["is suspended", "client.suspend"]),
        Code::IpNotAllowed => ("stage 6 (address)", &["127.0.0.1 (peer) is not in [192.0.2.0/24]"]),
        Code::CredentialEnvironmentMismatch => {
            ("stage 7 (environment)", &["a live credential was used on sandbox"])
        }
        Code::NotFound => ("stage 8 (endpoint)", &["no path template matches", "/v1/nothing/here"]),
        Code::MethodNotAllowed => ("stage 8 (endpoint)", &["DELETE is not among GET, POST"]),
        Code::ApiAccessDisabled => ("stage 9 (access)", &["is not enabled", "access_enabled true -> false"]),
        Code::ScopeMissing => {
            ("stage 10 (scope)", &["orders:read is required", "the client does not have it", "-orders:read"])
        }
        Code::ApiWriteScopeNotCommerciallyEnabled => {
            ("stage 11 (write)", &["POST /v1/orders writes", "write_enabled true -> false"])
        }
        Code::EndpointDisabled => (
            "stage 12 (switch)",
            &["endpoint GET /v1/events was switched off at", "Events move", "switch.off"],
        ),
        Code::RateLimitExceeded => (
            "stage 13 (rate)",
            &["1 of 1 requests in 60 s are used (tier one, live); one more at 20", "X-RateLimit-Reset"],
        ),
        Code::IdempotencyConflict => (
            "stage 14 (idempotency)",
            &["key `first-order` belongs to request", "What differs: body. Request"],
        ),
        Code::InvalidRequest => ("stage 15 (validity)", &["query parameter \"limit\"", "many"]),
        Code::ApiUsageAllowanceExceeded => (
            "stage 16 (allowance)",
            &["1 of 1 requests of 20", "are used (live); beyond them, requests are blocked"],
        ),
        Code::InvalidGrant => ("stage 0 (http)", &["grant_type password", "(token)"]),
        Code::InvalidClient => {
            ("stage 3 (known)", &["the client_secret is wrong", "the client_id oc_", "of client cl_"])
        }
        Code::InvalidScope => ("stage 10 (scope)", &["cellar:read is not a scope of client", "oc_"]),
        Code::InternalError => ("the API answered 500", &["answered 500 after", "(127.0.0.1:"]),
        Code::RequestRejected => {
            ("the API answered 422", &["answered 422 after", "The order is shipped already"])
        }
    }
}

#[test]
fn one_look_tells_why_for_every_code() {
    // What a conflict is compared with may have been a success.
    let shop = provocative_shop();
    for &code in Code::ALL {
        let provoked = provoke(&shop, code);
        let response = provoked.send(&shop);
        assert_eq!(response.code(), code.as_str(), "{response:?}");
        provoked.undo(&shop);
        let id = response.request_id();
        let shown = run(&shop, &["request", "show", &id]);
        let (stage, words) = expected(code);
        let why = shown.lines().find(|line| line.starts_with("Why: ")).unwrap();
        assert!(why.contains(stage), "{code} does not say {stage}:\n{shown}");
        for word in words.iter().chain(&[code.as_str(), "To copy for the partner:\nYour request"]) {
            assert!(shown.contains(word), "{code} does not say {word}:\n{shown}");
        }
        if let Some(credential) = provoked.credential.as_deref().filter(|_| code != Code::InvalidGrant) {
            assert!(shown.contains(credential), "{code} does not name {credential}:\n{shown}");
        }
        for secret in &provoked.secrets {
            assert!(!shown.contains(secret), "{code}: a secret stands in\n{shown}");
        }
        // The operator's change can be followed.
        let entry = shop.look_up(&id);
        if let Some(change) = entry["change"].as_u64() {
            let command = format!("tollbar audit show {change}");
            assert!(shown.contains(&command), "{shown}");
            let change = run(&shop, &["audit", "show", &change.to_string()]);
            assert!(change.contains(entry["change_detail"]["action"].as_str().unwrap()), "{change}");
        }
    }
}

#[test]
fn what_is_shown_is_what_was_compared_then() {
    let shop = Shop::open_keeping_all();
    let client = shop.client("then", &json!({ "allowance": 10 }));
    let ask = || shop.call_as(&client.key, "GET", "/v1/orders", &[], b"").request_id();
    let ids = [ask(), ask(), ask()];
    let path = format!("/clients/{}", client.id);
    shop.platform.change("PATCH", &path, &json!({ "tier": "basic", "allowance": 2, "overage": "report" }));
    let beyond = ask();
    for (number, id) in (1..).zip(&ids) {
        let detail = |stage: &str| step(&shop.look_up(id), stage);
        assert_eq!(detail("rate"), format!("number {number} of 6000 in 60 s (tier enterprise, live)"));
        assert!(detail("allowance").starts_with(&format!("charged as number {number} of 10 of 20")));
        assert!(detail("known").starts_with(&format!("{} (tb_live_", client.key_id)), "{}", detail("known"));
    }
    let entry = shop.look_up(&beyond);
    assert_eq!(step(&entry, "rate"), "number 4 of 60 in 60 s (tier basic, live)");
    assert!(
        step(&entry, "allowance").ends_with("(live); what is beyond goes on, and is reported"),
        "{entry}"
    );
    assert_eq!(
        entry["credential_hint"],
        json!(&client.key[..12].to_owned()).as_str().unwrap().to_owned() + "..."
    );
}

#[test]
fn a_conflict_says_what_differs() {
    let shop = Shop::open_keeping_all();
    let post = |target: &str, body: &[u8]| {
        shop.call("POST", target, &[("Idempotency-Key", "k1")], body).request_id()
    };
    let first = post("/v1/orders?a=1&b=2", b"{}");
    for (target, body, differs) in [
        ("/v1/orders?b=2&a=1", &b"[]"[..], &["body"][..]),
        ("/v1/orders?a=1", b"{}", &["query"]),
        ("/v1/payments?a=1", b"[]", &["path", "query", "body"]),
    ] {
        let entry = shop.look_up(&post(target, body));
        assert_eq!(entry["code"], "idempotency_conflict", "{entry}");
        assert_eq!(entry["compared_with"]["request_id"], first, "{entry}");
        assert_eq!(entry["compared_with"]["differs"], json!(differs), "{entry}");
        assert!(!entry["sentence"].as_str().unwrap().contains("differs"), "{entry}");
    }
}

#[test]
fn a_key_that_is_narrower_than_its_client_is_named() {
    let shop = Shop::open();
    let narrow = json!({ "environment": "live", "scopes": ["events:read"] });
    let made = shop.platform.change("POST", &format!("/clients/{}/keys", shop.client.id), &narrow);
    let response = shop.call_as(made["key"].as_str().unwrap(), "GET", "/v1/orders", &[], b"");
    let detail = step(&shop.look_up(&response.request_id()), "scope");
    let id = made["id"].as_str().unwrap();
    let expected = format!(
        "orders:read is required; in force: [events:read]; the client has it, and {id} is limited to others"
    );
    assert_eq!(detail, expected);
}

#[test]
fn what_could_not_be_read_is_there_too() {
    let shop = Shop::open_keeping_all();
    for (bytes, word) in [
        (&b"GET /v1/orders HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"[..], "Host"),
        (b"NONSENSE\r\n\r\n", "request line"),
        (
            b"GET /v1/orders HTTP/1.1\r\nHost: a\r\nX-HTTP-Method-Override: DELETE\r\n\r\n",
            "x-http-method-override",
        ),
    ] {
        let response = send_raw(shop.platform.gateway, bytes);
        assert_eq!(response.status, 400);
        let shown = run(&shop, &["request", "show", &response.request_id()]);
        assert!(shown.contains("refused at stage 0 (http)"), "{shown}");
        assert!(shown.to_lowercase().contains(&word.to_lowercase()), "{word}:\n{shown}");
        assert!(shown.contains("Client      not known"), "{shown}");
    }
}

#[test]
fn the_upstreams_time_is_told_apart() {
    let shop = Shop::open_keeping_all();
    let entry = shop.look_up(&shop.get("/v1/orders").request_id());
    let [all, upstream, connect] = ["duration_millis", "upstream_millis", "upstream_connect_millis"]
        .map(|name| entry[name].as_u64().unwrap());
    assert!(connect <= upstream && upstream <= all, "{entry}");
    let keyed = shop.call("POST", "/v1/payments", &[("Idempotency-Key", "k")], b"{}");
    let entry = shop.look_up(&keyed.request_id());
    assert!(entry["upstream_millis"].is_u64(), "{entry}");
    let address = entry["upstream_address"].as_str().unwrap();
    assert!(shop.live.url().ends_with(address), "{entry}");
}

fn step(entry: &Value, stage: &str) -> String {
    let steps = entry["steps"].as_array().unwrap();
    let step = steps.iter().find(|step| step["stage"] == stage);
    step.unwrap_or_else(|| panic!("no {stage} in {entry}"))["detail"].as_str().unwrap().to_owned()
}
