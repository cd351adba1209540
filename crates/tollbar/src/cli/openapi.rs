//! `openapi`.

use anyhow::Result;
use clap::Args;

use super::{
    api::plain,
    context::{Context, Env},
};
use crate::client::with_query;

#[derive(Debug, Args)]
#[command(
    after_help = "An OpenAPI document of the version that was imported, as JSON: with the addresses that partners call, how they \
    authenticate, the scopes in force, Idempotency-Key, the headers of rate and allowance, and each operation's errors.\n\n\
    Examples:\n  \
    tollbar openapi\n  \
    tollbar openapi --base /v2 --environment sandbox --server https://api.example.com"
)]
pub(crate) struct OpenapiCommand {
    /// The API's base; may be left out where there is one API
    #[arg(long, value_name = "PATH")]
    base: Option<String>,
    /// Only this environment [default: those that the API has]
    #[arg(long, value_name = "live|sandbox")]
    environment: Option<Env>,
    /// The address that partners call, without the base [default: gateway.public_url, else where the gateway listens]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
}

impl OpenapiCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let Self { base, environment, server } = self;
        let query = [
            ("base", base.map(plain)),
            ("environment", environment.map(|environment| environment.as_str().to_owned())),
            ("server", server),
        ];
        let answer = context.connect()?.get(&with_query("/apis/openapi", query))?;
        // The answer is the document, for people and programs alike; people get it with line breaks.
        let text =
            if context.output.json { answer.text } else { serde_json::to_string_pretty(&answer.value)? };
        context.output.line(text.trim_end())?;
        Ok(())
    }
}
