//! Parameters of Swagger 2.0: some stay parameters, one can be the body, and others are the fields of a form.

use serde_json::{Map, Value, json};

use super::super::Warnings;
use super::super::error::join;
use super::schemas::{Schemas, find};
use super::{content, members};

/// What says of a value what it must be: in 3.0 it stands in a schema.
const OF_VALUE: [&str; 19] = [
    "type",
    "format",
    "items",
    "default",
    "enum",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "multipleOf",
    "x-nullable",
    "example",
    "x-example",
];

const FORMS: [&str; 2] = ["application/x-www-form-urlencoded", "multipart/form-data"];

/// What a parameter becomes.
pub(super) enum Target {
    Listed(Value),
    Body { schema: Value, required: bool },
    Field(Field),
}

pub(super) struct Field {
    name: String,
    schema: Value,
    encoding: Option<Value>,
    required: bool,
    is_file: bool,
}

/// What a list of parameters becomes.
#[derive(Default)]
pub(super) struct Found {
    pub(super) listed: Option<Value>,
    body: Option<(Value, bool)>,
    fields: Vec<Field>,
}

impl Found {
    /// The body that an operation has, which may be described beside its path.
    pub(super) fn body_beside(
        &self,
        shared: &Found,
        consumes: &[String],
        schemas: &Schemas<'_>,
        pointer: &str,
        warnings: &mut Warnings,
    ) -> Option<Value> {
        let is_own = |field: &&Field| !self.fields.iter().any(|own| own.name == field.name);
        let fields: Vec<&Field> = shared.fields.iter().filter(is_own).chain(&self.fields).collect();
        if let Some((schema, required)) = self.body.as_ref().or(shared.body.as_ref()) {
            if !fields.is_empty() {
                warnings.add(pointer, "it has a body and form fields; the form fields are skipped");
            }
            return Some(json!({ "required": required, "content": content(schema, consumes, schemas) }));
        }
        if fields.is_empty() {
            return None;
        }
        let mut forms: Vec<String> = consumes
            .iter()
            .filter(|kind| FORMS.iter().any(|form| kind.to_ascii_lowercase().starts_with(form)))
            .cloned()
            .collect();
        if forms.is_empty() {
            let [plain, multipart] = FORMS;
            let form = if fields.iter().any(|field| field.is_file) { multipart } else { plain };
            forms.push(form.to_owned());
        }
        let named = |field: &&Field| (field.name.clone(), field.schema.clone());
        let properties: Map<String, Value> = fields.iter().map(named).collect();
        let required: Vec<&str> =
            fields.iter().filter(|field| field.required).map(|field| field.name.as_str()).collect();
        let encoding = fields.iter().filter_map(|field| Some((field.name.clone(), field.encoding.clone()?)));
        let encoding: Map<String, Value> = encoding.collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        if let Some(members) = schema.as_object_mut().filter(|_| !required.is_empty()) {
            members.insert("required".to_owned(), json!(required));
        }
        let form = json!({ "schema": schema, "encoding": encoding });
        if !schemas.may_write(&form, forms.len()) {
            return None;
        }
        let content: Map<String, Value> = forms.into_iter().map(|kind| (kind, form.clone())).collect();
        Some(json!({ "required": !required.is_empty(), "content": content }))
    }
}

pub(super) fn list<'o>(
    list: Option<&'o Value>,
    old: &'o Value,
    schemas: &Schemas<'o>,
    pointer: &str,
    warnings: &mut Warnings,
) -> Found {
    let mut found = Found::default();
    let Some(list) = list else { return found };
    let Value::Array(items) = list else {
        // The reader says what is wrong with it.
        return Found { listed: Some(list.clone()), ..found };
    };
    let mut listed = Vec::new();
    for (index, written) in items.iter().enumerate() {
        let place = join(pointer, index);
        let target = written.get("$ref").and_then(Value::as_str);
        let resolved = target.map_or(Some(written), |target| find(old, target));
        let Some(parameter) = resolved else {
            listed.push(written.clone());
            continue;
        };
        match convert(parameter, schemas, &place, warnings) {
            Target::Body { schema, required } => found.body = Some((schema, required)),
            Target::Field(field) => found.fields.push(field),
            Target::Listed(new) => {
                let is_named = target.filter(|target| target.strip_prefix("#/parameters/").is_some());
                listed.push(is_named.map_or(new, |target| json!({ "$ref": schemas.reference(target) })));
            }
        }
    }
    found.listed = Some(Value::Array(listed));
    found
}

