//! The rules of ejection and return. Pure: time comes in.

use std::time::Duration;

/// The first ejection lasts so long...
const BACK_OFF_MIN: Duration = Duration::from_secs(1);
/// ...each further one in a row twice as long as the one before, up to this.
const BACK_OFF_MAX: Duration = Duration::from_secs(30);
/// One that fails again within so many back-offs of its return has not recovered.
const RELAPSE: u32 = 2;
/// Checks that must fail in a row to eject an address.
const CHECKS_TO_EJECT: u32 = 2;
/// Checks that must pass in a row to bring it back.
const CHECKS_TO_RETURN: u32 = 2;

/// How an exchange with an address failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There was no connection. Nothing was sent, and the next request would meet the same: it counts at once.
    Connect,
    /// It broke or timed out before an answer.
    Exchange,
}

/// What became of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Ejected,
    Returned,
}

/// What is known of an address.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// Failures in a row.
    failures: u32,
    ejection: Option<Ejection>,
    /// When it last returned, and how long its last back-off was.
    returned: Option<(Duration, Duration)>,
    checks_failed: u32,
    checks_passed: u32,
    /// Its checks say that it must not be used.
    fails_checks: bool,
}

#[derive(Clone, Copy, Debug)]
struct Ejection {
    failure: Failure,
    since: Duration,
    back_off: Duration,
    /// When the back-off is over.
    due: Duration,
    /// When a request may try it; moves on when one does.
    next_try: Duration,
}

impl Record {
    /// `None`: it is used as any. A time that never comes: only checks bring it back.
    pub(super) fn next_try(&self) -> Option<Duration> {
        if self.fails_checks { Some(Duration::MAX) } else { self.ejection.map(|ejection| ejection.next_try) }
    }

    pub(super) const fn is_clean(&self) -> bool {
        self.failures == 0 && self.ejection.is_none()
    }

    /// Whether the last failure was of a request that had been sent.
    pub(super) fn is_risky(&self) -> bool {
        self.ejection.is_some_and(|ejection| ejection.failure == Failure::Exchange)
    }

    /// One try in each back-off: if nothing comes of it, the next request may try after another one.
    pub(super) fn claim_try(&mut self, now: Duration) -> bool {
        match &mut self.ejection {
            Some(ejection) if !self.fails_checks && ejection.next_try <= now => {
                ejection.next_try = now + ejection.back_off;
                true
            }
            _ => false,
        }
    }

    pub(super) fn succeed(&mut self, began: Duration, now: Duration) -> Option<Change> {
        // What began before the ejection does not tell how the address is since.
        if self.ejection.is_some_and(|ejection| began < ejection.since) {
            return None;
        }
        self.changing(|record| {
            record.failures = 0;
            record.end_ejection(now);
        })
    }

    pub(super) fn fail(
        &mut self,
        failure: Failure,
        began: Duration,
        now: Duration,
        eject_after: u32,
    ) -> Option<Change> {
        if let Some(ejection) = self.ejection {
            // Only a try that was due tells something new, not what was under way all the time.
            if began >= ejection.due {
                self.ejection = Some(Ejection::begin(failure, ejection.back_off.saturating_mul(2), now));
            }
            return None;
        }
        if self.returned.is_some_and(|(at, _)| began < at) {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        if failure == Failure::Exchange && self.failures < eject_after {
            return None;
        }
        self.changing(|record| {
            record.failures = 0;
            let back_off = match record.returned {
                Some((at, last)) if now.saturating_sub(at) < last * RELAPSE => last.saturating_mul(2),
                _ => BACK_OFF_MIN,
            };
            record.ejection = Some(Ejection::begin(failure, back_off, now));
        })
    }

    pub(super) fn check(&mut self, passed: bool, now: Duration) -> Option<Change> {
        self.changing(|record| {
            if passed {
                record.checks_failed = 0;
                record.checks_passed = record.checks_passed.saturating_add(1);
                if record.checks_passed >= CHECKS_TO_RETURN {
                    record.fails_checks = false;
                    if record.ejection.is_some_and(|ejection| ejection.due <= now) {
                        record.end_ejection(now);
                    }
                }
            } else {
                record.checks_passed = 0;
                record.checks_failed = record.checks_failed.saturating_add(1);
                record.fails_checks |= record.checks_failed >= CHECKS_TO_EJECT;
            }
        })
    }

    fn end_ejection(&mut self, now: Duration) {
        if let Some(ejection) = self.ejection.take() {
            self.failures = 0;
            self.returned = Some((now, ejection.back_off));
        }
    }

    fn changing(&mut self, work: impl FnOnce(&mut Self)) -> Option<Change> {
        let was_used = self.next_try().is_none();
        work(self);
        match (was_used, self.next_try().is_none()) {
            (true, false) => Some(Change::Ejected),
            (false, true) => Some(Change::Returned),
            _ => None,
        }
    }
}

impl Ejection {
    fn begin(failure: Failure, back_off: Duration, now: Duration) -> Self {
        let back_off = back_off.min(BACK_OFF_MAX);
        let due = now + jittered(back_off, now);
        Self { failure, since: now, back_off, due, next_try: due }
    }
}

/// Between three and five quarters: addresses that failed together are not all tried at once. What the clock shows
/// below a millisecond is chance enough.
fn jittered(back_off: Duration, now: Duration) -> Duration {
    let chance = now.subsec_micros() % 1000;
    back_off * 3 / 4 + back_off * chance / 2000
}

#[cfg(test)]
mod tests;
