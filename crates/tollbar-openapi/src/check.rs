//! Whether a request's parameters are as an operation describes them.

mod fault;
mod given;
mod value;

use http::HeaderMap;

use crate::operation::{Location, Operation, Parameter, SimpleType, Style};
pub use fault::{FAULT_LIMIT, Fault, Faults};
use given::{Given, Query, Values};

/// A query with more pairs than this is refused unread.
pub const QUERY_PAIR_LIMIT: usize = 1_000;

/// What a request says apart from its body.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'a> {
    /// As [`crate::Match`] has them: percent-decoded.
    pub path_parameters: &'a [(String, String)],
    /// What stands behind the `?`, raw.
    pub query: Option<&'a str>,
    /// The header fields.
    pub headers: &'a HeaderMap,
}

/// Checks the parameters of a request, and names up to five faults in the document's order.
///
/// Unknown parameters are no fault. A value given for a list is checked item by item; objects, `deepObject`,
/// `content`, and the rarer styles are only looked for.
pub fn check_parameters(operation: &Operation, parts: &RequestParts<'_>) -> Result<(), Faults> {
    let mut faults = Faults::default();
    let query = match Query::parse(parts.query) {
        Ok(query) => query,
        Err(fault) => {
            faults.add(fault);
            return faults.into_result();
        }
    };
    for parameter in &operation.parameters {
        if faults.is_full() {
            break;
        }
        if let Err(fault) = check_parameter(parameter, &Given::new(parts, &query)) {
            faults.add(fault);
        }
    }
    faults.into_result()
}

fn check_parameter(parameter: &Parameter, given: &Given<'_>) -> Result<(), Fault> {
    if is_spread(parameter) {
        return Ok(());
    }
    let values = given.find(parameter);
    if values.is_empty() {
        return if parameter.required { Err(Fault::new(parameter, "is required")) } else { Ok(()) };
    }
    match shape(parameter) {
        Shape::Scalar => check_scalar(parameter, &values),
        Shape::List => check_list(parameter, &values),
        Shape::Unread => Ok(()),
    }
}

fn check_scalar(parameter: &Parameter, values: &Values<'_>) -> Result<(), Fault> {
    if values.len() > 1 && !parameter.schema.types.is_empty() {
        return Err(Fault::new(parameter, "is given more than once"));
    }
    for value in values.decoded() {
        let text = value.ok_or_else(|| Fault::new(parameter, "is not valid UTF-8"))?;
        if text.is_empty() && parameter.allow_empty_value {
            continue;
        }
        value::check(&parameter.schema, &text)
            .map_err(|wrong| Fault::of_value(parameter, None, &wrong, &text))?;
    }
    Ok(())
}

fn check_list(parameter: &Parameter, values: &Values<'_>) -> Result<(), Fault> {
    let exploded = parameter.explode && parameter.location == Location::Query;
    if !exploded && values.len() > 1 && parameter.location != Location::Header {
        return Err(Fault::new(parameter, "is given more than once"));
    }
    let Some(schema) = &parameter.schema.items else {
        return Ok(());
    };
    let items = if exploded { values.decoded() } else { values.decoded_items() };
    // One empty value is how an empty list is written.
    if let [Some(only)] = items.as_slice()
        && only.is_empty()
    {
        return Ok(());
    }
    for (index, item) in items.into_iter().enumerate() {
        let text = item.ok_or_else(|| Fault::new(parameter, "is not valid UTF-8"))?;
        value::check(schema, &text)
            .map_err(|wrong| Fault::of_value(parameter, Some(index + 1), &wrong, &text))?;
    }
    Ok(())
}

/// An object in exploded form stands in the query under its members' names, which are not known here.
fn is_spread(parameter: &Parameter) -> bool {
    parameter.style == Style::Form
        && parameter.explode
        && parameter.location == Location::Query
        && parameter.schema.types.contains(&SimpleType::Object)
}

/// How a value is taken apart.
enum Shape {
    Scalar,
    List,
    /// Not at all: it is enough that it is there.
    Unread,
}

fn shape(parameter: &Parameter) -> Shape {
    if !matches!(parameter.style, Style::Form | Style::Simple) {
        return Shape::Unread;
    }
    let types = &parameter.schema.types;
    if types.contains(&SimpleType::Object) {
        return Shape::Unread;
    }
    if !types.contains(&SimpleType::Array) {
        return Shape::Scalar;
    }
    // What may be a list or something else is not told apart; exploded lists have no agreed form in cookies.
    let only_a_list = types.iter().all(|kind| matches!(kind, SimpleType::Array | SimpleType::Null));
    let has_form = parameter.location != Location::Cookie || !parameter.explode;
    if only_a_list && has_form { Shape::List } else { Shape::Unread }
}

#[cfg(test)]
mod tests;
