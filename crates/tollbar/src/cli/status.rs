//! `status`.

use anyhow::Result;
use serde_json::Value;

use super::context::Context;
use crate::output::{Cell, Style, Table, Tone, count, number, time, word};

pub(crate) fn run(context: &Context) -> Result<()> {
    let answer = context.connect()?.get("/status")?;
    Ok(context.output.answer(&answer, status)?)
}

fn status(status: &Value, style: Style) -> String {
    let mut table = Table::new(["", ""]);
    let mut row = |label: &str, text: String| table.row([Cell::new(Tone::Faint, label), text.into()]);
    row("Gateway", word(status, "/gateway"));
    row("Version", word(status, "/version"));
    row("Running since", time(status, "/started_at"));
    row("APIs", count(status, "/apis"));
    row("Endpoints", count(status, "/endpoints"));
    row("Clients", count(status, "/clients"));
    row("Switched off", count(status, "/switches"));
    row("Request log", request_log(status));
    row("Left out since the start", left_out(status));
    row("Request log entries dropped", count(status, "/dropped_request_log_entries"));
    table.render(style)
}

/// How much of the past can be looked up.
fn request_log(status: &Value) -> String {
    let log = &status["request_log"];
    match log["oldest"].as_str() {
        Some(_) => {
            let [megabytes, most] = ["bytes", "keep_bytes"].map(|name| log[name].as_u64().unwrap_or(0) >> 20);
            let (entries, days) = (count(log, "/entries"), count(log, "/keep_days"));
            format!(
                "{entries} requests since {}; {} of {} MiB, {days} days at most",
                time(log, "/oldest"),
                number(megabytes),
                number(most)
            )
        }
        None if log.is_object() => "empty".to_owned(),
        None => "-".to_owned(),
    }
}

fn left_out(status: &Value) -> String {
    let log = &status["request_log"];
    if log["errors_left_out"].is_u64() {
        format!("{} errors, {} successes", count(log, "/errors_left_out"), count(log, "/successes_left_out"))
    } else {
        "-".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_older_server_does_not_say_is_a_dash() {
        let text =
            status(&json!({"gateway": "http://127.0.0.1:8080", "clients": 1_000_000}), Style::default());
        assert_eq!(
            text,
            "Gateway                      http://127.0.0.1:8080\n\
             Version                      -\n\
             Running since                -\n\
             APIs                         -\n\
             Endpoints                    -\n\
             Clients                      1,000,000\n\
             Switched off                 -\n\
             Request log                  -\n\
             Left out since the start     -\n\
             Request log entries dropped  -"
        );
    }
}
