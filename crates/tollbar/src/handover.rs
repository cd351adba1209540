//! A restart without losing a request: the listening sockets stay open while one process follows another.
//!
//! They come from systemd (which keeps idle connections too, if it may), or from the server that is replaced: `tollbar serve --take-over` asks it through
//! `handover.sock` in the data folder. The running server sends its sockets and serves on. When the new one has
//! prepared everything, it says so; the old one leaves what waits in the sockets' queues, answers what it has
//! accepted, sends idle connections over as they are, closes its store, and says so. The new one opens the store and
//! serves. Only when it says that it does is the old one done: if the new one fails before, the old one serves again.

mod channel;
mod offer;
mod predecessor;
mod sockets;
mod successor;
mod systemd;

pub(crate) use offer::Offer;
pub(crate) use predecessor::Predecessor;
pub(crate) use sockets::{Listener, Sockets};
pub(crate) use successor::Successor;
pub(crate) use systemd::Systemd;

/// The socket in the data folder.
const SOCKET: &str = "handover.sock";
