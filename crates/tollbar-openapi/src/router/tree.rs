//! The templates as a tree of segments.
//!
//! A node stands at one depth and is reached in one way, so that a search visits it at most once: the work is
//! bounded by the number of nodes, whatever the path.

use std::borrow::Cow;
use std::collections::HashMap;

use percent_encoding::percent_decode_str;

use super::RouteConflict;
use crate::template::{Segment, TEMPLATE_SEGMENT_LIMIT, Template};

const ROOT: usize = 0;

#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// Where a node's mixed segments lead, by their literals; only while the tree is built.
    mixed: HashMap<(usize, Vec<String>), usize>,
}

#[derive(Debug, Default)]
struct Node {
    literal: HashMap<Box<str>, usize>,
    /// The most fixed first.
    mixed: Vec<(Segment, usize)>,
    lone: Option<usize>,
    routes: Vec<Route>,
}

#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: String,
    pub(super) names: Vec<String>,
    pub(super) id: usize,
    template: String,
}

/// Where a search ended.
pub(super) struct Leaf<'a> {
    pub(super) routes: &'a [Route],
    /// As the path has them: an escaped comma is no comma to those who read lists.
    pub(super) values: Vec<&'a str>,
}

/// A path, cut and then decoded, so that an escaped slash stays in its segment.
pub(super) struct Path<'p> {
    segments: Vec<Piece<'p>>,
}

/// A segment of a path.
struct Piece<'p> {
    raw: &'p str,
    decoded: Cow<'p, str>,
}

impl<'p> Path<'p> {
    pub(super) fn parse(raw: &'p str) -> Option<Path<'p>> {
        let rest = raw.strip_prefix('/')?;
        let mut segments = Vec::with_capacity(8);
        for segment in rest.split('/') {
            if segments.len() == TEMPLATE_SEGMENT_LIMIT {
                return None;
            }
            segments.push(Piece { raw: segment, decoded: decode_segment(segment)? });
        }
        Some(Path { segments })
    }
}

impl Piece<'_> {
    /// Where a part of the decoded segment stands in the raw one. The parts end between characters, and so do these.
    fn raw_of<'a>(&'a self, part: &'a str) -> &'a str {
        if self.raw.len() == self.decoded.len() {
            return part;
        }
        let start = part.as_ptr().addr() - self.decoded.as_ptr().addr();
        let raw_start = raw_length(self.raw, start);
        let rest = self.raw.get(raw_start..).unwrap_or_default();
        rest.get(..raw_length(rest, part.len())).unwrap_or_default()
    }
}

impl Tree {
    pub(super) fn new() -> Tree {
        Tree { nodes: vec![Node::default()], mixed: HashMap::new() }
    }

    pub(super) fn insert(
        &mut self,
        method: &str,
        text: &str,
        template: Template,
        id: usize,
    ) -> Result<(), RouteConflict> {
        let names: Vec<String> = template.names().map(str::to_owned).collect();
        let mut at = ROOT;
        for segment in template.segments {
            at = self.child(at, segment);
        }
        let Some(node) = self.nodes.get_mut(at) else {
            return Ok(());
        };
        if let Some(earlier) = node.routes.iter().find(|route| route.method == method) {
            return Err(RouteConflict::Same {
                method: method.to_owned(),
                first: earlier.template.clone(),
                second: text.to_owned(),
                first_id: earlier.id,
                second_id: id,
            });
        }
        node.routes.push(Route { method: method.to_owned(), names, id, template: text.to_owned() });
        Ok(())
    }

    /// Puts what is most fixed first; among equals any order will do, as long as it is always the same.
    pub(super) fn finish(&mut self) {
        self.mixed = HashMap::new();
        for node in &mut self.nodes {
            node.mixed.sort_by(|(left, _), (right, _)| {
                let rank =
                    |segment: &Segment| (std::cmp::Reverse(segment.literal_bytes()), segment.names.len());
                rank(left).cmp(&rank(right)).then_with(|| left.literals.cmp(&right.literals))
            });
        }
    }

    pub(super) fn find<'a>(&'a self, path: &'a Path<'_>) -> Option<Leaf<'a>> {
        let mut values = Vec::with_capacity(8);
        let node = self.search(ROOT, &path.segments, &mut values)?;
        Some(Leaf { routes: &node.routes, values })
    }

    fn search<'a>(
        &'a self,
        at: usize,
        segments: &'a [Piece<'_>],
        values: &mut Vec<&'a str>,
    ) -> Option<&'a Node> {
        let node = self.nodes.get(at)?;
        let Some((piece, rest)) = segments.split_first() else {
            return (!node.routes.is_empty()).then_some(node);
        };
        let segment: &'a str = &piece.decoded;
        if let Some(next) = node.literal.get(segment)
            && let Some(found) = self.search(*next, rest, values)
        {
            return Some(found);
        }
        let kept = values.len();
        for (pattern, next) in &node.mixed {
            if let Some(captured) = pattern.capture(segment) {
                values.extend(captured.into_iter().map(|part| piece.raw_of(part)));
                if let Some(found) = self.search(*next, rest, values) {
                    return Some(found);
                }
                values.truncate(kept);
            }
        }
        let next = node.lone?;
        if segment.is_empty() {
            return None;
        }
        values.push(piece.raw);
        let found = self.search(next, rest, values);
        if found.is_none() {
            values.truncate(kept);
        }
        found
    }

    fn child(&mut self, at: usize, segment: Segment) -> usize {
        let fresh = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else {
            return at;
        };
        let next = match (segment.names.len(), segment.literal_bytes()) {
            (0, _) => *node.literal.entry(segment.literals.concat().into()).or_insert(fresh),
            (1, 0) => *node.lone.get_or_insert(fresh),
            _ => {
                let next = *self.mixed.entry((at, segment.literals.clone())).or_insert(fresh);
                if next == fresh {
                    node.mixed.push((segment, fresh));
                }
                next
            }
        };
        if next == fresh {
            self.nodes.push(Node::default());
        }
        next
    }
}

/// How long a raw text is that decodes to so many bytes.
fn raw_length(raw: &str, decoded_bytes: usize) -> usize {
    let mut length = 0;
    for _ in 0..decoded_bytes {
        length += if raw.as_bytes().get(length) == Some(&b'%') { 3 } else { 1 };
    }
    length
}

fn decode_segment(raw: &str) -> Option<Cow<'_, str>> {
    let decoded = if raw.contains('%') {
        if !escapes_are_whole(raw.as_bytes()) {
            return None;
        }
        percent_decode_str(raw).decode_utf8().ok()?
    } else {
        Cow::Borrowed(raw)
    };
    (decoded != "." && decoded != "..").then_some(decoded)
}

fn escapes_are_whole(raw: &[u8]) -> bool {
    let mut escapes = raw.split(|byte| *byte == b'%').skip(1);
    escapes.all(|after| after.get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)))
}
