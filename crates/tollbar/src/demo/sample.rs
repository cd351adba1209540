//! The built-in sample API: Larkpost, a parcel carrier. A real HTTP server on a free port of this machine, in a
//! thread of its own, so that everything in front of it can be shown with a business behind it.

mod depot;
mod server;

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use anyhow::{Context, Result};
use http::HeaderMap;
use tokio::sync::oneshot;

/// Its OpenAPI document.
pub(crate) const DOCUMENT: &str = include_str!("sample/larkpost.yaml");
/// Every scope that its endpoints require.
pub(crate) const SCOPES: [&str; 5] =
    ["shipments:read", "shipments:write", "labels:write", "tracking:read", "reports:read"];
/// Requests that are remembered.
const RECEIVED_MAX: usize = 200;

/// The sample API, running.
pub(crate) struct Sample {
    address: SocketAddr,
    log: Arc<Log>,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Result<()>>,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
}

/// What has arrived.
#[derive(Default)]
struct Log(Mutex<Arrivals>);

#[derive(Default)]
struct Arrivals {
    count: u64,
    latest: VecDeque<Received>,
}

impl Sample {
    /// Starts it. When this returns, it takes connections.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .context("the sample API cannot listen")?;
        let (address, log) = (listener.local_addr()?, Arc::new(Log::default()));
        let (stop, stopped) = oneshot::channel();
        let shared = log.clone();
        let thread = std::thread::Builder::new()
            .name("sample-api".to_owned())
            .spawn(move || server::run(listener, &shared, stopped))
            .context("the sample API cannot be started")?;
        Ok(Self { address, log, stop, thread })
    }

    /// The base URL of its live side; the test side is at [`Sample::sandbox_url`].
    pub(crate) fn live_url(&self) -> String {
        format!("http://{}/live", self.address)
    }

    /// The base URL of its test side.
    pub(crate) fn sandbox_url(&self) -> String {
        format!("http://{}/sandbox", self.address)
    }

    /// How many requests have arrived.
    pub(crate) fn count(&self) -> u64 {
        self.log.arrivals().count
    }

    /// The request that arrived last.
    pub(crate) fn last(&self) -> Option<Received> {
        self.log.arrivals().latest.back().cloned()
    }

    /// Ends it.
    pub(crate) fn stop(self) -> Result<()> {
        // An error means that it has ended by itself; then its result says why.
        let _ = self.stop.send(());
        self.thread.join().map_err(|_| anyhow::anyhow!("the sample API panicked"))?
    }
}

impl Log {
    fn note(&self, received: Received) {
        let mut arrivals = self.arrivals();
        arrivals.count += 1;
        arrivals.latest.push_back(received);
        if arrivals.latest.len() > RECEIVED_MAX {
            arrivals.latest.pop_front();
        }
    }

    fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
