//! What a partner can observe of Tollbar: codes, statuses, retry advice, the envelope, header names, ids.
//!
//! One table ([`Code::ALL`]) is the source of the enum, the reference page, the metric labels and the
//! responses that client programs are written against. This crate does no IO and knows no HTTP library.

mod code;
mod envelope;
mod environment;
pub mod headers;
pub mod reference;
mod request_id;
mod stage;

pub use code::{Code, Retry, Section};
pub use envelope::{error_body, success_body, version_of_base};
pub use environment::{Environment, UnknownEnvironment};
pub use request_id::RequestId;
pub use stage::Stage;
