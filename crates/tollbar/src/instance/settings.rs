//! From the configuration to what the data plane is told.

use std::time::Duration;

use tollbar_gateway::{GatewaySettings, IdempotencySettings, UpstreamCredential, UpstreamSettings};

use crate::config::Config;

/// The data plane's settings; its own addresses are known only when everything is bound.
pub(super) fn gateway(config: &Config) -> GatewaySettings {
    let Config { gateway, upstream, idempotency, .. } = config;
    GatewaySettings {
        listen: gateway.listen,
        public_url: gateway.public_url.clone(),
        threads: config.gateway_threads(),
        connections_max: gateway.connections_max,
        connections_per_address_max: gateway.connections_per_address_max,
        buffer_memory_bytes: gateway.buffer_memory_bytes,
        checked_body_limit_bytes: gateway.checked_body_limit_bytes,
        trusted_proxies: gateway.trusted_proxies.clone(),
        http2_prior_knowledge: gateway.http2_prior_knowledge,
        http2_streams_max: gateway.http2_streams_max,
        upgrades: gateway.upgrades.clone(),
        forwarding_header: gateway.forwarding_header.into(),
        proxy_protocol: gateway.proxy_protocol,
        head_timeout: Duration::from_secs(gateway.head_timeout_seconds),
        idle_timeout: Duration::from_secs(gateway.idle_timeout_seconds),
        body_timeout: Duration::from_secs(gateway.body_timeout_seconds),
        write_timeout: Duration::from_secs(gateway.write_timeout_seconds),
        drain: Duration::from_secs(gateway.drain_seconds),
        token_lifetime_seconds: config.tokens.lifetime_seconds,
        failures_per_minute: config.authentication.failures_per_minute,
        upstream: UpstreamSettings {
            connect_timeout: Duration::from_secs(upstream.connect_timeout_seconds),
            response_timeout: Duration::from_secs(upstream.response_timeout_seconds),
            idle_timeout: Duration::from_secs(upstream.idle_timeout_seconds),
            keep_idle: Duration::from_secs(upstream.keep_idle_seconds),
            idle_connections_max: upstream.idle_connections_max,
            concurrency_max: upstream.concurrency_max,
            resolve_every: Duration::from_secs(upstream.resolve_seconds),
            eject_after_failures: upstream.eject_after_failures,
            eject_on_unavailable: upstream.eject_on_unavailable,
            health_path: upstream.health_path.clone(),
            health_every: Duration::from_secs(upstream.health_seconds),
            health_timeout: Duration::from_secs(upstream.health_timeout_seconds),
        },
        idempotency: IdempotencySettings {
            keep_seconds: idempotency.keep_seconds,
            wait: Duration::from_secs(idempotency.wait_seconds),
            body_limit_bytes: idempotency.body_limit_bytes,
            answer_limit_bytes: idempotency.answer_limit_bytes,
        },
        upstream_credentials: config
            .upstream_credentials
            .iter()
            .map(|credential| UpstreamCredential {
                base: credential.base.clone(),
                environment: credential.environment,
                name: credential.header.clone(),
                value: credential.value.clone(),
            })
            .collect(),
        log_successes_per_second: config.requests.successes_per_second,
        log_anonymous_per_second: config.requests.anonymous_per_second,
        own_addresses: Vec::new(),
    }
}
