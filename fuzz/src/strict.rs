//! Second readers, written from the grammars alone: plain, slow, and without a line in common with what they check.

mod forwarded;
mod json;
mod multipart;
mod request;

pub use forwarded::read_forwarded;
pub use json::{Json, read_json};
pub use multipart::{Part, read_multipart};
pub use request::{Request, read_request};
