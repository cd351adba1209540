//! The platform's time: anchored once to the wall clock, then run on CLOCK_BOOTTIME, which only goes forward and
//! counts suspended time too.

use rustix::time::{ClockId, clock_gettime};
use tollbar_core::{Clock, Timestamp};

/// The clock of one process.
pub(crate) struct AnchoredClock {
    /// What is added to the time since the machine's start, in milliseconds.
    offset_millis: u64,
}

impl AnchoredClock {
    /// Anchors the clock to the wall clock as it is now.
    pub(crate) fn start() -> Self {
        Self { offset_millis: read(ClockId::Realtime).saturating_sub(read(ClockId::Boottime)) }
    }

    /// By how many milliseconds the wall clock has stepped away since the start.
    pub(crate) fn step_millis(&self) -> i64 {
        let (wall, own) = (read(ClockId::Realtime), self.now().as_millis());
        i64::try_from(i128::from(wall) - i128::from(own)).unwrap_or(i64::MAX)
    }
}

impl Clock for AnchoredClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(read(ClockId::Boottime).saturating_add(self.offset_millis))
    }
}

fn read(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds.saturating_mul(1000).saturating_add(u64::try_from(time.tv_nsec / 1_000_000).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_starts_at_the_wall_clock_and_goes_forward() {
        let clock = AnchoredClock::start();
        assert!(clock.step_millis().abs() < 1000);
        let first = clock.now();
        assert!(clock.now() >= first);
        assert!(first > Timestamp::parse("2020-01-01").unwrap());
    }
}
