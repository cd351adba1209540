//! `backup`.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use clap::Args;
use serde_json::{Value, json};
use tollbar_core::port::BackupOrder;

use super::context::{Context, timestamp};
use crate::{
    client::has_live_server,
    data_folder::DataFolder,
    output::{Style, Tone, number, safe, word},
};

/// How long a server that is being replaced may leave its folder to nobody.
const REPLACED_PATIENCE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

#[derive(Debug, Args)]
#[command(
    after_help = "A copy of one moment: clients, keys, APIs, usage, idempotency, audit, and with --with-requests the request \
    log. With a server running, that makes it and goes on serving. What opens it is not in it: keep master-secret apart.\n\n\
    Examples:\n  \
    tollbar backup /mnt/backups/2026-11-22\n  \
    tollbar backup /mnt/backups/today --with-requests\n  \
    tollbar backup /mnt/backups/today --admin http://10.0.0.5:8081   # a folder of that machine"
)]
pub(crate) struct BackupCommand {
    /// A folder that is not there yet, or empty; on the machine of the server
    folder: PathBuf,
    /// With the request log, which can be larger than all the rest
    #[arg(long)]
    with_requests: bool,
}

impl BackupCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let answer = match self.is_stopped(context) {
            true => self.of_stopped(context)?,
            false => self.of_server(context)?,
        };
        Ok(context.output.either(&answer, |style| told(&answer, context.admin.as_deref(), style))?)
    }

    /// Whether no server has the folder that is meant. Between two of which one replaces the other nobody has it for a moment.
    fn is_stopped(&self, context: &Context) -> bool {
        let data = DataFolder::at(context.data_path());
        if context.admin.is_some() || !data.has_store() {
            return false;
        }
        let patience = if has_live_server(&data) { REPLACED_PATIENCE } else { Duration::ZERO };
        let began = Instant::now();
        while !tollbar_store::is_in_use(data.path()) {
            if began.elapsed() >= patience {
                return true;
            }
            std::thread::park_timeout(LOOK_AGAIN);
        }
        false
    }

    fn of_stopped(self, context: &Context) -> Result<Value> {
        let order = BackupOrder {
            folder: utf8(&absolute(&self.folder)?)?.into(),
            with_requests: self.with_requests,
            made_at: timestamp(context.now),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let manifest = tollbar_store::back_up_stopped(&context.data_path(), &order)?;
        Ok(json!({ "folder": order.folder, "serving": false, "manifest": manifest, "warnings": [] }))
    }

    fn of_server(self, context: &Context) -> Result<Value> {
        // The server has another working folder, and maybe another machine.
        let folder = if context.admin.is_some() { self.folder } else { absolute(&self.folder)? };
        let folder = utf8(&folder)?;
        let body = json!({ "folder": folder, "with_requests": self.with_requests });
        Ok(context.connect()?.patient().post("/backups", &body)?.value)
    }
}

pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} cannot be found", path.display()))
}

/// A path that can be told and sent.
fn utf8(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is no UTF-8 text: name another folder", path.display()))
}

fn told(answer: &Value, admin: Option<&str>, style: Style) -> String {
    let files = answer.pointer("/manifest/files").and_then(Value::as_array).map(Vec::as_slice);
    let files = files.unwrap_or_default();
    let bytes: u64 = files.iter().filter_map(|file| file["bytes"].as_u64()).sum();
    let place =
        admin.map_or_else(String::new, |url| format!(", on the machine of {} (not on this one)", safe(url)));
    let how =
        if answer["serving"] == true { "while the server serves" } else { "of the stopped server's folder" };
    let requests = match answer.pointer("/manifest/with_requests") {
        Some(Value::Bool(true)) => "The request log is in it.",
        _ => "The request log is not in it (--with-requests).",
    };
    let mut text = format!(
        "{} {}{place}\n{how}, as of {}: {} files, {} bytes. {requests}\n\n\
         Not in it, so keep these apart from it:\n  \
         master-secret   in the data folder, or TOLLBAR_MASTER_SECRET: without the one of today the backup cannot be used\n  \
         tollbar.toml    and the certificates and keys that it names\n\
         The operator token is not in it either; a new folder gets a new one.\n\n\
         Put it back with: tollbar restore {}",
        style.paint(Tone::Good, "backed up to"),
        word(answer, "/folder"),
        word(answer, "/manifest/made_at"),
        number(u64::try_from(files.len()).unwrap_or(0) + 1),
        number(bytes),
        word(answer, "/folder"),
    );
    for warning in answer["warnings"].as_array().into_iter().flatten() {
        text += &format!("\n{} {}", style.paint(Tone::Warning, "warning:"), word(warning, ""));
    }
    text
}
