//! The running server's side, before it is replaced: it shows its sockets to whoever asks for them.

use std::{
    net::TcpListener,
    os::fd::AsFd,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::sync::mpsc;

use super::{
    SOCKET, Sockets, Successor,
    channel::{Channel, ChannelListener, Message, SOCKETS_MAX},
};
use crate::data_folder::DataFolder;

/// How long a new server may prepare itself after it has the sockets.
const PREPARATION_LIMIT: Duration = Duration::from_secs(60);
/// Characters of a reason that are sent, at most.
const REASON_MAX: usize = 500;

/// Keeps the sockets, and offers them to a successor for as long as it lives.
pub(crate) struct Offer {
    listener: Option<Arc<ChannelListener>>,
    sockets: Arc<Mutex<Option<Sockets>>>,
    /// The successor, when it says that this server is to leave.
    pub(crate) asked: mpsc::Receiver<Successor>,
}

impl Offer {
    /// Where that is not possible, the server serves all the same, and says why it cannot be replaced. It does not leave
    /// where `may_leave` says why not.
    pub(crate) fn make(
        data: &DataFolder,
        sockets: Sockets,
        drain_seconds: u64,
        may_leave: impl Fn() -> Result<()> + Send + 'static,
    ) -> Self {
        let sockets = Arc::new(Mutex::new(Some(sockets)));
        let (asking, asked) = mpsc::channel(1);
        let offering =
            ChannelListener::bind(&data.path().join(SOCKET)).context("no socket").and_then(|listener| {
                let listener = Arc::new(listener);
                let (ours, sockets) = (listener.clone(), sockets.clone());
                let hello = Message::Hello {
                    pid: std::process::id(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    drain_seconds,
                };
                let thread = std::thread::Builder::new().name("hand-over".to_owned());
                thread.spawn(move || serve(&ours, &hello, &sockets, &may_leave, &asking))?;
                Ok(listener)
            });
        let listener = offering
            .inspect_err(|error| {
                let path = data.path().join(SOCKET);
                let (path, cause) = (path.display(), format!("{error:#}"));
                tracing::warn!(%path, %cause, "this server cannot be replaced with --take-over");
            })
            .ok();
        Self { listener, sockets, asked }
    }

    /// Ends the offer, and gives the sockets back.
    pub(crate) fn withdraw(self) -> Sockets {
        take(&self.sockets).unwrap_or_default()
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        if let Some(listener) = &self.listener {
            listener.unlink();
        }
        // The thread may still wait for somebody; it has nothing to give any more.
        take(&self.sockets);
    }
}

fn take(sockets: &Mutex<Option<Sockets>>) -> Option<Sockets> {
    sockets.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Ends when a successor has said that this server is to leave.
fn serve(
    listener: &ChannelListener,
    hello: &Message,
    sockets: &Mutex<Option<Sockets>>,
    may_leave: &dyn Fn() -> Result<()>,
    asking: &mpsc::Sender<Successor>,
) {
    loop {
        let channel = match listener.accept() {
            Ok(channel) => channel,
            Err(error) => {
                tracing::warn!(%error, "this server can no longer be replaced with --take-over");
                return listener.unlink();
            }
        };
        match introduce(channel, hello, sockets, may_leave) {
            Ok(Some(successor)) => {
                listener.unlink();
                // Where nobody receives it, the server is being stopped.
                let _ = asking.blocking_send(successor);
                return;
            }
            Ok(None) => {
                tracing::info!("a process asked for the listening sockets, and went away; nothing changed")
            }
            Err(error) => {
                let cause = format!("{error:#}");
                tracing::warn!(%cause, "a process asked for the listening sockets, and failed; nothing changed");
            }
        }
    }
}

/// Gives the sockets, and waits until the other one is prepared. `None`: it went away.
fn introduce(
    channel: Channel,
    hello: &Message,
    sockets: &Mutex<Option<Sockets>>,
    may_leave: &dyn Fn() -> Result<()>,
) -> Result<Option<Successor>> {
    channel.set_patience(Some(PREPARATION_LIMIT))?;
    {
        let sockets = sockets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sockets) = &*sockets else { return Ok(None) };
        channel.say(hello)?;
        for (listener, sockets) in sockets.iter() {
            for sockets in sockets.chunks(SOCKETS_MAX) {
                let sockets: Vec<_> = sockets.iter().map(TcpListener::as_fd).collect();
                channel.send(&Message::Sockets { listener: listener.name().to_owned() }, &sockets)?;
            }
        }
        channel.say(&Message::Complete)?;
    }
    match channel.receive().context("it did not say that it is prepared")? {
        None => Ok(None),
        Some((Message::Leave { keeps }, _)) => match may_leave() {
            Ok(()) => Ok(Some(Successor::new(channel, keeps))),
            Err(error) => stay(&channel, sockets, error),
        },
        Some((other, _)) => anyhow::bail!("it said {other:?} out of turn"),
    }
}

/// Goes on serving, and says why. One that is being stopped is on its way out: the other one waits for that.
fn stay(
    channel: &Channel,
    sockets: &Mutex<Option<Sockets>>,
    error: anyhow::Error,
) -> Result<Option<Successor>> {
    if sockets.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
        return Ok(None);
    }
    let reason = format!("{error:#}").chars().take(REASON_MAX).collect();
    channel.say(&Message::Stays { reason })?;
    Err(error.context("this server stays: it could not give its store up"))
}
