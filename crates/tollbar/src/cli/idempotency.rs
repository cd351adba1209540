//! `idempotency`: keyed requests of unknown outcome.

mod view;

use std::{fs::File, io::Read, path::PathBuf};

use anyhow::{Context as _, Result, anyhow};
use clap::{ArgGroup, Args, Subcommand};
use serde_json::{Value, json};

use super::{
    context::{Context, Env, Wrong, set},
    number::parse_limit,
    when::{When, parse_when},
};
use crate::client::with_query;

/// The longest answer that the server takes.
const BODY_LIMIT_BYTES: u64 = 1024 * 1024;
/// How often a list looks further: a million records.
const LOOKS_MAX: u32 = 50;

#[derive(Debug, Subcommand)]
pub(crate) enum IdempotencyCommand {
    /// List requests of unknown outcome, newest first
    List(List),
    /// Show what became of a keyed request, and what a repeat gets
    #[command(after_help = "By its id only a request is found that is or was of unknown outcome.\n\n\
        Examples:\n  \
        tollbar idempotency show order-1081 --client acme --env live\n  \
        tollbar idempotency show a1b2c3d4e5f6")]
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// Say what became of a request of unknown outcome
    Settle(Settle),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Here a duration counts back: --since 1h is the last hour. Where many are unknown, or under way, one list may \
    not come to their end: it says so, and how to go on.\n\n\
    Example:\n  tollbar idempotency list --client acme --since 24h"
)]
pub(crate) struct List {
    /// Only this client's; a name or id
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
    /// In one environment only [default: both]
    #[arg(long, value_name = "live|sandbox")]
    env: Option<Env>,
    /// Only of requests started since then: 30m, 24h, 7d ago, a date, or a point in time
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    since: Option<When>,
    /// Only those that come behind this place in the list: the next page
    #[arg(long, value_name = "PLACE")]
    before: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value = "50", value_parser = parse_limit, allow_negative_numbers = true)]
    limit: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The first request's id; or the Idempotency-Key, with --client and --env
    #[arg(value_name = "ID|KEY")]
    name: String,
    /// Whose key it is; a name or id
    #[arg(long, value_name = "CLIENT", requires = "env")]
    client: Option<String>,
    /// In which environment
    #[arg(long, value_name = "live|sandbox", requires = "client")]
    env: Option<Env>,
}

#[derive(Debug, Args)]
#[command(
    // Without one of them both are named.
    group = ArgGroup::new("outcome").args(["executed", "not_executed"]).required(true),
    after_help = "Find out first, in the API behind Tollbar, whether the write took effect. What was not executed \
    releases its key: the next request with it executes. What was executed is never executed again; repeats get the answer \
    that is given here, or a 500 that says that it was executed.\n\n\
    Examples:\n  \
    tollbar idempotency settle a1b2c3d4e5f6 --not-executed --reason 'no such order in the shop'\n  \
    tollbar idempotency settle a1b2c3d4e5f6 --executed --status 201 --body-file order.json --reason 'order 1081 is there'\n  \
    tollbar idempotency settle order-1081 --client acme --env live --executed --reason 'ticket 4711'"
)]
pub(crate) struct Settle {
    #[command(flatten)]
    which: Which,
    /// It took effect
    #[arg(long)]
    executed: bool,
    /// It had no effect
    #[arg(long, conflicts_with_all = ["status", "body_file", "content_type"])]
    not_executed: bool,
    /// The status of the answer that repeats get [default: they get no answer]
    #[arg(long, value_name = "STATUS")]
    status: Option<u16>,
    /// A file with the answer's body, text in UTF-8; `-` is standard input
    #[arg(long, value_name = "FILE", requires = "status")]
    body_file: Option<PathBuf>,
    /// The body's type [default: application/json]
    #[arg(long, value_name = "TYPE", requires = "status")]
    content_type: Option<String>,
    /// How it was found out; for the audit trail
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl IdempotencyCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::List(list) => {
                let list = list.find(context)?;
                context.output.either(&list, |style| view::unknown(&list, style))?;
            }
            Self::Show { which } => {
                let fields = which.fields()?;
                let field = |name: &str| fields[name].as_str().map(str::to_owned);
                let parameters =
                    ["request_id", "client", "environment", "key"].map(|name| (name, field(name)));
                let answer = context.connect()?.get(&with_query("/idempotency/record", parameters))?;
                context.output.answer(&answer, view::record)?;
            }
            Self::Settle(settle) => {
                let body = settle.body()?;
                let answer = context.connect()?.post("/idempotency/settle", &body)?;
                context.output.answer(&answer, view::settled)?;
            }
        }
        Ok(())
    }
}

