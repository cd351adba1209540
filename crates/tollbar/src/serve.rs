//! `tollbar serve`: starts the platform, says where it is, and ends it in good order on SIGTERM or SIGINT.
//! At a SIGHUP it reads certificates again.

use std::{
    io::{ErrorKind, IsTerminal, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use tollbar_gateway::Queued;
use tollbar_store::OpenError;
use tracing_subscriber::EnvFilter;

use crate::{
    client::{AdminClient, has_live_server},
    config::{Config, value::LogFormat},
    data_folder::DataFolder,
    handover::{Listener, Offer, Predecessor, Sockets, Systemd},
    instance::Instance,
    output::{count, safe, word},
};

mod signals;

pub(crate) use signals::Signals;

/// APIs that the greeting names, at most.
const SERVED_SHOWN_MAX: usize = 5;

/// How long a start waits for a process that has the folder and is no server.
const BRIEF_HOLDER_PATIENCE: Duration = Duration::from_secs(5);

/// What is only asked for on the command line.
pub(crate) struct ServeOptions {
    /// Where to say that the server is ready.
    pub(crate) ready_file: Option<PathBuf>,
    /// Says it as JSON.
    pub(crate) json: bool,
    /// Replaces a running server, if there is one.
    pub(crate) take_over: bool,
    /// What systemd has opened.
    pub(crate) sockets: Sockets,
    /// systemd, if it keeps idle connections.
    pub(crate) systemd: Option<Systemd>,
}

/// Serves until told to stop, or until a successor serves.
pub(crate) fn run(config: &Config, data: &DataFolder, options: ServeOptions) -> Result<()> {
    start_logging(config);
    let mut signals = Signals::register()?.with_hangup()?;
    let ServeOptions { ready_file, json, take_over, mut sockets, systemd } = options;
    Instance::check(config, data)?;
    let mut predecessor = if take_over { Predecessor::find(data)? } else { None };
    if predecessor.is_some() {
        Instance::check_following(data)?;
    }
    if take_over && predecessor.is_none() {
        tracing::info!("no server runs on this data folder that could be replaced: this is a plain start");
    }
    // What a running server has written stays until this one serves.
    let mut ready =
        ready_file.as_deref().map(|path| ReadyFile::prepare(path, predecessor.is_some())).transpose()?;
    if let Some(predecessor) = &mut predecessor {
        tracing::info!(pid = predecessor.pid(), "replacing the running server");
        predecessor.replace(&mut sockets, config)?;
    }
    let mut instance = match &predecessor {
        Some(predecessor) => Instance::start_on(&mut sockets, config, data, predecessor.end_limit()),
        None => Instance::start_on(&mut sockets, config, data, patience(data))
            .map_err(|error| in_use(error, data, take_over)),
    }?;
    if let Some(systemd) = &systemd {
        systemd.forget_idle().context("systemd keeps connections that are served")?;
    }
    std::mem::take(&mut sockets.connections).into_iter().for_each(|idle| instance.adopting().adopt(idle));
    loop {
        let mut offer = Offer::make(data, sockets, config.gateway.drain_seconds, instance.may_leave());
        say(&if json {
            urls(&instance).to_string()
        } else {
            welcome(&instance, data.path(), &served(&instance, data))
        });
        if let Some(ready) = &mut ready {
            ready.write(urls(&instance).to_string())?;
        }
        if let Some(predecessor) = predecessor.take() {
            predecessor.relieve(instance.adopting())?;
        }
        let successor = signals.wait_or(&mut offer.asked, || instance.reload());
        sockets = offer.withdraw();
        let Some(successor) = successor else { break };
        let mut handed_over = successor.hand_over(instance, &sockets)?;
        if handed_over.is_taken() {
            signals.heed_second()?;
            handed_over.finish()?;
            tracing::info!("ended: another process serves");
            return Ok(());
        }
        tracing::error!("the process that was to take over has failed: serving again");
        instance = match Instance::follow(&mut sockets, config, data) {
            Ok(instance) => instance,
            Err(error) => {
                let error = error
                    .context("the process that was to take over has failed, and this one cannot serve again");
                tracing::error!(cause = format!("{error:#}"), "ending: what is being delivered still is");
                drop(sockets);
                signals.heed_second()?;
                handed_over.finish()?;
                return Err(error);
            }
        };
        handed_over.take_back(&instance.adopting());
    }
    signals.end_on_next()?;
    let outlives_us = sockets.outlives_us(Listener::Gateway);
    drop(sockets);
    tracing::info!("draining: what was accepted is answered, nothing new is");
    match systemd {
        Some(systemd) if outlives_us => systemd.keep_idle(instance)?,
        _ => instance.stop_leaving(if outlives_us { Queued::Left } else { Queued::Taken })?,
    }
    drop(ready);
    tracing::info!("ended in good order");
    Ok(())
}

/// How long to wait for the folder: a backup of a stopped one, or the like, ends by itself; a server does not.
fn patience(data: &DataFolder) -> Duration {
    if has_live_server(data) { Duration::ZERO } else { BRIEF_HOLDER_PATIENCE }
}

/// A folder that another process has is told with what can be done.
fn in_use(error: anyhow::Error, data: &DataFolder, take_over: bool) -> anyhow::Error {
    if !error.chain().any(|cause| matches!(cause.downcast_ref(), Some(OpenError::InUse { .. }))) {
        return error;
    }
    let live = data.find_running().ok().flatten().filter(|_| has_live_server(data));
    let Some(running) = live else {
        return error.context(
            "no running server is known here, but a process has the folder: a server that is starting or ending, or `tollbar \
             backup`, `tollbar restore` or `tollbar secret rotate master` at work on it; start again when that has ended",
        );
    };
    let who = format!("another server is running here (process {})", running.pid);
    error.context(if take_over {
        format!("{who}, and it does not hand over: it is being replaced or stopped just now, or is of an older version")
    } else {
        format!("{who}: `tollbar serve --take-over` with the same options replaces it without losing a request")
    })
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
    /// What was written, and the file's number.
    written: Option<(String, u64)>,
}

impl ReadyFile {
    /// Takes away what an earlier server left (not what a running one says), and sees that a new one can be written.
    fn prepare(path: &Path, is_running: bool) -> Result<Self> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".part");
        let ready = Self { path: path.to_owned(), partial: partial.into(), written: None };
        let removed = if is_running { Ok(()) } else { std::fs::remove_file(path) };
        let removed = match removed {
            Err(fault) if fault.kind() != ErrorKind::NotFound => Err(fault),
            _ => Ok(()),
        };
        removed.and_then(|()| std::fs::write(&ready.partial, "")).with_context(|| ready.cannot())?;
        Ok(ready)
    }

    /// Whole or not at all: whoever waits for the file never reads half of it.
    fn write(&mut self, text: String) -> Result<()> {
        let write = || {
            std::fs::write(&self.partial, &text)?;
            let number = std::fs::metadata(&self.partial)?.ino();
            std::fs::rename(&self.partial, &self.path)?;
            Ok::<_, std::io::Error>(number)
        };
        let number = write().with_context(|| self.cannot())?;
        self.written = Some((text, number));
        Ok(())
    }

    fn cannot(&self) -> String {
        format!("the ready file {} cannot be written", self.path.display())
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        match &self.written {
            None => {
                let _ = std::fs::remove_file(&self.partial);
            }
            // A server that was started since has written its own, maybe with the same text.
            Some((text, number))
                if std::fs::read_to_string(&self.path).is_ok_and(|found| found == *text)
                    && std::fs::metadata(&self.path).is_ok_and(|found| found.ino() == *number) =>
            {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_folder::Running;

    #[test]
    fn who_has_a_folder_is_not_called_a_server_where_none_lives() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::at(folder.path());
        let told = |take_over| {
            let error = OpenError::InUse { folder: folder.path().to_owned() };
            format!("{:#}", in_use(error.into(), &data, take_over))
        };
        let of = |pid| Running { pid, gateway: "g".into(), admin: "a".into(), ops: "o".into(), folder: None };
        assert!(told(false).contains("tollbar backup"), "{}", told(false));
        // No process has such a number: a server that was killed has left this.
        let left = data.announce(of(u32::MAX >> 1)).unwrap();
        for told in [told(false), told(true)] {
            assert!(told.contains("tollbar backup") && !told.contains("another server"), "{told}");
        }
        assert_eq!(patience(&data), BRIEF_HOLDER_PATIENCE);
        drop(left);
        let own = std::process::id();
        let _lives = data.announce(of(own)).unwrap();
        assert!(told(false).contains(&format!("another server is running here (process {own})")));
        assert_eq!(patience(&data), Duration::ZERO);
    }
}
