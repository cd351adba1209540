//! What a keyed request is told that cannot execute, or of which nobody knows whether it did.

use std::time::Duration;

use tollbar_contract::{Code, RequestId, Stage};
use tollbar_core::{Rejection, idempotency::Slot};

/// Somebody else has the slot for longer than one waits.
pub(super) fn waited_in_vain(wait: Duration) -> Rejection {
    let cause = format!("the first request with this key was still under way after {} s", wait.as_secs());
    Rejection::new(Code::InternalError, Stage::Idempotency, cause)
        .saying("A request with this Idempotency-Key is still under way. Retry with the same key.")
        .retry_after(1)
}

/// The key belongs to another request; `first` is its id, once it is recorded.
pub(super) fn conflict(slot: &Slot, first: Option<RequestId>) -> Rejection {
    let first = first.map_or("a request under way".to_owned(), |id| format!("request {id}"));
    let cause = format!("key `{}` belongs to {first}, whose method, path, query or body differs", slot.key);
    let mut rejection = Rejection::new(Code::IdempotencyConflict, Stage::Idempotency, cause);
    rejection.advice.should_not_retry = true;
    rejection
}

/// The first request was started, and nothing is known of its end.
pub(super) fn unknown_outcome(first: RequestId) -> Rejection {
    let mut rejection = Rejection::new(
        Code::InternalError,
        Stage::Idempotency,
        format!(
            "request {first} was started with this key, and its outcome is unknown; `tollbar idempotency settle {first}` \
             settles it"
        ),
    )
    .saying(format!(
        "The outcome of the first request with this Idempotency-Key ({first}) is unknown: it may have been executed, and \
         no answer was recorded. It is not executed again. Check whether it took effect, or contact support with both request ids."
    ));
    rejection.advice.should_not_retry = true;
    rejection
}

/// An operator has settled that the first request was executed, and knows no answer.
pub(super) fn executed(first: RequestId) -> Rejection {
    let mut rejection = Rejection::new(
        Code::InternalError,
        Stage::Idempotency,
        format!("an operator has settled that request {first} was executed; its answer is lost"),
    )
    .saying(format!(
        "The first request with this Idempotency-Key ({first}) was executed, as the operator of this API has established. \
         Its answer is lost, so there is none to repeat. It is not executed again."
    ));
    rejection.advice.should_not_retry = true;
    rejection
}

/// A failure after sending, as the first caller hears of it.
pub(crate) fn lost_outcome(broken: &Rejection) -> Rejection {
    let mut rejection =
        Rejection::new(Code::InternalError, broken.stage, broken.cause.for_support().to_owned()).saying(
            "The request was sent, and its outcome is unknown: no complete answer came back. It is not executed again \
             under this Idempotency-Key. Check whether it took effect, or contact support with the X-Request-Id.",
        );
    rejection.advice.should_not_retry = true;
    rejection
}
