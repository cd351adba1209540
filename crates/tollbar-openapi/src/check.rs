//! Whether a request is as an operation describes it.

mod body;
mod charset;
mod decode;
mod fault;
mod fold;
mod form;
mod given;
mod json;
mod media_type;
mod multipart;
mod names;
mod response;
mod shape;
mod wording;

use http::HeaderMap;
use serde_json::Value;

use crate::operation::{Operation, Parameter};
use crate::schema::{CompileError, SchemaSet, Validators};
use decode::{Alias, Decoded};
pub use fault::{FAULT_LIMIT, Fault, Faults};
use given::{Claims, Given, Query};
pub use json::{JSON_DEPTH_LIMIT, JSON_VALUE_LIMIT};
use names::{Described, Found, Names};
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
    /// There is one, and it goes by unread, as [`Checks::body_need`] allows.
    Unread,
    /// There is one, and nothing is to be held against it.
    Unchecked,
}

/// What of a body must be in memory for it to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyNeed {
    /// Nothing: it can go by as it comes.
    Nothing,
    /// All of it.
    Whole,
    /// Nothing: the headers alone say that the request will be refused.
    Refusal,
}

/// What of an answer's body must be in memory for it to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseNeed {
    /// Nothing: there is nothing to hold it against, or the headers alone say that it is wrong.
    Nothing,
    /// All of it.
    Whole,
    /// It is described, and cannot be read here: it is compressed, or in no known form.
    Unreadable,
}

/// The operations of a document, ready to hold requests against, and answers where those were read.
pub struct Checks {
    validators: Validators,
    plans: Vec<Plan>,
}

/// What was found out about an operation beforehand, in the order of its parameters and media types.
struct Plan {
    parameters: Vec<Shape>,
    content: Vec<Shape>,
    claims: Option<Claims>,
    names: Names,
    body: body::Plan,
    /// In the order of the operation's responses.
    responses: Vec<body::Plan>,
}

