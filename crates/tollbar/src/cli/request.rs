//! `request`: what support asks.

mod view;

use anyhow::Result;
use clap::{Args, Subcommand};
use tollbar_contract::{Code, RequestId};

use super::{
    context::Context,
    number::{LIST_MAX, parse_limit},
    when::{When, parse_when},
};
use crate::{
    client::{path, with_query},
    config::did_you_mean,
};

#[derive(Debug, Subcommand)]
pub(crate) enum RequestCommand {
    /// Show why a request was answered as it was: each stage with the values compared
    #[command(after_help = "The id is on every answer: `meta.request_id`, and the header X-Request-Id. \
        Kept are all errors of known clients, a sample of unknown callers' errors, and successes within a budget.\n\n\
        Example:\n  tollbar request show a1b2c3d4e5f6")]
    Show {
        /// The request's id: 12 characters, 0-9 and a-f
        #[arg(value_parser = parse_id)]
        id: RequestId,
    },
    /// List requests, newest first
    List(List),
}

#[derive(Debug, Args)]
#[command(after_help = "Here a duration counts back: --since 1h is the last hour.\n\n\
    Examples:\n  \
    tollbar request list --client acme --since 1h\n  \
    tollbar request list --code rate_limit_exceeded --limit 100")]
pub(crate) struct List {
    /// Only this client's; a name or id
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
    /// Only with this error code
    #[arg(long, value_name = "CODE", value_parser = parse_code)]
    code: Option<String>,
    /// Only since then: 30m, 24h, 7d ago, a date, or a point in time
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    since: Option<When>,
    /// At most so many
    #[arg(long, value_name = "N", default_value = "50", value_parser = parse_limit, allow_negative_numbers = true)]
    limit: u32,
}

impl RequestCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::Show { id } => {
                let answer = context.connect()?.get(&path(["requests", id.as_str()]))?;
                context.output.answer(&answer, view::trace)?;
            }
            Self::List(List { client, code, since, limit }) => {
                let since = since.map(|when| when.before(context.now)).transpose()?;
                // People are told whether there are more: one more tells.
                let asked = if context.output.json { limit } else { LIST_MAX.min(limit + 1) };
                let parameters = [
                    ("client", client),
                    ("code", code),
                    ("since", since),
                    ("limit", Some(asked.to_string())),
                ];
                let answer = context.connect()?.get(&with_query("/requests", parameters))?;
                context.output.answer(&answer, |answer, style| view::requests(answer, limit, style))?;
            }
        }
        Ok(())
    }
}

fn parse_id(text: &str) -> Result<RequestId, String> {
    RequestId::parse(text).ok_or_else(|| {
        "it is not a request id: those are 12 characters of 0-9 and a-f, as in meta.request_id and the header X-Request-Id".to_owned()
    })
}

fn parse_code(text: &str) -> Result<String, String> {
    let known: Vec<String> = Code::ALL.iter().map(ToString::to_string).collect();
    if known.iter().any(|code| code == text) {
        return Ok(text.to_owned());
    }
    Err(format!("`{text}` is not an error code{}", did_you_mean(text, known.iter().map(String::as_str))))
}
