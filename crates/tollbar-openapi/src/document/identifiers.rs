//! What schemas are known by beside their places: `$id`, which also says what the references within are relative to,
//! `$anchor` and `$dynamicAnchor`. They are looked for once, when a document is read, and so is every reference that
//! leads out of it. Documents before OpenAPI 3.1 have no such names.

mod trail;

use std::collections::{HashMap, HashSet};

use jsonschema::{Uri, uri};
use serde_json::{Map, Value};

use super::reference::{Place, is_data};
use super::schemas::Dialect;
use super::{LoadError, error::join};
use trail::{Frame, Step, Trail};

/// An `$id` that is longer, or becomes so by what it is relative to, is none.
const URI_LIMIT_BYTES: usize = 1_024;

/// How long all `$id` together may be, each written out: many short ones can be relative to one long one.
const TOTAL_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// About what an `$id` costs beside its text.
const URI_BYTES: usize = 64;

/// The names of a document's schemas.
#[derive(Default)]
pub(super) struct Identifiers<'d> {
    has_names: bool,
    /// What is relative to one URI; the first is the document itself.
    resources: Vec<Resource<'d>>,
    uris: HashMap<String, Named<ResourceId>>,
    anchors: HashMap<(ResourceId, &'d str), Anchor>,
    /// By name alone, wherever it is.
    anywhere: HashMap<&'d str, Anchor>,
    /// Where in the document a name is a dynamic anchor.
    dynamic: HashMap<&'d str, HashSet<ResourceId>>,
    /// The objects below an `$id`, by their addresses.
    within: HashMap<usize, ResourceId>,
    spots: Vec<Spot<'d>>,
    trail: Trail<'d>,
}

/// The number of a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ResourceId(usize);

const DOCUMENT: ResourceId = ResourceId(0);

struct Resource<'d> {
    uri: Option<Uri<String>>,
    spot: Spot<'d>,
}

/// A value, and how to get to it.
#[derive(Clone, Copy)]
struct Spot<'d> {
    value: &'d Value,
    frame: Frame,
}

/// What has a name, and the next that has it too.
struct Named<T> {
    first: T,
    second: Option<T>,
}

struct Anchor {
    /// Numbers of spots.
    spots: Named<usize>,
    is_dynamic: bool,
}

/// What a `$dynamicRef` is.
pub(super) enum Dynamic<'d> {
    /// A reference like any other: to a place, or to a name that no other schema can take.
    Plain,
    /// One whose name several schemas have, so that it depends on where the check comes from.
    Open(&'d str),
    /// To a name that is not known, or that is known twice.
    Unknown,
}

impl<'d> Identifiers<'d> {
    /// Looks for them, and refuses a document that refers to anything outside itself, wherever that stands.
    pub(super) fn read(document: &'d Value) -> Result<Identifiers<'d>, LoadError> {
        let mut reader = Reader::new(document);
        reader.walk(document, false, DOCUMENT)?;
        let Reader { identifiers, pending, .. } = reader;
        for Pending { resource, target, frame } in pending {
            if identifiers.named(resource, target).is_none() {
                return Err(not_local(target, &identifiers.trail.pointer(frame)));
            }
        }
        Ok(identifiers)
    }

    /// The places of the references that are no fragments, and lead to schemas of the document by their `$id`.
    pub(super) fn places_of_references(document: &'d Value) -> HashSet<String> {
        let mut reader = Reader::new(document);
        if reader.walk(document, false, DOCUMENT).is_err() {
            return HashSet::new();
        }
        let Reader { identifiers, pending, .. } = reader;
        let known = pending.iter().filter(|one| identifiers.named(one.resource, one.target).is_some());
        known.map(|one| identifiers.trail.pointer(one.frame)).collect()
    }

    /// What the references of a schema are relative to.
    pub(super) fn around(&self, schema: &Value) -> ResourceId {
        self.within.get(&address(schema)).copied().unwrap_or(DOCUMENT)
    }

    /// The schema with an `$id`, or the document.
    pub(super) fn root_of(&self, resource: ResourceId) -> Option<Place<'d>> {
        self.resources.get(resource.0).map(|resource| self.place(resource.spot))
    }

    /// What a reference means without its fragment.
    pub(super) fn find(&self, schema: &Value, target: &str, here: &str) -> Result<ResourceId, LoadError> {
        let around = self.around(schema);
        if target.starts_with('#') {
            return Ok(around);
        }
        let named = self.named(around, target).ok_or_else(|| not_local(target, here))?;
        let Some(second) = named.second else { return Ok(named.first) };
        let spots = [named.first, second].map(|id| self.resources.get(id.0).map(|resource| resource.spot));
        Err(self.several(target, here, spots))
    }

