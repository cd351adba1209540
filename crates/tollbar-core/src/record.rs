//! Policy as it is stored: what operators and account managers decide. Plain data, no rules.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    ChangeId, ClientId, EndpointId, SwitchId, Timestamp,
    secret::keyring::{KeyringRecord, SecretKind},
};

mod api;
mod client_changes;
mod correction;
mod credential;
mod endpoint_settings;
mod signing_key;
mod switch;
mod urls;

pub use api::{API_FORMAT, ApiRecord, EndpointRecord, OnUpstream5xx, UPSTREAM_URLS_MAX, UpstreamErrors};
pub use client_changes::ClientChanges;
pub use correction::{Correction, CorrectionKind};
pub use credential::{KeyRecord, OauthRecord, OauthSecret, RevokedToken};
pub use endpoint_settings::EndpointSettings;
pub use signing_key::{RetiredKey, SigningKeyRecord};
pub use switch::{Switch, SwitchTarget};

/// A company that calls the API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClientRecord {
    /// Its id.
    pub id: ClientId,
    /// Its name, unique among the clients that exist.
    pub name: String,
    /// The name of its tier.
    pub tier: String,
    /// What it may call.
    pub scopes: BTreeSet<String>,
    /// Requests per calendar month: live, sandbox.
    pub allowance: [u64; 2],
    /// What happens beyond the allowance.
    pub overage: Overage,
    /// Whether write endpoints are sold to it.
    pub write_enabled: bool,
    /// Whether API access is enabled at all.
    pub access_enabled: bool,
    /// Suspended clients are refused.
    pub suspended: bool,
    /// Addresses it may call from; empty: any.
    pub allow_ips: Vec<IpNet>,
    /// Tokens issued before this are revoked.
    pub tokens_valid_from: Option<Timestamp>,
    /// A deleted client stays as a tombstone, so that its keys stay revoked.
    pub deleted: bool,
    /// When it was created.
    pub created_at: Timestamp,
    /// The change that made it what it is.
    pub change: ChangeId,
    /// The change behind each of its parts.
    pub changes: ClientChanges,
}

/// What a client may use in a month, and what happens beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Requests per calendar month: live, sandbox.
    pub allowance: [u64; 2],
    /// What happens beyond.
    pub overage: Overage,
}

impl ClientRecord {
    /// Its terms as they are now.
    pub const fn terms(&self) -> Terms {
        Terms { allowance: self.allowance, overage: self.overage }
    }
}

/// What happens beyond the allowance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overage {
    /// Requests are refused.
    #[default]
    Block,
    /// Requests go on, and are reported.
    Report,
}

/// A named per-minute rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// Requests that any 60 seconds may admit.
    pub rate_per_minute: u32,
    /// The change that made it what it is.
    pub change: ChangeId,
}

/// One change of policy. The store makes it durable, then the directory takes it into memory: both by `apply`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyChange {
    /// Creates or replaces a client.
    PutClient(ClientRecord),
    /// Creates or replaces a key.
    PutKey(KeyRecord),
    /// Creates or replaces an OAuth2 credential.
    PutOauth(OauthRecord),
    /// Revokes one token.
    RevokeToken(RevokedToken),
    /// Creates or replaces a tier.
    PutTier(Tier),
    /// Throws or changes a switch.
    PutSwitch(Switch),
    /// Takes a switch back.
    RemoveSwitch(SwitchId),
    /// Imports an API, or replaces the one on the same base.
    PutApi(Box<ApiRecord>),
    /// Takes an API away.
    RemoveApi {
        /// Its base.
        base: String,
    },
    /// Sets an endpoint by hand, or changes what is set.
    PutEndpointSettings(EndpointSettings),
    /// Gives an endpoint back to what the document says.
    ResetEndpoint(EndpointId),
    /// Creates or replaces a signing key. The newest that is not retired signs from now on.
    PutSigningKey(SigningKeyRecord),
    /// Adds a secret, which is the one in use from now on; or wraps a known one anew.
    PutSecret(KeyringRecord),
    /// Takes a secret away under which nothing lives.
    DropSecret {
        /// Its kind.
        kind: SecretKind,
        /// Its number.
        id: u32,
    },
    /// Corrects a month's count.
    Correct(Correction),
}

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number; changed records refer to it.
    pub id: ChangeId,
    /// When.
    pub at: Timestamp,
    /// Who: `operator`, or `client` for what a client did itself.
    pub actor: String,
    /// What, as a verb: `key.revoke`.
    pub action: String,
    /// To what: an id or a name.
    pub subject: String,
    /// In words. Never a secret.
    pub detail: String,
}

/// Everything durable about policy, as read at start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyState {
    /// All clients, deleted ones too.
    pub clients: Vec<ClientRecord>,
    /// All keys, revoked ones too.
    pub keys: Vec<KeyRecord>,
    /// All OAuth2 credentials, revoked ones too.
    pub oauth: Vec<OauthRecord>,
    /// Revoked tokens that have not expired.
    pub revoked_tokens: Vec<RevokedToken>,
    /// Tiers by name.
    pub tiers: BTreeMap<String, Tier>,
    /// Switches.
    pub switches: Vec<Switch>,
    /// APIs.
    pub apis: Vec<ApiRecord>,
    /// What is set for endpoints by hand, of those that are gone too.
    pub endpoint_settings: Vec<EndpointSettings>,
    /// Signing keys.
    pub signing_keys: Vec<SigningKeyRecord>,
    /// The secrets that all this is stored under, wrapped.
    pub keyring: Vec<KeyringRecord>,
    /// The greatest audit number that was given.
    pub last_change: u64,
}
