//! Which certificate a client gets.

use std::sync::Arc;

use rustls::{
    SignatureScheme,
    pki_types::ServerName,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use webpki::EndEntityCert;

use super::identity::Identity;

/// Certificates in the order of the configuration.
#[derive(Debug)]
pub(super) struct ByName(pub(super) Vec<Identity>);

impl ByName {
    /// The first that has the name and a key of a kind that the client takes; else the first that has the name; else,
    /// and without a name, the same of all.
    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let name = name.and_then(|name| ServerName::try_from(name).ok());
        let named: Vec<&Identity> =
            self.0.iter().filter(|identity| has_name(identity, name.as_ref())).collect();
        let among = if named.is_empty() { self.0.iter().collect() } else { named };
        let fitting = among.iter().find(|identity| identity.key.key.choose_scheme(schemes).is_some());
        fitting.or(among.first()).map(|identity| identity.key.clone())
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name(), hello.signature_schemes())
    }
}

fn has_name(identity: &Identity, name: Option<&ServerName<'_>>) -> bool {
    let (Some(name), Some(certificate)) = (name, identity.key.cert.first()) else { return false };
    EndEntityCert::try_from(certificate)
        .is_ok_and(|certificate| certificate.verify_is_valid_for_subject_name(name).is_ok())
}
