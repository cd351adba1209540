//! TLS on the wire: towards partners, and towards upstreams.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use rustls::{
    ClientConfig,
    version::{TLS12, TLS13},
};
use serde_json::json;

use crate::{
    support::{Platform, PlatformBuilder, Shop, get, send_raw, wait_until},
    tls::certificates::{Authority, text},
};

pub(crate) mod client;
mod upstream;

use client::{Caller, configured, trusting};
use upstream::TlsUpstream;

/// A shop that speaks TLS as `a.test`.
fn shop(settings: impl FnOnce(PlatformBuilder) -> PlatformBuilder) -> (Authority, Shop) {
    let authority = Authority::new();
    authority.issue("a", &["a.test"]);
    let shop = Shop::open_with(settings(authority.serving(&["a"])));
    (authority, shop)
}

fn call(shop: &Shop, config: &Arc<ClientConfig>, name: &str) -> std::io::Result<Caller> {
    let mut caller = Caller::open(shop.platform.gateway, config, name)?;
    let response = caller.get("/v1/orders", &shop.client.key)?;
    assert_eq!(response.status, 200, "{response:?}");
    Ok(caller)
}

/// The certificate that a newcomer gets.
fn certificate(shop: &Shop, authority: &Authority) -> Vec<u8> {
    call(shop, &trusting(authority), "a.test").unwrap().certificate()
}

fn reloads(platform: &Platform) -> u64 {
    let text = get(platform.ops, "/metrics", &[]).text();
    let line = text.lines().find_map(|line| line.strip_prefix("tollbar_tls_reloads_total "));
    line.expect("the metric is there").parse().unwrap()
}

#[test]
fn the_name_that_is_asked_for_decides_which_certificate_is_shown() {
    let authority = Authority::new();
    let first = authority.issue("first", &["a.test", "127.0.0.1"]);
    let second = authority.issue("second", &["b.test", "*.c.test"]);
    let shop = Shop::open_with(authority.serving(&["first", "second"]));
    for versions in [&[&TLS12], &[&TLS13]] {
        let config = configured(&authority, versions, None);
        for (name, expected) in
            [("a.test", &first), ("b.test", &second), ("x.c.test", &second), ("127.0.0.1", &first)]
        {
            assert_eq!(&call(&shop, &config, name).unwrap().certificate(), expected, "{name}");
        }
        assert!(call(&shop, &config, "d.test").is_err(), "the first certificate has another name");
    }
    assert!(call(&shop, &trusting(&Authority::new()), "a.test").is_err(), "nobody vouches for it");
    assert_eq!(shop.live.count(), 8);
}

#[test]
fn a_hangup_changes_the_certificate_for_newcomers_and_nobody_else() {
    let (authority, shop) = shop(|builder| builder.set("tls.reload_seconds", "86400"));
    let old = certificate(&shop, &authority);
    let mut stays = call(&shop, &trusting(&authority), "a.test").unwrap();
    for _ in 0..3 {
        let (before, new) = (reloads(&shop.platform), authority.issue("a", &["a.test"]));
        shop.platform.hang_up();
        wait_until("the new certificate is in force", || reloads(&shop.platform) > before);
        assert_eq!(certificate(&shop, &authority), new);
        assert_eq!(stays.get("/v1/orders", &shop.client.key).unwrap().status, 200);
        assert_eq!(stays.certificate(), old);
    }
    // A broken one changes nothing for anybody.
    let last = certificate(&shop, &authority);
    authority.write("a.pem", b"nonsense");
    shop.platform.hang_up();
    wait_until("the fault was logged", || shop.platform.log().contains("no certificate in it"));
    assert_eq!(certificate(&shop, &authority), last);
    assert_eq!(stays.get("/v1/orders", &shop.client.key).unwrap().status, 200);
}

#[test]
fn a_changed_file_changes_the_certificate_for_newcomers_and_nobody_else() {
    let (authority, shop) = shop(|builder| builder.set("tls.reload_seconds", "1"));
    let mut stays = call(&shop, &trusting(&authority), "a.test").unwrap();
    let new = authority.issue("a", &["a.test"]);
    wait_until("the new certificate is in force", || certificate(&shop, &authority) == new);
    assert_eq!(stays.get("/v1/orders", &shop.client.key).unwrap().status, 200);
}

