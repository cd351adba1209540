//! `serve`, `check`, `demo`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::context::Context;
use crate::{
    config::{self, Flag, Loaded},
    data_folder::DataFolder,
    handover::{Sockets, Systemd},
    output::{Cell, Style, Table, Tone, safe},
    serve::{self, ServeOptions},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Without any option it serves on 127.0.0.1: the gateway on port 8080, the admin API on 8081, \
    the ops listener on 8082, and keeps everything in ./tollbar-data. Every command works from the same folder.\n\n\
    Examples:\n  \
    tollbar serve\n  \
    tollbar serve --config tollbar.toml --data /var/lib/tollbar\n  \
    tollbar serve --config tls.toml --gateway 0.0.0.0:443   # for everyone; tls.toml names the certificate\n  \
    tollbar serve --gateway 127.0.0.1:0 --admin 127.0.0.1:0 --ops 127.0.0.1:0 --ready-file ready.json\n  \
    tollbar serve --config tollbar.toml --take-over   # a restart that nobody notices"
)]
pub(crate) struct ServeCommand {
    /// The configuration, in TOML; `tollbar check` tells what is wrong with one
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the gateway listens; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR")]
    gateway: Option<String>,
    /// Where the admin API listens [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// Where /livez, /readyz and /metrics listen [default: 127.0.0.1:8082]
    #[arg(long, value_name = "ADDR")]
    ops: Option<String>,
    /// Written when the server is ready, and removed when it ends: {"gateway":"http://...","admin":"http://...","ops":"http://..."}
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
    /// Replace the server that runs on this data folder, without losing a request; without one, a plain start
    #[arg(long)]
    take_over: bool,
}

impl ServeCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let mut flags = Vec::new();
        for (name, path, value) in [
            ("--gateway", "gateway.listen", self.gateway),
            ("--admin", "admin.listen", self.admin.or(context.admin.clone())),
            ("--ops", "ops.listen", self.ops),
        ] {
            if let Some(value) = value {
                flags.push(Flag { name, path, value: address_of(&value) });
            }
        }
        if context.output.json {
            flags.push(Flag { name: "--json", path: "log.format", value: "json".to_owned() });
        }
        let loaded = config::load(self.config.as_deref(), &context.variables, &flags)?;
        let secret = context.variables.find("TOLLBAR_MASTER_SECRET");
        let data = DataFolder::create(context.data_path(), secret)?;
        let sockets = Sockets::from_systemd(&context.variables)?;
        let warnings = [loaded.config.warnings(), data.warnings(), sockets.warnings(&loaded.config)];
        for warning in warnings.iter().flatten() {
            context.output.warning(warning);
        }
        let options = ServeOptions {
            ready_file: self.ready_file,
            json: context.output.json,
            take_over: self.take_over,
            sockets,
            systemd: Systemd::find(&context.variables),
        };
        serve::run(&loaded.config, &data, options)
    }
}

/// `--admin` names a server everywhere else, as a URL; here the same text is where to listen.
fn address_of(text: &str) -> String {
    text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/').to_owned()
}

#[derive(Debug, Args)]
#[command(
    after_help = "Prints `ok` and every setting with its value and where that was written, or all that is wrong \
    with file and line. Ends with 1 if anything is wrong.\n\n\
    Examples:\n  \
    tollbar check --config tollbar.toml\n  \
    TOLLBAR__GATEWAY__LISTEN=127.0.0.1:9000 tollbar check"
)]
pub(crate) struct CheckCommand {
    /// The configuration, in TOML; without it, defaults and environment variables are checked
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl CheckCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let loaded = config::load(self.config.as_deref(), &context.variables, &[])?;
        let mut warnings = loaded.config.warnings();
        warnings.extend(crate::tls::check(&loaded.config)?);
        let settings = loaded.effective();
        let settings = settings
            .iter()
            .map(|(key, value, source)| json!({"setting": key, "value": loaded.typed(key, value.as_deref()), "source": source}));
        let value = json!({"ok": true, "warnings": &warnings, "settings": settings.collect::<Vec<_>>()});
        Ok(context.output.either(&value, |style| summary(&loaded, &warnings, style))?)
    }
}

pub(super) fn summary(loaded: &Loaded, warnings: &[String], style: Style) -> String {
    let mut text = format!("{}\n", style.paint(Tone::Good, "ok"));
    for warning in warnings {
        text += &format!("{} {warning}\n", style.paint(Tone::Warning, "warning:"));
    }
    let mut table = Table::new(["SETTING", "VALUE", "SOURCE"]);
    for (key, value, source) in loaded.effective() {
        let tone = if source == "default" { Tone::Faint } else { Tone::Strong };
        let value = match value {
            None => Cell::new(Tone::Faint, "not set"),
            Some(value) if value.is_empty() => Cell::new(Tone::Faint, "\"\""),
            Some(value) => safe(&value).into(),
        };
        table.row([key.into(), value, Cell::new(tone, source)]);
    }
    format!("{text}\n{}", table.render(style))
}

pub(crate) fn demo(context: &Context) -> Result<()> {
    let loaded = config::load(None, &context.variables, &[])?;
    crate::demo::run(loaded.config, context.data.clone(), &context.output)
}
