//! Two operations: their parameters and their bodies.

use super::schema::Schemas;
use super::{Difference, Effect};
use crate::operation::{Body, Location, MediaType, Operation, Parameter};
use crate::schema::SchemaId;
use crate::template::Template;

/// Everything that is different.
pub(super) fn compare(schemas: &mut Schemas<'_>, old: &Operation, new: &Operation) -> Vec<Difference> {
    let mut found = Vec::new();
    let old_names = path_names(old);
    let new_names = path_names(new);
    // A parameter of the path is known by its place.
    let place = |names: &[String], parameter: &Parameter| {
        (parameter.location == Location::Path)
            .then(|| names.iter().position(|name| *name == parameter.name))
            .flatten()
    };
    let counterpart = |new: &Parameter| {
        old.parameters.iter().position(|old| {
            old.location == new.location
                && match (place(&old_names, old), place(&new_names, new)) {
                    (Some(one), Some(other)) => one == other,
                    _ => is_same_name(old, new),
                }
        })
    };
    let mut known = vec![false; old.parameters.len()];
    for parameter in &new.parameters {
        let at = counterpart(parameter);
        if let Some(known) = at.and_then(|at| known.get_mut(at)) {
            *known = true;
        }
        match at.and_then(|at| old.parameters.get(at)) {
            Some(old) => compare_parameter(schemas, old, parameter, &mut found),
            None if parameter.required => {
                note(&mut found, Effect::Breaking, &name_of(parameter), "is new and required");
            }
            None => {
                note(&mut found, Effect::Compatible, &name_of(parameter), "is new, and may be left out");
            }
        }
    }
    for (parameter, _) in old.parameters.iter().zip(known).filter(|(_, known)| !known) {
        note(
            &mut found,
            Effect::Compatible,
            &name_of(parameter),
            "is gone: what is sent in it is not checked",
        );
    }
    compare_bodies(schemas, old.body.as_ref(), new.body.as_ref(), &mut found);
    if !old.deprecated && new.deprecated {
        note(&mut found, Effect::Compatible, "it", "is deprecated now");
    }
    found
}

fn path_names(operation: &Operation) -> Vec<String> {
    let template = Template::parse(&operation.path);
    template.map(|template| template.names().map(str::to_owned).collect()).unwrap_or_default()
}

fn is_same_name(one: &Parameter, other: &Parameter) -> bool {
    if one.location == Location::Header {
        one.name.eq_ignore_ascii_case(&other.name)
    } else {
        one.name == other.name
    }
}

fn compare_parameter(
    schemas: &mut Schemas<'_>,
    old: &Parameter,
    new: &Parameter,
    found: &mut Vec<Difference>,
) {
    let name = name_of(new);
    match (old.required, new.required) {
        (false, true) => note(found, Effect::Breaking, &name, "is required now"),
        (true, false) => note(found, Effect::Compatible, &name, "may be left out now"),
        _ => {}
    }
    if (old.style, old.explode, &old.media_type) != (new.style, new.explode, &new.media_type) {
        note(found, Effect::Breaking, &name, "is written otherwise now (style, explode or media type)");
    }
    if old.allow_empty_value && !new.allow_empty_value {
        note(found, Effect::Changed, &name, "may not be empty any more, unless its type allows that");
    }
    if !old.deprecated && new.deprecated {
        note(found, Effect::Compatible, &name, "is deprecated now");
    }
    let subject = |path: &str| match path {
        "" => name.clone(),
        path => format!("\"{path}\" of {name}"),
    };
    compare_schemas(schemas, old.schema_id, new.schema_id, subject, found);
}

fn compare_bodies(
    schemas: &mut Schemas<'_>,
    old: Option<&Body>,
    new: Option<&Body>,
    found: &mut Vec<Difference>,
) {
    let (old, new) = match (old, new) {
        (None, None) => return,
        (None, Some(new)) if new.required => {
            return note(found, Effect::Breaking, "the body", "is new and required");
        }
        (None, Some(_)) => {
            return note(found, Effect::Changed, "the body", "is described now, and may be left out");
        }
        (Some(_), None) => {
            return note(
                found,
                Effect::Compatible,
                "the body",
                "is not described any more: it is not checked",
            );
        }
        (Some(old), Some(new)) => (old, new),
    };
    match (old.required, new.required) {
        (false, true) => note(found, Effect::Breaking, "the body", "is required now"),
        (true, false) => note(found, Effect::Compatible, "the body", "may be left out now"),
        _ => {}
    }
    if old.content.is_empty() && !new.content.is_empty() {
        note(found, Effect::Breaking, "the body", "is of certain media types now (before: of any)");
    }
    let several = new.content.len() > 1;
    for media in &new.content {
        match old.content.iter().find(|old| range_of(old) == range_of(media)) {
            Some(old) => compare_media(schemas, old, media, several, found),
            None => {
                let text = format!("may be of the media type \"{}\" now", media.range);
                note(found, Effect::Compatible, "the body", &text);
            }
        }
    }
    let is_gone = |old: &&MediaType| !new.content.iter().any(|new| range_of(new) == range_of(old));
    for media in old.content.iter().filter(is_gone) {
        let effect = if new.content.is_empty() { Effect::Compatible } else { Effect::Breaking };
        let text = match effect {
            Effect::Compatible => format!("is not checked as \"{}\" any more", media.range),
            _ => format!("may not be of the media type \"{}\" any more", media.range),
        };
        note(found, effect, "the body", &text);
    }
}

fn compare_media(
    schemas: &mut Schemas<'_>,
    old: &MediaType,
    new: &MediaType,
    several: bool,
    found: &mut Vec<Difference>,
) {
    let suffix = if several { format!(" ({})", new.range) } else { String::new() };
    if old.encoding != new.encoding {
        note(found, Effect::Changed, &format!("the body{suffix}"), "has its parts written otherwise now");
    }
    let subject = |path: &str| match path {
        "" => format!("the body{suffix}"),
        path => format!("body field \"{path}\"{suffix}"),
    };
    compare_schemas(schemas, old.schema_id, new.schema_id, subject, found);
}

fn compare_schemas(
    schemas: &mut Schemas<'_>,
    old: Option<SchemaId>,
    new: Option<SchemaId>,
    subject: impl Fn(&str) -> String,
    found: &mut Vec<Difference>,
) {
    match (old, new) {
        (None, None) => {}
        (None, Some(_)) => note(found, Effect::Changed, &subject(""), "is checked now (before: not)"),
        (Some(_), None) => note(found, Effect::Compatible, &subject(""), "is not checked any more"),
        (Some(old), Some(new)) => {
            for (path, effect, what) in schemas.compare(old, new) {
                note(found, effect, &subject(&path), &what);
            }
        }
    }
}

/// Without what stands behind the `;`, in small letters.
fn range_of(media: &MediaType) -> String {
    media.range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn name_of(parameter: &Parameter) -> String {
    let place = match parameter.location {
        Location::Path => "path parameter",
        Location::Query => "query parameter",
        Location::Header => "header",
        Location::Cookie => "cookie",
    };
    format!("{place} \"{}\"", parameter.name)
}

fn note(found: &mut Vec<Difference>, effect: Effect, subject: &str, what: &str) {
    found.push(Difference { effect, text: format!("{subject} {what}") });
}