/// The media types of an operation whose bodies have a schema and are not held against it, as the document writes
/// them: what is neither JSON, a form nor text.
pub fn find_unread_media_types<'o>(operation: &'o Operation, schemas: &SchemaSet) -> Vec<&'o str> {
    body::Plan::of(operation, schemas).unread(operation)
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

    /// What the check of a request's body, if it has one, needs of it: for the operation at a place in the order.
    pub fn body_need(&self, index: usize, headers: &HeaderMap) -> BodyNeed {
        self.plans.get(index).map_or(BodyNeed::Nothing, |plan| body::need(&plan.body, headers))
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
        let described =
            Described { names: &plan.names, parameters: &operation.parameters, shapes: &plan.parameters };
        if given.names_at_semicolons().any(|name| described.means_something(&name, &given)) {
            faults.add(Fault::of_request("the query must separate its parameters with \"&\", not \";\""));
        }
        let aliases = described.find_aliases(&given);
        for (index, (parameter, shape)) in operation.parameters.iter().zip(&plan.parameters).enumerate() {
            if faults.is_full() {
                break;
            }
            self.check_parameter(
                parameter,
                shape,
                &given,
                &mut aliases.iter().filter(|one| one.0 == index),
                &mut faults,
            );
        }
        body::check(&self.validators, operation, &plan.body, &plan.content, parts.headers, body, &mut faults);
        faults.into_result()
    }

    /// What the check of an answer with such a head needs of its body, if it has one: from the operation at a place in the
    /// order.
    pub fn response_need(
        &self,
        index: usize,
        operation: &Operation,
        status: u16,
        headers: &HeaderMap,
    ) -> ResponseNeed {
        let found = response::find(&operation.responses, status);
        let plan = found.and_then(|(place, _)| self.plans.get(index)?.responses.get(place));
        plan.map_or(ResponseNeed::Nothing, |plan| body::answer_need(plan, headers))
    }

    /// Holds an answer against the operation at a place in the order, and names up to five differences. What is named is
    /// the same for all answers that differ in the same way: `body field "items[*].price" must be a number (got a string)`,
    /// and never has a value in it. Where the document describes no answers there is no difference.
    pub fn check_response(
        &self,
        index: usize,
        operation: &Operation,
        status: u16,
        headers: &HeaderMap,
        body: BodyGiven<'_>,
    ) -> Result<(), Faults> {
        let mut faults = Faults::default();
        let Some(plan) = self.plans.get(index).filter(|_| !operation.responses.is_empty()) else {
            return Ok(());
        };
        match response::find(&operation.responses, status) {
            None => faults.add(response::not_described(status)),
            Some((place, described)) => {
                response::check_headers(described, headers, &mut faults);
                if let Some(plan) = plan.responses.get(place) {
                    body::check_answer(&self.validators, plan, headers, body, &mut faults);
                }
            }
        }
        faults.into_result()
    }

    /// What is right for those who read names as they are described must be right for those who fold them, too.
    fn check_parameter(
        &self,
        parameter: &Parameter,
        shape: &Shape,
        given: &Given<'_>,
        aliases: &mut dyn Iterator<Item = &Found<'_>>,
        faults: &mut Faults,
    ) {
        let before = faults.len();
        self.check_reading(parameter, shape, given, &[], faults);
        let mut more: Vec<&Alias<'_>> = Vec::new();
        for (_, alias) in aliases {
            match alias {
                Ok(alias) => more.push(alias),
                Err(fault) => faults.add_new(fault.clone()),
            }
        }
        if !more.is_empty() && faults.len() == before {
            self.check_reading(parameter, shape, given, &more, faults);
        }
    }

    fn check_reading(
        &self,
        parameter: &Parameter,
        shape: &Shape,
        given: &Given<'_>,
        aliases: &[&Alias<'_>],
        faults: &mut Faults,
    ) {
        let subject = Subject::Parameter(parameter);
        let accept = |value: &Value| {
            parameter.schema_id.is_none_or(|id| self.validators.hold(id, value.clone()).is_valid())
        };
        match decode::decode(parameter, shape, given, aliases, &accept) {
            Decoded::Missing if parameter.required => faults.add(subject.fault("is required")),
            Decoded::Missing | Decoded::Empty => {}
            Decoded::Malformed(words) => faults.add(subject.fault(&words)),
            Decoded::Value(value) => {
                if let Some(id) = parameter.schema_id {
                    wording::check_named(&self.validators, id, value, shape.view(), &subject, faults);
                }
            }
        }
    }
}

/// All shapes are read together, so that what operations share is read once. Those of bodies that are JSON are read apart:
/// they only help to tell names apart, and must not take the room of those that texts are read by.
fn plans<'o>(operations: impl IntoIterator<Item = &'o Operation>, schemas: &SchemaSet) -> Vec<Plan> {
    let mut of_texts = Reader::new(schemas);
    let mut of_json = of_texts.another();
    let mut places = Vec::new();
    for operation in operations {
        let parameters: Vec<usize> =
            operation.parameters.iter().map(|parameter| of_texts.add(parameter.schema_id)).collect();
        let content = operation.body.iter().flat_map(|body| &body.content);
        let content: Vec<(bool, usize)> = content
            .map(|one| match is_text(&one.range) {
                true => (true, of_texts.add(one.schema_id)),
                false => (false, of_json.add(one.schema_id)),
            })
            .collect();
        places.push((operation, parameters, content));
    }
    let (of_texts, of_json) = (of_texts.finish(), of_json.finish());
    let plan = |(operation, parameters, content): (&Operation, Vec<usize>, Vec<(bool, usize)>)| {
        let parameters: Vec<Shape> = parameters.into_iter().map(&of_texts).collect();
        let content =
            content.into_iter().map(|(is_text, at)| if is_text { of_texts(at) } else { of_json(at) });
        let claims = Claims::of(&operation.parameters, &parameters);
        let names = Names::of(&operation.parameters, &parameters);
        let body = body::Plan::of(operation, schemas);
        let responses = operation.responses.iter();
        let responses = responses.map(|one| body::Plan::of_content(&one.content, schemas)).collect();
        Plan { parameters, content: content.collect(), claims, names, body, responses }
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
