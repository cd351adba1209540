//! `tier`.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{context::Context, number::parse_rate};
use crate::{
    client::path,
    output::{Style, Table, count, number, safe, word},
};

#[derive(Debug, Subcommand)]
pub(crate) enum TierCommand {
    /// List the tiers
    List,
    /// Make a tier, or change its rate; in force at once for all its clients
    Set(Set),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  tollbar tier set standard --rate 600")]
pub(crate) struct Set {
    /// The tier's name
    name: String,
    /// Requests that any 60 seconds may admit, for each client and environment
    #[arg(long, value_name = "N", value_parser = parse_rate, allow_negative_numbers = true)]
    rate: u32,
}

impl TierCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::List => {
                let answer = context.connect()?.get("/tiers")?;
                context.output.answer(&answer, tiers)?;
            }
            Self::Set(Set { name, rate }) => {
                let body = json!({"rate_per_minute": rate});
                let answer = context.connect()?.put(&path(["tiers", &name]), &body)?;
                let done =
                    format!("The tier {} admits {} requests a minute.", safe(&name), number(rate.into()));
                context.output.answer(&answer, |_, _| done)?;
            }
        }
        Ok(())
    }
}

fn tiers(answer: &Value, style: Style) -> String {
    let all = answer["tiers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return "No tiers yet. Make one with `tollbar tier set NAME --rate N`.".to_owned();
    }
    let mut table = Table::new(["TIER", "REQUESTS A MINUTE"]).right([1]);
    for tier in all {
        table.row([word(tier, "/name").into(), count(tier, "/rate_per_minute").into()]);
    }
    table.render(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_are_listed() {
        let answer = json!({"tiers": [{"name": "standard", "rate_per_minute": 600}]});
        assert_eq!(
            tiers(&answer, Style::default()),
            "TIER      REQUESTS A MINUTE\nstandard                600"
        );
    }
}
