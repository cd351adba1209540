//! Whether a body is as an operation describes it.

use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::Value;

use super::charset::Charset;
use super::decode::Accept;
use super::fault::{Fault, Faults, quoted};
use super::media_type::{MediaType, Range};
use super::shape::Shape;
use super::wording::{self, Subject};
use super::{BodyGiven, BodyNeed, ResponseNeed, form, json, multipart};
use crate::operation::{self, Location, Operation, Parameter};
use crate::schema::{SchemaId, SchemaSet, Validators};

/// Members of a schema that hold nothing against a text.
const REMARKS: [&str; 13] = [
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "nullable",
    "format",
    "contentEncoding",
    "contentMediaType",
    "$comment",
];

/// What was found out beforehand about the body of an operation.
pub(super) struct Plan {
    forms: Vec<Form>,
    /// No body is described, and the query's parameters are: a form would be read as more of those.
    refuses_forms: bool,
}

/// One media type of a body.
struct Form {
    range: Range,
    /// Its place in the operation's list.
    index: usize,
    schema: Option<Schema>,
}

/// What the way of reading depends on.
struct Schema {
    id: SchemaId,
    /// The schema says that the body is bytes, whatever its media type.
    is_bytes: bool,
    /// An object can be right: forms are read as one.
    takes_object: bool,
    /// A text can be right.
    takes_text: bool,
    /// Every text is right.
    takes_every_text: bool,
}

/// How a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Json,
    Form,
    Multipart,
    Text,
    /// Not at all: there is nothing to hold it against, or nothing that can read it.
    Unread,
}

/// What the headers say of a body.
struct Announced<'p, 'h> {
    form: &'p Form,
    reading: Reading,
    media_type: MediaType<'h>,
}

impl Plan {
    pub(super) fn of(operation: &Operation, set: &SchemaSet) -> Plan {
        let plan = Plan::of_content(operation.body.iter().flat_map(|body| &body.content), set);
        let in_query = |parameter: &Parameter| parameter.location == Location::Query;
        Plan { refuses_forms: operation.body.is_none() && operation.parameters.iter().any(in_query), ..plan }
    }

    pub(super) fn of_content<'o>(
        content: impl IntoIterator<Item = &'o operation::MediaType>,
        set: &SchemaSet,
    ) -> Plan {
        let forms = content.into_iter().enumerate().flat_map(|(index, one)| {
            Range::parse_all(&one.range).into_iter().map(move |range| Form {
                range,
                index,
                schema: one.schema_id.map(|id| Schema::of(set, id)),
            })
        });
        Plan { forms: forms.collect(), refuses_forms: false }
    }

    /// The media types that have a schema which no body of theirs is held against, as the document writes them.
    pub(super) fn unread<'o>(&self, operation: &'o Operation) -> Vec<&'o str> {
        let content = operation.body.iter().flat_map(|body| &body.content).enumerate();
        let is_unread = |index: usize, one: &operation::MediaType| {
            let mut forms = self.forms.iter().filter(|form| form.index == index).peekable();
            let is_nameless = forms.peek().is_none();
            one.schema_id.is_some() && (is_nameless || forms.any(Form::is_passed_by))
        };
        content.filter(|(index, one)| is_unread(*index, one)).map(|(_, one)| one.range.as_str()).collect()
    }

    fn announced<'p, 'h>(&'p self, headers: &'h HeaderMap) -> Result<Announced<'p, 'h>, Fault> {
        let announced = self.find(headers)?;
        if announced.reading != Reading::Unread {
            check_readable(&announced.media_type, headers)?;
        }
        Ok(announced)
    }

    fn find<'p, 'h>(&'p self, headers: &'h HeaderMap) -> Result<Announced<'p, 'h>, Fault> {
        let ranges: Vec<&Range> = self.forms.iter().map(|form| &form.range).collect();
        let media_type = MediaType::of_request(headers, &ranges)?;
        let mut best: Option<(usize, &Form)> = None;
        for form in &self.forms {
            // Of equals the first.
            if let Some(rank) = form.range.rank(&media_type)
                && best.is_none_or(|(other, _)| rank > other)
            {
                best = Some((rank, form));
            }
        }
        let Some((_, form)) = best else { return Err(media_type.not_described(&ranges)) };
        let reading = form.reading(&media_type);
        Ok(Announced { form, reading, media_type })
    }
}

pub(super) fn need(plan: &Plan, headers: &HeaderMap) -> BodyNeed {
    if plan.refuses_forms && says_form(headers) {
        return BodyNeed::Refusal;
    }
    if plan.forms.is_empty() {
        return BodyNeed::Nothing;
    }
    match plan.announced(headers) {
        Ok(Announced { reading: Reading::Unread, .. }) => BodyNeed::Nothing,
        Ok(_) => BodyNeed::Whole,
        Err(_) => BodyNeed::Refusal,
    }
}

