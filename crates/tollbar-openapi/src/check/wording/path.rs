//! Where in a request a value stands, in the words of the request.

use super::super::fault::{cut, kind, quoted, subject as name_of};
use super::Subject;
use crate::operation::{Location, Parameter, Style};

/// A path longer than this is cut in its middle.
const SHOWN_CHARACTERS: usize = 80;

/// From a value to one that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// The name of a member that the document names.
    Name(&'a str),
    /// The name of a member that stands in the request alone.
    Unknown(&'a str),
    /// The place in a list, from 0.
    Item(usize),
}

/// Where the walk stands: a step, and where it was taken from.
#[derive(Clone, Copy)]
pub(super) struct At<'p, 'a> {
    from: Option<(&'p At<'p, 'a>, Step<'a>)>,
}

impl<'p, 'a> At<'p, 'a> {
    pub(super) const ROOT: At<'static, 'static> = At { from: None };

    pub(super) fn step(&'p self, step: Step<'a>) -> At<'p, 'a> {
        At { from: Some((self, step)) }
    }

    pub(super) fn last(&self) -> Option<Step<'a>> {
        self.from.map(|(_, step)| step)
    }

    pub(super) fn path(&self) -> Vec<Step<'a>> {
        let mut path = Vec::new();
        let mut at = self;
        while let Some((before, step)) = at.from {
            path.push(step);
            at = before;
        }
        path.reverse();
        path
    }
}

/// The start of a path up to the first name that stands in the request alone.
pub(super) fn without_unknown<'s, 'a>(path: &'s [Step<'a>]) -> &'s [Step<'a>] {
    let known = path.iter().take_while(|step| !matches!(step, Step::Unknown(_))).count();
    path.get(..known).unwrap_or_default()
}

/// `body field "lines[2].sku"`, `item 2 of query parameter "ids"`, `the body`.
pub(super) fn words(subject: &Subject<'_>, path: &[Step<'_>]) -> String {
    let field = match subject {
        Subject::Parameter(parameter) => return words_of_parameter(parameter, path),
        Subject::Body | Subject::Answer => "body field",
        Subject::Form => "form field",
        Subject::Multipart => "multipart field",
    };
    if path.is_empty() { "the body".to_owned() } else { format!("{field} \"{}\"", joined(path)) }
}

/// `body field "lines[*].sku"`: the same for each item, and for each member whose name the document does not say. Only
/// where it is the name that is wrong (`names_last`), the last one is told.
pub(super) fn general_words(path: &[Step<'_>], names_last: bool) -> String {
    if path.is_empty() {
        return "the body".to_owned();
    }
    let mut shown = String::new();
    for (index, step) in path.iter().enumerate() {
        match step {
            Step::Item(_) => shown.push_str("[*]"),
            Step::Unknown(_) if !(names_last && index + 1 == path.len()) => {
                shown.push_str(if shown.is_empty() { "*" } else { ".*" });
            }
            step => push_step(&mut shown, *step),
        }
    }
    format!("body field \"{}\"", cut_middle(&shown))
}

/// The members of an object that are written as parameters of their own are named as such.
fn words_of_parameter(parameter: &Parameter, path: &[Step<'_>]) -> String {
    let in_brackets = parameter.style == Style::DeepObject;
    let by_themselves = parameter.style == Style::Form && parameter.explode;
    match path {
        [Step::Name(_) | Step::Unknown(_), ..] if in_brackets => {
            let names = path.iter().map_while(|step| name(*step));
            let count = path.iter().map_while(|step| name(*step)).count();
            let mut shown = cut(&parameter.name);
            for name in names {
                shown.push_str(&format!("[{}]", cut(name)));
            }
            let whole = format!("{} \"{}\"", kind(parameter), cut_middle(&shown));
            within(whole, path.get(count..).unwrap_or_default())
        }
        [first @ (Step::Name(_) | Step::Unknown(_)), rest @ ..]
            if by_themselves && matches!(parameter.location, Location::Query | Location::Cookie) =>
        {
            within(format!("{} {}", kind(parameter), quoted(name(*first).unwrap_or_default())), rest)
        }
        path => within(name_of(parameter), path),
    }
}

/// Items are counted from 1 here; what lies deeper is named as a path.
fn within(whole: String, path: &[Step<'_>]) -> String {
    match path {
        [] => whole,
        [Step::Item(index), rest @ ..] => {
            within(format!("item {} of {whole}", index.saturating_add(1)), rest)
        }
        path => format!("field \"{}\" of {whole}", joined(path)),
    }
}

fn name<'a>(step: Step<'a>) -> Option<&'a str> {
    match step {
        Step::Name(name) | Step::Unknown(name) => Some(name),
        Step::Item(_) => None,
    }
}

/// `lines[2].sku`, with what is no plain word in brackets: `lines['a.b']`.
fn joined(path: &[Step<'_>]) -> String {
    let mut shown = String::new();
    path.iter().for_each(|step| push_step(&mut shown, *step));
    cut_middle(&shown)
}

fn push_step(shown: &mut String, step: Step<'_>) {
    match step {
        Step::Item(index) => shown.push_str(&format!("[{index}]")),
        Step::Name(name) | Step::Unknown(name) if is_plain(name) => {
            if !shown.is_empty() {
                shown.push('.');
            }
            shown.push_str(&cut(name));
        }
        Step::Name(name) | Step::Unknown(name) => {
            shown.push_str(&format!("['{}']", cut(name).replace('\'', "\\'")));
        }
    }
}

fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|character| !matches!(character, '.' | '[' | ']' | '"' | '\'' | '\\' | ' '))
}

/// The end of a path says more than its middle.
fn cut_middle(shown: &str) -> String {
    let count = shown.chars().count();
    if count <= SHOWN_CHARACTERS {
        return shown.to_owned();
    }
    let start = shown.chars().take(SHOWN_CHARACTERS / 4);
    let end = shown.chars().skip(count - SHOWN_CHARACTERS / 4 * 3);
    start.chain(['…']).chain(end).collect()
}
