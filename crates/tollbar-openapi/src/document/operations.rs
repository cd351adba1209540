//! `paths`: every method of every path.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};

use super::parameters;
use super::reference::{Place, Root, weight};
use super::schemas::Collector;
use super::{LoadError, Reading, Warnings, body, merge, responses, security};
use crate::operation::{Operation, SecurityRequirement};
use crate::schema::SchemaSet;
use crate::template::Template;

/// How many operations a document may have.
pub const DOCUMENT_OPERATION_LIMIT: usize = 50_000;

const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// What else a path may have.
const OTHER_MEMBERS: [&str; 5] = ["$ref", "summary", "description", "servers", "parameters"];

pub(super) fn read(
    root: Root<'_>,
    reading: Reading,
    warnings: &mut Warnings,
) -> Result<(Vec<Operation>, SchemaSet), LoadError> {
    let security = security::read(root, root.member("security").as_ref())?;
    let Some(paths) = root.member("paths").filter(|paths| !paths.value.is_null()) else {
        let message = match root.member("webhooks") {
            Some(_) => "the document describes webhooks only, and no operation",
            None => "the document has no paths, and so no operation",
        };
        warnings.add("", message);
        return Ok((Vec::new(), SchemaSet::default()));
    };
    // The specification has no reference here; trees of files do.
    let paths = root.resolve(paths)?;
    object(&paths, "paths must be an object")?;
    let security_bytes = root.member("security").map_or(0, |place| weight(place.value));
    let (shapes, twins, names) = (HashMap::new(), Vec::new(), HashSet::new());
    let schemas = Collector::new(root);
    let mut reader =
        Reader { root, reading, security, security_bytes, warnings, schemas, shapes, twins, names };
    let mut operations = Vec::new();
    for (path, item) in paths.members().filter(|(path, _)| !path.starts_with("x-")) {
        reader.read_path(path, &item, &mut operations)?;
    }
    check_twins(&reader.twins)?;
    let mut schemas = reader.schemas.finish(warnings)?;
    let operations = merge::same_endpoints(operations, &mut schemas, warnings);
    if operations.is_empty() {
        warnings.add("/paths", "there is no operation");
    }
    Ok((operations, schemas))
}

struct Reader<'d, 'w> {
    root: Root<'d>,
    reading: Reading,
    security: Option<Vec<SecurityRequirement>>,
    security_bytes: usize,
    warnings: &'w mut Warnings,
    schemas: Collector<'d>,
    /// The shapes of the templates so far, by method.
    shapes: HashMap<(String, String), String>,
    /// Operations that match the same requests as an earlier one: what is wrong with them.
    twins: Vec<LoadError>,
    names: HashSet<String>,
}

