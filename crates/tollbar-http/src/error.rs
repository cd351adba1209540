//! What can go wrong while reading and writing, by name.

use std::io;

use thiserror::Error;

/// Where in a message something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Before the first byte of the message.
    Start,
    /// In the start line or the fields.
    Head,
    /// In the body, its chunk framing or its trailers.
    Body,
}

/// Why a message could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The connection failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// The peer closed its side within a message, or (for an awaited response) before it.
    #[error("the connection was closed before the message was complete")]
    UnexpectedEof(Part),
    /// The peer sent what is not, or not unambiguously, HTTP/1.x. The connection cannot be used further: every
    /// later call gives the same answer.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The caller asked for the next head while the body was not read to its end.
    #[error("the body of the message before was not read to its end")]
    BodyUnread,
}

impl ReadError {
    /// Where in the message it happened; `None` when that cannot be told (a failed connection).
    pub fn part(&self) -> Option<Part> {
        match self {
            Self::UnexpectedEof(part) => Some(*part),
            Self::Malformed(malformed) => Some(malformed.part()),
            Self::BodyUnread => Some(Part::Body),
            Self::Io(_) => None,
        }
    }
}

/// Why a message could not be written. After any of these but `InvalidHead`, the connection is to be closed.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The connection failed.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// The head cannot be written as asked; nothing was sent.
    #[error("{0}")]
    InvalidHead(&'static str),
    /// More body than was declared, or a body where none is allowed; the excess was not sent.
    #[error("the body is longer than was declared")]
    BodyTooLong,
    /// The body ended before the declared length.
    #[error("the body is shorter than was declared")]
    BodyTooShort,
    /// A head while a message is under way, or a body without one.
    #[error("written out of order: a message is a head, its body, and its end")]
    OutOfOrder,
    /// An earlier write failed or was abandoned midway, so the state of the connection is unknown.
    #[error("an earlier write was not completed")]
    Broken,
}

/// What is wrong with a message. The text is fit to be shown to the peer: it quotes nothing that was sent but, at
/// most, one byte in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Error)]
pub enum Malformed {
    // The head as lines (RFC 9112 section 2.2).
    /// The head exceeds [`Limits::head_bytes`](crate::Limits).
    #[error("the head is larger than {limit_bytes} bytes")]
    HeadTooLarge {
        /// The limit that was exceeded.
        limit_bytes: usize,
    },
    /// More field lines than [`Limits::fields`](crate::Limits).
    #[error("the message has more than {limit} header fields")]
    TooManyFields {
        /// The limit that was exceeded.
        limit: usize,
    },
    /// A line feed without a carriage return before it.
    #[error("a line of the head ends in LF without CR")]
    BareLf,
    /// A carriage return without a line feed after it.
    #[error("the head has a CR that is not followed by LF")]
    BareCr,
    /// A control byte other than HTAB.
    #[error("the head has a control byte (0x{byte:02x})")]
    ControlByte {
        /// The byte.
        byte: u8,
    },
    /// A field line that begins with white space: obsolete line folding (RFC 9112 section 5.2).
    #[error("a header field is folded over several lines")]
    FoldedField,
    /// An empty line where the start line should be.
    #[error("the message begins with an empty line")]
    EmptyStartLine,

    /// White space before the start line.
    #[error("the message begins with white space")]
    LeadingSpace,

    // The request line (RFC 9112 section 3).
    /// Not `method SP target SP version`.
    #[error("the request line is not a method, a target and a version with single spaces between them")]
    RequestLine,
    /// The method is not a token.
    #[error("the method is not a valid token")]
    Method,
    /// The method is longer than 32 bytes.
    #[error("the method is longer than {limit_bytes} bytes")]
    MethodTooLong {
        /// The limit that was exceeded.
        limit_bytes: usize,
    },
    /// A version other than HTTP/1.0 and HTTP/1.1.
    #[error("the HTTP version is not HTTP/1.0 or HTTP/1.1")]
    Version,
    /// The target exceeds [`Limits::target_bytes`](crate::Limits).
    #[error("the request target is longer than {limit_bytes} bytes")]
    TargetTooLong {
        /// The limit that was exceeded.
        limit_bytes: usize,
    },
    /// Neither a path, nor an absolute URL, nor `*`.
    #[error("the request target does not begin with a slash")]
    TargetForm,
    /// A byte that has to be percent-encoded, or a fragment.
    #[error("the request target has a byte that must be percent-encoded (0x{byte:02x})")]
    TargetByte {
        /// The byte.
        byte: u8,
    },
    /// A `%` without two hexadecimal digits.
    #[error("the request target has a % that is not followed by two hexadecimal digits")]
    PercentEscape,
    /// `*` with a method other than OPTIONS.
    #[error("the request target * is allowed with OPTIONS only")]
    AsteriskTarget,
    /// CONNECT, which only a tunnelling proxy serves.
    #[error("the method CONNECT is not served here")]
    Connect,
    /// An absolute URL that is not http or https.
    #[error("the scheme of the request target is not http or https")]
    Scheme,
    /// `user@` in the authority.
    #[error("the request target has user information before the host")]
    Userinfo,

