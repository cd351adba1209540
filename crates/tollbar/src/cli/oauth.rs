//! `oauth`.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    context::{Context, Env},
    credential::state,
    when::{Duration, parse_duration},
};
use crate::{
    client::path,
    output::{Style, Table, Tone, time, word},
};

#[derive(Debug, Subcommand)]
pub(crate) enum OauthCommand {
    /// Create a credential for the client credentials grant; its secret is shown once
    #[command(
        after_help = "Examples:\n  tollbar oauth create acme --env live\n  tollbar oauth create acme --env sandbox --json"
    )]
    Create(Create),
    /// Give a credential a new secret; its tokens live on
    #[command(after_help = "Without --grace the old secret is refused at once.\n\n\
        Examples:\n  tollbar oauth rotate oc_4fQ2bN8xKpL --grace 24h\n  tollbar oauth rotate oc_4fQ2bN8xKpL       # it has leaked")]
    Rotate(Rotate),
    /// Revoke a credential and all its tokens, at once and for ever
    Revoke {
        /// The credential's client_id
        id: String,
    },
    /// List a client's credentials; never their secrets
    List {
        /// The client's name or id
        client: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The client's name or id
    client: String,
    /// The environment that it opens
    #[arg(long, value_name = "live|sandbox")]
    env: Env,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// The credential's client_id
    id: String,
    /// How long the old secret still works, such as 30m, 24h, 7d
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = parse_duration)]
    grace: Duration,
}

impl OauthCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let out = &context.output;
        match self {
            Self::Create(Create { client, env }) => {
                let body = json!({"environment": env.as_str()});
                let answer = context.connect()?.post(&path(["clients", &client, "oauth"]), &body)?;
                out.answer(&answer, secret)?;
            }
            Self::Rotate(Rotate { id, grace }) => {
                let body = json!({"grace_seconds": grace.seconds});
                let answer = context.connect()?.post(&path(["oauth", &id, "rotate"]), &body)?;
                out.answer(&answer, rotated)?;
            }
            Self::Revoke { id } => {
                let answer = context.connect()?.act(&path(["oauth", &id, "revoke"]))?;
                out.answer(&answer, |_, _| {
                    format!("Revoked {}, and all tokens that were issued to it.", crate::output::safe(&id))
                })?;
            }
            Self::List { client } => {
                let answer = context.connect()?.get(&path(["clients", &client, "oauth"]))?;
                out.answer(&answer, credentials)?;
            }
        }
        Ok(())
    }
}

fn secret(credential: &Value, style: Style) -> String {
    format!(
        "client_id      {}\nclient_secret  {}\n\nThis secret is shown once and is not stored: hand it over now.\n\
         Tokens are issued at POST {{base}}/oauth/token (grant_type=client_credentials).",
        word(credential, "/client_id"),
        style.paint(Tone::Strong, &word(credential, "/client_secret")),
    )
}

fn rotated(credential: &Value, style: Style) -> String {
    let old = match time(credential, "/old_valid_until") {
        until if until == "-" => "The old secret is refused from now on".to_owned(),
        until => format!("The old secret works until {until}"),
    };
    format!("{}\n{old}; tokens live on.", secret(credential, style))
}

pub(super) fn credentials(answer: &Value, style: Style) -> String {
    let all = answer["credentials"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return "No OAuth2 credentials yet. Create one with `tollbar oauth create CLIENT --env live`."
            .to_owned();
    }
    let mut table = Table::new(["CLIENT_ID", "ENV", "STATE", "REVOKED", "CREATED"]);
    for credential in all {
        table.row([
            word(credential, "/client_id").into(),
            word(credential, "/environment").into(),
            state(credential),
            time(credential, "/revoked_at").into(),
            time(credential, "/created_at").into(),
        ]);
    }
    table.render(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_once_and_its_list_has_none() {
        let made = json!({"client_id": "oc_1", "client_secret": "tb_secret_x", "old_valid_until": null});
        assert_eq!(
            rotated(&made, Style::default()),
            "client_id      oc_1\nclient_secret  tb_secret_x\n\n\
             This secret is shown once and is not stored: hand it over now.\n\
             Tokens are issued at POST {base}/oauth/token (grant_type=client_credentials).\n\
             The old secret is refused from now on; tokens live on."
        );
        let listed = json!({"credentials": [{"client_id": "oc_1", "environment": "live", "state": "active",
            "created_at": "2026-11-22T10:00:00Z", "revoked_at": null}]});
        assert_eq!(
            credentials(&listed, Style::default()),
            "CLIENT_ID  ENV   STATE   REVOKED  CREATED\noc_1       live  active  -        2026-11-22 10:00:00 UTC"
        );
    }
}
