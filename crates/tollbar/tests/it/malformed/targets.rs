//! The request target (RFC 9112 section 3.2, RFC 3986): one form, allowed bytes, one meaning.

use super::row::{Answer, Refusal, Row, got, invalid, line, refusals, whole};

const ENCODED: &str = "must be percent-encoded";
const PERCENT: &str = "not followed by two hexadecimal digits";
const FORM: &str = "does not begin with a slash";
const SCHEME: &str = "scheme of the request target";
const USER: &str = "user information";
const HOST: &str = "not a valid host name";
const MISMATCH: &str = "differs from the host in the request target";
const ASTERISK: &str = "allowed with OPTIONS only";

const LINES: &[Refusal] = &[
    ("RFC 3986 3.5: a fragment", b"GET /v1/orders#x HTTP/1.1", ENCODED),
    (
        "CVE-2023-45539: a fragment hides the rest of the path",
        b"GET /v1/orders#/../../admin HTTP/1.1",
        ENCODED,
    ),
    ("RFC 3986 3.5: a fragment behind the query", b"GET /v1/orders?a#x HTTP/1.1", ENCODED),
    ("CVE-2021-27577: a fragment in an absolute target", b"GET http://x/v1/orders#y HTTP/1.1", ENCODED),
    ("RFC 3986 2: a backslash in the path", b"GET /v1\\orders HTTP/1.1", ENCODED),
    ("RFC 3986 2: a backslash in the query", b"GET /v1/orders?a\\b HTTP/1.1", ENCODED),
    ("RFC 3986 2: a quote", b"GET /v1/orders/\" HTTP/1.1", ENCODED),
    ("RFC 3986 2: angle brackets", b"GET /v1/orders/<x> HTTP/1.1", ENCODED),
    ("RFC 3986 2: braces in the path", b"GET /v1/orders/{id} HTTP/1.1", ENCODED),
    ("RFC 3986 2: a bar in the path", b"GET /v1/orders/a|b HTTP/1.1", ENCODED),
    ("RFC 3986 2: a caret in the path", b"GET /v1/orders/a^b HTTP/1.1", ENCODED),
    ("RFC 3986 2: a backquote in the path", b"GET /v1/orders/`x` HTTP/1.1", ENCODED),
    ("RFC 3986 2: square brackets in the path", b"GET /v1/orders/[1] HTTP/1.1", ENCODED),
    ("RFC 3986 2: UTF-8 in the path", b"GET /v1/orders/\xc3\xa9 HTTP/1.1", ENCODED),
    ("RFC 3986 2: UTF-8 in the query", b"GET /v1/orders?a=\xc3\xa9 HTTP/1.1", ENCODED),
    ("RFC 3986 2: Latin-1 in the path", b"GET /v1/orders/\xe9 HTTP/1.1", ENCODED),
    ("RFC 3986 2: overlong UTF-8 in the path", b"GET /v1/orders/\xc0\xae\xc0\xae HTTP/1.1", ENCODED),
    ("CVE-2018-12116: a character whose low byte is LF", b"GET /v1/orders/\xc4\x8a HTTP/1.1", ENCODED),
    ("RFC 3986 2: no-break space in the path", b"GET /v1/orders/a\xa0b HTTP/1.1", ENCODED),
    ("RFC 3986 2.1: % at the end", b"GET /v1/orders/% HTTP/1.1", PERCENT),
    ("RFC 3986 2.1: % and one digit", b"GET /v1/orders/%4 HTTP/1.1", PERCENT),
    ("RFC 3986 2.1: % and no hexadecimal digits", b"GET /v1/orders/%zz HTTP/1.1", PERCENT),
    ("RFC 3986 2.1: %u of another time", b"GET /v1/orders/%u002e HTTP/1.1", PERCENT),
    ("RFC 3986 2.1: % in the query", b"GET /v1/orders?a=% HTTP/1.1", PERCENT),
    ("RFC 3986 2.1: % before the query", b"GET /v1/orders/%?a HTTP/1.1", PERCENT),
    ("RFC 3986 2.1: % and a sign", b"GET /v1/orders/%+1 HTTP/1.1", PERCENT),
    ("RFC 9112 3.2.1: a path without a slash", b"GET v1/orders HTTP/1.1", FORM),
    ("RFC 9112 3.2.1: a query alone", b"GET ?a=b HTTP/1.1", FORM),
    ("RFC 9112 3.2.1: a dot segment first", b"GET ./v1/orders HTTP/1.1", FORM),
    ("RFC 9112 3.2.1: an encoded slash first", b"GET %2fv1/orders HTTP/1.1", FORM),
    ("RFC 9112 3.2.1: a backslash first", b"GET \\v1\\orders HTTP/1.1", FORM),
    ("RFC 9112 3.2.1: an at sign first", b"GET @x/v1/orders HTTP/1.1", FORM),
    ("RFC 9112 3.2.3: an authority and no CONNECT", b"GET x:80 HTTP/1.1", FORM),
    ("RFC 9112 3.2.3: a host and no CONNECT", b"GET x HTTP/1.1", FORM),
    ("RFC 9112 3.2.2: one slash behind the scheme", b"GET http:/v1/orders HTTP/1.1", FORM),
    ("RFC 9112 3.2.2: no slash behind the scheme", b"GET http:x/v1/orders HTTP/1.1", FORM),
    ("RFC 9112 3.2.2: ftp", b"GET ftp://x/v1/orders HTTP/1.1", SCHEME),
    ("RFC 9112 3.2.2: file", b"GET file:///v1/orders HTTP/1.1", SCHEME),
    ("RFC 9112 3.2.2: ws", b"GET ws://x/v1/orders HTTP/1.1", SCHEME),
    ("RFC 9112 3.2.2: no scheme before the slashes", b"GET ://x/v1/orders HTTP/1.1", SCHEME),
    ("RFC 9112 3.2.2: a path before the scheme", b"GET x/http://x/v1/orders HTTP/1.1", SCHEME),
    ("RFC 9110 4.2.4: a user", b"GET http://u@x/v1/orders HTTP/1.1", USER),
    ("RFC 9110 4.2.4: a user and a password", b"GET http://u:p@x/v1/orders HTTP/1.1", USER),
    ("RFC 9110 4.2.4: an empty user", b"GET http://@x/v1/orders HTTP/1.1", USER),
    ("RFC 9110 4.2.4: another host as the user", b"GET http://y:80@x/v1/orders HTTP/1.1", USER),
    ("RFC 9110 4.2.1: no host", b"GET http:///v1/orders HTTP/1.1", HOST),
    ("RFC 9110 4.2.1: a port and no host", b"GET http://:80/v1/orders HTTP/1.1", HOST),
    ("RFC 9110 4.2.1: a port that is none", b"GET http://x:y/v1/orders HTTP/1.1", HOST),
    ("RFC 9110 4.2.1: a port too large", b"GET http://x:65536/v1/orders HTTP/1.1", HOST),
    ("RFC 9110 4.2.1: a backslash behind the host", b"GET http://x\\/v1/orders HTTP/1.1", HOST),
    ("RFC 9110 4.2.1: an encoded host", b"GET http://%78/v1/orders HTTP/1.1", HOST),
    ("RFC 9110 4.2.1: a host beyond ASCII", b"GET http://\xc3\xa9/v1/orders HTTP/1.1", HOST),
    ("RFC 9112 3.2.2: a host other than Host", b"GET http://y/v1/orders HTTP/1.1", MISMATCH),
    ("RFC 9112 3.2.2: a port that Host has not", b"GET http://x:80/v1/orders HTTP/1.1", MISMATCH),
    ("RFC 9112 3.2.2: a dot that Host has not", b"GET http://x./v1/orders HTTP/1.1", MISMATCH),
    ("RFC 9112 3.2.4: * with GET", b"GET * HTTP/1.1", ASTERISK),
    ("RFC 9112 3.2.4: * with POST", b"POST * HTTP/1.1", ASTERISK),
    ("RFC 9112 3.2.4: * and more", b"OPTIONS *x HTTP/1.1", FORM),
    ("RFC 9112 3.2.4: * with a query", b"OPTIONS *?a HTTP/1.1", FORM),
];

