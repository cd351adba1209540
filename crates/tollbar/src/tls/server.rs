//! TLS towards clients.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::Ticketer,
    server::{
        ProducesTickets, ServerSessionMemoryCache, StoresServerSessions, WebPkiClientVerifier,
        danger::ClientCertVerifier,
    },
    version::{TLS12, TLS13},
};
use tollbar_core::secret::{Digest, sha256};

use super::{
    by_name::ByName,
    contents::Contents,
    expiry::Expiries,
    identity::{Identity, authorities, key_warning},
    provider,
    renewal::Renewable,
};
use crate::config::{
    table::Tls,
    value::{ClientCertificates, TlsVersion},
};

/// Sessions of TLS 1.2 clients that take no tickets, kept for resumption.
const SESSIONS_MAX: usize = 4096;

/// The gateway's certificates, and what is in force.
pub(super) struct Server {
    pub(super) in_force: Arc<ArcSwap<ServerConfig>>,
    pub(super) warnings: Vec<String>,
    settings: Tls,
    http2: bool,
    sessions: Sessions,
}

/// What lets a client resume. Whoever resumes is not asked for a certificate again, so it lives as long as the
/// authorities do; a new certificate of ours does not end it.
struct Sessions {
    of: Digest,
    tickets: Arc<dyn ProducesTickets>,
    kept: Arc<dyn StoresServerSessions>,
}

impl Server {
    /// All files that it is made of.
    pub(super) fn files(settings: &Tls) -> impl Iterator<Item = &PathBuf> {
        settings.certificate_files.iter().chain(&settings.key_files).chain(&settings.client_ca_file)
    }

    pub(super) fn load(
        settings: &Tls,
        http2: bool,
        contents: &Contents,
        expiries: &mut Expiries,
    ) -> Result<Self> {
        let sessions = Sessions::begin(settings, contents)?;
        let (config, identities) = build(settings, http2, contents, &sessions)?;
        identities.iter().for_each(|identity| expiries.note(identity));
        Ok(Self {
            in_force: Arc::new(ArcSwap::from_pointee(config)),
            warnings: settings.key_files.iter().filter_map(|file| key_warning(file)).collect(),
            settings: settings.clone(),
            http2,
            sessions,
        })
    }
}

impl Renewable for Server {
    fn renew(&mut self, contents: &Contents, expiries: &mut Expiries) -> Result<()> {
        let changed = authority_digest(&self.settings, contents) != self.sessions.of;
        let begun = if changed { Some(Sessions::begin(&self.settings, contents)?) } else { None };
        let sessions = begun.as_ref().unwrap_or(&self.sessions);
        let (config, identities) = build(&self.settings, self.http2, contents, sessions)?;
        self.in_force.store(Arc::new(config));
        identities.iter().for_each(|identity| expiries.note(identity));
        if let Some(begun) = begun {
            self.sessions = begun;
        }
        Ok(())
    }
}

impl Sessions {
    fn begin(settings: &Tls, contents: &Contents) -> Result<Self> {
        Ok(Self {
            of: authority_digest(settings, contents),
            tickets: Ticketer::new().context("no key for session tickets can be made")?,
            kept: ServerSessionMemoryCache::new(SESSIONS_MAX),
        })
    }
}

fn authority_digest(settings: &Tls, contents: &Contents) -> Digest {
    let authorities = settings.client_ca_file.as_deref().and_then(|file| contents.of(file).ok());
    sha256(&[authorities.unwrap_or_default()])
}

fn build(
    settings: &Tls,
    http2: bool,
    contents: &Contents,
    sessions: &Sessions,
) -> Result<(ServerConfig, Vec<Identity>)> {
    let identities = settings
        .certificate_files
        .iter()
        .zip(&settings.key_files)
        .map(|(certificate, key)| Identity::load(contents, certificate, key))
        .collect::<Result<Vec<_>>>()?;
    let versions = match settings.min_version {
        TlsVersion::V12 => &[&TLS13, &TLS12][..],
        TlsVersion::V13 => &[&TLS13][..],
    };
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions)?
        .with_client_cert_verifier(verifier(settings, contents)?)
        .with_cert_resolver(Arc::new(ByName(identities.clone())));
    config.alpn_protocols =
        if http2 { vec![b"h2".to_vec(), b"http/1.1".to_vec()] } else { vec![b"http/1.1".to_vec()] };
    config.ticketer = sessions.tickets.clone();
    config.session_storage = sessions.kept.clone();
    // A request in early data could be replayed by whoever saw it.
    config.max_early_data_size = 0;
    Ok((config, identities))
}

fn verifier(settings: &Tls, contents: &Contents) -> Result<Arc<dyn ClientCertVerifier>> {
    let (Some(file), false) =
        (&settings.client_ca_file, settings.client_certificates == ClientCertificates::Off)
    else {
        return Ok(WebPkiClientVerifier::no_client_auth());
    };
    let roots = Arc::new(authorities(contents, file)?);
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
    let verifier = match settings.client_certificates {
        ClientCertificates::Required => verifier,
        ClientCertificates::Optional | ClientCertificates::Off => verifier.allow_unauthenticated(),
    };
    verifier.build().with_context(|| format!("{}: it cannot be used", file.display()))
}
