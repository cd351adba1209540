//! What lives under each pepper: until when an old one has to be kept.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Directory;
use crate::{KeyRecord, OauthRecord, Timestamp};

/// The credentials whose digests were made with one pepper.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UnderPepper {
    /// Keys that can be used.
    pub keys: u64,
    /// Those of them that have no end.
    pub keys_without_end: u64,
    /// When the last one ends that has an end.
    pub last_key_ends: Option<Timestamp>,
    /// Keys that are revoked, or whose client is deleted: they answer `revoked_api_key` for ever.
    pub tombstones: u64,
    /// OAuth2 secrets that can be used.
    pub oauth_secrets: u64,
    /// Those of them that are in no grace period.
    pub oauth_secrets_without_end: u64,
    /// When the last grace period ends.
    pub last_oauth_secret_ends: Option<Timestamp>,
    /// Keys in their grace period: each will be a tombstone when that ends.
    pub keys_in_grace: u64,
}

/// For how long an old pepper is kept, as things are now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Nothing lives under it: it can go.
    Released,
    /// At least until then.
    Until(Timestamp),
    /// Until OAuth2 secrets under it are rotated or revoked.
    UntilRotated,
    /// A key without end is used for ever, or is a tombstone for ever.
    ForEver,
}

impl UnderPepper {
    /// For how long the pepper is kept.
    pub fn hold(&self) -> Hold {
        let ends = self.last_key_ends.max(self.last_oauth_secret_ends);
        if self.tombstones > 0 || self.keys_without_end > 0 || self.keys_in_grace > 0 {
            Hold::ForEver
        } else if self.oauth_secrets_without_end > 0 {
            Hold::UntilRotated
        } else {
            ends.map_or(Hold::Released, Hold::Until)
        }
    }

    /// Whether anything under it can be used; what only remembers that it was revoked opens nothing.
    pub fn opens_something(&self) -> bool {
        self.keys > 0 || self.oauth_secrets > 0
    }

    fn add_key(&mut self, key: &KeyRecord, is_client_deleted: bool, now: Timestamp) {
        if key.is_revoked(now) || is_client_deleted {
            self.tombstones += 1;
            return;
        }
        self.keys_in_grace += u64::from(key.grace_until.is_some());
        let ends = [key.expires_at, key.grace_until].into_iter().flatten().min();
        // One that is past its date answers as an unknown one does.
        if ends.is_some_and(|at| at <= now) {
            return;
        }
        self.keys += 1;
        self.keys_without_end += u64::from(ends.is_none());
        self.last_key_ends = self.last_key_ends.max(ends);
    }
}

impl Directory {
    /// What lives under each pepper. Looks at every key there is.
    pub fn under_peppers(&self, now: Timestamp) -> BTreeMap<u32, UnderPepper> {
        let mut under: BTreeMap<u32, UnderPepper> = BTreeMap::new();
        let is_deleted = |client| self.find_client(client).is_none_or(|client| client.record.deleted);
        for key in self.keys.pin().values() {
            under.entry(key.pepper_id).or_default().add_key(key, is_deleted(key.client), now);
        }
        let is_used = |oauth: &OauthRecord| oauth.revoked_at.is_none() && !is_deleted(oauth.client);
        for oauth in self.oauth.pin().values().filter(|oauth| is_used(oauth)) {
            for secret in oauth.secrets.iter().filter(|s| s.valid_until.is_none_or(|until| now < until)) {
                let under = under.entry(secret.pepper_id).or_default();
                under.oauth_secrets += 1;
                under.oauth_secrets_without_end += u64::from(secret.valid_until.is_none());
                under.last_oauth_secret_ends = under.last_oauth_secret_ends.max(secret.valid_until);
            }
        }
        under
    }
}

#[cfg(test)]
mod tests {
    use tollbar_contract::Environment;

    use super::*;
    use crate::{ChangeId, ClientId, KeyId};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn key() -> KeyRecord {
        KeyRecord {
            id: KeyId::random(),
            client: ClientId::random(),
            environment: Environment::Live,
            digest: [0; 32],
            pepper_id: 1,
            hint: String::new(),
            scopes: None,
            expires_at: None,
            revoked_at: None,
            grace_until: None,
            created_at: NOW,
            change: ChangeId(1),
        }
    }

    #[test]
    fn a_key_holds_its_pepper_while_it_is_told_from_an_unknown_one() {
        let (past, later, latest) = (Some(NOW), Some(NOW.plus_seconds(1)), Some(NOW.plus_seconds(2)));
        let mut under = UnderPepper::default();
        assert_eq!(under.hold(), Hold::Released);
        under.add_key(&KeyRecord { expires_at: past, ..key() }, false, NOW);
        assert_eq!(under, UnderPepper::default(), "past its date");
        for expires_at in [latest, later] {
            under.add_key(&KeyRecord { expires_at, ..key() }, false, NOW);
        }
        assert_eq!(
            (under.keys, under.last_key_ends, under.hold()),
            (2, latest, Hold::Until(latest.unwrap()))
        );
        assert!(under.opens_something());
        for (record, is_client_deleted, opens_something) in [
            (key(), false, true),
            (KeyRecord { expires_at: latest, grace_until: later, ..key() }, false, true),
            // Past its date, and then its grace ends: `revoked_api_key` from then on.
            (KeyRecord { expires_at: past, grace_until: later, ..key() }, false, false),
            (KeyRecord { expires_at: past, grace_until: past, ..key() }, false, false),
            (KeyRecord { expires_at: past, revoked_at: past, ..key() }, false, false),
            (KeyRecord { expires_at: past, ..key() }, true, false),
            (key(), true, false),
        ] {
            let mut under = UnderPepper::default();
            under.add_key(&record, is_client_deleted, NOW);
            assert_eq!(under.hold(), Hold::ForEver, "{record:?}");
            assert_eq!(under.opens_something(), opens_something, "{record:?}");
        }
    }

    #[test]
    fn an_oauth_secret_holds_its_pepper_until_it_is_rotated() {
        let until = NOW.plus_seconds(9);
        let grace =
            UnderPepper { oauth_secrets: 1, last_oauth_secret_ends: Some(until), ..Default::default() };
        assert_eq!(grace.hold(), Hold::Until(until));
        let used = UnderPepper { oauth_secrets_without_end: 1, ..grace };
        assert_eq!(used.hold(), Hold::UntilRotated);
    }
}
