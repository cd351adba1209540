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
}

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
        Self { record: Mutex::default(), standing: AtomicU64::new(0), is_clean: AtomicBool::new(true) }
    }
}

impl Health {
    /// It is not ejected.
    pub(crate) fn is_well(&self) -> bool {
        self.standing.load(Ordering::Acquire) == 0
    }

    pub(crate) fn standing(&self, now: Duration) -> Standing {
        match self.standing.load(Ordering::Acquire) {
            0 => Standing::Well,
            next_try if next_try <= millis(now) => Standing::Due,
            next_try => Standing::Out(next_try),
        }
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
        outcome
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
