//! Digests of credentials, and sealing of what must rest unreadable, under the secrets of the [`keyring`].

pub mod keyring;

use arc_swap::ArcSwap;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    constant_time::verify_slices_are_equal,
    digest, rand,
};

use keyring::Keyring;

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

/// SHA-256 of what comes piece by piece.
pub struct Sha256(digest::Context);

impl Default for Sha256 {
    fn default() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }
}

impl Sha256 {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all of them, in hex.
    pub fn finish_hex(self) -> String {
        self.0.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Every secret that the platform works with, unlocked: what the keyring holds, newest first.
///
/// Swapped as a whole when one is added or dropped, so that a rotation is in force for the next look.
pub struct Secrets {
    ring: ArcSwap<Keyring>,
    // Not in the ring: ids must never repeat, so this one is never another.
    request_ids: [u8; 64],
}

/// What was sealed does not open: another master secret, or damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealed record does not open: it was sealed under another master secret, or is damaged")]
pub struct CannotOpen;

/// Begins everything sealed that names its key. What has no such beginning is older than the keyring.
const SEALED: [u8; 4] = *b"tbk1";

impl Secrets {
    /// The digest of a credential under the newest pepper, and which that is. A key of 32 characters is 190 random
    /// bits: no slow hash is needed.
    pub fn stamp(&self, credential: &[u8]) -> (Digest, u32) {
        let ring = self.ring.load();
        ring.peppers.first().map(|pepper| (pepper.digest(credential), pepper.id)).unwrap_or_default()
    }

    /// The digest alone.
    pub fn credential_digest(&self, credential: &[u8]) -> Digest {
        self.stamp(credential).0
    }

    /// What is found by the digest of a credential under any pepper that is kept, the newest first.
    pub fn find_by_digest<T>(&self, credential: &[u8], find: impl Fn(&Digest) -> Option<T>) -> Option<T> {
        let ring = self.ring.load();
        ring.peppers.iter().find_map(|pepper| find(&pepper.digest(credential)))
    }

    /// The digest under each pepper that is kept, always all of them: how long it takes tells nothing.
    pub fn digests(&self, credential: &[u8]) -> Vec<(u32, Digest)> {
        let ring = self.ring.load();
        ring.peppers.iter().map(|pepper| (pepper.id, pepper.digest(credential))).collect()
    }

    /// The key of the request id permutation.
    pub fn request_id_key(&self) -> &[u8; 64] {
        &self.request_ids
    }

    /// Seals bytes; `context` must be the same to open them (a record cannot be moved to another place).
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let ring = self.ring.load();
        ring.sealing.first().map(|key| key.seal(context, plain)).unwrap_or_default()
    }

    /// Opens what [`Secrets::seal`] made, under whichever key that is kept.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CannotOpen> {
        let ring = self.ring.load();
        let named = sealed.strip_prefix(&SEALED).and_then(|rest| rest.split_first_chunk());
        if let Some((id, rest)) = named
            && let Some(key) = ring.find_sealing(u32::from_be_bytes(*id))
            && let Ok(plain) = open_under(&key.key, context, rest)
        {
            return Ok(plain);
        }
        // Without a name it is of the time before the keyring; the tag decides, should a nonce look like a name.
        let first = ring.find_sealing(keyring::FIRST).ok_or(CannotOpen)?;
        open_under(&first.key, context, sealed)
    }
}

fn seal_under(key: &LessSafeKey, context: &[u8], plain: &[u8], mut out: Vec<u8>) -> Vec<u8> {
    let nonce: [u8; NONCE_LEN] = random_bytes();
    let mut sealed = plain.to_vec();
    let done =
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut sealed);
    debug_assert!(done.is_ok(), "sealing fails only beyond 64 GiB");
    out.extend_from_slice(&nonce);
    out.append(&mut sealed);
    out
}

fn open_under(key: &LessSafeKey, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CannotOpen> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(CannotOpen)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CannotOpen)?;
    let mut plain = sealed.to_vec();
    let length = key.open_in_place(nonce, Aad::from(context), &mut plain).map_err(|_| CannotOpen)?.len();
    plain.truncate(length);
    Ok(plain)
}

/// Whether two digests are equal, in constant time.
pub fn digests_are_equal(a: &Digest, b: &Digest) -> bool {
    verify_slices_are_equal(a, b).is_ok()
}

#[expect(clippy::expect_used, reason = "the length is right by type")]
fn sealing_key(bytes: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("32 bytes are an AES-256 key"))
}

#[cfg(test)]
mod tests;
