//! Failed authentication, throttled per address. A valid credential is never throttled.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use crate::Timestamp;

/// Addresses remembered at once. Beyond that, new ones share one count: memory stays bounded in a flood from
/// many addresses.
const ADDRESSES_MAX: usize = 16_384;
const WINDOW_MILLIS: u64 = 60_000;

/// Counts failures by address, in windows of a minute that begin with the first failure.
pub struct FailureThrottle {
    per_minute: u32,
    failures: Mutex<Failures>,
}

#[derive(Default)]
struct Failures {
    windows: HashMap<Option<IpAddr>, Window>,
    /// When windows that are over were last looked for: a full table must not be searched for each failure.
    swept: Timestamp,
}

#[derive(Clone, Copy)]
struct Window {
    since: Timestamp,
    failures: u32,
}

impl FailureThrottle {
    /// Lets so many failures a minute be answered by their own code.
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute, failures: Mutex::default() }
    }

    /// Counts a failure. `Some(seconds)` when there have been too many: how long until the window ends.
    pub fn count(&self, address: IpAddr, now: Timestamp) -> Option<u32> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let Failures { windows, swept } = &mut *failures;
        let own = Some(network_of(address));
        let is_over = |window: &Window| now.millis_since(window.since) >= WINDOW_MILLIS;
        if windows.len() >= ADDRESSES_MAX && now.millis_since(*swept) >= 1000 {
            windows.retain(|_, window| !is_over(window));
            *swept = now;
        }
        let key = own.filter(|_| windows.len() < ADDRESSES_MAX || windows.contains_key(&own));
        let window = windows.entry(key).or_insert(Window { since: now, failures: 0 });
        if is_over(window) {
            *window = Window { since: now, failures: 0 };
        }
        window.failures = window.failures.saturating_add(1);
        let left = WINDOW_MILLIS - now.millis_since(window.since);
        (window.failures > self.per_minute).then(|| u32::try_from(left.div_ceil(1000)).unwrap_or(60))
    }
}

/// An IPv6 caller has a whole /64 to itself.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    #[test]
    fn failures_beyond_the_limit_are_throttled_until_the_minute_is_over() {
        let throttle = FailureThrottle::new(3);
        let start = Timestamp::from_seconds(1_000);
        for _ in 0..3 {
            assert_eq!(throttle.count(address(1), start), None);
        }
        assert_eq!(throttle.count(address(1), start.plus_seconds(20)), Some(40));
        assert_eq!(throttle.count(address(2), start), None, "another address");
        assert_eq!(throttle.count(address(1), start.plus_seconds(60)), None, "a new minute");
    }

    #[test]
    fn an_ipv6_network_counts_as_one() {
        let throttle = FailureThrottle::new(1);
        let now = Timestamp::from_seconds(1_000);
        assert_eq!(throttle.count("2001:db8::1".parse().unwrap(), now), None);
        assert!(throttle.count("2001:db8::2".parse().unwrap(), now).is_some());
        assert_eq!(throttle.count("2001:db8:0:1::1".parse().unwrap(), now), None);
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = FailureThrottle::new(1);
        let now = Timestamp::from_seconds(1_000);
        for n in 0..40_000 {
            throttle.count(address(n), now);
        }
        assert!(throttle.failures.lock().unwrap().windows.len() <= ADDRESSES_MAX + 1);
        assert!(throttle.count(address(50_000), now).is_some(), "the rest share one count");
    }
}
