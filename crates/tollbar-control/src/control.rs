//! What every route works on.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64},
};

use tokio::sync::Mutex;
use tollbar_core::{
    Client, Clock, Directory, Timestamp,
    outcome::{OutcomeStore, UnderWay},
    port::{AllowanceStore, PolicyStore, RequestLog, Upkeep},
    secret::Digest,
};

use crate::{fault::Fault, keeping::RequestKeeping};

const DAY_MILLIS: u64 = 86_400_000;
/// Batches of old requests that are taken away in one round, so that more go than can come.
const FORGOTTEN_BATCHES: usize = 20;

/// What the control plane is told by the binary.
pub struct ControlSettings {
    /// SHA-256 of the operator token; the token itself is not kept.
    pub operator_token: Digest,
    /// The beginning of every key.
    pub brand: String,
    /// Gateway, admin and ops listener as bound: an upstream that points at one of them is refused.
    pub own_addresses: Vec<SocketAddr>,
    /// Whether there is any authority against which the certificate of an `https://` upstream can be checked.
    pub authorities_are_known: bool,
    /// The base URL under which partners reach the gateway, for `status`.
    pub gateway_url: String,
    /// The version of this program.
    pub version: &'static str,
    /// When it was started.
    pub started_at: Timestamp,
}

/// How long what is issued can live: what an old secret is kept for.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    /// A token's life.
    pub token_seconds: u64,
    /// How long an answer is kept and replayed.
    pub answer_seconds: u64,
}

impl Default for Lifetimes {
    /// What no setting exceeds.
    fn default() -> Self {
        Self { token_seconds: 86_400, answer_seconds: 30 * 86_400 }
    }
}

/// Keyed requests: their records, and which of them are under way.
pub struct Keyed {
    /// What is durable of them.
    pub store: Arc<dyn OutcomeStore>,
    /// What the data plane of this process does with them.
    pub under_way: Arc<dyn UnderWay>,
}

/// The control plane: everything that the admin API reads and changes.
pub struct Control {
    pub(crate) directory: Arc<Directory>,
    pub(crate) policy: Arc<dyn PolicyStore>,
    pub(crate) allowance: Arc<dyn AllowanceStore>,
    pub(crate) requests: Arc<dyn RequestLog>,
    /// Makes backups, where there is a store to make them of.
    pub(crate) upkeep: Option<Arc<dyn Upkeep>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: ControlSettings,
    pub(crate) allowed_hosts: Vec<String>,
    /// Serialises every read-modify-write of policy, and holds the last change number that was used.
    pub(crate) last_change: Arc<Mutex<u64>>,
    /// One document at a time is read: parsing one takes many times its size in memory.
    pub(crate) importing: Mutex<()>,
    pub(crate) lifetimes: Lifetimes,
    keyed: Option<Keyed>,
    pub(crate) keeping: Option<RequestKeeping>,
    /// When an old pepper may have become needless, in milliseconds: looking costs a look at every key.
    pub(crate) next_pepper_look: AtomicU64,
}

impl Control {
    /// `last_change` is that of the [`tollbar_core::PolicyState`] that the directory was loaded from.
    pub fn new(
        directory: Arc<Directory>,
        policy: Arc<dyn PolicyStore>,
        allowance: Arc<dyn AllowanceStore>,
        requests: Arc<dyn RequestLog>,
        clock: Arc<dyn Clock>,
        settings: ControlSettings,
        last_change: u64,
    ) -> Self {
        Self {
            directory,
            policy,
            allowance,
            requests,
            upkeep: None,
            clock,
            settings,
            allowed_hosts: Vec::new(),
            last_change: Arc::new(Mutex::new(last_change)),
            importing: Mutex::new(()),
            lifetimes: Lifetimes::default(),
            keyed: None,
            keeping: None,
            next_pepper_look: AtomicU64::new(0),
        }
    }

    /// Host names, without port, that the admin API may be called by. IP addresses and `localhost` always may;
    /// any other name could be made to point here by the owner of a web page.
    #[must_use]
    pub fn allowing_hosts(mut self, hosts: Vec<String>) -> Self {
        self.allowed_hosts = hosts;
        self
    }

    /// With backups.
    #[must_use]
    pub fn with_upkeep(mut self, upkeep: Arc<dyn Upkeep>) -> Self {
        self.upkeep = Some(upkeep);
        self
    }

    /// For how long tokens and stored answers live here.
    #[must_use]
    pub fn with_lifetimes(mut self, lifetimes: Lifetimes) -> Self {
        self.lifetimes = lifetimes;
        self
    }

    /// With the keyed requests of a data plane.
    #[must_use]
    pub fn with_keyed(mut self, keyed: Keyed) -> Self {
        self.keyed = Some(keyed);
        self
    }

    pub(crate) fn keyed(&self) -> Result<&Keyed, Fault> {
        self.keyed
            .as_ref()
            .ok_or_else(|| Fault::not_found("this server has no data plane, and no keyed requests"))
    }

    /// How requests are kept here, for saying why one is not.
    #[must_use]
    pub fn with_request_keeping(mut self, keeping: RequestKeeping) -> Self {
        self.keeping = Some(keeping);
        self
    }

    /// Takes requests out of the log that are older than they are kept: batch by batch, so that what is to be written comes
    /// in between.
    pub async fn forget_old_requests(&self) {
        let Some(keeping) = &self.keeping else { return };
        let oldest_millis = self.now().as_millis().saturating_sub(keeping.days * DAY_MILLIS);
        for _ in 0..FORGOTTEN_BATCHES {
            match self.requests.forget_requests(Timestamp::from_millis(oldest_millis)).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(failure) => {
                    return tracing::debug!(%failure, "old requests are not taken out of the log yet");
                }
            }
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn find_client(&self, id_or_name: &str) -> Result<Arc<Client>, Fault> {
        self.directory.find_client_named(id_or_name).ok_or_else(|| {
            let clients = self.directory.clients();
            let names = clients.iter().filter(|c| !c.record.deleted).map(|c| c.record.name.as_str());
            Fault::unknown("client", id_or_name, names)
        })
    }

    /// The same, for changes: a deleted client stays as it is.
    pub(crate) fn find_existing_client(&self, id_or_name: &str) -> Result<Arc<Client>, Fault> {
        let client = self.find_client(id_or_name)?;
        if client.record.deleted {
            return Err(Fault::conflict(format!(
                "client {} ({}) is deleted, which is for ever; create a new client instead",
                client.record.id, client.record.name
            )));
        }
        Ok(client)
    }
}
