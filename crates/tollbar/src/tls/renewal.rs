//! Takes changed files while the server runs. Whatever is wrong with them, what was in force stays.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use tollbar_core::{Clock, secret::Digest};

use super::{contents::Contents, expiry::Expiries, meters::Meters};

/// A renewal replaces several files one after the other: they are taken when nothing has changed for this long.
const SETTLE: Duration = Duration::from_secs(1);

/// What is made of files, and can be made of them again.
pub(super) trait Renewable: Send {
    /// Puts in force what stands in the files now; changes nothing if that cannot be used.
    fn renew(&mut self, contents: &Contents, expiries: &mut Expiries) -> Result<()>;
}

/// Files that are looked at again and again.
pub(super) struct Watched {
    /// As they were when they were last tried; without the keys in them.
    tried: Digest,
    /// As they were when last looked at.
    seen: Digest,
    files: Vec<PathBuf>,
    target: Box<dyn Renewable>,
}

/// The thread that looks at files. It ends when this is dropped.
pub(crate) struct Renewal {
    /// `None`: there are no files to look at.
    commands: Option<Sender<()>>,
    meters: Arc<Meters>,
}

impl Watched {
    /// `target` was made of `contents`.
    pub(super) fn new(contents: &Contents, target: impl Renewable + 'static) -> Self {
        let digest = contents.digest();
        Self { tried: digest, seen: digest, files: contents.files(), target: Box::new(target) }
    }

    /// Whether they differ from what was last tried, and no longer change.
    fn is_due(&mut self, contents: &Contents) -> bool {
        let now = contents.digest();
        let is_settled = now == self.seen;
        self.seen = now;
        is_settled && now != self.tried
    }

    fn is_settling(&self) -> bool {
        self.seen != self.tried
    }

    fn renew(&mut self, contents: &Contents, expiries: &mut Expiries) -> Result<()> {
        self.tried = contents.digest();
        self.seen = self.tried;
        self.target.renew(contents, expiries)
    }
}

impl Renewal {
    pub(super) fn start(
        watched: Vec<Watched>,
        expiries: Expiries,
        every_seconds: u64,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let meters = Arc::new(Meters::default());
        if watched.is_empty() {
            return Ok(Self { commands: None, meters });
        }
        let (commands, asked) = channel();
        let mut work = Work::new(watched, expiries, every_seconds, clock, meters.clone());
        std::thread::Builder::new()
            .name("certificates".to_owned())
            .spawn(move || work.run(&asked))
            .context("the thread that looks after certificates cannot be started")?;
        Ok(Self { commands: Some(commands), meters })
    }

    /// Reads all files again, now, whether they changed or not.
    pub(crate) fn ask(&self) {
        match &self.commands {
            // The thread lives as long as this.
            Some(commands) => drop(commands.send(())),
            None => tracing::info!("there are no TLS files to be read again"),
        }
    }

    /// Counts.
    pub(crate) fn meters(&self) -> Arc<Meters> {
        self.meters.clone()
    }
}

/// What the thread does.
pub(super) struct Work {
    watched: Vec<Watched>,
    expiries: Expiries,
    every: Duration,
    clock: Arc<dyn Clock>,
    meters: Arc<Meters>,
}

impl Work {
    pub(super) fn new(
        watched: Vec<Watched>,
        expiries: Expiries,
        every_seconds: u64,
        clock: Arc<dyn Clock>,
        meters: Arc<Meters>,
    ) -> Self {
        meters.set_ends(&expiries);
        Self { watched, expiries, every: Duration::from_secs(every_seconds), clock, meters }
    }

    fn run(&mut self, asked: &Receiver<()>) {
        loop {
            let is_settling = self.watched.iter().any(Watched::is_settling);
            let is_asked = match asked.recv_timeout(if is_settling { SETTLE } else { self.every }) {
                Ok(()) => true,
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            // Asked twice at a time is asked once.
            while asked.try_recv().is_ok() {}
            self.step(is_asked);
        }
    }

    /// Looks at the files once.
    pub(super) fn step(&mut self, is_asked: bool) {
        for watched in &mut self.watched {
            let contents = Contents::read(&watched.files);
            if is_asked || watched.is_due(&contents) {
                let renewed = watched.renew(&contents, &mut self.expiries);
                report(renewed, &watched.files, &self.meters);
                self.meters.set_ends(&self.expiries);
            }
        }
        for warning in self.expiries.warnings(self.clock.now()) {
            tracing::warn!("{warning}");
        }
    }
}

fn report(renewed: Result<()>, files: &[PathBuf], meters: &Meters) {
    match renewed {
        Ok(()) => {
            meters.reloads.fetch_add(1, Relaxed);
            tracing::info!(
                files = files.len(),
                "TLS files were read again, and are in force for new connections"
            );
        }
        Err(fault) => {
            meters.reload_failures.fetch_add(1, Relaxed);
            tracing::error!(
                fault = format!("{fault:#}"),
                "TLS files cannot be used; what was in force stays"
            );
        }
    }
}
