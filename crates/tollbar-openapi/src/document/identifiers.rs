//! What schemas are known by beside their places: `$id`, which also says what the references within are relative to,
//! `$anchor` and `$dynamicAnchor`. They are looked for once, when a document is read, and so is every reference that
//! leads out of it. Documents before OpenAPI 3.1 have no such names.

mod reader;
mod trail;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jsonschema::{Uri, uri};
use serde_json::Value;

use super::reference::Place;
use super::{LoadError, error::join};
use reader::Pending;
use trail::{Frame, Trail};

/// An `$id` that is longer, or becomes so by what it is relative to, is none.
const URI_LIMIT_BYTES: usize = 1_024;

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
    dynamic: BTreeMap<&'d str, BTreeSet<ResourceId>>,
    /// Those names of which that is more than one resource, by their numbers.
    open: Vec<&'d str>,
    /// Which of those a resource gives.
    given: HashMap<ResourceId, Vec<DynamicName>>,
    /// The objects below an `$id`, by their addresses.
    within: HashMap<usize, ResourceId>,
    spots: Vec<Spot<'d>>,
    trail: Trail<'d>,
}

/// The number of a resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ResourceId(usize);

const DOCUMENT: ResourceId = ResourceId(0);

/// The number of a name that several resources have as a dynamic anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DynamicName(usize);

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
pub(super) enum Dynamic {
    /// A reference like any other: to a place, or to a name that no other schema can take.
    Plain,
    /// One whose name several schemas have, so that it depends on where the check comes from; and what it is else.
    Open(DynamicName, ResourceId),
    /// To a name that is not known, or that is known twice.
    Unknown,
}

impl<'d> Identifiers<'d> {
    /// Looks for them, and refuses a document that refers to anything outside itself, wherever that stands.
    pub(super) fn read(document: &'d Value) -> Result<Identifiers<'d>, LoadError> {
        let (identifiers, pending) = reader::read(document)?;
        for Pending { resource, target, frame } in pending {
            if identifiers.named(resource, target).is_none() {
                return Err(not_local(target, &identifiers.trail.pointer(frame)));
            }
        }
        Ok(identifiers)
    }

    /// The places of the references that are no fragments, and lead to schemas of the document by their `$id`.
    pub(super) fn places_of_references(document: &'d Value) -> HashSet<String> {
        let Ok((identifiers, pending)) = reader::read(document) else { return HashSet::new() };
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
    pub(super) fn dynamic(&self, schema: &Value, target: &str) -> Dynamic {
        let (_, fragment) = split(target);
        let Ok(resource) = self.find(schema, target, "") else { return Dynamic::Unknown };
        if fragment.is_empty() || fragment.starts_with('/') {
            return Dynamic::Plain;
        }
        match self.anchor(resource, fragment, target) {
            Some(Anchor { spots: Named { second: None, .. }, is_dynamic }) => {
                let is_single = || self.dynamic.get(fragment).is_none_or(|all| all.len() < 2);
                if !is_dynamic || is_single() {
                    return Dynamic::Plain;
                }
                let open = self.open.iter().position(|name| *name == fragment);
                open.map_or(Dynamic::Unknown, |number| Dynamic::Open(DynamicName(number), resource))
            }
            _ => Dynamic::Unknown,
        }
    }

    /// The resource that a schema stands in, and the names to which it gives a meaning, where others give another.
    pub(super) fn given_by(&self, schema: &Value) -> (ResourceId, &[DynamicName]) {
        if self.given.is_empty() {
            return (DOCUMENT, &[]);
        }
        let resource = self.around(schema);
        (resource, self.given.get(&resource).map(Vec::as_slice).unwrap_or_default())
    }

    /// The schema that a name means in a resource.
    pub(super) fn meaning(&self, name: DynamicName, resource: ResourceId) -> Option<Place<'d>> {
        let name = self.open.get(name.0)?;
        let anchor = self.anchors.get(&(resource, *name)).or_else(|| self.anywhere.get(name))?;
        let spot = self.spots.get(anchor.spots.first).filter(|_| anchor.spots.second.is_none())?;
        Some(self.place(*spot))
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
