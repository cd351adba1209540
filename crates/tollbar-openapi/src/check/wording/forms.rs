//! Values that may have one of several forms, and have none: which of them was meant.

use std::cmp::Reverse;

use serde_json::{Map, Value};

use super::find::{Finder, Finding, Findings, find_definition};
use super::kinds::{self, Kind};
use super::path::{At, Step};
use super::wrong::Wrong;

mod tags;

/// Of each form that may be meant, so many faults are looked at.
const COMPARED_FAULTS: usize = 6;

/// Forms are compared within forms so deep: each such step multiplies the work by the number of forms.
const COMPARISON_DEPTH: usize = 4;

/// So many members of a value are looked up in each form.
const COMPARED_MEMBERS: usize = 100;

pub(super) fn walk<'a>(
    finder: &mut Finder<'a>,
    schema: &'a Map<String, Value>,
    value: &'a Value,
    at: &At<'_, 'a>,
    findings: &mut Findings<'a>,
) {
    for (keyword, just_one) in [("anyOf", false), ("oneOf", true)] {
        let Some(forms) = schema.get(keyword).and_then(Value::as_array) else { continue };
        if findings.is_full() || finder.is_spent() {
            return;
        }
        let kept = forms.iter().filter(|form| finder.holds(form, value)).take(if just_one { 2 } else { 1 });
        match kept.count() {
            0 => walk_none(finder, schema, forms, value, at, findings),
            2 => finder.add(findings, at, Wrong::Forms, None),
            _ => {}
        }
    }
}

/// No form fits.
fn walk_none<'a>(
    finder: &mut Finder<'a>,
    schema: &'a Map<String, Value>,
    forms: &'a [Value],
    value: &'a Value,
    at: &At<'_, 'a>,
    findings: &mut Findings<'a>,
) {
    let before = findings.len();
    if findings.is_probe() {
        return finder.add(findings, at, Wrong::NoForm(forms.len()), None);
    }
    if let Some(discriminator) = schema.get("discriminator") {
        walk_named(finder, discriminator, value, at, findings);
        if findings.len() > before {
            return;
        }
    }
    let allowed: Vec<Vec<Kind>> = forms.iter().map(|form| kinds::allowed(finder.set, form)).collect();
    let of_kind = forms.iter().zip(&allowed).filter(|(_, kinds)| kinds::allow(kinds, value));
    let meant: Vec<&'a Value> = of_kind.map(|(form, _)| form).collect();
    if meant.is_empty() {
        return finder.add(findings, at, Wrong::Type(allowed.concat()), Some(value));
    }
    let meant = match value {
        Value::Object(members) => match tags::narrow(finder, meant, members, at, findings) {
            Some(meant) => meant,
            None => return,
        },
        _ => meant,
    };
    if let [only] = meant.as_slice() {
        finder.walk(only, value, at, findings);
    } else {
        walk_nearest(finder, &meant, value, at, findings);
    }
    if findings.len() == before {
        let count = allowed.iter().filter(|kinds| kinds.as_slice() != [Kind::Null]).count();
        finder.add(findings, at, Wrong::NoForm(count), Some(value));
    }
}

/// `discriminator`: a member of the value names its form.
fn walk_named<'a>(
    finder: &mut Finder<'a>,
    discriminator: &'a Value,
    value: &'a Value,
    at: &At<'_, 'a>,
    findings: &mut Findings<'a>,
) {
    let name = discriminator.get("propertyName").and_then(Value::as_str);
    let forms = discriminator.get("mapping").and_then(Value::as_object).filter(|forms| !forms.is_empty());
    let (Some(name), Some(forms), Some(members)) = (name, forms, value.as_object()) else { return };
    let tag_at = at.step(Step::Name(name));
    let Some(tag) = members.get(name) else {
        return finder.add(findings, &tag_at, Wrong::Missing, None);
    };
    let form = tag.as_str().and_then(|tag| {
        // The full name of a schema is as good as its last step.
        forms.get(tag).or_else(|| forms.get(tag.rsplit('/').next().unwrap_or_default()))
    });
    match form.and_then(Value::as_str).and_then(|form| find_definition(finder.set, form)) {
        Some(form) => finder.walk(form, value, at, findings),
        None => {
            let names = forms.keys().map(String::as_str).collect();
            finder.add(findings, &tag_at, Wrong::Tag(names), Some(tag));
        }
    }
}

