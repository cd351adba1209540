//! `request show`: why was this refused?

use super::{call, json, set_up, text, tollbar};

#[test]
fn a_refusal_is_explained_with_stage_values_change_and_a_sentence_to_copy() {
    let (platform, upstream) = set_up();
    let key = json(&platform, "key create acme --env live");
    let (key_id, key) = (text(&key, "id").to_owned(), text(&key, "key").to_owned());
    let client = text(&json(&platform, "client show acme"), "id").to_owned();
    for (line, method, target, code, words) in [
        (
            "client update acme --remove-scope orders:write",
            "POST",
            "/v1/orders",
            "scope_missing",
            &["stage 10 (scope)", "orders:write", "orders:read", "client.update"][..],
        ),
        (
            "client update acme --write-enabled false --add-scope orders:write",
            "POST",
            "/v1/orders",
            "api_write_scope_not_commercially_enabled",
            &["stage 11 (write)", "client.update", "write"],
        ),
        (
            "switch off category orders --message 'Stocktaking'",
            "GET",
            "/v1/orders",
            "endpoint_disabled",
            &["stage 12 (switch)", "Stocktaking", "switch.off"],
        ),
        (
            "switch on category orders",
            "GET",
            "/v1/reports?year=x",
            "invalid_request",
            &["stage 15 (validity)", "year", "X-Tenant"],
        ),
        (
            "tier set standard --rate 1",
            "GET",
            "/v1/orders",
            "rate_limit_exceeded",
            &["stage 13 (rate)", "standard", "tier.put"],
        ),
        (
            "client update acme --allow-ip 203.0.113.0/24",
            "GET",
            "/v1/orders",
            "ip_not_allowed",
            &["stage 6 (address)", "127.0.0.1", "203.0.113.0/24", "client.update"],
        ),
        (
            "client suspend acme",
            "GET",
            "/v1/orders",
            "client_suspended",
            &["stage 5 (standing)", "client.suspend"],
        ),
        (
            &format!("key revoke {key_id}"),
            "GET",
            "/v1/orders",
            "revoked_api_key",
            &["stage 4 (revoked)", "key.revoke", key_id.as_str()],
        ),
        (
            "switch off platform",
            "GET",
            "/v1/orders",
            "api_platform_disabled",
            &["stage 1 (platform)", "switch.off"],
        ),
    ] {
        tollbar(&platform, line).ok();
        let refused = call(&platform, method, target, &key);
        assert_eq!(refused.code(), code, "{line}");
        let id = refused.request_id();
        let shown = tollbar(&platform, &format!("request show {id}")).ok();
        let path = target.split('?').next().unwrap();
        let always = [id.as_str(), code, "REFUSED", "operator", "Your request", path];
        let is_by_operator = !matches!(code, "invalid_request");
        for word in words.iter().chain(&always).filter(|word| is_by_operator || **word != "operator") {
            assert!(shown.contains(word), "{code} does not say {word}:\n{shown}");
        }
        assert!(!shown.contains(&key) && !shown.contains(&platform.token), "{shown}");
        let entry = json(&platform, &format!("request show {id}"));
        let sentence = text(&entry, "sentence");
        assert!(sentence.contains(&id) && sentence.contains(code), "{sentence}");
        assert!(shown.contains(sentence), "{shown}");
        // The partner is not told of the operator's doings.
        for inside in ["operator", "127.0.0.1:", client.as_str(), "stage"] {
            assert!(!sentence.contains(inside), "{inside} in: {sentence}");
        }
        let refused_at = entry["steps"].as_array().unwrap().last().unwrap();
        assert_eq!(refused_at["passed"], false, "{entry}");
        assert_eq!(refused_at["stage"], entry["refused_at"], "{entry}");
        if is_by_operator {
            assert_eq!(entry["change_detail"]["actor"], "operator", "{code}: {entry}");
        }
    }
    assert_eq!(upstream.count(), 0);
}

#[test]
fn a_success_and_a_failure_of_the_upstream_are_shown_as_such() {
    let (platform, upstream) = set_up();
    let key = text(&json(&platform, "key create acme --env sandbox"), "key").to_owned();
    let id = call(&platform, "GET", "/sandbox/v1/orders", &key).request_id();
    let shown = tollbar(&platform, &format!("request show {id}")).ok();
    for word in [id.as_str(), "200", "GET /sandbox/v1/orders (sandbox)", "answered 200", "let in", "acme"] {
        assert!(shown.contains(word), "no {word} in:\n{shown}");
    }
    upstream.answer(|_| crate::support::Reply::json(503, r#"{"detail":"database pool exhausted"}"#));
    let failed = call(&platform, "GET", "/sandbox/v1/orders", &key);
    assert_eq!(failed.code(), "internal_error");
    let entry = json(&platform, &format!("request show {}", failed.request_id()));
    assert_eq!((&entry["upstream_status"], &entry["status"]), (&503.into(), &500.into()));
    let shown = tollbar(&platform, &format!("request show {}", failed.request_id())).ok();
    assert!(shown.contains("answered 503") && shown.contains("internal_error"), "{shown}");
    assert!(shown.contains("Why: the API answered 503; it was let in, and"), "{shown}");
    assert!(!text(&entry, "sentence").contains("503"), "{entry}");
}

#[test]
fn a_replayed_answer_names_the_request_that_it_is_of() {
    let (platform, _upstream) = set_up();
    let key = text(&json(&platform, "key create acme --env live"), "key").to_owned();
    let headers =
        [("X-API-Key", key.as_str()), ("Idempotency-Key", "once"), ("Content-Type", "application/json")];
    let post =
        || crate::support::request(platform.gateway, "POST", "/v1/orders", &headers, br#"{"item":"tea"}"#);
    let (first, again) = (post(), post());
    assert_eq!(first.status, again.status, "{}", first.text());
    let shown = tollbar(&platform, &format!("request show {}", again.request_id())).ok();
    let why = format!("Why: replayed the answer of {};", first.request_id());
    assert!(shown.contains(&why), "{shown}");
}
