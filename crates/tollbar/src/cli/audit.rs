//! `audit`.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    context::Context,
    number::parse_limit,
    when::{When, parse_when},
};
use crate::{
    client::{path, with_query},
    output::{Cell, Style, Table, Tone, moment, time, word},
};

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Here a duration counts back: --since 7d is the last week.\n\n\
        Examples:\n  \
        tollbar audit --limit 200\n  \
        tollbar audit --subject acme --action client --since 7d\n  \
        tollbar audit show 42        # the change that `request show` names"
)]
pub(crate) struct AuditCommand {
    #[command(subcommand)]
    one: Option<AuditOne>,
    /// Only changes of this: a client's name or id, a key's id, a tier's name
    #[arg(long, value_name = "SUBJECT")]
    subject: Option<String>,
    /// Only this action (key.revoke), or all of a kind (key)
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Only since then: 30m, 24h, 7d ago, a date, or a point in time
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    since: Option<When>,
    /// Only changes before this one: the next page
    #[arg(long, value_name = "N")]
    before: Option<u64>,
    /// The newest so many
    #[arg(long, value_name = "N", default_value = "50", value_parser = parse_limit, allow_negative_numbers = true)]
    limit: u32,
}

#[derive(Debug, Subcommand)]
enum AuditOne {
    /// Show one change
    Show {
        /// Its number
        #[arg(value_name = "N")]
        number: u64,
    },
}

impl AuditCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        if let Some(AuditOne::Show { number }) = self.one {
            let answer = context.connect()?.get(&path(["audit", &number.to_string()]))?;
            return Ok(context.output.answer(&answer, entry)?);
        }
        let since = self.since.map(|when| when.before(context.now)).transpose()?;
        let is_filtered = self.subject.is_some() || self.action.is_some() || since.is_some();
        let parameters = [
            ("subject", self.subject),
            ("action", self.action),
            ("since", since),
            ("before", self.before.map(|number| number.to_string())),
            ("limit", Some(self.limit.to_string())),
        ];
        let answer = context.connect()?.get(&with_query("/audit", parameters))?;
        let nothing = if is_filtered || self.before.is_some() {
            "No change matches."
        } else {
            "Nothing was changed yet."
        };
        Ok(context.output.answer(&answer, |answer, style| entries(answer, nothing, style))?)
    }
}

/// One change, a line for each part of it.
fn entry(entry: &Value, style: Style) -> String {
    let mut table = Table::new(["", ""]);
    for (label, text) in [
        ("Change", word(entry, "/id")),
        ("At", moment(entry, "/at")),
        ("Who", word(entry, "/actor")),
        ("Action", word(entry, "/action")),
        ("Subject", word(entry, "/subject")),
        ("Detail", word(entry, "/detail")),
    ] {
        table.row([Cell::new(Tone::Faint, label), text.into()]);
    }
    table.render(style)
}

fn entries(answer: &Value, nothing: &str, style: Style) -> String {
    let all = answer["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return nothing.to_owned();
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
    fn one_change_is_shown_part_by_part() {
        let answer = json!({"id": 7, "at": "2026-11-22T10:00:00.5Z", "actor": "operator", "action": "key.revoke",
            "subject": "key_1", "detail": "leaked"});
        let text = entry(&answer, Style::default());
        assert!(
            text.starts_with("Change   7\nAt       2026-11-22 10:00:00.500 UTC\nWho      operator\n"),
            "{text}"
        );
        assert!(text.ends_with("Detail   leaked"), "{text}");
    }

    #[test]
    fn entries_are_listed_whatever_form_their_time_has() {
        let entry = |at: Value| json!({"id": 7, "at": at, "actor": "operator", "action": "key.revoke", "subject": "key_1", "detail": "leaked"});
        let answer =
            json!({"entries": [entry("2026-11-22T10:00:00.5Z".into()), entry(1_795_341_600_000_u64.into())]});
        assert_eq!(
            entries(&answer, "", Style::default()),
            "#  AT                       WHO       ACTION      SUBJECT  DETAIL\n\
             7  2026-11-22 10:00:00 UTC  operator  key.revoke  key_1    leaked\n\
             7  2026-11-22 10:00:00 UTC  operator  key.revoke  key_1    leaked"
        );
    }
}
