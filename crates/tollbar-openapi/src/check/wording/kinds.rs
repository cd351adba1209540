//! The types that JSON knows, and those that a schema leaves to a value.

use serde_json::{Map, Value};

use crate::schema::SchemaSet;

/// Schemas within schemas are looked into so deep.
const DEPTH_LIMIT: usize = 8;

/// So many forms of one value are looked into.
const FORM_LIMIT: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    Integer,
    Number,
    Boolean,
    Array,
    Object,
    Null,
}

use Kind::{Array, Boolean, Integer, Null, Number, Object, String};

const ALL: [Kind; 6] = [String, Number, Boolean, Array, Object, Null];

impl Kind {
    fn parse(text: &str) -> Option<Kind> {
        Some(match text {
            "string" => String,
            "integer" => Integer,
            "number" => Number,
            "boolean" => Boolean,
            "array" => Array,
            "object" => Object,
            "null" => Null,
            _ => return None,
        })
    }

    /// The narrowest kind of a value. As in JSON Schema, 1.0 is an integer.
    fn of(value: &Value) -> Kind {
        match value {
            Value::Null => Null,
            Value::Bool(_) => Boolean,
            Value::Number(number) if number.is_f64() => {
                if number.as_f64().is_some_and(|number| number.fract() == 0.0) { Integer } else { Number }
            }
            Value::Number(_) => Integer,
            Value::String(_) => String,
            Value::Array(_) => Array,
            Value::Object(_) => Object,
        }
    }

    /// Whether all values of another kind are of this one.
    fn includes(self, other: Kind) -> bool {
        self == other || (self == Number && other == Integer)
    }

    fn words(self, in_text: bool) -> &'static str {
        match self {
            String => "a string",
            Integer => "an integer",
            Number => "a number",
            Boolean if in_text => "true or false",
            Boolean => "a boolean",
            Array => "an array",
            Object => "an object",
            Null => "null",
        }
    }
}

/// The kind of a value, in words.
pub(super) fn words_of(value: &Value) -> &'static str {
    Kind::of(value).words(false)
}

/// What `type` says, if it is there.
pub(super) fn declared(schema: &Map<std::string::String, Value>) -> Option<Vec<Kind>> {
    match schema.get("type")? {
        Value::String(text) => Kind::parse(text).map(|kind| vec![kind]),
        Value::Array(texts) => {
            Some(texts.iter().filter_map(|text| text.as_str().and_then(Kind::parse)).collect())
        }
        _ => None,
    }
}

pub(super) fn allow(kinds: &[Kind], value: &Value) -> bool {
    let kind = Kind::of(value);
    kinds.iter().any(|allowed| allowed.includes(kind))
}

/// `a string or an integer`. Texts cannot say null, so that it is not asked of them beside another kind.
pub(super) fn words(kinds: &[Kind], in_text: bool) -> std::string::String {
    let mut told: Vec<Kind> = Vec::new();
    for kind in kinds {
        let is_covered = kinds.iter().any(|other| other != kind && other.includes(*kind));
        let is_unsaid = in_text && *kind == Null && kinds.len() > 1;
        if !is_covered && !is_unsaid && !told.contains(kind) {
            told.push(*kind);
        }
    }
    // Null comes last, whatever the document's order: it is the least likely to be meant.
    told.sort_by_key(|kind| *kind == Null);
    let words: Vec<&str> = told.iter().map(|kind| kind.words(in_text)).collect();
    match words.as_slice() {
        [] => "of another type".to_owned(),
        [only] => (*only).to_owned(),
        [start @ .., last] => format!("{} or {last}", start.join(", ")),
    }
}

/// The kinds that a schema leaves to a value, as far as can be seen at a glance.
pub(super) fn allowed(set: &SchemaSet, schema: &Value) -> Vec<Kind> {
    allowed_within(set, schema, DEPTH_LIMIT)
}

fn allowed_within(set: &SchemaSet, schema: &Value, depth: usize) -> Vec<Kind> {
    let (Value::Object(members), Some(depth)) = (set.resolve(schema), depth.checked_sub(1)) else {
        return if schema == &Value::Bool(false) { Vec::new() } else { ALL.to_vec() };
    };
    let mut kinds = declared(members).unwrap_or_else(|| ALL.to_vec());
    if let Some(options) = choices(members) {
        let listed: Vec<Kind> = options.iter().take(FORM_LIMIT).map(|option| Kind::of(option)).collect();
        kinds = both(&kinds, &listed);
    }
    let target = super::find::reference(set, members);
    let parts = members.get("allOf").and_then(Value::as_array).into_iter().flatten().take(FORM_LIMIT);
    for part in target.into_iter().chain(parts) {
        kinds = both(&kinds, &allowed_within(set, part, depth));
    }
    for forms in ["anyOf", "oneOf"] {
        if let Some(forms) = members.get(forms).and_then(Value::as_array) {
            let either = forms.iter().take(FORM_LIMIT).flat_map(|form| allowed_within(set, form, depth));
            kinds = both(&kinds, &either.collect::<Vec<_>>());
        }
    }
    kinds
}

/// What `enum` or `const` lists.
pub(super) fn choices(schema: &Map<std::string::String, Value>) -> Option<Vec<&Value>> {
    match (schema.get("const"), schema.get("enum")) {
        (Some(only), _) => Some(vec![only]),
        (None, Some(Value::Array(options))) => Some(options.iter().collect()),
        (None, _) => None,
    }
}

fn both(left: &[Kind], right: &[Kind]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    for kind in left.iter().chain(right) {
        let is_in = |kinds: &[Kind]| kinds.iter().any(|other| other.includes(*kind));
        if is_in(left) && is_in(right) && !kinds.contains(kind) {
            kinds.push(*kind);
        }
    }
    kinds
}
