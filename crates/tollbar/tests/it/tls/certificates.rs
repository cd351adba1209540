//! Certificates made for a test, in files.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use tempfile::TempDir;

use crate::support::{Platform, PlatformBuilder};

/// An authority, and a folder for what it issues: `NAME.pem`, `NAME.key`, and `ca.pem`.
pub(crate) struct Authority {
    pub(crate) issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Clients on OpenSSL want them: another name than the certificate's, and what strict ones check.
        params.distinguished_name.push(DnType::CommonName, "The test's authority");
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { issuer, folder: TempDir::with_prefix("tollbar-certificates-").unwrap() };
        authority.write("ca.pem", authority.issuer.pem().as_bytes());
        authority
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file in the place of another, as those who manage certificates do.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        std::fs::write(self.path("part"), content).unwrap();
        std::fs::rename(self.path("part"), self.path(name)).unwrap();
        self.path(name)
    }

    /// A certificate for these names until the end of this year, and its key; gives it back as DER.
    pub(crate) fn issue_until(&self, name: &str, hosts: &[&str], year: i32) -> Vec<u8> {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let (mut params, key) = (CertificateParams::new(hosts).unwrap(), KeyPair::generate().unwrap());
        params.not_after = date_time_ymd(year, 12, 31);
        params.use_authority_key_identifier_extension = true;
        // Not the issuer's: OpenSSL would take it for its own issuer.
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.write(&format!("{name}.key"), key.serialize_pem().as_bytes());
        self.write(&format!("{name}.pem"), certificate.pem().as_bytes());
        certificate.der().to_vec()
    }

    /// A certificate for these names, and its key; gives it back as DER.
    pub(crate) fn issue(&self, name: &str, hosts: &[&str]) -> Vec<u8> {
        self.issue_until(name, hosts, 4000)
    }

    /// A platform with these certificates.
    pub(crate) fn serving(&self, names: &[&str]) -> PlatformBuilder {
        let list = |ending: &str| {
            let files = names.iter().map(|name| self.path(&format!("{name}.{ending}")));
            files.map(|file| text(&file)).collect::<Vec<_>>().join(",")
        };
        Platform::with().set("tls.certificate_files", &list("pem")).set("tls.key_files", &list("key"))
    }
}

/// A path as text.
pub(crate) fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
