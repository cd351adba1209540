//! Whether a thread has more to do than it can: how late its event loop comes to what is due.
//!
//! A ticker asks to be woken every [`TICK`] and tells how late it was. One late tick is a hiccup. Late again and again,
//! with not one in time between them, is a queue that stays: whatever is accepted now waits in it.

use std::time::{Duration, Instant};

/// How often the ticker asks to be woken.
pub(crate) const TICK: Duration = Duration::from_millis(20);
/// A tick that is later than this is late: long after callers have begun to notice, so that a machine that is busy with
/// other things refuses nobody...
const LATE: Duration = Duration::from_millis(500);
/// ...and one up to this is in time. In between nothing changes.
const IN_TIME: Duration = Duration::from_millis(100);
/// Late for so long...
const OVERLOADED_AFTER: Duration = Duration::from_secs(2);
/// ...and so often: then the thread is overloaded.
const LATE_TICKS_MIN: u32 = 3;
/// In time for so long: then it is so no more.
const WELL_AFTER: Duration = Duration::from_millis(200);

/// The state of one thread's event loop.
#[derive(Debug, Default)]
pub(crate) struct LoopLag {
    is_overloaded: bool,
    /// Since when the ticks speak against the present state, and how many.
    against: Option<(Instant, u32)>,
    last: Duration,
}

impl LoopLag {
    /// A tick that was due at `due` and came at `now`. Says whether the state changed by it.
    pub(crate) fn tick(&mut self, due: Instant, now: Instant) -> bool {
        self.last = now.saturating_duration_since(due);
        let speaks_against = if self.is_overloaded { self.last <= IN_TIME } else { self.last > LATE };
        if !speaks_against {
            self.against = None;
            return false;
        }
        // A late tick says how it has been since it was due.
        let (since, ticks) = self.against.unwrap_or((due, 0));
        self.against = Some((since, ticks.saturating_add(1)));
        let lasted = now.saturating_duration_since(since);
        let is_enough = if self.is_overloaded {
            lasted >= WELL_AFTER
        } else {
            lasted >= OVERLOADED_AFTER && ticks + 1 >= LATE_TICKS_MIN
        };
        if is_enough {
            self.is_overloaded = !self.is_overloaded;
            self.against = None;
        }
        is_enough
    }

    /// New requests are better refused than begun.
    pub(crate) const fn is_overloaded(&self) -> bool {
        self.is_overloaded
    }

    /// How late the last tick was.
    pub(crate) const fn last(&self) -> Duration {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ticker whose ticks come so many milliseconds late, one after the other.
    struct Ticker {
        lag: LoopLag,
        now: Instant,
    }

    impl Ticker {
        fn new() -> Self {
            Self { lag: LoopLag::default(), now: Instant::now() }
        }

        /// The states after each tick.
        fn run(&mut self, late_millis: &[u64]) -> Vec<bool> {
            let mut states = Vec::new();
            for late in late_millis {
                let (due, before) = (self.now + TICK, self.lag.is_overloaded());
                self.now = due + Duration::from_millis(*late);
                let has_changed = self.lag.tick(due, self.now);
                assert_eq!(has_changed, before != self.lag.is_overloaded());
                assert_eq!(self.lag.last(), Duration::from_millis(*late));
                states.push(self.lag.is_overloaded());
            }
            states
        }
    }

    #[test]
    fn a_hiccup_is_no_overload() {
        let mut ticker = Ticker::new();
        for _ in 0..20 {
            assert_eq!(ticker.run(&[5000, 0, 1400, 0, 501, 501, 3]), [false; 7]);
        }
        assert_eq!(ticker.run(&[500; 50]), [false; 50], "up to it is not above it");
    }

    #[test]
    fn a_lag_that_stays_is_one_and_ends_when_it_has_gone() {
        let mut ticker = Ticker::new();
        assert_eq!(ticker.run(&[600; 4]), [false, false, false, true]);
        // Better, but not well.
        assert_eq!(ticker.run(&[101; 100]), [true; 100]);
        assert_eq!(ticker.run(&[10, 10, 150, 10, 10, 520]), [true; 6]);
        let states = ticker.run(&[0; 11]);
        assert_eq!(states.iter().position(|is_overloaded| !is_overloaded), Some(10), "{states:?}");
        // And not at once again.
        assert_eq!(ticker.run(&[600, 60, 600, 99, 600, 600]), [false; 6]);
    }

    #[test]
    fn it_takes_several_ticks_however_late_they_are() {
        let mut ticker = Ticker::new();
        assert_eq!(ticker.run(&[3000, 3000, 3000]), [false, false, true]);
    }
}
