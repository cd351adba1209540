//! `application/x-www-form-urlencoded`: from pairs to an object.

use std::collections::BTreeMap;

use serde_json::Value;

use super::fault::Fault;
use super::shape::Shape;
use crate::operation::Encoding;

/// Reads a form. A fault is one of the body as a whole.
pub(super) fn decode(
    _bytes: &[u8],
    _shape: &Shape,
    _encoding: &BTreeMap<String, Encoding>,
) -> Result<Value, Fault> {
    Ok(Value::Null)
}
