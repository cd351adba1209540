//! What a request gives for a parameter, as written.

use std::borrow::Cow;
use std::collections::HashSet;

use http::header::COOKIE;

use super::decode::{Coding, Text, decode_form, split_name};
use super::shape::Shape;
use super::{QUERY_PAIR_LIMIT, RequestParts, fault::Fault};
use crate::operation::{Location, Parameter, Style};

/// A query, cut into pairs; the names are decoded, the values are not yet.
pub(super) struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, &'a str)>,
}

/// Where to look.
pub(super) struct Given<'a> {
    parts: &'a RequestParts<'a>,
    query: &'a Query<'a>,
    claims: Option<&'a Claims>,
}

/// The names in the query that parameters of an operation take, for those objects that take all the others.
#[derive(Debug)]
pub(super) struct Claims {
    names: HashSet<String>,
    /// Names in front of brackets.
    bases: HashSet<String>,
}

/// A name and what was given for it.
pub(super) type Pair<'a> = (Cow<'a, str>, Text<'a>);

impl<'a> Query<'a> {
    pub(super) fn parse(query: Option<&'a str>) -> Result<Query<'a>, Fault> {
        let query = query.unwrap_or_default();
        if query.split('&').take(QUERY_PAIR_LIMIT + 1).count() > QUERY_PAIR_LIMIT {
            return Err(Fault::of_request("the query must have at most 1,000 parameters"));
        }
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode_name(name), value)
        });
        Ok(Query { pairs: pairs.collect() })
    }
}

impl Claims {
    /// The claims of an operation's parameters. `None` if no parameter takes what the others leave.
    pub(super) fn of(parameters: &[Parameter], shapes: &[Shape]) -> Option<Claims> {
        let in_query =
            || parameters.iter().zip(shapes).filter(|(parameter, _)| parameter.location == Location::Query);
        if !in_query().any(|(parameter, shape)| is_spread(parameter, shape) && shape.view().takes_others()) {
            return None;
        }
        let mut claims = Claims { names: HashSet::new(), bases: HashSet::new() };
        for (parameter, shape) in in_query() {
            if is_spread(parameter, shape) {
                claims.names.extend(shape.view().member_names().map(str::to_owned));
            } else if parameter.style == Style::DeepObject {
                claims.bases.insert(parameter.name.clone());
            } else {
                claims.names.insert(parameter.name.clone());
            }
        }
        Some(claims)
    }

    fn take(&self, name: &str) -> bool {
        self.names.contains(name) || split_name(name).is_some_and(|(base, _)| self.bases.contains(base))
    }
}

/// Whether a parameter is an object whose members stand in the query, or among the cookies, by their own names.
pub(super) fn is_spread(parameter: &Parameter, shape: &Shape) -> bool {
    parameter.style == Style::Form && parameter.explode && shape.view().means_object()
}

impl<'a> Given<'a> {
    pub(super) fn new(
        parts: &'a RequestParts<'a>,
        query: &'a Query<'a>,
        claims: Option<&'a Claims>,
    ) -> Given<'a> {
        Given { parts, query, claims }
    }

    /// Everything given under the parameter's own name.
    pub(super) fn values(&self, parameter: &Parameter) -> Vec<Text<'a>> {
        let name = parameter.name.as_str();
        match parameter.location {
            Location::Path => {
                let found = self.parts.path_parameters.iter().filter(|(other, _)| other == name);
                found.map(|(_, value)| Text::new(value.as_str(), Coding::Percent)).collect()
            }
            Location::Header => {
                let found = self.parts.headers.get_all(name).iter();
                found.map(|value| Text::new(text_of(value.as_bytes()), Coding::Plain)).collect()
            }
            Location::Query | Location::Cookie => self
                .pairs(parameter.location)
                .filter(|(other, _)| other == name)
                .map(|(_, value)| value)
                .collect(),
        }
    }

    /// Every name and value in the query, or among the cookies.
    pub(super) fn pairs(&self, location: Location) -> impl Iterator<Item = Pair<'a>> {
        let (query, cookies) = match location {
            Location::Query => (self.query.pairs.as_slice(), None),
            _ => (&[][..], Some(self.cookies())),
        };
        let query = query.iter().map(|(name, value)| (name.clone(), Text::new(*value, Coding::Form)));
        query.chain(cookies.into_iter().flatten())
    }

    /// The headers' names, in small letters, and their values.
    pub(super) fn headers(&self) -> impl Iterator<Item = (&'a str, Text<'a>)> + use<'a> {
        let lines = self.parts.headers.iter();
        lines.map(|(name, value)| (name.as_str(), Text::new(text_of(value.as_bytes()), Coding::Plain)))
    }

    /// The names in pairs of the query that have a raw `;` in them, as they are and as those read them who take it for `&`.
    pub(super) fn names_at_semicolons(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        let pairs = self.parts.query.unwrap_or_default().split('&').filter(|pair| pair.contains(';'));
        let pairs = pairs.flat_map(|pair| std::iter::once(pair).chain(pair.split(';')));
        pairs.filter(|pair| !pair.is_empty()).map(|pair| {
            let name = pair.split_once('=').map_or(pair, |(name, _)| name);
            decode_name(name)
        })
    }

    /// Whether no parameter of the operation is meant by a name.
    pub(super) fn is_left_over(&self, name: &str) -> bool {
        self.claims.is_some_and(|claims| !claims.take(name))
    }

    fn cookies(&self) -> impl Iterator<Item = Pair<'a>> + use<'a> {
        let lines = self.parts.headers.get_all(COOKIE).iter();
        lines.flat_map(|value| cookies_of(text_of(value.as_bytes())))
    }
}

/// The cookies of one line. A byte that is not UTF-8 in one of them does not hide the others.
fn cookies_of(line: Cow<'_, str>) -> Vec<Pair<'_>> {
    fn pairs(line: &str) -> impl Iterator<Item = (&str, &str)> {
        line.split(';')
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.trim(), value.trim()))
    }
    match line {
        Cow::Borrowed(line) => {
            pairs(line).map(|(name, value)| (Cow::Borrowed(name), Text::new(value, Coding::Cookie))).collect()
        }
        Cow::Owned(line) => {
            let owned = |(name, value): (&str, &str)| {
                (Cow::Owned(name.to_owned()), Text::new(value.to_owned(), Coding::Cookie))
            };
            pairs(&line).map(owned).collect()
        }
    }
}

/// What is not UTF-8 in a header is Latin-1, by the field's old definition: a character for each byte.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}

/// A name that cannot be decoded is nobody's: what stands for it then matches nothing that a document can say.
fn decode_name(raw: &str) -> Cow<'_, str> {
    decode_form(raw).unwrap_or_else(|_| Cow::Owned(format!("\u{FFFD}{raw}")))
}
