//! systemd as the keeper of idle connections over a restart: what it holds in the unit's store of descriptors, the
//! next process finds beside the listening sockets.

use std::{
    io::{self, IoSlice, Read},
    mem::MaybeUninit,
    net::TcpStream,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
    sync::mpsc,
    time::Duration,
};

use anyhow::{Context, Result};
use rustix::{
    cmsg_space,
    io::retry_on_intr,
    net::{
        AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
        SocketType,
    },
};
use tollbar_gateway::Queued;

use super::channel::SOCKETS_MAX;
use crate::{config::Variables, instance::Instance};

/// What idle connections are called there.
pub(super) const CONNECTION: &str = "connection";
/// How long systemd may take to note everything.
const NOTE_LIMIT: Duration = Duration::from_secs(5);

/// systemd, where it keeps descriptors for this service (`FileDescriptorStoreMax=`).
pub(crate) struct Systemd {
    socket: OwnedFd,
}

impl Systemd {
    /// `None` if it keeps none: then nothing may be sent to it, for it would be closed there.
    pub(crate) fn find(variables: &Variables) -> Option<Self> {
        let kept: u32 = variables.find("FDSTORE")?.parse().ok()?;
        let path = variables.find("NOTIFY_SOCKET")?;
        let found = (kept > 0).then(|| Self::connect(path))?;
        found.inspect_err(|error| tracing::warn!(%error, "systemd cannot be told about connections")).ok()
    }

    fn connect(path: &str) -> io::Result<Self> {
        let address = match path.strip_prefix('@') {
            Some(name) => SocketAddrUnix::new_abstract_name(name.as_bytes())?,
            None => SocketAddrUnix::new(path)?,
        };
        let (family, kind) = (AddressFamily::UNIX, SocketType::DGRAM);
        let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
        rustix::net::connect(&socket, &address)?;
        Ok(Self { socket })
    }

    /// Ends an instance, and leaves its idle connections here for the next one.
    pub(crate) fn keep_idle(&self, instance: Instance) -> Result<()> {
        let (idle, to_keep) = mpsc::channel();
        std::thread::scope(|scope| {
            let keeping = scope.spawn(move || self.keep(&to_keep));
            let (relaying, announcement, ended) = instance.hand_over(Queued::Left, idle)?;
            relaying.finish().context("the gateway did not drain")?;
            drop(announcement);
            keeping.join().map_err(|_| anyhow::anyhow!("leaving connections to systemd panicked"))?;
            ended
        })?;
        self.wait_until_noted().context("systemd did not note the idle connections")
    }

    fn keep(&self, to_keep: &mpsc::Receiver<TcpStream>) {
        while let Ok(first) = to_keep.recv() {
            let batch: Vec<_> =
                std::iter::once(first).chain(to_keep.try_iter().take(SOCKETS_MAX - 1)).collect();
            let connections: Vec<_> = batch.iter().map(TcpStream::as_fd).collect();
            if let Err(error) = self.say(&format!("FDSTORE=1\nFDNAME={CONNECTION}"), &connections) {
                tracing::warn!(%error, connections = batch.len(), "idle connections are closed: systemd does not take them");
            }
        }
    }

    /// They are this process's now: kept there as well, none of them would end when it is closed here.
    pub(crate) fn forget_idle(&self) -> io::Result<()> {
        self.say(&format!("FDSTOREREMOVE=1\nFDNAME={CONNECTION}"), &[])
    }

    /// systemd closes what comes with this when it has read everything before it.
    fn wait_until_noted(&self) -> io::Result<()> {
        let (mut ours, theirs) = UnixStream::pair()?;
        self.say("BARRIER=1", &[theirs.as_fd()])?;
        drop(theirs);
        ours.set_read_timeout(Some(NOTE_LIMIT))?;
        ours.read(&mut [0]).map(drop)
    }

    fn say(&self, text: &str, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(SOCKETS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
            return Err(io::Error::other("too many descriptors for one message"));
        }
        let text = [IoSlice::new(text.as_bytes())];
        retry_on_intr(|| rustix::net::sendmsg(&self.socket, &text, &mut control, SendFlags::NOSIGNAL))?;
        Ok(())
    }
}
