//! Which of an operation's media types a request's `Content-Type` means.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;

use super::fault::{Fault, quoted};

/// So many media types are shown.
const SHOWN_RANGES: usize = 10;

/// What a request without a `Content-Type` is taken to carry (RFC 9110, section 8.3).
const UNKNOWN: MediaType<'static> =
    MediaType { kind: "application", subtype: "octet-stream", parameters: Vec::new() };

/// A media type as it was written: compare it without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MediaType<'a> {
    kind: &'a str,
    subtype: &'a str,
    parameters: Vec<(&'a str, Cow<'a, str>)>,
}

/// One media type or range of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    kind: String,
    subtype: String,
    parameters: Vec<(String, String)>,
}

impl<'a> MediaType<'a> {
    /// Reads `type/subtype; name=value; name="value"`, strictly (RFC 9110, section 8.3.1).
    pub(super) fn parse(text: &'a str) -> Option<MediaType<'a>> {
        let (essence, mut rest) = match text.split_once(';') {
            Some((essence, rest)) => (essence, Some(rest)),
            None => (text, None),
        };
        let (kind, subtype) = essence.trim_matches(BLANKS).split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut parameters: Vec<(&str, Cow<'_, str>)> = Vec::new();
        while let Some(text) = rest {
            let (parameter, further) = parse_parameter(text)?;
            rest = further;
            let Some((name, value)) = parameter else { continue };
            // Of two boundaries each reader would take another.
            if parameters.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)) {
                return None;
            }
            parameters.push((name, value));
        }
        Some(MediaType { kind, subtype, parameters })
    }

    /// The media type that a request's headers say its body has.
    pub(super) fn of_request(headers: &'a HeaderMap, ranges: &[&Range]) -> Result<MediaType<'a>, Fault> {
        let fault = |wrong: &str| Fault::of_request(&format!("header \"Content-Type\" {wrong}"));
        let mut lines = headers.get_all(CONTENT_TYPE).iter();
        let Some(line) = lines.next() else {
            let is_described = ranges.iter().any(|range| range.rank(&UNKNOWN).is_some());
            return if is_described {
                Ok(UNKNOWN)
            } else {
                Err(fault(&format!("is required, and must be {}", list_of(ranges))))
            };
        };
        if lines.next().is_some() {
            return Err(fault("is given more than once"));
        }
        let text = line.to_str().map_err(|_| fault("must be a media type, such as application/json"))?;
        MediaType::parse(text).ok_or_else(|| {
            fault(&format!("must be a media type, such as application/json (got {})", quoted(text)))
        })
    }

    /// The fault of a request whose media type no range takes.
    pub(super) fn not_described(&self, ranges: &[&Range]) -> Fault {
        let got = quoted(&format!("{}/{}", self.kind, self.subtype));
        Fault::of_request(&format!("header \"Content-Type\" must be {} (got {got})", list_of(ranges)))
    }

    pub(super) fn is(&self, kind: &str, subtype: &str) -> bool {
        self.is_of(kind) && self.subtype.eq_ignore_ascii_case(subtype)
    }

    pub(super) fn is_of(&self, kind: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind)
    }

    /// `application/json`, and whatever ends in `+json` (RFC 6839).
    pub(super) fn is_json(&self) -> bool {
        self.subtype.eq_ignore_ascii_case("json") || has_suffix(self.subtype, "+json")
    }

    pub(super) fn is_xml(&self) -> bool {
        self.subtype.eq_ignore_ascii_case("xml") || has_suffix(self.subtype, "+xml")
    }

    /// The names of its parameters.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().map(|(name, _)| *name)
    }

    pub(super) fn find(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_ref())
    }
}

impl Range {
    /// Reads what a document names. Some documents name several in one, with commas.
    pub(super) fn parse_all(text: &str) -> Vec<Range> {
        let text = if text.trim() == "*" { "*/*" } else { text };
        let read = |text: &str| MediaType::parse(text).map(Range::of);
        // A comma can also stand in quotes.
        match read(text) {
            Some(range) => vec![range],
            None => text.split(',').filter_map(read).collect(),
        }
    }

