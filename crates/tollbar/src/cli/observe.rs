//! `observe`.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::{api::plain, context::Context};
use crate::{
    client::with_query,
    output::{Style, Table, Tone, count, list, number, safe, time, word},
};

/// So many differences of one endpoint are shown beside the others.
const SHOWN_DIFFERENCES: usize = 3;

#[derive(Debug, Args)]
#[command(
    after_help = "APIs are observed that were imported with --observe. What is counted is counted since the server's start, or since \
    the last import, in memory: where status, headers or JSON body differ from the document. Nothing is refused, changed or \
    delayed for it. Answers that were not looked at were too large, compressed, or too many at once.\n\n\
    Examples:\n  \
    tollbar observe\n  \
    tollbar observe --base /v2\n  \
    tollbar observe --endpoint 'GET /v1/orders/{id}'"
)]
pub(crate) struct ObserveCommand {
    /// Only the API on this base, such as /v1
    #[arg(long, value_name = "PATH")]
    base: Option<String>,
    /// Only this endpoint, as 'GET /v1/orders/{id}', with everything that is known of it
    #[arg(long, value_name = "ENDPOINT", num_args = 1..=2, conflicts_with = "base")]
    endpoint: Vec<String>,
}

impl ObserveCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        // An unquoted `GET /v1/x` arrives as two words.
        let endpoint = (!self.endpoint.is_empty()).then(|| self.endpoint.join(" "));
        let shown = if endpoint.is_some() { usize::MAX } else { SHOWN_DIFFERENCES };
        let path = with_query("/observed", [("base", self.base.map(plain)), ("endpoint", endpoint)]);
        let answer = context.connect()?.get(&path)?;
        Ok(context.output.answer(&answer, |answer, style| observed(answer, shown, style))?)
    }
}

fn observed(answer: &Value, shown: usize, style: Style) -> String {
    let Some(bases) = list(answer, "/observed") else {
        return match list(answer, "/not_observed") {
            None => "No API yet. Import one with `tollbar import FILE --upstream URL --observe`.".to_owned(),
            Some(bases) => format!(
                "Answers are not observed ({bases}). Import the document again with --observe to count where they differ from it."
            ),
        };
    };
    let endpoints = array(answer, "endpoints");
    if endpoints.is_empty() {
        return format!("No answer was seen yet of what is observed ({bases}).");
    }
    let mut table = Table::new(["ENDPOINT", "LOOKED AT", "NOT LOOKED AT", "DIFFERING"]).right([1, 2, 3]);
    for endpoint in endpoints {
        table.row([
            word(endpoint, "/name").into(),
            count(endpoint, "/looked_at").into(),
            count(endpoint, "/not_looked_at").into(),
            count(endpoint, "/differing").into(),
        ]);
    }
    let mut text = table.render(style);
    for endpoint in endpoints.iter().filter(|endpoint| !array(endpoint, "differences").is_empty()) {
        text += &format!("\n\n{}", differences(endpoint, shown, style));
    }
    text + &format!("\n\nSince {}, or the last import; nothing is enforced.", time(answer, "/since"))
}

/// The differences of one endpoint, the most frequent first.
fn differences(endpoint: &Value, shown: usize, style: Style) -> String {
    let all = array(endpoint, "differences");
    let mut text = style.paint(Tone::Strong, &word(endpoint, "/name"));
    for one in all.iter().take(shown) {
        text += &format!(
            "\n  {} x  {}\n       last: request {}, {}",
            count(one, "/count"),
            word(one, "/text"),
            word(one, "/last_request"),
            time(one, "/last_at")
        );
    }
    let left_out = all.len().saturating_sub(shown);
    if left_out > 0 {
        let name = safe(endpoint["name"].as_str().unwrap_or_default());
        text += &format!("\n  and {left_out} more: `tollbar observe --endpoint '{name}'`");
    }
    if let Some(untold @ 1..) = endpoint["untold"].as_u64() {
        text += &format!("\n  {} x  something else that there was no room for", number(untold));
    }
    text
}

fn array<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn where_nothing_is_to_be_seen_it_is_said_why() {
        for (answer, expected) in [
            (json!({ "observed": [], "not_observed": [] }), "No API yet."),
            (json!({ "observed": [], "not_observed": ["/v1", "/"] }), "Answers are not observed (/v1 /)."),
            (
                json!({ "observed": ["/v1"], "endpoints": [] }),
                "No answer was seen yet of what is observed (/v1).",
            ),
        ] {
            let text = observed(&answer, 3, Style::default());
            assert!(text.starts_with(expected), "{text}");
        }
    }

    #[test]
    fn endpoints_and_their_differences_are_listed() {
        let difference = |text: &str, count: u64| json!({ "text": text, "count": count, "last_request": "a1b2c3d4e5f6", "last_at": "2026-11-22T10:00:00Z" });
        let answer = json!({ "since": "2026-11-22T09:00:00Z", "observed": ["/v1"], "not_observed": [], "endpoints": [
            { "name": "GET /v1/orders", "looked_at": 1200, "not_looked_at": 3, "differing": 9, "untold": 4,
                "differences": [difference("status 418 is not described", 7), difference("the body is missing", 2)] },
            { "name": "GET /v1/x", "looked_at": 1, "not_looked_at": 0, "differing": 0, "untold": 0, "differences": [] },
        ] });
        assert_eq!(
            observed(&answer, 1, Style::default()),
            "ENDPOINT        LOOKED AT  NOT LOOKED AT  DIFFERING\n\
             GET /v1/orders      1,200              3          9\n\
             GET /v1/x               1              0          0\n\n\
             GET /v1/orders\n  7 x  status 418 is not described\n       last: request a1b2c3d4e5f6, 2026-11-22 10:00:00 UTC\n  \
             and 1 more: `tollbar observe --endpoint 'GET /v1/orders'`\n  4 x  something else that there was no room for\n\n\
             Since 2026-11-22 09:00:00 UTC, or the last import; nothing is enforced."
        );
    }
}
