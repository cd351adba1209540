//! One server of an upstream, and each address that its name has. All threads share them.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use http::{HeaderValue, Uri};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{net::TcpStream, sync::watch};
use tokio_rustls::{TlsConnector, TlsStream};

use super::health::{Change, Failure, Health};
use crate::{
    Shared,
    transport::{Socket, Transport},
};

/// Addresses of one name that are used; those beyond them are left out.
const ADDRESSES_MAX: usize = 16;
/// After a failed resolution requests are told so for this long, before the name is asked for again.
const RESOLVE_REST: Duration = Duration::from_secs(1);

/// A server as the import names it.
pub(crate) struct Server {
    pub(crate) is: Arc<Identity>,
    addresses: ArcSwap<Vec<Arc<Address>>>,
    is_resolving: AtomicBool,
    /// When it was resolved last, in milliseconds.
    resolved_at: AtomicU64,
    resolutions: watch::Sender<Option<Resolution>>,
    /// When its addresses were checked last, in milliseconds.
    checked_at: AtomicU64,
}

/// Who a server is, whatever its addresses.
pub(crate) struct Identity {
    /// `http://orders.internal:8080`, for the log and the metrics.
    pub(crate) origin: String,
    host: String,
    port: u16,
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
}

/// How a resolution ended.
#[derive(Clone)]
struct Resolution {
    at: Duration,
    fault: Option<String>,
}

