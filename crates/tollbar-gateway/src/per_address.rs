//! How many connections one address has open: nobody may take all of them.

use std::{
    collections::{HashMap, hash_map::RandomState},
    fmt,
    hash::BuildHasher,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ipnet::IpNet;
use thiserror::Error;

/// Parts of the table, each with a lock of its own: threads that accept at the same time seldom meet.
const SHARDS: usize = 64;
/// A part that had so much more room than entries gives it back.
const SPARE_MAX: usize = 64;

/// The connections that are open, by address. There is nothing in it of addresses without any.
pub(crate) struct ConnectionsByAddress {
    max: u32,
    exempt: Vec<IpNet>,
    hasher: RandomState,
    shards: Vec<Mutex<HashMap<Caller, u32>>>,
}

/// A connection that is counted. Dropping it ends that.
pub(crate) struct Guard {
    /// `None`: the address is exempt.
    counted: Option<(Arc<ConnectionsByAddress>, Caller)>,
}

/// The address has its number of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{address} has {open} connections open, as many as one address may")]
pub(crate) struct TooMany {
    pub(crate) address: IpAddr,
    pub(crate) open: u32,
}

/// Who is counted as one. An IPv6 network of 64 bits belongs to one site, which can choose from all its addresses.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Caller {
    V4(u32),
    V6(u64),
}

impl ConnectionsByAddress {
    /// `exempt`: trusted proxies, which speak for many.
    pub(crate) fn new(max: u32, exempt: Vec<IpNet>) -> Arc<Self> {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Arc::new(Self { max, exempt, hasher: RandomState::new(), shards })
    }

    /// Counts a connection, unless the address has enough of them.
    pub(crate) fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Guard, TooMany> {
        let address = address.to_canonical();
        if self.exempt.iter().any(|net| net.contains(&address)) {
            return Ok(Guard { counted: None });
        }
        let caller = Caller::of(address);
        let mut shard = self.shard(caller);
        let open = shard.get(&caller).copied().unwrap_or(0);
        if open >= self.max {
            return Err(TooMany { address, open });
        }
        shard.insert(caller, open + 1);
        Ok(Guard { counted: Some((self.clone(), caller)) })
    }

    /// How many addresses have connections.
    pub(crate) fn addresses(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn leave(&self, caller: Caller) {
        let mut shard = self.shard(caller);
        match shard.get_mut(&caller) {
            Some(open) if *open > 1 => *open -= 1,
            _ => {
                shard.remove(&caller);
                if shard.capacity() > SPARE_MAX && shard.capacity() / 4 > shard.len() {
                    let room = shard.len() * 2;
                    shard.shrink_to(room);
                }
            }
        }
    }

    fn shard(&self, caller: Caller) -> MutexGuard<'_, HashMap<Caller, u32>> {
        // The hash is keyed: nobody can choose addresses that meet in one part.
        let hash = usize::try_from(self.hasher.hash_one(caller) >> 32).unwrap_or(0);
        lock(&self.shards[hash % SHARDS])
    }
}

impl Caller {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::V4(v4.to_bits()),
            IpAddr::V6(v6) => Self::V6(u64::try_from(v6.to_bits() >> 64).unwrap_or(u64::MAX)),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some((table, caller)) = self.counted.take() {
            table.leave(caller);
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.counted.is_some() { "Guard(counted)" } else { "Guard(exempt)" })
    }
}

fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Barrier,
            atomic::{AtomicU32, Ordering},
        },
        thread,
    };

    use super::*;

    fn table(max: u32, exempt: &[&str]) -> Arc<ConnectionsByAddress> {
        ConnectionsByAddress::new(max, exempt.iter().map(|net| net.parse().unwrap()).collect())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_has_its_number_and_others_have_theirs() {
        let table = table(2, &[]);
        let held = [table.enter(ip("192.0.2.1")).unwrap(), table.enter(ip("192.0.2.1")).unwrap()];
        let refused = table.enter(ip("192.0.2.1")).unwrap_err();
        assert_eq!(refused, TooMany { address: ip("192.0.2.1"), open: 2 });
        assert!(refused.to_string().contains("192.0.2.1 has 2 connections"));
        // The same address in another spelling.
        table.enter(ip("::ffff:192.0.2.1")).unwrap_err();
        let other = table.enter(ip("192.0.2.2")).unwrap();
        let [first, second] = held;
        drop(first);
        drop(table.enter(ip("192.0.2.1")).unwrap());
        drop((second, other));
        assert_eq!(table.addresses(), 0);
    }

    #[test]
    fn an_ipv6_network_is_one_caller() {
        let table = table(1, &[]);
        let _held = table.enter(ip("2001:db8::1")).unwrap();
        table.enter(ip("2001:db8::ffff:ffff:ffff:ffff")).unwrap_err();
        let _next = table.enter(ip("2001:db8:0:1::1")).unwrap();
        assert_eq!(table.addresses(), 2);
    }

    #[test]
    fn trusted_proxies_are_not_counted() {
        let table = table(1, &["10.0.0.0/8", "2001:db8:1::/48"]);
        for address in ["10.9.9.9", "::ffff:10.1.1.1", "2001:db8:1:2::3"] {
            let _held = [table.enter(ip(address)).unwrap(), table.enter(ip(address)).unwrap()];
            assert_eq!(table.addresses(), 0);
        }
        let _held = table.enter(ip("11.0.0.1")).unwrap();
        table.enter(ip("11.0.0.1")).unwrap_err();
    }

    #[test]
    fn a_flood_leaves_nothing_behind() {
        let table = table(4, &[]);
        let held: Vec<Guard> = (0..100_000_u32).map(|n| table.enter(IpAddr::V4(n.into())).unwrap()).collect();
        assert_eq!(table.addresses(), 100_000);
        drop(held);
        assert_eq!(table.addresses(), 0);
        let room: usize = table.shards.iter().map(|shard| lock(shard).capacity()).sum();
        assert!(room <= SHARDS * SPARE_MAX * 2, "{room}");
    }

    #[test]
    fn threads_together_keep_to_the_number() {
        let table = table(5, &[]);
        let open: [AtomicU32; 3] = Default::default();
        let start = Barrier::new(8);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    for n in 0..6000_u32 {
                        let (which, open) = (n % 3, &open[usize::try_from(n % 3).unwrap()]);
                        let entered = [(); 3].map(|()| table.enter(IpAddr::V4(which.into())).ok());
                        for _ in entered.iter().flatten() {
                            assert!(open.fetch_add(1, Ordering::SeqCst) < 5);
                        }
                        for guard in entered.into_iter().flatten() {
                            open.fetch_sub(1, Ordering::SeqCst);
                            drop(guard);
                        }
                    }
                });
            }
        });
        assert_eq!(table.addresses(), 0);
        let held: Vec<Guard> = (0..5).map(|_| table.enter(IpAddr::V4(0.into())).unwrap()).collect();
        assert_eq!(held.len(), 5);
    }
}