#[test]
fn a_hundred_reloads_under_load_fail_no_request() {
    let (authority, shop) = shop(|builder| builder.set("tls.reload_seconds", "86400"));
    let tier = json!({ "rate_per_minute": 1_000_000 });
    shop.platform.change("PUT", "/tiers/enterprise", &tier);
    let (ended, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|number| {
                // Some shake hands anew each time, some resume.
                let shared = trusting(&authority);
                let (authority, shop, ended, answered) = (&authority, &shop, &ended, &answered);
                scope.spawn(move || {
                    while !ended.load(SeqCst) {
                        let config = if number % 2 == 0 { shared.clone() } else { trusting(authority) };
                        let mut caller = call(shop, &config, "a.test").unwrap();
                        for _ in 0..3 {
                            assert_eq!(caller.get("/v1/orders", &shop.client.key).unwrap().status, 200);
                        }
                        answered.fetch_add(4, SeqCst);
                    }
                })
            })
            .collect();
        let is_failed = || callers.iter().any(|caller| caller.is_finished());
        for round in 1..=100 {
            let before = answered.load(SeqCst);
            authority.issue("a", &["a.test"]);
            shop.platform.hang_up();
            wait_until("the new certificate is in force, and was called with", || {
                is_failed() || (reloads(&shop.platform) >= round && answered.load(SeqCst) > before)
            });
            if is_failed() {
                break;
            }
        }
        ended.store(true, SeqCst);
    });
    assert!(reloads(&shop.platform) >= 100);
    assert!(answered.load(SeqCst) >= 400);
}

#[test]
fn a_partner_resumes_also_after_a_new_certificate() {
    let (authority, shop) = shop(|builder| builder.set("tls.reload_seconds", "86400"));
    for versions in [&[&TLS12], &[&TLS13]] {
        let config = configured(&authority, versions, None);
        let is_resumed = || call(&shop, &config, "a.test").unwrap().is_resumed();
        assert_eq!([is_resumed(), is_resumed(), is_resumed()], [false, true, true], "{versions:?}");
        let before = reloads(&shop.platform);
        authority.issue("a", &["a.test"]);
        shop.platform.hang_up();
        wait_until("the new certificate is in force", || reloads(&shop.platform) > before);
        assert!(is_resumed(), "{versions:?}");
    }
}

#[test]
fn certificates_of_partners_are_taken_as_the_settings_say() {
    let stranger = Authority::new();
    for (asks, expected) in
        [("off", [true, true, true]), ("optional", [true, true, false]), ("required", [false, true, false])]
    {
        let authority = Authority::new();
        authority.issue("a", &["a.test"]);
        let mut builder = authority.serving(&["a"]).set("tls.client_certificates", asks);
        if asks != "off" {
            builder = builder.set("tls.client_ca_file", &text(&authority.path("ca.pem")));
        }
        let shop = Shop::open_with(builder);
        for versions in [&[&TLS12], &[&TLS13]] {
            let taken = [None, Some(&authority), Some(&stranger)]
                .map(|shows| call(&shop, &configured(&authority, versions, shows), "a.test").is_ok());
            assert_eq!(taken, expected, "{asks} {versions:?}: none, a right one, a stranger's");
        }
        let reached = expected.iter().filter(|is_taken| **is_taken).count() * 2;
        assert_eq!(shop.live.count(), reached, "{asks}: who is refused reaches nothing");
        // A certificate takes the place of no key.
        let mut caller = Caller::open(
            shop.platform.gateway,
            &configured(&authority, &[&TLS13], Some(&authority)),
            "a.test",
        )
        .unwrap();
        assert_eq!(caller.get("/v1/orders", "tb_live_nonsense").unwrap().status, 401, "{asks}");
    }
}

#[test]
fn old_versions_are_refused() {
    let (authority, shop) = shop(|builder| builder.set("tls.min_version", "1.3"));
    assert!(call(&shop, &configured(&authority, &[&TLS12], None), "a.test").is_err());
    assert!(call(&shop, &configured(&authority, &[&TLS13], None), "a.test").is_ok());
    let (_, shop) = self::shop(|builder| builder);
    for version in [1, 2] {
        let mut stream = TcpStream::connect(shop.platform.gateway).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(&hello(version)).unwrap();
        let mut alert = [0; 7];
        stream.read_exact(&mut alert).unwrap();
        // An alert, fatal: handshake_failure or protocol_version.
        let is_refused = alert[0] == 0x15 && alert[5] == 2 && matches!(alert[6], 40 | 70);
        assert!(is_refused, "TLS 1.{}: {alert:?}", version - 1);
    }
}

/// A ClientHello for version 3.`minor`, with two usual cipher suites and no extension.
fn hello(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    body.extend([0, 0, 4, 0xc0, 0x13, 0xc0, 0x14, 1, 0]);
    let length = u8::try_from(body.len()).unwrap();
    [&[0x16, 3, 1, 0, length + 4, 1, 0, 0, length], body.as_slice()].concat()
}

