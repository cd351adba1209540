//! One address of an upstream's server. All threads share it.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, Uri};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};

use super::health::{Change, Failure, Health};
use crate::{
    Metrics, Shared,
    transport::{Socket, Transport},
};

/// Who a server is, whatever its addresses.
pub(crate) struct Identity {
    /// `http://orders.internal:8080`, for the log and the metrics.
    pub(crate) origin: String,
    pub(super) host: String,
    pub(super) port: u16,
    /// How TLS is spoken to it, and the name that its certificate must have.
    tls: Option<(TlsConnector, ServerName<'static>)>,
    /// For the `Host` field.
    pub(crate) authority: HeaderValue,
}

/// One address.
pub(crate) struct Address {
    pub(crate) at: SocketAddr,
    pub(crate) server: Arc<Identity>,
    pub(crate) health: Health,
    /// One check at a time.
    is_checking: AtomicBool,
    /// Its server has it no more.
    is_gone: AtomicBool,
}

/// A check under way. However it ends, the next can begin.
pub(super) struct Checking(pub(super) Arc<Address>);

impl Drop for Checking {
    fn drop(&mut self) {
        self.0.is_checking.store(false, Ordering::Release);
    }
}

impl Identity {
    /// `None`: it is not a URL of a server (import has checked it).
    pub(super) fn new(uri: &Uri, tls: &Arc<ClientConfig>) -> Option<Self> {
        let authority = uri.authority()?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let is_tls = uri.scheme_str() == Some("https");
        let tls = if is_tls {
            Some((TlsConnector::from(tls.clone()), ServerName::try_from(host.clone()).ok()?))
        } else {
            None
        };
        Some(Self {
            origin: origin(uri)?,
            port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            tls,
            authority: HeaderValue::from_str(authority.as_str()).ok()?,
            host,
        })
    }

    /// Its address, if it has no name that would have to be resolved.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl Address {
    pub(super) fn new(at: SocketAddr, server: Arc<Identity>) -> Arc<Self> {
        let [is_checking, is_gone] = [false, false].map(AtomicBool::new);
        Arc::new(Self { at, server, health: Health::default(), is_checking, is_gone })
    }

    /// A new connection, ready to be spoken on.
    pub(crate) async fn connect(&self, shared: &Shared, within: Duration) -> io::Result<Transport> {
        let connecting = async {
            let stream = TcpStream::connect(self.at).await?;
            if is_own(&stream, &shared.settings.own_addresses)? {
                return Err(io::Error::other(
                    "the upstream's address is one of this platform's own listeners",
                ));
            }
            stream.set_nodelay(true)?;
            let socket = Socket::new(stream);
            Ok(match &self.server.tls {
                None => Transport::Plain(socket),
                Some((tls, name)) => {
                    let stream = tls.connect(name.clone(), socket).await?;
                    Transport::Tls(Box::new(TlsStream::Client(stream)))
                }
            })
        };
        shared.metrics.upstream_connects.inc();
        tokio::time::timeout(within, connecting).await.map_err(|_| timed_out(within))?
    }

    /// An exchange that began then was answered.
    pub(crate) fn succeed(&self, shared: &Shared, began: Duration) {
        let change = self.health.succeed(began, shared.servers.now());
        self.tell(shared, change, "");
    }

    /// An exchange that began then failed.
    pub(crate) fn fail(&self, shared: &Shared, failure: Failure, began: Duration, cause: &str) {
        let eject_after = shared.settings.upstream.eject_after_failures;
        let change = self.health.fail(failure, began, shared.servers.now(), eject_after);
        self.tell(shared, change, cause);
    }

    /// It is not shown any more.
    pub(super) fn forget(&self, metrics: &Metrics) {
        self.is_gone.store(true, Ordering::Release);
        metrics.forget_address(&self.server.origin, self.at);
    }

    /// Begins a check, unless one is under way.
    pub(super) fn begin_check(self: &Arc<Self>) -> Option<Checking> {
        let is_checking = self.is_checking.swap(true, Ordering::AcqRel);
        (!is_checking).then(|| Checking(self.clone()))
    }

    /// A check of ours passed, or failed with this cause.
    pub(super) fn check(&self, shared: &Shared, fault: Option<&str>) {
        let change = self.health.check(fault.is_none(), shared.servers.now());
        self.tell(shared, change, fault.unwrap_or_default());
    }

    /// The operator hears when an address begins to be left out, and when it is back.
    fn tell(&self, shared: &Shared, change: Option<Change>, cause: &str) {
        let (server, address) = (&self.server.origin, self.at);
        match change.filter(|_| !self.is_gone.load(Ordering::Acquire)) {
            None => {}
            Some(Change::Ejected) => {
                tracing::warn!(%server, %address, "an upstream's address is ejected: {cause}");
                shared.metrics.count_ejection(server, address);
                shared.metrics.show_address(server, address, false);
            }
            Some(Change::Returned) => {
                tracing::info!(%server, %address, "an upstream's address is back");
                shared.metrics.show_address(server, address, true);
            }
        }
    }
}

/// `http://orders.internal:8080`, in lower case.
pub(super) fn origin(uri: &Uri) -> Option<String> {
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?).to_lowercase())
}

/// A connection to our own listeners must not be an upstream: requests would go in circles, or reach the admin
/// listener from inside.
fn is_own(stream: &TcpStream, own: &[SocketAddr]) -> io::Result<bool> {
    let [here, there] =
        [stream.local_addr()?, stream.peer_addr()?].map(|a| (a.ip().to_canonical(), a.port()));
    // Both ends have the same address: this machine, by whichever of its addresses.
    let is_this_machine = here.0 == there.0 || there.0.is_loopback();
    Ok(own.iter().any(|own| {
        let ip = own.ip().to_canonical();
        own.port() == there.1 && (ip == there.0 || (ip.is_unspecified() && is_this_machine))
    }))
}

fn timed_out(after: Duration) -> io::Error {
    let message = format!("no connection within {} s", after.as_secs_f32());
    io::Error::new(io::ErrorKind::TimedOut, message)
}