/// What the check of an answer's body needs of it.
pub(super) fn answer_need(plan: &Plan, headers: &HeaderMap) -> ResponseNeed {
    if plan.forms.is_empty() {
        return ResponseNeed::Nothing;
    }
    // What is wrong with the headers can be said without the body.
    let Ok(announced) = plan.find(headers) else { return ResponseNeed::Nothing };
    match announced.reading {
        Reading::Json | Reading::Text if check_readable(&announced.media_type, headers).is_ok() => {
            ResponseNeed::Whole
        }
        Reading::Unread if !announced.form.says_more_than_bytes() => ResponseNeed::Nothing,
        Reading::Json | Reading::Text | Reading::Form | Reading::Multipart | Reading::Unread => {
            ResponseNeed::Unreadable
        }
    }
}

/// Holds the body of an answer against its description. [`BodyGiven::None`]: there can be none, whatever the headers say.
pub(super) fn check_answer(
    validators: &Validators,
    plan: &Plan,
    headers: &HeaderMap,
    body: BodyGiven<'_>,
    faults: &mut Faults,
) {
    if plan.forms.is_empty() || matches!(body, BodyGiven::None) {
        return;
    }
    let is_empty = matches!(body, BodyGiven::Whole([]));
    if is_empty && !headers.contains_key(CONTENT_TYPE) {
        return faults.add(Subject::Answer.fault("is missing"));
    }
    let announced = match plan.find(headers) {
        Ok(announced) => announced,
        Err(fault) => return faults.add(fault),
    };
    let (BodyGiven::Whole(bytes), Some(schema)) = (body, &announced.form.schema) else { return };
    let is_utf8 = Charset::of(&announced.media_type).other_for(bytes, false).is_none();
    if !is_utf8 || check_readable(&announced.media_type, headers).is_err() {
        return;
    }
    let is_json = match announced.reading {
        Reading::Json => true,
        Reading::Text => !schema.takes_text,
        Reading::Form | Reading::Multipart | Reading::Unread => return,
    };
    let value = match std::str::from_utf8(bytes) {
        _ if is_json && is_empty => return faults.add(Subject::Answer.fault("is missing")),
        _ if is_json => json::parse_answer(bytes),
        Ok(text) => Ok(Value::String(text.to_owned())),
        Err(_) => Err(Subject::Answer.fault("is not valid UTF-8")),
    };
    match value {
        Ok(value) => wording::check(validators, schema.id, value, &Subject::Answer, faults),
        Err(fault) => faults.add(fault),
    }
}

pub(super) fn check(
    validators: &Validators,
    operation: &Operation,
    plan: &Plan,
    shapes: &[Shape],
    headers: &HeaderMap,
    body: BodyGiven<'_>,
    faults: &mut Faults,
) {
    let Some(described) = &operation.body else {
        let is_there = matches!(body, BodyGiven::Whole(_) | BodyGiven::Unread);
        if plan.refuses_forms && is_there && says_form(headers) {
            faults.add(Fault::of_request(
                "the body must not be a form: the parameters belong in the query, where they are checked",
            ));
        }
        return;
    };
    let bytes = match body {
        BodyGiven::None if described.required => {
            return faults.add(Fault::of_request("the request body is required"));
        }
        BodyGiven::None | BodyGiven::Unchecked => return,
        BodyGiven::Unread => None,
        BodyGiven::Whole(bytes) => Some(bytes),
    };
    if plan.forms.is_empty() {
        return;
    }
    let announced = match plan.announced(headers) {
        Ok(announced) => announced,
        Err(fault) => return faults.add(fault),
    };
    if announced.reading == Reading::Unread {
        return;
    }
    // The description changed after it was decided to let the body go by.
    let Some(bytes) = bytes else {
        return faults
            .add(Fault::of_request("the request body could not be checked; send the request again"));
    };
    let index = announced.form.index;
    let (Some(one), Some(shape)) = (described.content.get(index), shapes.get(index)) else { return };
    let Some(schema) = &announced.form.schema else { return };
    let accept = |value: &Value| validators.hold(schema.id, value.clone()).is_valid();
    match announced.read(bytes, one, shape, schema, &accept) {
        Ok((value, subject)) => {
            wording::check_named(validators, schema.id, value, shape.view(), &subject, faults)
        }
        Err(fault) => faults.add(fault),
    }
}

