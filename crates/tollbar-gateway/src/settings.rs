//! What the data plane can be told. Every limit has a name; the defaults stand in the binary's configuration.

use std::{net::SocketAddr, time::Duration};

use http::{HeaderName, HeaderValue};
use ipnet::IpNet;
use tollbar_contract::Environment;
use tollbar_core::ForwardingHeader;
use tollbar_openapi::BodyNeed;

/// The data plane's settings.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The base URL that partners use, for issuers and links; `None`: `http://` and the bound address.
    pub public_url: Option<String>,
    /// Data-plane threads, each with its own runtime, listener and upstream connections.
    pub threads: usize,
    /// Connections at once, in all. Beyond them new ones wait in the system's queue.
    pub connections_max: usize,
    /// Connections at once from one address; trusted proxies are exempt.
    pub connections_per_address_max: u32,
    /// Bytes of bodies held in memory at once, by all threads together.
    pub buffer_memory_bytes: usize,
    /// The largest body that is held against an API's document.
    pub checked_body_limit_bytes: usize,
    /// Peers that are believed when they say for whom they ask.
    pub trusted_proxies: Vec<IpNet>,
    /// HTTP/2 on a connection that begins with its preface, without TLS.
    pub http2_prior_knowledge: bool,
    /// Requests at once on one HTTP/2 connection.
    pub http2_streams_max: u32,
    /// Protocols that a client may go on with by `Upgrade`, once the upstream agrees; in lower case.
    pub upgrades: Vec<String>,
    /// The header in which they say it.
    pub forwarding_header: ForwardingHeader,
    /// Whether their connections begin with a PROXY protocol header.
    pub proxy_protocol: bool,
    /// From the first byte of a head to its last.
    pub head_timeout: Duration,
    /// Between requests on a connection.
    pub idle_timeout: Duration,
    /// Between two pieces of a request body.
    pub body_timeout: Duration,
    /// For one write to the client.
    pub write_timeout: Duration,
    /// How long a drain waits for requests under way.
    pub drain: Duration,
    /// Life of a token.
    pub token_lifetime_seconds: u64,
    /// Failed authentications a minute and address that get their own answer.
    pub failures_per_minute: u32,
    /// Upstream connections.
    pub upstream: UpstreamSettings,
    /// Idempotency.
    pub idempotency: IdempotencySettings,
    /// Credentials that are put into requests to upstreams.
    pub upstream_credentials: Vec<UpstreamCredential>,
    /// Successful requests logged a second.
    pub log_successes_per_second: u32,
    /// Refusals of callers that were not identified, logged a second.
    pub log_anonymous_per_second: u32,
    /// Addresses of the platform's other listeners: no upstream may be one of them.
    pub own_addresses: Vec<SocketAddr>,
}

impl GatewaySettings {
    /// The largest body of a request with an idempotency key: that of one that is checked as well has both limits.
    pub(crate) fn keyed_body_limit_bytes(&self, need: BodyNeed) -> usize {
        let limit = self.idempotency.body_limit_bytes;
        if need == BodyNeed::Whole { limit.min(self.checked_body_limit_bytes) } else { limit }
    }
}

/// Upstream connections.
#[derive(Clone, Debug)]
pub struct UpstreamSettings {
    /// To open a connection.
    pub connect_timeout: Duration,
    /// From the request's last byte to the response's head.
    pub response_timeout: Duration,
    /// Between two pieces of a response body.
    pub idle_timeout: Duration,
    /// How long an idle connection is kept; below the upstream's own time-out.
    pub keep_idle: Duration,
    /// Requests under way at once, per thread and upstream: where the limiter starts, and never more.
    pub concurrency_max: usize,
    /// Idle connections kept, per thread and address of an upstream.
    pub idle_connections_max: usize,
    /// How often a host name is resolved again.
    pub resolve_every: Duration,
    /// Exchanges that fail in a row before their address is ejected; a connection that cannot be made ejects at once.
    pub eject_after_failures: u32,
    /// Whether answers 502, 503 and 504 count as failures of the address that gave them.
    pub eject_on_unavailable: bool,
    /// What is asked of each address to see whether it is well; `None`: nothing.
    pub health_path: Option<String>,
    /// How often.
    pub health_every: Duration,
    /// How long the answer may take.
    pub health_timeout: Duration,
}

/// Idempotency.
#[derive(Clone, Copy, Debug)]
pub struct IdempotencySettings {
    /// How long a record is kept from the end of its execution.
    pub keep_seconds: u64,
    /// How long a repeat waits for the first.
    pub wait: Duration,
    /// The largest body of a keyed request.
    pub body_limit_bytes: usize,
    /// The largest answer that is kept.
    pub answer_limit_bytes: usize,
}

/// A credential for an upstream. Its value is in no debug output.
#[derive(Clone)]
pub struct UpstreamCredential {
    /// The API's base.
    pub base: String,
    /// In which environment; `None`: both.
    pub environment: Option<Environment>,
    /// The header field.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderValue,
}

impl std::fmt::Debug for UpstreamCredential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UpstreamCredential({} {})", self.base, self.name)
    }
}

/// Bodies up to this are read whole, and their framing checked, before anything is sent.
pub(crate) const BODY_PREFIX_BYTES: usize = 64 * 1024;
/// Forms of the token endpoint.
pub(crate) const FORM_LIMIT_BYTES: usize = 64 * 1024;
/// Forms come before any credential is known: they have so large a part of the memory for bodies, and no more.
pub(crate) const FORMS_SHARE: usize = 8;
/// How much of an upstream's error is read for its message.
pub(crate) const ERROR_BODY_BYTES: usize = 64 * 1024;
/// After a refusal, how much unread body is read away before the connection is closed...
pub(crate) const LINGER_BYTES: usize = 256 * 1024;
/// ...and for how long.
pub(crate) const LINGER: Duration = Duration::from_secs(2);
/// Verified tokens remembered per thread.
pub(crate) const TOKEN_CACHE_MAX: usize = 16_384;
/// How long the store may take to make something durable.
pub(crate) const STORE_TIMEOUT: Duration = Duration::from_secs(5);
/// At a stop, a connection without any request yet is kept for this long.
pub(crate) const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(250);
/// ...and an idle one for this long.
pub(crate) const NEXT_REQUEST_GRACE: Duration = Duration::from_millis(50);
