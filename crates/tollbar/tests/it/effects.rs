//! What each code leaves behind: in the rate, in the allowance, at the upstream, in the request log.

use serde_json::{Value, json};
use tollbar_contract::Code;

use crate::support::{Nowhere, Reply, Response, SHOP, Shop, provocative_shop, provoke, wait_until};

/// The effects of one request.
struct Effects {
    /// Taken from the rate.
    rate: u64,
    /// Charged to the allowance, after all that is given back.
    charged: u64,
    reaches_upstream: bool,
    /// The stage that refused; `None` if it was the upstream.
    stage: Option<&'static str>,
    /// The client was identified.
    identified: bool,
    /// The values compared, as support reads them.
    compared: &'static str,
}

fn effects(code: Code) -> Effects {
    // Refused before the rate; free.
    let anonymous = |stage, compared| Effects {
        rate: 0,
        charged: 0,
        reaches_upstream: false,
        stage: Some(stage),
        identified: false,
        compared,
    };
    let free = |stage, compared| Effects { identified: true, ..anonymous(stage, compared) };
    // From stage 13 on.
    let counted = |stage, compared| Effects { rate: 1, ..free(stage, compared) };
    let answered = |charged, compared| Effects {
        charged,
        reaches_upstream: true,
        stage: None,
        ..counted("upstream", compared)
    };
    match code {
        Code::ApiPlatformDisabled => anonymous("platform", "the platform was switched off at 20"),
        Code::MissingCredentials => anonymous("presented", "neither X-API-Key nor Authorization"),
        Code::MalformedCredentials => anonymous("presented", "Authorization is not `Bearer <token>`"),
        Code::InvalidApiKey => anonymous("known", "checksum"),
        Code::ExpiredToken => free("known", "no longer exists"),
        Code::RevokedApiKey => free("revoked", "is revoked since 20"),
        Code::RevokedToken => free("revoked", "is revoked"),
        Code::ClientSuspended => free("standing", "(client_suspended) is suspended"),
        Code::IpNotAllowed => free("address", "127.0.0.1 (peer) is not in [192.0.2.0/24]"),
        Code::CredentialEnvironmentMismatch => free("environment", "a live credential was used on sandbox"),
        Code::ScopeMissing => free("scope", "orders:read is required; in force: [events:read orders:write"),
        Code::ApiAccessDisabled => free("access", "is not enabled for client"),
        Code::ApiWriteScopeNotCommerciallyEnabled => free("write", "POST /v1/orders writes, and client"),
        Code::RateLimitExceeded => free("rate", "1 of 1 requests in 60 s are used (tier one, live)"),
        Code::ApiUsageAllowanceExceeded => {
            counted("allowance", "are used (live); beyond them, requests are blocked")
        }
        Code::EndpointDisabled => free("switch", "endpoint GET /v1/events was switched off at 20"),
        Code::IdempotencyConflict => counted("idempotency", "key `first-order` belongs to request"),
        Code::InvalidRequest => counted("validity", "query parameter \"limit\""),
        Code::InvalidGrant => anonymous("http", "grant_type password"),
        Code::InvalidClient => anonymous("known", "the client_secret is wrong"),
        Code::InvalidScope => free("scope", "cellar:read is not a scope of client"),
        Code::InternalError => answered(0, "answered 500"),
        Code::NotFound => free("endpoint", "no path template matches"),
        Code::MethodNotAllowed => free("endpoint", "DELETE is not among GET, POST"),
        Code::RequestRejected => answered(1, "answered 422"),
    }
}