impl Server {
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
        let is = Arc::new(Identity {
            origin: origin(uri)?,
            port: authority.port_u16().unwrap_or(if is_tls { 443 } else { 80 }),
            tls,
            authority: HeaderValue::from_str(authority.as_str()).ok()?,
            host,
        });
        let (resolutions, _) = watch::channel(None);
        let server = Self {
            addresses: ArcSwap::default(),
            is_resolving: AtomicBool::new(false),
            resolved_at: AtomicU64::new(0),
            resolutions,
            checked_at: AtomicU64::new(0),
            is,
        };
        if let Some(ip) = server.literal() {
            server.addresses.store(Arc::new(vec![server.address((ip, server.is.port).into())]));
        }
        Some(server)
    }

    /// The addresses that are known now.
    pub(crate) fn addresses(&self) -> arc_swap::Guard<Arc<Vec<Arc<Address>>>> {
        self.addresses.load()
    }

    /// Waits until there are addresses; says why if there are none in time.
    pub(super) async fn wait_for_addresses(self: &Arc<Self>, shared: &Arc<Shared>) -> Result<(), String> {
        let mut resolutions = self.resolutions.subscribe();
        let failed_just_now = resolutions.borrow_and_update().clone().and_then(|last| {
            last.fault.filter(|_| shared.servers.now().saturating_sub(last.at) < RESOLVE_REST)
        });
        if let Some(fault) = failed_just_now {
            return Err(fault);
        }
        self.resolve(shared);
        let timeout = shared.settings.upstream.connect_timeout;
        let resolved = tokio::time::timeout(timeout, resolutions.changed()).await;
        let fault = resolutions.borrow().as_ref().and_then(|last| last.fault.clone());
        match (self.addresses().is_empty(), resolved) {
            (false, _) => Ok(()),
            (true, Ok(_)) => Err(fault.unwrap_or_else(|| format!("{} has no address", self.is.host))),
            (true, Err(_)) => Err(unresolved(&self.is.host, "no answer in time")),
        }
    }

    /// Whether the name is to be asked for again.
    pub(super) fn is_resolution_due(&self, now: Duration, every: Duration) -> bool {
        let every = if self.addresses().is_empty() { RESOLVE_REST } else { every };
        self.literal().is_none() && is_due(&self.resolved_at, now, every)
    }

    pub(super) fn is_check_due(&self, now: Duration, every: Duration) -> bool {
        let is_due = is_due(&self.checked_at, now, every);
        if is_due {
            self.checked_at.store(millis(now), Ordering::Relaxed);
        }
        is_due
    }

    /// Asks for the name in a task of its own, unless one does so already. A failure keeps what was known.
    pub(super) fn resolve(self: &Arc<Self>, shared: &Arc<Shared>) {
        if self.is_resolving.swap(true, Ordering::AcqRel) {
            return;
        }
        let asking = Resolving { server: self.clone(), shared: shared.clone() };
        tokio::task::spawn_local(async move {
            let Resolving { server, shared } = &asking;
            let Identity { host, port, .. } = &*server.is;
            let timeout = shared.settings.upstream.connect_timeout;
            let found = tokio::time::timeout(timeout, tokio::net::lookup_host((host.as_str(), *port))).await;
            let fault = match found {
                Err(_) => Some(unresolved(host, &format!("no answer within {} s", timeout.as_secs()))),
                Ok(Err(error)) => Some(unresolved(host, &error.to_string())),
                Ok(Ok(found)) => {
                    let found: Vec<SocketAddr> = found.collect();
                    let is_nowhere = found.is_empty();
                    if !is_nowhere {
                        server.replace(&found, shared);
                    }
                    is_nowhere.then(|| unresolved(host, "it has no address"))
                }
            };
            server.finish(fault, shared);
        });
    }

    fn finish(&self, fault: Option<String>, shared: &Shared) {
        let now = shared.servers.now();
        self.resolved_at.store(millis(now), Ordering::Relaxed);
        let had_fault = self.resolutions.borrow().as_ref().is_some_and(|last| last.fault.is_some());
        match &fault {
            Some(fault) if !had_fault => {
                tracing::warn!(server = %self.is.origin, known = self.addresses().len(), "{fault}");
            }
            None if had_fault => {
                tracing::info!(server = %self.is.origin, "the name of an upstream resolves again");
            }
            _ => {}
        }
        self.resolutions.send_replace(Some(Resolution { at: now, fault }));
    }

    /// Takes over what a name resolves to. An address that stays keeps its health.
    fn replace(&self, found: &[SocketAddr], shared: &Shared) {
        let mut found: Vec<SocketAddr> =
            found.iter().map(|at| SocketAddr::new(at.ip().to_canonical(), at.port())).collect();
        found.sort_unstable();
        found.dedup();
        found.truncate(ADDRESSES_MAX);
        let before = self.addresses.load_full();
        if before.iter().map(|address| address.at).eq(found.iter().copied()) {
            return;
        }
        let known = |at: SocketAddr| before.iter().find(|address| address.at == at).cloned();
        let after: Vec<_> = found.iter().map(|&at| known(at).unwrap_or_else(|| self.address(at))).collect();
        self.addresses.store(Arc::new(after));
        if !before.is_empty() {
            tracing::info!(server = %self.is.origin, addresses = ?found, "an upstream has other addresses");
        }
        self.show(shared);
        for gone in before.iter().filter(|address| !found.contains(&address.at)) {
            shared.metrics.forget_address(&self.is.origin, gone.at);
        }
    }

    /// Puts the addresses into the metrics.
    pub(super) fn show(&self, shared: &Shared) {
        for address in self.addresses().iter() {
            let is_well = address.health.standing(shared.servers.now()) == super::health::Standing::Well;
            shared.metrics.show_address(&self.is.origin, address.at, is_well);
        }
    }

    fn address(&self, at: SocketAddr) -> Arc<Address> {
        Arc::new(Address { at, server: self.is.clone(), health: Health::default() })
    }

    fn literal(&self) -> Option<IpAddr> {
        self.is.host.parse().ok()
    }
}

/// A resolution under way. However it ends, the next can begin.
struct Resolving {
    server: Arc<Server>,
    shared: Arc<Shared>,
}

impl Drop for Resolving {
    fn drop(&mut self) {
        self.server.is_resolving.store(false, Ordering::Release);
    }
}

impl Address {
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

    /// A check of ours passed, or failed with this cause.
    pub(super) fn check(&self, shared: &Shared, fault: Option<&str>) {
        let change = self.health.check(fault.is_none(), shared.servers.now());
        self.tell(shared, change, fault.unwrap_or_default());
    }

    /// The operator hears when an address begins to be left out, and when it is back.
    fn tell(&self, shared: &Shared, change: Option<Change>, cause: &str) {
        let (server, address) = (&self.server.origin, self.at);
        match change {
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

fn is_due(last_millis: &AtomicU64, now: Duration, every: Duration) -> bool {
    let last = last_millis.load(Ordering::Relaxed);
    last == 0 || millis(now).saturating_sub(last) >= millis(every)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

fn unresolved(host: &str, why: &str) -> String {
    format!("the name {host} does not resolve: {why}")
}

fn timed_out(after: Duration) -> io::Error {
    let message = format!("no connection within {} s", after.as_secs_f32());
    io::Error::new(io::ErrorKind::TimedOut, message)
}
