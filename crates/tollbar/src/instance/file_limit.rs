//! File descriptors: each connection of a caller may need one more towards an upstream.

use rustix::process::{Resource, getrlimit, setrlimit};

/// For the store, the journal, the listeners and what the runtimes need.
const RESERVE: u64 = 256;

/// Raises the soft limit to the hard one, and says how many connections fit into it.
pub(super) fn connections_that_fit() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        // Where that is not allowed, what there was stays.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(files.saturating_sub(RESERVE) / 2).unwrap_or(usize::MAX).max(1)
}