    // The status line (RFC 9112 section 4).
    /// Not `version SP status SP reason`, or a status outside of 100 to 599.
    #[error("the status line is invalid")]
    StatusLine,
    /// One interim response after the other.
    #[error("more than {limit} interim responses came before the final one")]
    TooManyInterim {
        /// The limit that was exceeded.
        limit: u8,
    },
    /// A 1xx response that announces a body, which would be read as the next response.
    #[error("an interim response announces a body")]
    InterimBody,

    // Field syntax (RFC 9112 section 5.1).
    /// A field line without a colon.
    #[error("a header field has no colon")]
    FieldWithoutColon,
    /// A field line that begins with a colon.
    #[error("a header field has an empty name")]
    EmptyFieldName,
    /// White space between name and colon.
    #[error("a header field name has a space before the colon")]
    SpaceBeforeColon,
    /// A name that is not a token.
    #[error("a header field name is not a valid token")]
    FieldName,
    /// A value with a byte that no field may have.
    #[error("a header field value has a byte that is not allowed")]
    FieldValue,

    // Host (RFC 9112 section 3.2).
    /// HTTP/1.1 without Host.
    #[error("the request has no Host field")]
    MissingHost,
    /// More than one Host field.
    #[error("the request has more than one Host field")]
    RepeatedHost,
    /// Host, or the target's authority, is not `host` or `host:port`.
    #[error("the host is not a valid host name or address with an optional port")]
    InvalidHost,
    /// The target names one authority and Host another.
    #[error("the Host field differs from the host in the request target")]
    HostMismatch,

    // Framing (RFC 9112 section 6).
    /// Both ways to frame a body at once.
    #[error("the message has both Content-Length and Transfer-Encoding")]
    LengthAndTransferEncoding,
    /// More than one Content-Length field, equal or not.
    #[error("the message has more than one Content-Length field")]
    RepeatedLength,
    /// Not plain decimal digits without leading zeros.
    #[error("Content-Length is not a plain decimal number")]
    InvalidLength,
    /// Beyond 2^63 - 1, where other parsers overflow.
    #[error("Content-Length is too large")]
    LengthOverflow,
    /// More than one Transfer-Encoding field.
    #[error("the message has more than one Transfer-Encoding field")]
    RepeatedTransferEncoding,
    /// Anything but `chunked`.
    #[error("Transfer-Encoding is not exactly chunked")]
    TransferEncoding,
    /// Transfer-Encoding in an HTTP/1.0 message.
    #[error("Transfer-Encoding is not allowed in HTTP/1.0")]
    TransferEncodingInHttp10,

    /// A field that some servers take for one of the two.
    #[error("a field name differs from Content-Length or Transfer-Encoding only by an underscore")]
    LookalikeField,

    // Other fields that steer the exchange.
    /// Connection is not a list of tokens (RFC 9110 section 7.6.1).
    #[error("Connection is not a list of tokens")]
    Connection,
    /// Expect is not a single `100-continue` (RFC 9110 section 10.1.1).
    #[error("Expect is not exactly 100-continue")]
    Expect,

    // The chunked coding (RFC 9112 section 7.1).
    /// A chunk size that is not plain hexadecimal digits.
    #[error("a chunk size is not a plain hexadecimal number")]
    ChunkSize,
    /// More than 16 digits, or beyond 2^63 - 1.
    #[error("a chunk size is too large")]
    ChunkSizeOverflow,
    /// A size line beyond [`Limits::chunk_line_bytes`](crate::Limits).
    #[error("a chunk's size line is longer than {limit_bytes} bytes")]
    ChunkLineTooLong {
        /// The limit that was exceeded.
        limit_bytes: usize,
    },
    /// A chunk extension that is not `name`, `name=token` or `name="quoted"`, or not ASCII.
    #[error("a chunk extension is invalid")]
    ChunkExtension,
    /// A size line that does not end in CR LF.
    #[error("a chunk's size line does not end in CR LF")]
    ChunkLineEnd,
    /// Chunk data that is not followed by CR LF.
    #[error("the data of a chunk is not followed by CR LF")]
    ChunkDataEnd,
    /// Far more framing than data.
    #[error("the chunks carry far more framing than data")]
    ChunkOverhead,
    /// Trailers beyond [`Limits::trailer_bytes`](crate::Limits).
    #[error("the trailer section is larger than {limit_bytes} bytes")]
    TrailerTooLarge {
        /// The limit that was exceeded.
        limit_bytes: usize,
    },
    /// Trailers that are not well-formed field lines.
    #[error("a trailer field is invalid")]
    Trailer,
    /// A trailer that frames, routes or authenticates (RFC 9110 section 6.5.1).
    #[error("a field is not allowed in the trailer section")]
    ForbiddenTrailer,
}

impl Malformed {
    /// Whether the head or the body is at fault.
    pub fn part(self) -> Part {
        match self {
            Self::ChunkSize
            | Self::ChunkSizeOverflow
            | Self::ChunkLineTooLong { .. }
            | Self::ChunkExtension
            | Self::ChunkLineEnd
            | Self::ChunkDataEnd
            | Self::ChunkOverhead
            | Self::TrailerTooLarge { .. }
            | Self::Trailer
            | Self::ForbiddenTrailer => Part::Body,
            _ => Part::Head,
        }
    }
}
