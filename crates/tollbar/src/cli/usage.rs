//! `usage`.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use serde_json::Value;

use super::context::Context;
use crate::{
    client::{path, with_query},
    output::{Cell, Style, Table, Tone, count, number, word},
};

#[derive(Debug, Args)]
#[command(
    after_help = "A request is charged once, when it is sent to the upstream, and given back if the answer is a 5xx. \
    Refusals are free. Months are calendar months in UTC.\n\n\
    Examples:\n  tollbar usage acme\n  tollbar usage acme --month 2026-11\n  tollbar usage acme --json"
)]
pub(crate) struct UsageCommand {
    /// The client's name or id
    client: String,
    /// The month, such as 2026-11 [default: this one]
    #[arg(long, value_name = "YYYY-MM", value_parser = parse_month)]
    month: Option<String>,
}

impl UsageCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let admin = context.connect()?;
        let answer = admin.get(&with_query(&path(["usage", &self.client]), [("month", self.month)]))?;
        let this_month = context.now.strftime("%Y-%m").to_string();
        let is_billed =
            !context.output.json && ["live", "sandbox"].iter().any(|e| beyond(&answer.value, e) > 0) && {
                let client = admin.get(&path(["clients", &self.client]))?;
                client.value["overage"] == "report"
            };
        Ok(context.output.answer(&answer, |found, style| usage(found, &this_month, is_billed, style))?)
    }
}

fn parse_month(text: &str) -> Result<String, String> {
    let month = tollbar_core::Month::parse(text)
        .ok_or_else(|| format!("`{text}` is not a month; write it like 2026-11"));
    month.map(|month| month.to_string())
}

/// Requests beyond the allowance.
fn beyond(usage: &Value, environment: &str) -> u64 {
    let of = |field: &str| usage[environment][field].as_u64();
    of("used").zip(of("allowance")).map_or(0, |(used, allowance)| used.saturating_sub(allowance))
}

fn totals(usage: &Value, is_billed: bool, style: Style) -> String {
    let row = |environment: &str| {
        let of = |field: &str| Cell::from(count(usage, &format!("/{environment}/{field}")));
        [environment.into(), of("used"), of("allowance"), of("remaining")]
    };
    if !is_billed {
        let mut table = Table::new(["ENV", "USED", "ALLOWANCE", "REMAINING"]).right([1, 2, 3]);
        ["live", "sandbox"].into_iter().for_each(|environment| table.row(row(environment)));
        return table.render(style);
    }
    let headings = ["ENV", "USED", "ALLOWANCE", "REMAINING", "BILLABLE OVERAGE"];
    let mut table = Table::new(headings).right([1, 2, 3, 4]);
    for environment in ["live", "sandbox"] {
        let [name, used, allowance, remaining] = row(environment);
        table.row([name, used, allowance, remaining, number(beyond(usage, environment)).into()]);
    }
    table.render(style)
}

fn usage(usage: &Value, this_month: &str, is_billed: bool, style: Style) -> String {
    let month = word(usage, "/month");
    let title = format!("{} in {month} (UTC)", word(usage, "/name"));
    let mut text = format!("{}\n\n", style.paint(Tone::Strong, &title));
    if month.as_str() > this_month {
        text +=
            &format!("{}\n\n", style.paint(Tone::Warning, "This month has not begun: nothing is used yet."));
    }
    text += &format!("{}\n", totals(usage, is_billed, style));
    let by_endpoint = by_endpoint(usage);
    if !by_endpoint.is_empty() {
        let mut table = Table::new(["ENV", "ENDPOINT", "SENT", "GIVEN BACK", "CHARGED"]).right([2, 3, 4]);
        for ((environment, endpoint), (sent, back)) in by_endpoint {
            let counts = [number(sent).into(), number(back).into(), number(sent.saturating_sub(back)).into()];
            let [sent, back, charged] = counts;
            table.row([environment.into(), endpoint.into(), sent, back, charged]);
        }
        text += &format!("\n{}\n", table.render(style));
    }
    text
}

/// The rows are by day; people ask by endpoint.
fn by_endpoint(usage: &Value) -> BTreeMap<(String, String), (u64, u64)> {
    let mut sums = BTreeMap::new();
    for row in usage["rows"].as_array().into_iter().flatten() {
        let key = (word(row, "/environment"), word(row, "/endpoint_name"));
        let (sent, back): &mut (u64, u64) = sums.entry(key).or_default();
        *sent = sent.saturating_add(row["charged"].as_u64().unwrap_or(0));
        *back = back.saturating_add(row["given_back"].as_u64().unwrap_or(0));
    }
    sums
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn usage_is_summed_by_endpoint() {
        let row = |day: u32, charged: u32, back: u32| json!({"environment": "live", "endpoint": 1, "endpoint_name": "GET /v1/x", "day": day, "charged": charged, "given_back": back});
        let answer = json!({
            "client": "cl_1", "name": "acme", "month": "2026-11",
            "live": {"used": 1205, "allowance": 100_000, "remaining": 98_795},
            "sandbox": {"used": 0, "allowance": 10, "remaining": 10},
            "rows": [row(1, 1200, 0), row(2, 7, 2)]
        });
        assert_eq!(
            usage(&answer, "2026-11", false, Style::default()),
            "acme in 2026-11 (UTC)\n\n\
             ENV       USED  ALLOWANCE  REMAINING\n\
             live     1,205    100,000     98,795\n\
             sandbox      0         10         10\n\n\
             ENV   ENDPOINT    SENT  GIVEN BACK  CHARGED\n\
             live  GET /v1/x  1,207           2    1,205\n"
        );
    }

    #[test]
    fn what_is_billed_and_what_is_still_to_come_is_said() {
        let answer = json!({
            "client": "cl_1", "name": "acme", "month": "2026-12", "rows": [],
            "live": {"used": 1205, "allowance": 1000, "remaining": 0},
            "sandbox": {"used": 0, "allowance": 10, "remaining": 10},
        });
        assert_eq!(
            usage(&answer, "2026-12", true, Style::default()),
            "acme in 2026-12 (UTC)\n\n\
             ENV       USED  ALLOWANCE  REMAINING  BILLABLE OVERAGE\n\
             live     1,205      1,000          0               205\n\
             sandbox      0         10         10                 0\n"
        );
        let early = usage(&answer, "2026-11", false, Style::default());
        assert!(early.contains("\n\nThis month has not begun: nothing is used yet.\n\n"), "{early}");
        assert!(!early.contains("BILLABLE"), "{early}");
    }

    #[test]
    fn a_month_is_a_month() {
        assert_eq!(parse_month("2026-1"), Ok("2026-01".to_owned()));
        assert_eq!(
            parse_month("november"),
            Err("`november` is not a month; write it like 2026-11".to_owned())
        );
    }
}
