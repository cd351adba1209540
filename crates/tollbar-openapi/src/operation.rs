//! What a document says about one method on one path, without the document: plain data that can be stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema::SchemaId;

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
    /// The request body, where one is described.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
    /// What answers are described as, where that was asked for ([`crate::Reading`]). Empty: anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub responses: Vec<Response>,
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
    /// What the value is held against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_id: Option<SchemaId>,
    /// The media type of the value, for [`Style::Content`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
}

/// What a request may carry as its body.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// Whether it must be there.
    #[serde(default)]
    pub required: bool,
    /// Its forms, in the document's order. Empty: anything.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<MediaType>,
}

/// One form of a body.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct MediaType {
    /// The media type or range, as the document writes it: `application/json`, `image/*`, `*/*`.
    pub range: String,
    /// What the body is held against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_id: Option<SchemaId>,
    /// How the members of a form are written, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub encoding: BTreeMap<String, Encoding>,
}

/// What answers with some status are.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub struct Response {
    /// Which: `200`, `2XX` or `default`.
    pub status: String,
    /// The headers that must be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_headers: Vec<String>,
    /// The forms of the body, in the document's order. Empty: anything, or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content: Vec<MediaType>,
}

/// How a member of a form is written, where the document says so.
#[derive(Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
pub struct Encoding {
    /// The media types that a part may have. Empty: what its schema suggests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub content_types: Vec<String>,
    /// `style`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
    /// `explode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explode: Option<bool>,
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
