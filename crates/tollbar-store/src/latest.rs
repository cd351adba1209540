//! The latest point in time that anybody named: what expiry is measured against, since the store has no clock.

use std::sync::atomic::{AtomicU64, Ordering};

use tollbar_core::Timestamp;

#[derive(Default)]
pub(crate) struct LatestTime(AtomicU64);

impl LatestTime {
    pub(crate) fn saw(&self, at: Timestamp) {
        self.0.fetch_max(at.as_millis(), Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}