impl List {
    /// One look comes only so far among many others' records: it goes on, for a while.
    fn find(self, context: &Context) -> Result<Value> {
        let Self { client, env, since, before, limit } = self;
        let since = since.map(|when| when.before(context.now)).transpose()?;
        let admin = context.connect()?;
        let look = |before: Option<String>, limit: u32| {
            let parameters = [
                ("client", client.clone()),
                ("environment", env.map(|env| env.as_str().to_owned())),
                ("since", since.clone()),
                ("before", before),
                ("limit", Some(limit.to_string())),
            ];
            Ok::<_, anyhow::Error>(admin.get(&with_query("/idempotency", parameters))?.value)
        };
        let mut list = look(before, limit)?;
        for _ in 1..LOOKS_MAX {
            let Some(next) = list["next"].as_str().filter(|_| list["stopped_at"].is_string()) else { break };
            let mut found = list["unknown"].as_array().cloned().unwrap_or_default();
            list = look(Some(next.to_owned()), limit.saturating_sub(u32::try_from(found.len())?).max(1))?;
            found.extend(list["unknown"].as_array().cloned().unwrap_or_default());
            list["unknown"] = found.into();
        }
        Ok(list)
    }
}

impl Which {
    fn fields(&self) -> Result<Value> {
        if let (Some(client), Some(env)) = (&self.client, self.env) {
            return Ok(json!({"client": client, "environment": env.as_str(), "key": self.name}));
        }
        let id = tollbar_contract::RequestId::parse(&self.name).ok_or_else(|| {
            Wrong::line(format!(
                "`{}` is not a request id, which has 12 characters of 0-9 and a-f; if it is an Idempotency-Key, say whose: \
                 --client C --env live",
                self.name
            ))
        })?;
        Ok(json!({"request_id": id.as_str()}))
    }
}

impl Settle {
    fn body(self) -> Result<Value> {
        let mut body = self.which.fields()?;
        body["executed"] = self.executed.into();
        body["reason"] = self.reason.into();
        if let Some(status) = self.status {
            let mut answer = json!({"status": status});
            set(&mut answer, "content_type", self.content_type);
            set(&mut answer, "body", self.body_file.map(|file| read(&file)).transpose()?);
            body["answer"] = answer;
        }
        Ok(body)
    }
}

fn read(file: &std::path::Path) -> Result<String> {
    let mut bytes = Vec::new();
    // One byte more than is allowed is enough to be refused.
    let outcome = if file.as_os_str() == "-" {
        std::io::stdin().lock().take(BODY_LIMIT_BYTES + 1).read_to_end(&mut bytes)
    } else {
        File::open(file).and_then(|file| file.take(BODY_LIMIT_BYTES + 1).read_to_end(&mut bytes))
    };
    outcome.with_context(|| format!("{} cannot be read", file.display()))?;
    String::from_utf8(bytes).map_err(|_| anyhow!("{} must be UTF-8", file.display()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        settle: Settle,
    }

    fn body(words: &[&str]) -> Result<Value, String> {
        let line = Line::try_parse_from(std::iter::once("settle").chain(words.iter().copied()));
        line.map_err(|fault| fault.to_string())?.settle.body().map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_line_becomes_a_settlement() {
        assert_eq!(
            body(&["A1B2C3D4E5F6", "--not-executed", "--reason", "r"]),
            Ok(json!({"request_id": "a1b2c3d4e5f6", "executed": false, "reason": "r"}))
        );
        assert_eq!(
            body(&[
                "k",
                "--client",
                "acme",
                "--env",
                "live",
                "--executed",
                "--status",
                "204",
                "--reason",
                "r"
            ]),
            Ok(json!({"client": "acme", "environment": "live", "key": "k", "executed": true, "reason": "r",
                "answer": {"status": 204}}))
        );
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let id = "a1b2c3d4e5f6";
        for (words, said) in [
            (vec![id, "--reason", "r"], "<--executed|--not-executed>"),
            (vec![id, "--executed", "--not-executed", "--reason", "r"], "cannot be used with"),
            (vec![id, "--not-executed", "--status", "201", "--reason", "r"], "cannot be used with"),
            (vec![id, "--executed", "--content-type", "text/plain", "--reason", "r"], "--status"),
            (vec![id, "--executed"], "--reason"),
            (vec!["order-1", "--executed", "--reason", "r"], "say whose: --client C --env live"),
            (vec!["order-1", "--client", "acme", "--executed", "--reason", "r"], "--env"),
        ] {
            let fault = body(&words).unwrap_err();
            assert!(fault.contains(said), "{words:?}: {fault}");
        }
    }
}