    /// The schema that has a name. Where the reference does not say in which resource, it may be in another, as long
    /// as it is in one.
    pub(super) fn find_anchor(
        &self,
        resource: ResourceId,
        name: &str,
        target: &str,
        here: &str,
    ) -> Result<Place<'d>, LoadError> {
        let Some(anchor) = self.anchor(resource, name, target) else {
            let pointer = "\"#/components/parameters/limit\"";
            let message = if self.has_names {
                format!(
                    "the reference \"{target}\" leads nowhere: no schema has this $anchor, nor is it a pointer such as {pointer}"
                )
            } else {
                format!("the reference \"{target}\" must be a pointer such as {pointer}")
            };
            return Err(LoadError::new(message).at(here));
        };
        let spot = |number: usize| self.spots.get(number).copied();
        match (anchor.spots.second, spot(anchor.spots.first)) {
            (None, Some(first)) => Ok(self.place(first)),
            (second, first) => Err(self.several(target, here, [first, second.and_then(spot)])),
        }
    }

    /// What a `$dynamicRef` in a schema is.
    pub(super) fn dynamic(&self, schema: &Value, target: &'d str) -> Dynamic<'d> {
        let (_, fragment) = split(target);
        let Ok(resource) = self.find(schema, target, "") else { return Dynamic::Unknown };
        if fragment.is_empty() || fragment.starts_with('/') {
            return Dynamic::Plain;
        }
        match self.anchor(resource, fragment, target) {
            Some(Anchor { spots: Named { second: None, .. }, is_dynamic }) => {
                let is_open = *is_dynamic && self.dynamic.get(fragment).is_some_and(|all| all.len() > 1);
                if is_open { Dynamic::Open(fragment) } else { Dynamic::Plain }
            }
            _ => Dynamic::Unknown,
        }
    }

    fn anchor<'a>(&'a self, resource: ResourceId, name: &'a str, target: &str) -> Option<&'a Anchor> {
        let anywhere = || self.anywhere.get(name).filter(|_| target.starts_with('#'));
        self.anchors.get(&(resource, name)).or_else(anywhere)
    }

    fn named(&self, around: ResourceId, target: &str) -> Option<&Named<ResourceId>> {
        let (uri, _) = split(target);
        if self.uris.is_empty() {
            return None;
        }
        self.uris.get(self.resolve(around, uri)?.as_str())
    }

    /// What a relative URI is within a resource.
    fn resolve(&self, around: ResourceId, uri: &str) -> Option<Uri<String>> {
        if uri.len() > URI_LIMIT_BYTES {
            return None;
        }
        let base = self.resources.get(around.0)?.uri.as_ref()?;
        let resolved = uri::resolve_against(&base.borrow(), uri).ok()?;
        Some(resolved).filter(|uri| uri.as_str().len() <= URI_LIMIT_BYTES)
    }

    fn place(&self, spot: Spot<'d>) -> Place<'d> {
        Place { value: spot.value, pointer: self.trail.pointer(spot.frame) }
    }

    fn several(&self, target: &str, here: &str, spots: [Option<Spot<'d>>; 2]) -> LoadError {
        let mut places = spots.into_iter().flatten().map(|spot| self.trail.pointer(spot.frame));
        let (first, second) = (places.next().unwrap_or_default(), places.next().unwrap_or_default());
        let message =
            format!("the reference \"{target}\" leads to several places, such as {first} and {second}");
        LoadError::new(message).at(here)
    }
}

/// A reference that is no fragment.
struct Pending<'d> {
    resource: ResourceId,
    target: &'d str,
    frame: Frame,
}

struct Reader<'d> {
    identifiers: Identifiers<'d>,
    pending: Vec<Pending<'d>>,
    remaining_bytes: usize,
}