#[test]
fn plain_http_on_the_port_of_tls_is_told_so() {
    let (_, shop) = shop(|builder| builder);
    for request in ["GET /v1/orders HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.0\r\n\r\n"] {
        let response = send_raw(shop.platform.gateway, request);
        assert_eq!((response.status, response.code().as_str()), (400, "invalid_request"), "{request}");
        assert!(response.message().contains("https"), "{response:?}");
    }
    assert_eq!(shop.live.count(), 0);
}

#[test]
fn an_upstream_is_reached_by_tls_if_its_certificate_is_right() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    authority.issue("up", &["localhost", "127.0.0.1"]);
    authority.issue("named", &["other.test"]);
    stranger.issue("up", &["localhost", "127.0.0.1"]);
    let ca_file = text(&authority.path("ca.pem"));
    // Shaking hands is a part of connecting, and waits no longer.
    let settings =
        Platform::with().set("upstream.ca_file", &ca_file).set("upstream.connect_timeout_seconds", "1");
    let shop = Shop::open_with(settings);
    let right = TlsUpstream::start(&authority, "up", false);
    for (host, name) in [("localhost", Some("localhost")), ("127.0.0.1", None)] {
        shop.import(&json!({ "upstream": right.url(host) + "/api" }));
        let response = shop.get("/v1/orders?limit=5");
        assert_eq!((response.status, response.text().as_str()), (200, "{\"ok\":true}"), "{response:?}");
        let call = right.calls().pop().unwrap();
        assert_eq!(call.line, "GET /api/orders?limit=5 HTTP/1.1");
        assert_eq!((call.name.as_deref(), call.shown), (name, None));
    }
    assert_eq!(right.calls().len(), 2);
    for upstream in
        [TlsUpstream::start(&stranger, "up", false), TlsUpstream::start(&authority, "named", false)]
    {
        shop.import(&json!({ "upstream": upstream.url("localhost") }));
        let response = shop.get("/v1/orders");
        assert_eq!(response.code(), "internal_error", "{response:?}");
        assert!(!response.text().contains("certificate"), "{response:?}");
        assert!(upstream.calls().is_empty(), "nothing was sent");
        let entry = shop.look_up(&response.request_id()).to_string();
        assert!(entry.contains("certificate"), "the operator is told why: {entry}");
    }
    // TLS to where none is spoken, and the other way round.
    shop.import(&json!({ "upstream": shop.live.url().replace("http:", "https:") }));
    assert_eq!(shop.get("/v1/orders").code(), "internal_error");
    shop.import(&json!({ "upstream": right.url("127.0.0.1").replace("https:", "http:") }));
    assert_eq!(shop.get("/v1/orders").code(), "internal_error");
    assert_eq!((shop.live.count(), right.calls().len()), (0, 2));
    assert_eq!(shop.used("acme"), 2, "what failed is not charged");
}

#[test]
fn an_upstream_that_asks_is_shown_the_certificate_in_force() {
    let authority = Authority::new();
    authority.issue("up", &["localhost"]);
    let shown = authority.issue("us", &["gateway"]);
    let ca_file = text(&authority.path("ca.pem"));
    let trusting =
        || Platform::with().set("upstream.ca_file", &ca_file).set("upstream.keep_idle_seconds", "0");
    let asking = TlsUpstream::start(&authority, "up", true);
    let shop = Shop::open_with(trusting());
    shop.import(&json!({ "upstream": asking.url("localhost") }));
    assert_eq!(shop.get("/v1/orders").code(), "internal_error");
    assert!(asking.calls().is_empty());
    let shop = Shop::open_with(
        trusting()
            .set("upstream.certificate_file", &text(&authority.path("us.pem")))
            .set("upstream.key_file", &text(&authority.path("us.key"))),
    );
    shop.import(&json!({ "upstream": asking.url("localhost") }));
    assert_eq!(shop.get("/v1/orders").status, 200);
    assert_eq!(asking.calls().pop().unwrap().shown, Some(shown));
    // A new one is shown where hands are shaken anew: by an upstream that knows no earlier session.
    let new = authority.issue("us", &["gateway"]);
    let before = reloads(&shop.platform);
    shop.platform.hang_up();
    wait_until("the new certificate is in force", || reloads(&shop.platform) > before);
    let next = TlsUpstream::start(&authority, "up", true);
    shop.import(&json!({ "upstream": next.url("localhost") }));
    assert_eq!(shop.get("/v1/orders").status, 200);
    assert_eq!(next.calls().pop().unwrap().shown, Some(new));
}
