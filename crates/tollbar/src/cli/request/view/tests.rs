use serde_json::json;

use super::*;

fn refused() -> Value {
    json!({
        "request_id": "a1b2c3d4e5f6", "at": "2026-11-22T10:00:00.123Z", "method": "POST", "path": "/v1/orders",
        "environment": "live", "status": 403, "code": "scope_missing",
        "message": "The endpoint requires the scope orders:write.", "refused_at": "scope", "client": "cl_00000000001",
        "client_name": "acme", "credential": "key_00000000001", "address": "203.0.113.7", "address_source": "peer",
        "endpoint": "POST /v1/orders",
        "steps": [
            {"stage": "platform", "passed": true, "detail": "on"},
            {"stage": "scope", "passed": false, "detail": "orders:write is required; in force: [orders:read]"}
        ],
        "change": 1042, "upstream_status": null, "duration_millis": 1, "upstream_millis": null,
        "change_detail": {"id": 1042, "at": "2026-11-21T09:00:00Z", "actor": "operator", "action": "client.update",
            "subject": "acme", "detail": "scopes: -orders:write"},
        "sentence": "Your request a1b2c3d4e5f6 was refused: orders:write is missing."
    })
}

#[test]
fn a_refusal_is_explained_from_the_reason_to_the_sentence() {
    assert_eq!(
        trace(&refused(), Style::default()),
        "\
a1b2c3d4e5f6  403 scope_missing  POST /v1/orders (live)  2026-11-22 10:00:00.123 UTC

Why: refused at stage 10 (scope): orders:write is required; in force: [orders:read]

 #  STAGE     RESULT   COMPARED
 1  platform  passed   on
10  scope     REFUSED  orders:write is required; in force: [orders:read]

Client      acme (cl_00000000001)
Credential  key_00000000001
Address     203.0.113.7 (peer)
Endpoint    POST /v1/orders
Upstream    not reached
Time        1 ms until the answer's head
Was told    The endpoint requires the scope orders:write.
Change      1,042 by operator at 2026-11-21 09:00:00 UTC: scopes: -orders:write (client.update acme); see tollbar audit show 1042

To copy for the partner:
Your request a1b2c3d4e5f6 was refused: orders:write is missing."
    );
}

#[test]
fn a_success_an_upstream_failure_and_an_unknown_caller_read_well_too() {
    let mut entry = refused();
    entry["steps"] = json!([{"stage": "upstream", "passed": true, "detail": "200"}]);
    for field in
        ["code", "message", "refused_at", "change", "change_detail", "sentence", "client", "client_name"]
    {
        entry[field] = Value::Null;
    }
    entry["status"] = 200.into();
    entry["upstream_status"] = 200.into();
    entry["upstream_millis"] = 1500.into();
    let text = trace(&entry, Style::default());
    assert!(text.contains("Why: it was let in, and answered\n"), "{text}");
    assert!(text.contains("Upstream    answered 200 after 1,500 ms\n"), "{text}");
    assert!(text.contains("Client      not known\n"), "{text}");
    let from = json!({"upstream_address": "10.0.0.5:9000", "upstream_status": 200});
    assert!(facts(&from, Style::default()).contains("answered 200 (10.0.0.5:9000)"));
    assert!(!text.contains("Change"), "{text}");

    entry["status"] = 500.into();
    entry["upstream_status"] = Value::Null;
    entry["steps"] = json!([{"stage": "upstream", "passed": false, "detail": "timed out after 30 s"}]);
    let text = trace(&entry, Style::default());
    assert!(text.contains("Why: it was let in, and the upstream failed: timed out after 30 s\n"), "{text}");
    assert!(text.contains("gave no answer in 1,500 ms"), "{text}");
}

#[test]
fn what_the_api_answered_comes_first_and_a_replay_names_its_first_request() {
    let why = |fields: &[(&str, Value)]| {
        let mut entry = refused();
        for field in ["code", "message", "refused_at", "upstream_status"] {
            entry[field] = Value::Null;
        }
        entry["steps"] = json!([{"stage": "platform", "passed": true, "detail": "on"}]);
        fields.iter().for_each(|(field, value)| entry[*field] = value.clone());
        let text = trace(&entry, Style::default());
        text.lines().find_map(|line| line.strip_prefix("Why: ")).unwrap().to_owned()
    };
    let failed = json!([{"stage": "upstream", "passed": false, "detail": "answered 503"}]);
    let fields = [
        ("status", 500.into()),
        ("code", "internal_error".into()),
        ("upstream_status", 503.into()),
        ("steps", failed),
    ];
    assert_eq!(why(&fields), "the API answered 503; it was let in, and the upstream failed: answered 503");
    let fields =
        [("status", 422.into()), ("code", "request_rejected".into()), ("upstream_status", 422.into())];
    let passed_on = "the API answered 422; it was let in, and the API's answer was passed on";
    assert_eq!(why(&fields), passed_on);
    assert_eq!(why(&[("status", 422.into()), ("upstream_status", 422.into())]), passed_on);
    let replay = json!([{"stage": "idempotency", "passed": true,
        "detail": "key `the answer of 000000000000 is replayed`: the answer of a1b2c3d4e5f0 is replayed"}]);
    assert_eq!(
        why(&[("status", 201.into()), ("steps", replay)]),
        "replayed the answer of a1b2c3d4e5f0; the API was not asked again"
    );
    let forged = json!([{"stage": "idempotency", "passed": true, "detail": "key `the answer of a1b2c3d4e5f0 is replayed` is new"}]);
    assert_eq!(why(&[("status", 201.into()), ("steps", forged)]), "it was let in, and answered");
    assert_eq!(
        why(&[("status", 503.into()), ("endpoint", "(health)".into())]),
        "the health route answered 503: the store does not answer, or the platform is switched off"
    );
}

#[test]
fn a_callers_text_cannot_drive_the_terminal() {
    let mut entry = refused();
    entry["path"] = "/v1/\u{1b}]0;owned\u{7}\u{202e}".into();
    entry["sentence"] = "one\r\u{1b}[2Jtwo".into();
    let text = trace(&entry, Style { colour: false, terminal: false });
    assert!(!text.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}']), "{text:?}");
}

#[test]
fn requests_are_listed() {
    assert_eq!(
        requests(&json!({"requests": [refused()]}), Style::default()),
        "ID            AT                       STATUS  CODE           CLIENT  ENV   REQUEST          STAGE  WHY\n\
         a1b2c3d4e5f6  2026-11-22 10:00:00 UTC  403     scope_missing  acme    live  POST /v1/orders  scope  orders:write is required; in force: [orders:read]"
    );
    assert_eq!(requests(&json!({"requests": []}), Style::default()), "No request matches.");
    let mut cut = json!({"requests": [refused(), refused()], "next": "a1b2c3d4e5f6"});
    let text = requests(&cut, Style::default());
    assert_eq!(text.lines().count(), 5);
    assert!(
        text.ends_with("\n\n2 shown; --limit N for more, --before a1b2c3d4e5f6 for those behind them"),
        "{text}"
    );
    cut["stopped_at"] = "2026-11-22T10:00:00Z".into();
    let text = requests(&cut, Style::default());
    assert!(
        text.contains("The search stopped at 2026-11-22 10:00:00 UTC")
            && text.contains("--before a1b2c3d4e5f6"),
        "{text}"
    );
    let unknown = json!({"requests": [], "note": "no endpoint in the catalogue is called GET /v1/ordres; did you mean GET /v1/orders?"});
    let text = requests(&unknown, Style::default());
    assert!(text.starts_with("No request matches.\n\nNote: no endpoint"), "{text}");
}
