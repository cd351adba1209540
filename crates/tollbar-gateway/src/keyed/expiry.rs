//! Until when a key is taken.

use std::time::Duration;

use tollbar_core::{Timestamp, UPSTREAM_URLS_MAX};

use crate::{
    Shared, body::BYTES_PER_SECOND_MIN, forward::WRITE_BYTES, settings::STORE_TIMEOUT,
    upstream::CONNECT_TIMEOUTS_MAX,
};

/// Of an execution that ends now, whatever came of it.
pub(super) fn of_ended(shared: &Shared) -> Timestamp {
    shared.clock.now().plus_seconds(shared.settings.idempotency.keep_seconds)
}

/// Of one that begins now: the key is not free while it may be under way, and is kept for as long as any then. It is set
/// anew when the execution ends; this stands where the server is killed before that.
pub(super) fn of_started(shared: &Shared, body_bytes: usize) -> Timestamp {
    of_ended(shared).plus_seconds(longest(shared, body_bytes).as_secs())
}

/// All time-outs of an execution, one after the other.
fn longest(shared: &Shared, body_bytes: usize) -> Duration {
    let settings = &shared.settings;
    let upstream = &settings.upstream;
    // To find the addresses of each server, and to be connected to one.
    let servers = u32::try_from(UPSTREAM_URLS_MAX).unwrap_or(u32::MAX);
    let connecting = upstream.connect_timeout.saturating_mul(servers.saturating_add(CONNECT_TIMEOUTS_MAX));
    // The request's head, its body in pieces, its end; the answer's head, and the body of an error.
    let pieces = u32::try_from(body_bytes.div_ceil(WRITE_BYTES)).unwrap_or(u32::MAX);
    let exchange = upstream.response_timeout.saturating_mul(pieces.saturating_add(4));
    let answer_limit = u64::try_from(settings.idempotency.answer_limit_bytes).unwrap_or(u64::MAX);
    let reading =
        upstream.idle_timeout + Duration::from_secs(answer_limit.div_ceil(u64::from(BYTES_PER_SECOND_MIN)));
    let storing = STORE_TIMEOUT * 2;
    connecting.saturating_add(exchange).saturating_add(reading).saturating_add(storing)
}
