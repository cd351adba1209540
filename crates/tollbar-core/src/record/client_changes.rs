//! Which change of policy made each part of a client what it is, so that a refusal names the one behind it.

use serde::{Deserialize, Serialize};

use super::ClientRecord;
use crate::ChangeId;

/// The change behind each part of a client that can refuse a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientChanges {
    /// Suspended or resumed.
    pub standing: ChangeId,
    /// The addresses it may call from.
    pub addresses: ChangeId,
    /// Whether API access is enabled.
    pub access: ChangeId,
    /// What it may call.
    pub scopes: ChangeId,
    /// Whether it may write.
    pub write: ChangeId,
    /// The tier.
    pub tier: ChangeId,
    /// The allowance, and what happens beyond it.
    pub allowance: ChangeId,
    /// All its tokens were revoked.
    pub tokens: ChangeId,
    /// It was deleted.
    pub deletion: ChangeId,
}

impl ClientChanges {
    /// One change is behind all of it: the client's creation.
    pub const fn all(change: ChangeId) -> Self {
        Self {
            standing: change,
            addresses: change,
            access: change,
            scopes: change,
            write: change,
            tier: change,
            allowance: change,
            tokens: change,
            deletion: change,
        }
    }

    /// Notes `change` for every part in which two records differ.
    #[must_use]
    pub fn after(mut self, old: &ClientRecord, new: &ClientRecord, change: ChangeId) -> Self {
        for (part, differs) in [
            (&mut self.standing, old.suspended != new.suspended),
            (&mut self.addresses, old.allow_ips != new.allow_ips),
            (&mut self.access, old.access_enabled != new.access_enabled),
            (&mut self.scopes, old.scopes != new.scopes),
            (&mut self.write, old.write_enabled != new.write_enabled),
            (&mut self.tier, old.tier != new.tier),
            (&mut self.allowance, old.terms() != new.terms()),
            (&mut self.tokens, old.tokens_valid_from != new.tokens_valid_from),
            (&mut self.deletion, old.deleted != new.deleted),
        ] {
            if differs {
                *part = change;
            }
        }
        self
    }
}
