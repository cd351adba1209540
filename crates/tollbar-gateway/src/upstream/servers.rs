//! The servers that upstreams have, known to all threads.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use http::Uri;
use rustls::ClientConfig;

use super::{address::origin, server::Server};

/// All servers, by scheme, host and port.
pub(crate) struct Servers {
    tls: Arc<ClientConfig>,
    began: Instant,
    by_origin: Mutex<HashMap<String, Arc<Server>>>,
    has_caretaker: AtomicBool,
}

impl Servers {
    pub(crate) fn new(tls: Arc<ClientConfig>) -> Self {
        Self {
            tls,
            began: Instant::now(),
            by_origin: Mutex::default(),
            has_caretaker: AtomicBool::new(false),
        }
    }

    /// Time since the start: what healths are told by.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// The server of a URL; `None` if it is not one (import has checked it).
    pub(super) fn find(&self, uri: &Uri) -> Option<Arc<Server>> {
        let origin = origin(uri)?;
        let mut servers = self.by_origin.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = servers.get(&origin) {
            return Some(server.clone());
        }
        let server = Arc::new(Server::new(uri, &self.tls)?);
        servers.insert(origin, server.clone());
        Some(server)
    }

    /// Takes those away that nobody uses any more.
    pub(super) fn take_unused(&self) -> Vec<Arc<Server>> {
        let mut servers = self.by_origin.lock().unwrap_or_else(PoisonError::into_inner);
        servers.extract_if(|_, server| Arc::strong_count(server) == 1).map(|(_, server)| server).collect()
    }

    /// True for the one thread that is to take care of them.
    pub(super) fn take_care(&self) -> bool {
        !self.has_caretaker.swap(true, Ordering::Relaxed)
    }
}