impl<'d> Reader<'d> {
    fn new(document: &'d Value) -> Reader<'d> {
        let spot = Spot { value: document, frame: Frame::default() };
        let identifiers = Identifiers {
            has_names: Dialect::of(document) == Dialect::V31,
            // The document is known by no URI; what is relative to nothing is relative to this.
            resources: vec![Resource { uri: uri::from_str("").ok(), spot }],
            ..Identifiers::default()
        };
        Reader { identifiers, pending: Vec::new(), remaining_bytes: TOTAL_LIMIT_BYTES }
    }

    /// No deeper than a document may be.
    fn walk(&mut self, value: &'d Value, is_map: bool, around: ResourceId) -> Result<(), LoadError> {
        match value {
            Value::Object(members) => {
                let around = if is_map { around } else { self.note(value, members, around)? };
                for (name, member) in members {
                    self.identifiers.trail.enter(Step::Member(name));
                    match member {
                        Value::String(target) if name == "$ref" && !target.starts_with('#') => {
                            let frame = self.identifiers.trail.mark();
                            self.pending.push(Pending { resource: around, target, frame });
                        }
                        _ => match is_data(name, is_map) {
                            (true, _) => {}
                            (false, holds_names) => self.walk(member, holds_names, around)?,
                        },
                    }
                    self.identifiers.trail.leave();
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.identifiers.trail.enter(Step::Item(index));
                    self.walk(item, false, around)?;
                    self.identifiers.trail.leave();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(())
    }

    /// Takes down the names of a schema, and says what stands in it is relative to.
    fn note(
        &mut self,
        value: &'d Value,
        members: &'d Map<String, Value>,
        around: ResourceId,
    ) -> Result<ResourceId, LoadError> {
        let is_named = self.identifiers.has_names && members.keys().any(|name| name.starts_with('$'));
        let text = |keyword: &str| members.get(keyword).and_then(Value::as_str).filter(|_| is_named);
        let own = text("$id").and_then(|id| self.uri_of(id, around));
        let around = match own {
            Some(uri) => self.add(uri, value)?,
            None => around,
        };
        if around != DOCUMENT {
            self.identifiers.within.insert(address(value), around);
        }
        for (keyword, is_dynamic) in [("$anchor", false), ("$dynamicAnchor", true)] {
            if let Some(name) = text(keyword) {
                self.add_anchor(name, is_dynamic, value, around);
            }
        }
        Ok(around)
    }

    /// One with a fragment is a name as former drafts had it, and no URI.
    fn uri_of(&self, id: &str, around: ResourceId) -> Option<Uri<String>> {
        let id = id.strip_suffix('#').unwrap_or(id);
        if id.is_empty() || id.contains('#') { None } else { self.identifiers.resolve(around, id) }
    }

    fn add(&mut self, uri: Uri<String>, value: &'d Value) -> Result<ResourceId, LoadError> {
        let bytes = uri.as_str().len().saturating_add(URI_BYTES);
        let frame = self.identifiers.trail.mark();
        self.remaining_bytes = self.remaining_bytes.checked_sub(bytes).ok_or_else(|| {
            let limit = TOTAL_LIMIT_BYTES / (1024 * 1024);
            let pointer = join(&self.identifiers.trail.pointer(frame), "$id");
            LoadError::new(format!("all $id of the document together are longer than {limit} MiB"))
                .at(pointer)
        })?;
        let id = ResourceId(self.identifiers.resources.len());
        self.identifiers
            .uris
            .entry(uri.as_str().to_owned())
            .and_modify(|named| {
                named.second.get_or_insert(id);
            })
            .or_insert(Named { first: id, second: None });
        self.identifiers.resources.push(Resource { uri: Some(uri), spot: Spot { value, frame } });
        Ok(id)
    }

    fn add_anchor(&mut self, name: &'d str, is_dynamic: bool, value: &'d Value, around: ResourceId) {
        let identifiers = &mut self.identifiers;
        let frame = identifiers.trail.mark();
        // A schema may have both, of one name.
        let is_known = identifiers.spots.last().is_some_and(|last| std::ptr::eq(last.value, value));
        if !is_known {
            identifiers.spots.push(Spot { value, frame });
        }
        let number = identifiers.spots.len() - 1;
        let note = |anchor: &mut Anchor| {
            anchor.is_dynamic |= is_dynamic;
            if anchor.spots.first != number {
                anchor.spots.second.get_or_insert(number);
            }
        };
        let new = || Anchor { spots: Named { first: number, second: None }, is_dynamic };
        identifiers.anchors.entry((around, name)).and_modify(note).or_insert_with(new);
        identifiers.anywhere.entry(name).and_modify(note).or_insert_with(new);
        if is_dynamic {
            identifiers.dynamic.entry(name).or_default().insert(around);
        }
    }
}

/// A reference without its fragment, and the fragment.
pub(super) fn split(target: &str) -> (&str, &str) {
    target.split_once('#').unwrap_or((target, ""))
}

/// Each object of a document is in one place.
fn address(value: &Value) -> usize {
    std::ptr::from_ref(value).addr()
}

fn not_local(target: &str, here: &str) -> LoadError {
    let message = format!(
        "the reference \"{target}\" leads out of the document, and nothing is fetched; bundle it into one file first"
    );
    LoadError::new(message).at(here)
}

#[cfg(test)]
mod tests;
