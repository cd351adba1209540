//! TLS: certificates and keys from files, which of them a client gets, and how they are replaced while it runs.
//!
//! What carries the bytes is the data plane's; here is what it is told: a `ServerConfig` that is swapped whole, so that
//! each connection has what was in force when it began, and a `ClientConfig` for upstreams.

mod by_name;
mod contents;
mod expiry;
mod identity;
mod meters;
mod renewal;
mod server;
mod upstream;

use std::{path::PathBuf, sync::Arc};

use anyhow::Result;
use arc_swap::ArcSwap;
use rustls::{ClientConfig, ServerConfig, crypto::CryptoProvider};
use tollbar_core::Clock;

use crate::{
    clock::{AnchoredClock, Machine},
    config::Config,
};
use contents::Contents;
use expiry::Expiries;
pub(crate) use renewal::Renewal;
use renewal::Watched;
use server::Server;
use upstream::Upstreams;

/// TLS on both sides of the gateway, as configured.
pub(crate) struct Tls {
    /// Towards clients; `None`: plain HTTP.
    pub(crate) gateway: Option<Arc<ArcSwap<ServerConfig>>>,
    /// Towards upstreams.
    pub(crate) upstream: Arc<ClientConfig>,
    /// Whether the certificate of an upstream can be checked against anything.
    pub(crate) authorities_are_known: bool,
    /// Takes changed files.
    pub(crate) renewal: Renewal,
}

impl Tls {
    /// Reads all files. What is allowed, and probably not meant, is logged.
    pub(crate) fn load(config: &Config, clock: Arc<dyn Clock>) -> Result<Self> {
        let (server, upstreams, mut expiries) = read(config)?;
        let warnings = expiries.warnings(clock.now());
        for warning in server.iter().flat_map(|(_, server)| &server.warnings).chain(&warnings) {
            tracing::warn!("{warning}");
        }
        let mut watched = Vec::new();
        let gateway = server.map(|(contents, server)| {
            let in_force = server.in_force.clone();
            watched.push(Watched::new(&contents, server));
            in_force
        });
        let (upstream, authorities_are_known) = (upstreams.config.clone(), upstreams.authorities_are_known);
        if let Some((contents, shown)) = upstreams.shown {
            watched.push(Watched::new(&contents, shown));
        }
        let renewal = Renewal::start(watched, expiries, config.tls.reload_seconds, clock)?;
        Ok(Self { gateway, upstream, authorities_are_known, renewal })
    }

    /// `https` or `http`: what partners speak to the gateway.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.gateway.is_some() { "https" } else { "http" }
    }
}

/// Reads all files as a start would; gives back what is allowed, and probably not meant.
pub(crate) fn check(config: &Config) -> Result<Vec<String>> {
    Ok(examine(config)?.0)
}

/// Certificates, and when each ends, in seconds since 1970.
pub(crate) type Ends = Vec<(PathBuf, u64)>;

/// The same, and when each certificate ends, in seconds since 1970.
pub(crate) fn examine(config: &Config) -> Result<(Vec<String>, Ends)> {
    let (server, _, mut expiries) = read(config)?;
    let mut warnings = server.map(|(_, server)| server.warnings).unwrap_or_default();
    warnings.extend(expiries.warnings(AnchoredClock::start(Machine).now()));
    Ok((warnings, expiries.ends().map(|(file, end)| (file.clone(), end)).collect()))
}

type Read = (Option<(Contents, Server)>, Upstreams, Expiries);

fn read(config: &Config) -> Result<Read> {
    let mut expiries = Expiries::default();
    let server = if config.tls.certificate_files.is_empty() {
        None
    } else {
        let contents = Contents::read(Server::files(&config.tls));
        let server = Server::load(&config.tls, config.gateway.http2, &contents, &mut expiries)?;
        Some((contents, server))
    };
    let upstreams = Upstreams::load(&config.upstream, &mut expiries)?;
    Ok((server, upstreams, expiries))
}

/// The one source of cryptography.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

#[cfg(test)]
mod tests;
