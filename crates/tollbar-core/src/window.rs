//! The per-minute rate: no span of 60 seconds admits more than the limit.

use crate::Timestamp;

/// A request is counted in the second it came in. Any span of 60 seconds touches at most 61 of those, so the
/// sum over 61 is what is held against the limit.
const SECONDS: u64 = 61;
const SLOTS: usize = 61;

/// A ring of one-second counts. Its time only runs forward: an earlier `now` is read as the latest one seen.
#[derive(Clone, Debug)]
pub struct RateWindow {
    counts: [u32; SLOTS],
    total: u32,
    /// The latest second that the ring has been moved to.
    second: u64,
}

/// What stands in the `X-RateLimit-*` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateState {
    /// The limit in force.
    pub limit: u32,
    /// How many more are admitted now.
    pub remaining: u32,
    /// Unix seconds at which, with nothing else sent, the whole limit is admitted. At most 61 s ahead.
    pub reset_seconds: u64,
}

/// The rate is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateExceeded {
    /// The state, with nothing remaining.
    pub state: RateState,
    /// How many the window has: more than the limit where that was made lower.
    pub counted: u32,
    /// After so many seconds at least one request is admitted, if nothing else is sent.
    pub retry_after_seconds: u32,
}

impl Default for RateWindow {
    fn default() -> Self {
        Self { counts: [0; SLOTS], total: 0, second: 0 }
    }
}

impl RateWindow {
    /// Takes one from the rate, or says that there is none. A refusal counts nothing.
    pub fn take(&mut self, limit: u32, now: Timestamp) -> Result<RateState, RateExceeded> {
        self.move_to(now.as_seconds());
        if self.total >= limit {
            return Err(RateExceeded {
                state: self.state(limit),
                counted: self.total,
                retry_after_seconds: self.seconds_until_one(limit),
            });
        }
        self.add(1);
        Ok(self.state(limit))
    }

    /// The state without taking anything.
    pub fn peek(&mut self, limit: u32, now: Timestamp) -> RateState {
        self.move_to(now.as_seconds());
        self.state(limit)
    }

    /// Puts back what was admitted before a restart. Call in the order of time.
    pub fn restore(&mut self, second: u64, count: u32) {
        self.move_to(second);
        self.add(count);
    }

    fn add(&mut self, count: u32) {
        let slot = slot(self.second);
        self.counts[slot] = self.counts[slot].saturating_add(count);
        self.total = self.total.saturating_add(count);
    }

    fn move_to(&mut self, second: u64) {
        if second <= self.second {
            return;
        }
        if second - self.second >= SECONDS {
            *self = Self { second, ..Self::default() };
            return;
        }
        for passed in self.second + 1..=second {
            let slot = slot(passed);
            self.total -= self.counts[slot].min(self.total);
            self.counts[slot] = 0;
        }
        self.second = second;
    }

    fn state(&self, limit: u32) -> RateState {
        // The newest count leaves the window last.
        let newest = (0..SECONDS).find(|age| self.counts[slot(self.second.wrapping_sub(*age))] > 0);
        let reset_seconds = newest.map_or(self.second, |age| self.second - age + SECONDS);
        RateState { limit, remaining: limit.saturating_sub(self.total), reset_seconds }
    }

    fn seconds_until_one(&self, limit: u32) -> u32 {
        let mut left = self.total;
        for age in (0..SECONDS).rev() {
            left -= self.counts[slot(self.second.wrapping_sub(age))].min(left);
            if left < limit {
                return u32::try_from(SECONDS - age).unwrap_or(61);
            }
        }
        61
    }
}

fn slot(second: u64) -> usize {
    usize::try_from(second % SECONDS).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: u64 = 1_800_000_000_000;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(START + millis)
    }

    #[test]
    fn at_reset_the_whole_limit_is_admitted() {
        let mut window = RateWindow::default();
        for n in 0..5 {
            assert_eq!(window.take(5, at(n * 700)).unwrap().remaining, 4 - u32::try_from(n).unwrap());
        }
        let refused = window.take(5, at(4000)).unwrap_err();
        assert_eq!(refused.state.remaining, 0);
        assert_eq!(refused.state.reset_seconds, START / 1000 + 2 + 61);
        assert_eq!(refused.retry_after_seconds, 57, "the two of second 0 leave at second 61");
        let reset = Timestamp::from_seconds(refused.state.reset_seconds);
        for _ in 0..5 {
            window.take(5, reset).unwrap();
        }
        window.take(5, reset).unwrap_err();
    }

    #[test]
    fn a_lower_limit_holds_at_once_and_keeps_the_count() {
        let mut window = RateWindow::default();
        for _ in 0..8 {
            window.take(10, at(0)).unwrap();
        }
        assert_eq!(window.take(3, at(10)).unwrap_err().state.remaining, 0);
        assert_eq!(window.take(9, at(20)).unwrap().remaining, 0);
    }

    #[test]
    fn time_does_not_run_backwards() {
        let mut window = RateWindow::default();
        window.take(1, at(100_000)).unwrap();
        window.take(1, at(0)).unwrap_err();
    }

    proptest! {
        #[test]
        fn no_span_of_60_seconds_admits_more_than_the_limit(
            limit in 1_u32..20,
            gaps in prop::collection::vec(prop_oneof![0_u64..300, 0_u64..20_000, 55_000_u64..70_000], 1..400),
            restart_at in 0_usize..400,
        ) {
            let mut window = RateWindow::default();
            let mut admitted: Vec<u64> = Vec::new();
            let mut now = 0;
            for (n, gap) in gaps.into_iter().enumerate() {
                now += gap;
                if n == restart_at {
                    // What a restart does: counts by second, put back in order.
                    window = RateWindow::default();
                    for t in &admitted { window.restore((START + t) / 1000, 1); }
                }
                match window.take(limit, at(now)) {
                    Ok(state) => {
                        admitted.push(now);
                        prop_assert!(state.reset_seconds <= (START + now) / 1000 + 61);
                    }
                    Err(refused) => {
                        // After Retry-After at least one; at Reset the whole limit.
                        let mut later = window.clone();
                        prop_assert!(later.take(limit, at(now).plus_seconds(refused.retry_after_seconds.into())).is_ok());
                        let mut reset = window.clone();
                        for _ in 0..limit {
                            prop_assert!(reset.take(limit, Timestamp::from_seconds(refused.state.reset_seconds)).is_ok());
                        }
                    }
                }
                let span = admitted.iter().filter(|t| **t + 60_000 > now).count();
                prop_assert!(span <= limit as usize);
            }
        }
    }
}
