//! Loading a document: from bytes to operations, refusing what could be misread.

mod body;
mod error;
mod files;
mod identifiers;
mod merge;
mod operations;
mod parameters;
mod reference;
mod responses;
mod schemas;
mod security;
mod servers;
mod swagger;
mod tree;

use serde_json::{Map, Value};

use crate::operation::Operation;
use crate::schema::SchemaSet;
pub use error::LoadError;
pub use files::{Bundle, BundleError, DOCUMENT_FILE_LIMIT};
use identifiers::Identifiers;
pub use operations::DOCUMENT_OPERATION_LIMIT;
use reference::{Allowance, Root};
pub use servers::Server;
pub use tree::DOCUMENT_NODE_LIMIT;

/// The longest document that is read.
pub const DOCUMENT_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// How deep objects and lists may stand in each other: some three times what the largest public documents need,
/// and little enough for the parsers, which recurse, on a thread with a stack of 2 MiB.
pub const DOCUMENT_DEPTH_LIMIT: usize = 64;

/// After so many warnings the rest is counted, not told.
const WARNING_LIMIT: usize = 200;

/// How much of a document is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reading {
    /// What answers are described as, too: the larger part of most documents.
    pub responses: bool,
}

/// An OpenAPI 3.0 or 3.1 document, or a Swagger 2.0 one that was read as such.
#[derive(Debug, Clone)]
pub struct Document {
    title: String,
    version: String,
    servers: Vec<Server>,
    operations: Vec<Operation>,
    schemas: SchemaSet,
    warnings: Vec<String>,
}

impl Document {
    /// Reads what a document, JSON or YAML, says of requests. Nothing that it refers to is fetched.
    pub fn parse(text: &[u8]) -> Result<Document, LoadError> {
        Document::parse_with(text, Reading::default())
    }

    /// Reads so much of a document.
    pub fn parse_with(text: &[u8], reading: Reading) -> Result<Document, LoadError> {
        let read = tree::parse(text).and_then(|value| {
            let Some(root) = value.as_object() else {
                return Err(LoadError::new("an OpenAPI document must be an object").at(""));
            };
            let is_swagger = check_version(root)?;
            let identifiers = Identifiers::read(&value)?;
            let mut warnings = Warnings::default();
            if !is_swagger {
                return Document::read(&value, &identifiers, reading, warnings);
            }
            warnings.origin = Some(swagger::origin);
            let converted = swagger::convert(&value, &mut warnings)?;
            Document::read(&converted, &Identifiers::default(), reading, warnings)
                .map_err(|error| error.at_origin(swagger::origin))
        });
        read.map_err(|error| error.placed_in(text))
    }

    fn read(
        value: &Value,
        identifiers: &Identifiers<'_>,
        reading: Reading,
        mut warnings: Warnings,
    ) -> Result<Document, LoadError> {
        if let Some(dialect) = value.get("jsonSchemaDialect").filter(|dialect| !is_known_dialect(dialect)) {
            let message = format!("the dialect \"{}\" is read as JSON Schema 2020-12", scalar(dialect));
            warnings.add("/jsonSchemaDialect", &message);
        }
        let allowance = Allowance::default();
        let root = Root::new(value, &allowance, identifiers);
        let (operations, schemas) = operations::read(root, reading, &mut warnings)?;
        let info = value.get("info");
        Ok(Document {
            title: text_of(info, "title"),
            version: text_of(info, "version"),
            servers: servers::read(value.get("servers")),
            operations,
            schemas,
            warnings: warnings.finish(),
        })
    }

    /// A document as it is written, JSON or YAML, as one tree. Nothing of it has been judged.
    pub fn read_tree(text: &[u8]) -> Result<Value, LoadError> {
        tree::parse(text)
    }

    /// `info.title`, else empty.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// `info.version`, the version of the API that is described, else empty.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The servers of the document, with their variables' defaults put in.
    pub fn servers(&self) -> Vec<Server> {
        self.servers.clone()
    }

    /// The path of the first server's URL, without a slash at its end. `None` when there is none, or only `/`.
    pub fn server_base_path(&self) -> Option<String> {
        self.servers.first().and_then(Server::base_path)
    }

    /// Every method of every path, in the document's order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The schemas that requests to the operations use, and answers where those were asked for.
    pub fn schemas(&self) -> &SchemaSet {
        &self.schemas
    }

    /// What was skipped or looks wrong, each naming where.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

/// What was noticed on the way.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    told: Vec<String>,
    untold: usize,
    /// Where a place was before the document was converted.
    origin: Option<fn(&str) -> String>,
}

impl Warnings {
    pub(crate) fn add(&mut self, pointer: &str, message: &str) {
        if self.told.len() < WARNING_LIMIT {
            let pointer = self.origin.map_or_else(|| pointer.to_owned(), |origin| origin(pointer));
            self.told.push(LoadError::new(message).at(pointer).to_string());
        } else {
            self.untold += 1;
        }
    }

    fn finish(mut self) -> Vec<String> {
        if self.untold > 0 {
            self.told.push(format!("and {} more warnings", self.untold));
        }
        self.told
    }
}

/// Whether it is Swagger 2.0.
fn check_version(root: &Map<String, Value>) -> Result<bool, LoadError> {
    if let Some(swagger) = root.get("swagger") {
        let version = scalar(swagger);
        if version == "2.0" || version == "2" {
            return Ok(true);
        }
        let message =
            format!("this is a Swagger {version} document; convert it to Swagger 2.0 or OpenAPI 3 first");
        return Err(LoadError::new(message).at("/swagger"));
    }
    let Some(version) = root.get("openapi") else {
        let message =
            "this is no OpenAPI document: it has no \"openapi\" member, such as \"openapi\": \"3.1.0\"";
        return Err(LoadError::new(message).at(""));
    };
    let version = scalar(version);
    let known = ["3.0", "3.1"].iter().any(|known| {
        version.strip_prefix(known).is_some_and(|patch| patch.is_empty() || patch.starts_with(['.', '-']))
    });
    if known {
        return Ok(false);
    }
    Err(LoadError::new(format!("OpenAPI version {version} is not supported; 3.0 and 3.1 are")).at("/openapi"))
}

fn is_known_dialect(dialect: &Value) -> bool {
    let known =
        ["https://spec.openapis.org/oas/3.1/dialect/base", "https://json-schema.org/draft/2020-12/schema"];
    dialect.as_str().is_some_and(|dialect| known.contains(&dialect.trim_end_matches('#')))
}

fn text_of(object: Option<&Value>, key: &str) -> String {
    object.and_then(|object| object.get(key)).map(scalar).unwrap_or_default()
}

/// YAML makes numbers of unquoted versions; they are taken as they print.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

#[cfg(test)]
mod tests;
