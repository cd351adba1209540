//! Requests that are judged a second time: read by another reader, and held against the few rules by hand.
//!
//! `n` is an integer from 1 to 10, and required; `a` has at most four characters; `b` is a list of texts of at most two.

use tollbar_openapi::Faults;

use crate::strict::{Json, read_json, read_multipart};

const KNOWN: [&str; 3] = ["n", "a", "b"];

/// The document's reader stops here, too.
const DEPTH: usize = 64;

type Found = Result<(), Faults>;

/// JSON is taken if and only if it is JSON to both, and keeps the rules.
pub(super) fn assert_json(body: &[u8], found: &Found) {
    let read = read_json(body, DEPTH);
    if read.is_some() {
        assert!(
            serde_json::from_slice::<serde_json::Value>(body).is_ok(),
            "what is JSON to one is not to another"
        );
    }
    let is_right = read.is_some_and(|value| is_right(&value));
    assert_eq!(found.is_ok(), is_right, "{found:?}");
}

fn is_right(value: &Json) -> bool {
    let Json::Object(members) = value else { return false };
    let is_short = |value: &Json, most| matches!(value, Json::Text(text) if text.chars().count() <= most);
    members.iter().any(|(name, _)| name == "n")
        && members.iter().all(|(name, value)| match (name.as_str(), value) {
            ("n", Json::Number(number)) => number.fract() == 0.0 && (1.0..=10.0).contains(number),
            ("a", text) => is_short(text, 4),
            ("b", Json::List(items)) => items.iter().all(|item| is_short(item, 2)),
            _ => false,
        })
}

/// A form is taken if and only if its pairs, as another reader has them, keep the rules.
pub(super) fn assert_form(body: &[u8], found: &Found) {
    let is_whole = std::str::from_utf8(body).is_ok_and(escapes_are_whole);
    assert_pairs(body, is_whole, false, found);
}

/// The same; unknown names are nobody's.
pub(super) fn assert_query(query: &str, found: &Found) {
    let is_cut_alike = !query.split('&').any(|pair| {
        let names = std::iter::once(pair).chain(pair.split(';')).filter_map(|one| one.split('=').next());
        let names: Vec<String> = names
            .flat_map(|name| form_urlencoded::parse(name.as_bytes()))
            .map(|(name, _)| name.to_lowercase())
            .collect();
        pair.contains(';') && names.iter().any(|name| KNOWN.contains(&name.as_str()))
    });
    if is_cut_alike {
        assert_pairs(query.as_bytes(), escapes_are_whole(query), true, found);
    } else {
        assert!(found.is_err(), "{query} is taken, and can be cut in two ways");
    }
}

fn assert_pairs(text: &[u8], is_whole: bool, takes_others: bool, found: &Found) {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(text).into_owned().collect();
    // The other reader puts something for what is no text.
    let is_text = is_whole
        && !pairs.iter().any(|(name, value)| name.contains('\u{FFFD}') || value.contains('\u{FFFD}'));
    // There are other ways to write a list, which it does not know.
    let is_plain = pairs.iter().all(|(name, value)| !name.contains('[') && !value.starts_with(['[', '{']));
    let values = |wanted: &str| {
        // To some readers, capital letters are the same.
        let named = pairs.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    let is_known = |name: &str| KNOWN.contains(&name);
    let is_right = (takes_others || pairs.iter().all(|(name, _)| is_known(name)))
        && pairs.iter().any(|(name, _)| name == "n")
        && matches!(values("n")[..], [number] if is_small_integer(number))
        && matches!(values("a")[..], [] | [_])
        && values("a").iter().all(|text| text.chars().count() <= 4)
        && values("b").iter().all(|text| text.chars().count() <= 2);
    if is_text && is_plain {
        assert_eq!(found.is_ok(), is_right, "{pairs:?}: {found:?}");
    }
    if found.is_ok() && is_plain {
        assert!(is_right, "{pairs:?} is taken");
    }
}

fn is_small_integer(text: &str) -> bool {
    text.parse().is_ok_and(|number: u8| (1..=10).contains(&number) && number.to_string() == text)
}

fn escapes_are_whole(text: &str) -> bool {
    let mut after = text.split('%').skip(1).map(str::as_bytes);
    after.all(|after| matches!(after, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()))
}

/// Parts that are taken are parts to another reader, and keep the rules.
pub(super) fn assert_multipart(body: &[u8], found: &Found) {
    if found.is_err() {
        return;
    }
    let parts = read_multipart(body, "b").unwrap_or_else(|| panic!("what is taken is no multipart body"));
    assert!(parts.iter().any(|part| part.name == "n" || part.name.starts_with("n[")), "n is missing");
    let mut known = Vec::new();
    for part in &parts {
        let base = part.name.split('[').next().unwrap_or_default();
        assert!(["n", "a", "b"].contains(&base), "{part:?} is taken");
        assert!(base == "b" || !known.contains(&base), "{base} is given twice");
        known.push(base);
        let text = String::from_utf8_lossy(&part.bytes);
        // JSON can write them in other ways.
        if part.is_marked || text.starts_with(['[', '{']) {
            continue;
        }
        let is_right = match base {
            "n" => is_small_integer(&text),
            "a" => text.chars().count() <= 4,
            _ => text.chars().count() <= 2,
        };
        assert!(is_right, "{part:?} is taken");
    }
}
