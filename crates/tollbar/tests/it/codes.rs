//! Each code of the contract: provoked, and looked at from outside.

use serde_json::json;
use tollbar_contract::Code;

use crate::support::{
    Platform, Reply, SHOP, Shop, UPSTREAM_DETAIL, UPSTREAM_SECRET, Upstream, get, provocative_shop, provoke,
    request, wait_until,
};

/// What the contract says of an answer with a code.
struct Expected {
    status: u16,
    /// Begins so.
    message: &'static str,
    challenge: Option<&'static str>,
    allow: Option<&'static str>,
    retry_after: Option<std::ops::RangeInclusive<u64>>,
    /// `X-Should-Retry: false`.
    never_retry: bool,
    source: &'static str,
    /// The rate and allowance headers stand on it: from stage 8 on.
    meters: bool,
}

fn refused(status: u16, message: &'static str) -> Expected {
    Expected {
        status,
        message,
        challenge: None,
        allow: None,
        retry_after: None,
        never_retry: false,
        source: "gateway",
        meters: true,
    }
}

fn expected(code: Code) -> Expected {
    let unauthenticated = |message| Expected {
        challenge: Some("Bearer realm=\"api\""),
        meters: false,
        ..refused(401, message)
    };
    let forbidden = |message| Expected { meters: false, ..refused(403, message) };
    match code {
        Code::ApiPlatformDisabled => {
            Expected { retry_after: Some(60..=60), meters: false, ..refused(503, "Moving house until noon.") }
        }
        Code::MissingCredentials => unauthenticated("No X-API-Key header or Authorization: Bearer header"),
        Code::MalformedCredentials => {
            unauthenticated("A credential header was present but could not be parsed")
        }
        Code::InvalidApiKey => unauthenticated("The API key does not match any active key"),
        Code::ExpiredToken => Expected {
            challenge: Some("Bearer realm=\"api\", error=\"invalid_token\""),
            ..unauthenticated("The Bearer token has passed its expiry time.")
        },
        Code::RevokedApiKey => forbidden("The API key has been explicitly revoked."),
        Code::RevokedToken => forbidden("The Bearer token has been explicitly revoked."),
        Code::ClientSuspended => forbidden("Your API client account has been suspended."),
        Code::IpNotAllowed => forbidden("The request originated from an IP address not in your allowlist."),
        Code::CredentialEnvironmentMismatch => {
            forbidden("A live credential was used against a sandbox endpoint")
        }
        Code::ScopeMissing => refused(403, "The endpoint requires the scope orders:read"),
        Code::ApiAccessDisabled => refused(403, "API access has not been enabled for your account."),
        Code::ApiWriteScopeNotCommerciallyEnabled => {
            refused(403, "Write endpoints require enterprise access")
        }
        Code::RateLimitExceeded => Expected {
            retry_after: Some(1..=61),
            ..refused(429, "You have exceeded the per-minute request rate")
        },
        Code::ApiUsageAllowanceExceeded => Expected {
            never_retry: true,
            ..refused(429, "Your monthly request allowance has been exhausted.")
        },
        Code::EndpointDisabled => {
            Expected { retry_after: Some(60..=60), ..refused(503, "Events move to a new machine.") }
        }
        Code::IdempotencyConflict => Expected {
            never_retry: true,
            ..refused(409, "An Idempotency-Key was reused with a different request")
        },
        Code::InvalidRequest => refused(400, "query parameter \"limit\""),
        Code::InvalidGrant => Expected {
            meters: false,
            ..refused(400, "Token endpoint: the grant_type is not client_credentials.")
        },
        Code::InvalidClient => Expected {
            meters: false,
            ..refused(401, "Token endpoint: the client_id/client_secret pair is invalid.")
        },
        Code::InvalidScope => Expected { meters: false, ..refused(400, "The requested scope cellar:read") },
        Code::InternalError => {
            Expected { source: "upstream", ..refused(500, "An unexpected server error occurred.") }
        }
        Code::NotFound => refused(404, "No endpoint of this API has this path."),
        Code::MethodNotAllowed => Expected {
            allow: Some("GET, POST, HEAD, OPTIONS"),
            ..refused(405, "The path exists, but not with this method.")
        },
        Code::RequestRejected => Expected { source: "upstream", ..refused(422, UPSTREAM_DETAIL) },
    }
}

const METERS: [&str; 6] = [
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-allowance-limit",
    "x-allowance-remaining",
    "x-allowance-reset",
];

