//! `$ref`, within the document only: by pointers, and in schemas also by names.

use std::cell::Cell;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::LoadError;
use super::error::{join, unescape};
use super::identifiers::{self, Identifiers};

/// A chain of references longer than this goes round in a circle, or might as well.
pub(super) const HOP_LIMIT: usize = 32;

/// Members whose values are data, where a `$ref` is no reference.
const DATA: [&str; 5] = ["example", "examples", "default", "enum", "const"];

/// What all operations together may hold once references are written out: a small document can refer to one
/// large thing a million times.
const EXPANSION_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// How long the pointer to a schema with a name may be, before it is counted each time.
const FREE_POINTER_BYTES: usize = 1_024;

/// About what a value costs beside its text.
pub(super) const NODE_BYTES: usize = 64;

/// Members that map names of any kind, so that one called `default` or `example` is not data.
const MAPS: [&str; 12] = [
    "callbacks",
    "definitions",
    "$defs",
    "dependentSchemas",
    "headers",
    "links",
    "parameters",
    "patternProperties",
    "properties",
    "requestBodies",
    "responses",
    "schemas",
];

/// The document, to look references up in.
#[derive(Clone, Copy)]
pub(super) struct Root<'d> {
    value: &'d Value,
    allowance: &'d Allowance,
    identifiers: &'d Identifiers<'d>,
}

/// What may still be written out.
pub(super) struct Allowance {
    remaining_bytes: Cell<usize>,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance { remaining_bytes: Cell::new(EXPANSION_LIMIT_BYTES) }
    }
}

/// A value and the pointer that names it in messages: where it really stands, after references.
#[derive(Clone)]
pub(super) struct Place<'d> {
    pub(super) value: &'d Value,
    pub(super) pointer: String,
}

impl<'d> Root<'d> {
    pub(super) fn new(
        value: &'d Value,
        allowance: &'d Allowance,
        identifiers: &'d Identifiers<'d>,
    ) -> Root<'d> {
        Root { value, allowance, identifiers }
    }

    /// By what names schemas are known.
    pub(super) fn identifiers(&self) -> &'d Identifiers<'d> {
        self.identifiers
    }

    /// Accounts for something that an operation keeps.
    pub(super) fn take(&self, bytes: usize, place: &Place<'_>) -> Result<(), LoadError> {
        let remaining = &self.allowance.remaining_bytes;
        let left = remaining
            .get()
            .checked_sub(bytes.saturating_add(NODE_BYTES))
            .ok_or_else(|| place.error("the document is too large once its references are written out"))?;
        remaining.set(left);
        Ok(())
    }

    pub(super) fn member(&self, name: &str) -> Option<Place<'d>> {
        self.whole().member(name)
    }

    /// The document itself.
    pub(super) fn whole(&self) -> Place<'d> {
        Place { value: self.value, pointer: String::new() }
    }

    /// Follows references until there is none.
    pub(super) fn resolve(&self, place: Place<'d>) -> Result<Place<'d>, LoadError> {
        self.take(0, &place)?;
        let mut hops = HOP_LIMIT;
        self.follow(place, &mut hops)
    }

    /// Where the reference of a place leads, if it has one: one step of [`Root::resolve`], for those to whom what
    /// stands beside a reference matters.
    pub(super) fn step(&self, place: &Place<'d>) -> Result<Option<Place<'d>>, LoadError> {
        let Some(target) = place.reference() else { return Ok(None) };
        self.find(place, "$ref", target).map(Some)
    }

    /// Where a reference leads that a schema has under a keyword.
    pub(super) fn find(
        &self,
        place: &Place<'d>,
        keyword: &str,
        target: &str,
    ) -> Result<Place<'d>, LoadError> {
        let mut hops = HOP_LIMIT;
        self.look_up(place, target, &join(&place.pointer, keyword), &mut hops)
    }

    fn follow(&self, mut place: Place<'d>, hops: &mut usize) -> Result<Place<'d>, LoadError> {
        let start = place.pointer.clone();
        while let Some(target) = place.reference() {
            let here = join(&place.pointer, "$ref");
            *hops = hops.checked_sub(1).ok_or_else(|| {
                LoadError::new(format!(
                    "the reference \"{target}\" leads in a circle, or over more than {HOP_LIMIT} others"
                ))
                .at(join(&start, "$ref"))
            })?;
            place = self.look_up(&place, target, &here, hops)?;
        }
        Ok(place)
    }

    /// A pointer starts at the schema with the nearest `$id`; one whose first step is not there, at the document: so
    /// they mean it who write `#/components/schemas/Pet` below an `$id`.
    fn look_up(
        &self,
        from: &Place<'d>,
        target: &str,
        here: &str,
        hops: &mut usize,
    ) -> Result<Place<'d>, LoadError> {
        let missing = || LoadError::new(format!("the reference \"{target}\" leads nowhere")).at(here);
        let resource = self.identifiers.find(from.value, target, here)?;
        let (uri, fragment) = identifiers::split(target);
        let fragment = percent_decode_str(fragment).decode_utf8().map_err(|_| missing())?;
        if !fragment.is_empty() && !fragment.starts_with('/') {
            return self.named(self.identifiers.find_anchor(resource, &fragment, target, here)?);
        }
        let start = self.identifiers.root_of(resource).filter(|start| {
            let first = fragment.split('/').nth(1).map(unescape);
            !uri.is_empty() || first.is_none_or(|first| start.member(&first).is_some())
        });
        let start = start.map_or_else(|| Ok(self.whole()), |start| self.named(start))?;
        self.descend(start, &fragment, hops)?.ok_or_else(missing)
    }

    /// Accounts for a pointer that may be far longer than the reference.
    fn named(&self, place: Place<'d>) -> Result<Place<'d>, LoadError> {
        let excess = place.pointer.len().saturating_sub(FREE_POINTER_BYTES);
        if excess > 0 {
            self.take(excess, &place)?;
        }
        Ok(place)
    }

    /// Where a pointer leads through a member that is itself a reference, that one is followed on the way.
    fn descend(
        &self,
        mut place: Place<'d>,
        pointer: &str,
        hops: &mut usize,
    ) -> Result<Option<Place<'d>>, LoadError> {
        for step in pointer.split('/').skip(1) {
            let step = unescape(step);
            let next = match place.member(&step) {
                Some(next) => Some(next),
                None if place.reference().is_some() => self.follow(place, hops)?.member(&step),
                None => None,
            };
            match next {
                Some(next) => place = next,
                None => return Ok(None),
            }
        }
        Ok(Some(place))
    }
}

