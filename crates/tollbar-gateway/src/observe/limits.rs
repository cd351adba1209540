//! How much may be looked at. Partners' requests come first.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// So many answers are copied in a second, by one data-plane thread.
pub(super) const OBSERVED_PER_SECOND: u32 = 100;
/// What looking at them may take of each second of one core, in the long run.
pub(super) const OBSERVED_TIME: Duration = Duration::from_millis(100);

/// How many have been begun in this second.
pub(super) struct Rate {
    since: Instant,
    begun: u32,
}

/// The time that was spent, and not made up for by seconds that have passed.
pub(super) struct Spent(Mutex<(Instant, Duration)>);

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, begun: 0 }
    }

    pub(super) fn admits(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self::new(now);
        }
        let is_admitted = self.begun < OBSERVED_PER_SECOND;
        self.begun += u32::from(is_admitted);
        is_admitted
    }
}

impl Spent {
    pub(super) fn new(now: Instant) -> Self {
        Self(Mutex::new((now, Duration::ZERO)))
    }

    /// Whether nothing more may be begun now.
    pub(super) fn is_all(&self, now: Instant) -> bool {
        let mut spent = self.lock();
        let (since, time) = &mut *spent;
        let passed = now.saturating_duration_since(*since).as_secs();
        if passed > 0 {
            let made_up = OBSERVED_TIME.saturating_mul(u32::try_from(passed).unwrap_or(u32::MAX));
            *since = now;
            *time = time.saturating_sub(made_up);
        }
        *time >= OBSERVED_TIME
    }

    pub(super) fn add(&self, time: Duration) {
        let mut spent = self.lock();
        spent.1 = spent.1.saturating_add(time);
    }

    fn lock(&self) -> MutexGuard<'_, (Instant, Duration)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_copies_so_many_in_a_second() {
        let now = Instant::now();
        let mut rate = Rate::new(now);
        let mut admitted = |now| (0..1000).filter(|_| rate.admits(now)).count();
        assert_eq!(admitted(now), 100);
        assert_eq!(admitted(now + Duration::from_millis(900)), 0);
        assert_eq!(admitted(now + Duration::from_millis(1100)), 100);
    }

    #[test]
    fn what_takes_long_is_made_up_for() {
        let now = Instant::now();
        let spent = Spent::new(now);
        spent.add(Duration::from_millis(410));
        let is_all: Vec<bool> =
            (0..6).map(|seconds| spent.is_all(now + Duration::from_secs(seconds))).collect();
        assert_eq!(is_all, [true, true, true, true, false, false]);
    }
}
