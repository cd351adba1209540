//! What all data-plane threads share.

use std::sync::Arc;

use tollbar_core::{
    Clock, Directory, FailureThrottle,
    port::{AllowanceStore, IdempotencyStore, PolicyStore, PortFuture, RequestLog, StoreFailure},
};

use crate::{GatewaySettings, Metrics, RequestIds, inflight::Inflight, settings::STORE_TIMEOUT};

/// Everything that is the same for all threads.
pub struct Shared {
    /// The settings.
    pub settings: GatewaySettings,
    /// Policy in memory.
    pub directory: Arc<Directory>,
    /// The platform's time.
    pub clock: Arc<dyn Clock>,
    /// For health checks, and for tokens that clients revoke themselves.
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
    pub(crate) throttle: FailureThrottle,
    pub(crate) inflight: Inflight,
    pub(crate) public_url: String,
}

/// A store that hangs is a store that fails. What it was asked may still be carried out later; whoever asks must be
/// safe either way.
pub(crate) async fn bounded<T>(asked: PortFuture<'_, T>) -> Result<T, StoreFailure> {
    tokio::time::timeout(STORE_TIMEOUT, asked).await.unwrap_or_else(|_| {
        Err(StoreFailure(format!("the store did not answer within {} s", STORE_TIMEOUT.as_secs())))
    })
}

/// The parts that [`Shared`] is made of.
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
}

impl Shared {
    /// Puts the parts together. `url` is the base URL that the gateway is bound to.
    pub fn new(parts: Parts, url: &str) -> Self {
        let Parts {
            settings,
            directory,
            clock,
            policy,
            allowance,
            idempotency,
            requests,
            request_ids,
            metrics,
        } = parts;
        let public_url = settings.public_url.clone().unwrap_or_else(|| url.to_owned());
        Self {
            throttle: FailureThrottle::new(settings.failures_per_minute),
            inflight: Inflight::default(),
            public_url: public_url.trim_end_matches('/').to_owned(),
            settings,
            directory,
            clock,
            policy,
            allowance,
            idempotency,
            requests,
            request_ids,
            metrics,
        }
    }
}