impl<'d> Place<'d> {
    /// A member of an object, or an item of a list.
    pub(super) fn member(&self, name: &str) -> Option<Place<'d>> {
        let value = match self.value {
            Value::Object(members) => members.get(name),
            Value::Array(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        value.map(|value| Place { value, pointer: join(&self.pointer, name) })
    }

    /// The members of an object; of anything else none.
    pub(super) fn members(&self) -> impl Iterator<Item = (&'d String, Place<'d>)> {
        let members = self.value.as_object().into_iter().flatten();
        members.map(|(name, value)| (name, Place { value, pointer: join(&self.pointer, name) }))
    }

    /// The items of a list; of anything else none.
    pub(super) fn items(&self) -> impl Iterator<Item = Place<'d>> {
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(|(index, value)| Place { value, pointer: join(&self.pointer, index) })
    }

    pub(super) fn reference(&self) -> Option<&'d str> {
        self.value.get("$ref").and_then(Value::as_str)
    }

    pub(super) fn error(&self, message: impl Into<String>) -> LoadError {
        LoadError::new(message).at(self.pointer.clone())
    }
}

/// About how much memory a value takes.
pub(super) fn weight(value: &Value) -> usize {
    NODE_BYTES
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(weight).sum(),
            Value::Object(members) => members.iter().map(|(name, member)| name.len() + weight(member)).sum(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

/// Changes every reference, and what a discriminator maps to: `rewrite` is told the target and where it
/// stands, and says what it is to be.
pub(super) fn each_reference(
    document: &mut Value,
    rewrite: &mut impl FnMut(&str, &str) -> Result<String, LoadError>,
) -> Result<(), LoadError> {
    rewrite_within(document, Kind::Value, "", rewrite)
}

/// What the members of an object are.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Value,
    /// Named by the document: none of the names means anything.
    Map,
    /// Names of schemas, or references to them.
    Mapping,
}

fn rewrite_within(
    value: &mut Value,
    kind: Kind,
    here: &str,
    rewrite: &mut impl FnMut(&str, &str) -> Result<String, LoadError>,
) -> Result<(), LoadError> {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let is_reference = match kind {
                    Kind::Mapping => member.as_str().is_some_and(|text| text.contains(['/', '#', '.'])),
                    Kind::Value | Kind::Map => name == "$ref",
                };
                let below = match (kind, name.as_str()) {
                    (Kind::Value, name) if MAPS.contains(&name) => Kind::Map,
                    (Kind::Value, "mapping") => Kind::Mapping,
                    _ => Kind::Value,
                };
                let is_data = DATA.contains(&name.as_str()) || name.starts_with("x-");
                match member {
                    Value::String(target) if is_reference => *target = rewrite(target, &join(here, name))?,
                    _ if kind == Kind::Value && is_data => {}
                    _ => rewrite_within(member, below, &join(here, name), rewrite)?,
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                rewrite_within(item, Kind::Value, &join(here, index), rewrite)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

/// Whether a member is data, where nothing is a reference; and whether it maps names, which mean nothing by
/// themselves. `is_map` says that of what the member stands in.
pub(super) fn is_data(name: &str, is_map: bool) -> (bool, bool) {
    let is_data = !is_map && (DATA.contains(&name) || name.starts_with("x-"));
    (is_data, !is_map && MAPS.contains(&name))
}
