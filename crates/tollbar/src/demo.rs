//! `tollbar demo`: a running platform in front of a sample API, and what to try with it.

mod page;
mod ports;
pub(crate) mod sample;
mod setup;
mod steps;

use std::path::PathBuf;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{
    config::{self, value::LogLevel},
    data_folder::DataFolder,
    instance::Instance,
    output::Output,
    serve,
};
use sample::Sample;

/// Serves the demo until told to stop. Without a data folder it leaves nothing behind.
pub(crate) fn run(mut config: config::Config, data: Option<PathBuf>, output: &Output) -> Result<()> {
    if config.log.level == LogLevel::Info {
        // The page that is printed stays in sight.
        config.log.level = LogLevel::Warn;
    }
    // It is called from this machine, by the lines that it prints.
    config.tls = config::table::Tls::default();
    serve::start_logging(&config);
    // First of all: a stop at any moment leaves in good order.
    let signals = serve::Signals::register()?;
    let folder = Folder::make(data)?;
    let taken = ports::avoid_taken(&mut config);
    let sample = Sample::start()?;
    let instance = Instance::start(&config, &folder.data)?;
    let stage = setup::set_up(&instance.urls, &folder.data, &sample)?;
    let notes = ports::notes(&taken, &instance.urls);
    let demo = page::Demo { urls: &instance.urls, folder: &folder, sample: &sample, stage: &stage, notes };
    serve::say(&if output.json { demo.json().to_string() } else { demo.text(output.style) });
    signals.wait()?;
    instance.stop()?;
    sample.stop()?;
    folder.remove()
}

/// Where the demo keeps its data.
struct Folder {
    data: DataFolder,
    /// To be thrown away.
    temporary: Option<TempDir>,
}

impl Folder {
    fn make(data: Option<PathBuf>) -> Result<Self> {
        if let Some(path) = data {
            let path = std::path::absolute(&path).unwrap_or(path);
            return Ok(Self { data: DataFolder::create(path, None)?, temporary: None });
        }
        let temporary = TempDir::with_prefix("tollbar-demo-").context("no throw-away folder can be made")?;
        Ok(Self { data: DataFolder::create(temporary.path(), None)?, temporary: Some(temporary) })
    }

    fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    fn remove(self) -> Result<()> {
        let Some(temporary) = self.temporary else { return Ok(()) };
        let path = temporary.path().display().to_string();
        temporary.close().with_context(|| format!("the throw-away folder {path} cannot be removed"))
    }
}
