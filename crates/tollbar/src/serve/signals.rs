//! What the system and its operators say to a running process.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

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
    pub(super) fn with_hangup(self) -> Result<Self> {
        let hangup = {
            let _inside = self.runtime.enter();
            signal(SignalKind::hangup())?
        };
        Ok(Self { hangup: Some(hangup), ..self })
    }

    /// Waits for one of them. A second one ends the process as it stands.
    pub(crate) fn wait(mut self) -> Result<()> {
        while self.next() == Noted::Hangup {}
        self.end_on_next()
    }

    /// Waits for nothing, where what the first one asks for is under way. A second one ends the process as it stands.
    pub(super) fn heed_second(self) -> Result<()> {
        let waiting = std::thread::Builder::new().name("signals".to_owned()).spawn(|| self.wait());
        waiting.context("signals cannot be waited for")?;
        Ok(())
    }

    /// Waits for one of them, or for something that is asked; each SIGHUP until then is handed on.
    pub(super) fn wait_or<T>(
        &mut self,
        asked: &mut tokio::sync::mpsc::Receiver<T>,
        hung_up: impl Fn(),
    ) -> Option<T> {
        loop {
            match self.next_or(asked) {
                Ok(Noted::Stop) => return None,
                Ok(Noted::Hangup) => hung_up(),
                Err(asked) => return Some(asked),
            }
        }
    }

    /// From now on, one of them ends the process as it stands.
    pub(crate) fn end_on_next(mut self) -> Result<()> {
        let impatient = std::thread::Builder::new().name("second-signal".to_owned()).spawn(move || {
            while self.next() == Noted::Hangup {}
            tracing::warn!("a second signal: ended at once");
            std::process::exit(130)
        });
        impatient.context("signals cannot be waited for")?;
        Ok(())
    }

    fn next(&mut self) -> Noted {
        let (_nobody, mut asked) = tokio::sync::mpsc::channel::<std::convert::Infallible>(1);
        match self.next_or(&mut asked) {
            Ok(noted) => noted,
            Err(never) => match never {},
        }
    }

    /// The next signal, or what is asked.
    fn next_or<T>(&mut self, asked: &mut tokio::sync::mpsc::Receiver<T>) -> Result<Noted, T> {
        let Self { runtime, terminate, interrupt, hangup } = self;
        let hung_up = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = terminate.recv() => Ok(Noted::Stop),
                _ = interrupt.recv() => Ok(Noted::Stop),
                _ = hung_up => Ok(Noted::Hangup),
                Some(asked) = asked.recv() => Err(asked),
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
