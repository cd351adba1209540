//! How much of a message is held in memory before it is refused.

/// The bounds of a reader. A body's total size is not among them: bodies are handed on piece by piece, and the
/// caller counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Start line, fields and the closing empty line. 32 KiB: room for several large cookies or a token with
    /// many claims, and still small against thousands of connections.
    pub head_bytes: usize,
    /// The request target as sent. 8 KiB: RFC 9112 section 3 asks for at least 8,000.
    pub target_bytes: usize,
    /// Field lines in a head, and in a trailer section. 100: honest clients and proxies stay below 50.
    pub fields: usize,
    /// A chunk's size line with its extensions, without the line end. 256: extensions are almost never sent.
    pub chunk_line_bytes: usize,
    /// The trailer section with its closing empty line. 8 KiB: checksums and signatures fit.
    pub trailer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 32 * 1024,
            target_bytes: 8 * 1024,
            fields: 100,
            chunk_line_bytes: 256,
            trailer_bytes: 8 * 1024,
        }
    }
}
