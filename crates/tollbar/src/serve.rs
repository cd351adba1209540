//! `tollbar serve`: starts the platform, says where it is, and ends it in good order on SIGTERM or SIGINT.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{
    config::{Config, value::LogFormat},
    data_folder::DataFolder,
    instance::Instance,
};

/// What is only asked for on the command line.
pub(crate) struct ServeOptions {
    /// Where to say that the server is ready.
    pub(crate) ready_file: Option<PathBuf>,
    /// Says it as JSON.
    pub(crate) json: bool,
}

/// Serves until told to stop.
pub(crate) fn run(config: &Config, data: &DataFolder, options: &ServeOptions) -> Result<()> {
    start_logging(config);
    let signals = Signals::register()?;
    let instance = Instance::start(config, data)?;
    say(&if options.json { urls(&instance).to_string() } else { welcome(&instance, data.path()) });
    if let Some(path) = &options.ready_file {
        write_ready_file(path, &instance)?;
    }
    signals.wait()?;
    tracing::info!("draining: what was accepted is answered, nothing new is");
    instance.stop()?;
    tracing::info!("ended in good order");
    Ok(())
}

fn welcome(instance: &Instance, data: &Path) -> String {
    let urls = &instance.urls;
    format!(
        "Tollbar {} is running.\n\n  gateway  {}   partners call this\n  admin    {}   the command line uses this\n  ops      {}   \
         /livez /readyz /metrics\n  data     {}\n\nNext: tollbar import openapi.yaml --upstream http://127.0.0.1:9000{}\n\
         Stop with Ctrl-C: what was accepted is still answered.",
        env!("CARGO_PKG_VERSION"),
        urls.gateway,
        urls.admin,
        urls.ops,
        data.display(),
        data_flag(data),
    )
}

fn urls(instance: &Instance) -> serde_json::Value {
    let urls = &instance.urls;
    serde_json::json!({ "gateway": urls.gateway, "admin": urls.admin, "ops": urls.ops })
}

/// ` --data DIR`, where it is not the default.
pub(crate) fn data_flag(path: &Path) -> String {
    if path == Path::new(crate::data_folder::DEFAULT) {
        String::new()
    } else {
        format!(" --data {}", path.display())
    }
}

/// SIGTERM and SIGINT, noted from the moment that this exists.
pub(crate) struct Signals {
    runtime: tokio::runtime::Runtime,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Registers for the signals: before anything is served, so that no stop is a kill.
    pub(crate) fn register() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (terminate, interrupt) = {
            let _inside = runtime.enter();
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
        };
        Ok(Self { runtime, terminate, interrupt })
    }

    /// Waits for one of them. A second one ends the process as it stands.
    pub(crate) fn wait(mut self) -> Result<()> {
        self.next();
        let impatient = std::thread::Builder::new().name("second-signal".to_owned()).spawn(move || {
            self.next();
            tracing::warn!("a second signal: ended at once");
            std::process::exit(130)
        });
        impatient.context("signals cannot be waited for")?;
        Ok(())
    }

    fn next(&mut self) {
        let Self { runtime, terminate, interrupt } = self;
        runtime.block_on(async {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        });
    }
}

/// The log goes to standard error: standard output is for what a command prints.
pub(crate) fn start_logging(config: &Config) {
    let filter = EnvFilter::new(config.log.level.as_str());
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A second start in one process keeps the first log.
    let _ = match config.log.format {
        LogFormat::Json => log.json().try_init(),
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
}

/// Whole or not at all: whoever waits for the file never reads half of it.
fn write_ready_file(path: &Path, instance: &Instance) -> Result<()> {
    let urls = &instance.urls;
    let text =
        serde_json::json!({ "gateway": urls.gateway, "admin": urls.admin, "ops": urls.ops }).to_string();
    let mut partial = path.as_os_str().to_owned();
    partial.push(".part");
    std::fs::write(&partial, text)
        .and_then(|()| std::fs::rename(&partial, path))
        .with_context(|| format!("the ready file {} cannot be written", path.display()))
}

/// To standard output; a reader that went away is no fault.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
