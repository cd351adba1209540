//! What a document says about one method on one path, without the document: plain data that can be stored.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

/// One way to satisfy the security of an operation: every named scheme, each with its scopes. Empty: anonymous.
pub type SecurityRequirement = Vec<(String, Vec<String>)>;

/// One method on one path template.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Operation {
    /// The method, in upper case.
    pub method: String,
    /// The template, as the document writes it.
    pub path: String,
    /// `operationId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<String>,
    /// `summary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// `tags`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// `deprecated`.
    #[serde(default)]
    pub deprecated: bool,
    /// The security in effect: the operation's, else the document's. `Some` of an empty list: none is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<Vec<SecurityRequirement>>,
    /// The parameters in effect: the path's, overridden by the operation's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// Whether a request body is described.
    #[serde(default)]
    pub has_body: bool,
    /// Whether that body must be there.
    #[serde(default)]
    pub body_required: bool,
    /// The operation's own `x-` members.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, Value>,
}

/// One parameter of an operation.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name, as the document writes it.
    pub name: String,
    /// Where it stands in a request.
    pub location: Location,
    /// Whether it must be given. Always so in a path.
    #[serde(default)]
    pub required: bool,
    /// Whether it is on its way out.
    #[serde(default)]
    pub deprecated: bool,
    /// How its value is written.
    pub style: Style,
    /// Whether each item of a list is written by itself.
    pub explode: bool,
    /// `allowReserved`; kept for those who write such a parameter, reading is the same.
    #[serde(default)]
    pub allow_reserved: bool,
    /// Whether `name=` is fine whatever the schema says.
    #[serde(default)]
    pub allow_empty_value: bool,
    /// What is checked of the value.
    #[serde(default)]
    pub schema: SimpleSchema,
}

/// Where a parameter stands.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    /// In the path, by the name in the template.
    Path,
    /// In the query.
    Query,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
}

/// How a value is written.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    /// `a=1&a=2`, or `a=1,2`: queries and cookies.
    Form,
    /// `1,2`: paths and headers.
    Simple,
    /// `;a=1`: paths.
    Matrix,
    /// `.1.2`: paths.
    Label,
    /// `a=1%202`: queries.
    SpaceDelimited,
    /// `a=1|2`: queries.
    PipeDelimited,
    /// `a[b]=1`: queries.
    DeepObject,
    /// Not a style but `content`: a whole media type as the value.
    Content,
}

/// The part of a schema that a parameter is checked against. What is absent does not constrain.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct SimpleSchema {
    /// The types that the value may have. Empty: any.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub types: BTreeSet<SimpleType>,
    /// `format`; only `int32` and `int64` constrain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// `enum` (or `const`, as a list of one).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enumeration: Option<Vec<Value>>,
    /// The lower bound of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Bound>,
    /// The upper bound of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum: Option<Bound>,
    /// `minLength`, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u64>,
    /// `maxLength`, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u64>,
    /// What each item of a list is checked against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Box<SimpleSchema>>,
}

/// A type of JSON Schema.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum SimpleType {
    String,
    Integer,
    Number,
    Boolean,
    Array,
    Object,
    Null,
}

/// One end of a range of numbers.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Bound {
    /// Where the range ends.
    pub value: Number,
    /// Whether that value itself is outside.
    #[serde(default)]
    pub exclusive: bool,
}