#[test]
fn each_code_has_its_effects_and_no_others() {
    let shop = provocative_shop();
    for &code in Code::ALL {
        let provoked = provoke(&shop, code);
        let bytes = shop.live.bytes_seen() + shop.sandbox.bytes_seen();
        let response = provoked.send(&shop);
        assert_eq!(response.code(), code.as_str(), "{response:?}");
        let touched = shop.live.bytes_seen() + shop.sandbox.bytes_seen() > bytes;
        provoked.undo(&shop);

        let Effects { rate, charged, reaches_upstream, stage, identified, compared } = effects(code);
        assert_eq!(touched, reaches_upstream, "{code}: the upstream");
        let account = account(&shop, &provoked.client.key);
        assert_eq!(account.rate_used, provoked.primed + rate, "{code}: the rate");
        assert_eq!(account.charged, provoked.primed + charged, "{code}: the allowance");
        let usage = shop.platform.read(&format!("/usage/{}", provoked.client.id));
        assert_eq!(usage["live"]["used"], provoked.primed + charged, "{code}: {usage}");
        assert_eq!(usage["sandbox"]["used"], 0, "{code}");

        let entry = shop.look_up(&response.request_id());
        assert_eq!(entry["code"], code.as_str(), "{entry}");
        assert_eq!(entry["status"], response.status, "{entry}");
        assert_eq!(entry["message"], response.message(), "{entry}");
        assert_eq!(entry["refused_at"], json!(stage), "{entry}");
        assert_eq!(entry["method"], provoked.method, "{entry}");
        assert_eq!(entry["address"], "127.0.0.1", "{entry}");
        let caller = provoked.other_client.as_ref().unwrap_or(&provoked.client.id);
        assert_eq!(entry["client"], json!(identified.then_some(caller)), "{entry}");
        assert_eq!(entry["upstream_status"].is_null(), !reaches_upstream, "{entry}");
        let credential = entry["credential"].as_str().map(|text| text.split(' ').next().unwrap());
        assert_eq!(credential, provoked.credential.as_deref(), "{entry}");
        let last = entry["steps"].as_array().unwrap().last().unwrap();
        assert_eq!(last["stage"], stage.unwrap_or("upstream"), "{entry}");
        assert_eq!(last["passed"], stage.is_none(), "{entry}");
        assert!(last["detail"].as_str().unwrap().contains(compared), "{entry}");
        for secret in &provoked.secrets {
            assert!(!entry.to_string().contains(secret), "{code}: a secret stands in {entry}");
        }
    }
}

#[test]
fn a_refusal_by_policy_names_the_change_behind_it() {
    let shop = provocative_shop();
    for (code, action, detail) in [
        (Code::RevokedApiKey, "key.revoke", ""),
        (Code::RevokedToken, "oauth.revoke", ""),
        (Code::ClientSuspended, "client.suspend", ""),
        (Code::IpNotAllowed, "client.update", "allow_ips [] -> [192.0.2.0/24]"),
        (Code::ScopeMissing, "client.update", "scope -orders:read"),
        (Code::ApiAccessDisabled, "client.update", "access_enabled true -> false"),
        (Code::ApiWriteScopeNotCommerciallyEnabled, "client.update", "write_enabled true -> false"),
        (Code::ApiUsageAllowanceExceeded, "client.update", "allowance"),
        (Code::EndpointDisabled, "switch.off", "Events move to a new machine."),
        (Code::ApiPlatformDisabled, "switch.off", "Moving house until noon."),
    ] {
        let provoked = provoke(&shop, code);
        let entry = shop.look_up(&provoked.send(&shop).request_id());
        provoked.undo(&shop);
        let change = &entry["change_detail"];
        assert_eq!(change["action"], action, "{entry}");
        assert!(change["detail"].as_str().unwrap().contains(detail), "{entry}");
    }
}

struct Account {
    /// Without the question itself.
    rate_used: u64,
    charged: u64,
}

fn account(shop: &Shop, key: &str) -> Account {
    let response = shop.call_as(key, "GET", "/v1/account", &[], b"");
    assert_eq!(response.status, 200, "{response:?}");
    let data = &response.json()["data"];
    let number = |value: &Value| value.as_u64().unwrap();
    Account {
        rate_used: number(&data["rate"]["limit"]) - number(&data["rate"]["remaining"]) - 1,
        charged: number(&data["allowance"]["used"]),
    }
}

#[test]
fn a_later_change_of_something_else_is_not_blamed() {
    let shop = provocative_shop();
    for (code, blamed) in [
        (Code::ClientSuspended, "client.suspend"),
        (Code::IpNotAllowed, "allow_ips"),
        (Code::ScopeMissing, "scope -orders:read"),
        (Code::ApiAccessDisabled, "access_enabled"),
        (Code::ApiWriteScopeNotCommerciallyEnabled, "write_enabled"),
        (Code::ApiUsageAllowanceExceeded, "allowance"),
    ] {
        let provoked = provoke(&shop, code);
        let path = format!("/clients/{}", provoked.client.id);
        shop.platform.change("PATCH", &path, &json!({ "name": format!("{code} renamed"), "add_scopes": [] }));
        let entry = shop.look_up(&provoked.send(&shop).request_id());
        let change = &entry["change_detail"];
        assert!(change.to_string().contains(blamed) && !change.to_string().contains("renamed"), "{entry}");
    }
    // The client has the scope; its key has fewer.
    let client = shop.client("narrow", &json!({}));
    let narrow = json!({ "environment": "live", "scopes": ["events:read"] });
    let made = shop.platform.change("POST", &format!("/clients/{}/keys", client.id), &narrow);
    let response = shop.call_as(made["key"].as_str().unwrap(), "GET", "/v1/orders", &[], b"");
    assert_eq!(response.code(), "scope_missing");
    assert_eq!(shop.look_up(&response.request_id())["change_detail"]["action"], "key.create");
}