    fn of(one: MediaType<'_>) -> Range {
        let own = |(name, value): (&str, Cow<'_, str>)| {
            // What stands between the parts differs from request to request.
            (!name.eq_ignore_ascii_case("boundary")).then(|| (name.to_owned(), value.into_owned()))
        };
        Range {
            kind: one.kind.to_owned(),
            subtype: one.subtype.to_owned(),
            parameters: one.parameters.into_iter().filter_map(own).collect(),
        }
    }

    /// How well a media type fits, the most specific range best; `None`: not at all.
    pub(super) fn rank(&self, given: &MediaType<'_>) -> Option<usize> {
        let fits = |(name, value): &(String, String)| match given.find(name) {
            Some(given) => given.eq_ignore_ascii_case(value),
            // This is what is meant where nothing is said.
            None => name.eq_ignore_ascii_case("charset") && value.eq_ignore_ascii_case("utf-8"),
        };
        let specific = if given.is(&self.kind, &self.subtype) {
            3
        } else if !self.kind.eq_ignore_ascii_case(given.kind) && self.kind != "*" {
            return None;
        } else if let Some(suffix) = self.subtype.strip_prefix('*').filter(|suffix| suffix.starts_with('+')) {
            has_suffix(given.subtype, suffix).then_some(2)?
        } else if self.subtype == "*" {
            usize::from(self.kind != "*")
        } else {
            return None;
        };
        // There are fewer parameters than this in what can be written in a header.
        self.parameters.iter().all(fits).then(|| specific * 10_000 + self.parameters.len())
    }

