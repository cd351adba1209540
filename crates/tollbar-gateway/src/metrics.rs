//! What is counted for the operator.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicI64, AtomicU64},
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// The data plane's metrics. Labels come from closed sets and the catalogue, never from callers.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter<u64, AtomicU64>>,
    /// Open client connections.
    pub connections: Gauge<i64, AtomicI64>,
    /// Upstream connections opened.
    pub upstream_connects: Counter<u64, AtomicU64>,
    /// Exchanges with upstreams that failed: not reached, timed out, broken off.
    pub upstream_failures: Counter<u64, AtomicU64>,
    response_differences: Family<DifferenceLabels, Counter<u64, AtomicU64>>,
    upstream_addresses: Family<AddressLabels, Gauge<i64, AtomicI64>>,
    upstream_ejections: Family<AddressLabels, Counter<u64, AtomicU64>>,
    /// Errors that the request log's budgets left out.
    pub log_left_out: Counter<u64, AtomicU64>,
    /// The same of successes.
    pub log_successes_left_out: Counter<u64, AtomicU64>,
    /// Bytes of bodies in memory.
    pub buffer_memory: Gauge<i64, AtomicI64>,
    /// The most that there ever were at a time.
    pub buffer_memory_high_water: Gauge<i64, AtomicI64>,
    /// Addresses with open connections.
    pub addresses: Gauge<i64, AtomicI64>,
    /// Requests refused because there was too much to do.
    pub overloads: Counter<u64, AtomicU64>,
    /// Connections refused because their address had enough.
    pub address_refusals: Counter<u64, AtomicU64>,
    /// TLS handshakes that failed.
    pub tls_failures: Counter<u64, AtomicU64>,
    /// HTTP/2 connections that were begun.
    pub http2_connections: Counter<u64, AtomicU64>,
    /// HTTP/2 streams that their client reset before the answer was complete.
    pub http2_resets: Counter<u64, AtomicU64>,
    /// HTTP/2 connections that were ended because of floods.
    pub http2_abuses: Counter<u64, AtomicU64>,
    /// Panics that were caught.
    pub panics: Counter<u64, AtomicU64>,
    /// Request log entries that did not fit.
    pub log_dropped: Gauge<i64, AtomicI64>,
    /// Damage of the usage journal.
    pub journal_damage: Gauge<i64, AtomicI64>,
    /// By how many milliseconds the wall clock has stepped away from the platform's time.
    pub clock_step_millis: Gauge<i64, AtomicI64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    code: &'static str,
    category: String,
    environment: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DifferenceLabels {
    category: String,
    environment: &'static str,
}

