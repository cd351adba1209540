//! `token`.

use std::io::Read;

use anyhow::{Context as _, Result, bail};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::{Context, Wrong};
use crate::output::safe;

/// Far more than any token has.
const INPUT_LIMIT_BYTES: u64 = 64 * 1024;
/// Of the ids of tokens, which are base62.
const ID_CHARACTERS: usize = 22;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Revoke a token, or all tokens of a client
    Revoke(Revoke),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
#[command(after_help = "Examples:\n  \
    tollbar token revoke - < token.txt           # keeps the token out of the process list\n  \
    tollbar token revoke 4fQ2bN8xKpL0a1b2c3d4e5\n  \
    tollbar token revoke --client acme           # all that were issued until now")]
pub(crate) struct Revoke {
    /// The token, or its id (`jti`, as `request show` names it); - reads standard input
    #[arg(value_name = "TOKEN")]
    token: Option<String>,
    /// All tokens of this client that were issued until now; a name or id
    #[arg(long, value_name = "CLIENT")]
    client: Option<String>,
}

impl TokenCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let Self::Revoke(Revoke { token, client }) = self;
        let (body, done) = match (client, token) {
            (Some(client), _) => {
                let done = format!("Revoked all tokens of {} that were issued until now.", safe(&client));
                (json!({"client": client}), done)
            }
            (None, token) => {
                let body = match token.as_deref() {
                    None | Some("-") => read(&from_input(std::io::stdin().lock())?)?,
                    Some(token) => read(token).map_err(|fault| Wrong::line(fault.to_string()))?,
                };
                let done = format!(
                    "Requests with the token id {} are refused from now on.",
                    safe(body["token_id"].as_str().unwrap_or_default())
                );
                (body, done)
            }
        };
        let answer = context.connect()?.post("/tokens/revoke", &body)?;
        Ok(context.output.answer(&answer, |_, _| done)?)
    }
}

fn from_input(input: impl Read) -> Result<String> {
    let mut text = String::new();
    input.take(INPUT_LIMIT_BYTES).read_to_string(&mut text).context("standard input cannot be read")?;
    Ok(text)
}

/// What to send for a token or its id. The server needs only the id: the token itself never leaves this machine.
fn read(text: &str) -> Result<Value> {
    let text = text.trim();
    let text = text.strip_prefix("Bearer ").unwrap_or(text).trim();
    let is_id = |text: &str| text.len() == ID_CHARACTERS && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_id(text) {
        return Ok(json!({"token_id": text}));
    }
    let claims = text
        .split('.')
        .nth(1)
        .and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok())
        .and_then(|payload| serde_json::from_slice::<Value>(&payload).ok());
    let Some((id, end)) = claims
        .as_ref()
        .and_then(|claims| Some((claims["jti"].as_str().filter(|id| is_id(id))?, claims["exp"].as_i64()?)))
    else {
        // The text is not repeated: it may be a credential.
        bail!(
            "that is neither a token of this platform nor a token's id, which has {ID_CHARACTERS} letters and digits"
        );
    };
    let end = jiff::Timestamp::from_second(end).context("the token's end is out of range")?;
    Ok(json!({"token_id": id, "expires_at": end.to_string()}))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4fQ2bN8xKpL0a1b2c3d4e5";

    #[test]
    fn a_token_is_reduced_to_its_id_and_end() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"jti":"4fQ2bN8xKpL0a1b2c3d4e5","exp":1795000000}"#);
        let token = format!("Bearer eyJhbGciOiJFZERTQSJ9.{payload}.c2ln\n");
        assert_eq!(read(&token).unwrap(), json!({"token_id": ID, "expires_at": "2026-11-18T11:06:40Z"}));
        assert_eq!(read(&format!(" {ID}\n")).unwrap(), json!({"token_id": ID}));
        let foreign = format!("x.{}.y", URL_SAFE_NO_PAD.encode(r#"{"jti":"abc","exp":1795000000}"#));
        for wrong in [
            "",
            "a b",
            "a.b.c",
            "abc123",
            &foreign,
            &"x".repeat(23),
            &format!("x.{}.y", URL_SAFE_NO_PAD.encode("{}")),
        ] {
            assert_eq!(
                read(wrong).unwrap_err().to_string(),
                "that is neither a token of this platform nor a token's id, which has 22 letters and digits"
            );
        }
        assert_eq!(from_input(&b"abc\n"[..]).unwrap(), "abc\n");
    }
}