#[test]
fn every_5xx_gives_its_unit_back() {
    let shop = provocative_shop();
    let key = &shop.client.key;
    let used = |shop: &Shop| account(shop, key).charged;
    let cut = b"HTTP/1.1 200 OK\r\nContent-".to_vec();
    for reply in [Reply::json(500, "{}"), Reply::json(503, "{}"), Reply::Close, Reply::Raw(cut)] {
        shop.live.answer(move |_| reply.clone());
        let seen = shop.live.bytes_seen();
        let response = shop.get("/v1/orders");
        assert_eq!((response.status, response.code().as_str()), (500, "internal_error"));
        assert!(shop.live.bytes_seen() > seen);
        assert_eq!(used(&shop), 0);
        let response = shop.call("POST", "/v1/orders", &[], b"{}");
        assert_eq!(response.status, 500);
        assert_eq!(used(&shop), 0);
    }
    let nowhere = Nowhere::new();
    let import = json!({ "document": SHOP, "base": "/v2", "upstream": nowhere.url() });
    shop.platform.change("POST", "/apis", &import);
    assert_eq!(shop.get("/v2/orders").code(), "internal_error");
    assert_eq!(used(&shop), 0);
    // What is not a 5xx stays charged.
    for (charged, status) in (1..).zip([200, 302, 400, 404, 409, 429]) {
        shop.live.answer(move |_| Reply::json(status, "{}"));
        assert_eq!(shop.get("/v1/orders").status, status);
        assert_eq!(used(&shop), charged, "{status}");
    }
}

#[test]
fn an_unreachable_upstream_is_recorded_with_its_cause() {
    let shop = provocative_shop();
    let nowhere = Nowhere::new();
    let import = json!({ "document": SHOP, "base": "/v2", "upstream": nowhere.url() });
    shop.platform.change("POST", "/apis", &import);
    let response = shop.get("/v2/orders");
    assert_eq!((response.status, response.header("x-error-source")), (500, Some("gateway")));
    let entry = shop.look_up(&response.request_id());
    assert_eq!(entry["refused_at"], "upstream");
    let cause = entry["steps"].as_array().unwrap().last().unwrap()["detail"].as_str().unwrap();
    assert!(cause.contains("cannot be reached"), "{entry}");
    assert!(
        !response.text().contains("127.0.0.1"),
        "the upstream's address is none of the caller's business"
    );
}

#[test]
fn a_replay_is_free_of_charge_and_takes_from_the_rate() {
    let shop = provocative_shop();
    let post = || shop.call("POST", "/v1/orders", &[("Idempotency-Key", "k1")], b"{}");
    let first = post();
    let seen = shop.live.bytes_seen();
    let replay = post();
    assert_eq!(replay.header("idempotent-replayed"), Some("true"));
    assert_eq!(replay.header("x-original-request-id"), Some(first.request_id().as_str()));
    assert_ne!(replay.request_id(), first.request_id());
    assert_eq!(shop.live.bytes_seen(), seen);
    let account = account(&shop, &shop.client.key);
    assert_eq!((account.rate_used, account.charged), (2, 1));
}

#[test]
fn a_refusal_by_the_rate_does_not_push_the_window_out() {
    let shop = provocative_shop();
    let client = shop.client("slow", &json!({ "tier": "one" }));
    let call = || shop.call_as(&client.key, "GET", "/v1/orders", &[], b"");
    let admitted = call();
    assert_eq!(admitted.status, 200);
    let reset = admitted.number("x-ratelimit-reset");
    let second = || jiff::Timestamp::now().as_second();
    let began = second();
    let refused = |response: &Response| {
        assert_eq!(response.code(), "rate_limit_exceeded");
        assert_eq!(response.number("x-ratelimit-reset"), reset, "refused requests count nothing");
        assert_eq!(response.number("x-ratelimit-remaining"), 0);
        response.number("retry-after")
    };
    let first = refused(&call());
    wait_until("another second has begun", || second() >= began + 2);
    let later = refused(&call());
    assert!(later < first, "the end comes nearer: {first}, then {later}");
}

#[test]
fn polling_a_switched_off_endpoint_costs_nothing() {
    let shop = provocative_shop();
    let provoked = provoke(&shop, Code::EndpointDisabled);
    for _ in 0..20 {
        assert_eq!(provoked.send(&shop).status, 503);
    }
    let account = account(&shop, &provoked.client.key);
    assert_eq!((account.rate_used, account.charged), (0, 0));
}
