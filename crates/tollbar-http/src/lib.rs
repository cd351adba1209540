//! A strict HTTP/1.1 exchange: bytes to messages and back, with framing and limits (RFC 9112).
//!
//! One [`MessageReader`] and one [`MessageWriter`] serve both sides: a server reads request heads and writes
//! response heads, a client does the reverse. They are separate objects over the two halves of a connection, so
//! that a body can be read while another is written.
//!
//! Where RFC 9112 lets a recipient choose between repairing a message and refusing it, this crate refuses: two
//! parties that repair differently disagree about where a message ends, and that is how a request is hidden
//! inside another. What is refused has a name, [`Malformed`], with a text that can be shown to the peer.
//!
//! What this crate does not know: URLs beyond their allowed bytes (dot segments, doubled slashes and `%00` are
//! left as they came), what any field means apart from those that frame a message, time-outs, TLS, the frames of
//! HTTP/2 (whose request heads it reads as it does its own).
//!
//! # Reuse of a connection
//! A connection carries another message only if the head that was read said so (`keep_alive`), its body was read
//! to the end ([`MessageReader::body_is_finished`]), the own message was finished and did not announce a close
//! ([`MessageWriter::keeps_open`]), and, towards a server, nothing unasked has come since
//! ([`MessageReader::is_quiet`]).

mod error;
mod head;
mod limits;
mod proxy_header;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub use error::{Malformed, Part, ReadError, WriteError};
pub use head::http2::request_head_from_http2;
pub use head::target::{Target, TargetForm};
pub use head::{Framing, RequestHead, ResponseHead};
pub use limits::Limits;
pub use proxy_header::{PROXY_HEADER_BYTES_MAX, ParsedProxyHeader, ProxyHeaderFault, parse_proxy_header};
pub use reader::MessageReader;
pub use reader::chunked::is_forbidden_trailer;
pub use writer::MessageWriter;
