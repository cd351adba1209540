//! OpenAPI 3.0 and 3.1 documents: load, match a path, check a request, name what is wrong.
//!
//! ```text
//! bytes --Document::parse--> operations --Router::build--> Router --find--> operation --check_parameters--> Faults
//! ```
//!
//! What it does not know: the network (nothing is ever fetched), bodies, credentials, and who is asking.

mod check;
mod decimal;
mod document;
mod operation;
mod router;
mod template;

pub use check::{FAULT_LIMIT, Fault, Faults, QUERY_PAIR_LIMIT, RequestParts, check_parameters};
pub use document::{
    DOCUMENT_DEPTH_LIMIT, DOCUMENT_LIMIT_BYTES, DOCUMENT_NODE_LIMIT, DOCUMENT_OPERATION_LIMIT, Document,
    LoadError, Server,
};
pub use operation::{
    Bound, Location, Operation, Parameter, SecurityRequirement, SimpleSchema, SimpleType, Style,
};
pub use router::{Find, Match, RouteConflict, Router};
pub use template::TEMPLATE_SEGMENT_LIMIT;
