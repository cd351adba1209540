//! Whether a body is as an operation describes it.

use http::HeaderMap;

use super::fault::Faults;
use super::shape::Shape;
use super::wording::{self, Subject};
use super::{BodyGiven, BodyNeed, json};
use crate::operation::Operation;
use crate::schema::Validators;

pub(super) fn need(operation: &Operation, _headers: &HeaderMap) -> BodyNeed {
    if operation.body.is_some() { BodyNeed::Whole } else { BodyNeed::Nothing }
}

pub(super) fn check(
    validators: &Validators,
    operation: &Operation,
    shapes: &[Shape],
    _headers: &HeaderMap,
    body: BodyGiven<'_>,
    faults: &mut Faults,
) {
    let Some(described) = &operation.body else { return };
    let BodyGiven::Whole(bytes) = body else { return };
    let Some((one, _shape)) = described.content.iter().zip(shapes).next() else { return };
    let Some(id) = one.schema_id else { return };
    match json::parse(bytes) {
        Ok(value) => wording::check(validators, id, value, &Subject::Body, faults),
        Err(fault) => faults.add(fault),
    }
}
