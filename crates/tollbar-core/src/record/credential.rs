//! What opens the door, as stored.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tollbar_contract::Environment;

use crate::{ChangeId, ClientId, KeyId, OauthId, Timestamp, secret::Digest};

/// An API key, as stored: never the key itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Its id.
    pub id: KeyId,
    /// Whose it is.
    pub client: ClientId,
    /// The environment it opens.
    pub environment: Environment,
    /// HMAC-SHA256 of the key under the pepper.
    pub digest: Digest,
    /// Which pepper.
    pub pepper_id: u32,
    /// The readable beginning of the key, for people to recognise it by.
    pub hint: String,
    /// Its own scopes, if it has fewer than its client.
    pub scopes: Option<BTreeSet<String>>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When an operator revoked it. It is revoked for ever, whatever a clock that was set back says.
    pub revoked_at: Option<Timestamp>,
    /// The end of the grace period of a key that was rotated; from then on it is revoked.
    pub grace_until: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The change that made it what it is.
    pub change: ChangeId,
}

impl KeyRecord {
    /// Whether it is revoked, by an operator or by the end of its grace period.
    pub fn is_revoked(&self, now: Timestamp) -> bool {
        self.revoked_at.is_some() || self.grace_until.is_some_and(|until| until <= now)
    }

    /// From when on it is revoked, if that is known.
    pub fn revoked_from(&self) -> Option<Timestamp> {
        self.revoked_at.or(self.grace_until)
    }
}

/// An OAuth2 client credential, as stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OauthRecord {
    /// Its id, which is also the `client_id`.
    pub id: OauthId,
    /// Whose it is.
    pub client: ClientId,
    /// The environment it opens.
    pub environment: Environment,
    /// The secret in use, then those in their grace period.
    pub secrets: Vec<OauthSecret>,
    /// When an operator revoked it, and its tokens with it; for ever.
    pub revoked_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// The change that made it what it is.
    pub change: ChangeId,
}

/// One secret of an OAuth2 client credential.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OauthSecret {
    /// HMAC-SHA256 of the secret under the pepper.
    pub digest: Digest,
    /// Which pepper.
    pub pepper_id: u32,
    /// The end of its grace period; `None`: in use.
    pub valid_until: Option<Timestamp>,
}

/// A token that was revoked by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RevokedToken {
    /// The token's `jti`.
    pub token_id: String,
    /// After this the token has expired anyway, and the record can go.
    pub expires_at: Timestamp,
    /// The change that revoked it; `None` when the client did so itself at the revocation endpoint.
    pub change: Option<ChangeId>,
}