    /// The range itself as a media type, to see how bodies that name it would be read.
    pub(super) fn as_media_type(&self) -> MediaType<'_> {
        MediaType { kind: &self.kind, subtype: &self.subtype, parameters: Vec::new() }
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

type Parameter<'a> = (&'a str, Cow<'a, str>);

/// The parameter that a text begins with, if there is one before the next semicolon, and what stands behind that.
fn parse_parameter(text: &str) -> Option<(Option<Parameter<'_>>, Option<&str>)> {
    let text = text.trim_start_matches(BLANKS);
    if text.is_empty() {
        return Some((None, None));
    }
    if let Some(rest) = text.strip_prefix(';') {
        return Some((None, Some(rest)));
    }
    let (name, value) = text.split_once('=')?;
    let (value, rest) = match value.strip_prefix('"') {
        Some(value) => parse_quoted(value)?,
        None => {
            let end = value.find([';', ' ', '\t']).unwrap_or(value.len());
            let (value, rest) = value.split_at(end);
            is_token(value).then_some((Cow::Borrowed(value), rest))?
        }
    };
    let rest = rest.trim_start_matches(BLANKS);
    let rest = if rest.is_empty() { None } else { Some(rest.strip_prefix(';')?) };
    is_token(name).then_some((Some((name, value)), rest))
}

/// The text up to the closing quotes, and what stands behind them.
fn parse_quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut characters = text.char_indices();
    let mut unescaped: Option<String> = None;
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                let rest = text.get(at + 1..)?;
                let value = text.get(..at)?;
                return Some((unescaped.map_or(Cow::Borrowed(value), Cow::Owned), rest));
            }
            '\\' => {
                let (_, escaped) = characters.next()?;
                unescaped.get_or_insert_with(|| text.get(..at).unwrap_or_default().to_owned()).push(escaped);
            }
            other => {
                if let Some(unescaped) = &mut unescaped {
                    unescaped.push(other);
                }
            }
        }
    }
    None
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn has_suffix(text: &str, suffix: &str) -> bool {
    let start = text.len().checked_sub(suffix.len());
    start.and_then(|start| text.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

/// `application/json`, or `one of application/json, image/*`.
fn list_of(ranges: &[&Range]) -> String {
    let show = |range: &&Range| {
        let parameters = range.parameters.iter().map(|(name, value)| format!("; {name}={value}"));
        let text = format!("{}/{}{}", range.kind, range.subtype, parameters.collect::<String>());
        quoted(&text).trim_matches('"').to_owned()
    };
    let mut shown: Vec<String> = Vec::new();
    for one in ranges.iter().map(show) {
        if !shown.contains(&one) {
            shown.push(one);
        }
    }
    let count = shown.len();
    shown.truncate(SHOWN_RANGES);
    match shown.as_slice() {
        [only] => only.clone(),
        _ if count > SHOWN_RANGES => format!("one of {}, … ({count} in all)", shown.join(", ")),
        _ => format!("one of {}", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_read_strictly() {
        for (text, expected) in [
            ("application/json", Some(("application", "json", vec![]))),
            (" a/b ;; c=d ; e=\"f;\\\"g\" ;", Some(("a", "b", vec![("c", "d"), ("e", "f;\"g")]))),
            ("A/B;C=", None),
            ("a/b;c=\"\"", Some(("a", "b", vec![("c", "")]))),
            ("application/vnd.a+json;v=1", Some(("application", "vnd.a+json", vec![("v", "1")]))),
            ("", None),
            ("json", None),
            ("/json", None),
            ("application/", None),
            ("application/json, text/plain", None),
            ("application/json application/json", None),
            ("a/b/c", None),
            ("a/b; c", None),
            ("a/b; c =d", None),
            ("a/b; c= d", None),
            ("a/b; c=d e", None),
            ("a/b; c=d; C=e", None),
            ("a/b; c=\"d", None),
            ("a/b; c=\"d\\", None),
            ("a/b; c=\"d\"e", None),
            ("a/b; c=ä", None),
            ("ä/b", None),
        ] {
            let read = MediaType::parse(text);
            let read = read.as_ref().map(|one| {
                let parameters = one.parameters.iter().map(|(name, value)| (*name, value.as_ref()));
                (one.kind, one.subtype, parameters.collect::<Vec<_>>())
            });
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn the_most_specific_range_is_meant() {
        let ranges = [
            "*/*",
            "application/*",
            "application/*+json",
            "application/json",
            "application/json; profile=\"a b\"",
            "Text/Plain; charset=UTF-8",
            "multipart/form-data; boundary=x",
            "text/a, text/b",
        ];
        let ranges: Vec<Vec<Range>> = ranges.into_iter().map(Range::parse_all).collect();
        for (given, expected) in [
            ("application/json", 3),
            ("Application/JSON; charset=utf-8", 3),
            ("application/json; Profile=\"A B\"; x=y", 4),
            ("application/vnd.x+JSON", 2),
            ("application/+json", 2),
            ("application/xml", 1),
            ("text/plain", 5),
            ("text/plain; charset=utf-8", 5),
            ("text/plain; charset=latin1", 0),
            ("multipart/form-data; boundary=y", 6),
            ("text/b", 7),
            ("image/png", 0),
        ] {
            let given = MediaType::parse(given).unwrap();
            let rank = |ranges: &Vec<Range>| ranges.iter().filter_map(|range| range.rank(&given)).max();
            let best =
                (0..ranges.len()).filter(|n| rank(&ranges[*n]).is_some()).max_by_key(|n| rank(&ranges[*n]));
            assert_eq!(best, Some(expected), "{given:?}");
        }
        assert!(Range::parse_all("nonsense").is_empty());
        assert_eq!(Range::parse_all("*"), Range::parse_all("*/*"));
        let json = &Range::parse_all("application/json")[0];
        for other in ["application/problem+json", "text/json", "application/json5", "application/js"] {
            assert_eq!(json.rank(&MediaType::parse(other).unwrap()), None, "{other}");
        }
    }
}
