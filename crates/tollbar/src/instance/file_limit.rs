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

/// As many connections as are wanted, or fit. Whoever has set the number is told that it cannot be so; who has not need
/// not be troubled.
pub(super) fn lowered(wanted: usize, is_set: bool) -> usize {
    const WORDS: &str =
        "gateway.connections_max is lowered to what the limit of open files allows (ulimit -n)";
    let possible = connections_that_fit();
    if wanted <= possible {
        return wanted;
    }
    if is_set {
        tracing::warn!(wanted, possible, "{WORDS}");
    } else {
        tracing::debug!(wanted, possible, "{WORDS}");
    }
    possible
}
