//! Whether a request is as an operation describes it.

mod body;
mod decode;
mod fault;
mod form;
mod given;
mod json;
mod media_type;
mod multipart;
mod shape;
mod wording;

use http::HeaderMap;
use serde_json::Value;

use crate::operation::{Operation, Parameter};
use crate::schema::{CompileError, SchemaSet, Validators};
use decode::Decoded;
pub use fault::{FAULT_LIMIT, Fault, Faults};
use given::{Claims, Given, Query};
use shape::{Reader, Shape};
use wording::Subject;

/// A query with more pairs than this is refused unread.
pub const QUERY_PAIR_LIMIT: usize = 1_000;

/// What a request says apart from its body.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'a> {
    /// As [`crate::Match`] has them: percent-encoded, as the path has them.
    pub path_parameters: &'a [(String, String)],
    /// What stands behind the `?`, raw.
    pub query: Option<&'a str>,
    /// The header fields.
    pub headers: &'a HeaderMap,
}

/// What is known of a request's body.
#[derive(Debug, Clone, Copy)]
pub enum BodyGiven<'a> {
    /// There is none.
    None,
    /// All of it.
    Whole(&'a [u8]),
    /// There is one, and it goes by unread.
    Unread,
}

/// What of a body must be in memory for it to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyNeed {
    /// Nothing: it can go by as it comes.
    Nothing,
    /// All of it.
    Whole,
}

/// The operations of a document, ready to hold requests against.
pub struct Checks {
    validators: Validators,
    plans: Vec<Plan>,
}

/// What was found out about an operation beforehand, in the order of its parameters and media types.
struct Plan {
    parameters: Vec<Shape>,
    content: Vec<Shape>,
    claims: Option<Claims>,
}

impl Checks {
    /// Compiles what the operations need. They are known by their place in this order from here on.
    pub fn build<'o>(
        operations: impl IntoIterator<Item = &'o Operation>,
        schemas: &SchemaSet,
    ) -> Result<Checks, CompileError> {
        let validators = Validators::compile(schemas.clone())?;
        let plans = plans(operations, validators.set());
        Ok(Checks { validators, plans })
    }

    /// What the check of a request's body needs of it.
    pub fn body_need(&self, operation: &Operation, headers: &HeaderMap) -> BodyNeed {
        body::need(operation, headers)
    }

    /// Checks a request against the operation at a place in the order, and names up to five faults: of the
    /// parameters, in the document's order, then of the body. Unknown parameters are no fault.
    pub fn check(
        &self,
        index: usize,
        operation: &Operation,
        parts: &RequestParts<'_>,
        body: BodyGiven<'_>,
    ) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let query = match Query::parse(parts.query) {
            Ok(query) => query,
            Err(fault) => {
                faults.add(fault);
                return faults.into_result();
            }
        };
        let Some(plan) = self.plans.get(index) else { return Ok(()) };
        let given = Given::new(parts, &query, plan.claims.as_ref());
        for (parameter, shape) in operation.parameters.iter().zip(&plan.parameters) {
            if faults.is_full() {
                break;
            }
            self.check_parameter(parameter, shape, &given, &mut faults);
        }
        body::check(&self.validators, operation, &plan.content, parts.headers, body, &mut faults);
        faults.into_result()
    }

    fn check_parameter(&self, parameter: &Parameter, shape: &Shape, given: &Given<'_>, faults: &mut Faults) {
        let subject = Subject::Parameter(parameter);
        let validator = parameter.schema_id.and_then(|id| self.validators.find(id));
        let accept = |value: &Value| validator.is_none_or(|validator| validator.is_valid(value));
        match decode::decode(parameter, shape, given, &accept) {
            Decoded::Missing if parameter.required => faults.add(subject.fault("is required")),
            Decoded::Missing | Decoded::Empty => {}
            Decoded::Malformed(words) => faults.add(subject.fault(&words)),
            Decoded::Value(value) => {
                if let Some(id) = parameter.schema_id {
                    wording::check(&self.validators, id, &value, &subject, faults);
                }
            }
        }
    }
}

/// All shapes are read together, so that what operations share is read once.
fn plans<'o>(operations: impl IntoIterator<Item = &'o Operation>, schemas: &SchemaSet) -> Vec<Plan> {
    let mut reader = Reader::new(schemas);
    let mut places = Vec::new();
    for operation in operations {
        let parameters: Vec<usize> =
            operation.parameters.iter().map(|parameter| reader.add(parameter.schema_id)).collect();
        let content = operation.body.iter().flat_map(|body| &body.content);
        let content: Vec<usize> =
            content.map(|one| reader.add(one.schema_id.filter(|_| is_text(&one.range)))).collect();
        places.push((operation, parameters, content));
    }
    let shape_at = reader.finish();
    let shapes = |places: Vec<usize>| places.into_iter().map(&shape_at).collect::<Vec<Shape>>();
    let plan = |(operation, parameters, content): (&Operation, _, _)| {
        let parameters = shapes(parameters);
        let claims = Claims::of(&operation.parameters, &parameters);
        Plan { parameters, content: shapes(content), claims }
    };
    places.into_iter().map(plan).collect()
}

/// Whether a body of this media type can be a form or another text. JSON says by itself what is a number.
fn is_text(range: &str) -> bool {
    let range = range.trim_start().to_ascii_lowercase();
    ["multipart/", "application/x-www-form-urlencoded", "text/", "application/*", "*"]
        .iter()
        .any(|start| range.starts_with(start))
}

#[cfg(test)]
mod tests;
