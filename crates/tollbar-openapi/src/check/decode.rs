//! From what a request gives for a parameter to a JSON value, by `style` and `explode`.

use serde_json::Value;

use super::given::Given;
use super::shape::Shape;
use crate::operation::Parameter;

/// What a request gives for a parameter.
pub(super) enum Decoded {
    Missing,
    Value(Value),
    /// It cannot be read; in words that follow the parameter's name.
    Malformed(String),
}

pub(super) fn decode(parameter: &Parameter, _shape: &Shape, given: &Given<'_>) -> Decoded {
    match given.find(parameter).decoded().first() {
        None => Decoded::Missing,
        Some(None) => Decoded::Malformed("is not valid UTF-8".to_owned()),
        Some(Some(text)) => Decoded::Value(Value::String(text.clone().into_owned())),
    }
}
