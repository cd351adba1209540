//! The facts of one request, gathered as the stages pass: for the answer's headers, the log and the metrics.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use http::Method;
use tollbar_contract::{Environment, RequestId};
use tollbar_core::{
    CallerAddress, Client, Location, Timestamp,
    admission::{Authenticated, Operation},
    allowance::AllowanceState,
    port::KeyedParts,
    window::RateState,
};

/// What is known of a request so far.
#[derive(Clone)]
pub(crate) struct Exchange {
    pub(crate) request_id: RequestId,
    pub(crate) at: Timestamp,
    pub(crate) began: Instant,
    pub(crate) method: Method,
    /// The path without query, as sent.
    pub(crate) path: String,
    pub(crate) caller: CallerAddress,
    /// It came by TLS.
    pub(crate) is_tls: bool,
    pub(crate) environment: Environment,
    /// `meta.version`.
    pub(crate) version: String,
    pub(crate) authenticated: Option<Authenticated>,
    pub(crate) client: Option<Arc<Client>>,
    pub(crate) operation: Option<Operation>,
    /// A route of our own.
    pub(crate) own_route: Option<&'static str>,
    /// The credential that such a route authenticated itself.
    pub(crate) own_credential: Option<String>,
    /// Whether `X-RateLimit-*` and `X-Allowance-*` stand on the answer: from stage 8 on.
    pub(crate) shows_meters: bool,
    /// The rate as it was when this request took from it.
    pub(crate) rate: Option<RateState>,
    /// The allowance as it was when this request was charged to it.
    pub(crate) allowance: Option<AllowanceState>,
    pub(crate) idempotency_key: Option<String>,
    pub(crate) keyed: Option<KeyedParts>,
    pub(crate) replay_of: Option<RequestId>,
    pub(crate) upstream_status: Option<u16>,
    pub(crate) upstream_millis: Option<u64>,
    /// What a new connection took, where one was made.
    pub(crate) upstream_connect_millis: Option<u64>,
    /// The address that was tried last.
    pub(crate) upstream_address: Option<SocketAddr>,
}

impl Exchange {
    pub(crate) fn new(
        request_id: RequestId,
        at: Timestamp,
        method: Method,
        path: &str,
        caller: CallerAddress,
        is_tls: bool,
    ) -> Self {
        Self {
            request_id,
            at,
            began: Instant::now(),
            method,
            path: path.to_owned(),
            caller,
            is_tls,
            environment: Environment::Live,
            version: "v1".to_owned(),
            authenticated: None,
            client: None,
            operation: None,
            own_route: None,
            own_credential: None,
            shows_meters: false,
            rate: None,
            allowance: None,
            idempotency_key: None,
            keyed: None,
            replay_of: None,
            upstream_status: None,
            upstream_millis: None,
            upstream_connect_millis: None,
            upstream_address: None,
        }
    }

    pub(crate) fn locate(&mut self, location: &Location<'_>) {
        self.environment = location.environment;
        location.version().clone_into(&mut self.version);
    }

    /// The category, for metrics; empty where no endpoint was found.
    pub(crate) fn category(&self) -> &str {
        match &self.operation {
            Some(operation) => &operation.endpoint().category,
            None => self.own_route.unwrap_or_default(),
        }
    }
}
