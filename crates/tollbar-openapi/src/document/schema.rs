//! The part of a schema that a parameter is checked against.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Number, Value};

use super::reference::{Place, Root, weight};
use super::{LoadError, Warnings};
use crate::decimal::Decimal;
use crate::operation::{Bound, SimpleSchema, SimpleType};

/// Lists of lists, and `allOf` in `allOf`, are followed so far; deeper ones do not constrain.
const SCHEMA_DEPTH_LIMIT: usize = 8;

pub(super) fn read(
    root: Root<'_>,
    place: &Place<'_>,
    warnings: &mut Warnings,
) -> Result<SimpleSchema, LoadError> {
    Reader { root, warnings }.read(place, SCHEMA_DEPTH_LIMIT)
}

struct Reader<'d, 'w> {
    root: Root<'d>,
    warnings: &'w mut Warnings,
}

impl<'d> Reader<'d, '_> {
    fn read(&mut self, place: &Place<'d>, depth: usize) -> Result<SimpleSchema, LoadError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Ok(SimpleSchema::default());
        };
        let target = self.root.resolve(place.clone())?;
        let mut schema = self.read_own(&target, depth)?;
        // Since 3.1 more may stand beside a reference.
        if target.pointer != place.pointer {
            let beside = self.read_own(place, depth)?;
            schema = overlay(schema, beside);
        }
        Ok(schema)
    }

    fn read_own(&mut self, place: &Place<'d>, depth: usize) -> Result<SimpleSchema, LoadError> {
        let Some(members) = place.value.as_object() else {
            // `true` and `false` are schemas since 3.1; nobody writes them for a parameter.
            return match place.value {
                Value::Bool(_) => Ok(SimpleSchema::default()),
                _ => Err(place.error("a schema must be an object")),
            };
        };
        self.root.take(members.get("format").map_or(0, weight), place)?;
        let items = place.member("items").map(|items| self.read(&items, depth)).transpose()?;
        let own = SimpleSchema {
            types: self.read_types(place)?,
            format: members.get("format").and_then(Value::as_str).map(str::to_owned),
            enumeration: self.read_enumeration(place)?,
            minimum: read_bound(place.value, "minimum", "exclusiveMinimum", |new, old| new >= old),
            maximum: read_bound(place.value, "maximum", "exclusiveMaximum", |new, old| new <= old),
            min_length: members.get("minLength").and_then(Value::as_u64),
            max_length: members.get("maxLength").and_then(Value::as_u64),
            items: items.map(Box::new),
        };
        // The only one of `allOf` is a reference with a description beside it, as 3.0 wants it written.
        match place.member("allOf") {
            Some(all) if all.value.as_array().is_some_and(|all| all.len() == 1) => match all.member("0") {
                Some(only) => Ok(overlay(self.read(&only, depth)?, own)),
                None => Ok(own),
            },
            _ => Ok(own),
        }
    }

    fn read_types(&mut self, place: &Place<'d>) -> Result<BTreeSet<SimpleType>, LoadError> {
        let mut types = BTreeSet::new();
        let written = match place.value.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ => return self.read_branches(place),
        };
        for name in written {
            match read_type(name) {
                Some(known) => types.insert(known),
                None => {
                    self.warnings.add(
                        &place.pointer,
                        &format!("the type \"{name}\" is not known, and any value is accepted"),
                    );
                    return Ok(BTreeSet::new());
                }
            };
        }
        Ok(types)
    }

    fn read_enumeration(&self, place: &Place<'_>) -> Result<Option<Vec<Value>>, LoadError> {
        if let Some(only) = place.member("const") {
            self.root.take(weight(only.value), &only)?;
            return Ok(Some(vec![only.value.clone()]));
        }
        let Some(list) = place.member("enum") else {
            return Ok(None);
        };
        let values = list.value.as_array().ok_or_else(|| list.error("enum must be a list"))?;
        self.root.take(weight(list.value), &list)?;
        Ok(Some(values.clone()))
    }

    /// Branches do not constrain, but where one may be an object, the parameter may stand in the request under
    /// the names of its members, and this must be known.
    fn read_branches(&self, place: &Place<'d>) -> Result<BTreeSet<SimpleType>, LoadError> {
        let may_be_object = self.may_be_object(place, &mut HashSet::new(), SCHEMA_DEPTH_LIMIT)?;
        Ok(may_be_object.then_some(SimpleType::Object).into_iter().collect())
    }

    /// Each schema is looked at once, or branches that refer to each other would be followed for ever.
    fn may_be_object(
        &self,
        place: &Place<'d>,
        seen: &mut HashSet<String>,
        depth: usize,
    ) -> Result<bool, LoadError> {
        let place = self.root.resolve(place.clone())?;
        let Some(depth) = depth.checked_sub(1) else { return Ok(false) };
        if !seen.insert(place.pointer.clone()) {
            return Ok(false);
        }
        let is_object = match place.value.get("type") {
            Some(Value::String(one)) => one == "object",
            Some(Value::Array(several)) => several.iter().any(|one| one == "object"),
            _ => place.value.get("properties").is_some(),
        };
        if is_object {
            return Ok(true);
        }
        for name in ["oneOf", "anyOf", "allOf"] {
            let Some(branches) = place.member(name) else { continue };
            let count = branches.value.as_array().map_or(0, Vec::len);
            for branch in (0..count).filter_map(|index| branches.member(&index.to_string())) {
                if self.may_be_object(&branch, seen, depth)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}

/// What is said nearer to the parameter counts before what is said further away.
fn overlay(far: SimpleSchema, near: SimpleSchema) -> SimpleSchema {
    SimpleSchema {
        types: if near.types.is_empty() { far.types } else { near.types },
        format: near.format.or(far.format),
        enumeration: near.enumeration.or(far.enumeration),
        minimum: near.minimum.or(far.minimum),
        maximum: near.maximum.or(far.maximum),
        min_length: near.min_length.or(far.min_length),
        max_length: near.max_length.or(far.max_length),
        items: near.items.or(far.items),
    }
}

fn read_type(name: &str) -> Option<SimpleType> {
    Some(match name {
        "string" => SimpleType::String,
        "integer" => SimpleType::Integer,
        "number" => SimpleType::Number,
        "boolean" => SimpleType::Boolean,
        "array" => SimpleType::Array,
        "object" => SimpleType::Object,
        "null" => SimpleType::Null,
        _ => return None,
    })
}

/// 3.0 says `exclusiveMinimum: true` beside `minimum`; 3.1 says `exclusiveMinimum: 0`, and may say both.
fn read_bound(
    schema: &Value,
    inclusive: &str,
    exclusive: &str,
    is_narrower: fn(Decimal, Decimal) -> bool,
) -> Option<Bound> {
    let number = |name: &str| {
        schema.get(name).and_then(|value| match value {
            Value::Number(number) => Some(number.clone()),
            _ => None,
        })
    };
    let decimal = |number: &Number| Decimal::parse(&number.to_string());
    let flag = schema.get(exclusive).and_then(Value::as_bool).unwrap_or(false);
    let wide = number(inclusive).map(|value| Bound { value, exclusive: flag });
    let Some(narrow) = number(exclusive).map(|value| Bound { value, exclusive: true }) else {
        return wide;
    };
    match &wide {
        Some(bound) if !is_narrower(decimal(&narrow.value)?, decimal(&bound.value)?) => wide,
        _ => Some(narrow),
    }
}
