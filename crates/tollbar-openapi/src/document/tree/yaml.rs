//! YAML, within limits, and with its place told apart from the message.

use std::borrow::Cow;

use serde::de::DeserializeSeed;
use serde_json::Value;
use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::localizer::Localizer;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

use super::{DOCUMENT_NODE_LIMIT, Node, Walk, too_deep};
use crate::document::{DOCUMENT_DEPTH_LIMIT, LoadError};

pub(super) fn parse(text: &str, walk: &Walk) -> Result<Value, LoadError> {
    read(text, Node { walk, depth: 0 }).map_err(|error| {
        let failed = walk.error(&message(&error));
        match error.location() {
            Some(place) => failed.on(place.line(), place.column()),
            None => failed,
        }
    })
}

pub(super) fn read<T>(text: &str, seed: impl for<'de> DeserializeSeed<'de, Value = T>) -> Result<T, Error> {
    serde_saphyr::with_deserializer_from_str_with_options(text, options(), |reader| seed.deserialize(reader))
}

/// The parser's own words, where it did not stop at a limit that we gave it.
fn message(error: &Error) -> String {
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => message(error),
        Error::MultipleDocuments { .. } => "there is more than one YAML document".to_owned(),
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => too_deep(),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            "the document is too large, or its aliases make it so".to_owned()
        }
        other => {
            let formatter = serde_saphyr::DefaultMessageFormatter.with_localizer(&WithoutPlace);
            let text = other.render_with_formatter(&formatter);
            // The scanner looks ahead, and has a limit of its own on brackets.
            if text.contains("recursion limit exceeded") { too_deep() } else { text.trim().to_owned() }
        }
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DOCUMENT_DEPTH_LIMIT + 1,
            max_nodes: DOCUMENT_NODE_LIMIT,
            max_events: DOCUMENT_NODE_LIMIT * 2,
            // One anchor used a thousand times is fine: what is written out is counted.
            enforce_alias_anchor_ratio: false,
            // YAML's own 1,024 is not enough for every name of a member.
            simple_key_max_lookahead: 8 * 1024,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 1_000_000 },
        // Members given twice are found by ourselves, with their place.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        // YAML 1.2: `no` and `012` are text.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        // Told by ourselves, in the words of JSON.
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
        emit_comments: false,
    }
}

/// The place is told apart from the message.
struct WithoutPlace;

impl Localizer for WithoutPlace {
    fn attach_location<'a>(&self, base: Cow<'a, str>, _place: serde_saphyr::Location) -> Cow<'a, str> {
        base
    }
}