/// Sound as HTTP, and of two meanings as a path: refused, and the connection goes on.
const AMBIGUOUS: &[(&str, &[u8])] = &[
    ("RFC 3986 5.2.4: a dot segment", b"GET /v1/./orders HTTP/1.1"),
    ("RFC 3986 5.2.4: a double-dot segment", b"GET /v1/orders/../reports HTTP/1.1"),
    ("RFC 3986 5.2.4: an encoded double-dot segment", b"GET /v1/orders/%2e%2E/reports HTTP/1.1"),
    ("RFC 3986 5.2.4: a double-dot segment with a parameter", b"GET /v1/orders/..;/reports HTTP/1.1"),
    ("RFC 3986 5.2.4: a double-dot segment in an absolute target", b"GET http://x/v1/../v1/orders HTTP/1.1"),
    ("RFC 3986 3.3: an empty segment", b"GET /v1//orders HTTP/1.1"),
    ("RFC 3986 3.3: an empty segment first", b"GET //v1/orders HTTP/1.1"),
    ("RFC 3986 3.3: another host behind two slashes", b"GET //y/v1/orders HTTP/1.1"),
    ("RFC 3986 3.3: an empty segment in an absolute target", b"GET http://x//v1/orders HTTP/1.1"),
    ("RFC 3986 2.1: an encoded NUL", b"GET /v1/orders/a%00 HTTP/1.1"),
    ("RFC 3986 2.1: an encoded line break", b"GET /v1/orders/a%0d%0aX-A:%20b HTTP/1.1"),
    ("RFC 3986 2.1: an encoded backslash", b"GET /v1/orders/..%5creports HTTP/1.1"),
    ("RFC 3629 3: encoded overlong UTF-8", b"GET /v1/orders/%c0%ae%c0%ae HTTP/1.1"),
    ("RFC 9112 3.2.4: OPTIONS *", b"OPTIONS * HTTP/1.1"),
    ("RFC 9112 3.2.4: OPTIONS of a whole server", b"OPTIONS http://x HTTP/1.1"),
];

