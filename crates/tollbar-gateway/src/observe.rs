//! Answers of observed upstreams, looked at from aside: how they differ from their document is counted, and nothing is
//! changed or kept back for it.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use tollbar_core::{admission::Operation, observation::Answered};
use tollbar_http::{Framing, ResponseHead};
use tollbar_openapi::{BodyGiven, ResponseNeed};

use crate::{Shared, exchange::Exchange, worker::Worker};

/// The largest body that is looked at.
pub(crate) const OBSERVED_BODY_BYTES: usize = 256 * 1024;
/// What one thread holds of answers that are under way, to look at them.
pub(crate) const OBSERVED_MEMORY_BYTES: usize = 8 * 1024 * 1024;
/// So many answers are looked at in a second, by one thread.
pub(crate) const OBSERVED_PER_SECOND: u32 = 100;
/// What this may take of each second of a thread, in the long run.
pub(crate) const OBSERVED_TIME: Duration = Duration::from_millis(50);

/// What one thread may still do.
pub(crate) struct Observing {
    held: Cell<usize>,
    since: Cell<Instant>,
    begun: Cell<u32>,
    /// Time that was spent, and not made up for by seconds that have passed.
    spent: Cell<Duration>,
}

/// An answer on its way. Dropped when all of it has been delivered, it is held against the document and counted.
pub(crate) struct Watch {
    shared: Arc<Shared>,
    observing: Rc<Observing>,
    operation: Operation,
    answered: Answered,
    environment: &'static str,
    status: StatusCode,
    headers: HeaderMap,
    body: Copied,
    held: usize,
}

enum Copied {
    /// There can be none.
    None,
    /// It is not needed.
    Needless,
    /// It is not looked at: too large, compressed, or too much at once.
    Unseen,
    /// What has passed so far.
    UnderWay(BytesMut),
    Whole(Bytes),
}

impl Default for Observing {
    fn default() -> Self {
        Self {
            held: Cell::default(),
            since: Cell::new(Instant::now()),
            begun: Cell::default(),
            spent: Cell::default(),
        }
    }
}

impl Observing {
    /// Whether another one can be looked at.
    fn admits(&self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since.get()).as_secs();
        if passed > 0 {
            let made_up = OBSERVED_TIME.saturating_mul(u32::try_from(passed).unwrap_or(u32::MAX));
            self.since.set(now);
            self.begun.set(0);
            self.spent.set(self.spent.get().saturating_sub(made_up));
        }
        if self.begun.get() >= OBSERVED_PER_SECOND || self.spent.get() >= OBSERVED_TIME {
            return false;
        }
        self.begun.set(self.begun.get() + 1);
        true
    }

    fn hold(&self, bytes: usize) -> bool {
        let held = self.held.get().saturating_add(bytes);
        let fits = held <= OBSERVED_MEMORY_BYTES;
        if fits {
            self.held.set(held);
        }
        fits
    }
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
        let observing = &worker.observing;
        let held = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        let is_looked_at =
            operation.describes_answers() && observing.admits(Instant::now()) && observing.hold(held);
        if !is_looked_at {
            worker.shared.directory.observations.note(answered, false, &[]);
            return None;
        }
        let mut watch = Box::new(Self {
            shared: worker.shared.clone(),
            observing: observing.clone(),
            operation: operation.clone(),
            answered,
            environment: exchange.environment.as_str(),
            status: head.status,
            headers: head.headers.clone(),
            body: Copied::None,
            held,
        });
        if exchange.method != Method::HEAD && can_have_body(head.status) {
            watch.body = watch.begin_body(head.framing);
        }
        Some(watch)
    }

    fn begin_body(&mut self, framing: Framing) -> Copied {
        let length = match framing {
            Framing::None | Framing::Length(0) => return Copied::Whole(Bytes::new()),
            Framing::Length(length) => usize::try_from(length).unwrap_or(usize::MAX),
            Framing::Chunked | Framing::UntilClose => 0,
        };
        match self.operation.response_need(self.status, &self.headers) {
            ResponseNeed::Nothing => Copied::Needless,
            ResponseNeed::Whole if length <= OBSERVED_BODY_BYTES => Copied::UnderWay(BytesMut::new()),
            ResponseNeed::Whole | ResponseNeed::Unreadable => Copied::Unseen,
        }
    }

    /// The next piece on its way to the client; `None`: that was all.
    pub(crate) fn pass(&mut self, piece: Option<&Bytes>) {
        let Copied::UnderWay(passed) = &mut self.body else { return };
        match piece {
            None => self.body = Copied::Whole(passed.split().freeze()),
            Some(piece)
                if passed.len() + piece.len() <= OBSERVED_BODY_BYTES && self.observing.hold(piece.len()) =>
            {
                self.held += piece.len();
                passed.extend_from_slice(piece);
            }
            // What is held of it is of no use any more.
            Some(_) => self.body = Copied::Unseen,
        }
    }

    /// The whole body, where it is in memory for another reason.
    pub(crate) fn have(&mut self, body: Bytes) {
        if let Copied::UnderWay(_) = self.body {
            let fits = body.len() <= OBSERVED_BODY_BYTES;
            self.body = if fits { Copied::Whole(body) } else { Copied::Unseen };
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let began = Instant::now();
        let (body, whole) = match &self.body {
            Copied::None => (BodyGiven::None, true),
            Copied::Needless => (BodyGiven::Unread, true),
            // A body that broke off, or whose client has left.
            Copied::Unseen | Copied::UnderWay(_) => (BodyGiven::Unread, false),
            Copied::Whole(bytes) => (BodyGiven::Whole(bytes), true),
        };
        let find = || self.operation.differences(self.status, &self.headers, body);
        // Whatever happens here, the answer is well.
        match catch_unwind(AssertUnwindSafe(find)) {
            Ok(differences) => {
                if !differences.is_empty() {
                    let category = &self.operation.endpoint().category;
                    self.shared.metrics.count_difference(category, self.environment);
                }
                self.shared.directory.observations.note(self.answered, whole, &differences);
            }
            Err(_) => {
                self.shared.metrics.panics.inc();
            }
        }
        self.observing.held.set(self.observing.held.get().saturating_sub(self.held));
        self.observing.spent.set(self.observing.spent.get().saturating_add(began.elapsed()));
    }
}

fn can_have_body(status: StatusCode) -> bool {
    !status.is_informational() && !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_looks_at_so_many_in_a_second() {
        let observing = Observing::default();
        let now = Instant::now();
        let admitted = |now| (0..1000).filter(|_| observing.admits(now)).count();
        assert_eq!(admitted(now), 100);
        assert_eq!(admitted(now + Duration::from_millis(900)), 0);
        assert_eq!(admitted(now + Duration::from_millis(1100)), 100);
    }

    #[test]
    fn what_takes_long_is_made_up_for() {
        let observing = Observing::default();
        let now = Instant::now() + Duration::from_millis(1);
        observing.spent.set(Duration::from_millis(210));
        let admitted: Vec<bool> =
            (0..6).map(|seconds| observing.admits(now + Duration::from_secs(seconds))).collect();
        assert_eq!(admitted, [false, false, false, false, true, true]);
    }

    #[test]
    fn what_is_held_at_once_has_an_end() {
        let observing = Observing::default();
        let held = (0..1000).filter(|_| observing.hold(OBSERVED_BODY_BYTES)).count();
        assert_eq!(held, OBSERVED_MEMORY_BYTES / OBSERVED_BODY_BYTES);
        assert!(!observing.hold(usize::MAX));
    }
}