impl Announced<'_, '_> {
    fn read<'s>(
        &self,
        bytes: &[u8],
        one: &operation::MediaType,
        shape: &Shape,
        schema: &Schema,
        accept: Accept<'_>,
    ) -> Result<(Value, Subject<'s>), Fault> {
        // The parts of a multipart body each say their own.
        if self.reading != Reading::Multipart
            && let Some(charset) =
                Charset::of(&self.media_type).other_for(bytes, self.reading == Reading::Form)
        {
            return Err(wrong_charset(charset));
        }
        match self.reading {
            Reading::Json => json::parse(bytes).map(|value| (value, Subject::Body)),
            Reading::Form => {
                form::decode(bytes, shape, &one.encoding, accept).map(|value| (value, Subject::Form))
            }
            Reading::Multipart => {
                let boundary = self.media_type.find("boundary").unwrap_or_default();
                multipart::decode(bytes, boundary, shape, &one.encoding, accept)
                    .map(|value| (value, Subject::Multipart))
            }
            // What is no text by its description can only be right as JSON.
            Reading::Text if !schema.takes_text => json::parse(bytes).map(|value| (value, Subject::Body)),
            Reading::Text => match std::str::from_utf8(bytes) {
                Ok(text) => Ok((Value::String(text.to_owned()), Subject::Body)),
                Err(_) => Err(Fault::of_request("the body is not valid UTF-8")),
            },
            Reading::Unread => Ok((Value::Null, Subject::Body)),
        }
    }
}

impl Form {
    fn reading(&self, given: &MediaType<'_>) -> Reading {
        let Some(schema) = &self.schema else { return Reading::Unread };
        if schema.is_bytes {
            return Reading::Unread;
        }
        let as_form = |reading| if schema.takes_object { reading } else { Reading::Unread };
        if given.is("multipart", "form-data") {
            return as_form(Reading::Multipart);
        }
        if given.is("application", "x-www-form-urlencoded") {
            return as_form(Reading::Form);
        }
        if given.is_json() {
            return Reading::Json;
        }
        let is_plain = given.is("text", "plain");
        let is_text = given.is_of("text") && !given.is_xml() && (is_plain || schema.takes_text);
        if is_text && !schema.takes_every_text { Reading::Text } else { Reading::Unread }
    }

    fn says_more_than_bytes(&self) -> bool {
        let is_free = |schema: &Schema| schema.is_bytes || schema.takes_every_text;
        self.schema.as_ref().is_some_and(|schema| !is_free(schema))
    }

    /// Its bodies have a description that says more than that they are bytes, and are not held against it.
    fn is_passed_by(&self) -> bool {
        self.says_more_than_bytes() && self.reading(&self.range.as_media_type()) == Reading::Unread
    }
}

impl Schema {
    fn of(set: &SchemaSet, id: SchemaId) -> Schema {
        let schema = set.find(id).map(|schema| set.resolve(schema));
        let types = schema.and_then(|schema| schema.get("type"));
        let takes = |kind: &str| match types {
            None => schema.is_none_or(|schema| *schema != Value::Bool(false)),
            Some(Value::Array(types)) => types.iter().any(|one| one == kind),
            Some(one) => one == kind,
        };
        let (takes_object, takes_text) = (takes("object"), takes("string"));
        let is_remark = |name: &str| name == "type" || name.starts_with("x-") || REMARKS.contains(&name);
        let takes_every_text = takes_text
            && match schema {
                Some(Value::Object(members)) => members.keys().all(|name| is_remark(name)),
                _ => true,
            };
        let format = schema.and_then(|schema| schema.get("format"));
        let is_bytes = takes_text && types.is_some() && format.is_some_and(|format| format == "binary");
        Schema { id, is_bytes, takes_object, takes_text, takes_every_text }
    }
}

/// Whether anybody could take the body for a form. What the header says beside does not matter here.
fn says_form(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_TYPE).iter().any(|value| {
        let value = value.as_bytes().to_ascii_lowercase();
        let has = |name: &[u8]| value.windows(name.len()).any(|window| window == name);
        has(b"application/x-www-form-urlencoded") || has(b"multipart/form-data")
    })
}

/// What would keep us from reading a body as the upstream does.
fn check_readable(media_type: &MediaType<'_>, headers: &HeaderMap) -> Result<(), Fault> {
    let fault = |words: String| Err(Fault::of_request(&words));
    if let Charset::Other(charset) = Charset::of(media_type) {
        return Err(wrong_charset(charset));
    }
    if media_type.is("multipart", "form-data") && media_type.find("boundary").is_none_or(str::is_empty) {
        return fault("header \"Content-Type\" must say the boundary of the body's parts".to_owned());
    }
    let codings = headers.get_all(CONTENT_ENCODING).iter();
    let mut others = codings.filter(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"));
    match others.next() {
        None => Ok(()),
        Some(coding) => fault(format!(
            "header \"Content-Encoding\" must be left out: an encoded body cannot be checked (got {})",
            quoted(&String::from_utf8_lossy(coding.as_bytes()))
        )),
    }
}

fn wrong_charset(got: &str) -> Fault {
    let got = quoted(got);
    Fault::of_request(&format!("header \"Content-Type\" must say charset utf-8 (got {got})"))
}

#[cfg(test)]
mod tests;
