use serde_json::json;

use super::*;

fn outcomes(success: u64, failed: u64) -> Value {
    json!({"2xx": success, "3xx": 0, "4xx": 0, "5xx": failed, "not_sent": 0, "open": 0, "unclassed": 0})
}

fn acme() -> Value {
    let row = |day: u32, charged: u64, back: u64| {
        json!({
            "environment": "live", "endpoint": 1, "endpoint_name": "GET /v1/x", "day": day, "date": format!("2026-11-0{day}"),
            "charged": charged, "given_back": back, "outcomes": outcomes(charged - back, back),
        })
    };
    json!({
        "client": "cl_1", "name": "acme", "deleted": false, "overage": "block", "month": "2026-11",
        "live": {
            "charged": 1207, "given_back": 2, "corrections": -1000, "used": 205, "allowance": 100_000, "remaining": 99_795,
            "billable_overage": 0, "outcomes": outcomes(1205, 2),
        },
        "sandbox": {
            "charged": 0, "given_back": 0, "corrections": 0, "used": 0, "allowance": 10, "remaining": 10,
            "billable_overage": 0, "outcomes": outcomes(0, 0),
        },
        "corrections": [{
            "environment": "live", "month": "2026-11", "units": -1000, "kind": "account manager", "change": 7,
            "reason": "their import ran twice", "at": "2026-11-22T10:00:00.000Z",
        }],
        "rows": [row(1, 1200, 0), row(2, 7, 2)],
    })
}

#[test]
fn a_month_adds_up_and_its_corrections_have_reasons() {
    assert_eq!(
        one(&acme(), By::Endpoint, "2026-11", Style::default()),
        "acme in 2026-11 (UTC)\n\n\
         ENV      CHARGED  GIVEN BACK  CORRECTIONS  USED  ALLOWANCE  REMAINING\n\
         live       1,207           2       -1,000   205    100,000     99,795\n\
         sandbox        0           0            0     0         10         10\n\n\
         ENV   ENDPOINT   CHARGED  GIVEN BACK    NET\n\
         live  GET /v1/x    1,207           2  1,205\n\n\
         ENV   CORRECTION  BY               AT                       CHANGE  REASON\n\
         live      -1,000  account manager  2026-11-22 10:00:00 UTC       7  their import ran twice\n"
    );
}

#[test]
fn days_and_outcomes_are_summed() {
    let shown = |by| one(&acme(), by, "2026-11", Style::default());
    let days = shown(By::Day);
    assert!(
        days.contains(
            "live  2026-11-01    1,200           0  1,200\nlive  2026-11-02        7           2      5\n"
        ),
        "{days}"
    );
    let outcomes = shown(By::Outcome);
    assert!(
        outcomes.contains(
            "live  2xx        1,205           0  1,205\nlive  5xx            2           2      0\n"
        ),
        "{outcomes}"
    );
    assert!(!shown(By::Total).contains("GET /v1/x"));
}

#[test]
fn all_clients_are_a_line_for_each_environment() {
    let mut gone = acme();
    gone["name"] = "beta".into();
    gone["deleted"] = true.into();
    gone["overage"] = "report".into();
    gone["live"]["billable_overage"] = 105.into();
    gone.as_object_mut().unwrap().remove("sandbox");
    assert_eq!(
        all("2026-11", &[acme(), gone], By::Total, "2026-11", Style::default()),
        "All clients in 2026-11 (UTC)\n\n\
         CLIENT          ENV      CHARGED  GIVEN BACK  CORRECTIONS  USED  ALLOWANCE  REMAINING  BILLABLE OVERAGE\n\
         acme            live       1,207           2       -1,000   205    100,000     99,795                 0\n\
         acme            sandbox        0           0            0     0         10         10                 0\n\
         beta (deleted)  live       1,207           2       -1,000   205    100,000     99,795               105"
    );
    let days = all("2026-11", &[acme()], By::Day, "2026-11", Style::default());
    assert!(days.contains("acme    live  2026-11-02        7           2      5"), "{days}");
    assert!(
        all("2026-11", &[], By::Total, "2026-11", Style::default()).ends_with("no clients in that month.")
    );
}

#[test]
fn what_is_billed_and_what_is_still_to_come_is_said() {
    let mut usage = acme();
    let early = one(&usage, By::Total, "2026-10", Style::default());
    assert!(early.contains("\n\nThis month has not begun: nothing is used yet.\n\n"), "{early}");
    assert!(!early.contains("BILLABLE"), "{early}");
    usage["live"]["billable_overage"] = 205.into();
    let billed = one(&usage, By::Total, "2026-11", Style::default());
    assert!(billed.contains("REMAINING  BILLABLE OVERAGE\n"), "{billed}");
}
