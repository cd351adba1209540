//! Request ids: numbers from durably leased blocks, through a keyed permutation.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Mutex, PoisonError},
};

use tollbar_contract::RequestId;
use tollbar_core::{
    RequestIdPermutation, Timestamp,
    port::{RequestIdStore, StoreFailure},
};

/// One lease: four million ids.
const BLOCK: u64 = 1 << 22;
/// Leases keep up with the calendar, at so many ids a second since 2025: the 48 bits last until 2161, and a store that
/// was restored from an older copy skips ahead of all that were given since.
const IDS_PER_SECOND: u64 = 1 << 16;
const CALENDAR_BEGIN_SECONDS: u64 = 1_735_689_600;
/// What a thread takes at once.
const CHUNK: u64 = 1024;

/// The process's ids.
pub struct RequestIds {
    permutation: RequestIdPermutation,
    blocks: Mutex<VecDeque<Range<u64>>>,
}

impl RequestIds {
    /// Leases the first block.
    pub async fn start(
        key: &[u8; 64],
        store: &dyn RequestIdStore,
        now: Timestamp,
    ) -> Result<Self, StoreFailure> {
        let ids = Self { permutation: RequestIdPermutation::new(key), blocks: Mutex::default() };
        ids.refill(store, now).await?;
        Ok(ids)
    }

    /// Leases another block when less than half of one is left. Called now and then.
    pub async fn refill(&self, store: &dyn RequestIdStore, now: Timestamp) -> Result<(), StoreFailure> {
        let left: u64 = self.lock().iter().map(|block| block.end - block.start).sum();
        if left < BLOCK / 2 {
            let not_below = now.as_seconds().saturating_sub(CALENDAR_BEGIN_SECONDS) * IDS_PER_SECOND;
            let first = store.lease_request_ids(BLOCK, not_below).await?;
            self.lock().push_back(first..first + BLOCK);
        }
        Ok(())
    }

    fn take_chunk(&self) -> Option<Range<u64>> {
        let mut blocks = self.lock();
        while let Some(block) = blocks.front_mut() {
            if block.is_empty() {
                blocks.pop_front();
                continue;
            }
            let chunk = block.start..(block.start + CHUNK).min(block.end);
            block.start = chunk.end;
            return Some(chunk);
        }
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Range<u64>>> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
