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
    /// Only those that stand behind this place in the list.
    pub before: Option<UnknownPlace>,
    /// At most so many.
    pub limit: u32,
    /// What has expired by now is not listed.
    pub now: Timestamp,
}

/// A part of the list of unknown outcomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnknownPage {
    /// Newest first.
    pub requests: Vec<KeyedRequest>,
    /// Behind which place to go on; `None`: nothing is left to look at.
    pub next: Option<UnknownPlace>,
    /// Where the search stopped, if it was ended by how many records it had looked at and not by the list's limit.
    pub stopped_at: Option<Timestamp>,
}

/// A place in that list. It stays one although the record that stood there has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownPlace {
    /// When the request was started.
    pub started_at: Timestamp,
    /// Which one of that moment.
    pub row: u64,
}

impl UnknownPlace {
    /// The inverse of writing it.
    pub fn parse(text: &str) -> Option<Self> {
        let (started_at, row) = text.split_once('.')?;
        let number = |text: &str| {
            let number = text.parse().ok().filter(|number| i64::try_from(*number).is_ok())?;
            text.bytes().all(|byte| byte.is_ascii_digit()).then_some(number)
        };
        Some(Self { started_at: Timestamp::from_millis(number(started_at)?), row: number(row)? })
    }
}

impl std::fmt::Display for UnknownPlace {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}", self.started_at.as_millis(), self.row)
    }
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
    /// Requests of unknown outcome, newest first; those that this process executes are not among them. Looks at a bounded
    /// number of records, and says how far it came.
    fn list_unknown(
        &self,
        filter: UnknownFilter,
        under_way: std::sync::Arc<dyn UnderWay>,
    ) -> PortFuture<'_, UnknownPage>;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let place = UnknownPlace { started_at: Timestamp::from_millis(1_763_848_800_123), row: 45 };
        assert_eq!(place.to_string(), "1763848800123.45");
        assert_eq!(UnknownPlace::parse("1763848800123.45"), Some(place));
        for wrong in
            ["", ".", "1", "1.", ".1", "1.2.3", "+1.2", "1.-2", "1.9223372036854775808", "a1b2c3d4e5f6"]
        {
            assert_eq!(UnknownPlace::parse(wrong), None, "{wrong}");
        }
    }
}
