//! What a request gives for a parameter.

use std::borrow::Cow;

use http::header::COOKIE;
use percent_encoding::percent_decode_str;

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
}

/// What was found for one parameter, as written, and how to read it.
pub(super) struct Values<'a> {
    raw: Vec<Cow<'a, str>>,
    reading: Reading,
}

#[derive(Clone, Copy)]
enum Reading {
    /// As it stands: paths, which come decoded.
    Plain,
    /// As it stands, without the blanks around the commas of a list.
    Header,
    /// Percent-encoded, with `+` for a space.
    Form,
    /// Percent-encoded, and a plus is a plus.
    Percent,
}

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

impl<'a> Given<'a> {
    pub(super) fn new(parts: &'a RequestParts<'a>, query: &'a Query<'a>) -> Given<'a> {
        Given { parts, query }
    }

    pub(super) fn find(&self, parameter: &Parameter) -> Values<'a> {
        let name = parameter.name.as_str();
        match parameter.location {
            Location::Path => {
                let found = self.parts.path_parameters.iter().filter(|(other, _)| other == name);
                Values::new(found.map(|(_, value)| Cow::Borrowed(value.as_str())), Reading::Plain)
            }
            Location::Query => {
                let found = self.query.pairs.iter().filter(|(other, _)| is_named(other, parameter));
                Values::new(found.map(|(_, value)| Cow::Borrowed(*value)), Reading::Form)
            }
            Location::Header => {
                let found = self.parts.headers.get_all(name).iter();
                Values::new(found.map(|value| String::from_utf8_lossy(value.as_bytes())), Reading::Header)
            }
            Location::Cookie => {
                let lines = self
                    .parts
                    .headers
                    .get_all(COOKIE)
                    .iter()
                    .filter_map(|value| std::str::from_utf8(value.as_bytes()).ok());
                let pairs =
                    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
                let found = pairs.filter(|(other, _)| *other == name);
                Values::new(found.map(|(_, value)| Cow::Borrowed(value)), Reading::Percent)
            }
        }
    }
}

impl<'a> Values<'a> {
    fn new(raw: impl Iterator<Item = Cow<'a, str>>, reading: Reading) -> Values<'a> {
        Values { raw: raw.collect(), reading }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.raw.len()
    }

    /// Each value; `None` for one that is not UTF-8.
    pub(super) fn decoded(&self) -> Vec<Option<Cow<'_, str>>> {
        self.raw.iter().map(|raw| self.reading.decode(raw)).collect()
    }

    /// Each item between commas. They are cut before they are decoded, so that an item can hold a comma.
    pub(super) fn decoded_items(&self) -> Vec<Option<Cow<'_, str>>> {
        self.raw.iter().flat_map(|raw| raw.split(',')).map(|raw| self.reading.decode(raw)).collect()
    }
}

impl Reading {
    fn decode(self, raw: &str) -> Option<Cow<'_, str>> {
        match self {
            Reading::Plain => Some(Cow::Borrowed(raw)),
            Reading::Header => Some(Cow::Borrowed(raw.trim_matches([' ', '\t']))),
            Reading::Percent => percent_decode_str(raw).decode_utf8().ok(),
            Reading::Form if raw.contains('+') => {
                let spaced = raw.replace('+', " ");
                percent_decode_str(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()))
            }
            Reading::Form => percent_decode_str(raw).decode_utf8().ok(),
        }
    }
}

/// A name that is not UTF-8 is nobody's: what stands for it then matches nothing that a document can say.
fn decode_name(raw: &str) -> Cow<'_, str> {
    if raw.contains(['%', '+']) {
        let spaced = raw.replace('+', " ");
        Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned())
    } else {
        Cow::Borrowed(raw)
    }
}

fn is_named(given: &str, parameter: &Parameter) -> bool {
    match given.strip_prefix(parameter.name.as_str()) {
        Some("") => true,
        Some(rest) => parameter.style == Style::DeepObject && rest.starts_with('['),
        None => false,
    }
}
