//! Keyed requests as operators see them: what became of each, and how an unknown outcome is settled.

use std::{any::Any, future::Future, pin::Pin};

use tollbar_contract::{Environment, RequestId};

use crate::{AuditEntry, ChangeId, ClientId, EndpointId, Timestamp, idempotency::Slot, port::PortFuture};

/// A keyed request that was started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedRequest {
    /// Where its record stands.
    pub slot: Slot,
    /// Its id.
    pub request_id: RequestId,
    /// Which endpoint was called; not known of those that an older version started.
    pub endpoint: Option<EndpointId>,
    /// The endpoint's name, such as `POST /v1/orders`.
    pub endpoint_name: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// When it was about to be sent.
    pub started_at: Timestamp,
    /// Until when its key is taken.
    pub expires_at: Timestamp,
    /// The operator's change that settled it.
    pub settled_by: Option<ChangeId>,
}

/// What became of a keyed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No answer is recorded, and why, as far as that is known. It may be under way: that the store cannot see.
    Unknown(Option<WhyUnknown>),
    /// It was answered, and repeats get that answer.
    Answered,
    /// It was answered by more than is kept.
    TooLarge,
    /// It was executed, as an operator says; what it answered is lost.
    Executed,
}

/// Why the outcome of a request that was started is not known. Of one that a crash interrupted nothing can be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyUnknown {
    /// It was sent, and no complete answer came back.
    NoAnswer {
        /// What happened instead.
        cause: String,
    },
    /// The caller was sent an answer that could not be stored.
    NotStored {
        /// What the store said.
        cause: String,
    },
}

/// Which unknown outcomes to list.
#[derive(Clone, Debug)]
pub struct UnknownFilter {
    /// Only this client's.
    pub client: Option<ClientId>,
    /// Only of this environment.
    pub environment: Option<Environment>,
    /// Only of requests that were started since then.
    pub since: Option<Timestamp>,
    /// At most so many.
    pub limit: u32,
    /// What has expired by now is not listed.
    pub now: Timestamp,
}

/// What an operator found out of an unknown outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It had no effect: the key is released, and the next request with it executes.
    NotExecuted,
    /// It took effect: it is never executed again.
    Executed {
        /// The answer that repeats get, sealed as [`crate::idempotency::StoredAnswer`] is; without one they are told
        /// that there is none.
        sealed: Option<Vec<u8>>,
        /// For how long.
        until: Timestamp,
    },
}

/// What came of a settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is durable, with its audit entry.
    Done,
    /// Nothing was changed, since that request's outcome is not unknown: what stands there instead.
    NotUnknown(Option<Box<KeyedRequest>>),
}

/// The durable records of keyed requests, for operators.
pub trait OutcomeStore: Send + Sync {
    /// Requests of unknown outcome, newest first; those that this process executes are not among them.
    fn list_unknown(
        &self,
        filter: UnknownFilter,
        under_way: std::sync::Arc<dyn UnderWay>,
    ) -> PortFuture<'_, Vec<KeyedRequest>>;

    /// The request that has a slot, unless it has expired.
    fn find_keyed(&self, slot: Slot, now: Timestamp) -> PortFuture<'_, Option<KeyedRequest>>;

    /// The same by its id. Only what is or was of unknown outcome can be found so.
    fn find_unknown(&self, request_id: RequestId, now: Timestamp) -> PortFuture<'_, Option<KeyedRequest>>;

    /// Settles the unknown outcome of this request in this slot, with its audit entry: both or none. Whoever calls this
    /// has the slot: see [`UnderWay::hold`].
    fn settle(
        &self,
        slot: Slot,
        request_id: RequestId,
        settlement: Settlement,
        audit: AuditEntry,
    ) -> PortFuture<'_, Settled>;
}

/// The keyed requests that this process has under way.
pub trait UnderWay: Send + Sync {
    /// Whether a request executes in this slot.
    fn is_executing(&self, slot: &Slot) -> bool;

    /// Takes a slot, after requests that only look at its record: whatever comes later waits until it is let go.
    /// `None`: a request executes in it.
    fn hold(&self, slot: Slot) -> Pin<Box<dyn Future<Output = Option<SlotHold>> + Send + '_>>;
}

/// A slot that is held; dropping it lets it go.
pub type SlotHold = Box<dyn Any + Send>;
