//! The walk through a document that takes down the names of its schemas.

use std::collections::BTreeSet;

use jsonschema::{Uri, uri};
use serde_json::{Map, Value};

use super::super::reference::is_data;
use super::super::schemas::Dialect;
use super::trail::{Frame, Step};
use super::{
    Anchor, DOCUMENT, DynamicName, Identifiers, LoadError, Named, Resource, ResourceId, Spot, address, join,
};

/// How long all `$id` together may be, each written out: many short ones can be relative to one long one.
const TOTAL_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// About what an `$id` costs beside its text.
const URI_BYTES: usize = 64;

/// Names that several schemas have as a dynamic anchor. Where there are more, none of them is followed.
const OPEN_LIMIT: usize = 32;

/// The names of a document, and its references that are no fragments.
pub(super) fn read<'d>(document: &'d Value) -> Result<(Identifiers<'d>, Vec<Pending<'d>>), LoadError> {
    let mut reader = Reader::new(document);
    reader.walk(document, false, DOCUMENT)?;
    reader.identifiers.finish();
    Ok((reader.identifiers, reader.pending))
}

/// A reference that is no fragment.
pub(super) struct Pending<'d> {
    pub(super) resource: ResourceId,
    pub(super) target: &'d str,
    pub(super) frame: Frame,
}

/// What was taken down so far.
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

impl<'d> Identifiers<'d> {
    /// Finds out which names are not the same everywhere.
    fn finish(&mut self) {
        let open: Vec<(&'d str, &BTreeSet<ResourceId>)> =
            self.dynamic.iter().filter(|(_, all)| all.len() > 1).map(|(name, all)| (*name, all)).collect();
        if open.len() > OPEN_LIMIT {
            return;
        }
        for (number, (name, resources)) in open.into_iter().enumerate() {
            self.open.push(name);
            for resource in resources {
                self.given.entry(*resource).or_default().push(DynamicName(number));
            }
        }
    }
}
