//! Second readers, written from the grammars alone: plain, slow, and without a line in common with what they check.

mod forwarded;
mod request;

pub use forwarded::read_forwarded;
pub use request::{Request, read_request};
