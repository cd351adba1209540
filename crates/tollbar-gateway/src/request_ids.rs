//! Request ids: numbers from durably leased blocks, through a keyed permutation.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tollbar_contract::RequestId;
use tollbar_core::{
    RequestIdPermutation, Timestamp,
    port::{RequestIdStore, StoreFailure},
};

/// Leases keep up with the calendar, at so many ids a second since 2025: the 48 bits last until 2161.
///
/// What is leased has been gathered by then: an id that was given at some time is below the calendar of that time. So a
/// store that was restored from an older copy, which starts at the calendar, gives none again.
const IDS_PER_SECOND: u64 = 1 << 16;
const CALENDAR_BEGIN_SECONDS: u64 = 1_735_689_600;
/// The first lease: what is gathered in so many milliseconds, for which the start waits.
const FIRST: u64 = 1 << 13;
const FIRST_MILLIS: u64 = FIRST * 1000 / IDS_PER_SECOND;
/// A lease has so many at least, and at most four million.
const LEASE_MIN: u64 = 1 << 14;
const BLOCK: u64 = 1 << 22;
/// With fewer left, more are leased as they are gathered: an idle server leases none.
const ENOUGH: u64 = 1 << 17;
/// With fewer left, more are leased although they are not gathered yet: what is asked for must be answered. That is what
/// 200,000 requests a second take between two calls of [`RequestIds::refill`].
const TOO_FEW: u64 = 1 << 12;
/// What a thread takes at once: a part of what is left, so that something is left for the others, however many they are.
const CHUNK: std::ops::RangeInclusive<u64> = 16..=1024;
const CHUNKS: u64 = 64;

/// The process's ids.
pub struct RequestIds {
    permutation: RequestIdPermutation,
    blocks: Mutex<VecDeque<Range<u64>>>,
    /// The end of the last lease.
    leased_to: AtomicU64,
}

impl RequestIds {
    /// Leases the first block, and waits until its ids are of the past.
    pub async fn start(
        key: &[u8; 64],
        store: &dyn RequestIdStore,
        now: Timestamp,
    ) -> Result<Self, StoreFailure> {
        let ids = Self {
            permutation: RequestIdPermutation::new(key),
            blocks: Mutex::default(),
            leased_to: AtomicU64::new(0),
        };
        let calendar = calendar(now);
        let first = ids.lease(store, FIRST, calendar).await?;
        // Where the clock was set back, there is nothing to wait for: what was leased before is far ahead.
        if first == calendar {
            tokio::time::sleep(Duration::from_millis(FIRST_MILLIS)).await;
        }
        Ok(ids)
    }

    /// Leases what was gathered since, when there are not enough any more. Called fifty times a second.
    pub async fn refill(&self, store: &dyn RequestIdStore, now: Timestamp) -> Result<(), StoreFailure> {
        let left: u64 = self.lock().iter().map(|block| block.end - block.start).sum();
        let calendar = calendar(now);
        let gathered = calendar.saturating_sub(self.leased_to.load(Ordering::Relaxed)).min(BLOCK);
        if left < ENOUGH && gathered >= LEASE_MIN {
            self.lease(store, gathered, calendar - gathered).await?;
        } else if left < TOO_FEW {
            self.lease(store, ENOUGH, calendar).await?;
        }
        Ok(())
    }

    async fn lease(
        &self,
        store: &dyn RequestIdStore,
        count: u64,
        not_below: u64,
    ) -> Result<u64, StoreFailure> {
        let first = store.lease_request_ids(count, not_below).await?;
        self.leased_to.store(first + count, Ordering::Relaxed);
        self.lock().push_back(first..first + count);
        Ok(first)
    }

    fn take_chunk(&self) -> Option<Range<u64>> {
        let mut blocks = self.lock();
        while let Some(block) = blocks.front_mut() {
            if block.is_empty() {
                blocks.pop_front();
                continue;
            }
            let size = ((block.end - block.start) / CHUNKS).clamp(*CHUNK.start(), *CHUNK.end());
            let chunk = block.start..(block.start + size).min(block.end);
            block.start = chunk.end;
            return Some(chunk);
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Range<u64>>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far the calendar is, in ids.
fn calendar(now: Timestamp) -> u64 {
    now.as_millis().saturating_sub(CALENDAR_BEGIN_SECONDS * 1000) * IDS_PER_SECOND / 1000
}

/// One thread's share.
pub(crate) struct ThreadRequestIds {
    chunk: std::cell::RefCell<Range<u64>>,
}

impl ThreadRequestIds {
    pub(crate) const fn new() -> Self {
        Self { chunk: std::cell::RefCell::new(0..0) }
    }

    /// The next id; `None` when the store has given no block for millions of requests.
    pub(crate) fn take(&self, ids: &RequestIds) -> Option<RequestId> {
        let mut chunk = self.chunk.borrow_mut();
        if chunk.is_empty() {
            *chunk = ids.take_chunk()?;
        }
        chunk.next().map(|number| ids.permutation.id(number))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use tollbar_core::port::PortFuture;

    use super::*;

    #[derive(Default)]
    struct Counter(AtomicU64);

    impl RequestIdStore for Counter {
        fn lease_request_ids(&self, count: u64, not_below: u64) -> PortFuture<'_, u64> {
            let first = self.0.load(Ordering::Relaxed).max(not_below);
            self.0.store(first + count, Ordering::Relaxed);
            Box::pin(std::future::ready(Ok(first)))
        }

        fn leased_request_ids(&self) -> PortFuture<'_, u64> {
            Box::pin(std::future::ready(Ok(self.0.load(Ordering::Relaxed))))
        }
    }

    #[test]
    fn many_threads_have_ids_from_the_first_moment_on() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (store, now) = (Counter::default(), Timestamp::parse("2026-11-22T10:00:00Z").unwrap());
        let ids = runtime.block_on(RequestIds::start(&[7; 64], &store, now)).unwrap();
        let threads: Vec<_> = (0..128).map(|_| ThreadRequestIds::new()).collect();
        // As many as each of them may get between two looks, and more.
        let given: Vec<_> = threads.iter().flat_map(|thread| (0..20).map(|_| thread.take(&ids))).collect();
        assert!(given.iter().all(Option::is_some));
        assert_eq!(given.iter().collect::<HashSet<_>>().len(), given.len());
    }
}
