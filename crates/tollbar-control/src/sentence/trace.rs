//! What the steps tell beyond the code. They are read here alone: the wording is the gateway's and the rules'.

use tollbar_contract::{RequestId, Stage};
use tollbar_core::port::RequestEntry;

/// The request whose answer was given again.
pub(super) fn replayed(entry: &RequestEntry) -> Option<RequestId> {
    let step = entry.steps.iter().find(|step| step.stage == Stage::Idempotency && step.passed)?;
    // The end, since the key before it is the partner's text.
    let (_, first) = step.detail.strip_suffix(" is replayed")?.rsplit_once("the answer of ")?;
    RequestId::parse(first)
}

/// The base is right, and nothing stands behind it in the environment that was called.
pub(super) fn has_no_upstream(entry: &RequestEntry) -> bool {
    cause(entry).contains("no API on this base has an upstream in this environment")
}

/// An API key was sent as a bearer token.
pub(super) fn is_key_as_token(entry: &RequestEntry) -> bool {
    cause(entry).contains("looks like an API key")
}

/// The API answered, and with an error of its own.
pub(super) fn is_upstream_error(entry: &RequestEntry) -> bool {
    entry.upstream_status.is_some_and(|status| status >= 400)
}

/// What the stage that refused compared.
fn cause(entry: &RequestEntry) -> &str {
    entry.steps.iter().find(|step| !step.passed).map_or("", |step| &step.detail)
}
