//! `secret`.

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use tollbar_core::Timestamp;

use super::{
    confirm::confirm,
    context::{Context, Wrong},
};
use crate::{
    data_folder::DataFolder,
    master_rotation::{MEANING, MasterRotation, NEW_MASTER_SECRET},
    output::{Cell, Style, Table, Tone, time, word},
};

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// List the platform's secrets and what lives under each; never a value
    List,
    /// Put another secret in the place of one; the old one is honoured while something lives under it
    Rotate(Rotate),
}

#[derive(Debug, Args)]
#[command(after_help = format!("signing-key, pepper and sealing are rotated in the running server, and in force with the next \
    request. master is rotated while the server is stopped; where it comes from TOLLBAR_MASTER_SECRET, the new one is \
    given as {NEW_MASTER_SECRET}.\n\nExamples:\n  \
    tollbar secret rotate pepper --dry-run         # how long the old one would be honoured\n  \
    tollbar secret rotate signing-key --yes\n  \
    tollbar secret rotate master                   # with the server stopped"))]
pub(crate) struct Rotate {
    /// What to rotate
    what: What,
    /// Only say how long the old one would be honoured
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Signs tokens
    SigningKey,
    /// Keys and OAuth2 secrets are stored as digests under it
    Pepper,
    /// Signing keys and stored answers are sealed under it
    Sealing,
    /// Wraps all the others
    Master,
}

impl What {
    const fn as_str(self) -> &'static str {
        match self {
            Self::SigningKey => "signing-key",
            Self::Pepper => "pepper",
            Self::Sealing => "sealing",
            Self::Master => "master",
        }
    }
}

impl SecretCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        match self {
            Self::List => {
                let answer = context.connect()?.get("/secrets")?;
                Ok(context.output.answer(&answer, secrets)?)
            }
            Self::Rotate(Rotate { what: What::Master, dry_run, yes }) => rotate_master(context, dry_run, yes),
            Self::Rotate(Rotate { what, dry_run, yes }) => {
                let server = context.connect()?;
                let body = |dry_run| json!({"what": what.as_str(), "dry_run": dry_run});
                if !dry_run {
                    confirm(yes, &format!("Rotate the {}?", what.as_str()), || Ok(what.as_str().to_owned()))?;
                }
                let answer = server.post("/secrets/rotate", &body(dry_run))?;
                Ok(context.output.answer(&answer, |answer, _| rotated(answer))?)
            }
        }
    }
}

fn rotate_master(context: &Context, dry_run: bool, yes: bool) -> Result<()> {
    if context.admin.is_some() {
        return Err(Wrong::line(
            "the master secret is rotated where it rests: on the server's machine, with --data",
        ));
    }
    let answer = json!({"what": "master", "dry_run": dry_run, "summary": MEANING});
    if dry_run {
        return Ok(context.output.either(&answer, |_| {
            format!("Nothing was changed. The server has to be stopped for this.\n\n{MEANING}")
        })?);
    }
    let find = |name| context.variables.find(name);
    let data = DataFolder::with_master_secret(context.data_path(), find("TOLLBAR_MASTER_SECRET"));
    let now = u64::try_from(context.now.as_millisecond()).map(Timestamp::from_millis).unwrap_or_default();
    confirm(yes, "Rotate the master secret?", || Ok("master".to_owned()))?;
    let rotation = MasterRotation::begin(data, find(NEW_MASTER_SECRET), now)?;
    let next = if rotation.is_in_file() {
        "Keep a copy of the new one apart from the folder, and start the server again."
    } else {
        "Start the server with the new one as TOLLBAR_MASTER_SECRET."
    };
    rotation.run()?;
    Ok(context.output.either(&answer, |_| format!("{MEANING}\n\n{next}"))?)
}

fn rotated(answer: &Value) -> String {
    let summary = word(answer, "/summary");
    match answer["new"].as_str() {
        None => format!("Nothing was changed. This is what a rotation would mean:\n\n{summary}"),
        Some(_) => format!("{} is in use from now on.\n\n{summary}", word(answer, "/new")),
    }
}

fn secrets(answer: &Value, style: Style) -> String {
    let all = answer["secrets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut table = Table::new(["WHAT", "ID", "STATE", "CREATED", "KEPT UNTIL", "WHAT LIVES UNDER IT"]);
    for secret in all {
        let state = word(secret, "/state");
        let tone = match state.as_str() {
            "current" => Tone::Good,
            "honoured" => Tone::Warning,
            _ => Tone::Faint,
        };
        table.row([
            word(secret, "/what").into(),
            word(secret, "/id").into(),
            Cell::new(tone, state),
            time(secret, "/created_at").into(),
            time(secret, "/kept_until").into(),
            word(secret, "/lives").into(),
        ]);
    }
    table.render(style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotation_is_told_from_a_dry_run() {
        let mut answer = json!({"new": "pepper-2", "summary": "2 keys live under pepper 1."});
        assert_eq!(rotated(&answer), "pepper-2 is in use from now on.\n\n2 keys live under pepper 1.");
        answer["new"] = Value::Null;
        assert!(rotated(&answer).starts_with("Nothing was changed."));
    }

    #[test]
    fn secrets_are_listed_with_what_lives_under_them() {
        let pepper = json!({
            "what": "pepper", "id": "pepper-1", "state": "honoured", "created_at": "2026-11-22T10:00:00.000Z",
            "kept_until": null, "lives": "1 key lives under pepper 1."
        });
        assert_eq!(
            secrets(&json!({"secrets": [pepper]}), Style::default()),
            "WHAT    ID        STATE     CREATED                  KEPT UNTIL  WHAT LIVES UNDER IT\n\
             pepper  pepper-1  honoured  2026-11-22 10:00:00 UTC  -           1 key lives under pepper 1."
        );
    }
}
