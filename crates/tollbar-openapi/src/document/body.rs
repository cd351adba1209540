//! `requestBody`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::reference::{Place, Root};
use super::schemas::{Collector, Direction};
use super::{LoadError, Warnings};
use crate::operation::{Body, Encoding, MediaType, Style};

/// How many media types one body may have.
const MEDIA_TYPE_LIMIT: usize = 1_000;

/// How many members of one form may have an encoding of their own.
const ENCODING_LIMIT: usize = 1_000;

pub(super) fn read<'d>(
    root: Root<'d>,
    place: Place<'d>,
    schemas: &mut Collector<'d>,
    warnings: &mut Warnings,
) -> Result<Body, LoadError> {
    let place = root.resolve(place)?;
    if !place.value.is_object() {
        return Err(place.error("requestBody must be an object"));
    }
    let required = place.value.get("required").and_then(Value::as_bool).unwrap_or(false);
    let content = read_content(root, place.member("content"), Direction::Request, schemas, warnings)?;
    Ok(Body { required, content })
}

/// `content`: media types, each with its schema.
pub(super) fn read_content<'d>(
    root: Root<'d>,
    place: Option<Place<'d>>,
    direction: Direction,
    schemas: &mut Collector<'d>,
    warnings: &mut Warnings,
) -> Result<Vec<MediaType>, LoadError> {
    let Some(place) = place else { return Ok(Vec::new()) };
    let members = place.value.as_object().ok_or_else(|| place.error("content must be an object"))?;
    if members.len() > MEDIA_TYPE_LIMIT {
        return Err(place.error(format!("there are more than {MEDIA_TYPE_LIMIT} media types in one place")));
    }
    let mut content = Vec::with_capacity(members.len());
    for range in members.keys() {
        let Some(member) = place.member(range) else { continue };
        let member = root.resolve(member)?;
        root.take(range.len(), &member)?;
        let schema = member.member("schema");
        let schema_id = schema.map(|schema| schemas.add_for(&schema, direction)).transpose()?;
        let encoding = read_encodings(root, member.member("encoding"), warnings)?;
        content.push(MediaType { range: range.clone(), schema_id, encoding });
    }
    Ok(content)
}

fn read_encodings(
    root: Root<'_>,
    place: Option<Place<'_>>,
    warnings: &mut Warnings,
) -> Result<BTreeMap<String, Encoding>, LoadError> {
    let Some(place) = place else { return Ok(BTreeMap::new()) };
    let members = place.value.as_object().ok_or_else(|| place.error("encoding must be an object"))?;
    if members.len() > ENCODING_LIMIT {
        return Err(place.error(format!("there are more than {ENCODING_LIMIT} encodings in one place")));
    }
    let mut encodings = BTreeMap::new();
    for (name, value) in members {
        root.take(name.len(), &place)?;
        let types = value.get("contentType").and_then(Value::as_str).unwrap_or_default();
        let types = types.split(',').map(str::trim).filter(|kind| !kind.is_empty());
        let style = value.get("style").and_then(Value::as_str);
        encodings.insert(
            name.clone(),
            Encoding {
                content_types: types.map(str::to_owned).collect(),
                style: style.and_then(|style| read_style(style, &place, warnings)),
                explode: value.get("explode").and_then(Value::as_bool),
            },
        );
    }
    Ok(encodings)
}

fn read_style(text: &str, place: &Place<'_>, warnings: &mut Warnings) -> Option<Style> {
    match text {
        "form" => Some(Style::Form),
        "spaceDelimited" => Some(Style::SpaceDelimited),
        "pipeDelimited" => Some(Style::PipeDelimited),
        "deepObject" => Some(Style::DeepObject),
        _ => {
            warnings.add(
                &place.pointer,
                &format!("the style \"{text}\" is not known here, and the usual one is used"),
            );
            None
        }
    }
}
