//! `parameters`: of a path, of an operation, and both together.

use serde_json::Value;

use super::reference::{Place, Root};
use super::schemas::Collector;
use super::{LoadError, Warnings};
use crate::operation::{Location, Parameter, Style};
use crate::template::Template;

/// Headers that the specification says are described elsewhere.
const IGNORED_HEADERS: [&str; 3] = ["accept", "content-type", "authorization"];

/// How many parameters one list may have.
const LIST_LIMIT: usize = 1_000;

/// The parameters of one list.
pub(super) type List = Vec<Parameter>;

pub(super) fn read_list<'d>(
    root: Root<'d>,
    place: Option<&Place<'d>>,
    schemas: &mut Collector<'d>,
    warnings: &mut Warnings,
) -> Result<List, LoadError> {
    let Some(place) = place.filter(|place| !place.value.is_null()) else {
        return Ok(List::new());
    };
    let items = place.value.as_array().ok_or_else(|| place.error("parameters must be a list"))?;
    if items.len() > LIST_LIMIT {
        return Err(place.error(format!("there are more than {LIST_LIMIT} parameters in one place")));
    }
    let mut list = List::with_capacity(items.len());
    for written in place.items() {
        let place = root.resolve(written.clone())?;
        if !place.value.is_object() {
            return Err(place.error("a parameter must be an object"));
        }
        let (name, location) = match read_name(&place) {
            Ok(named) => named,
            Err(reason) => {
                warnings.add(&place.pointer, &format!("skipped: {reason}"));
                continue;
            }
        };
        if list.iter().any(|other: &Parameter| is_same((other.location, &other.name), (location, name))) {
            let message = format!("skipped: the parameter \"{name}\" is listed before in the same place");
            warnings.add(&written.pointer, &message);
            continue;
        }
        list.push(read(root, &place, name, location, schemas, warnings)?);
    }
    Ok(list)
}

/// The path's parameters, overridden by the operation's of the same name and place.
pub(super) fn combine(
    shared: &List,
    own: List,
    template: &Template,
    pointer: &str,
    warnings: &mut Warnings,
) -> Vec<Parameter> {
    let is_own = |shared: &Parameter| {
        own.iter().any(|own| is_same((own.location, &own.name), (shared.location, &shared.name)))
    };
    let kept = shared.iter().filter(|parameter| !is_own(parameter));
    let mut all: Vec<Parameter> = kept.cloned().collect();
    all.extend(own);
    all.retain(|parameter| {
        let unknown =
            parameter.location == Location::Path && !template.names().any(|name| name == parameter.name);
        if unknown {
            let message =
                format!("the path parameter \"{}\" is not in the path, and is skipped", parameter.name);
            warnings.add(pointer, &message);
        }
        !unknown
    });
    for name in template.names() {
        if !all.iter().any(|parameter| parameter.location == Location::Path && parameter.name == name) {
            warnings.add(
                pointer,
                &format!("the path parameter \"{name}\" is not described; any value is accepted"),
            );
        }
    }
    all.retain(|parameter| {
        parameter.location != Location::Header
            || !IGNORED_HEADERS.iter().any(|name| parameter.name.eq_ignore_ascii_case(name))
    });
    all
}

fn is_same(left: (Location, &str), right: (Location, &str)) -> bool {
    let names_match = match left.0 {
        Location::Header => left.1.eq_ignore_ascii_case(right.1),
        Location::Path | Location::Query | Location::Cookie => left.1 == right.1,
    };
    left.0 == right.0 && names_match
}

/// What a parameter is, or why it is none.
fn read_name<'d>(place: &Place<'d>) -> Result<(&'d str, Location), String> {
    let text = |name: &str| place.value.get(name).and_then(Value::as_str);
    let name = text("name").filter(|name| !name.is_empty()).ok_or("a parameter must have a name")?;
    let location = match text("in") {
        Some("path") => Location::Path,
        Some("query") => Location::Query,
        Some("header") => Location::Header,
        Some("cookie") => Location::Cookie,
        Some(other) => {
            return Err(format!(
                "the parameter \"{name}\" cannot be in \"{other}\"; path, query, header and cookie are known"
            ));
        }
        None => {
            return Err(format!(
                "the parameter \"{name}\" must say what it is in: path, query, header or cookie"
            ));
        }
    };
    if location == Location::Header && http::HeaderName::try_from(name).is_err() {
        return Err(format!("\"{name}\" cannot be the name of a header"));
    }
    Ok((name, location))
}

fn read<'d>(
    root: Root<'d>,
    place: &Place<'d>,
    name: &str,
    location: Location,
    schemas: &mut Collector<'d>,
    warnings: &mut Warnings,
) -> Result<Parameter, LoadError> {
    let flag = |name: &str| place.value.get(name).and_then(Value::as_bool);
    root.take(name.len(), place)?;
    let style = read_style(place, location, warnings);
    // `content` has one media type, whose schema is that of the whole value.
    let content =
        place.value.get("content").and_then(Value::as_object).and_then(|content| content.keys().next());
    let schema = match content {
        Some(range) => {
            place.member("content").and_then(|all| all.member(range)).and_then(|one| one.member("schema"))
        }
        None => place.member("schema"),
    };
    let schema_id = schema.map(|schema| schemas.add(&schema)).transpose()?;
    Ok(Parameter {
        name: name.to_owned(),
        location,
        required: location == Location::Path || flag("required").unwrap_or(false),
        deprecated: flag("deprecated").unwrap_or(false),
        style,
        explode: flag("explode").unwrap_or(style == Style::Form),
        allow_reserved: flag("allowReserved").unwrap_or(false),
        allow_empty_value: flag("allowEmptyValue").unwrap_or(false),
        schema_id,
        media_type: content.cloned(),
    })
}

fn read_style(place: &Place<'_>, location: Location, warnings: &mut Warnings) -> Style {
    if place.value.get("content").is_some() {
        return Style::Content;
    }
    let usual = match location {
        Location::Path | Location::Header => Style::Simple,
        Location::Query | Location::Cookie => Style::Form,
    };
    let Some(text) = place.value.get("style").and_then(Value::as_str) else {
        return usual;
    };
    let known = match (location, text) {
        (Location::Path, "matrix") => Some(Style::Matrix),
        (Location::Path, "label") => Some(Style::Label),
        (Location::Path | Location::Header, "simple") => Some(Style::Simple),
        (Location::Query | Location::Cookie, "form") => Some(Style::Form),
        (Location::Query, "spaceDelimited") => Some(Style::SpaceDelimited),
        (Location::Query, "pipeDelimited") => Some(Style::PipeDelimited),
        (Location::Query, "deepObject") => Some(Style::DeepObject),
        _ => None,
    };
    known.unwrap_or_else(|| {
        warnings.add(
            &place.pointer,
            &format!("the style \"{text}\" is not known here, and the usual one is used"),
        );
        usual
    })
}
