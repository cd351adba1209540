//! What a schema has against a value, in words for those who wrote the request.
//!
//! The library says whether a value is valid, and that is all that a valid value costs. What is wrong is found by a
//! walk of our own: it goes in the document's order, ends with the last fault that is told, and takes a bounded
//! number of steps, where the library lists each of a million faults before the first can be read.

mod arrays;
mod assertions;
mod evaluated;
mod find;
mod forms;
mod judge;
mod kinds;
mod objects;
mod path;
mod secret;
mod spelling;
mod values;
mod wrong;

use serde_json::Value;

use super::fault::{Fault, Faults};
use super::shape::View;
use crate::operation::{Parameter, Style};
use crate::schema::{SchemaId, Validators};
use find::{Finder, Finding, Findings};
use path::At;
use secret::Secrets;
use wrong::Wrong;

/// In one answer so many things that are wrong are looked for.
const ANSWER_FINDINGS: usize = 200;

/// What a value is, in the words of the request.
pub(super) enum Subject<'a> {
    Parameter(&'a Parameter),
    /// A JSON (or text) body.
    Body,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
    /// The body of an answer. What is said of it is counted: it has nothing in it that differs from answer to answer, and
    /// nothing of the values.
    Answer,
}

impl Subject<'_> {
    /// A fault of the whole, that needs no value to be understood.
    pub(super) fn fault(&self, wrong: &str) -> Fault {
        match self {
            Subject::Parameter(parameter) => Fault::new(parameter, wrong),
            Subject::Body | Subject::Form | Subject::Multipart | Subject::Answer => {
                Fault::of_request(&format!("the body {wrong}"))
            }
        }
    }

    /// Whether values are written as texts, where a number and its digits are the same.
    fn is_text(&self) -> bool {
        match self {
            Subject::Parameter(parameter) => parameter.style != Style::Content,
            Subject::Body | Subject::Answer => false,
            Subject::Form | Subject::Multipart => true,
        }
    }

    /// A number that was written for a string, or the like, needs no quotes in a parameter.
    fn shows_bare_numbers(&self) -> bool {
        matches!(self, Subject::Parameter(parameter) if parameter.style != Style::Content)
    }

    /// So many things that are wrong are looked for. Those of an answer often are one thing, told once.
    fn findings(&self, faults: &Faults) -> usize {
        if let Subject::Answer = self { ANSWER_FINDINGS } else { faults.room() }
    }

    fn name_is_secret(&self) -> bool {
        matches!(self, Subject::Parameter(parameter) if secret::is_secret_name(&parameter.name))
    }
}

/// Holds a value of a request against a schema and against the names in it, by their shape. Of a name that some readers take
/// for another, nothing else is worth saying.
pub(super) fn check_named(
    validators: &Validators,
    id: SchemaId,
    value: Value,
    view: View<'_>,
    subject: &Subject<'_>,
    faults: &mut Faults,
) {
    let mut findings = Findings::new(faults.room());
    spelling::find(&value, view, &At::ROOT, &mut findings);
    if findings.is_empty() {
        return check(validators, id, value, subject, faults);
    }
    let Some(schema) = validators.set().find(id) else { return };
    let secrets = Secrets::new(validators.set(), schema);
    for finding in findings.iter() {
        faults.add_new(told(finding, subject, &secrets));
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
    let Some(schema) = validators.set().find(id).filter(|_| !faults.is_full()) else { return };
    let held = validators.hold(id, value);
    if held.is_valid() {
        return;
    }
    let value = held.value();
    let mut findings = Findings::new(subject.findings(faults));
    Finder::new(validators.set(), subject.is_text()).find(schema, value, &mut findings);
    let secrets = Secrets::new(validators.set(), schema);
    for finding in findings.iter() {
        faults.add_new(told(finding, subject, &secrets));
    }
    if findings.is_empty() {
        faults.add(subject.fault(&Wrong::Unlike.words(subject.is_text())));
    }
}

fn told(finding: &Finding<'_>, subject: &Subject<'_>, secrets: &Secrets<'_>) -> Fault {
    let is_secret = subject.name_is_secret() || secrets.contain(&finding.path);
    let path = if is_secret { path::without_unknown(&finding.path) } else { finding.path.as_slice() };
    let mut words = match subject {
        Subject::Answer => path::general_words(path, finding.wrong == Wrong::Unknown),
        _ => path::words(subject, path),
    };
    words.push(' ');
    if path.len() < finding.path.len() {
        words.push_str("has a field that is not accepted");
        return Fault::of_request(&words);
    }
    words.push_str(&finding.wrong.words(subject.is_text()));
    let got = finding.value.filter(|_| !is_secret).and_then(|value| {
        if let Subject::Answer = subject {
            let is_of_type = matches!(finding.wrong, Wrong::Type(_));
            return is_of_type.then(|| kinds::words_of(value).to_owned());
        }
        let with_containers = matches!(finding.wrong, Wrong::Type(_) | Wrong::Choice(_));
        values::shown(value, subject.shows_bare_numbers(), with_containers)
    });
    if let Some(got) = got {
        words.push_str(&format!(" (got {got})"));
    }
    Fault::of_request(&words)
}

#[cfg(test)]
mod tests;
