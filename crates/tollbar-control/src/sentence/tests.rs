use tollbar_contract::{RequestId, Stage};
use tollbar_core::port::{RequestId12, TraceStep};

use super::*;

fn entry(code: Option<Code>) -> RequestEntry {
    RequestEntry {
        request_id: RequestId12(RequestId::from_number(0xa1b2_c3d4_e5f6)),
        at: Timestamp::parse("2026-11-22T09:16:10.250Z").unwrap(),
        method: "POST".to_owned(),
        path: "/v1/orders".to_owned(),
        environment: Environment::Live,
        status: code.map_or(200, Code::status),
        code: code.map(|code| code.as_str().to_owned()),
        message: code.map(|code| code.description().to_owned()),
        refused_at: None,
        client: None,
        client_name: None,
        credential: Some("key_secretid".to_owned()),
        address: "203.0.113.7".to_owned(),
        address_source: "peer".to_owned(),
        endpoint: Some("POST /v1/orders".to_owned()),
        steps: Vec::new(),
        change: None,
        upstream_status: None,
        duration_millis: 12,
        upstream_millis: None,
        upstream_connect_millis: None,
        upstream_address: None,
        keyed: None,
    }
}

fn rest_of(entry: &RequestEntry) -> String {
    let sentence = sentence(entry);
    let start = "Your request a1b2c3d4e5f6 (POST /v1/orders, 2026-11-22 09:16:10 UTC) ";
    sentence.strip_prefix(start).unwrap_or_else(|| panic!("{sentence}")).to_owned()
}

#[test]
fn a_missing_scope_is_named() {
    let mut refused = entry(Some(Code::ScopeMissing));
    refused.message = Some(
        "The endpoint requires the scope orders:write, which your credential does not have. \
         Contact your account manager to discuss expanded access."
            .to_owned(),
    );
    assert_eq!(
        sentence(&refused),
        "Your request a1b2c3d4e5f6 (POST /v1/orders, 2026-11-22 09:16:10 UTC) was refused with scope_missing: \
         the endpoint requires the scope orders:write, which your credential does not have."
    );
}

#[test]
fn every_code_has_a_sentence_of_its_own() {
    let mut seen = std::collections::BTreeSet::new();
    for code in Code::ALL {
        let text = rest_of(&entry(Some(*code)));
        let verb = if *code == Code::InternalError { "failed with" } else { "was refused with" };
        let reason = text.strip_prefix(&format!("{verb} {code}: ")).unwrap_or_else(|| panic!("{text}"));
        assert!(reason.ends_with('.') && !reason.ends_with(".."), "{reason}");
        assert_eq!(reason.matches(". ").count(), 0, "one sentence: {reason}");
        assert!(!text.contains("key_secretid"), "{text}");
        assert!(seen.insert(reason.to_owned()), "{reason}");
    }
}

#[test]
fn an_answer_without_a_code_is_told_plainly() {
    assert_eq!(rest_of(&entry(None)), "was answered with 200.");
    let passed_on = RequestEntry { status: 422, ..entry(None) };
    assert_eq!(
        rest_of(&passed_on),
        "was answered with 422 by the API itself; the body of that answer says why."
    );
    let newer = RequestEntry { code: Some("tea\npot".to_owned()), status: 418, ..entry(None) };
    assert_eq!(rest_of(&newer), "was answered with 418 (tea pot).");
}

#[test]
fn what_was_answered_is_used_where_it_says_more() {
    let saying =
        |code: Code, message: &str| RequestEntry { message: Some(message.to_owned()), ..entry(Some(code)) };
    let table = [
        (
            saying(Code::InvalidRequest, "query parameter \"limit\": 500 is more than 100"),
            "was refused with invalid_request: query parameter \"limit\": 500 is more than 100.",
        ),
        (
            saying(Code::EndpointDisabled, "Back at 10:00.\nSorry!"),
            "was refused with endpoint_disabled: the endpoint POST /v1/orders was switched off at that time, with the notice \"Back at 10:00. Sorry!\".",
        ),
        (
            RequestEntry { upstream_status: Some(404), ..saying(Code::NotFound, "No such order.") },
            "was refused with not_found: the API found nothing under this path: no such order.",
        ),
        (
            RequestEntry { status: 422, ..saying(Code::RequestRejected, "SKU 7 is sold out") },
            "was refused with request_rejected: the API rejected it with status 422: SKU 7 is sold out.",
        ),
        (
            RequestEntry { refused_at: Some(Stage::Known), ..entry(Some(Code::RateLimitExceeded)) },
            "was refused with rate_limit_exceeded: too many requests with invalid credentials had come from its address within a minute.",
        ),
        (
            entry(Some(Code::IpNotAllowed)),
            "was refused with ip_not_allowed: it came from the address 203.0.113.7, which was not in your allowlist at that time.",
        ),
        (
            entry(Some(Code::ApiUsageAllowanceExceeded)),
            "was refused with api_usage_allowance_exceeded: your live request allowance for 2026-11 was used up; your account manager can discuss overage options.",
        ),
    ];
    for (entry, expected) in table {
        assert_eq!(rest_of(&entry), expected);
    }
}

