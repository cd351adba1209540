//! Request ids: numbers from durably leased blocks, through a keyed permutation.

use std::{
    collections::VecDeque,
    ops::Range,
    sync::{Mutex, PoisonError},
};

use tollbar_contract::RequestId;
use tollbar_core::{
    RequestIdPermutation,
    port::{RequestIdStore, StoreFailure},
};

/// One lease: with 2^24 ids each, 2^24 leases are there, one or more for each start of the process.
const BLOCK: u64 = 1 << 24;
/// What a thread takes at once.
const CHUNK: u64 = 1024;

/// The process's ids.
pub struct RequestIds {
    permutation: RequestIdPermutation,
    blocks: Mutex<VecDeque<Range<u64>>>,
}

impl RequestIds {
    /// Leases the first block.
    pub async fn start(key: &[u8; 64], store: &dyn RequestIdStore) -> Result<Self, StoreFailure> {
        let ids = Self { permutation: RequestIdPermutation::new(key), blocks: Mutex::default() };
        ids.refill(store).await?;
        Ok(ids)
    }

    /// Leases another block when less than half of one is left. Called now and then.
    pub async fn refill(&self, store: &dyn RequestIdStore) -> Result<(), StoreFailure> {
        let left: u64 = self.lock().iter().map(|block| block.end - block.start).sum();
        if left < BLOCK / 2 {
            let first = store.lease_request_ids(BLOCK).await?;
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
