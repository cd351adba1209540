//! TLS towards upstreams.

use std::{path::PathBuf, sync::Arc};

use anyhow::Result;
use arc_swap::ArcSwap;
use rustls::{
    ClientConfig, RootCertStore, SignatureScheme,
    client::ResolvesClientCert,
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};

use super::{
    contents::Contents,
    expiry::Expiries,
    identity::{Identity, authorities},
    provider,
    renewal::Renewable,
};
use crate::config::table::Upstream;

/// What connections to `https://` upstreams are made with.
pub(super) struct Upstreams {
    pub(super) config: Arc<ClientConfig>,
    pub(super) authorities_are_known: bool,
    /// The certificate that is shown to upstreams, if there is one, and the files that it came from.
    pub(super) shown: Option<(Contents, Shown)>,
}

/// The certificate that is shown to upstreams.
pub(super) struct Shown {
    in_force: Arc<InForce>,
    file: PathBuf,
    key_file: PathBuf,
}

#[derive(Debug)]
struct InForce(ArcSwap<CertifiedKey>);

impl Upstreams {
    pub(super) fn load(settings: &Upstream, expiries: &mut Expiries) -> Result<Self> {
        let roots = match &settings.ca_file {
            Some(file) => authorities(&Contents::read([file]), file)?,
            None => system_authorities(),
        };
        let authorities_are_known = !roots.is_empty();
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_root_certificates(roots);
        let (mut config, shown) = match (&settings.certificate_file, &settings.key_file) {
            (Some(file), Some(key_file)) => {
                let contents = Contents::read([file, key_file]);
                let identity = Identity::load(&contents, file, key_file)?;
                expiries.note(&identity);
                let in_force = Arc::new(InForce(ArcSwap::new(identity.key)));
                let shown =
                    Shown { in_force: in_force.clone(), file: file.clone(), key_file: key_file.clone() };
                (config.with_client_cert_resolver(in_force), Some((contents, shown)))
            }
            _ => (config.with_no_client_auth(), None),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), authorities_are_known, shown })
    }
}

impl Renewable for Shown {
    fn renew(&mut self, contents: &Contents, expiries: &mut Expiries) -> Result<()> {
        let identity = Identity::load(contents, &self.file, &self.key_file)?;
        expiries.note(&identity);
        self.in_force.0.store(identity.key);
        Ok(())
    }
}

impl ResolvesClientCert for InForce {
    fn resolve(&self, _hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let key = self.0.load_full();
        key.key.choose_scheme(schemes).is_some().then_some(key)
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A machine can be without any: that matters only where an upstream speaks TLS, and is said there.
fn system_authorities() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, left_out) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(added, left_out, faults = ?found.errors, "read the system's certificate authorities");
    roots
}
