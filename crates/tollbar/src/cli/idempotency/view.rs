//! Keyed requests, for people.

use serde_json::Value;

use crate::output::{Cell, Style, Table, Tone, number, safe, time, word};

/// Requests of unknown outcome, a line for each.
pub(super) fn unknown(answer: &Value, style: Style) -> String {
    let all = answer["unknown"].as_array().map(Vec::as_slice).unwrap_or_default();
    let more = further(answer, all.len());
    if all.is_empty() && more.is_empty() {
        return "No request matches: no such outcome is unknown.".to_owned();
    }
    let mut table =
        Table::new(["STARTED", "CLIENT", "ENV", "KEY", "ENDPOINT", "REQUEST", "WHY UNKNOWN", "EXPIRES"]);
    for request in all {
        table.row([
            time(request, "/started_at").into(),
            client(request).into(),
            word(request, "/environment").into(),
            word(request, "/key").into(),
            word(request, "/endpoint_name").into(),
            word(request, "/request_id").into(),
            word(request, "/why").into(),
            time(request, "/expires_at").into(),
        ]);
    }
    format!("{}{more}", table.render(style))
}

/// How to go on from here.
fn further(answer: &Value, shown: usize) -> String {
    let Some(next) = answer["next"].as_str().map(safe) else { return String::new() };
    if answer["stopped_at"].is_string() {
        let at = time(answer, "/stopped_at");
        return format!(
            "\n\nThe search stopped at {at}: it had looked at as many requests as it may. Go on with --before {next}, or narrow it \
             with --since"
        );
    }
    let shown = number(u64::try_from(shown).unwrap_or(u64::MAX));
    format!("\n\n{shown} shown; --limit N for more, --before {next} for those behind them")
}

/// One keyed request, whatever became of it.
pub(super) fn record(request: &Value, style: Style) -> String {
    let by = match request["settled_by"].as_u64() {
        Some(change) => format!(", as an operator settled (change {change} in `tollbar audit`)"),
        None => String::new(),
    };
    let (tone, state, repeat) = match request["state"].as_str().unwrap_or_default() {
        "under_way" => (Tone::Plain, "under way".to_owned(), "waits for its answer"),
        "unknown" => (
            Tone::Bad,
            "unknown".to_owned(),
            "500: the outcome is unknown; `tollbar idempotency settle` ends that",
        ),
        "answered" => (Tone::Good, format!("answered{by}"), "the stored answer"),
        "too_large" => (
            Tone::Warning,
            "executed".to_owned(),
            "500: it was executed, and its answer is too large to replay",
        ),
        _ => (Tone::Good, format!("executed{by}"), "500: it was executed, and there is no answer to replay"),
    };
    let mut table = Table::new(["", ""]);
    let mut row = |label: &str, cell: Cell| table.row([Cell::new(Tone::Faint, label), cell]);
    row("Outcome", Cell::new(tone, state));
    if request["why"].is_string() {
        row("Why unknown", word(request, "/why").into());
    }
    row("Request", word(request, "/request_id").into());
    row("Endpoint", word(request, "/endpoint_name").into());
    row("Client", format!("{} ({})", client(request), word(request, "/client")).into());
    row("Environment", word(request, "/environment").into());
    row("Key", word(request, "/key").into());
    row("Started", time(request, "/started_at").into());
    row("Expires", format!("{}; from then on the key is free", time(request, "/expires_at")).into());
    row("A repeat gets", repeat.into());
    row("Another request with the key gets", "409 idempotency_conflict".into());
    table.render(style)
}

/// What was settled.
pub(super) fn settled(answer: &Value, _style: Style) -> String {
    let what = if answer["settled"] == "executed" {
        "was executed. It is never executed again"
    } else {
        "was not executed. Its key is free: the next request with it executes"
    };
    format!(
        "Settled: request {} {what}. (client {}, {}, key {}; change {})",
        word(answer, "/request_id"),
        client(answer),
        word(answer, "/environment"),
        word(answer, "/key"),
        word(answer, "/change"),
    )
}

/// Its name, or its id if it has none any more.
fn client(request: &Value) -> String {
    let name = if request["client_name"].is_string() { "/client_name" } else { "/client" };
    word(request, name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(state: &str) -> Value {
        json!({"request_id": "a1b2c3d4e5f6", "client": "cl_1", "client_name": "acme", "environment": "live",
            "key": "order-1", "endpoint": 3, "endpoint_name": "POST /v1/orders", "state": state,
            "why": if state == "unknown" { json!("no complete answer came back: it closed") } else { json!(null) },
            "started_at": "2026-11-22T10:00:00Z", "expires_at": "2026-11-23T10:00:00Z", "settled_by": null})
    }

    #[test]
    fn unknown_outcomes_are_listed() {
        let mut answer =
            json!({"unknown": [request("unknown")], "next": "1763848800123.45", "stopped_at": null});
        let shown = unknown(&answer, Style::default());
        assert_eq!(
            shown,
            "STARTED                  CLIENT  ENV   KEY      ENDPOINT         REQUEST       WHY UNKNOWN                              EXPIRES\n\
             2026-11-22 10:00:00 UTC  acme    live  order-1  POST /v1/orders  a1b2c3d4e5f6  no complete answer came back: it closed  2026-11-23 10:00:00 UTC\n\n\
             1 shown; --limit N for more, --before 1763848800123.45 for those behind them"
        );
        answer["unknown"] = json!([]);
        answer["stopped_at"] = "2026-11-22T10:00:00Z".into();
        let stopped = unknown(&answer, Style::default());
        assert!(
            stopped.contains("The search stopped at 2026-11-22 10:00:00 UTC")
                && stopped.contains("--before 1763848800123.45"),
            "{stopped}"
        );
        let none = json!({"unknown": [], "next": null, "stopped_at": null});
        assert!(unknown(&none, Style::default()).starts_with("No request matches"));
    }

    #[test]
    fn a_record_says_what_a_repeat_gets() {
        for (state, said) in [
            ("unknown", "500: the outcome is unknown"),
            ("under_way", "waits for its answer"),
            ("answered", "the stored answer"),
            ("too_large", "too large to replay"),
            ("executed", "there is no answer to replay"),
        ] {
            let shown = record(&request(state), Style::default());
            assert!(shown.contains(said) && shown.contains("409 idempotency_conflict"), "{state}: {shown}");
            assert_eq!(shown.contains("it closed"), state == "unknown");
        }
        let mut settled = request("executed");
        settled["settled_by"] = 7.into();
        assert!(record(&settled, Style::default()).contains("as an operator settled (change 7"));
    }
}
