//! The keyring: random secrets, each with a number, that rest in the store wrapped under the master secret.
//!
//! The newest of a kind is used for what is new; older ones are kept for as long as something lives under them. The
//! master secret only wraps: another one wraps the same secrets anew, and nothing that was issued changes.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use aws_lc_rs::{aead::LessSafeKey, hkdf, hmac};
use serde::{Deserialize, Serialize};

use super::{CannotOpen, Digest, SEALED, Secrets, open_under, random_bytes, seal_under, sealing_key};
use crate::Timestamp;

/// The number of the first secret of each kind.
pub const FIRST: u32 = 1;
/// Secrets of one kind that may be kept at once. Each pepper costs a stranger's unknown key 0.2 microseconds.
pub const KEPT_MAX: usize = 32;

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretKind {
    /// Digests of credentials are made with it.
    Pepper,
    /// Signing keys and stored answers are sealed under it.
    Sealing,
    /// The permutation of request ids. Never rotated: an id would be given twice.
    RequestIds,
}

impl SecretKind {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pepper => "pepper",
            Self::Sealing => "sealing",
            Self::RequestIds => "request-ids",
        }
    }
}

impl fmt::Display for SecretKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One secret, as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyringRecord {
    /// What it is for.
    pub kind: SecretKind,
    /// Its number among its kind; the greatest is the one in use.
    pub id: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the last of what was sealed under it has ended; `None` for the one in use, and for other kinds.
    pub needed_until: Option<Timestamp>,
    /// The secret itself, wrapped under the master secret.
    pub wrapped: Vec<u8>,
}

impl KeyringRecord {
    /// Its name in the store.
    pub fn name(&self) -> String {
        name(self.kind, self.id)
    }
}

/// `pepper-1`.
pub fn name(kind: SecretKind, id: u32) -> String {
    format!("{kind}-{id}")
}

/// Why a keyring cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyringFault {
    /// It was wrapped under another master secret.
    #[error("the master secret does not open the secrets of this store")]
    WrongMaster,
    /// A kind has no secret at all.
    #[error("the store has no secret of the kind {0}: it is damaged")]
    Missing(SecretKind),
}

#[derive(Clone)]
pub(super) struct Keyring {
    wrapping: Arc<LessSafeKey>,
    /// Newest first.
    pub(super) peppers: Vec<Pepper>,
    /// Newest first.
    pub(super) sealing: Vec<Arc<Sealing>>,
    records: Vec<KeyringRecord>,
}

#[derive(Clone)]
pub(super) struct Pepper {
    pub(super) id: u32,
    key: hmac::Key,
}

pub(super) struct Sealing {
    id: u32,
    pub(super) key: LessSafeKey,
}

impl Secrets {
    /// Random secrets for a new platform, and what is to be stored of them.
    pub fn begin(master: &[u8; 32], now: Timestamp) -> (Self, Vec<KeyringRecord>) {
        Self::of_values(master, now, random_bytes(), random_bytes(), random_bytes())
    }

    /// The secrets of a platform of the time when all of them were derived from the master secret (HKDF-SHA256, RFC
    /// 5869, one label each), and what is to be stored of them: nothing that was issued changes.
    pub fn carry_over(master: &[u8; 32], now: Timestamp) -> (Self, Vec<KeyringRecord>) {
        let prk = extract(master);
        let pepper = expand(&prk, b"credential pepper 1");
        Self::of_values(master, now, pepper, expand(&prk, b"sealing 1"), expand(&prk, b"request ids 1"))
    }

    /// The same for where nothing is stored.
    pub fn derive(master: &[u8; 32]) -> Self {
        Self::carry_over(master, Timestamp::default()).0
    }

    /// Unlocks what is stored.
    pub fn unlock(master: &[u8; 32], records: &[KeyringRecord]) -> Result<Self, KeyringFault> {
        let mut ring = Keyring::empty(master);
        for record in records {
            ring.put(record).map_err(|_| KeyringFault::WrongMaster)?;
        }
        let missing =
            [(ring.peppers.is_empty(), SecretKind::Pepper), (ring.sealing.is_empty(), SecretKind::Sealing)];
        if let Some((_, kind)) = missing.into_iter().find(|(is_missing, _)| *is_missing) {
            return Err(KeyringFault::Missing(kind));
        }
        let request_ids = records
            .iter()
            .find(|record| record.kind == SecretKind::RequestIds)
            .ok_or(KeyringFault::Missing(SecretKind::RequestIds))?;
        let request_ids = ring.unwrap(request_ids).map_err(|_| KeyringFault::WrongMaster)?;
        Ok(Self { ring: ArcSwap::from_pointee(ring), request_ids })
    }

    /// A new secret, which is used from when it is put.
    pub fn next(&self, kind: SecretKind, now: Timestamp) -> KeyringRecord {
        let ring = self.ring.load();
        let id = ring.records.iter().filter(|r| r.kind == kind).map(|r| r.id).max().unwrap_or(0) + 1;
        wrap(&ring.wrapping, kind, id, now, &random_bytes::<32>())
    }

    /// Seals under a new secret that is not in use yet.
    pub fn seal_under(
        &self,
        record: &KeyringRecord,
        context: &[u8],
        plain: &[u8],
    ) -> Result<Vec<u8>, CannotOpen> {
        let key: [u8; 32] = self.ring.load().unwrap(record)?;
        Ok(Sealing { id: record.id, key: sealing_key(&key) }.seal(context, plain))
    }

