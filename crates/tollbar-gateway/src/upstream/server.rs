//! One server of an upstream, and the addresses that its name has. All threads share it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use http::Uri;
use rustls::ClientConfig;
use tokio::sync::watch;

use super::address::{Address, Identity};
use crate::{Metrics, Shared};

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

/// How a resolution ended.
#[derive(Clone)]
struct Resolution {
    at: Duration,
    fault: Option<String>,
}

impl Server {
    /// `None`: it is not a URL of a server (import has checked it).
    pub(super) fn new(uri: &Uri, tls: &Arc<ClientConfig>) -> Option<Self> {
        let is = Arc::new(Identity::new(uri, tls)?);
        let literal = is.literal().map(|ip| Address::new((ip, is.port).into(), is.clone()));
        Some(Self {
            addresses: ArcSwap::from_pointee(literal.into_iter().collect()),
            is_resolving: AtomicBool::new(false),
            resolved_at: AtomicU64::new(0),
            resolutions: watch::Sender::new(None),
            checked_at: AtomicU64::new(0),
            is,
        })
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
        // Addresses stand before they are announced: what came too late for the announcement sees them.
        if !self.addresses().is_empty() {
            return Ok(());
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
        self.is.literal().is_none() && is_due(&self.resolved_at, now, every)
    }

    /// Whether its addresses are to be checked; then the next check is due after as long again.
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
                        server.replace(&found, &shared.metrics);
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
    fn replace(&self, found: &[SocketAddr], metrics: &Metrics) {
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
        let after: Vec<_> =
            found.iter().map(|&at| known(at).unwrap_or_else(|| Address::new(at, self.is.clone()))).collect();
        self.addresses.store(Arc::new(after));
        if !before.is_empty() {
            tracing::debug!(server = %self.is.origin, addresses = ?found, "an upstream has other addresses");
        }
        self.show(metrics);
        for gone in before.iter().filter(|address| !found.contains(&address.at)) {
            gone.forget(metrics);
        }
    }

    /// Puts the addresses into the metrics.
    pub(super) fn show(&self, metrics: &Metrics) {
        for address in self.addresses().iter() {
            metrics.show_address(&self.is.origin, address.at, address.health.is_well());
        }
    }

    /// Nothing of them is to be seen any more.
    pub(super) fn hide(&self, metrics: &Metrics) {
        for address in self.addresses().iter() {
            address.forget(metrics);
        }
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

#[cfg(test)]
mod tests;
