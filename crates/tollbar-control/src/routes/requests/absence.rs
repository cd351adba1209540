//! Why a request is not in the log.

use tollbar_contract::RequestId;
use tollbar_core::RequestIdPermutation;

use crate::control::Control;

/// In words for support: whether the id can be one of ours at all, and what of the log is missing.
pub(super) async fn absence(control: &Control, id: RequestId) -> String {
    if was_never_given(control, id).await {
        return format!(
            "request {id} was never given by this platform: no request had this id; compare it with X-Request-Id or \
             meta.request_id in the answer, which may be another deployment's"
        );
    }
    let mut parts = vec![format!(
        "request {id} is not in the log. Kept are errors of identified clients, up to 100 a second for each, and as many of \
         other errors and of successes as requests.anonymous_per_second and requests.successes_per_second say"
    )];
    let dropped = control.requests.dropped();
    let since = control.settings.started_at;
    let mut counts = format!(
        "Since the start at {since}, {dropped} entries were dropped because the queue was full or the disk did not take them"
    );
    if let Some(keeping) = &control.keeping {
        let left_out = (keeping.left_out)();
        counts.push_str(&format!(
            ", and {} errors and {} successes were left out by those budgets",
            left_out.errors, left_out.successes
        ));
    }
    parts.push(counts);
    parts.push("It is missing, too, if the server ended before it was written (within a second)".to_owned());
    if let Ok(extent) = control.requests.request_log_extent().await {
        let kept = control.keeping.as_ref().map_or_else(String::new, |keeping| {
            format!(" (requests.keep_days = {}, requests.keep_bytes = {})", keeping.days, keeping.bytes)
        });
        parts.push(match extent.oldest {
            Some(oldest) => format!("The oldest entry is from {oldest}; older ones are gone{kept}"),
            None => "The log is empty".to_owned(),
        });
    }
    parts.join(". ")
}

/// Ids are given in the order of a counter, and what has not been leased of it was never given.
async fn was_never_given(control: &Control, id: RequestId) -> bool {
    let Some(keeping) = &control.keeping else { return false };
    let counter = RequestIdPermutation::new(control.directory.secrets.request_id_key()).counter(id);
    keeping.ids.leased_request_ids().await.is_ok_and(|end| counter >= end)
}
