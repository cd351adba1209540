//! Rotation of the platform's own secrets: what was issued before goes on, and what is issued after works as well.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use serde_json::{Value, json};

use crate::support::{Platform, Reply, Shop, begin, get, hold, is_replay, post, request, wait_until};

mod master;

/// Everything that was ever issued, as its holders have it.
#[derive(Default)]
struct Issued {
    keys: Vec<String>,
    revoked: Vec<String>,
    oauth: Vec<(String, String)>,
    tokens: Vec<String>,
    answered: Vec<String>,
}

impl Issued {
    /// One more of each.
    fn issue(&mut self, shop: &Shop) {
        let new_key = || {
            let made = shop.platform.change("POST", "/clients/acme/keys", &json!({ "environment": "live" }));
            ["id", "key"].map(|field| made[field].as_str().unwrap().to_owned())
        };
        let ([id, revoked], [_, key]) = (new_key(), new_key());
        shop.platform.change("POST", &format!("/keys/{id}/revoke"), &json!({}));
        self.revoked.push(revoked);
        self.keys.push(key);
        let oauth = shop.oauth("acme", "live");
        self.tokens.push(shop.token(&oauth));
        self.oauth.push(oauth);
        let key = format!("order-{}", self.answered.len());
        assert!(!is_replay(&post(shop, &key)));
        self.answered.push(key);
    }

    /// All of it is as it was.
    fn check(&self, shop: &Shop, when: &str) {
        let gateway = shop.platform.gateway;
        let with_key = |key: &str| get(gateway, "/v1/orders", &[("X-API-Key", key)]);
        for key in self.keys.iter().chain([&shop.client.key]) {
            assert_eq!(with_key(key).status, 200, "{when}");
        }
        for key in &self.revoked {
            assert_eq!(with_key(key).code(), "revoked_api_key", "{when}");
        }
        for token in &self.tokens {
            let bearer = format!("Bearer {token}");
            assert_eq!(get(gateway, "/v1/orders", &[("Authorization", &bearer)]).status, 200, "{when}");
        }
        for (id, secret) in &self.oauth {
            shop.token(&(id.clone(), secret.clone()));
            let wrong = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}x");
            assert_eq!(shop.token_request(&wrong).code(), "invalid_client", "{when}");
        }
        let before = shop.live.count();
        for key in &self.answered {
            let response = post(shop, key);
            assert!(response.status == 200 && is_replay(&response), "{when}: {response:?}");
        }
        assert_eq!(shop.live.count(), before, "{when}: nothing is executed again");
    }
}

/// Id and state of each secret of a kind.
fn secrets(platform: &Platform, what: &str) -> Vec<(String, String)> {
    let all = platform.read("/secrets");
    let of_kind = all["secrets"].as_array().unwrap().iter().filter(|secret| secret["what"] == what);
    let text = |secret: &Value, field: &str| secret[field].as_str().unwrap().to_owned();
    of_kind.map(|secret| (text(secret, "id"), text(secret, "state"))).collect()
}

fn ids(platform: &Platform, what: &str) -> Vec<String> {
    secrets(platform, what).into_iter().map(|(id, _)| id).collect()
}

fn rotate(platform: &Platform, what: &str) -> Value {
    platform.change("POST", "/secrets/rotate", &json!({ "what": what }))
}

