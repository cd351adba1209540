//! The master secret and what is derived from it; sealing of what must rest unreadable.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    constant_time::verify_slices_are_equal,
    digest, hkdf, hmac, rand,
};

/// Bytes from the system's generator.
///
/// # Panics
/// If the operating system gives no randomness: nothing safe can be done then.
#[expect(clippy::expect_used, reason = "without randomness no credential may be made")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

/// What a stored credential is compared by: HMAC-SHA256 under the pepper.
pub type Digest = [u8; 32];

/// SHA-256, for fingerprints and cache keys.
pub fn sha256(parts: &[&[u8]]) -> Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().try_into().unwrap_or_default()
}

/// Everything that is derived from the master secret.
pub struct Secrets {
    pepper: hmac::Key,
    sealing: LessSafeKey,
    request_ids: [u8; 64],
}

/// Which pepper a digest was made with, so that it can be changed later.
pub const PEPPER_ID: u32 = 1;

/// What was sealed does not open: another master secret, or damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed record does not open: it was sealed under another master secret, or is damaged")]
pub struct CannotOpen;

impl Secrets {
    /// Derives the pepper and the keys by HKDF-SHA256 (RFC 5869), one label each.
    pub fn derive(master: &[u8; 32]) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"tollbar");
        let master = salt.extract(master);
        let pepper: [u8; 32] = expand(&master, b"credential pepper 1");
        let sealing: [u8; 32] = expand(&master, b"sealing 1");
        Self {
            pepper: hmac::Key::new(hmac::HMAC_SHA256, &pepper),
            sealing: sealing_key(&sealing),
            request_ids: expand(&master, b"request ids 1"),
        }
    }

    /// The digest of a credential. A key of 32 characters is 190 random bits: no slow hash is needed.
    pub fn credential_digest(&self, credential: &[u8]) -> Digest {
        hmac::sign(&self.pepper, credential).as_ref().try_into().unwrap_or_default()
    }

    /// The key of the request id permutation.
    pub fn request_id_key(&self) -> &[u8; 64] {
        &self.request_ids
    }

    /// Seals bytes; `context` must be the same to open them (a record cannot be moved to another place).
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = random_bytes();
        let mut sealed = plain.to_vec();
        let done = self.sealing.seal_in_place_append_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context),
            &mut sealed,
        );
        debug_assert!(done.is_ok(), "sealing fails only beyond 64 GiB");
        let mut out = nonce.to_vec();
        out.append(&mut sealed);
        out
    }

    /// Opens what [`Secrets::seal`] made.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CannotOpen> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(CannotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CannotOpen)?;
        let mut plain = sealed.to_vec();
        let length =
            self.sealing.open_in_place(nonce, Aad::from(context), &mut plain).map_err(|_| CannotOpen)?.len();
        plain.truncate(length);
        Ok(plain)
    }
}

/// Whether two digests are equal, in constant time.
pub fn digests_are_equal(a: &Digest, b: &Digest) -> bool {
    verify_slices_are_equal(a, b).is_ok()
}

#[expect(clippy::expect_used, reason = "the length is right by type")]
fn sealing_key(bytes: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes are an AES-256 key"))
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[expect(clippy::expect_used, reason = "the length is far below HKDF's limit")]
fn expand<const N: usize>(master: &hkdf::Prk, label: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    master
        .expand(&[label], Length(N))
        .and_then(|okm| okm.fill(&mut out))
        .expect("HKDF-SHA256 gives up to 8,160 bytes");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_only_in_its_place_and_under_its_secret() {
        let secrets = Secrets::derive(&[1; 32]);
        let sealed = secrets.seal(b"here", b"the answer");
        assert!(!sealed.windows(10).any(|w| w == b"the answer"));
        assert_eq!(secrets.open(b"here", &sealed), Ok(b"the answer".to_vec()));
        assert_eq!(secrets.open(b"there", &sealed), Err(CannotOpen));
        assert_eq!(Secrets::derive(&[2; 32]).open(b"here", &sealed), Err(CannotOpen));
        assert_eq!(secrets.open(b"here", &sealed[..20]), Err(CannotOpen));
        assert_eq!(secrets.open(b"here", b""), Err(CannotOpen));
    }

    #[test]
    fn the_digest_depends_on_the_master_secret() {
        let digest = |master| Secrets::derive(&[master; 32]).credential_digest(b"key");
        assert_eq!(digest(1), digest(1));
        assert_ne!(digest(1), digest(2));
    }
}