#[test]
fn each_code_answers_as_the_contract_says() {
    let shop = provocative_shop();
    for &code in Code::ALL {
        let provoked = provoke(&shop, code);
        let before = (shop.live.bytes_seen(), shop.sandbox.bytes_seen());
        let response = provoked.send(&shop);
        let after = (shop.live.bytes_seen(), shop.sandbox.bytes_seen());
        provoked.undo(&shop);

        let expected = expected(code);
        assert_eq!(response.code(), code.as_str(), "{response:?}");
        assert_eq!(response.status, expected.status, "{response:?}");
        assert!(response.message().starts_with(expected.message), "{response:?}");
        assert_eq!(response.json()["meta"]["version"], "v1");
        assert_eq!(response.header("www-authenticate"), expected.challenge, "{response:?}");
        assert_eq!(response.header("allow"), expected.allow, "{response:?}");
        match &expected.retry_after {
            Some(range) => assert!(range.contains(&response.number("retry-after")), "{response:?}"),
            None => assert_eq!(response.header("retry-after"), None, "{response:?}"),
        }
        assert_eq!(
            response.header("x-should-retry"),
            expected.never_retry.then_some("false"),
            "{response:?}"
        );
        assert_eq!(response.header("x-error-source"), Some(expected.source), "{response:?}");
        for name in METERS {
            assert_eq!(response.header(name).is_some(), expected.meters, "{name}: {response:?}");
        }
        // Nothing of an upstream's 500 gets out, and nothing of a refused request gets in.
        assert!(!response.text().contains(UPSTREAM_SECRET));
        assert_eq!(before != after, expected.source == "upstream", "{code} and the upstream");
    }
}

#[test]
fn a_token_past_its_time_is_expired_and_a_new_one_heals() {
    let shop = Shop::open_with(Platform::with().set("tokens.lifetime_seconds", "2"));
    let oauth = shop.oauth(&shop.client.id, "live");
    let bearer = format!("Bearer {}", shop.token(&oauth));
    let call = |bearer: &str| get(shop.platform.gateway, "/v1/orders", &[("Authorization", bearer)]);
    wait_until("the token has expired", || call(&bearer).status != 200);
    let response = call(&bearer);
    assert_eq!((response.status, response.code().as_str()), (401, "expired_token"));
    assert_eq!(call(&format!("Bearer {}", shop.token(&oauth))).status, 200);
}

#[test]
fn invalid_client_is_challenged_only_for_what_it_used() {
    let shop = Shop::open();
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    // nobody:wrong
    let basic = ("Authorization", "Basic bm9ib2R5Ondyb25n");
    for (headers, body, challenge) in [
        (&[form, basic][..], "grant_type=client_credentials", Some("Basic realm=\"oauth\"")),
        (&[form], "grant_type=client_credentials&client_id=nobody&client_secret=wrong", None),
    ] {
        let response = request(shop.platform.gateway, "POST", "/v1/oauth/token", headers, body.as_bytes());
        assert_eq!((response.status, response.code().as_str()), (401, "invalid_client"));
        assert_eq!(response.header("www-authenticate"), challenge);
    }
}

#[test]
fn the_version_is_that_of_the_base() {
    let shop = Shop::open();
    let upstream = Upstream::answering(|_| Reply::json(404, "{}"));
    for base in ["/v2", "/api/v3", "/plain"] {
        let import = json!({ "document": SHOP, "base": base, "upstream": upstream.url() });
        shop.platform.change("POST", "/apis", &import);
    }
    let version = |target: &str, key: &str| {
        let response = get(shop.platform.gateway, target, &[("X-API-Key", key)]);
        response.code();
        response.json()["meta"]["version"].as_str().unwrap().to_owned()
    };
    let key = &shop.client.key;
    for (target, key, expected) in [
        ("/v2/orders", "not-a-key-of-ours", "v2"),
        ("/v2/orders?limit=many", key, "v2"),
        ("/v2/orders/gone", key, "v2"),
        ("/v2/nothing", key, "v2"),
        ("/v2/a//b", key, "v2"),
        ("/sandbox/v2/orders", &shop.client.sandbox_key, "v2"),
        ("/api/v3/nothing", key, "v3"),
        ("/plain/nothing", key, "v1"),
        ("/v1/nothing", key, "v1"),
        ("/v20/orders", key, "v1"),
        ("/elsewhere", key, "v1"),
    ] {
        assert_eq!(version(target, key), expected, "{target}");
    }
    let health = get(shop.platform.gateway, "/v2/health", &[]).json();
    assert_eq!(health["version"], "v2");
}

#[test]
fn retry_after_counts_to_the_end_of_a_switch() {
    let shop = Shop::open();
    let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(600);
    for (target, code) in [
        (json!({ "kind": "category", "name": "events" }), "endpoint_disabled"),
        (json!({ "kind": "platform" }), "api_platform_disabled"),
    ] {
        let switch = json!({ "target": target, "until": until.to_string() });
        shop.platform.change("POST", "/switches", &switch);
        let response = shop.get("/v1/events");
        assert_eq!((response.status, response.code().as_str()), (503, code));
        assert!((540..=600).contains(&response.number("retry-after")), "{response:?}");
    }
}
