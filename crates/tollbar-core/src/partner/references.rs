//! References within a document, and what is left of it when a part is taken away.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// A chain of references longer than this leads nowhere.
const HOPS_MAX: usize = 32;

/// Members whose values are data, where a `$ref` is no reference.
const DATA: [&str; 5] = ["example", "examples", "default", "enum", "const"];

/// Members that map names of any kind.
const MAPS: [&str; 14] = [
    "callbacks",
    "definitions",
    "$defs",
    "dependentSchemas",
    "headers",
    "links",
    "mapping",
    "parameters",
    "pathItems",
    "patternProperties",
    "properties",
    "requestBodies",
    "responses",
    "schemas",
];

/// What a value means: itself, or where its reference leads.
pub(super) fn resolve<'d>(document: &'d Value, mut value: &'d Value) -> &'d Value {
    for _ in 0..HOPS_MAX {
        let target = value.get("$ref").and_then(Value::as_str).and_then(|to| look_up(document, to));
        match target {
            Some(target) => value = target,
            None => break,
        }
    }
    value
}

/// A name among the components that the document does not have.
pub(super) fn free_name(document: &Value, kind: &str, wish: &str) -> String {
    let taken = document.get("components").and_then(|components| components.get(kind));
    let mut name = wish.to_owned();
    while taken.is_some_and(|taken| taken.get(&name).is_some()) {
        name.push('_');
    }
    name
}

/// Takes out what was said to the gateway alone.
pub(super) fn strip_internal(document: &mut Value) {
    walk(document, false, &mut |members, is_map| {
        if !is_map {
            members.retain(|name, _| !name.starts_with("x-tollbar-"));
        }
    });
}

/// References into paths would lead into what is gone, or was changed: their targets move among the components.
pub(super) fn move_out_of_paths(source: &Value, document: &mut Value) {
    let mut moved: BTreeMap<String, usize> = BTreeMap::new();
    let mut targets: Vec<Value> = Vec::new();
    rewrite(source, document, &mut moved, &mut targets);
    let mut done = 0;
    while let Some(mut target) = targets.get(done).cloned() {
        rewrite(source, &mut target, &mut moved, &mut targets);
        if let Some(place) = targets.get_mut(done) {
            *place = target;
        }
        done += 1;
    }
    if !targets.is_empty() {
        let shared = targets.into_iter().enumerate().map(|(n, target)| (n.to_string(), target));
        document["components"]["x-shared"] = Value::Object(shared.collect());
    }
}

fn rewrite(source: &Value, value: &mut Value, moved: &mut BTreeMap<String, usize>, targets: &mut Vec<Value>) {
    walk(value, false, &mut |members, is_map| {
        let Some(Value::String(to)) = members.get_mut("$ref").filter(|_| !is_map) else { return };
        if to.starts_with("#/components/") || !to.starts_with("#/") {
            return;
        }
        let number = match moved.get(to.as_str()) {
            Some(number) => *number,
            None => {
                let Some(target) = look_up(source, to) else { return };
                targets.push(target.clone());
                moved.insert(to.clone(), targets.len() - 1);
                targets.len() - 1
            }
        };
        *to = format!("#/components/x-shared/{number}");
    });
}

/// Takes away components that nothing refers to: they may belong to what partners do not see.
pub(super) fn keep_reachable(document: &mut Value) {
    let mut reached: BTreeSet<(String, String)> = BTreeSet::new();
    let mut waiting: Vec<(String, String)> = Vec::new();
    let members = document.as_object().into_iter().flatten();
    for (_, value) in members.filter(|(name, _)| *name != "components") {
        referred(value, &mut waiting);
    }
    let components = document.get("components").and_then(Value::as_object);
    for (_, value) in components.into_iter().flatten().filter(|(kind, _)| kind.starts_with("x-")) {
        referred(value, &mut waiting);
    }
    loop {
        while let Some(name) = waiting.pop() {
            if !reached.insert(name.clone()) {
                continue;
            }
            let (kind, name) = name;
            if let Some(component) = document.get("components").and_then(|all| all.get(&kind)?.get(&name)) {
                referred(component, &mut waiting);
            }
        }
        // A schema with a discriminator stands for those that are made of it.
        let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
        let reaches = |(name, schema): (&String, &Value)| {
            let key = ("schemas".to_owned(), name.clone());
            let parents = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
            let is_variant = parents.filter_map(|parent| parent["$ref"].as_str()).any(|to| {
                component_of(to).is_some_and(|parent| reached.contains(&parent))
                    && look_up(document, to).is_some_and(|parent| parent.get("discriminator").is_some())
            });
            (is_variant && !reached.contains(&key)).then_some(key)
        };
        waiting.extend(schemas.into_iter().flatten().filter_map(reaches));
        if waiting.is_empty() {
            break;
        }
    }
    let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) else { return };
    for (kind, members) in components.iter_mut() {
        if kind != "securitySchemes"
            && !kind.starts_with("x-")
            && let Some(members) = members.as_object_mut()
        {
            members.retain(|name, _| reached.contains(&(kind.clone(), name.clone())));
        }
    }
    components.retain(|_, members| members.as_object().is_none_or(|members| !members.is_empty()));
}

/// The components that a value refers to.
fn referred(value: &Value, names: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(to) if name == "$ref" => names.extend(component_of(to)),
                    Value::Object(mapping) if name == "mapping" => {
                        let targets = mapping.values().filter_map(Value::as_str);
                        names.extend(targets.map(|to| {
                            component_of(to).unwrap_or_else(|| ("schemas".to_owned(), to.to_owned()))
                        }));
                        referred(member, names);
                    }
                    member => referred(member, names),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| referred(item, names)),
        _ => {}
    }
}

/// `#/components/schemas/Order/properties/id`: the schema `Order`.
fn component_of(reference: &str) -> Option<(String, String)> {
    let mut steps = reference.strip_prefix("#/components/")?.split('/').map(unescape);
    Some((steps.next()?, steps.next()?))
}

fn look_up<'d>(document: &'d Value, reference: &str) -> Option<&'d Value> {
    let pointer = reference.strip_prefix('#')?;
    let mut place = document;
    for step in pointer.split('/').skip(1).map(unescape) {
        // A step may lead through a reference.
        for _ in 0..HOPS_MAX {
            let Some(to) = place.get("$ref").and_then(Value::as_str).filter(|to| *to != reference) else {
                break;
            };
            if place.get(&step).is_some() {
                break;
            }
            place = document.pointer(&percent_decode_str(to.strip_prefix('#')?).decode_utf8().ok()?)?;
        }
        place = match place {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            other => other.get(&step)?,
        };
    }
    Some(place)
}

fn unescape(step: &str) -> String {
    percent_decode_str(step).decode_utf8_lossy().replace("~1", "/").replace("~0", "~")
}

/// Visits every object that is no data; `true`: its members have names of any kind.
fn walk(value: &mut Value, is_map: bool, visit: &mut impl FnMut(&mut Map<String, Value>, bool)) {
    match value {
        Value::Object(members) => {
            visit(members, is_map);
            for (name, member) in members.iter_mut() {
                if is_map || !DATA.contains(&name.as_str()) {
                    walk(member, !is_map && MAPS.contains(&name.as_str()), visit);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, false, visit)),
        _ => {}
    }
}
