//! Whether an address is to be used: what its exchanges and its checks have said. All threads share it.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

mod record;

use record::Record;
pub(crate) use record::{Change, Failure};

/// The health of one address. Times are counted from the start of the data plane.
pub(crate) struct Health {
    record: Mutex<Record>,
    /// The record's standing, to be read without the lock.
    standing: AtomicU64,
    /// Whether a success would change nothing.
    is_clean: AtomicBool,
    /// Whether the one that tries it may be sent and not answered.
    is_risky: AtomicBool,
}

/// An address that took requests and did not answer is tried by one that is safe; if none comes in this time, by any.
const SAFE_TRY: Duration = Duration::from_secs(30);

/// How an address stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is used.
    Well,
    /// It is ejected, and one request may try it.
    Due,
    /// It is ejected until then, in milliseconds.
    Out(u64),
}

impl Default for Health {
    fn default() -> Self {
        Self {
            record: Mutex::default(),
            standing: AtomicU64::new(0),
            is_clean: AtomicBool::new(true),
            is_risky: AtomicBool::new(false),
        }
    }
}

impl Health {
    /// It is not ejected.
    pub(crate) fn is_well(&self) -> bool {
        self.standing.load(Ordering::Acquire) == 0
    }

    /// How it stands for a request that is safe, or not.
    pub(crate) fn standing(&self, now: Duration, is_safe: bool) -> Standing {
        let next_try = match self.standing.load(Ordering::Acquire) {
            0 => return Standing::Well,
            next_try => next_try,
        };
        let wait = if is_safe || !self.is_risky.load(Ordering::Acquire) { 0 } else { millis(SAFE_TRY) };
        if next_try.saturating_add(wait) <= millis(now) { Standing::Due } else { Standing::Out(next_try) }
    }

    /// Takes the one try that is due; false when another request was faster.
    pub(crate) fn claim_try(&self, now: Duration) -> bool {
        self.with(|record| record.claim_try(now))
    }

    /// An exchange that began then was answered.
    pub(crate) fn succeed(&self, began: Duration, now: Duration) -> Option<Change> {
        if self.is_clean.load(Ordering::Acquire) {
            return None;
        }
        self.with(|record| record.succeed(began, now))
    }

    /// An exchange that began then failed. So many failures of exchanges in a row eject.
    pub(crate) fn fail(
        &self,
        failure: Failure,
        began: Duration,
        now: Duration,
        eject_after: u32,
    ) -> Option<Change> {
        self.with(|record| record.fail(failure, began, now, eject_after))
    }

    /// A check of ours passed or failed.
    pub(crate) fn check(&self, passed: bool, now: Duration) -> Option<Change> {
        self.with(|record| record.check(passed, now))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Record) -> T) -> T {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = work(&mut record);
        let standing = match record.next_try() {
            None => 0,
            Some(next_try) => millis(next_try).max(1),
        };
        self.standing.store(standing, Ordering::Release);
        self.is_clean.store(record.is_clean(), Ordering::Release);
        self.is_risky.store(record.is_risky(), Ordering::Release);
        outcome
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_requests_and_did_not_answer_is_tried_by_a_safe_one_first() {
        for (failure, unsafe_try) in [(Failure::Connect, 750), (Failure::Exchange, 30_750)] {
            let (health, start) = (Health::default(), Duration::ZERO);
            assert_eq!(health.standing(start, false), Standing::Well);
            assert_eq!(health.fail(failure, start, start, 1), Some(Change::Ejected));
            for (is_safe, due) in [(true, 750), (false, unsafe_try)] {
                let standing = |at| health.standing(Duration::from_millis(at), is_safe);
                assert_eq!([standing(due - 1), standing(due)], [Standing::Out(750), Standing::Due]);
            }
            let now = Duration::from_secs(1);
            assert!(health.claim_try(now) && !health.claim_try(now));
            assert_eq!(health.standing(now, true), Standing::Out(2000));
            assert_eq!(health.succeed(now, now), Some(Change::Returned));
            assert_eq!(health.standing(now, false), Standing::Well);
        }
    }
}
