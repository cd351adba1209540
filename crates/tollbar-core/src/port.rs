//! What the rules need of the outside: the traits that a store implements.
//!
//! A future that a port returns completes when the promise in its documentation is kept, not before.

mod request_log;
mod upkeep;

use std::{future::Future, pin::Pin};

use serde::{Deserialize, Serialize};
use tollbar_contract::{Environment, RequestId};

use crate::{
    AuditEntry, ChangeId, ClientId, Correction, EndpointId, Month, Outcomes, PolicyChange, PolicyState,
    RevokedToken, Terms, Timestamp,
    idempotency::{Answer, Fingerprint, Record, Slot},
    outcome::WhyUnknown,
};

pub use request_log::{
    KeyedParts, RequestEntry, RequestFilter, RequestId12, RequestLog, RequestLogExtent, RequestPage,
    TraceStep,
};
pub use upkeep::{BackupOrder, Manifest, ManifestFile, Upkeep};

/// What a port returns.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreFailure>> + Send + 'a>>;

/// The store could not do what was asked. Nothing was changed, and nothing will be, unless it [is in
/// doubt](StoreFailure::is_in_doubt).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.told())]
pub struct StoreFailure {
    reason: String,
    is_in_doubt: bool,
}

impl StoreFailure {
    /// Nothing was changed: this is why.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), is_in_doubt: false }
    }

    /// The disk neither confirmed a change nor took it back: nothing of it is seen now, and after a crash it may be there.
    pub fn into_doubt(self) -> Self {
        Self { is_in_doubt: true, ..self }
    }

    /// Why it failed, without a word on what may be there.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Whether what failed may be there after a restart.
    pub const fn is_in_doubt(&self) -> bool {
        self.is_in_doubt
    }

    fn told(&self) -> String {
        let reason = &self.reason;
        if !self.is_in_doubt {
            return reason.clone();
        }
        format!(
            "it is not sure whether this is stored: the disk did not confirm it, and did not let it be taken back ({reason}). It \
             is not in force now; after a restart it may be. The next thing that can be stored takes it back: then do it again"
        )
    }
}

/// Durable policy.
pub trait PolicyStore: Send + Sync {
    /// Everything, as it was last made durable.
    fn load(&self) -> PortFuture<'_, PolicyState>;

    /// Makes changes and their audit entry durable, all or none; for an API also the document it came from.
    fn apply(
        &self,
        changes: Vec<PolicyChange>,
        audit: AuditEntry,
        document: Option<Vec<u8>>,
    ) -> PortFuture<'_, ()>;

    /// Makes it durable that a client revoked a token of its own. That is no operator's change: it has no place in
    /// the audit trail.
    fn revoke_token(&self, revoked: RevokedToken) -> PortFuture<'_, ()>;

    /// The document that the API on a base was made of, as it was imported; `None` if there is no such API, or it came
    /// without one.
    fn find_document(&self, base: String) -> PortFuture<'_, Option<Vec<u8>>>;

    /// The durable numbers of these endpoints (`(base, method, path)`), given anew where there is none yet. A path whose
    /// parameters are called otherwise than before is the same endpoint.
    fn number_endpoints(&self, endpoints: Vec<(String, String, String)>) -> PortFuture<'_, Vec<EndpointId>>;

    /// One entry of the audit trail.
    fn find_audit(&self, id: ChangeId) -> PortFuture<'_, Option<AuditEntry>>;

    /// Entries that match, newest first.
    fn list_audit(&self, filter: AuditFilter) -> PortFuture<'_, Vec<AuditEntry>>;

    /// When the last idempotency record ends that is there now: until then an answer may have to be opened that was
    /// sealed by now.
    fn last_answer_ends(&self) -> PortFuture<'_, Option<Timestamp>>;

    /// Whether the store answers at all: for health checks. Must be bounded in time.
    fn check(&self) -> PortFuture<'_, ()>;
}

/// Which entries of the audit trail to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only of one of these: an id, or a name; empty: of all.
    pub subjects: Vec<String>,
    /// Only this action (`key.revoke`), or all of a kind (`key`).
    pub action: Option<String>,
    /// Only since then.
    pub since: Option<Timestamp>,
    /// Only those before this one.
    pub before: Option<ChangeId>,
    /// At most so many.
    pub limit: u32,
}

/// Durable counts, read at start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CountState {
    /// Per client, environment and month (this one and later ones): what was used and what is leased.
    pub months: Vec<MonthCount>,
    /// Requests that took from the rate in the last 61 seconds: client, environment, second, how many.
    pub recent: Vec<(ClientId, Environment, u64, u32)>,
}

/// One month's durable count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonthCount {
    /// Whose.
    pub client: ClientId,
    /// Where.
    pub environment: Environment,
    /// When.
    pub month: Month,
    /// Requests charged and not given back. After a power loss: the leased bound.
    pub used: u64,
    /// What account managers corrected it by.
    pub corrected: i64,
    /// Up to where charges may go without asking the store again.
    pub leased: u64,
}

/// The allowance's durable side.
pub trait AllowanceStore: Send + Sync {
    /// The counts from which to go on after a restart: rebuilt from the journal.
    fn load_counts(&self, now: Timestamp) -> PortFuture<'_, CountState>;

    /// Makes it durable that charges up to `leased` may happen in this month. Never lowers a lease.
    fn lease(
        &self,
        client: ClientId,
        environment: Environment,
        month: Month,
        leased: u64,
    ) -> PortFuture<'_, ()>;

