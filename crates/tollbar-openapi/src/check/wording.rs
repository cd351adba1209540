//! What a schema has against a value, in words for those who wrote the request.

use serde_json::Value;

use super::fault::{Fault, Faults};
use crate::operation::Parameter;
use crate::schema::{SchemaId, Validators};

/// What a value is, in the words of the request.
pub(super) enum Subject<'a> {
    Parameter(&'a Parameter),
    /// A JSON (or text) body.
    Body,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
}

impl Subject<'_> {
    /// A fault of the whole, that needs no value to be understood.
    pub(super) fn fault(&self, wrong: &str) -> Fault {
        match self {
            Subject::Parameter(parameter) => Fault::new(parameter, wrong),
            Subject::Body | Subject::Form | Subject::Multipart => {
                Fault::of_request(&format!("the body {wrong}"))
            }
        }
    }
}

/// Holds a value against a schema, and adds what is wrong, in the document's order.
pub(super) fn check(
    validators: &Validators,
    id: SchemaId,
    value: Value,
    subject: &Subject<'_>,
    faults: &mut Faults,
) {
    let held = validators.hold(id, value);
    if held.is_valid() {
        return;
    }
    for error in held.errors() {
        faults.add(subject.fault(&error.to_string()));
    }
}
