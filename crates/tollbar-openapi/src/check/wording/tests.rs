//! Each rule and what is said of it, as partners read it.

use serde_json::{Value, json};

use super::*;
use crate::Document;
use crate::operation::Location;
use crate::schema::SchemaSet;

mod forms;
mod places;
mod property;
mod rules;
mod secrets;
mod work;

/// Words of our own trade, which say nothing to those who wrote a request.
const INTERNAL_WORDS: [&str; 18] = [
    "schema",
    "$ref",
    "$defs",
    "#/",
    "oneOf",
    "anyOf",
    "allOf",
    "additional",
    "unevaluated",
    "keyword",
    "propertyNames",
    "discriminator",
    "instance",
    "pointer",
    "regex",
    "(?",
    "subschema",
    "null value",
];

/// A schema among the components of a document, with others that it can refer to.
pub(super) struct Described {
    validators: Validators,
    id: SchemaId,
}

impl Described {
    pub(super) fn new(schema: &Value, components: &Value) -> Described {
        let document = json!({
            "openapi": "3.1.0",
            "components": { "schemas": components },
            "paths": { "/x": { "post": { "requestBody": { "content": { "application/json": { "schema": schema } } } } } },
        });
        let document = Document::parse(document.to_string().as_bytes()).unwrap();
        let id = document.operations()[0].body.as_ref().unwrap().content[0].schema_id.unwrap();
        Described { validators: Validators::compile(document.schemas().clone()).unwrap(), id }
    }

    /// From schemas that refer to each other by number; the first is meant.
    pub(super) fn of_set(schemas: Vec<Value>) -> Described {
        Described { validators: Validators::compile(SchemaSet::new(schemas)).unwrap(), id: SchemaId(0) }
    }

    pub(super) fn is_valid(&self, value: &Value) -> bool {
        self.validators.hold(self.id, value.clone()).is_valid()
    }

    pub(super) fn told(&self, value: &Value, subject: &Subject<'_>) -> String {
        let mut faults = Faults::default();
        check(&self.validators, self.id, value.clone(), subject, &mut faults);
        assert!(faults.iter().count() <= 5);
        for fault in faults.iter() {
            assert!(fault.to_string().chars().count() <= 200, "{fault}");
        }
        let told = faults.to_string();
        assert!(told.chars().count() <= 810 && !told.chars().any(char::is_control), "{told}");
        assert_eq!(told.is_empty(), self.is_valid(value), "{told} {value}");
        told
    }
}

/// What is said of a JSON body. Nothing in it may be a word of our trade.
pub(super) fn of_body(schema: &Value, value: &Value) -> String {
    plain(Described::new(schema, &json!({})).told(value, &Subject::Body))
}

pub(super) fn plain(told: String) -> String {
    for word in INTERNAL_WORDS {
        assert!(!told.contains(word), "{word}: {told}");
    }
    told
}

/// What is said of a query parameter, when the request gives it this value.
pub(super) fn of_query(schema: &Value, value: &Value) -> String {
    let parameter = parameter("q", Location::Query, Style::Form, false);
    plain(Described::new(schema, &json!({})).told(value, &Subject::Parameter(&parameter)))
}

pub(super) fn parameter(name: &str, location: Location, style: Style, explode: bool) -> Parameter {
    Parameter {
        name: name.to_owned(),
        location,
        required: false,
        deprecated: false,
        style,
        explode,
        allow_reserved: false,
        allow_empty_value: false,
        schema_id: None,
        media_type: None,
    }
}
