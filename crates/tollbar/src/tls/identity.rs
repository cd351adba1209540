//! A certificate with its chain and its key, and authorities.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Result, anyhow, bail};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    sign::CertifiedKey,
};
use webpki::{EndEntityCert, KeyUsage};

use super::{contents::Contents, provider};

/// A certificate and its key.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    /// Where the certificate stands.
    pub(super) file: PathBuf,
    /// Chain and key.
    pub(super) key: Arc<CertifiedKey>,
    /// Seconds since 1970.
    pub(super) valid: Validity,
}

/// From when to when, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) from: u64,
    pub(super) to: u64,
}

impl Identity {
    /// Puts a certificate and its key together, and sees that they belong together.
    pub(super) fn load(contents: &Contents, file: &Path, key_file: &Path) -> Result<Self> {
        let chain = certificates(contents, file)?;
        let signer = private_key(contents, key_file)?;
        let signer = provider().key_provider.load_private_key(signer).map_err(|_| {
            anyhow!(
                "{}: a key of this kind cannot be used; use ECDSA (P-256, P-384 or P-521), Ed25519, or RSA of 2048 to 8192 bits",
                key_file.display()
            )
        })?;
        let valid = chain.first().and_then(validity).ok_or_else(|| {
            anyhow!("{}: its first certificate does not say from when to when it is valid", file.display())
        })?;
        let key = Arc::new(CertifiedKey::new(chain, signer));
        if key.keys_match().is_err() {
            bail!(
                "{} is not the key of the first certificate in {} (the server's own certificate stands first, its issuers after it)",
                key_file.display(),
                file.display()
            );
        }
        Ok(Self { file: file.to_owned(), key, valid })
    }
}

/// Authorities from a file.
pub(super) fn authorities(contents: &Contents, file: &Path) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for (number, certificate) in certificates(contents, file)?.into_iter().enumerate() {
        roots.add(certificate).map_err(|fault| {
            anyhow!("{}: certificate {} cannot be an authority: {fault}", file.display(), number + 1)
        })?;
    }
    Ok(roots)
}

/// Whether everybody on this machine can read a key.
pub(super) fn key_warning(key_file: &Path) -> Option<String> {
    let mode = std::fs::metadata(key_file).ok()?.permissions().mode() & 0o777;
    let path = key_file.display();
    (mode & 0o004 != 0).then(|| {
        format!("{path}: every user of this machine can read the key (mode {mode:o}); chmod 600 {path}")
    })
}

fn certificates(contents: &Contents, file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let path = file.display();
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(contents.of(file)?).collect();
    let found = found.map_err(|_| anyhow!("{path}: a PEM section in it is damaged or cut off"))?;
    if found.is_empty() {
        bail!("{path}: there is no certificate in it; a PEM file with BEGIN CERTIFICATE is needed");
    }
    for (number, certificate) in found.iter().enumerate() {
        EndEntityCert::try_from(certificate)
            .map_err(|fault| anyhow!("{path}: certificate {} cannot be read: {fault}", number + 1))?;
    }
    Ok(found)
}

/// What is wrong with a key is said without a byte of it.
fn private_key(contents: &Contents, file: &Path) -> Result<PrivateKeyDer<'static>> {
    let (path, bytes) = (file.display(), contents.of(file)?);
    match PrivateKeyDer::pem_slice_iter(bytes).next() {
        Some(Ok(key)) => Ok(key),
        Some(Err(_)) => bail!("{path}: a PEM section in it is damaged or cut off"),
        None if is_encrypted(bytes) => {
            bail!(
                "{path}: the key is encrypted; store it without a pass phrase: openssl pkey -in {path} -out NEW"
            )
        }
        None => bail!("{path}: there is no private key in it; a PEM file with BEGIN PRIVATE KEY is needed"),
    }
}

fn is_encrypted(pem: &[u8]) -> bool {
    let mark = b"BEGIN ENCRYPTED PRIVATE KEY";
    pem.windows(mark.len()).any(|part| part == mark)
}

/// A verification far too early and one far too late name both ends; nothing else is verified here.
fn validity(certificate: &CertificateDer<'_>) -> Option<Validity> {
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    let at = |seconds| {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        certificate.verify_for_usage(&[], &[], &[], time, KeyUsage::server_auth(), None, None).err()
    };
    let from = match at(0) {
        Some(webpki::Error::CertNotValidYet { not_before, .. }) => not_before.as_secs(),
        _ => 0,
    };
    match at(u64::MAX) {
        Some(webpki::Error::CertExpired { not_after, .. }) => {
            Some(Validity { from, to: not_after.as_secs() })
        }
        _ => None,
    }
}
