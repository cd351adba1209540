//! Policy as it is stored: what operators and account managers decide. Plain data, no rules.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use tollbar_contract::Environment;
use tollbar_openapi::{Operation, SchemaSet, is_same_template};

use crate::{
    ChangeId, ClientId, EndpointId, KeyId, OauthId, SwitchId, Timestamp,
    secret::{
        Digest,
        keyring::{KeyringRecord, SecretKind},
    },
};

mod client_changes;
mod correction;
mod endpoint_settings;
mod urls;

pub use client_changes::ClientChanges;
pub use correction::{Correction, CorrectionKind};
pub use endpoint_settings::EndpointSettings;

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

/// An operator's off-switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Switch {
    /// Its id.
    pub id: SwitchId,
    /// What is off.
    pub target: SwitchTarget,
    /// In which environment; `None`: in both.
    pub environment: Option<Environment>,
    /// What the caller is told.
    pub message: Option<String>,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// When it was thrown.
    pub since: Timestamp,
    /// The change that threw it.
    pub change: ChangeId,
}

/// What a switch switches off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum SwitchTarget {
    /// Everything.
    Platform,
    /// One category.
    Category {
        /// The category's name.
        name: String,
    },
    /// One endpoint.
    Endpoint {
        /// The method, upper-case.
        method: String,
        /// Base and path template, as the document has them: `/v1/orders/{id}`.
        path: String,
    },
}

impl SwitchTarget {
    /// Whether the two are one: parameters may be called otherwise.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Endpoint { method, path }, Self::Endpoint { method: other_method, path: other_path }) => {
                method == other_method && is_same_template(path, other_path)
            }
            (one, other) => one == other,
        }
    }

    /// Whether it is this one endpoint.
    pub fn is_endpoint(&self, base: &str, operation: &Operation) -> bool {
        match self {
            Self::Endpoint { method, path } => {
                *method == operation.method
                    && path.strip_prefix(base).is_some_and(|path| is_same_template(path, &operation.path))
            }
            Self::Platform | Self::Category { .. } => false,
        }
    }
}

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

/// How API records are written today. An older one is read again from its document at the next start.
pub const API_FORMAT: u32 = 1;

/// An imported API: everything that the data plane has to know of it, as the document says it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiRecord {
    /// How it is written: [`API_FORMAT`], or an older number.
    #[serde(default)]
    pub format: u32,
    /// The base path, such as `/v1`; empty for the root.
    pub base: String,
    /// The document's title.
    pub title: String,
    /// The document's version.
    pub version: String,
    /// Where requests go: live, sandbox; several URLs are several servers of the same upstream. An API without a sandbox
    /// upstream has no sandbox endpoints.
    #[serde(with = "urls")]
    pub upstreams: [Vec<String>; 2],
    /// What becomes of the upstream's errors.
    pub upstream_errors: UpstreamErrors,
    /// Whether a keyed request's 5xx is stored and replayed, or releases its key.
    pub on_upstream_5xx: OnUpstream5xx,
    /// Whether the upstream's answers are held against the document, to count where they differ. What is needed for it is
    /// among endpoints and schemas only then.
    #[serde(default)]
    pub observe: bool,
    /// Its endpoints.
    pub endpoints: Vec<EndpointRecord>,
    /// The schemas that their requests, and answers where those are observed, are held against.
    #[serde(default)]
    pub schemas: SchemaSet,
    /// When it was imported.
    pub imported_at: Timestamp,
    /// The change that made it what it is.
    pub change: ChangeId,
}

/// What becomes of the upstream's errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpstreamErrors {
    /// They are put into the envelope, and 5xx hide their inside.
    #[default]
    Wrap,
    /// They pass untouched.
    Pass,
}

/// What a 5xx from the upstream does to an idempotency key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnUpstream5xx {
    /// It is stored and replayed: the write may have happened.
    #[default]
    Store,
    /// It releases the key: the upstream promises that a 5xx did nothing.
    Release,
}

/// One endpoint of the catalogue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EndpointRecord {
    /// Its durable number.
    pub id: EndpointId,
    /// The category, for switches and metrics.
    pub category: String,
    /// The scopes it requires, all of them.
    pub scopes: Vec<String>,
    /// Whether it writes.
    pub write: bool,
    /// Whether an `Idempotency-Key` is required.
    pub idempotency_required: bool,
    /// Whether an execution of unknown outcome may be sent again: the upstream de-duplicates.
    pub resend_unknown: bool,
    /// Whether bodies are passed on without being held against the document.
    #[serde(default)]
    pub body_unchecked: bool,
    /// Method, path, parameters and body.
    pub operation: Operation,
}

impl EndpointRecord {
    /// `GET /orders/{id}`.
    pub fn name(&self) -> String {
        format!("{} {}", self.operation.method, self.operation.path)
    }
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
