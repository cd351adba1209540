//! JSON as strictly as the strictest reader behind us: what is checked is what any other reader will see.

use serde_json::Value;

use super::fault::Fault;

/// Reads a JSON body.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, Fault> {
    serde_json::from_slice(bytes)
        .map_err(|error| Fault::of_request(&format!("the body is not JSON: {error}")))
}