/// What is wrong with a value in one form, and how near to that form it is.
struct Candidate<'a> {
    wrong: Vec<Finding<'a>>,
    /// Members that the form knows; then the fewest faults; then the deepest.
    near: (usize, Reverse<usize>, usize),
}

fn walk_nearest<'a>(
    finder: &mut Finder<'a>,
    forms: &[&'a Value],
    value: &'a Value,
    at: &At<'_, 'a>,
    findings: &mut Findings<'a>,
) {
    if finder.comparisons >= COMPARISON_DEPTH {
        return;
    }
    let mut candidates: Vec<Candidate<'a>> = Vec::with_capacity(forms.len());
    for form in forms {
        let mut wrong = Findings::new(COMPARED_FAULTS);
        finder.comparisons += 1;
        finder.walk(form, value, at, &mut wrong);
        finder.comparisons -= 1;
        if finder.is_spent() {
            return;
        }
        let depth = wrong.iter().map(|finding| finding.path.len()).max().unwrap_or_default();
        let near = (known_members(finder, form, value), Reverse(wrong.len()), depth);
        candidates.push(Candidate { wrong: wrong.iter().cloned().collect(), near });
    }
    if let Some(finding) = common(&candidates, at) {
        return findings.add(finding);
    }
    let Some(best) = candidates.iter().map(|candidate| candidate.near).max() else { return };
    let mut nearest = candidates.iter().filter(|candidate| candidate.near == best);
    let first = nearest.next();
    // An object of which a form knows no member is not near to it.
    let is_near = best.0 > 0 || !value.is_object();
    let is_alone = nearest.all(|other| first.is_some_and(|first| first.wrong == other.wrong));
    if let Some(first) = first.filter(|_| is_near && is_alone) {
        first.wrong.iter().for_each(|finding| findings.add(finding.clone()));
    }
}

/// One sentence for all forms: one of these values, or one of these members.
fn common<'a>(candidates: &[Candidate<'a>], at: &At<'_, 'a>) -> Option<Finding<'a>> {
    let alone = |candidate: &'_ Candidate<'a>| match candidate.wrong.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    let wrong: Vec<Finding<'a>> = candidates.iter().map(alone).collect::<Option<_>>()?;
    let first = wrong.first()?.clone();
    let mut options: Vec<&Value> = Vec::new();
    let mut names: Vec<&str> = Vec::new();
    let path = at.path();
    for finding in &wrong {
        match (&finding.wrong, finding.path.split_last()) {
            (Wrong::Choice(more), _) if finding.path == first.path => {
                let new: Vec<&Value> = more.iter().copied().filter(|one| !options.contains(one)).collect();
                options.extend(new);
            }
            (Wrong::Missing, Some((Step::Name(name), start))) if start == path.as_slice() => names.push(name),
            _ => return None,
        }
    }
    match (options.is_empty(), names.as_slice()) {
        (false, []) => Some(Finding { wrong: Wrong::Choice(options), ..first }),
        (true, [one, others @ ..]) if others.iter().all(|other| other == one) => Some(first),
        (true, [_, ..]) => Some(Finding { path, wrong: Wrong::MissingOneOf(names), value: None }),
        _ => None,
    }
}

fn known_members(finder: &Finder<'_>, form: &Value, value: &Value) -> usize {
    let Some(members) = value.as_object() else { return 0 };
    let names = members.keys().take(COMPARED_MEMBERS);
    names.filter(|name| tags::member(finder.set, form, name).is_some()).count()
}
