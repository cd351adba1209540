//! What keys and OAuth2 credentials have in common, for people.

use serde_json::Value;

use crate::output::{Cell, Tone, word};

/// The state of a credential.
pub(super) fn state(credential: &Value) -> Cell {
    let state = word(credential, "/state");
    let tone = match state.as_str() {
        "active" => Tone::Good,
        "grace" => Tone::Warning,
        _ => Tone::Bad,
    };
    Cell::new(tone, state)
}
