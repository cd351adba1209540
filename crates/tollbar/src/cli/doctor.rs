//! `doctor`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::context::{Context, Wrong, timestamp};
use crate::{
    config,
    data_folder::DataFolder,
    doctor::{Check, Level, examine},
    output::{Cell, Style, Table, Tone, safe},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Works on the data folder, with or without a server, and changes nothing. Ends with 0 if nothing is wrong \
    (warnings are not), else with 1.\n\n\
    Examples:\n  \
    tollbar doctor --config tollbar.toml --data /var/lib/tollbar\n  \
    tollbar doctor --full                    # each index against its table: after a crash of the machine, or a bad disk\n  \
    tollbar doctor --json | jq '.checks[] | select(.level != \"ok\")'"
)]
pub(crate) struct DoctorCommand {
    /// The configuration that the server is started with: its certificates and limits are looked at
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Check the databases to the last index; takes longer
    #[arg(long)]
    full: bool,
}

impl DoctorCommand {
    pub(crate) fn run(self, context: &Context) -> Result<ExitCode> {
        if context.admin.is_some() {
            return Err(Wrong::line(
                "doctor looks at the data folder: run it on the server's machine, with --data",
            ));
        }
        let secret = context.variables.find("TOLLBAR_MASTER_SECRET");
        let data = DataFolder::with_master_secret(context.data_path(), secret);
        let loaded = config::load(self.config.as_deref(), &context.variables, &[]);
        let config = loaded.as_ref().map(|loaded| &loaded.config).map_err(|fault| format!("{fault:#}"));
        let checks = examine(&data, &config, timestamp(context.now), self.full);
        let worst = checks.iter().map(|check| check.level).max().unwrap_or(Level::Ok);
        let rows = checks.iter().map(|check| {
            json!({
                "subject": check.subject, "level": check.level.as_str(), "found": check.found, "advice": check.advice,
            })
        });
        let value = json!({ "ok": worst < Level::Wrong, "level": worst.as_str(), "checks": rows.collect::<Vec<_>>() });
        context.output.either(&value, |style| table(&checks, style))?;
        Ok(if worst < Level::Wrong { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn table(checks: &[Check], style: Style) -> String {
    let mut table = Table::new(["", "", ""]);
    for check in checks {
        let tone = match check.level {
            Level::Ok => Tone::Good,
            Level::Warning => Tone::Warning,
            Level::Wrong => Tone::Bad,
        };
        let mut text = safe(&check.found);
        if let Some(advice) = &check.advice {
            text += &format!("\n-> {}", safe(advice));
        }
        table.row([Cell::new(tone, check.level.as_str()), check.subject.into(), text.into()]);
    }
    table.render(style)
}