fn kids(shop: &Shop) -> Vec<String> {
    let response = get(shop.platform.gateway, "/v1/oauth/jwks", &[]);
    assert_eq!(response.status, 200, "{response:?}");
    let all = response.json();
    all["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// In so many milliseconds.
fn soon(milliseconds: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_millis(milliseconds)).to_string()
}

#[test]
fn what_was_issued_before_and_after_each_rotation_works_also_after_restarts() {
    let mut shop = Shop::open();
    let mut issued = Issued::default();
    issued.issue(&shop);
    for what in ["pepper", "sealing", "signing-key", "pepper", "sealing", "signing-key"] {
        rotate(&shop.platform, what);
        issued.check(&shop, &format!("after {what}"));
        issued.issue(&shop);
        issued.check(&shop, &format!("issued after {what}"));
        let entry = shop.platform.read("/audit?limit=100");
        let rotations = entry["entries"].as_array().unwrap().iter();
        assert!(rotations.clone().any(|e| e["action"] == "secret.rotate" && e["subject"] == what), "{entry}");
    }
    assert_eq!(ids(&shop.platform, "pepper"), ["pepper-3", "pepper-2", "pepper-1"]);
    assert_eq!(ids(&shop.platform, "sealing"), ["sealing-3", "sealing-2", "sealing-1"]);
    assert_eq!((kids(&shop).len(), ids(&shop.platform, "signing-key").len()), (3, 3));
    let listed = shop.platform.read("/secrets");
    shop = shop.kill_and_restart();
    issued.check(&shop, "after kill -9");
    shop = shop.stop_and_restart();
    issued.check(&shop, "after a restart");
    issued.issue(&shop);
    issued.check(&shop, "issued after a restart");
    let again = shop.platform.read("/secrets");
    let of =
        |all: &Value| all["secrets"].as_array().unwrap().iter().map(|s| s["id"].clone()).collect::<Vec<_>>();
    assert_eq!(of(&listed), of(&again));
}

#[test]
fn an_old_pepper_goes_when_the_last_key_under_it_is_past_its_date() {
    let platform = Platform::start();
    let fields = json!({ "name": "acme", "tier": "basic", "allowance": 9, "scopes": ["orders:read"] });
    platform.change("POST", "/clients", &fields);
    let new_key = |more: &Value| {
        let made = platform.change("POST", "/clients/acme/keys", more);
        made["key"].as_str().unwrap().to_owned()
    };
    let dated = new_key(&json!({ "environment": "live", "expires_at": soon(1500) }));
    let told = rotate(&platform, "pepper");
    assert!(told["summary"].as_str().unwrap().contains("1 key lives under pepper 1"), "{told}");
    let endless = new_key(&json!({ "environment": "live" }));
    wait_until("pepper 1 is gone", || ids(&platform, "pepper") == ["pepper-2"]);
    let code = |platform: &Platform, key: &str| get(platform.gateway, "/v1/x", &[("X-API-Key", key)]).code();
    assert_eq!(code(&platform, &dated), "invalid_api_key");
    let platform = platform.kill_and_restart();
    assert_eq!(ids(&platform, "pepper"), ["pepper-2"]);
    assert_eq!(
        (code(&platform, &dated), code(&platform, &endless)),
        ("invalid_api_key".into(), "not_found".into())
    );
}

#[test]
fn a_revoked_key_keeps_its_pepper_and_is_revoked_for_ever() {
    let shop = Shop::open();
    let other = shop.client("other", &json!({}));
    rotate(&shop.platform, "pepper");
    // Every key under pepper 1 is revoked, or its client is deleted.
    for client in ["acme", "other"] {
        shop.platform.change("DELETE", &format!("/clients/{client}"), &json!({}));
    }
    let expected =
        [("pepper-2", "current"), ("pepper-1", "tombstones")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(secrets(&shop.platform, "pepper"), expected);
    let shop = shop.stop_and_restart();
    for key in [&other.key, &shop.client.key, &other.sandbox_key] {
        let response = get(shop.platform.gateway, "/v1/orders", &[("X-API-Key", key)]);
        assert_eq!(response.code(), "revoked_api_key");
    }
    assert_eq!(secrets(&shop.platform, "pepper"), expected);
}

#[test]
fn a_retired_signing_key_is_published_until_its_last_token_has_ended() {
    let shop = Shop::open_with(Platform::with().set("tokens.lifetime_seconds", "1"));
    let token = shop.token(&shop.oauth("acme", "live"));
    let [old] = kids(&shop).try_into().unwrap();
    rotate(&shop.platform, "signing-key");
    let both = kids(&shop);
    assert!(both.len() == 2 && both[1] == old && both[0] != old, "{both:?}");
    wait_until("only the new one is published", || kids(&shop) == both[..1]);
    let bearer = format!("Bearer {token}");
    let answer = |shop: &Shop| get(shop.platform.gateway, "/v1/orders", &[("Authorization", &bearer)]).code();
    assert_eq!(answer(&shop), "expired_token");
    let shop = shop.kill_and_restart();
    assert_eq!((answer(&shop).as_str(), kids(&shop)), ("expired_token", both[..1].to_vec()));
    let states = secrets(&shop.platform, "signing-key").into_iter().map(|(_, state)| state);
    assert_eq!(states.collect::<Vec<_>>(), ["current", "public-half"]);
}

#[test]
fn rotations_are_not_noticed_by_requests_under_way() {
    let shop = Shop::open();
    let gate = hold(&shop, Reply::json(201, r#"{"id":7}"#));
    let mut waiting = begin(&shop, "order-1");
    wait_until("it has reached the upstream", || shop.live.count() == 1);
    let bearer = format!("Bearer {}", shop.token(&shop.oauth("acme", "live")));
    let is_over = AtomicBool::new(false);
    let served = std::thread::scope(|scope| {
        let calling = scope.spawn(|| {
            let mut served = 0;
            while !is_over.load(Ordering::SeqCst) {
                // Known and out of its place: what is asked is only who calls.
                for (name, value) in [("X-API-Key", &shop.client.key), ("Authorization", &bearer)] {
                    let response = get(shop.platform.gateway, "/v1/nothing", &[(name, value)]);
                    assert_eq!(response.code(), "not_found");
                }
                served += 1;
            }
            served
        });
        for what in ["pepper", "sealing", "signing-key"].repeat(8) {
            rotate(&shop.platform, what);
        }
        is_over.store(true, Ordering::SeqCst);
        calling.join().unwrap()
    });
    assert!(served > 0);
    gate.open();
    let first = waiting.receive();
    assert_eq!(first.status, 201, "{first:?}");
    let shop = shop.kill_and_restart();
    let again = post(&shop, "order-1");
    assert!(again.status == 201 && is_replay(&again) && again.body == first.body, "{again:?}");
    assert_eq!(shop.live.count(), 1);
}

#[test]
fn a_dry_run_says_how_long_and_changes_nothing() {
    let shop = Shop::open();
    shop.oauth("acme", "live");
    shop.platform.change(
        "POST",
        "/clients/acme/keys",
        &json!({ "environment": "live", "expires_at": "2999-01-04T00:00:00Z" }),
    );
    let state = || (shop.platform.read("/secrets"), shop.platform.read("/audit?limit=100"), kids(&shop));
    let before = state();
    for (what, words) in [
        ("pepper", ["3 keys and 1 OAuth2 secret", "ends 2999-01-04", "3 have no end"]),
        ("sealing", ["sealing-1", "at the latest", "signing key"]),
        ("signing-key", [before.2[0].as_str(), "private half", "ends by"]),
        ("master", ["Nothing that was issued", "wrapped", "backups"]),
    ] {
        let output = shop.platform.run(&["secret", "rotate", what, "--dry-run"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.starts_with("Nothing was changed"), "{text}");
        for word in words {
            assert!(text.contains(word), "{what} does not say {word}: {text}");
        }
        assert_eq!(state(), before, "{what}");
    }
}

#[test]
fn a_platform_of_the_time_before_the_keyring_goes_on_with_all_that_it_issued() {
    const KEY: &str = "tb_live_ddID6828dklh7hMwPNVAZmGVeX4TIXok03l29U";
    const REVOKED: &str = "tb_live_47dFFmbI9IA7s2mE1XrbFHi8a2WrIFwW1PQVyU";
    const OAUTH: [&str; 2] = ["oc_LiJLoDpQaOh", "tb_secret_81W8Jf3aZ1D9AOmuHmcvIySkhN4fNFuH4Tv73u"];
    const TOKEN: &str = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6IjRqcmZFeDhkdktWIn0.eyJpc3MiOiJodHRwOi8vMTI3LjAuMC4xOjM2MTc3L3YxIiwiYXVkIjoiaHR0cDovLzEyNy4wLjAuMTozNjE3Ny92MSIsInN1YiI6ImNsXzlHQUFGU1R6RlAxIiwiY2xpZW50X2lkIjoib2NfTGlKTG9EcFFhT2giLCJqdGkiOiIwYU5EczRLRXFvbzF3ZFhvWlRINjJoIiwiaWF0IjoxNzk1MzUwODYzLjc4NiwiZXhwIjoxNzk1MzUwODY1LCJzY29wZSI6Im9yZGVyczpyZWFkIiwiZW52IjoibGl2ZSJ9.Aos-nsY4-qT3_9f0Pr6dVHDGrNRx3j2qg_yNUc6wyWwhclSn-N8RhGnaye5mno9O81zcvRAcg6zsNPASOWZPAA";
    const STORE: &[u8] = include_bytes!("../fixtures/before-keyring/tollbar.db");
    const MASTER: &[u8] = b"ac978fbcb47e5d4bbaacc23ab3847dd50dbae6204cc24011412c5ee95fb032bf\n";
    let mut platform = Platform::with().start_on(&[("tollbar.db", STORE), ("master-secret", MASTER)]);
    let code = |platform: &Platform, name: &str, value: &str| {
        get(platform.gateway, "/v1/nothing", &[(name, value)]).code()
    };
    let bearer = format!("Bearer {TOKEN}");
    let [id, secret] = OAUTH;
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    for round in ["carried over", "killed", "rotated", "killed again"] {
        // Past authentication: there is no such path.
        assert_eq!(code(&platform, "X-API-Key", KEY), "not_found", "{round}");
        assert_eq!(code(&platform, "X-API-Key", REVOKED), "revoked_api_key", "{round}");
        assert_eq!(code(&platform, "Authorization", &bearer), "expired_token", "{round}");
        let token = request(platform.gateway, "POST", "/v1/oauth/token", &headers, form.as_bytes());
        assert_eq!(token.status, 200, "{round}: {token:?}");
        if round == "carried over" || round == "rotated" {
            platform = platform.kill_and_restart();
        } else if round == "killed" {
            for what in ["pepper", "sealing", "signing-key"] {
                rotate(&platform, what);
            }
        }
    }
    let log = platform.log();
    let master = String::from_utf8_lossy(MASTER).trim().to_owned();
    assert!(
        !log.contains(&master)
            && !fs::read_dir(platform.data())
                .unwrap()
                .any(|entry| { entry.unwrap().file_name() == "master-secret.new" })
    );
}
