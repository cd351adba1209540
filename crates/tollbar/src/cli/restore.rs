//! `restore`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use tollbar_core::{port::Manifest, secret::keyring::KeyringFault};
use tollbar_store::Restored;

use super::{
    backup::absolute,
    context::{Context, Wrong, timestamp},
};
use crate::{
    data_folder::DataFolder,
    output::{Style, Tone, safe, word},
    serve::data_flag,
};

#[derive(Debug, Args)]
#[command(
    after_help = "The backup is checked whole before anything is touched: its manifest, the checksum of every file, both \
    databases, and that the master secret of the data folder opens it. A store that is there is moved aside \
    (replaced-.../ in the data folder), never deleted. While a server runs, the backup is laid ready beside its store, and \
    taken at its next start: `tollbar serve --take-over`, or a restart.\n\n\
    Examples:\n  \
    tollbar restore /mnt/backups/2026-11-22 --data /var/lib/tollbar\n  \
    tollbar restore /mnt/backups/2026-11-22 --replace        # then: tollbar serve --take-over"
)]
pub(crate) struct RestoreCommand {
    /// The folder that `tollbar backup` made
    backup: PathBuf,
    /// Put it in the place of the store that is there, which is moved aside
    #[arg(long)]
    replace: bool,
}

impl RestoreCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        if context.admin.is_some() {
            return Err(Wrong::line("a backup is restored on the server's machine, with --data"));
        }
        let backup = absolute(&self.backup)?;
        let secret = context.variables.find("TOLLBAR_MASTER_SECRET");
        let data = DataFolder::with_master_secret(context.data_path(), secret);
        let manifest = tollbar_store::verify_backup(&backup)?;
        let has_secret = check_master_secret(&backup, &data)?;
        let restored = tollbar_store::restore(&backup, data.path(), self.replace, timestamp(context.now))?;
        let answer = answer(&manifest, &restored, &data, has_secret);
        Ok(context.output.either(&answer, |style| told(&answer, &data, style))?)
    }
}

/// A store whose secrets nobody can open would not start. Whether there is a master secret at all.
fn check_master_secret(backup: &std::path::Path, data: &DataFolder) -> Result<bool> {
    let Some(master) = data.find_master_secret()? else { return Ok(false) };
    let keyring = tollbar_store::read_keyring(backup).context("the secrets of the backup cannot be read")?;
    if keyring.is_empty() {
        return Ok(true);
    }
    match crate::keyring::open(&master, &keyring) {
        Err(KeyringFault::WrongMaster) => bail!(
            "the master secret of {} does not open this backup: it is another platform's, or there was a `tollbar secret rotate \
             master` between the two. Put the one that was in force when the backup was made there first (mode 0600), or give \
             it as TOLLBAR_MASTER_SECRET. Nothing was changed",
            data.path().display()
        ),
        Err(damaged) => Err(damaged.into()),
        Ok(_) => Ok(true),
    }
}

fn answer(manifest: &Manifest, restored: &Restored, data: &DataFolder, has_secret: bool) -> Value {
    let (state, replaced) = match restored {
        Restored::InPlace(replaced) => ("in-place", replaced.as_ref()),
        Restored::Staged => ("staged", None),
    };
    json!({
        "state": state,
        "data": data.path().display().to_string(),
        "made_at": manifest.made_at,
        "made_by": manifest.version,
        "with_requests": manifest.with_requests,
        "replaced": replaced.map(|name| data.path().join(name).display().to_string()),
        "master_secret_is_there": has_secret,
    })
}

fn told(answer: &Value, data: &DataFolder, style: Style) -> String {
    let flag = data_flag(data.path());
    let folder = safe(&data.path().display().to_string());
    let mut text = match answer["state"].as_str() {
        Some("staged") => format!(
            "{} {folder}, checked, beside the store of the server that runs.\n\
             It is taken at the next start:  tollbar serve --take-over{flag}   (with the server's other options; no request is \
             refused), or a restart. What is there now is moved aside then.",
            style.paint(Tone::Good, "laid ready in")
        ),
        _ => {
            let mut text = format!("{} {folder}.", style.paint(Tone::Good, "restored in"));
            if answer["replaced"].is_string() {
                text += &format!("\nWhat was there is in {}.", word(answer, "/replaced"));
            }
            text + &format!("\nStart with:  tollbar serve{flag}")
        }
    };
    if answer["master_secret_is_there"] == false {
        text += &format!(
            "\n{} put the master secret that was in force then at {folder}/master-secret (mode 0600), or give it as \
             TOLLBAR_MASTER_SECRET, before the start; no other one opens this store.",
            style.paint(Tone::Warning, "next:")
        );
    }
    text + &format!(
        "\n\nThe backup is of {}. What came later is not in it:\n  \
         counts      allowance used since then counts no more: clients may use as much again this month\n  \
         keys        made since then are unknown; revoked since then work again: revoke, suspend and switch off again\n  \
         writes      sent under an Idempotency-Key since then would be executed again under the same key\n  \
         secrets     rotated since then are the old ones again: rotate again\n\
         Request ids do not repeat: they skip ahead of all that were given.{}",
        word(answer, "/made_at"),
        match answer["with_requests"] {
            Value::Bool(true) => "",
            _ => "\nThe request log is not in the backup: look-ups begin anew.",
        }
    )
}
