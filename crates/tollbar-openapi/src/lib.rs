//! OpenAPI 3.0 and 3.1 documents: load, match a path, check a request, name what is wrong.
//!
//! ```text
//! bytes --Document::parse--> operations --Router::build--> Router --find--> operation --Checks::check--> Faults
//! ```
//!
//! What it does not know: the network (nothing is ever fetched), credentials, and who is asking.

mod check;
mod decimal;
mod difference;
mod document;
mod operation;
mod router;
mod schema;
mod template;

pub use check::{
    BodyGiven, BodyNeed, Checks, FAULT_LIMIT, Fault, Faults, JSON_DEPTH_LIMIT, JSON_VALUE_LIMIT,
    QUERY_PAIR_LIMIT, RequestParts, ResponseNeed, find_unread_media_types,
};
pub use difference::{DIFFERENCE_LIMIT, Difference, Differences, Effect, Pair, pair};
pub use document::{
    Bundle, BundleError, DOCUMENT_DEPTH_LIMIT, DOCUMENT_FILE_LIMIT, DOCUMENT_LIMIT_BYTES,
    DOCUMENT_NODE_LIMIT, DOCUMENT_OPERATION_LIMIT, Document, LoadError, Reading, Server,
};
pub use operation::{
    Body, Encoding, Location, MediaType, Operation, Parameter, Response, SecurityRequirement, Style,
};
pub use router::{Find, Match, RouteConflict, Router};
pub use schema::{CompileError, SchemaId, SchemaSet};
pub use template::{TEMPLATE_SEGMENT_LIMIT, is_same_template};
