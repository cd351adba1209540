//! Schemas that ask for less than is written, since something in them cannot be enforced, seen from those that refer
//! to them: less in a question is more in its answer, and of choices that ask for less more than one may fit.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::schema::each_reference;

/// Members whose values are schemas under names of the document's own.
const NAMED: [&str; 3] = ["properties", "patternProperties", "dependentSchemas"];

/// Members that hold data.
const DATA: [&str; 5] = ["enum", "const", "required", "dependentRequired", "discriminator"];

/// Adds to the schemas that ask for less all those that refer to them, however far away, and takes out of these what
/// would ask for more now. Returns what was taken out of which.
pub(super) fn settle(schemas: &mut [Value], loose: &mut BTreeSet<usize>) -> BTreeSet<(usize, &'static str)> {
    let mut referrers: Vec<Vec<usize>> = vec![Vec::new(); schemas.len()];
    for (number, schema) in schemas.iter().enumerate() {
        each_reference(schema, &mut |target| {
            referrers.get_mut(target).into_iter().for_each(|list| list.push(number));
        });
    }
    let mut waiting: Vec<usize> = loose.iter().copied().collect();
    while let Some(target) = waiting.pop() {
        let new = referrers.get(target).into_iter().flatten().filter(|number| loose.insert(**number));
        waiting.extend(new);
    }
    let mut taken = BTreeSet::new();
    for number in loose.iter() {
        if let Some(schema) = schemas.get_mut(*number) {
            relax(schema, loose, &mut |keyword| {
                taken.insert((*number, keyword));
            });
        }
    }
    taken
}

/// No deeper than a document may be.
fn relax(schema: &mut Value, loose: &BTreeSet<usize>, taken: &mut impl FnMut(&'static str)) {
    let Some(members) = schema.as_object_mut() else { return };
    for keyword in ["not", "if"] {
        if members.get(keyword).is_some_and(|asked| is_loose(asked, loose)) {
            members.shift_remove(keyword);
            taken(keyword);
        }
    }
    if members.get("oneOf").is_some_and(|choices| is_loose(choices, loose)) {
        relax_choices(members);
        taken("oneOf");
    }
    for (name, member) in members.iter_mut().filter(|(name, _)| !DATA.contains(&name.as_str())) {
        match member {
            Value::Object(named) if NAMED.contains(&name.as_str()) => {
                named.values_mut().for_each(|one| relax(one, loose, taken));
            }
            Value::Array(items) => items.iter_mut().for_each(|item| relax(item, loose, taken)),
            other => relax(other, loose, taken),
        }
    }
}

/// Any of them will do, or none is asked for where the place for that is taken.
fn relax_choices(members: &mut Map<String, Value>) {
    let choices = members.shift_remove("oneOf");
    if let Some(choices) = choices
        && !members.contains_key("anyOf")
    {
        members.insert("anyOf".to_owned(), choices);
    }
}

fn is_loose(schema: &Value, loose: &BTreeSet<usize>) -> bool {
    let mut found = false;
    each_reference(schema, &mut |target| found |= loose.contains(&target));
    found
}
