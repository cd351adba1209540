//! Names in a request that are not described, and that common servers read as described ones.
//!
//! `Limit` is `limit` to ASP.NET, `ids[]` is `ids` to PHP, Rails and qs, `page.size` is `page_size` to PHP, and the header
//! `X_Limit` is `X-Limit` where headers become variables. Nobody here knows what the upstream is: so such a parameter is held
//! against what it would be read as, beside what is given under the described name. A name that is described is itself.

use std::collections::{HashMap, HashSet};

use super::decode::{Alias, NAME_DEPTH_LIMIT, check_depth, split_brackets, split_name};
use super::fault::{Fault, quoted};
use super::fold::{fold_header, fold_pair};
use super::given::{Given, Pair, is_spread};
use super::shape::{Shape, View};
use crate::operation::{Location, Parameter, Style};

/// The names that an operation's parameters have, and what others are read as.
#[derive(Debug, Default)]
pub(super) struct Names {
    query: Known,
    headers: Known,
    /// Names in front of brackets.
    bases: HashSet<Box<str>>,
    /// The parameters whose members stand in the query by their own names.
    spread: Vec<usize>,
}

/// Names in one place.
#[derive(Debug, Default)]
struct Known {
    /// As they are described.
    described: HashSet<Box<str>>,
    /// As those have them who fold names, with the place of the parameter.
    folded: HashMap<Box<str>, usize>,
}

/// An operation's parameters, and how they are read.
#[derive(Clone, Copy)]
pub(super) struct Described<'o> {
    pub(super) names: &'o Names,
    pub(super) parameters: &'o [Parameter],
    pub(super) shapes: &'o [Shape],
}

/// What was found for the parameter at a place: one more occurrence, or what is wrong with it.
pub(super) type Found<'a> = (usize, Result<Alias<'a>, Fault>);

impl Names {
    pub(super) fn of(parameters: &[Parameter], shapes: &[Shape]) -> Names {
        let mut names = Names::default();
        for (index, (parameter, shape)) in parameters.iter().zip(shapes).enumerate() {
            let name = parameter.name.as_str();
            match parameter.location {
                Location::Query => {
                    if is_spread(parameter, shape) {
                        names.spread.push(index);
                    } else if parameter.style == Style::DeepObject {
                        names.bases.insert(name.into());
                    }
                    // A list may be described with the brackets that some write behind its name.
                    let base = name.strip_suffix("[]").unwrap_or(name);
                    names.query.note(name.into(), fold_pair(base).into(), index);
                }
                Location::Header => {
                    let name = name.to_ascii_lowercase();
                    let folded = fold_header(&name).into();
                    names.headers.note(name.as_str().into(), folded, index);
                }
                Location::Path | Location::Cookie => {}
            }
        }
        names
    }
}

impl Known {
    /// Of several that are folded alike, the first stands for a further one.
    fn note(&mut self, name: Box<str>, folded: Box<str>, index: usize) {
        self.described.insert(name);
        self.folded.entry(folded).or_insert(index);
    }
}