pub(super) fn convert(old: &Value, schemas: &Schemas<'_>, pointer: &str, warnings: &mut Warnings) -> Target {
    let Value::Object(all) = old else { return Target::Listed(old.clone()) };
    let text = |name: &str| old.get(name).and_then(Value::as_str);
    let required = old.get("required").and_then(Value::as_bool).unwrap_or(false);
    match text("in") {
        Some("body") => {
            let schema = old.get("schema").map_or(json!({}), |schema| schemas.convert(schema));
            Target::Body { schema, required }
        }
        Some("formData") => {
            let (schema, style) = value_of(old, "query", schemas, pointer, warnings);
            Target::Field(Field {
                name: text("name").unwrap_or_default().to_owned(),
                schema,
                encoding: style.map(|(style, explode)| json!({ "style": style, "explode": explode })),
                required,
                is_file: text("type") == Some("file"),
            })
        }
        // Some write a 3.0 parameter into a 2.0 document.
        place => {
            let kept = all.iter().filter(|(name, _)| {
                !OF_VALUE.contains(&name.as_str()) && !["collectionFormat", "schema"].contains(&name.as_str())
            });
            let mut new: Map<String, Value> =
                kept.map(|(name, value)| (name.clone(), value.clone())).collect();
            let (schema, style) = match old.get("schema") {
                Some(schema) => (schemas.convert(schema), None),
                None => value_of(old, place.unwrap_or("query"), schemas, pointer, warnings),
            };
            new.insert("schema".to_owned(), schema);
            if !schemas.may_write(old, 1) {
                return Target::Listed(Value::Null);
            }
            if let Some((style, explode)) = style {
                new.insert("style".to_owned(), json!(style));
                new.insert("explode".to_owned(), json!(explode));
            }
            Target::Listed(Value::Object(new))
        }
    }
}

/// A header of a response.
pub(super) fn header(old: &Value, schemas: &Schemas<'_>) -> Value {
    let (schema, _) = value_of(old, "header", schemas, "", &mut Warnings::default());
    match old.get("description") {
        Some(description) => json!({ "description": description, "schema": schema }),
        None => json!({ "schema": schema }),
    }
}

/// The schema of a value, and how lists are written.
fn value_of(
    old: &Value,
    place: &str,
    schemas: &Schemas<'_>,
    pointer: &str,
    warnings: &mut Warnings,
) -> (Value, Option<(&'static str, bool)>) {
    let kept = members(Some(old)).filter(|(name, _)| OF_VALUE.contains(name) && !name.ends_with("example"));
    let kept: Map<String, Value> = kept.map(|(name, value)| (name.to_owned(), value.clone())).collect();
    let mut schema = schemas.convert(&Value::Object(kept));
    let Some(items) = schema.get("items").filter(|_| schema.get("type") == Some(&json!("array"))) else {
        return (schema, None);
    };
    if items.get("type") == Some(&json!("array")) {
        warnings.add(pointer, "unenforced: lists within lists (OpenAPI 3 cannot say how they are written)");
        schema = json!({});
        return (schema, None);
    }
    let format = old.get("collectionFormat").and_then(Value::as_str).unwrap_or("csv");
    let usual = if place == "query" { "form" } else { "simple" };
    match (format, place) {
        ("csv", _) => (schema, Some((usual, false))),
        ("multi", "query") => (schema, Some(("form", true))),
        ("ssv", "query") => (schema, Some(("spaceDelimited", false))),
        ("pipes", "query") => (schema, Some(("pipeDelimited", false))),
        _ => {
            let message =
                format!("unenforced: the collectionFormat \"{format}\" here (OpenAPI 3 has nothing like it)");
            warnings.add(pointer, &message);
            (json!({}), None)
        }
    }
}
