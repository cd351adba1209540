//! `status`.

use anyhow::Result;
use serde_json::Value;

use super::context::Context;
use crate::output::{Cell, Style, Table, Tone, count, time, word};

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
    row("Request log entries dropped", count(status, "/dropped_request_log_entries"));
    table.render(style)
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
             Request log entries dropped  -"
        );
    }
}
