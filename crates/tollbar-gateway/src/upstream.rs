//! Connections to upstreams, of one thread.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    io,
    mem::MaybeUninit,
    net::SocketAddr,
    rc::{Rc, Weak},
    sync::Arc,
    time::{Duration, Instant},
};

use http::{HeaderValue, Uri};
use rustls::{ClientConfig, pki_types::ServerName};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};
use tollbar_http::{Limits, MessageReader, MessageWriter};

use crate::{
    UpstreamSettings,
    body::{Reader, Writer},
    transport::{Socket, Transport},
    worker::Worker,
};

/// The upstreams that this thread talks to, by URL.
pub(crate) struct Upstreams {
    settings: UpstreamSettings,
    own_addresses: Vec<SocketAddr>,
    tls: Arc<ClientConfig>,
    by_url: RefCell<HashMap<String, Rc<Upstream>>>,
}

/// One upstream with its idle connections.
pub(crate) struct Upstream {
    host: String,
    port: u16,
    /// How TLS is spoken to it, and the name that its certificate must have.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// For the `Host` field.
    pub(crate) authority: HeaderValue,
    /// Stands before the rest of the target; no slash at its end.
    pub(crate) path: String,
    idle: RefCell<Vec<(Instant, Connection)>>,
    settings: UpstreamSettings,
    /// The last exchange failed.
    fails: Cell<bool>,
}

/// A connection to an upstream.
pub(crate) struct Connection {
    pub(crate) reader: Reader,
    /// Taken by an upload that streams.
    pub(crate) writer: Option<Writer>,
    /// Where an upload puts the writer when it has ended.
    pub(crate) parked: Rc<Cell<Option<Writer>>>,
    /// The upstream said that the connection goes on after its answer.
    pub(crate) keeps_alive: bool,
    upstream: Weak<Upstream>,
}

impl Upstreams {
    pub(crate) fn new(
        settings: UpstreamSettings,
        own_addresses: Vec<SocketAddr>,
        tls: Arc<ClientConfig>,
    ) -> Self {
        Self { settings, own_addresses, tls, by_url: RefCell::default() }
    }

    /// The upstream of a URL; `None` if it is not one (import has checked it).
    pub(crate) fn find(&self, url: &str) -> Option<Rc<Upstream>> {
        if let Some(upstream) = self.by_url.borrow().get(url) {
            return Some(upstream.clone());
        }
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority()?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_tls = uri.scheme_str() == Some("https");
        let tls = if is_tls {
            Some((TlsConnector::from(self.tls.clone()), ServerName::try_from(host.clone()).ok()?))
        } else {
            None
        };
        let upstream = Rc::new(Upstream {
            host,
            port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            tls,
            authority: HeaderValue::from_str(authority.as_str()).ok()?,
            path: uri.path().trim_end_matches('/').to_owned(),
            idle: RefCell::default(),
            settings: self.settings,
            fails: Cell::new(false),
        });
        self.by_url.borrow_mut().insert(url.to_owned(), upstream.clone());
        Some(upstream)
    }

    /// Closes what was idle for too long, and forgets upstreams without connections.
    pub(crate) fn sweep(&self) {
        self.by_url.borrow_mut().retain(|_, upstream| {
            upstream.idle.borrow_mut().retain(|(since, _)| since.elapsed() < self.settings.keep_idle);
            // One that fails is remembered: its return is to be noticed.
            !upstream.idle.borrow().is_empty() || upstream.fails.get() || Rc::strong_count(upstream) > 1
        });
    }

    /// A connection to our own listeners must not be an upstream: requests would go in circles, or reach the admin
    /// listener from inside.
    fn is_own(&self, stream: &TcpStream) -> io::Result<bool> {
        let [here, there] =
            [stream.local_addr()?, stream.peer_addr()?].map(|a| (a.ip().to_canonical(), a.port()));
        // Both ends have the same address: this machine, by whichever of its addresses.
        let is_this_machine = here.0 == there.0 || there.0.is_loopback();
        Ok(self.own_addresses.iter().any(|own| {
            let ip = own.ip().to_canonical();
            own.port() == there.1 && (ip == there.0 || (ip.is_unspecified() && is_this_machine))
        }))
    }
}

impl Upstream {
    /// Notes how an exchange ended. The log hears of it when an upstream begins to fail and when it answers again,
    /// not for each request.
    pub(crate) fn note(&self, worker: &Worker, failure: Option<&str>) {
        if failure.is_some() {
            worker.shared.metrics.upstream_failures.inc();
        }
        if self.fails.replace(failure.is_some()) != failure.is_some() {
            let (host, port) = (&self.host, self.port);
            match failure {
                Some(cause) => tracing::warn!(%host, port, "an upstream fails: {cause}"),
                None => tracing::info!(%host, port, "an upstream answers again"),
            }
        }
    }

    /// An idle connection that is still open, if there is one.
    pub(crate) fn take_idle(&self) -> Option<Connection> {
        loop {
            let (since, mut connection) = self.idle.borrow_mut().pop()?;
            // Quiet: nothing unasked came, and it was not closed.
            if since.elapsed() < self.settings.keep_idle && connection.is_quiet() {
                return Some(connection);
            }
        }
    }

    /// A new connection.
    pub(crate) async fn connect(self: &Rc<Self>, upstreams: &Upstreams) -> io::Result<Connection> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let timeout = self.settings.connect_timeout;
        let stream = tokio::time::timeout(timeout, connecting).await.map_err(|_| timed_out(timeout))??;
        if upstreams.is_own(&stream)? {
            return Err(io::Error::other("the upstream's address is one of this platform's own listeners"));
        }
        stream.set_nodelay(true)?;
        let socket = Socket::new(stream);
        let transport = match &self.tls {
            None => Transport::Plain(socket),
            Some((tls, name)) => {
                let handshake = tls.connect(name.clone(), socket);
                let stream =
                    tokio::time::timeout(timeout, handshake).await.map_err(|_| timed_out(timeout))??;
                Transport::Tls(Box::new(TlsStream::Client(stream)))
            }
        };
        let (read, write) = transport.split();
        Ok(Connection {
            reader: MessageReader::new(read, Limits::default()),
            writer: Some(MessageWriter::new(write)),
            parked: Rc::default(),
            keeps_alive: false,
            upstream: Rc::downgrade(self),
        })
    }
}

impl Connection {
    /// Nothing unasked came, and the upstream has not closed. The system is asked too: what it knows may not have
    /// reached the runtime yet.
    fn is_quiet(&mut self) -> bool {
        // TLS has messages of its own (tickets, say): it takes them in first, then nothing may be left.
        let is_quiet = self.reader.is_quiet();
        let peeked = self
            .reader
            .get_ref()
            .ask(|transport| SockRef::from(transport.tcp()).peek(&mut [MaybeUninit::uninit()]));
        is_quiet && matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Keeps the connection for another request, if the exchange on it is complete on both sides.
    pub(crate) fn give_back(mut self) {
        self.writer = self.writer.take().or_else(|| self.parked.take());
        let is_whole = self.keeps_alive
            && self.reader.body_is_finished()
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