    /// Takes a record into memory. A secret's value never changes: one that is known is only wrapped anew, or is told
    /// until when it is needed.
    pub fn put(&self, record: &KeyringRecord) -> Result<(), CannotOpen> {
        let mut ring = Keyring::clone(&self.ring.load());
        match ring.records.iter_mut().find(|r| (r.kind, r.id) == (record.kind, record.id)) {
            Some(known) => *known = record.clone(),
            None => ring.put(record)?,
        }
        self.ring.store(Arc::new(ring));
        Ok(())
    }

    /// Forgets a secret under which nothing lives. The one in use stays.
    pub fn forget(&self, kind: SecretKind, id: u32) {
        let mut ring = Keyring::clone(&self.ring.load());
        if ring.records.iter().all(|record| record.kind != kind || record.id <= id) {
            return;
        }
        ring.records.retain(|record| (record.kind, record.id) != (kind, id));
        match kind {
            SecretKind::Pepper => ring.peppers.retain(|pepper| pepper.id != id),
            SecretKind::Sealing => ring.sealing.retain(|key| key.id != id),
            SecretKind::RequestIds => return,
        }
        self.ring.store(Arc::new(ring));
    }

    /// What is kept, by kind, newest first.
    pub fn records(&self) -> Vec<KeyringRecord> {
        self.ring.load().records.clone()
    }

    /// Everything wrapped under another master secret.
    pub fn wrapped_anew(&self, master: &[u8; 32]) -> Result<Vec<KeyringRecord>, CannotOpen> {
        let ring = self.ring.load();
        let wrapping = wrapping_key(master);
        let anew = |record: &KeyringRecord| {
            let value =
                open_under(&ring.wrapping, &wrapping_context(record.kind, record.id), &record.wrapped)?;
            let fresh = wrap(&wrapping, record.kind, record.id, record.created_at, &value);
            Ok(KeyringRecord { needed_until: record.needed_until, ..fresh })
        };
        ring.records.iter().map(anew).collect()
    }

    fn of_values(
        master: &[u8; 32],
        now: Timestamp,
        pepper: [u8; 32],
        sealing: [u8; 32],
        request_ids: [u8; 64],
    ) -> (Self, Vec<KeyringRecord>) {
        let mut ring = Keyring::empty(master);
        let wrap = |kind, value: &[u8]| wrap(&ring.wrapping, kind, FIRST, now, value);
        let records = vec![
            wrap(SecretKind::Pepper, &pepper),
            wrap(SecretKind::Sealing, &sealing),
            wrap(SecretKind::RequestIds, &request_ids),
        ];
        ring.peppers = vec![Pepper::new(FIRST, &pepper)];
        ring.sealing = vec![Arc::new(Sealing { id: FIRST, key: sealing_key(&sealing) })];
        ring.records.clone_from(&records);
        (Self { ring: ArcSwap::from_pointee(ring), request_ids }, records)
    }
}

impl Keyring {
    fn empty(master: &[u8; 32]) -> Self {
        Self {
            wrapping: Arc::new(wrapping_key(master)),
            peppers: Vec::new(),
            sealing: Vec::new(),
            records: Vec::new(),
        }
    }

    fn put(&mut self, record: &KeyringRecord) -> Result<(), CannotOpen> {
        let id = record.id;
        match record.kind {
            SecretKind::Pepper => self.peppers.push(Pepper::new(id, &self.unwrap(record)?)),
            SecretKind::Sealing => {
                let key = sealing_key(&self.unwrap(record)?);
                self.sealing.push(Arc::new(Sealing { id, key }));
            }
            SecretKind::RequestIds => drop(self.unwrap::<64>(record)?),
        }
        self.peppers.sort_by_key(|pepper| std::cmp::Reverse(pepper.id));
        self.sealing.sort_by_key(|key| std::cmp::Reverse(key.id));
        self.records.push(record.clone());
        self.records.sort_by_key(|record| (record.kind, std::cmp::Reverse(record.id)));
        Ok(())
    }

    fn unwrap<const N: usize>(&self, record: &KeyringRecord) -> Result<[u8; N], CannotOpen> {
        let value = open_under(&self.wrapping, &wrapping_context(record.kind, record.id), &record.wrapped)?;
        value.try_into().map_err(|_| CannotOpen)
    }

    pub(super) fn find_sealing(&self, id: u32) -> Option<&Sealing> {
        self.sealing.iter().find(|key| key.id == id).map(|key| &**key)
    }
}

impl Pepper {
    fn new(id: u32, value: &[u8; 32]) -> Self {
        Self { id, key: hmac::Key::new(hmac::HMAC_SHA256, value) }
    }

    pub(super) fn digest(&self, credential: &[u8]) -> Digest {
        hmac::sign(&self.key, credential).as_ref().try_into().unwrap_or_default()
    }
}

impl Sealing {
    pub(super) fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let name = [SEALED, self.id.to_be_bytes()].concat();
        seal_under(&self.key, context, plain, name)
    }
}

fn wrap(wrapping: &LessSafeKey, kind: SecretKind, id: u32, now: Timestamp, value: &[u8]) -> KeyringRecord {
    let wrapped = seal_under(wrapping, &wrapping_context(kind, id), value, Vec::new());
    KeyringRecord { kind, id, created_at: now, needed_until: None, wrapped }
}

fn wrapping_context(kind: SecretKind, id: u32) -> Vec<u8> {
    format!("keyring {kind} {id}").into_bytes()
}

fn wrapping_key(master: &[u8; 32]) -> LessSafeKey {
    sealing_key(&expand(&extract(master), b"keyring wrapping 1"))
}

fn extract(master: &[u8; 32]) -> hkdf::Prk {
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"tollbar").extract(master)
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
mod tests;
