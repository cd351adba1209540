//! `key`.

use anyhow::Result;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    context::{Context, Env, set},
    credential::state,
    when::{Duration, WHEN_HELP, When, parse_duration, parse_when},
};
use crate::{
    client::path,
    output::{Cell, Style, Table, Tone, list, time, word},
};

#[derive(Debug, Subcommand)]
pub(crate) enum KeyCommand {
    /// Create an API key; it is shown once
    Create(Create),
    /// Replace a key by a new one; the old one lives on for a grace period
    Rotate(Rotate),
    /// Revoke a key, at once and for ever
    Revoke(Which),
    /// List a client's keys; never the keys themselves
    List {
        /// The client's name or id
        client: String,
    },
}

#[derive(Debug, Args)]
#[command(after_help = format!("{WHEN_HELP}\n\nExamples:\n  \
    tollbar key create acme --env live\n  \
    tollbar key create acme --env sandbox --scope orders:read --expires 90d\n  \
    KEY=$(tollbar key create acme --env live --json | jq -r .key)"))]
pub(crate) struct Create {
    /// The client's name or id
    client: String,
    /// The environment that it opens
    #[arg(long, value_name = "live|sandbox")]
    env: Env,
    /// A scope that the key is limited to; can be given several times [default: all that its client has]
    #[arg(long = "scope", value_name = "S", value_delimiter = ',')]
    scopes: Vec<String>,
    /// When it ends by itself [default: never]
    #[arg(long, value_name = "WHEN", value_parser = parse_when)]
    expires: Option<When>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The new key has the same client, environment, scopes and expiry. The old one works until the grace \
    period ends, and is refused for ever after that.\n\n\
    Examples:\n  \
    tollbar key rotate key_4fQ2bN8xKpL --grace 24h\n  \
    tollbar key rotate key_4fQ2bN8xKpL --grace 0       # it has leaked"
)]
pub(crate) struct Rotate {
    /// The key's id, as `key list` shows it
    key: String,
    /// How long the old key still works, such as 30m, 24h, 7d, or 0
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = parse_duration)]
    grace: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The key's id, as `key list` shows it
    key: String,
}

impl KeyCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let out = &context.output;
        match self {
            Self::Create(create) => {
                let mut body = json!({"environment": create.env.as_str()});
                set(&mut body, "scopes", (!create.scopes.is_empty()).then_some(create.scopes));
                set(&mut body, "expires_at", create.expires.map(|when| when.after(context.now)).transpose()?);
                let answer = context.connect()?.post(&path(["clients", &create.client, "keys"]), &body)?;
                out.answer(&answer, created)?;
            }
            Self::Rotate(Rotate { key, grace }) => {
                let body = json!({"grace_seconds": grace.seconds});
                let answer = context.connect()?.post(&path(["keys", &key, "rotate"]), &body)?;
                out.answer(&answer, |key, style| rotated(key, grace, style))?;
            }
            Self::Revoke(Which { key }) => {
                let answer = context.connect()?.act(&path(["keys", &key, "revoke"]))?;
                out.answer(&answer, |key, _| {
                    format!(
                        "Revoked {} ({}), since {}.",
                        word(key, "/id"),
                        word(key, "/hint"),
                        time(key, "/revoked_at")
                    )
                })?;
            }
            Self::List { client } => {
                let answer = context.connect()?.get(&path(["clients", &client, "keys"]))?;
                out.answer(&answer, keys)?;
            }
        }
        Ok(())
    }
}

fn created(key: &Value, style: Style) -> String {
    let scopes = list(key, "/scopes").unwrap_or_else(|| "all that its client has".to_owned());
    let expires = match time(key, "/expires_at") {
        never if never == "-" => "never".to_owned(),
        at => at,
    };
    format!(
        "{}\n\nThis key is shown once and is not stored: hand it over now.\n\n\
         Id           {}\nEnvironment  {}\nScopes       {scopes}\nExpires      {expires}\n\n\
         Requests send it in the header X-API-Key.",
        style.paint(Tone::Strong, &word(key, "/key")),
        word(key, "/id"),
        word(key, "/environment"),
    )
}

fn rotated(key: &Value, grace: Duration, style: Style) -> String {
    let end = match grace.seconds {
        0 => "is refused from now on".to_owned(),
        _ => format!("works until {}", time(key, "/replaces/revoked_at")),
    };
    format!("{}\n\nThe old key {} {end}.", created(key, style), word(key, "/replaces/id"))
}

pub(super) fn keys(answer: &Value, style: Style) -> String {
    let all = answer["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return "No keys yet. Create one with `tollbar key create CLIENT --env live`.".to_owned();
    }
    let mut table = Table::new(["ID", "KEY", "ENV", "STATE", "SCOPES", "EXPIRES", "REVOKED FROM", "CREATED"]);
    for key in all {
        let scopes =
            list(key, "/scopes").map_or_else(|| Cell::new(Tone::Faint, "all of its client"), Cell::from);
        table.row([
            word(key, "/id").into(),
            word(key, "/hint").into(),
            word(key, "/environment").into(),
            state(key),
            scopes,
            time(key, "/expires_at").into(),
            time(key, "/revoked_at").into(),
            time(key, "/created_at").into(),
        ]);
    }
    table.render(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_shown_once_and_says_so() {
        let key = json!({
            "id": "key_00000000001", "key": "tb_live_abc", "environment": "live", "hint": "tb_live_abc...",
            "scopes": null, "expires_at": null, "created_at": "2026-11-22T10:00:00.000Z",
            "replaces": {"id": "key_00000000000", "revoked_at": "2026-11-23T10:00:00.000Z"}
        });
        assert_eq!(
            rotated(&key, Duration { seconds: 86_400 }, Style::default()),
            "tb_live_abc\n\nThis key is shown once and is not stored: hand it over now.\n\n\
             Id           key_00000000001\nEnvironment  live\nScopes       all that its client has\nExpires      never\n\n\
             Requests send it in the header X-API-Key.\n\n\
             The old key key_00000000000 works until 2026-11-23 10:00:00 UTC."
        );
        let at_once = rotated(&key, Duration { seconds: 0 }, Style::default());
        assert!(at_once.ends_with("\n\nThe old key key_00000000000 is refused from now on."), "{at_once}");
    }

    #[test]
    fn keys_are_listed_without_the_keys() {
        let key = json!({
            "id": "key_00000000001", "client": "cl_1", "hint": "tb_live_abcd...", "environment": "live", "state": "grace",
            "scopes": ["a", "b"], "expires_at": null, "revoked_at": "2026-11-23T10:00:00.000Z",
            "created_at": "2026-11-22T10:00:00.000Z"
        });
        assert_eq!(
            keys(&json!({"keys": [key]}), Style::default()),
            "ID               KEY              ENV   STATE  SCOPES  EXPIRES  REVOKED FROM             CREATED\n\
             key_00000000001  tb_live_abcd...  live  grace  a b     -        2026-11-23 10:00:00 UTC  2026-11-22 10:00:00 UTC"
        );
    }
}
