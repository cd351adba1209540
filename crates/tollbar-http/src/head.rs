//! What a head says, once it is known to be sound.

use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

pub(crate) mod authority;
pub(crate) mod fields;
pub(crate) mod framing;
pub(crate) mod http2;
pub(crate) mod lines;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod target;

use target::Target;

/// How a body is delimited (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body follows.
    None,
    /// Exactly so many bytes.
    Length(u64),
    /// The chunked coding.
    Chunked,
    /// Everything until the connection is closed. Responses only; a truncation cannot be noticed.
    UntilClose,
}

/// A request head that leaves no doubt about its target, its host and where its body ends.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestHead {
    /// A token of at most 32 bytes, case kept; never CONNECT.
    pub method: Method,
    /// The target, byte for byte.
    pub target: Target,
    /// HTTP/1.0, HTTP/1.1 or HTTP/2.
    pub version: Version,
    /// All fields, repeated ones in their order. The values share the memory that was read into.
    pub headers: HeaderMap,
    /// `None`, `Length` or `Chunked`.
    pub framing: Framing,
    /// The one authority that the request is for, `host` or `host:port`, in lower case: from an absolute target,
    /// else from Host. `None` only in HTTP/1.0.
    pub host: Option<String>,
    /// Whether the peer is ready for another exchange (RFC 9112 section 9.3).
    pub keep_alive: bool,
    /// Whether the peer waits for `100 Continue` before it sends the body; never without a body, and never in
    /// HTTP/1.0.
    pub expects_continue: bool,
    /// The one protocol that the peer offers to go on with (RFC 9110 section 7.8). `None` in HTTP/1.0 and HTTP/2,
    /// with a body, and where several are offered: an offer may always be left unanswered.
    pub upgrade: Option<HeaderValue>,
    /// Whether the peer takes trailers (RFC 9110 section 6.5.1): always in HTTP/2, in HTTP/1.1 where TE says so.
    pub accepts_trailers: bool,
}

/// A response head that leaves no doubt about where its body ends.
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseHead {
    /// 101, or 200 to 599.
    pub status: StatusCode,
    /// HTTP/1.0 or HTTP/1.1.
    pub version: Version,
    /// All fields, repeated ones in their order. The values share the memory that was read into.
    pub headers: HeaderMap,
    /// How the body that follows is delimited: `None` for an answer to HEAD and for 101, 204 and 304.
    pub framing: Framing,
    /// Content-Length as declared, also where no body follows (an answer to HEAD, 304).
    pub declared_length: Option<u64>,
    /// Whether the connection can carry another exchange once the body is read.
    pub keep_alive: bool,
    /// The protocol that 101 switches to, if it names exactly one.
    pub upgrade: Option<HeaderValue>,
}