/// An address of an upstream: named by the operator, or found by a name that the operator gave.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AddressLabels {
    upstream: String,
    address: String,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("tollbar");
        let requests = Family::default();
        let (connections, upstream_connects, panics) =
            (Gauge::default(), Counter::default(), Counter::default());
        let (upstream_failures, log_left_out) = (Counter::default(), Counter::default());
        let (upstream_addresses, upstream_ejections) = (Family::default(), Family::default());
        let response_differences = Family::default();
        registry.register(
            "response_differences",
            "Answers of observed upstreams that differ from their document, by endpoint category and environment",
            Clone::clone(&response_differences),
        );
        let [buffer_memory, buffer_memory_high_water, addresses]: [Gauge<i64, AtomicI64>; 3] =
            Default::default();
        for (name, help, gauge) in [
            ("buffer_memory_bytes", "Bytes of request bodies and answers in memory", &buffer_memory),
            (
                "buffer_memory_high_water_bytes",
                "The most bytes of bodies that were ever in memory at a time",
                &buffer_memory_high_water,
            ),
            ("connected_addresses", "Addresses with open connections", &addresses),
        ] {
            registry.register(name, help, gauge.clone());
        }
        let [overloads, address_refusals, tls_failures, http2_connections, http2_resets, http2_abuses]: [Counter<u64, AtomicU64>; 6] =
            Default::default();
        let (log_dropped, journal_damage, clock_step_millis) =
            (Gauge::default(), Gauge::default(), Gauge::default());
        registry.register(
            "requests",
            "Requests answered, by error code (or ok), endpoint category and environment",
            Clone::clone(&requests),
        );
        registry.register("connections", "Open client connections", Clone::clone(&connections));
        registry.register(
            "upstream_connects",
            "Connections opened to upstreams",
            Clone::clone(&upstream_connects),
        );
        registry.register(
            "upstream_failures",
            "Exchanges with upstreams that failed: not reached, timed out, broken off",
            Clone::clone(&upstream_failures),
        );
        registry.register(
            "upstream_address_healthy",
            "Whether an address of an upstream is used (1) or ejected (0)",
            Clone::clone(&upstream_addresses),
        );
        registry.register(
            "upstream_ejections",
            "How often an address of an upstream was ejected",
            Clone::clone(&upstream_ejections),
        );
        registry.register(
            "request_log_left_out",
            "Errors that the request log's budgets left out",
            Clone::clone(&log_left_out),
        );
        let log_successes_left_out = Counter::default();
        registry.register(
            "request_log_successes_left_out",
            "Successes that the request log's budget left out",
            Clone::clone(&log_successes_left_out),
        );
        for (name, help, counter) in [
            ("overload_refusals", "Requests refused because there was too much to do", &overloads),
            (
                "connections_refused",
                "Connections refused because their address had as many as it may",
                &address_refusals,
            ),
            ("tls_handshake_failures", "TLS handshakes of clients that failed", &tls_failures),
            ("http2_connections", "HTTP/2 connections that were begun", &http2_connections),
            ("http2_resets", "Streams that their client reset before its answer was complete", &http2_resets),
            ("http2_abuses", "HTTP/2 connections that were ended because of floods", &http2_abuses),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register("panics", "Panics that were caught and answered", Clone::clone(&panics));
        registry.register(
            "request_log_dropped",
            "Request log entries that were dropped",
            Clone::clone(&log_dropped),
        );
        registry.register(
            "usage_journal_damage",
            "Records of the usage journal that cannot be read, and files of it that were cut, changed or taken away; act when not 0",
            Clone::clone(&journal_damage),
        );
        registry.register(
            "clock_step_milliseconds",
            "How far the wall clock has stepped away from the platform's time; act when not near 0",
            Clone::clone(&clock_step_millis),
        );
        Self {
            registry,
            requests,
            connections,
            upstream_connects,
            upstream_failures,
            response_differences,
            upstream_addresses,
            upstream_ejections,
            log_left_out,
            log_successes_left_out,
            buffer_memory,
            buffer_memory_high_water,
            addresses,
            overloads,
            address_refusals,
            tls_failures,
            http2_connections,
            http2_resets,
            http2_abuses,
            panics,
            log_dropped,
            journal_damage,
            clock_step_millis,
        }
    }
}

impl Metrics {
    pub(crate) fn count_request(&self, code: &'static str, category: &str, environment: &'static str) {
        let labels = RequestLabels { code, category: category.to_owned(), environment };
        self.requests.get_or_create(&labels).inc();
    }

    pub(crate) fn count_difference(&self, category: &str, environment: &'static str) {
        let labels = DifferenceLabels { category: category.to_owned(), environment };
        self.response_differences.get_or_create(&labels).inc();
    }

    pub(crate) fn show_address(&self, upstream: &str, address: SocketAddr, is_healthy: bool) {
        self.upstream_addresses.get_or_create(&AddressLabels::new(upstream, address)).set(is_healthy.into());
    }

    pub(crate) fn count_ejection(&self, upstream: &str, address: SocketAddr) {
        self.upstream_ejections.get_or_create(&AddressLabels::new(upstream, address)).inc();
    }

    /// What is no longer an address of an upstream is not shown any more.
    pub(crate) fn forget_address(&self, upstream: &str, address: SocketAddr) {
        let labels = AddressLabels::new(upstream, address);
        self.upstream_addresses.remove(&labels);
        self.upstream_ejections.remove(&labels);
    }

    /// The OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl AddressLabels {
    fn new(upstream: &str, address: SocketAddr) -> Self {
        Self { upstream: upstream.to_owned(), address: address.to_string() }
    }
}
