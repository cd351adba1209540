//! Name, colon, value (RFC 9112 section 5); names that other servers read as ours.

use super::row::{Answer, Refusal, Row, fields, got, line, posted, refusals};

const SPACE: &str = "a space before the colon";
const COLON: &str = "has no colon";
const EMPTY: &str = "an empty name";
const NAME: &str = "field name is not a valid token";
const LOOKALIKE: &str = "only by an underscore";

const FIELDS: &[Refusal] = &[
    ("RFC 9112 5.1: a space before the colon", b"X-A : b", SPACE),
    ("RFC 9112 5.1: a tab before the colon", b"X-A\t: b", SPACE),
    ("CVE-2019-16276: a space before Transfer-Encoding's colon", b"Transfer-Encoding : chunked", SPACE),
    ("RFC 9112 5.1: a tab before Transfer-Encoding's colon", b"Transfer-Encoding\t: chunked", SPACE),
    ("CVE-2021-22959: a space before Content-Length's colon", b"Content-Length : 2", SPACE),
    ("RFC 9112 5.1: a space before the key's colon", b"X-API-Key : x", SPACE),
    ("RFC 9112 5: no colon", b"X-A", COLON),
    ("RFC 9112 5: no colon, and a value", b"X-A b", COLON),
    ("CVE-2019-20444: Content-Length without a colon", b"Content-Length 2", COLON),
    ("RFC 9112 5: an equals sign for the colon", b"Transfer-Encoding=chunked", COLON),
    ("RFC 9112 5: a semicolon for the colon", b"Transfer-Encoding;chunked", COLON),
    ("RFC 9112 5: a request line among the fields", b"GET /v1/orders HTTP/1.1", COLON),
    ("RFC 9112 5: a fullwidth colon", b"Transfer-Encoding\xef\xbc\x9achunked", COLON),
    ("CVE-2023-25725: an empty name", b": b", EMPTY),
    ("CVE-2023-25725: an empty name hides what follows", b": b\r\nContent-Length: 2", EMPTY),
    ("RFC 9112 5: a colon alone", b":", EMPTY),
    ("RFC 9112 5: a second colon first", b":Transfer-Encoding: chunked", EMPTY),
    ("RFC 9113 8.3: a pseudo-header field", b":authority: y", EMPTY),
    ("RFC 9110 5.1: a space within a name", b"X A: b", NAME),
    ("RFC 9110 5.1: a space within Transfer-Encoding", b"Transfer Encoding: chunked", NAME),
    ("RFC 9110 5.1: a tab within a name", b"X\tA: b", NAME),
    ("RFC 9110 5.1: brackets", b"X(A): b", NAME),
    ("RFC 9110 5.1: square brackets", b"X[A]: b", NAME),
    ("RFC 9110 5.1: braces", b"X{A}: b", NAME),
    ("RFC 9110 5.1: angle brackets", b"<X-A>: b", NAME),
    ("RFC 9110 5.1: quotes", b"\"X-A\": b", NAME),
    ("RFC 9110 5.1: a slash", b"X/A: b", NAME),
    ("RFC 9110 5.1: a backslash", b"Transfer\\-Encoding: chunked", NAME),
    ("RFC 9110 5.1: a comma", b"X,A: b", NAME),
    ("RFC 9110 5.1: a semicolon", b"X;A: b", NAME),
    ("RFC 9110 5.1: an equals sign", b"X=A: b", NAME),
    ("RFC 9110 5.1: a question mark", b"X?A: b", NAME),
    ("RFC 9110 5.1: an at sign", b"X@A: b", NAME),
    ("RFC 9110 5.1: UTF-8", b"X-\xc3\xa9: b", NAME),
    ("RFC 9110 5.1: Latin-1", b"X-\xe9: b", NAME),
    ("RFC 9110 5.1: no-break space behind Content-Length", b"Content-Length\xa0: 2", NAME),
    ("RFC 9110 5.1: a Kelvin sign in a name", b"X-To\xe2\x84\xaaen: b", NAME),
    ("RFC 9110 5.1: a soft hyphen in Content-Length", b"Content\xc2\xad-Length: 2", NAME),
    ("RFC 3875 4.1.18: Content_Length", b"Content_Length: 2", LOOKALIKE),
    ("RFC 3875 4.1.18: Transfer_Encoding", b"Transfer_Encoding: chunked", LOOKALIKE),
    (
        "RFC 3875 4.1.18: content_length beside the real one",
        b"Content-Length: 2\r\ncontent_length: 5",
        LOOKALIKE,
    ),
    (
        "RFC 3875 4.1.18: TRANSFER_ENCODING beside Content-Length",
        b"Content-Length: 2\r\nTRANSFER_ENCODING: chunked",
        LOOKALIKE,
    ),
];

