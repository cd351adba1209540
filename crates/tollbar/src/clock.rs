//! The platform's time: anchored once to the wall clock, then run on CLOCK_BOOTTIME, which only goes forward and
//! counts suspended time too.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use tollbar_core::{Clock, Timestamp};

/// What the machine's clocks show, in milliseconds.
pub(crate) trait Readings: Send + Sync {
    /// The wall clock: it can be set, in either direction.
    fn wall_millis(&self) -> u64;
    /// Since the machine's start: it only goes forward.
    fn boot_millis(&self) -> u64;
}

/// The machine's own.
pub(crate) struct Machine;

impl Readings for Machine {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is where the time comes from that is injected elsewhere"
    )]
    fn wall_millis(&self) -> u64 {
        // A clock that shows a time before 1970 is as good as none.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn boot_millis(&self) -> u64 {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        seconds.saturating_mul(1000).saturating_add(u64::try_from(time.tv_nsec / 1_000_000).unwrap_or(0))
    }
}

/// The clock of one process.
pub(crate) struct AnchoredClock<R = Machine> {
    readings: R,
    /// What is added to the time since the machine's start.
    offset_millis: u64,
}

impl<R: Readings> AnchoredClock<R> {
    /// Anchors the clock to the wall clock as it is now.
    pub(crate) fn start(readings: R) -> Self {
        Self { offset_millis: readings.wall_millis().saturating_sub(readings.boot_millis()), readings }
    }

    /// What the clock is anchored to.
    pub(crate) const fn offset_millis(&self) -> u64 {
        self.offset_millis
    }

    /// By how many milliseconds the wall clock has stepped away since the start.
    pub(crate) fn step_millis(&self) -> i64 {
        let (wall, own) = (self.readings.wall_millis(), self.now().as_millis());
        i64::try_from(i128::from(wall) - i128::from(own)).unwrap_or(i64::MAX)
    }
}

impl<R: Readings> Clock for AnchoredClock<R> {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.readings.boot_millis().saturating_add(self.offset_millis))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Hands {
        wall: Arc<AtomicU64>,
        boot: Arc<AtomicU64>,
    }

    impl Readings for Hands {
        fn wall_millis(&self) -> u64 {
            self.wall.load(SeqCst)
        }

        fn boot_millis(&self) -> u64 {
            self.boot.load(SeqCst)
        }
    }

    #[test]
    fn a_step_of_the_wall_clock_is_seen_and_changes_nothing() {
        const HOUR: u64 = 3_600_000;
        let hands = Hands::default();
        hands.wall.store(500 * HOUR, SeqCst);
        hands.boot.store(7 * HOUR, SeqCst);
        let clock = AnchoredClock::start(hands.clone());
        assert_eq!((clock.now().as_millis(), clock.step_millis()), (500 * HOUR, 0));
        // An hour goes by, and the wall clock is set back by an hour in it: what had expired stays expired.
        hands.boot.store(8 * HOUR, SeqCst);
        assert_eq!(clock.now().as_millis(), 501 * HOUR);
        assert_eq!(clock.step_millis(), -3_600_000);
        // And a month ahead: no new month's allowance.
        hands.wall.store(2000 * HOUR, SeqCst);
        assert_eq!(clock.now().as_millis(), 501 * HOUR);
        assert!(clock.step_millis() > 0);
    }

    #[test]
    fn the_machines_clock_starts_at_the_wall_clock_and_goes_forward() {
        let clock = AnchoredClock::start(Machine);
        assert!(clock.step_millis().abs() < 1000);
        let first = clock.now();
        assert!(clock.now() >= first);
        assert!(first > Timestamp::parse("2020-01-01").unwrap());
    }
}
