//! What two processes say to each other over a Unix socket, and the sockets that they give each other with it.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::{
            ffi::OsStrExt,
            fs::{MetadataExt, PermissionsExt},
        },
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    cmsg_space,
    io::{Errno, retry_on_intr},
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
        SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
        sockopt::{Timeout, set_socket_timeout},
    },
};
use serde::{Deserialize, Serialize};

/// Sockets that one message carries, at most; the system allows 253.
pub(super) const SOCKETS_MAX: usize = 64;
/// The longest message.
const TEXT_BYTES: usize = 4096;
/// The longest path that a Unix socket's address holds, with some room.
const PATH_BYTES: usize = 100;
/// Processes that wait to be heard.
const BACKLOG: i32 = 4;
/// A peer that does not read for so long is not there.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// What is said.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub(super) enum Message {
    /// The old one: who it is, and how long it waits for what is under way.
    Hello { pid: u32, version: String, drain_seconds: u64 },
    /// The old one: listening sockets, which come along.
    Sockets { listener: String },
    /// The old one: that was all.
    Complete,
    /// The new one: leave. It goes on with the sockets of these listeners.
    Leave { keeps: Vec<String> },
    /// The old one: idle connections, which come along.
    Connections,
    /// The old one: the store is closed.
    Closed,
    /// The old one: it does not leave.
    Stays { reason: String },
    /// The new one: it serves.
    Serving,
}

/// One end of the connection between the two.
pub(super) struct Channel(OwnedFd);

impl Channel {
    /// To the server that listens at this path.
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        let socket = socket()?;
        let (address, _folder) = address(path)?;
        rustix::net::connect(&socket, &address)?;
        Self::over(socket)
    }

    fn over(socket: OwnedFd) -> io::Result<Self> {
        set_socket_timeout(&socket, Timeout::Send, Some(SEND_TIMEOUT))?;
        Ok(Self(socket))
    }

    /// How long [`Channel::receive`] waits; `None`: for ever.
    pub(super) fn set_patience(&self, patience: Option<Duration>) -> io::Result<()> {
        Ok(set_socket_timeout(&self.0, Timeout::Recv, patience)?)
    }

    pub(super) fn say(&self, message: &Message) -> io::Result<()> {
        self.send(message, &[])
    }

    pub(super) fn send(&self, message: &Message, sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
        let text = serde_json::to_vec(message)?;
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(SOCKETS_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !sockets.is_empty() && !control.push(SendAncillaryMessage::ScmRights(sockets)) {
            return Err(io::Error::other("too many sockets for one message"));
        }
        let flags = SendFlags::NOSIGNAL;
        retry_on_intr(|| rustix::net::sendmsg(&self.0, &[IoSlice::new(&text)], &mut control, flags))?;
        Ok(())
    }

    /// `None`: the other one is gone.
    pub(super) fn receive(&self) -> io::Result<Option<(Message, Vec<OwnedFd>)>> {
        let mut text = [0; TEXT_BYTES];
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(SOCKETS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = retry_on_intr(|| {
            let into = &mut [IoSliceMut::new(&mut text)];
            rustix::net::recvmsg(&self.0, into, &mut control, RecvFlags::CMSG_CLOEXEC)
        });
        let received = match received {
            Err(Errno::CONNRESET) => return Ok(None),
            received => received?,
        };
        let mut sockets = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                sockets.extend(received);
            }
        }
        if received.bytes == 0 {
            return Ok(None);
        }
        if received.flags.contains(ReturnFlags::CTRUNC) {
            tracing::warn!(
                "some sockets could not be received: is the limit of open files lower (ulimit -n)?"
            );
        }
        let message = serde_json::from_slice(&text[..received.bytes]).map_err(|error| {
            let message = format!("the other process says what this version does not understand: {error}");
            io::Error::new(ErrorKind::InvalidData, message)
        })?;
        Ok(Some((message, sockets)))
    }
}

/// Where channels are opened. The file goes with it, unless somebody has put another in its place.
pub(super) struct ChannelListener {
    socket: OwnedFd,
    path: PathBuf,
    inode: u64,
}

impl ChannelListener {
    /// Listens there, for the owner of the folder alone. What a server left that was killed is taken away.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let socket = socket()?;
        let (address, _folder) = address(path)?;
        rustix::net::bind(&socket, &address)?;
        // Nobody can connect before it listens.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        let inode = fs::symlink_metadata(path)?.ino();
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(Self { socket, path: path.to_owned(), inode })
    }

    pub(super) fn accept(&self) -> io::Result<Channel> {
        let accepted = retry_on_intr(|| rustix::net::accept_with(&self.socket, SocketFlags::CLOEXEC))?;
        Channel::over(accepted)
    }

    /// Takes the file away: who comes now finds no server to replace.
    pub(super) fn unlink(&self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Messages are kept apart, and sockets stay with theirs.
fn socket() -> io::Result<OwnedFd> {
    Ok(rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// The address of a path; a long one by way of its folder, which must stay open for as long.
fn address(path: &Path) -> io::Result<(SocketAddrUnix, Option<File>)> {
    if path.as_os_str().as_bytes().len() <= PATH_BYTES {
        return Ok((SocketAddrUnix::new(path)?, None));
    }
    let folder = File::open(path.parent().unwrap_or(Path::new(".")))?;
    let mut short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_fd().as_raw_fd()));
    short.extend(path.file_name());
    Ok((SocketAddrUnix::new(&short)?, Some(folder)))
}
