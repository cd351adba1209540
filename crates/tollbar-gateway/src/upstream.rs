//! Connections to upstreams, of one thread.

use std::{
    cell::RefCell,
    collections::HashMap,
    io,
    net::SocketAddr,
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use http::{HeaderValue, Uri};
use tokio::net::TcpStream;
use tollbar_http::{Limits, MessageReader, MessageWriter};

use crate::{
    UpstreamSettings,
    body::{Reader, Writer},
};

/// The upstreams that this thread talks to, by URL.
pub(crate) struct Upstreams {
    settings: UpstreamSettings,
    own_addresses: Vec<SocketAddr>,
    by_url: RefCell<HashMap<String, Rc<Upstream>>>,
}

/// One upstream with its idle connections.
pub(crate) struct Upstream {
    host: String,
    port: u16,
    /// For the `Host` field.
    pub(crate) authority: HeaderValue,
    /// Stands before the rest of the target; no slash at its end.
    pub(crate) path: String,
    idle: RefCell<Vec<(Instant, Connection)>>,
    settings: UpstreamSettings,
}

/// A connection to an upstream.
pub(crate) struct Connection {
    pub(crate) reader: Reader,
    /// Taken by an upload that streams.
    pub(crate) writer: Option<Writer>,
    /// It was used before: the upstream may have closed it in the meantime.
    pub(crate) is_reused: bool,
    upstream: Weak<Upstream>,
}

impl Upstreams {
    pub(crate) fn new(settings: UpstreamSettings, own_addresses: Vec<SocketAddr>) -> Self {
        Self { settings, own_addresses, by_url: RefCell::default() }
    }

    /// The upstream of a URL; `None` if it is not one (import has checked it).
    pub(crate) fn find(&self, url: &str) -> Option<Rc<Upstream>> {
        if let Some(upstream) = self.by_url.borrow().get(url) {
            return Some(upstream.clone());
        }
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority()?;
        let upstream = Rc::new(Upstream {
            host: authority.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: HeaderValue::from_str(authority.as_str()).ok()?,
            path: uri.path().trim_end_matches('/').to_owned(),
            idle: RefCell::default(),
            settings: self.settings,
        });
        self.by_url.borrow_mut().insert(url.to_owned(), upstream.clone());
        Some(upstream)
    }

    /// Closes what was idle for too long, and forgets upstreams without connections.
    pub(crate) fn sweep(&self) {
        self.by_url.borrow_mut().retain(|_, upstream| {
            upstream.idle.borrow_mut().retain(|(since, _)| since.elapsed() < self.settings.keep_idle);
            !upstream.idle.borrow().is_empty() || Rc::strong_count(upstream) > 1
        });
    }

    /// A connection of our own listeners must not be an upstream: requests would go in circles, or reach the
    /// admin listener from inside.
    pub(crate) fn is_own(&self, address: SocketAddr) -> bool {
        let is_here = |own: &SocketAddr| {
            own.ip() == address.ip()
                || (own.ip().is_unspecified() && address.ip().is_loopback())
                || (own.ip().is_loopback() && address.ip().is_unspecified())
        };
        self.own_addresses.iter().any(|own| own.port() == address.port() && is_here(own))
    }
}

impl Upstream {
    /// An idle connection that is still open, if there is one.
    pub(crate) fn take_idle(&self) -> Option<Connection> {
        loop {
            let (since, mut connection) = self.idle.borrow_mut().pop()?;
            // Quiet: nothing unasked came, and it was not closed.
            if since.elapsed() < self.settings.keep_idle && connection.reader.is_quiet() {
                connection.is_reused = true;
                return Some(connection);
            }
        }
    }

    /// A new connection.
    pub(crate) async fn connect(self: &Rc<Self>, upstreams: &Upstreams) -> io::Result<Connection> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let timeout = self.settings.connect_timeout;
        let stream = tokio::time::timeout(timeout, connecting).await.map_err(|_| timed_out(timeout))??;
        if upstreams.is_own(stream.peer_addr()?) {
            return Err(io::Error::other("the upstream's address is one of this platform's own listeners"));
        }
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        Ok(Connection {
            reader: MessageReader::new(read, Limits::default()),
            writer: Some(MessageWriter::new(write)),
            is_reused: false,
            upstream: Rc::downgrade(self),
        })
    }
}

impl Connection {
    /// Keeps the connection for another request, if the exchange on it is complete on both sides.
    pub(crate) fn give_back(self) {
        let is_whole = self.reader.body_is_finished()
            && !self.reader.has_started()
            && self.writer.as_ref().is_some_and(|w| w.is_between_messages() && w.keeps_open());
        let Some(upstream) = self.upstream.upgrade().filter(|_| is_whole) else { return };
        let mut idle = upstream.idle.borrow_mut();
        if idle.len() < upstream.settings.idle_connections_max {
            idle.push((Instant::now(), self));
        }
    }
}

fn timed_out(after: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {} s", after.as_secs()))
}
