//! Operations that no path tells apart: some documents write `/#Action=Start` and `/#Action=Stop`, or
//! `/?type=a` and `/?type=b`. Requests have only the path, so that they are one endpoint, which accepts what any
//! of them accepts.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::Warnings;
use crate::operation::{Body, MediaType, Operation, Parameter, Response, SecurityRequirement};
use crate::schema::{SchemaId, SchemaSet, reference_to};

/// Makes one operation of those that have the same method and path, at the place of the first.
pub(super) fn same_endpoints(
    operations: Vec<Operation>,
    schemas: &mut SchemaSet,
    warnings: &mut Warnings,
) -> Vec<Operation> {
    let mut groups: Vec<Vec<Operation>> = Vec::with_capacity(operations.len());
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    for operation in operations {
        let place = places.entry((operation.method.clone(), operation.path.clone())).or_insert(groups.len());
        match groups.get_mut(*place) {
            Some(group) => group.push(operation),
            None => groups.push(vec![operation]),
        }
    }
    groups.into_iter().filter_map(|group| one_of(group, schemas, warnings)).collect()
}

fn one_of(mut group: Vec<Operation>, schemas: &mut SchemaSet, warnings: &mut Warnings) -> Option<Operation> {
    if group.len() < 2 {
        return group.pop();
    }
    let first = group.first()?;
    let message = format!(
        "{} {}: {} operations whose paths differ only after \"?\" or \"#\" are one endpoint, which accepts what any \
         of them accepts",
        first.method,
        first.path,
        group.len()
    );
    warnings.add("/paths", &message);
    let security = group.iter().skip(1).fold(first.security.clone(), |all, one| stricter(all, &one.security));
    let extensions = first.extensions.iter();
    let extensions =
        extensions.filter(|(name, value)| group.iter().all(|one| one.extensions.get(*name) == Some(*value)));
    Some(Operation {
        method: first.method.clone(),
        path: first.path.clone(),
        operation_id: None,
        summary: None,
        tags: first.tags.clone(),
        deprecated: group.iter().all(|one| one.deprecated),
        security,
        parameters: parameters(&group, schemas),
        body: body(&group, schemas),
        responses: responses(&group),
        extensions: extensions.map(|(name, value)| (name.clone(), value.clone())).collect(),
    })
}

/// Where they differ, everything that any alternative of any of them asks for, together.
fn stricter(
    left: Option<Vec<SecurityRequirement>>,
    right: &Option<Vec<SecurityRequirement>>,
) -> Option<Vec<SecurityRequirement>> {
    if left == *right {
        return left;
    }
    let mut all = SecurityRequirement::new();
    for (scheme, scopes) in left.iter().chain(right).flatten().flatten() {
        let at = all.iter().position(|(known, _)| known == scheme).unwrap_or_else(|| {
            all.push((scheme.clone(), Vec::new()));
            all.len() - 1
        });
        if let Some((_, known)) = all.get_mut(at) {
            let new: Vec<String> = scopes.iter().filter(|scope| !known.contains(scope)).cloned().collect();
            known.extend(new);
        }
    }
    Some(vec![all])
}

/// Those that each of the operations has, written the same way: of others nothing is known.
fn parameters(group: &[Operation], schemas: &mut SchemaSet) -> Vec<Parameter> {
    let same = |left: &Parameter, right: &Parameter| {
        (left.location, left.style, left.explode, &left.name, &left.media_type)
            == (right.location, right.style, right.explode, &right.name, &right.media_type)
    };
    let listed = group.first().map(|first| first.parameters.as_slice()).unwrap_or_default();
    let merged = listed.iter().filter_map(|parameter| {
        let found = group.iter().map(|one| one.parameters.iter().find(|other| same(other, parameter)));
        let found: Vec<&Parameter> = found.collect::<Option<_>>()?;
        Some(Parameter {
            required: found.iter().all(|one| one.required),
            deprecated: found.iter().all(|one| one.deprecated),
            allow_reserved: found.iter().any(|one| one.allow_reserved),
            allow_empty_value: found.iter().any(|one| one.allow_empty_value),
            schema_id: any_of(found.iter().map(|one| one.schema_id), schemas),
            ..parameter.clone()
        })
    });
    merged.collect()
}

fn body(group: &[Operation], schemas: &mut SchemaSet) -> Option<Body> {
    let bodies: Vec<&Body> = group.iter().map(|one| one.body.as_ref()).collect::<Option<_>>()?;
    let required = bodies.iter().all(|body| body.required);
    let all: Vec<&MediaType> = bodies.iter().flat_map(|body| &body.content).collect();
    let ranges = |body: &Body| body.content.iter().map(|kind| kind.range.clone()).collect::<Vec<_>>();
    let are_alike = bodies.windows(2).all(|two| matches!(two, [one, other] if ranges(one) == ranges(other)));
    let is_open = bodies.iter().any(|body| body.content.is_empty());
    // A range with a wild card would be passed over for another operation's narrower one.
    if is_open || !are_alike && all.iter().any(|kind| kind.range.contains('*')) {
        return Some(Body { required, content: Vec::new() });
    }
    let mut content: Vec<MediaType> = Vec::new();
    for kind in &all {
        if content.iter().any(|known| known.range == kind.range) {
            continue;
        }
        let same: Vec<&&MediaType> = all.iter().filter(|other| other.range == kind.range).collect();
        let is_written_alike = same.iter().all(|other| other.encoding == kind.encoding);
        let schema_id =
            if is_written_alike { any_of(same.iter().map(|other| other.schema_id), schemas) } else { None };
        let encoding = if is_written_alike { kind.encoding.clone() } else { Default::default() };
        content.push(MediaType { range: kind.range.clone(), schema_id, encoding });
    }
    Some(Body { required, content })
}

/// What any of the operations describes. A status that two of them describe differently is left open.
fn responses(group: &[Operation]) -> Vec<Response> {
    // Of an operation that describes none nothing is known.
    if group.iter().any(|one| one.responses.is_empty()) {
        return Vec::new();
    }
    let mut all: Vec<Response> = Vec::new();
    for response in group.iter().flat_map(|one| &one.responses) {
        match all.iter_mut().find(|known| known.status == response.status) {
            Some(known) if known != response => {
                known.required_headers.retain(|name| response.required_headers.contains(name));
                known.content.clear();
            }
            Some(_) => {}
            None => all.push(response.clone()),
        }
    }
    all
}

/// A schema that accepts what any of these accepts. `None` accepts everything.
fn any_of(ids: impl Iterator<Item = Option<SchemaId>>, schemas: &mut SchemaSet) -> Option<SchemaId> {
    let mut ids: Vec<SchemaId> = ids.collect::<Option<_>>()?;
    ids.sort_unstable();
    ids.dedup();
    if let [only] = ids.as_slice() {
        return Some(*only);
    }
    let choices: Vec<Value> = ids.into_iter().map(|id| json!({ "$ref": reference_to(id) })).collect();
    schemas.push(json!({ "anyOf": choices }))
}
