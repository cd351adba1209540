//! What is known of requests that are not in the log: so that support knows why one is missing.

use std::sync::Arc;

use tollbar_core::port::RequestIdStore;

/// How long requests are kept, and who knows what was not.
pub struct RequestKeeping {
    /// After so many days an entry goes.
    pub days: u64,
    /// With so many bytes the oldest entries make room.
    pub bytes: u64,
    /// Which ids were given.
    pub ids: Arc<dyn RequestIdStore>,
    /// What the budgets have left out.
    pub left_out: Arc<dyn Fn() -> LeftOut + Send + Sync>,
}

/// Requests that the log's budgets have left out since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeftOut {
    /// Errors: of unknown callers, or more of one client than is looked at.
    pub errors: u64,
    /// Successes.
    pub successes: u64,
}