impl<'d> Reader<'d, '_> {
    fn read_path(
        &mut self,
        path: &str,
        item: &Place<'d>,
        operations: &mut Vec<Operation>,
    ) -> Result<(), LoadError> {
        if item.value.is_null() {
            self.warnings.add(&item.pointer, "skipped: there is nothing in it");
            return Ok(());
        }
        object(item, "a path must hold an object")?;
        let Some((path, template)) = self.read_template(path, item) else {
            return Ok(());
        };
        let path = path.as_str();
        // What stands beside a reference counts before what it refers to.
        let target = self.root.resolve(item.clone())?;
        object(&target, "a path must hold an object")?;
        let member = |name: &str| item.member(name).or_else(|| target.member(name));
        self.note_unknown(item);
        if member("servers").is_some() {
            self.warnings.add(&item.pointer, "servers of a single path are not used");
        }
        let listed = member("parameters");
        let shared = parameters::read_list(self.root, listed.as_ref(), &mut self.schemas, self.warnings)?;
        for method in METHODS {
            if let Some(place) = member(method) {
                // The specification has no references here; some documents do.
                let place = self.root.resolve(place)?;
                if operations.len() == DOCUMENT_OPERATION_LIMIT {
                    return Err(place
                        .error(format!("the document has more than {DOCUMENT_OPERATION_LIMIT} operations")));
                }
                self.note_shape(&template, method, &place, path);
                let operation = self.read_operation(path, &template, method, &place, &shared)?;
                self.note_name(&operation, &place);
                operations.push(operation);
            }
        }
        Ok(())
    }

    /// The path as requests have it. What some documents put behind it to tell operations apart (`/#Action=Stop`)
    /// is no part of it.
    fn read_template(&mut self, path: &str, item: &Place<'d>) -> Option<(String, Template)> {
        let mut route = path.split(['?', '#']).next().unwrap_or_default().to_owned();
        if !route.starts_with('/') {
            route.insert(0, '/');
            self.warnings.add(&item.pointer, &format!("a path must start with \"/\"; it is read as {route}"));
        }
        match Template::parse(&route) {
            Ok(template) => Some((route, template)),
            Err(reason) => {
                self.warnings.add(&item.pointer, &format!("skipped: {reason}"));
                None
            }
        }
    }

    fn read_operation(
        &mut self,
        path: &str,
        template: &Template,
        method: &str,
        place: &Place<'d>,
        shared: &parameters::List,
    ) -> Result<Operation, LoadError> {
        let nothing = Map::new();
        let members = match place.value {
            Value::Null => &nothing,
            _ => object(place, "an operation must be an object")?,
        };
        if members.contains_key("servers") {
            self.warnings.add(&place.pointer, "servers of a single operation are not used");
        }
        let listed = place.member("parameters");
        let own = parameters::read_list(self.root, listed.as_ref(), &mut self.schemas, self.warnings)?;
        let security = security::read(self.root, place.member("security").as_ref())?;
        let body = place.member("requestBody");
        let body =
            body.map(|body| body::read(self.root, body, &mut self.schemas, self.warnings)).transpose()?;
        let responses = place.member("responses").filter(|_| self.reading.responses);
        let responses = responses
            .map(|responses| responses::read(self.root, responses, &mut self.schemas, self.warnings))
            .transpose()?;
        self.take_operation(members, place)?;
        let flag = |value: Option<&Value>| value.and_then(Value::as_bool).unwrap_or(false);
        Ok(Operation {
            method: method.to_ascii_uppercase(),
            path: path.to_owned(),
            operation_id: text(members, "operationId"),
            summary: text(members, "summary"),
            tags: texts(members.get("tags")),
            deprecated: flag(members.get("deprecated")),
            security: security.or_else(|| self.security.clone()),
            parameters: parameters::combine(shared, own, template, &place.pointer, self.warnings),
            body,
            responses: responses.unwrap_or_default(),
            extensions: extensions(members),
        })
    }

    /// A path can be referred to from many; what its operations keep is kept many times.
    fn take_operation(&self, members: &Map<String, Value>, place: &Place<'_>) -> Result<(), LoadError> {
        let kept = |name: &str| name.starts_with("x-") || ["operationId", "summary", "tags"].contains(&name);
        let own: usize = members.iter().filter(|(name, _)| kept(name)).map(|(_, value)| weight(value)).sum();
        let inherited = if members.contains_key("security") { 0 } else { self.security_bytes };
        self.root.take(own + inherited, place)
    }

    /// A method in capitals is no method, and would be missed in silence.
    fn note_unknown(&mut self, item: &Place<'_>) {
        let names = item.value.as_object().into_iter().flat_map(Map::keys);
        let is_known = |name: &&String| {
            METHODS.contains(&name.as_str())
                || OTHER_MEMBERS.contains(&name.as_str())
                || name.starts_with("x-")
        };
        for name in names.filter(|name| !is_known(name)) {
            self.warnings.add(
                &item.pointer,
                &format!("skipped: \"{name}\" is not a method (methods are written in small letters)"),
            );
        }
    }

    fn note_name(&mut self, operation: &Operation, place: &Place<'_>) {
        let Some(name) = &operation.operation_id else { return };
        if !self.names.insert(name.clone()) {
            self.warnings.add(&place.pointer, &format!("the operationId \"{name}\" is used more than once"));
        }
    }

    /// Two operations on one path are one endpoint; on two paths of the same shape they cannot be told apart.
    fn note_shape(&mut self, template: &Template, method: &str, place: &Place<'_>, path: &str) {
        let key = (method.to_owned(), template.shape());
        let earlier = self.shapes.entry(key).or_insert_with(|| path.to_owned());
        if earlier != path {
            let method = method.to_ascii_uppercase();
            let message = format!("{method} {path} matches the same requests as {method} {earlier}");
            self.twins.push(place.error(message));
        }
    }
}

fn check_twins(twins: &[LoadError]) -> Result<(), LoadError> {
    let Some(first) = twins.first() else {
        return Ok(());
    };
    let others = match twins.len() - 1 {
        0 => String::new(),
        others => format!(" (and {others} more such pairs)"),
    };
    let message = format!("{}; only one of them can stay{others}", first.message());
    Err(LoadError::new(message).at(first.pointer().unwrap_or_default()))
}

fn object<'d>(place: &Place<'d>, message: &str) -> Result<&'d Map<String, Value>, LoadError> {
    place.value.as_object().ok_or_else(|| place.error(message))
}

fn text(members: &Map<String, Value>, name: &str) -> Option<String> {
    members.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn texts(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn extensions(members: &Map<String, Value>) -> BTreeMap<String, Value> {
    let own = members.iter().filter(|(name, _)| name.starts_with("x-"));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}