/// Odd and legal: what goes on, byte for byte.
const LEGAL: &[(&str, &[u8], &str)] = &[
    ("RFC 9112 3.2.2: an absolute target", b"GET http://x/v1/orders?a HTTP/1.1", "/orders?a"),
    ("RFC 9112 3.2.2: scheme and host in another case", b"GET HTTPS://X/v1/orders HTTP/1.1", "/orders"),
    ("RFC 3986 3.4: a second question mark", b"GET /v1/orders?a?b HTTP/1.1", "/orders?a?b"),
    ("RFC 3986 3.4: an empty query", b"GET /v1/orders? HTTP/1.1", "/orders?"),
    (
        "RFC 3986 3.4: a URL in the query",
        b"GET /v1/orders?a=http://u@y:1/../ HTTP/1.1",
        "/orders?a=http://u@y:1/../",
    ),
    ("RFC 3986 2.1: an encoded fragment", b"GET /v1/orders/a%23b HTTP/1.1", "/orders/a%23b"),
    ("RFC 3986 2.1: an encoded slash", b"GET /v1/orders/a%2fb HTTP/1.1", "/orders/a%2fb"),
    ("RFC 3986 3.3: at and colon in a segment", b"GET /v1/orders/u:p@y:80 HTTP/1.1", "/orders/u:p@y:80"),
    ("RFC 3986 3.3: an asterisk in a segment", b"GET /v1/orders/* HTTP/1.1", "/orders/*"),
];

pub(super) fn rows() -> Vec<Row> {
    let unknown = Answer { status: 404, code: Some("not_found"), says: "" };
    refusals(LINES, line)
        .chain(AMBIGUOUS.iter().map(|(name, bytes)| Row::answered(*name, line(bytes), invalid(""))))
        .chain(LEGAL.iter().map(|(name, bytes, target)| Row::served(*name, line(bytes), got(target))))
        .chain([
            Row::refused(
                "RFC 9112 3.2.2: an absolute target does not stand for Host",
                whole(b"GET http://x/v1/orders HTTP/1.1\r\n$K\r\n"),
                "has no Host field",
            ),
            Row::answered(
                "RFC 9112 3.2.2: an absolute target in the path",
                line(b"GET /http://x/v1/orders HTTP/1.1"),
                invalid(""),
            ),
            Row::answered("RFC 9110 4.2.3: paths have their case", line(b"GET /V1/Orders HTTP/1.1"), unknown),
        ])
        .collect()
}
