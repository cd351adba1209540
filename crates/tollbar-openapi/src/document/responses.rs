//! `responses`: what answers are described as. Read only where somebody holds answers against it.

use http::HeaderName;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::body::read_content;
use super::reference::{Place, Root};
use super::schemas::{Collector, Direction};
use super::{LoadError, Warnings};
use crate::operation::Response;

/// How many statuses one operation may describe.
const STATUS_LIMIT: usize = 1_000;

/// How many headers one answer may have.
const HEADER_LIMIT: usize = 1_000;

pub(super) fn read<'d>(
    root: Root<'d>,
    place: Place<'d>,
    schemas: &mut Collector<'d>,
    warnings: &mut Warnings,
) -> Result<Vec<Response>, LoadError> {
    // The specification has no reference here; some documents do.
    let place = root.resolve(place)?;
    if place.value.is_null() {
        return Ok(Vec::new());
    }
    let members = place.value.as_object().ok_or_else(|| place.error("responses must be an object"))?;
    if members.len() > STATUS_LIMIT {
        return Err(place.error(format!("there are more than {STATUS_LIMIT} responses in one place")));
    }
    let mut responses = Vec::with_capacity(members.len());
    for name in members.keys().filter(|name| !name.starts_with("x-")) {
        let Some(member) = place.member(name) else { continue };
        let Some(status) = read_status(name) else {
            let message = "skipped: a response is known by a status such as 200 or 2XX, or by \"default\"";
            warnings.add(&member.pointer, message);
            continue;
        };
        let member = root.resolve(member)?;
        root.take(status.len(), &member)?;
        let required_headers = read_headers(root, member.member("headers"), warnings)?;
        let content = member.member("content").filter(|content| !content.value.is_null());
        let content = read_content(root, content, Direction::Response, schemas, warnings)?;
        responses.push(Response { status, required_headers, content });
    }
    Ok(responses)
}

/// `200`, `2XX` or `default`.
fn read_status(name: &str) -> Option<String> {
    let status = if name.eq_ignore_ascii_case("default") {
        name.to_ascii_lowercase()
    } else {
        name.trim().to_ascii_uppercase()
    };
    let is_right = match status.as_bytes() {
        [b'1'..=b'5', b'X', b'X'] => true,
        [b'1'..=b'9', second, third] => second.is_ascii_digit() && third.is_ascii_digit(),
        other => other == b"default",
    };
    is_right.then_some(status)
}

/// Those that must be there.
fn read_headers(
    root: Root<'_>,
    place: Option<Place<'_>>,
    warnings: &mut Warnings,
) -> Result<Vec<String>, LoadError> {
    let Some(place) = place.filter(|place| !place.value.is_null()) else { return Ok(Vec::new()) };
    let members = place.value.as_object().ok_or_else(|| place.error("headers must be an object"))?;
    if members.len() > HEADER_LIMIT {
        return Err(place.error(format!("there are more than {HEADER_LIMIT} headers in one place")));
    }
    let mut required = Vec::new();
    for name in members.keys() {
        let Some(member) = place.member(name) else { continue };
        let member = root.resolve(member)?;
        if member.value.get("required").and_then(Value::as_bool) != Some(true) {
            continue;
        }
        match HeaderName::try_from(name.as_str()) {
            // What the body is, says `content`.
            Ok(known) if known == CONTENT_TYPE => {}
            Ok(_) => {
                root.take(name.len(), &member)?;
                required.push(name.clone());
            }
            Err(_) => warnings.add(&member.pointer, "skipped: the name of a header cannot be written so"),
        }
    }
    Ok(required)
}
