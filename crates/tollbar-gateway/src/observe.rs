//! Answers of observed upstreams, looked at from aside: how they differ from their document is counted, and nothing is
//! changed or kept back for it.
//!
//! The data plane only copies what passes and hands it on. What takes time is done by a thread of its own ([`aside`]),
//! which has little of each second; what does not fit is counted as not looked at.

mod aside;
mod limits;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tollbar_core::{admission::Operation, observation::Answered};
use tollbar_http::{Framing, ResponseHead};
use tollbar_openapi::ResponseNeed;

use crate::{Shared, exchange::Exchange, memory_budget::Reserved, worker::Worker};
pub(crate) use aside::{Aside, Observer};

/// The largest body that is looked at.
pub(crate) const OBSERVED_BODY_BYTES: usize = 256 * 1024;
/// What an answer takes beside its headers' texts and its body.
const ENTRY_BYTES: usize = 2 * 1024;
/// What a header field takes beside its texts.
const FIELD_BYTES: usize = 128;

/// An answer on its way. Dropped when all of it has been delivered, it is handed on to be held against the document.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    observer: Observer,
    /// Until it is handed on.
    seen: Option<Seen>,
}

/// What was seen of an answer.
struct Seen {
    operation: Operation,
    answered: Answered,
    environment: &'static str,
    status: StatusCode,
    headers: HeaderMap,
    body: Copied,
    held: Reserved,
}

enum Copied {
    /// There can be none.
    None,
    /// It is not needed.
    Needless,
    /// It is not looked at: too large, compressed, or too much at once.
    Unseen,
    /// What has passed so far.
    UnderWay(Vec<u8>),
    Whole(Vec<u8>),
}

impl Watch {
    /// Begins with the head as it came; `None`: nobody wants to know, or it is too much at once and counted as such.
    pub(crate) fn begin(
        worker: &Worker,
        exchange: &Exchange,
        operation: &Operation,
        head: &ResponseHead,
    ) -> Option<Box<Self>> {
        if !operation.is_observed() {
            return None;
        }
        let answered = Answered {
            endpoint: operation.endpoint().id,
            import: operation.api().record.change,
            request: exchange.request_id,
            at: exchange.at,
        };
        let observer = &worker.observer;
        let held = Some(operation)
            .filter(|operation| operation.describes_answers() && observer.admits())
            .and_then(|_| observer.hold(head_bytes(&head.headers)));
        let Some(held) = held else {
            worker.shared.directory.observations.note(answered, false, &[]);
            return None;
        };
        let mut seen = Seen {
            operation: operation.clone(),
            answered,
            environment: exchange.environment.as_str(),
            status: head.status,
            headers: head.headers.clone(),
            body: Copied::None,
            held,
        };
        if exchange.method != Method::HEAD && can_have_body(head.status) {
            seen.body = seen.begin_body(head.framing);
        }
        Some(Box::new(Self { shared: worker.shared.clone(), observer: observer.clone(), seen: Some(seen) }))
    }

    /// The next piece on its way to the client; `None`: that was all.
    pub(crate) fn pass(&mut self, piece: Option<&Bytes>) {
        if let Some(seen) = &mut self.seen {
            seen.pass(piece);
        }
    }

    /// The whole body, where it is in memory for another reason. It may be a small part of what it holds: it is copied.
    pub(crate) fn have(&mut self, body: &Bytes) {
        self.pass(Some(body));
        self.pass(None);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let Some(seen) = self.seen.take() else { return };
        if let Err(answered) = self.observer.hand_on(seen) {
            self.shared.directory.observations.note(answered, false, &[]);
        }
    }
}

impl Seen {
    fn begin_body(&mut self, framing: Framing) -> Copied {
        let length = match framing {
            Framing::None | Framing::Length(0) => return Copied::Whole(Vec::new()),
            Framing::Length(length) => usize::try_from(length).unwrap_or(usize::MAX),
            Framing::Chunked | Framing::UntilClose => 0,
        };
        match self.operation.response_need(self.status, &self.headers) {
            ResponseNeed::Nothing => Copied::Needless,
            ResponseNeed::Whole if length <= OBSERVED_BODY_BYTES => Copied::UnderWay(Vec::new()),
            ResponseNeed::Whole | ResponseNeed::Unreadable => Copied::Unseen,
        }
    }

    fn pass(&mut self, piece: Option<&Bytes>) {
        let Copied::UnderWay(passed) = &mut self.body else { return };
        match piece {
            None => self.body = Copied::Whole(std::mem::take(passed)),
            Some(piece) if has_room(passed, piece.len(), &mut self.held) => passed.extend_from_slice(piece),
            // What is held of it is of no use any more.
            Some(_) => {
                self.body = Copied::Unseen;
                self.held.shrink_to(head_bytes(&self.headers));
            }
        }
    }
}

/// Makes room for so many bytes more, if they may be held. What counts is what a buffer takes, and not what is in it.
fn has_room(buffer: &mut Vec<u8>, more: usize, held: &mut Reserved) -> bool {
    let length = buffer.len().saturating_add(more);
    if length > OBSERVED_BODY_BYTES {
        return false;
    }
    if length > buffer.capacity() {
        let capacity = length.max(buffer.capacity() * 2).min(OBSERVED_BODY_BYTES);
        if !held.grow(capacity - buffer.capacity()) {
            return false;
        }
        buffer.reserve_exact(capacity - buffer.len());
    }
    true
}

/// What the head of an answer takes, about.
fn head_bytes(headers: &HeaderMap) -> usize {
    let texts: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    ENTRY_BYTES + headers.capacity() * FIELD_BYTES + texts
}

fn can_have_body(status: StatusCode) -> bool {
    !status.is_informational() && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory_budget::MemoryBudget;

    #[test]
    fn what_a_buffer_takes_is_held_and_never_more_than_a_body_may_have() {
        for piece in [1, 7, 100, 1000, 16_384, 100_000, OBSERVED_BODY_BYTES] {
            let budget = MemoryBudget::new(10 * OBSERVED_BODY_BYTES);
            let mut held = budget.reserve(0).unwrap();
            let mut buffer = Vec::new();
            while has_room(&mut buffer, piece, &mut held) {
                buffer.extend_from_slice(&vec![0; piece]);
                assert_eq!(budget.used(), buffer.capacity());
                assert!(buffer.capacity() <= OBSERVED_BODY_BYTES, "{piece}");
            }
            assert!(buffer.len() + piece > OBSERVED_BODY_BYTES, "{piece}");
        }
        let budget = MemoryBudget::new(1000);
        let (mut held, mut buffer) = (budget.reserve(900).unwrap(), Vec::new());
        assert!(has_room(&mut buffer, 100, &mut held));
        buffer.extend([0; 100]);
        assert!(!has_room(&mut buffer, 1, &mut held) && !has_room(&mut buffer, usize::MAX, &mut held));
    }
}
