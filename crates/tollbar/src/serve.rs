//! `tollbar serve`: starts the platform, says where it is, and ends it in good order on SIGTERM or SIGINT.
//! At a SIGHUP it reads certificates again.

use std::{
    io::{ErrorKind, IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{
    client::AdminClient,
    config::{Config, value::LogFormat},
    data_folder::DataFolder,
    instance::Instance,
    output::{count, safe, word},
};

/// APIs that the greeting names, at most.
const SERVED_SHOWN_MAX: usize = 5;

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
    let signals = Signals::register()?.with_hangup()?;
    let mut ready = options.ready_file.as_deref().map(ReadyFile::prepare).transpose()?;
    let instance = Instance::start(config, data)?;
    say(&if options.json {
        urls(&instance).to_string()
    } else {
        welcome(&instance, data.path(), &served(&instance, data))
    });
    if let Some(ready) = &mut ready {
        ready.write(urls(&instance).to_string())?;
    }
    signals.wait_reloading(|| instance.reload())?;
    tracing::info!("draining: what was accepted is answered, nothing new is");
    instance.stop()?;
    drop(ready);
    tracing::info!("ended in good order");
    Ok(())
}

/// The APIs that were there already, a line for each. They are asked of the server as any command would.
fn served(instance: &Instance, data: &DataFolder) -> Vec<String> {
    let token = data.find_operator_token().ok().flatten().unwrap_or_default();
    // A greeting is worth no failure.
    let Ok(answer) = AdminClient::new(&instance.urls.admin, &token).get("/apis") else { return Vec::new() };
    let apis = answer.value["apis"].as_array().map(Vec::as_slice).unwrap_or_default();
    apis.iter()
        .map(|api| {
            let base = instance.urls.gateway.clone() + api["base"].as_str().unwrap_or_default();
            let about = format!("{} {}", word(api, "/title"), word(api, "/version"));
            format!("{about}, {} endpoints, at {}", count(api, "/endpoints"), safe(&base))
        })
        .collect()
}

fn welcome(instance: &Instance, data: &Path, served: &[String]) -> String {
    let urls = &instance.urls;
    let next = if served.is_empty() {
        format!("Next: tollbar import openapi.yaml --upstream http://127.0.0.1:9000{}", data_flag(data))
    } else {
        let shown: String = served.iter().take(SERVED_SHOWN_MAX).map(|api| format!("\n  {api}")).collect();
        let more = match served.len().saturating_sub(SERVED_SHOWN_MAX) {
            0 => String::new(),
            more => format!("\n  and {more} more; `tollbar api list{}` shows them", data_flag(data)),
        };
        format!("Served:{shown}{more}\n")
    };
    format!(
        "Tollbar {} is running.\n\n  gateway  {}   partners call this\n  admin    {}   the command line uses this\n  ops      {}   \
         /livez /readyz /metrics\n  data     {}\n\n{next}\n\
         Stop with Ctrl-C: what was accepted is still answered.",
        env!("CARGO_PKG_VERSION"),
        urls.gateway,
        urls.admin,
        urls.ops,
        data.display(),
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
    /// `None`: it ends the process, as it does by itself.
    hangup: Option<Signal>,
}

impl Signals {
    /// Registers for the signals: before anything is served, so that no stop is a kill.
    pub(crate) fn register() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (terminate, interrupt) = {
            let _inside = runtime.enter();
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
        };
        Ok(Self { runtime, terminate, interrupt, hangup: None })
    }

    /// SIGHUP as well: from now on it no longer ends the process.
    fn with_hangup(self) -> Result<Self> {
        let hangup = {
            let _inside = self.runtime.enter();
            signal(SignalKind::hangup())?
        };
        Ok(Self { hangup: Some(hangup), ..self })
    }

    /// Waits for one of them. A second one ends the process as it stands.
    pub(crate) fn wait(self) -> Result<()> {
        self.wait_reloading(|| {})
    }

    /// Like [`Signals::wait`]; each SIGHUP until then is handed on.
    fn wait_reloading(mut self, reload: impl Fn()) -> Result<()> {
        while self.next() == Noted::Hangup {
            reload();
        }
        let impatient = std::thread::Builder::new().name("second-signal".to_owned()).spawn(move || {
            while self.next() == Noted::Hangup {}
            tracing::warn!("a second signal: ended at once");
            std::process::exit(130)
        });
        impatient.context("signals cannot be waited for")?;
        Ok(())
    }

    fn next(&mut self) -> Noted {
        let Self { runtime, terminate, interrupt, hangup } = self;
        let hung_up = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => Noted::Stop,
                _ = interrupt.recv() => Noted::Stop,
                _ = hung_up => Noted::Hangup,
            }
        })
    }
}

/// What a signal asks for.
#[derive(PartialEq)]
enum Noted {
    Stop,
    Hangup,
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

/// The file that says that the server is ready; it is there only as long as that is so.
struct ReadyFile {
    path: PathBuf,
    partial: PathBuf,
    text: Option<String>,
}

impl ReadyFile {
    /// Takes away what an earlier server left, and sees that a new one can be written.
    fn prepare(path: &Path) -> Result<Self> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".part");
        let ready = Self { path: path.to_owned(), partial: partial.into(), text: None };
        let removed = match std::fs::remove_file(path) {
            Err(fault) if fault.kind() != ErrorKind::NotFound => Err(fault),
            _ => Ok(()),
        };
        removed.and_then(|()| std::fs::write(&ready.partial, "")).with_context(|| ready.cannot())?;
        Ok(ready)
    }

    /// Whole or not at all: whoever waits for the file never reads half of it.
    fn write(&mut self, text: String) -> Result<()> {
        std::fs::write(&self.partial, &text)
            .and_then(|()| std::fs::rename(&self.partial, &self.path))
            .with_context(|| self.cannot())?;
        self.text = Some(text);
        Ok(())
    }

    fn cannot(&self) -> String {
        format!("the ready file {} cannot be written", self.path.display())
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        match &self.text {
            None => {
                let _ = std::fs::remove_file(&self.partial);
            }
            // A server that was started since has written its own.
            Some(text) if std::fs::read_to_string(&self.path).is_ok_and(|found| found == *text) => {
                let _ = std::fs::remove_file(&self.path);
            }
            Some(_) => {}
        }
    }
}

/// To standard output; a reader that went away is no fault.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
