//! Certificates made for each test, and handshakes in memory.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SignatureAlgorithm, date_time_ymd,
};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
};
use tempfile::TempDir;

use super::{contents::Contents, expiry::Expiries, provider, server::Server};
use crate::config::table::{self, Config};

mod faults;
mod handshakes;
mod renewals;

/// A folder of certificates from one authority.
pub(super) struct Folder {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

/// What came of a handshake.
#[derive(Debug)]
struct Shaken {
    certificate: Vec<u8>,
    protocol: Option<Vec<u8>>,
    version: rustls::ProtocolVersion,
    is_resumed: bool,
}

impl Folder {
    pub(super) fn make() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), authority: authority() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// `NAME.pem` and `NAME.key` for these names.
    pub(super) fn certificate(&self, name: &str, hosts: &[&str]) -> Vec<u8> {
        self.certificate_of(name, hosts, &rcgen::PKCS_ECDSA_P256_SHA256)
    }

    fn certificate_of(&self, name: &str, hosts: &[&str], kind: &'static SignatureAlgorithm) -> Vec<u8> {
        let (params, key) = (parameters(hosts), KeyPair::generate_for(kind).unwrap());
        let certificate = params.signed_by(&key, &self.authority).unwrap();
        self.write(&format!("{name}.pem"), certificate.pem() + &self.authority.pem());
        self.write(&format!("{name}.key"), key.serialize_pem());
        certificate.der().to_vec()
    }

    /// Settings for these certificates.
    pub(super) fn settings(&self, names: &[&str]) -> table::Tls {
        table::Tls {
            certificate_files: names.iter().map(|name| self.path(&format!("{name}.pem"))).collect(),
            key_files: names.iter().map(|name| self.path(&format!("{name}.key"))).collect(),
            ..table::Tls::default()
        }
    }

    /// A client that trusts this authority, with a certificate of another or none.
    fn client(&self, shows: Option<&Self>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let Some(issuer) = shows else { return builder.with_no_client_auth() };
        let key = KeyPair::generate().unwrap();
        let mut params = parameters(&["partner"]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &issuer.authority).unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        builder.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn parameters(hosts: &[&str]) -> CertificateParams {
    CertificateParams::new(hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>()).unwrap()
}

pub(super) fn load(settings: &table::Tls) -> anyhow::Result<Server> {
    Server::load(settings, true, &Contents::read(Server::files(settings)), &mut Expiries::default())
}

fn shake(server: Arc<ServerConfig>, client: &Arc<ClientConfig>, name: &str) -> Result<Shaken, rustls::Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(client.clone(), name).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    // The last turn carries the tickets.
    for _ in 0..6 {
        let mut up = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut up).unwrap();
        }
        let mut up = up.as_slice();
        while !up.is_empty() {
            server.read_tls(&mut up).unwrap();
            server.process_new_packets()?;
        }
        let mut down = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut down).unwrap();
        }
        let mut down = down.as_slice();
        while !down.is_empty() {
            client.read_tls(&mut down).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(Shaken {
        certificate: client.peer_certificates().unwrap()[0].to_vec(),
        protocol: client.alpn_protocol().map(<[u8]>::to_vec),
        version: client.protocol_version().unwrap(),
        is_resumed: server.handshake_kind() == Some(HandshakeKind::Resumed),
    })
}
