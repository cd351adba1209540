//! `request`: what support asks.

mod view;

use anyhow::Result;
use clap::{Args, Subcommand};
use tollbar_contract::{Code, RequestId};

use super::{
    context::Context,
    number::parse_limit,
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
    List(Box<List>),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Here a duration counts back: --since 1h is the last hour. Client, code and time are found by an index; the \
    others by looking at up to 50,000 requests: where that was not enough, the list says so, and how to go on.\n\n\
    Examples:\n  \
    tollbar request list --client acme --since 1h\n  \
    tollbar request list --code rate_limit_exceeded --limit 100\n  \
    tollbar request list --client acme --status 4xx --endpoint 'POST /v1/orders'\n  \
    tollbar request list --address 203.0.113.7 --since 2026-12-01 --until 2026-12-02"
)]
pub(crate) struct List {
    /// Only this client's; a name or id
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
    /// Only with this error code
    #[arg(long, value_name = "CODE", value_parser = parse_code)]
    code: Option<String>,
    /// Only with this status (404), or of this class (4xx, 5xx)
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only of this environment: live or sandbox
    #[arg(long, value_name = "ENV")]
    env: Option<String>,
    /// Only of this endpoint: 'POST /v1/orders', or one of Tollbar's own: '(token)'
    #[arg(long, value_name = "ENDPOINT")]
    endpoint: Option<String>,
    /// Only with this credential: the id of a key, an OAuth2 credential or a token; never the credential itself
    #[arg(long, value_name = "ID")]
    credential: Option<String>,
    /// Only from this address
    #[arg(long, value_name = "IP")]
    address: Option<String>,
    /// Only since then: 30m, 24h, 7d ago, a date, or a point in time
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    since: Option<When>,
    /// Only until then
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    until: Option<When>,
    /// Only those that come behind this request in the list: the next page
    #[arg(long, value_name = "ID", value_parser = parse_id)]
    before: Option<RequestId>,
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
            Self::List(list) => {
                let time = |when: Option<When>| when.map(|when| when.before(context.now)).transpose();
                let parameters = [
                    ("client", list.client),
                    ("code", list.code),
                    ("status", list.status),
                    ("environment", list.env),
                    ("endpoint", list.endpoint),
                    ("credential", list.credential),
                    ("address", list.address),
                    ("since", time(list.since)?),
                    ("until", time(list.until)?),
                    ("before", list.before.map(|id| id.to_string())),
                    ("limit", Some(list.limit.to_string())),
                ];
                let answer = context.connect()?.get(&with_query("/requests", parameters))?;
                context.output.answer(&answer, view::requests)?;
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
