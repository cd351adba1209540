//! A stored answer, and the same answer again.

use http::{HeaderName, HeaderValue};
use tollbar_contract::{Code, RequestId, Stage, headers};
use tollbar_core::{
    Rejection,
    idempotency::{Answer as Kept, Slot, StoredAnswer},
};

use crate::{
    answer::{Answer, AnsweredError},
    body::overloaded,
    exchange::Exchange,
    respond::{self, status_of},
    worker::Worker,
};

/// The answer of the first request, for a repeat.
pub(super) fn replay(
    worker: &Worker,
    exchange: &mut Exchange,
    slot: &Slot,
    first: RequestId,
    kept: Kept,
) -> Result<Answer<'static>, Rejection> {
    let refuse = |message: String, cause: String| {
        let mut rejection = Rejection::new(Code::InternalError, Stage::Idempotency, cause).saying(message);
        rejection.advice.should_not_retry = true;
        Err(rejection)
    };
    let Kept::Stored { sealed } = kept else {
        return refuse(
            format!(
                "The request with this Idempotency-Key ({first}) was executed, and its answer is too large to replay."
            ),
            format!("the answer of request {first} was beyond the limit for stored answers"),
        );
    };
    let opened = worker.shared.directory.secrets.open(&slot.sealing_context(), &sealed).ok();
    let Some((stored, body)) = opened.and_then(|bytes| StoredAnswer::decode(&bytes)) else {
        return refuse(
            format!(
                "The request with this Idempotency-Key ({first}) was executed, and its answer cannot be read any more."
            ),
            format!("the stored answer of request {first} does not open"),
        );
    };
    let Some(held) = worker.shared.memory.reserve(body.len()) else {
        worker.shared.metrics.overloads.inc();
        let cause = "the bodies of requests under way take all of gateway.buffer_memory_bytes";
        return Err(overloaded(Stage::Idempotency, cause));
    };
    let mut answer = Answer::whole(status_of(stored.status), http::HeaderMap::new(), body);
    answer.held = Some(held);
    for (name, value) in stored.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value)) {
            answer.headers.append(name, value);
        }
    }
    answer.headers.insert(headers::IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    respond::put(&mut answer.headers, HeaderName::from_static(headers::ORIGINAL_REQUEST_ID), first.as_str());
    if stored.status >= 500 {
        answer.headers.insert(headers::SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    exchange.replay_of = Some(first);
    answer.error = stored.code.and_then(|code| Code::find(&code)).map(AnsweredError::of_code);
    Ok(answer)
}

/// What is kept of an answer beside its body.
pub(super) fn stored(answer: &Answer<'_>, body: &[u8]) -> StoredAnswer {
    StoredAnswer {
        status: answer.status.as_u16(),
        headers: answer.headers.iter().map(|(n, v)| (n.as_str().to_owned(), v.as_bytes().to_vec())).collect(),
        code: answer.error.as_ref().map(|error| error.code.as_str().to_owned()),
        body_bytes: body.len(),
    }
}
