//! Requests that come by HTTP/2 and go on as HTTP/1.1.

use http::{
    HeaderName, HeaderValue, Method, Request, Uri,
    header::{COOKIE, HOST},
    request::Parts,
    uri::{Authority, PathAndQuery, Scheme},
};
use tollbar_http::{Framing, Limits, MessageWriter, request_head_from_http2};

use super::http::forwarded_fields;
use crate::{feed::persist, strict};

/// Pieces that mean something to the translation.
pub(super) const WORDS: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b"GET",
    b"POST",
    b"OPTIONS",
    b"CONNECT",
    b"/",
    b"*",
    b"?",
    b"#",
    b"%0d%0a",
    b"/a HTTP/1.1\r\nx: y",
    b"http",
    b"https",
    b"a.example",
    b"a.example:80",
    b"user@a.example",
    b"[::1]:8080",
    b"host: a.example",
    b"host: b.example",
    b"content-length: 5",
    b"content-length: 0",
    b"content_length: 5",
    b"transfer-encoding: chunked",
    b"transfer_encoding: chunked",
    b"connection: x",
    b"te: trailers",
    b"expect: 100-continue",
    b"cookie: a=1",
    b"cookie: b=2",
    b"upgrade: websocket",
    b"x-a: \xc3\xa9",
];

/// What is accepted is one request of HTTP/1.1 to a strict reader, and the same one.
///
/// An input has a line each for method, `:scheme`, `:authority` and `:path`, then one for each field, then an empty one
/// if a body follows. Lines end in LF alone: everything else may stand within one.
pub(super) fn http2_translation(input: &[u8]) {
    let Some((parts, ends)) = as_h2_gives_it(input) else { return };
    let limits = Limits::default();
    let Ok(head) = request_head_from_http2(&parts, ends, &limits) else { return };
    assert!(head.headers.len() <= limits.fields && head.target.as_str().len() <= limits.target_bytes);
    assert!(ends || head.framing != Framing::None, "a body is lost");
    assert!(head.headers.get_all(COOKIE).iter().count() <= 1, "cookies stay apart");
    // As the upstream gets it.
    let mut headers = head.headers.clone();
    let host = head.host.clone().unwrap();
    headers.insert(HOST, HeaderValue::from_str(&host).unwrap());
    let mut writer = MessageWriter::new(Vec::new());
    let framing = match head.framing {
        Framing::Length(length) => Framing::Length(length.min(3)),
        framing => framing,
    };
    let body = if framing == Framing::None { &b""[..] } else { &b"abc"[..] };
    let body =
        if let Framing::Length(length) = framing { &body[..usize::try_from(length).unwrap()] } else { body };
    persist!(writer.request_head(&head.method, head.target.as_str(), &headers, framing)).unwrap();
    persist!(writer.body(body)).unwrap();
    persist!(writer.finish()).unwrap();
    let bytes = writer.into_inner();
    let Some(read) = strict::read_request(&bytes) else {
        panic!("a strict reader refuses what goes out: {}", bytes.escape_ascii())
    };
    assert_eq!(read.consumed, bytes.len(), "more than one request goes out");
    assert_eq!((read.method.as_str(), read.target.as_str()), (head.method.as_str(), head.target.as_str()));
    assert_eq!(read.host.as_deref(), Some(host.as_str()));
    assert_eq!(read.body, body);
    let passed_on: Vec<_> = forwarded_fields(&headers);
    let mut seen = read.fields;
    seen.retain(|(name, _)| passed_on.iter().any(|(passed, _)| passed == name));
    assert_eq!(seen, passed_on, "fields differ");
    // What was asked for is what was said, byte for byte.
    assert_eq!(head.target.as_str(), parts.uri.path_and_query().map_or("", PathAndQuery::as_str));
    assert_eq!(head.method, parts.method);
}

/// The head as the `h2` crate hands it over; `None` where it would reset the stream.
fn as_h2_gives_it(input: &[u8]) -> Option<(Parts, bool)> {
    let mut lines = input.split(|&byte| byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let method = Method::from_bytes(next()).ok()?;
    let (scheme, authority, path) = (next(), next(), next());
    let mut uri = Uri::builder();
    if !scheme.is_empty() {
        uri = uri.scheme(Scheme::try_from(scheme).ok()?);
    }
    if !authority.is_empty() {
        uri = uri.authority(Authority::try_from(authority).ok()?);
    }
    let uri = uri.path_and_query(PathAndQuery::try_from(path).ok()?).build();
    let (mut parts, ()) = Request::new(()).into_parts();
    // Not all of it need be there at once.
    parts.uri = uri.ok().or_else(|| PathAndQuery::try_from(path).ok().map(Uri::from))?;
    parts.method = method;
    let mut ends = true;
    for line in lines {
        if line.is_empty() {
            ends = false;
            break;
        }
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        let name = HeaderName::from_lowercase(name).ok()?;
        let value = HeaderValue::from_bytes(value.strip_prefix(b" ").unwrap_or(value)).ok()?;
        let is_of_the_connection =
            ["connection", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection"];
        if is_of_the_connection.contains(&name.as_str()) || (name == "te" && value != "trailers") {
            return None;
        }
        parts.headers.append(name, value);
    }
    Some((parts, ends))
}
