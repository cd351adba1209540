//! What all data-plane threads share.

use std::{ops::Deref, sync::Arc, time::Instant};

use tollbar_core::{
    Clock, Directory, FailureThrottle,
    outcome::UnderWay,
    port::{AllowanceStore, IdempotencyStore, PolicyStore, PortFuture, RequestLog, StoreFailure},
};

use crate::{
    GatewaySettings, Metrics, RequestIds,
    inflight::Inflight,
    log_budget::ErrorBudget,
    memory_budget::MemoryBudget,
    per_address::ConnectionsByAddress,
    settings::{FORMS_SHARE, STORE_TIMEOUT},
    upstream::Servers,
};

/// What the data plane is made of.
pub struct Parts {
    /// The settings.
    pub settings: GatewaySettings,
    /// Policy in memory.
    pub directory: Arc<Directory>,
    /// The platform's time.
    pub clock: Arc<dyn Clock>,
    /// Durable policy.
    pub policy: Arc<dyn PolicyStore>,
    /// Durable leases.
    pub allowance: Arc<dyn AllowanceStore>,
    /// Durable idempotency records.
    pub idempotency: Arc<dyn IdempotencyStore>,
    /// The request log.
    pub requests: Arc<dyn RequestLog>,
    /// Ids.
    pub request_ids: RequestIds,
    /// Counts for the operator.
    pub metrics: Arc<Metrics>,
    /// TLS for clients; `None`: plain HTTP. Each connection takes what is in force when it begins.
    pub tls: Option<Arc<arc_swap::ArcSwap<rustls::ServerConfig>>>,
    /// TLS towards upstreams.
    pub upstream_tls: Arc<rustls::ClientConfig>,
}

/// Everything that is the same for all threads: the parts, and what the data plane adds.
pub struct Shared {
    parts: Parts,
    pub(crate) throttle: FailureThrottle,
    pub(crate) error_budget: ErrorBudget,
    pub(crate) inflight: Inflight,
    pub(crate) memory: Arc<MemoryBudget>,
    /// For what callers send before it is known who they are.
    pub(crate) form_memory: Arc<MemoryBudget>,
    pub(crate) by_address: Arc<ConnectionsByAddress>,
    /// When this began: limiters of all threads count their turns from here.
    pub(crate) epoch: Instant,
    pub(crate) servers: Servers,
    pub(crate) public_url: String,
}

impl Shared {
    /// Puts the parts together. `url` is the base URL that the gateway is bound to.
    pub fn new(parts: Parts, url: &str) -> Self {
        let public_url = parts.settings.public_url.as_deref().unwrap_or(url).trim_end_matches('/').to_owned();
        let throttle = FailureThrottle::new(parts.settings.failures_per_minute);
        let error_budget = ErrorBudget::new(parts.settings.log_anonymous_per_second);
        let servers = Servers::new(parts.upstream_tls.clone());
        let memory = MemoryBudget::new(parts.settings.buffer_memory_bytes);
        let form_memory = MemoryBudget::new(parts.settings.buffer_memory_bytes / FORMS_SHARE);
        let exempt = parts.settings.trusted_proxies.clone();
        let by_address = ConnectionsByAddress::new(parts.settings.connections_per_address_max, exempt);
        let (inflight, epoch) = (Inflight::default(), Instant::now());
        Self {
            parts,
            throttle,
            error_budget,
            inflight,
            memory,
            form_memory,
            by_address,
            epoch,
            servers,
            public_url,
        }
    }
}

impl Shared {
    /// Which keyed requests this process has under way, for operators.
    pub fn under_way(&self) -> Arc<dyn UnderWay> {
        Arc::new(self.inflight.clone())
    }

    /// Brings the gauges up to date that nobody counts as things happen.
    pub fn note_gauges(&self) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.buffer_memory.set(number(self.memory.used()));
        self.metrics.buffer_memory_high_water.set(number(self.memory.high_water()));
        self.metrics.addresses.set(number(self.by_address.addresses()));
    }
}

impl Deref for Shared {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// A store that hangs is a store that fails. What it was asked may still be carried out later; whoever asks must be
/// safe either way.
pub(crate) async fn bounded<T>(asked: PortFuture<'_, T>) -> Result<T, StoreFailure> {
    tokio::time::timeout(STORE_TIMEOUT, asked).await.unwrap_or_else(|_| {
        Err(StoreFailure::new(format!("the store did not answer within {} s", STORE_TIMEOUT.as_secs())))
    })
}