#[test]
fn what_cannot_be_read_is_left_out_and_what_is_odd_is_tamed() {
    let garbled =
        RequestEntry { method: String::new(), path: String::new(), ..entry(Some(Code::InvalidRequest)) };
    assert!(
        sentence(&garbled).starts_with("Your request a1b2c3d4e5f6 (2026-11-22 09:16:10 UTC) was refused")
    );
    let odd = RequestEntry {
        path: format!("/sandbox/v1/\n\u{7}{}", "x".repeat(500)),
        environment: Environment::Sandbox,
        ..entry(None)
    };
    let text = sentence(&odd);
    assert!(text.starts_with("Your request a1b2c3d4e5f6 (POST /sandbox/v1/ xxx"), "{text}");
    assert!(text.ends_with("x..., sandbox, 2026-11-22 09:16:10 UTC) was answered with 200."), "{text}");
    assert!(text.len() < 320 && !text.contains(char::is_control));
}

#[test]
fn what_the_steps_tell_apart_is_said() {
    let refused = |code: Code, stage: Stage, cause: &str| RequestEntry {
        refused_at: Some(stage),
        steps: vec![TraceStep { stage, passed: false, detail: cause.to_owned() }],
        ..entry(Some(code))
    };
    let nothing_there = "no API on this base has an upstream in this environment";
    let table = [
        (
            refused(Code::NotFound, Stage::Endpoint, nothing_there),
            "was refused with not_found: the API has no live environment here, so that none of its paths can be called there.",
        ),
        (
            refused(Code::MalformedCredentials, Stage::Presented, "the bearer value looks like an API key"),
            "was refused with malformed_credentials: its Authorization: Bearer header carried an API key, not a token; send the key as X-API-Key.",
        ),
        (
            RequestEntry { upstream_status: Some(503), ..entry(Some(Code::InternalError)) },
            "failed with internal_error: the API behind our gateway answered with an error of its own; if it happens again, please send us its request id.",
        ),
        (
            RequestEntry {
                upstream_status: Some(200),
                message: Some("The outcome is unknown.".to_owned()),
                ..entry(Some(Code::InternalError))
            },
            "failed with internal_error: the outcome is unknown.",
        ),
    ];
    for (entry, expected) in table {
        assert_eq!(rest_of(&entry), expected);
    }
    let sandbox = RequestEntry {
        environment: Environment::Sandbox,
        ..refused(Code::NotFound, Stage::Endpoint, nothing_there)
    };
    assert!(sentence(&sandbox).contains("the API has no sandbox environment here"));
}

#[test]
fn a_repeated_answer_is_said_to_be_one() {
    let with = |detail: &str, code| RequestEntry {
        steps: vec![TraceStep { stage: Stage::Idempotency, passed: true, detail: detail.to_owned() }],
        ..entry(code)
    };
    let repeats = "; this repeats the answer to your request 00000000002a, which had the same Idempotency-Key, and nothing was executed again.";
    let replayed = "key `k`: the answer of 00000000002a is replayed";
    assert_eq!(rest_of(&with(replayed, None)), format!("was answered with 200{repeats}"));
    assert_eq!(
        rest_of(&with(replayed, Some(Code::NotFound))),
        format!("was refused with not_found: the API found nothing under this path{repeats}")
    );
    // The key is the partner's text.
    for new in ["no key", "key `the answer of 00000000002a is replayed` is new"] {
        assert_eq!(rest_of(&with(new, None)), "was answered with 200.");
    }
}
