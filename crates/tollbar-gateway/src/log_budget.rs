//! How much is written into the request log: it must help support, and nobody may flush it.

use std::{
    cell::Cell,
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use tollbar_core::ClientId;

/// Errors of one client that are logged in a second: more than any look-up needs, too few to push out the others'.
const CLIENT_ERRORS_PER_SECOND: u32 = 100;

/// Errors, for the whole process.
pub(crate) struct ErrorBudget {
    anonymous_per_second: u32,
    second: Mutex<Second>,
}

struct Second {
    since: Instant,
    anonymous: u32,
    by_address: HashMap<IpAddr, u32>,
    by_client: HashMap<ClientId, u32>,
}

impl ErrorBudget {
    pub(crate) fn new(anonymous_per_second: u32) -> Self {
        let second = Second {
            since: Instant::now(),
            anonymous: 0,
            by_address: HashMap::new(),
            by_client: HashMap::new(),
        };
        Self { anonymous_per_second, second: Mutex::new(second) }
    }

    /// Of a caller that was not identified: at most half of the budget is for one address.
    pub(crate) fn take_anonymous(&self, address: IpAddr) -> bool {
        self.with(|second| {
            let had = second.by_address.get(&address).copied().unwrap_or(0);
            let is_left = second.anonymous < self.anonymous_per_second;
            if !is_left || had >= self.anonymous_per_second.div_ceil(2) {
                return false;
            }
            second.anonymous += 1;
            second.by_address.insert(address, had + 1);
            true
        })
    }

    /// Of a client.
    pub(crate) fn take_client(&self, client: ClientId) -> bool {
        self.with(|second| {
            let had = second.by_client.entry(client).or_default();
            *had += 1;
            *had <= CLIENT_ERRORS_PER_SECOND
        })
    }

    fn with<T>(&self, take: impl FnOnce(&mut Second) -> T) -> T {
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if second.since.elapsed().as_secs() >= 1 {
            second.since = Instant::now();
            second.anonymous = 0;
            second.by_address.clear();
            second.by_client.clear();
        }
        take(&mut second)
    }
}

/// Successes, for one thread: nothing is locked for a request that is well.
pub(crate) struct SuccessBudget {
    per_second: u32,
    used: Cell<u32>,
    since: Cell<Instant>,
}

impl SuccessBudget {
    /// One thread's part of what the whole process may write.
    pub(crate) fn new(per_second: u32, threads: usize) -> Self {
        let threads = u32::try_from(threads.max(1)).unwrap_or(u32::MAX);
        Self {
            per_second: per_second.div_ceil(threads),
            used: Cell::new(0),
            since: Cell::new(Instant::now()),
        }
    }

    pub(crate) fn take(&self) -> bool {
        if self.since.get().elapsed().as_secs() >= 1 {
            self.since.set(Instant::now());
            self.used.set(0);
        }
        self.used.set(self.used.get().saturating_add(1));
        self.used.get() <= self.per_second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_half_and_all_together_the_whole() {
        let budget = ErrorBudget::new(4);
        let [a, b, c] = [1, 2, 3].map(|n: u32| IpAddr::V4(n.into()));
        let taken = [a, a, a, b, b, b, c].map(|address| budget.take_anonymous(address));
        assert_eq!(taken, [true, true, false, true, true, false, false]);
    }

    #[test]
    fn one_client_cannot_push_out_the_others() {
        let budget = ErrorBudget::new(0);
        let [a, b] = [1, 2].map(ClientId::from_number);
        let logged = (0..1000).filter(|_| budget.take_client(a)).count();
        // The second may have ended in between, once.
        assert!((100..=200).contains(&logged), "{logged}");
        assert!(budget.take_client(b));
        assert!(!budget.take_anonymous("1.2.3.4".parse().unwrap()));
    }
}
