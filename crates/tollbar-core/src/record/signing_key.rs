//! Signing keys, as stored.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A signing key for tokens. Of retired ones the public half is kept, so that their tokens stay recognisable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SigningKeyRecord {
    /// The `kid`.
    pub id: String,
    /// The PKCS#8 document, sealed. Empty once it is retired.
    pub sealed: Vec<u8>,
    /// When it was made; the newest signs.
    pub created_at: Timestamp,
    /// The longest life that a token under it was given.
    #[serde(default = "longest_token_life")]
    pub longest_life_seconds: u64,
    /// What is left of it when another signs in its place.
    #[serde(default)]
    pub retired: Option<RetiredKey>,
}

/// What is left of a signing key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RetiredKey {
    /// Since when it does not sign.
    pub at: Timestamp,
    /// When the last token under it has ended.
    pub tokens_until: Timestamp,
    /// The public half.
    pub public: Vec<u8>,
}

/// What no setting exceeds: the life of tokens under a key that was stored without a word on it.
const fn longest_token_life() -> u64 {
    86_400
}
