//! `usage`: what was used, and what it adds up to.

mod csv;
mod groups;
mod view;

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

pub(super) use view::signed;

use super::context::{Context, Env};
use crate::client::{AdminClient, path, with_query};

/// What one answer of the server may hold.
const PAGE: u32 = 1000;

#[derive(Debug, Args)]
#[command(
    after_help = "A request is charged once, when it is sent to the upstream, and given back if the answer is a 5xx or it was \
    not sent after all. Refusals and replays are free. Used is what was charged, less what was given back, plus \
    corrections (`tollbar client correct`). Months are calendar months in UTC. A month that is over is held against the allowance \
    and overage that it ended with.\n\n\
    Outcomes are 2xx, 3xx, 4xx, 5xx, not sent, and open: no outcome was seen, because the request is under way, or the server \
    was killed, or the client left. All of them together are what was charged.\n\n\
    CSV has a header line and CRLF at the ends of lines (RFC 4180). A text that begins with = + - @ or a tab gets an apostrophe \
    in front, so that no spreadsheet takes it for a formula. JSON is the server's answer; for all clients it has rows with \
    --by endpoint or day.\n\n\
    Examples:\n  tollbar usage\n  tollbar usage --month 2026-11 --env live --csv\n  \
    tollbar usage acme\n  tollbar usage acme --month 2026-11 --by day\n  tollbar usage acme --json"
)]
pub(crate) struct UsageCommand {
    /// The client's name or id [default: all clients]
    client: Option<String>,
    /// The month, such as 2026-11 [default: this one]
    #[arg(long, value_name = "YYYY-MM", value_parser = parse_month)]
    month: Option<String>,
    /// Only this environment [default: both]
    #[arg(long, value_name = "live|sandbox")]
    env: Option<Env>,
    /// What to sum by [default: endpoint for one client, total for all]
    #[arg(long, value_name = "WHAT")]
    by: Option<By>,
    /// Print CSV, for spreadsheets
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// What usage is summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// The month as a whole
    Total,
    /// Each endpoint
    Endpoint,
    /// Each day (UTC)
    Day,
    /// How requests ended
    Outcome,
}

impl UsageCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let admin = context.connect()?;
        let out = &context.output;
        let this_month = context.now.strftime("%Y-%m").to_string();
        if let Some(client) = &self.client {
            let environment = self.env.map(|env| env.as_str().to_owned());
            let query = [("month", self.month.clone()), ("environment", environment)];
            let answer = admin.get(&with_query(&path(["usage", client]), query))?;
            let by = self.by.unwrap_or(By::Endpoint);
            if self.csv {
                let month = answer.value["month"].as_str().unwrap_or_default();
                return Ok(out.line(&csv::lines(month, std::slice::from_ref(&answer.value), by))?);
            }
            return Ok(out.answer(&answer, |usage, style| view::one(usage, by, &this_month, style))?);
        }
        let by = self.by.unwrap_or(By::Total);
        let (month, mut clients) = all(&admin, self.month, self.env, by)?;
        let key = |client: &Value| {
            let of = |field: &str| client[field].as_str().unwrap_or_default().to_owned();
            (of("name"), of("client"))
        };
        clients.sort_by_cached_key(key);
        if self.csv {
            return Ok(out.line(&csv::lines(&month, &clients, by))?);
        }
        let answer = json!({"month": month, "clients": clients});
        Ok(out.either(&answer, |style| view::all(&month, &clients, by, &this_month, style))?)
    }
}

/// All clients of a month, page by page; the month is the one that the first page is of.
fn all(
    admin: &AdminClient,
    mut month: Option<String>,
    environment: Option<Env>,
    by: By,
) -> Result<(String, Vec<Value>)> {
    let mut clients = Vec::new();
    let mut after = None;
    loop {
        let query = [
            ("month", month.clone()),
            ("environment", environment.map(|env| env.as_str().to_owned())),
            ("rows", matches!(by, By::Endpoint | By::Day).then(|| "true".to_owned())),
            ("limit", Some(PAGE.to_string())),
            ("after", after.clone()),
        ];
        let page = admin.get(&with_query("/usage", query))?.value;
        let Some(of) = page["month"].as_str() else { bail!("the server's answer is not understood") };
        clients.extend(page["clients"].as_array().into_iter().flatten().cloned());
        let next = page["next"].as_str().map(str::to_owned);
        match next {
            None => return Ok((of.to_owned(), clients)),
            // A page that leads nowhere would be asked for without end.
            Some(_) if next == after => bail!("the server gives the same page again and again"),
            Some(_) => (month, after) = (Some(of.to_owned()), next),
        }
    }
}

pub(super) fn parse_month(text: &str) -> Result<String, String> {
    let month = tollbar_core::Month::parse(text)
        .ok_or_else(|| format!("`{text}` is not a month; write it like 2026-11"));
    month.map(|month| month.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_a_month() {
        assert_eq!(parse_month("2026-1"), Ok("2026-01".to_owned()));
        assert_eq!(
            parse_month("november"),
            Err("`november` is not a month; write it like 2026-11".to_owned())
        );
    }
}