/// Names that only we may set, and what hop-by-hop fields could do to them: the upstream gets ours, or nothing.
const OURS: &[(&str, Option<&str>)] = &[
    ("x-tollbar-environment", Some("live")),
    ("x-forwarded-for", Some("127.0.0.1")),
    ("via", Some("1.1 tollbar")),
    ("x-api-key", None),
    ("x_api_key", None),
    ("x_tollbar_environment", None),
    ("x_forwarded_for", None),
    ("connection", None),
    ("keep-alive", None),
    ("proxy-connection", None),
    ("te", None),
    ("trailer", None),
    ("upgrade", None),
    ("http2-settings", None),
    ("x-private", None),
    ("transfer-encoding", None),
];

const LEGAL: &[(&str, &[u8])] = &[
    ("RFC 9110 5.5: no space behind the colon", b"X-A:b"),
    ("RFC 9110 5.5: much white space around a value", b"X-A: \t \t b \t \t "),
    ("RFC 9110 5.5: an empty value", b"X-A:"),
    ("RFC 9110 5.1: every token is a name", b"!#$%&'*+-.^_`|~1A: b"),
    ("RFC 9110 5.3: a name many times", b"X-A: b\r\nX-A: c\r\nx-a: d"),
    ("RFC 9110 5.5: a colon in a value", b"X-A: b: c"),
    (
        "RFC 3875 4.1.18: our names with underscores",
        b"X_Tollbar_Environment: sandbox\r\nX_Forwarded_For: 1.2.3.4\r\nX_Api_Key: x",
    ),
    ("RFC 7239 4: our names as they are", b"X-Tollbar-Environment: sandbox\r\nX-Forwarded-For: 1.2.3.4"),
    (
        "RFC 9110 7.6.1: Connection names our fields",
        b"Connection: X-Tollbar-Environment, X-Forwarded-For, X-API-Key, Via, Host",
    ),
    ("RFC 9110 7.6.1: Connection names fields of the client", b"Connection: X-Private\r\nX-Private: 1"),
    (
        "RFC 9110 7.6.1: two lines of Connection",
        b"Connection: X-Private\r\nConnection: ,, keep-alive ,\r\nX-Private: 1",
    ),
    (
        "RFC 9110 7.6.1: every hop-by-hop field",
        b"Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: X-A",
    ),
    ("RFC 9110 10.1.4: TE announces nothing of the body", b"TE: chunked"),
    ("RFC 9110 7.8: Upgrade to two protocols", b"Connection: Upgrade\r\nUpgrade: websocket, h2c"),
    ("RFC 9110 7.8: Upgrade without Connection", b"Upgrade: websocket"),
    (
        "RFC 9113 3.1: Upgrade to h2c",
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__",
    ),
];

pub(super) fn rows() -> Vec<Row> {
    let get = |field: &[u8]| line(&[b"GET /v1/orders HTTP/1.1\r\n", field].concat());
    let two_keys = Answer { status: 401, code: Some("malformed_credentials"), says: "" };
    let unknown_override =
        ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x_http_method_override"];
    refusals(FIELDS, fields)
        .chain(
            LEGAL
                .iter()
                .map(|(name, field)| Row::served(*name, get(field), got("/orders")).with_fields(OURS)),
        )
        .chain(unknown_override.map(|name| {
            let field = format!("{name}: DELETE");
            let says = "is not accepted; send the request with the method itself";
            Row::answered(
                format!("method override: {name}"),
                get(field.as_bytes()),
                super::row::invalid(says),
            )
        }))
        .chain([
            Row::answered("RFC 9110 5.3: the key twice", get(b"X-API-Key: x"), two_keys),
            Row::answered("RFC 9110 11.6.2: the key and a token", get(b"Authorization: Bearer x"), two_keys),
            Row::served(
                "RFC 9110 7.6.1: Connection cannot take the length away",
                fields(b"Content-Length: 2\r\nConnection: Content-Length, Transfer-Encoding"),
                posted(b"{}"),
            )
            .with_fields(&[("content-length", Some("2")), ("transfer-encoding", None)]),
        ])
        .collect()
}
