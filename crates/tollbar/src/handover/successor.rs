//! The old server's side of being replaced.

use std::{
    net::TcpStream,
    os::fd::AsFd,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::io::Errno;
use tollbar_gateway::{Adopting, Queued, Relaying};

use super::{
    Listener, Sockets,
    channel::{Channel, Message, SOCKETS_MAX},
};
use crate::{data_folder::Announcement, instance::Instance};

/// How long to wait for the other side to take sockets out of the channel, when the system says that too many are on
/// their way.
const IN_FLIGHT_REST: Duration = Duration::from_millis(5);
const IN_FLIGHT_TRIES: usize = 1000;

/// The process that takes over.
pub(crate) struct Successor {
    channel: Arc<Channel>,
    keeps: Vec<String>,
}

/// A hand-over that is under way: the store is closed, and the successor knows.
pub(crate) struct HandedOver {
    channel: Arc<Channel>,
    relaying: Relaying,
    announcement: Option<Announcement>,
    connections: Arc<Mutex<Connections>>,
    sending: JoinHandle<()>,
}

/// What becomes of idle connections beside being sent.
enum Connections {
    /// The successor may still fail: they are kept open here as well.
    Kept(Vec<TcpStream>),
    /// The successor has them.
    Gone,
    /// The successor failed: they are ours.
    Back(Adopting),
}

impl Successor {
    pub(super) fn new(channel: Channel, keeps: Vec<String>) -> Self {
        Self { channel: Arc::new(channel), keeps }
    }

    /// Answers what was accepted, sends idle connections over and closes the store: one that does not end in good order is
    /// for the successor to take up, as after a crash. The listening sockets stay open here too, as long as `sockets` lives.
    pub(crate) fn hand_over(self, instance: Instance, sockets: &Sockets) -> Result<HandedOver> {
        let gateway = Listener::Gateway;
        let keeps_gateway = self.keeps.iter().any(|name| name == gateway.name());
        let queued = if keeps_gateway || sockets.outlives_us(gateway) { Queued::Left } else { Queued::Taken };
        let (idle, to_send) = mpsc::channel();
        let connections = Arc::new(Mutex::new(Connections::Kept(Vec::new())));
        let (channel, shared) = (self.channel.clone(), connections.clone());
        let sending = std::thread::Builder::new()
            .name("hand-over-idle".to_owned())
            .spawn(move || send(&to_send, &channel, &shared))
            .context("connections cannot be handed over")?;
        let (relaying, announcement, ended) = instance.hand_over(queued, idle)?;
        if let Err(error) = ended {
            tracing::error!(cause = format!("{error:#}"), "handing over all the same");
        }
        // Where nobody hears it, that will be noticed next.
        let _ = self.channel.say(&Message::Closed);
        Ok(HandedOver {
            channel: self.channel,
            relaying,
            announcement: Some(announcement),
            connections,
            sending,
        })
    }
}

impl HandedOver {
    /// Whether the successor serves. If it does not, this server has to go on.
    pub(crate) fn is_taken(&mut self) -> bool {
        let heard = self.channel.set_patience(None).and_then(|()| self.channel.receive());
        let is_taken = matches!(heard, Ok(Some((Message::Serving, _))));
        // From here on another instance is announced: the successor, or the one that goes on here.
        self.announcement = None;
        if is_taken {
            *self.connections() = Connections::Gone;
        }
        is_taken
    }

    /// Delivers what is still being delivered, and gives its connections to the successor.
    pub(crate) fn finish(self) -> Result<()> {
        self.relaying.finish().context("the gateway did not drain")?;
        self.sending.join().map_err(|_| anyhow::anyhow!("handing over connections panicked"))
    }

    /// Goes on with the idle connections after all. What is still being delivered goes on by itself.
    pub(crate) fn take_back(self, adopting: &Adopting) {
        let kept = std::mem::replace(&mut *self.connections(), Connections::Back(adopting.clone()));
        if let Connections::Kept(connections) = kept {
            connections.into_iter().for_each(|connection| adopting.adopt(connection));
        }
    }

    fn connections(&self) -> std::sync::MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until the last thread of the gateway has ended.
fn send(to_send: &mpsc::Receiver<TcpStream>, channel: &Channel, connections: &Mutex<Connections>) {
    while let Ok(first) = to_send.recv() {
        let batch: Vec<TcpStream> =
            std::iter::once(first).chain(to_send.try_iter().take(SOCKETS_MAX - 1)).collect();
        let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Connections::Back(adopting) = &*connections {
            batch.into_iter().for_each(|connection| adopting.adopt(connection));
            continue;
        }
        if let Err(error) = send_batch(channel, &batch) {
            tracing::warn!(%error, connections = batch.len(), "idle connections could not be handed over");
        }
        if let Connections::Kept(kept) = &mut *connections {
            kept.extend(batch);
        }
    }
}

fn send_batch(channel: &Channel, batch: &[TcpStream]) -> std::io::Result<()> {
    let sockets: Vec<_> = batch.iter().map(TcpStream::as_fd).collect();
    let mut tries = 0;
    loop {
        match channel.send(&Message::Connections, &sockets) {
            Err(error)
                if Errno::from_io_error(&error) == Some(Errno::TOOMANYREFS) && tries < IN_FLIGHT_TRIES =>
            {
                tries += 1;
                std::thread::park_timeout(IN_FLIGHT_REST);
            }
            sent => return sent,
        }
    }
}
