//! `audit`.

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::{context::Context, number::parse_limit};
use crate::{
    client::with_query,
    output::{Style, Table, time, word},
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tollbar audit --limit 200")]
pub(crate) struct AuditCommand {
    /// The newest so many
    #[arg(long, value_name = "N", default_value = "50", value_parser = parse_limit, allow_negative_numbers = true)]
    limit: u32,
}

impl AuditCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let path = with_query("/audit", [("limit", Some(self.limit.to_string()))]);
        let answer = context.connect()?.get(&path)?;
        Ok(context.output.answer(&answer, entries)?)
    }
}

fn entries(answer: &Value, style: Style) -> String {
    let all = answer["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return "Nothing was changed yet.".to_owned();
    }
    let mut table = Table::new(["#", "AT", "WHO", "ACTION", "SUBJECT", "DETAIL"]).right([0]);
    for entry in all {
        table.row([
            word(entry, "/id").into(),
            time(entry, "/at").into(),
            word(entry, "/actor").into(),
            word(entry, "/action").into(),
            word(entry, "/subject").into(),
            word(entry, "/detail").into(),
        ]);
    }
    table.render(style)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_listed_whatever_form_their_time_has() {
        let entry = |at: Value| json!({"id": 7, "at": at, "actor": "operator", "action": "key.revoke", "subject": "key_1", "detail": "leaked"});
        let answer =
            json!({"entries": [entry("2026-11-22T10:00:00.5Z".into()), entry(1_795_341_600_000_u64.into())]});
        assert_eq!(
            entries(&answer, Style::default()),
            "#  AT                       WHO       ACTION      SUBJECT  DETAIL\n\
             7  2026-11-22 10:00:00 UTC  operator  key.revoke  key_1    leaked\n\
             7  2026-11-22 10:00:00 UTC  operator  key.revoke  key_1    leaked"
        );
    }
}
