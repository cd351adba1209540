//! What can be wrong with a value, and the words for it.

use serde_json::Value;

use super::super::fault::{list_of, quoted};
use super::kinds::{self, Kind};
use super::values::count;

/// A pattern longer than this helps nobody.
const SHOWN_PATTERN_CHARACTERS: usize = 60;

const AS_DESCRIBED: &str = "the documentation describes";

/// What is wrong with a value, or with the lack of one.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wrong<'a> {
    /// It is of none of these types.
    Type(Vec<Kind>),
    /// It is none of these values.
    Choice(Vec<&'a Value>),
    /// It names none of these forms.
    Tag(Vec<&'a str>),
    /// It is one of these values.
    NotThese(Vec<&'a Value>),
    Bound(Bound, &'a Value),
    /// It does not fit into an integer of so many bits: the least and the greatest that do.
    Between(&'a Value, &'a Value),
    MultipleOf(&'a Value),
    Count(Unit, Limit),
    Pattern(&'a str),
    Format(Format),
    /// The same item stands twice in it.
    Twice,
    /// It lacks items of a kind, or has too many.
    Contains(Limit),
    /// A member is not there.
    Missing,
    /// A member is not there, and another asks for it.
    MissingBeside(&'a str),
    /// It has none of these members, and must have one.
    MissingOneOf(Vec<&'a str>),
    /// Its name is not known.
    Unknown,
    /// Its name is not the document's, which is this one.
    Spelling(&'a str),
    /// Its name is wrong, for this reason.
    Name(String),
    /// It must not be there.
    NotGiven,
    /// It must not be there if another is.
    NotGivenBeside(&'a str),
    /// It is what it must not be.
    Refused,
    /// It has none of so many forms.
    NoForm(usize),
    /// It has more than one of the forms.
    Forms,
    /// Something, and nobody could find out what.
    Unlike,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    AtLeast,
    AtMost,
    MoreThan,
    LessThan,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Characters,
    Items,
    Fields,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    AtLeast(u64),
    AtMost(u64),
    Exactly(u64),
}

/// The formats that are held against values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Date,
    DateTime,
    Time,
    Uuid,
    Ipv4,
    Ipv6,
    Email,
    Uri,
}

impl Wrong<'_> {
    /// The words that follow the name of what is wrong.
    pub(super) fn words(&self, in_text: bool) -> String {
        match self {
            Wrong::Type(kinds) => format!("must be {}", kinds::words(kinds, in_text)),
            Wrong::Choice(options) => format!("must be {}", list_of(options.iter().copied())),
            Wrong::Tag(names) => format!("must be {}", list_of(&texts(names))),
            Wrong::NotThese(options) => format!("must not be {}", list_of(options.iter().copied())),
            Wrong::Bound(bound, limit) => format!("must be {} {limit}", bound.words()),
            Wrong::Between(least, most) => format!("must be an integer between {least} and {most}"),
            Wrong::MultipleOf(step) => format!("must be a multiple of {step}"),
            Wrong::Count(unit, limit) => unit.words(*limit),
            Wrong::Pattern(pattern) => words_of_pattern(pattern),
            Wrong::Format(format) => format!("must be {}", format.words()),
            Wrong::Twice => "must not have the same item twice".to_owned(),
            Wrong::Contains(limit) => {
                format!("must have {} of the kind that {AS_DESCRIBED}", limit.of("item"))
            }
            Wrong::Missing => "is required".to_owned(),
            Wrong::MissingBeside(other) => format!("is required when {} is given", quoted(other)),
            Wrong::MissingOneOf(names) => format!("must have {}", list_of(&texts(names))),
            Wrong::Unknown => "is not known".to_owned(),
            Wrong::Spelling(name) => format!("must be written {}", quoted(name)),
            Wrong::Name(reason) => format!("has a name that is not accepted: it {reason}"),
            Wrong::NotGiven => "must not be given".to_owned(),
            Wrong::NotGivenBeside(other) => format!("must not be given together with {}", quoted(other)),
            Wrong::Refused => "is not accepted".to_owned(),
            Wrong::NoForm(count) => format!("must have one of the {count} forms that {AS_DESCRIBED}"),
            Wrong::Forms => {
                format!("matches more than one of the forms that {AS_DESCRIBED}, and must match exactly one")
            }
            Wrong::Unlike => format!("does not have the form that {AS_DESCRIBED}"),
        }
    }
}

impl Bound {
    fn words(self) -> &'static str {
        match self {
            Bound::AtLeast => "at least",
            Bound::AtMost => "at most",
            Bound::MoreThan => "more than",
            Bound::LessThan => "less than",
        }
    }
}

impl Unit {
    fn words(self, limit: Limit) -> String {
        match self {
            Unit::Characters => format!("must be {} long", limit.of("character")),
            Unit::Items => format!("must have {}", limit.of("item")),
            Unit::Fields => format!("must have {}", limit.of("field")),
        }
    }
}

impl Limit {
    /// From the least and the most that a schema asks for, and what there is.
    pub(super) fn find(least: Option<&Value>, most: Option<&Value>, given: usize) -> Option<Limit> {
        let given = u64::try_from(given).unwrap_or(u64::MAX);
        let (least, most) = (least.and_then(count), most.and_then(count));
        match (least, most) {
            (Some(least), Some(most)) if least == most && given != least => Some(Limit::Exactly(least)),
            (Some(least), _) if given < least => Some(Limit::AtLeast(least)),
            (_, Some(most)) if given > most => Some(Limit::AtMost(most)),
            _ => None,
        }
    }

    fn of(self, unit: &str) -> String {
        let (words, count) = match self {
            Limit::AtMost(0) => return format!("no {unit}s"),
            Limit::AtLeast(count) => ("at least", count),
            Limit::AtMost(count) => ("at most", count),
            Limit::Exactly(count) => ("exactly", count),
        };
        format!("{words} {count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

impl Format {
    pub(super) fn parse(text: &str) -> Option<Format> {
        Some(match text {
            "date" => Format::Date,
            "date-time" => Format::DateTime,
            "time" => Format::Time,
            "uuid" => Format::Uuid,
            "ipv4" => Format::Ipv4,
            "ipv6" => Format::Ipv6,
            "email" => Format::Email,
            "uri" => Format::Uri,
            _ => return None,
        })
    }

    fn words(self) -> &'static str {
        match self {
            Format::Date => "a date such as 2026-11-22",
            Format::DateTime => "a date and time such as 2026-11-22T10:00:00Z",
            Format::Time => "a time such as 10:00:00Z",
            Format::Uuid => "a UUID such as 123e4567-e89b-12d3-a456-426614174000",
            Format::Ipv4 => "an IPv4 address such as 192.0.2.1",
            Format::Ipv6 => "an IPv6 address such as 2001:db8::1",
            Format::Email => "an email address such as jo@example.com",
            Format::Uri => "a URI such as https://example.com/a",
        }
    }
}

fn texts(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| Value::from(*name)).collect()
}

/// Short ones are told as they stand. One with switches, or with what cannot be seen, is not for reading.
fn words_of_pattern(pattern: &str) -> String {
    let is_readable = pattern.chars().count() <= SHOWN_PATTERN_CHARACTERS
        && !pattern.is_empty()
        && !pattern.contains("(?")
        && !pattern.contains(';')
        && pattern.chars().all(|character| character.is_ascii_graphic() || character.is_alphanumeric());
    if is_readable { format!("must match the pattern {pattern}") } else { Wrong::Unlike.words(false) }
}
