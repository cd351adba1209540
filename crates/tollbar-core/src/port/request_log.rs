//! The request log: what support can see of single requests.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use tollbar_contract::{Environment, RequestId, Stage};

use super::PortFuture;
use crate::{ChangeId, ClientId, Timestamp};

/// The request log. Writing never waits.
pub trait RequestLog: Send + Sync {
    /// Takes an entry, or counts it as dropped when the queue is full.
    fn record(&self, entry: RequestEntry);

    /// How many entries were dropped since the start.
    fn dropped(&self) -> u64;

    /// The entry with this id. Waits until what was recorded before the call has been written.
    fn find_request(&self, id: RequestId) -> PortFuture<'_, Option<RequestEntry>>;

    /// Entries that match, newest first. Looks at a bounded number of entries, and says how far it came.
    fn list_requests(&self, filter: RequestFilter) -> PortFuture<'_, RequestPage>;

    /// How much there is.
    fn request_log_extent(&self) -> PortFuture<'_, RequestLogExtent>;

    /// Takes away some of the entries from before then, few enough that nothing waits for it; says whether any are left.
    fn forget_requests(&self, before: Timestamp) -> PortFuture<'_, bool>;
}

/// Which entries to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// Only this client's.
    pub client: Option<ClientId>,
    /// Only with this error code.
    pub code: Option<String>,
    /// Only with one of these statuses.
    pub status: Option<RangeInclusive<u16>>,
    /// Only of this environment.
    pub environment: Option<Environment>,
    /// Only of this endpoint, as entries name it: `GET /v1/orders/{id}`.
    pub endpoint: Option<String>,
    /// Only with this credential's id.
    pub credential: Option<String>,
    /// Only from this address.
    pub address: Option<String>,
    /// Only since then.
    pub since: Option<Timestamp>,
    /// Only until then, exclusive.
    pub until: Option<Timestamp>,
    /// Only those that stand behind this entry, in the order of the list.
    pub before: Option<RequestId>,
    /// At most so many.
    pub limit: u32,
}

/// A part of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RequestPage {
    /// Entries that match, newest first.
    pub entries: Vec<RequestEntry>,
    /// Behind which entry to go on; `None`: nothing is left to look at.
    pub next: Option<RequestId12>,
    /// Where the search stopped, if it was ended by how many entries it had looked at and not by the list's limit.
    pub stopped_at: Option<Timestamp>,
    /// Whether `before` is not in the log: nothing was looked at.
    pub is_before_unknown: bool,
}

/// How much the log has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestLogExtent {
    /// Entries.
    pub entries: u64,
    /// When the oldest began; `None`: there is none.
    pub oldest: Option<Timestamp>,
    /// Bytes on the disk.
    pub bytes: u64,
}

/// What support can see of one request. No secrets in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestEntry {
    /// The id on the answer.
    pub request_id: RequestId12,
    /// When the head was read.
    pub at: Timestamp,
    /// The method, cut to a bound.
    pub method: String,
    /// The path without query, cut to a bound.
    pub path: String,
    /// The environment called.
    pub environment: Environment,
    /// The status that was answered.
    pub status: u16,
    /// The error code, if it was an error.
    pub code: Option<String>,
    /// The message that the caller saw.
    pub message: Option<String>,
    /// The stage that refused.
    pub refused_at: Option<Stage>,
    /// The client, once known.
    pub client: Option<ClientId>,
    /// Its name at the time.
    pub client_name: Option<String>,
    /// The credential's id, once known; never itself.
    pub credential: Option<String>,
    /// The address decided on.
    pub address: String,
    /// How it was decided: `peer`, or `x-forwarded-for from <peer>`.
    pub address_source: String,
    /// The endpoint, once known: `GET /v1/orders/{id}`.
    pub endpoint: Option<String>,
    /// Each stage in order: its outcome and the values compared.
    pub steps: Vec<TraceStep>,
    /// The change of policy behind a refusal.
    pub change: Option<ChangeId>,
    /// The upstream's status, if one was reached.
    pub upstream_status: Option<u16>,
    /// Milliseconds until the answer's head was ready.
    pub duration_millis: u64,
    /// Milliseconds of that which the upstream took.
    pub upstream_millis: Option<u64>,
    /// Milliseconds of those that a new connection took; `None`: one was open, or none could be made.
    #[serde(default)]
    pub upstream_connect_millis: Option<u64>,
    /// The upstream's address that was tried last, if one was.
    #[serde(default)]
    pub upstream_address: Option<String>,
    /// What tells a request with an `Idempotency-Key` from another under the same key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyed: Option<KeyedParts>,
}

/// Short digests of what the log does not keep: enough to say whether two are equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyedParts {
    /// Of the query, its pairs sorted.
    pub query: String,
    /// Of the body.
    pub body: String,
}

/// A request id, in serde's eyes a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RequestId12(pub RequestId);

impl From<RequestId12> for String {
    fn from(id: RequestId12) -> Self {
        id.0.to_string()
    }
}

impl TryFrom<String> for RequestId12 {
    type Error = crate::NotAnId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        RequestId::parse(&text).map(Self).ok_or(crate::NotAnId)
    }
}

/// One stage of a decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceStep {
    /// Which stage.
    pub stage: Stage,
    /// Whether it let the request pass.
    pub passed: bool,
    /// The values compared, for people.
    pub detail: String,
}
