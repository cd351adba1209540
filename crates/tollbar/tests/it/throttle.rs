//! Failed authentication is throttled by address: failures only, a valid credential never.

use serde_json::json;

use crate::support::{Connection, Platform, Response, Shop, get, request};

const LIMIT: usize = 5;

fn shop() -> Shop {
    let builder = Platform::with()
        .set("authentication.failures_per_minute", &LIMIT.to_string())
        .set("gateway.trusted_proxies", "127.0.0.1")
        .set("tokens.lifetime_seconds", "1");
    Shop::open_with(builder)
}

fn get_from(shop: &Shop, address: &str, name: &str, credential: &str) -> Response {
    get(shop.platform.gateway, "/v1/orders", &[("X-Forwarded-For", address), (name, credential)])
}

fn ask_from(shop: &Shop, address: &str, (id, secret): &(String, String)) -> Response {
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    request(
        shop.platform.gateway,
        "POST",
        "/v1/oauth/token",
        &[("Content-Type", "application/x-www-form-urlencoded"), ("X-Forwarded-For", address)],
        form.as_bytes(),
    )
}

fn assert_throttled(response: &Response) {
    assert_eq!((response.status, response.code()), (429, "rate_limit_exceeded".to_owned()));
    assert!((1..=60).contains(&response.number("retry-after")), "{response:?}");
    // Whose rate would it be? Nobody is known here.
    assert_eq!(response.header("x-ratelimit-limit"), None);
}

#[test]
fn failures_beyond_the_limit_are_throttled_and_valid_credentials_from_there_are_served() {
    let shop = shop();
    let wrong = format!("{}x", shop.client.key);
    let oauth = shop.oauth("acme", "live");
    let revoked = shop.client("revoked", &json!({}));
    shop.platform.change("POST", &format!("/keys/{}/revoke", revoked.key_id), &json!({}));
    let here = "192.0.2.1";
    for _ in 0..LIMIT {
        assert_eq!(get_from(&shop, here, "X-API-Key", &wrong).code(), "invalid_api_key");
    }
    assert_throttled(&get_from(&shop, here, "X-API-Key", &wrong));
    assert_throttled(&get_from(&shop, here, "Authorization", "Bearer not.a.token"));
    assert_throttled(&ask_from(&shop, here, &(oauth.0.clone(), wrong.clone())));
    // Valid credentials never are; nor is what fails elsewhere than in the credential being known.
    assert_eq!(get_from(&shop, here, "X-API-Key", &shop.client.key).status, 200);
    let token = ask_from(&shop, here, &oauth);
    assert_eq!(token.status, 200, "{token:?}");
    let token = format!("Bearer {}", token.json()["access_token"].as_str().unwrap());
    assert_eq!(get_from(&shop, here, "X-API-Key", &revoked.key).code(), "revoked_api_key");
    assert_eq!(get_from(&shop, here, "X-API-Key", "").code(), "malformed_credentials");
    assert_eq!(get_from(&shop, here, "X-Other", "").code(), "missing_credentials");
    // An expired token is how every honest client finds out that it is time for the next.
    crate::support::wait_until("the token has expired", || {
        let response = get_from(&shop, here, "Authorization", &token);
        response.status != 200 && response.code() == "expired_token"
    });
    for _ in 0..LIMIT + 1 {
        assert_eq!(get_from(&shop, "192.0.2.3", "Authorization", &token).code(), "expired_token");
    }
    // Another address has failed never, or only by tokens that had been good.
    for address in ["192.0.2.2", "192.0.2.3"] {
        assert_eq!(get_from(&shop, address, "X-API-Key", &wrong).code(), "invalid_api_key");
    }
    // Nothing of all this was charged, and nothing but the good requests was sent.
    assert_eq!(u64::try_from(shop.live.count()).unwrap(), shop.used("acme"));
}

#[test]
fn wrong_secrets_at_the_token_endpoint_count_like_wrong_keys() {
    let shop = shop();
    let (id, secret) = shop.oauth("acme", "live");
    let here = "192.0.2.1";
    for n in 0..LIMIT {
        let wrong =
            if n % 2 == 0 { (id.clone(), "x".to_owned()) } else { ("oc_1".to_owned(), secret.clone()) };
        assert_eq!(ask_from(&shop, here, &wrong).code(), "invalid_client");
    }
    assert_throttled(&ask_from(&shop, here, &(id.clone(), "x".to_owned())));
    assert_throttled(&get_from(&shop, here, "X-API-Key", "12345678"));
    assert_eq!(ask_from(&shop, here, &(id, secret)).status, 200);
}

#[test]
fn a_flood_of_random_keys_leaves_a_bounded_sample_behind() {
    const KEYS: usize = 3_000;
    const KEPT_PER_SECOND: u64 = 2;
    const THREADS: u64 = 2;
    let builder = Platform::with()
        .set("requests.anonymous_per_second", &KEPT_PER_SECOND.to_string())
        .set("gateway.threads", &THREADS.to_string());
    let shop = Shop::open_with(builder);
    let folder_bytes = || -> u64 {
        let files = std::fs::read_dir(shop.platform.data()).unwrap();
        files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
    };
    let before = folder_bytes();
    let began = std::time::Instant::now();
    let flood = |seed: u64| {
        let mut connection = Connection::open(shop.platform.gateway);
        let mut state = seed;
        let mut throttled = 0;
        for _ in 0..KEYS / 4 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let head =
                format!("GET /v1/orders HTTP/1.1\r\nHost: h\r\nX-API-Key: tb_live_{state:020}\r\n\r\n");
            connection.send(head);
            match connection.receive().code().as_str() {
                "invalid_api_key" => {}
                "rate_limit_exceeded" => throttled += 1,
                other => panic!("{other}"),
            }
        }
        throttled
    };
    let throttled: usize = std::thread::scope(|scope| {
        let floods: Vec<_> = (1..=4).map(|seed| scope.spawn(move || flood(seed))).collect();
        floods.into_iter().map(|flood| flood.join().unwrap()).sum()
    });
    assert_eq!(shop.get("/v1/orders").status, 200, "a valid key from the same address is served");
    let seconds = began.elapsed().as_secs() + 1;
    assert_eq!(throttled, KEYS - 100, "the limit is 100 a minute by default");
    let kept: usize = ["invalid_api_key", "rate_limit_exceeded"]
        .map(|code| shop.platform.read(&format!("/requests?code={code}&limit=1000")))
        .map(|listed| listed["requests"].as_array().unwrap().len())
        .into_iter()
        .sum();
    let most = KEPT_PER_SECOND * THREADS * (seconds + 1);
    assert!((1..=most).contains(&u64::try_from(kept).unwrap()), "{kept} of {KEYS} kept in {seconds} s");
    let grown = folder_bytes() - before;
    assert!(grown < 1_000_000, "the data folder grew by {grown} bytes");
}
