//! The new server's side of replacing one.

use std::{
    io::ErrorKind,
    net::{TcpListener, TcpStream},
    os::fd::OwnedFd,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tollbar_gateway::Adopting;

use super::{
    Listener, SOCKET, Sockets,
    channel::{Channel, Message},
};
use crate::{config::Config, data_folder::DataFolder};

/// How long a running server may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Beyond its drain time, how long it may take to close its store.
const CLOSE_LIMIT: Duration = Duration::from_secs(60);

/// The server that is replaced.
pub(crate) struct Predecessor {
    channel: Channel,
    pid: u32,
    drain: Duration,
    sockets: Sockets,
    connections: Vec<TcpStream>,
}

impl Predecessor {
    /// The running server of a data folder, with its listening sockets; it serves on. `None`: there is none.
    pub(crate) fn find(data: &DataFolder) -> Result<Option<Self>> {
        let channel = match Channel::connect(&data.path().join(SOCKET)) {
            Ok(channel) => channel,
            // The second: left over from one that was killed.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                return Ok(None);
            }
            Err(error) => return Err(error).context("the running server cannot be asked for its sockets"),
        };
        Self::meet(channel).context("the running server does not hand over").map(Some)
    }

    fn meet(channel: Channel) -> Result<Self> {
        channel.set_patience(Some(ANSWER_LIMIT))?;
        let gone = "it is being stopped or replaced just now; try again";
        let Some((Message::Hello { pid, drain_seconds, .. }, _)) = channel.receive()? else { bail!(gone) };
        let mut sockets = Sockets::default();
        loop {
            match channel.receive()?.context(gone)? {
                // A listener that is not known here is closed when the other server is.
                (Message::Sockets { listener }, received) => {
                    if let Some(listener) = Listener::find(&listener) {
                        sockets.add(listener, received.into_iter().map(TcpListener::from));
                    }
                }
                (Message::Complete, _) => break,
                (other, _) => bail!("it said {other:?} out of turn"),
            }
        }
        let drain = Duration::from_secs(drain_seconds);
        Ok(Self { channel, pid, drain, sockets, connections: Vec::new() })
    }

    /// Its process.
    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// How long it may take to let go of the folder, also where it is being stopped at the same time.
    pub(crate) fn end_limit(&self) -> Duration {
        self.drain + CLOSE_LIMIT
    }

    /// Has it leave: completes `sockets` with its own, and with new ones where the configuration wants others. When
    /// this returns, its store is closed; also if it was killed meanwhile.
    pub(crate) fn replace(&mut self, sockets: &mut Sockets, config: &Config) -> Result<()> {
        let keeps = sockets.keep_matching(std::mem::take(&mut self.sockets), config)?;
        sockets.bind_missing(config)?;
        let gone = || format!("the server that was to be replaced (process {}) went away", self.pid);
        self.channel.say(&Message::Leave { keeps }).with_context(gone)?;
        self.channel.set_patience(Some(self.end_limit()))?;
        loop {
            match self.channel.receive() {
                Ok(Some((Message::Closed, _))) => return Ok(()),
                Ok(Some((Message::Connections, received))) => {
                    self.connections.extend(received.into_iter().map(TcpStream::from));
                }
                Ok(Some((Message::Stays { reason }, _))) => bail!(
                    "the running server (process {}) goes on serving: it cannot give its store up ({reason}); mend that, and try again",
                    self.pid
                ),
                Ok(Some((other, _))) => bail!("the server that is replaced said {other:?} out of turn"),
                Ok(None) => {
                    let pid = self.pid;
                    tracing::warn!(
                        pid,
                        "the server that is replaced ended at once; going on as after a crash"
                    );
                    return Ok(());
                }
                Err(error) => {
                    return Err(error).with_context(|| {
                        format!("the server that is replaced (process {}) did not close its store", self.pid)
                    });
                }
            }
        }
    }

    /// Tells it that this server serves, and goes on with its idle connections, those too that are still to come.
    pub(crate) fn relieve(self, adopting: Adopting) -> Result<()> {
        // Where nobody hears it, nobody waits for it either.
        let _ = self.channel.say(&Message::Serving);
        let adopt = move |connection| adopting.adopt(connection);
        self.connections.into_iter().for_each(&adopt);
        let channel = self.channel;
        let receive = move || {
            while channel.set_patience(None).is_ok()
                && let Ok(Some((Message::Connections, received))) = channel.receive()
            {
                received.into_iter().map(|socket: OwnedFd| TcpStream::from(socket)).for_each(&adopt);
            }
        };
        std::thread::Builder::new()
            .name("hand-over-idle".to_owned())
            .spawn(receive)
            .context("connections cannot be taken over")?;
        Ok(())
    }
}