    /// What these clients used in a month, in their order. Where it is much, only the first of them, one at least: the
    /// others are to be asked for again. Each book is of one moment.
    fn books(&self, month: Month, clients: Vec<ClientId>) -> PortFuture<'_, Vec<Book>>;

    /// What a client used in a month, by environment, day and endpoint.
    fn usage(&self, client: ClientId, month: Month) -> PortFuture<'_, Vec<UsageRow>> {
        Box::pin(async move {
            let books = self.books(month, vec![client]).await?;
            Ok(books.into_iter().next().map(|book| book.rows).unwrap_or_default())
        })
    }

    /// A client's corrections, newest first: of one month, or of all.
    fn corrections(
        &self,
        client: ClientId,
        month: Option<Month>,
        limit: u32,
    ) -> PortFuture<'_, Vec<Correction>>;
}

/// What a client used in a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    /// Whose.
    pub client: ClientId,
    /// By environment, day and endpoint.
    pub rows: Vec<UsageRow>,
    /// The month's corrections, oldest first.
    pub corrections: Vec<Correction>,
    /// The terms at the month's end, where they were changed in a later month; else they are what they are now.
    pub terms: Option<Terms>,
}

/// What a month adds up to in one environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Requests charged.
    pub charged: u64,
    /// Of those, how many were given back.
    pub given_back: u64,
    /// All corrections together.
    pub corrections: i64,
    /// What was charged, by outcome.
    pub outcomes: Outcomes,
}

impl Sum {
    /// What counts: charged, less given back, and the corrections; nothing where that is below zero.
    pub fn used(&self) -> u64 {
        let used = i128::from(self.charged) - i128::from(self.given_back) + i128::from(self.corrections);
        u64::try_from(used.max(0)).unwrap_or(u64::MAX)
    }
}

impl Book {
    /// What it adds up to in one environment.
    pub fn sum(&self, environment: Environment) -> Sum {
        let mut sum = Sum::default();
        for row in self.rows.iter().filter(|row| row.environment == environment) {
            sum.charged = sum.charged.saturating_add(row.charged);
            sum.given_back = sum.given_back.saturating_add(row.given_back);
            sum.outcomes = sum.outcomes.plus(row.outcomes);
        }
        for correction in self.corrections.iter().filter(|c| c.environment == environment) {
            sum.corrections = sum.corrections.saturating_add(correction.units);
        }
        sum
    }
}

/// A row of the usage tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRow {
    /// Where.
    pub environment: Environment,
    /// Which endpoint.
    pub endpoint: EndpointId,
    /// Its name, such as `GET /v1/orders/{id}`.
    pub endpoint_name: String,
    /// Days since the epoch, UTC.
    pub day: u32,
    /// Requests charged on that day.
    pub charged: u64,
    /// Of those, how many were given back: the answer was a 5xx, or nothing was sent.
    pub given_back: u64,
    /// The same requests by outcome.
    pub outcomes: Outcomes,
}

/// One line of the usage journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalRecord {
    /// What happened.
    pub event: JournalEvent,
    /// Whose.
    pub client: ClientId,
    /// Where.
    pub environment: Environment,
    /// Which endpoint; 0 where there is none.
    pub endpoint: EndpointId,
    /// When. For an outcome: when the request was charged.
    pub at: Timestamp,
}

/// What a journal record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalEvent {
    /// The request took from the per-minute rate.
    Rated,
    /// The request was charged to the month of `at`, and is about to be sent.
    Charged,
    /// A charged request's final answer had this status; 5xx gives the charge back.
    Ended {
        /// The status that the client got.
        status: u16,
    },
    /// A charged request was not sent after all: the charge is given back.
    NotSent,
}

/// The usage journal of one data-plane thread. When a call returns, the record survives the end of the process.
pub trait UsageJournal {
    /// Appends records, all or none; a process that ends meanwhile may leave the first ones, each whole.
    fn append(&self, records: &[JournalRecord]) -> Result<(), StoreFailure>;
}

/// Durable idempotency records.
pub trait IdempotencyStore: Send + Sync {
    /// The record in a slot, unless there is none or it has expired.
    fn find(&self, slot: Slot, now: Timestamp) -> PortFuture<'_, Option<Record>>;

    /// Makes "started" durable, over an expired record or one that may be sent again. It expires then if nothing more is
    /// heard of it: not before its execution must have ended.
    fn start(
        &self,
        slot: Slot,
        fingerprint: Fingerprint,
        request_id: RequestId,
        endpoint: EndpointId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> PortFuture<'_, ()>;

    /// Makes the answer durable, until its own end. The record must have been started by this request.
    fn answer(
        &self,
        slot: Slot,
        request_id: RequestId,
        answer: Answer,
        expires_at: Timestamp,
    ) -> PortFuture<'_, ()>;

    /// Notes why the outcome of this request is unknown, for operators, and until when it is kept; does nothing if it is
    /// known.
    fn note_unknown(
        &self,
        slot: Slot,
        request_id: RequestId,
        why: WhyUnknown,
        expires_at: Timestamp,
    ) -> PortFuture<'_, ()>;

    /// Takes the record away: the key may be used again.
    fn release(&self, slot: Slot, request_id: RequestId) -> PortFuture<'_, ()>;
}

/// Durable blocks of the request-id counter.
pub trait RequestIdStore: Send + Sync {
    /// A block of this many numbers that were never given before, none below `not_below`; returns the first.
    fn lease_request_ids(&self, count: u64, not_below: u64) -> PortFuture<'_, u64>;

    /// The end of the last block: no number from here on was ever given.
    fn leased_request_ids(&self) -> PortFuture<'_, u64>;
}
