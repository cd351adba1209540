//! What requests and responses have in common.

use http::HeaderMap;
use tollbar_http::Limits;

/// Pieces that mean something to a reader of HTTP/1.1.
pub(super) const WORDS: &[&[u8]] = &[
    b"\r\n",
    b"\r",
    b"\n",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"=",
    b"\"",
    b"\\",
    b"/",
    b"?",
    b"*",
    b"%",
    b"0",
    b"1",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"GET ",
    b"POST ",
    b"OPTIONS * ",
    b"CONNECT ",
    b"http://a",
    b"https://",
    b"Host: a\r\n",
    b"Content-Length: ",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"chunked",
    b", chunked",
    b", identity",
    b"identity",
    b"Connection: close\r\n",
    b"keep-alive",
    b"Expect: 100-continue\r\n",
    b"Upgrade: x\r\n",
    b"0\r\n\r\n",
    b"1\r\na\r\n",
    b";a=\"b\"",
    b"ffffffffffffffff",
    b"9223372036854775807",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 100 \r\n\r\n",
    b"HTTP/1.1 304 \r\n",
    b"HTTP/1.1 204 \r\n",
    b"\0",
    b"\x7f",
    b"\xff",
    b"\xc3\xa9",
];

/// Limits so small that small inputs meet them.
pub(super) fn small_limits(seed: u64) -> Limits {
    let scale = 1 << (seed % 4);
    Limits {
        head_bytes: 32 * scale,
        target_bytes: 4 * scale,
        fields: scale,
        chunk_line_bytes: 2 * scale,
        trailer_bytes: 8 * scale,
    }
}

/// For what was written anew: it has a field more, and spaces that were not there.
pub(super) fn wide_limits() -> Limits {
    Limits { head_bytes: 1 << 20, fields: 1000, ..Limits::default() }
}

/// The most that a reader may take between two things that it gives: a head, the framing around a piece of data, and
/// what it reads ahead.
pub(super) fn most_unseen_bytes(limits: &Limits) -> usize {
    limits.head_bytes + limits.trailer_bytes + limits.chunk_line_bytes + 3 * 16 * 1024
}

/// Name and value of each field, sorted by name; those of one name in their order.
pub(super) fn sorted_fields(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let mut fields: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect();
    fields.sort_by(|(a, _), (b, _)| a.cmp(b));
    fields
}

/// Those that a writer takes over as they are.
pub(super) fn forwarded_fields(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    const OWN: [&str; 8] = [
        "content-length",
        "transfer-encoding",
        "connection",
        "te",
        "trailer",
        "upgrade",
        "keep-alive",
        "proxy-connection",
    ];
    sorted_fields(headers).into_iter().filter(|(name, _)| !OWN.contains(&name.as_str())).collect()
}

/// An input that goes on for ever, repeating its end: as much of that as is to be tried.
pub(super) fn endless(input: &[u8], seed: u64) -> Option<Vec<u8>> {
    // Costly, so not each time.
    if input.is_empty() || !seed.is_multiple_of(16) {
        return None;
    }
    let length = 1 + usize::try_from(seed >> 8).unwrap_or(0) % input.len().min(64);
    let tail = &input[input.len() - length..];
    Some([input, &tail.repeat(128 * 1024 / length)].concat())
}
