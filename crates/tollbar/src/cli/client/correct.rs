//! `client correct`.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::set;
use crate::{
    cli::{
        context::{Context, Env},
        number::parse_signed,
        usage::{parse_month, signed},
    },
    client::path,
    output::{Style, Tone, count, word},
};

#[derive(Debug, Args)]
#[command(
    after_help = "A correction is a line of its own on the month: `tollbar usage CLIENT` shows it with its reason, and `tollbar audit` \
    who made it. It is in force for the next request. It cannot be taken back, but corrected by another one; it cannot take \
    a month below zero, nor name a month that has not begun.\n\n\
    Examples:\n  tollbar client correct acme --env live --units -1500 --reason 'Our import sent everything twice on 12 November'\n  \
    tollbar client correct acme --env live --units 200 --month 2026-10 --reason 'Delivered by hand, ticket 811'"
)]
pub(crate) struct Correct {
    /// The client's name or id; a deleted one by its id
    #[arg(value_name = "CLIENT")]
    client: String,
    /// Which environment's count
    #[arg(long, value_name = "live|sandbox")]
    env: Env,
    /// Requests to add to what is used; with a minus: to give back
    #[arg(long, value_name = "N", value_parser = parse_signed, allow_negative_numbers = true, allow_hyphen_values = true)]
    units: i64,
    /// Why, for whoever reads the bill: up to 500 characters
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The month, such as 2026-11 [default: this one]
    #[arg(long, value_name = "YYYY-MM", value_parser = parse_month)]
    month: Option<String>,
}

impl Correct {
    pub(super) fn run(self, context: &Context) -> Result<()> {
        let mut body = json!({"environment": self.env.as_str(), "units": self.units, "reason": self.reason});
        set(&mut body, "month", self.month);
        let answer = context.connect()?.post(&path(["clients", &self.client, "corrections"]), &body)?;
        Ok(context.output.answer(&answer, corrected)?)
    }
}

fn corrected(answer: &Value, style: Style) -> String {
    format!(
        "Corrected {}, {} in {}: {}.\nUsed now: {} of {}.",
        style.paint(Tone::Strong, &word(answer, "/name")),
        word(answer, "/correction/environment"),
        word(answer, "/correction/month"),
        signed(answer["correction"]["units"].as_i64().unwrap_or_default()),
        count(answer, "/used"),
        count(answer, "/allowance"),
    )
}