impl<'o> Described<'o> {
    /// Everything that stands under a name which is not described, and may be read as one that is.
    pub(super) fn find_aliases<'a>(self, given: &Given<'a>) -> Vec<Found<'a>> {
        let mut found = Vec::new();
        if !self.names.query.described.is_empty() {
            found.extend(given.pairs(Location::Query).filter_map(|pair| self.find_pair(pair)));
        }
        let headers = &self.names.headers;
        if !headers.described.is_empty() {
            for (name, text) in given.headers().filter(|(name, _)| !headers.described.contains(*name)) {
                if let Some(index) = headers.folded.get(fold_header(name).as_ref()) {
                    found.push((*index, Ok(Alias { path: Vec::new(), text })));
                }
            }
        }
        found
    }

    /// Whether a pair with this name in the query is something to the operation, as it is or folded.
    pub(super) fn means_something(self, name: &str, given: &Given<'_>) -> bool {
        self.is_exact(name) || given.is_left_over(name) || self.resolve(name).is_some()
    }

    fn find_pair<'a>(self, (name, text): Pair<'a>) -> Option<Found<'a>> {
        if self.is_exact(&name) {
            return None;
        }
        let (index, path) = self.resolve(&name)?;
        Some((index, path.map(|path| Alias { path, text })))
    }

    /// Whether a name in the query is described as it is.
    fn is_exact(self, name: &str) -> bool {
        let base_of = || name.split_once('[').map(|(base, _)| base);
        self.names.query.described.contains(name)
            || (!self.names.bases.is_empty()
                && base_of().is_some_and(|base| self.names.bases.contains(base))
                && split_name(name).is_some())
            || self.names.spread.iter().filter_map(|index| self.shapes.get(*index)).any(|shape| {
                let holds = |base| {
                    let named = shape.view().named_member(base);
                    named.is_some_and(|one| one.means_list() || one.means_object())
                };
                shape.view().named_member(name).is_some()
                    || split_name(name).is_some_and(|(base, _)| holds(base))
            })
    }

    /// Which parameter a name is read as that is not described, and where in it the value then is.
    fn resolve(self, name: &str) -> Option<(usize, Result<Vec<String>, Fault>)> {
        let whole = std::iter::once(name.len());
        let brackets = name.match_indices('[').map(|(at, _)| at).take(NAME_DEPTH_LIMIT + 1);
        let mut brackets: Vec<usize> = brackets.chain(whole).filter(|at| *at > 0).collect();
        brackets.dedup();
        for at in brackets.into_iter().rev() {
            let (base, rest) = name.split_at_checked(at)?;
            // A bracket that is never closed belongs to the name.
            if !rest.is_empty() && !rest.contains(']') {
                continue;
            }
            if let Some(index) = self.names.query.folded.get(fold_pair(base).as_ref()) {
                return Some((*index, self.path_in_parameter(*index, rest)));
            }
            let of_spread = self.names.spread.iter().filter_map(|index| {
                let view = self.shapes.get(*index)?.view();
                let member = view.named_member(base).map(|_| base).or_else(|| view.find_spelling(base))?;
                Some((*index, member, view.named_member(member)?))
            });
            if let Some((index, member, view)) = of_spread.take(1).last() {
                let path = path_of(rest, takes_brackets(view));
                let fault =
                    |wrong: String| Fault::of_request(&format!("query parameter {} {wrong}", quoted(member)));
                let with_member =
                    |path: Vec<String>| std::iter::once(member.to_owned()).chain(path).collect();
                return Some((index, path.map(with_member).map_err(fault)));
            }
        }
        None
    }

    fn path_in_parameter(self, index: usize, rest: &str) -> Result<Vec<String>, Fault> {
        let (Some(parameter), Some(shape)) = (self.parameters.get(index), self.shapes.get(index)) else {
            return Ok(Vec::new());
        };
        let may_have_brackets = parameter.style == Style::DeepObject || takes_brackets(shape.view());
        path_of(rest, may_have_brackets).map_err(|wrong| Fault::new(parameter, &wrong))
    }
}

/// Whether something of this shape can be written with brackets behind its name.
fn takes_brackets(view: View<'_>) -> bool {
    !view.is_typed() || view.means_list() || view.means_object()
}

/// The names in brackets, or what is wrong with them, in words that follow the name before them.
fn path_of(brackets: &str, may_be: bool) -> Result<Vec<String>, String> {
    if brackets.is_empty() {
        return Ok(Vec::new());
    }
    if !may_be {
        return Err("must be written without brackets".to_owned());
    }
    let path = split_brackets(brackets).ok_or("must have its brackets in pairs")?;
    check_depth(&path)?;
    Ok(path.into_iter().map(str::to_owned).collect())
}
