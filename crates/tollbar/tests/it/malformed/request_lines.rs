//! Method, target and version, with single spaces between them (RFC 9112 section 3).

use super::row::{Answer, Refusal, Row, got, line, refusals, seen, whole};

const SPACES: &str = "with single spaces between them";
const METHOD: &str = "the method is not a valid token";
const VERSION: &str = "the HTTP version is not";
const CONNECT: &str = "CONNECT is not served";

const LINES: &[Refusal] = &[
    ("RFC 9112 3: two spaces behind the method", b"GET  /v1/orders HTTP/1.1", SPACES),
    ("RFC 9112 3: two spaces behind the target", b"GET /v1/orders  HTTP/1.1", SPACES),
    ("RFC 9112 3: a space behind the version", b"GET /v1/orders HTTP/1.1 ", SPACES),
    ("RFC 9112 3: a tab behind the version", b"GET /v1/orders HTTP/1.1\t", VERSION),
    ("RFC 9112 3: a tab behind the method", b"GET\t/v1/orders HTTP/1.1", METHOD),
    ("RFC 9112 3: a tab behind the target", b"GET /v1/orders\tHTTP/1.1", SPACES),
    ("RFC 9112 3: a space and a tab behind the target", b"GET /v1/orders \tHTTP/1.1", SPACES),
    ("RFC 9112 3: a space within the target", b"GET /v1/orders x HTTP/1.1", SPACES),
    ("RFC 9112 3.2: a request line within the target", b"GET /v1/orders HTTP/1.1 x HTTP/1.1", SPACES),
    ("RFC 9112 3: no-break space between the parts", b"GET\xa0/v1/orders\xa0HTTP/1.1", METHOD),
    ("RFC 9112 3: the method alone", b"GET", SPACES),
    ("RFC 9112 3: the method and a space", b"GET ", SPACES),
    ("RFC 9112 3: no target", b"GET HTTP/1.1", SPACES),
    ("RFC 9112 3: an empty target", b"GET  HTTP/1.1", SPACES),
    ("RFC 9112 3: a space instead of the version", b"GET /v1/orders ", SPACES),
    ("RFC 9112 3: no method", b"/v1/orders HTTP/1.1", METHOD),
    ("RFC 9112 3: the version first", b"HTTP/1.1 GET /v1/orders", METHOD),
    ("RFC 9112 3: a status line", b"HTTP/1.1 200 OK", METHOD),
    ("RFC 9112 3: a field where the request line should be", b"X-A: b", METHOD),
    ("RFC 9112 3.1: a bracket in the method", b"GE(T /v1/orders HTTP/1.1", METHOD),
    ("RFC 9112 3.1: a colon in the method", b"GET: /v1/orders HTTP/1.1", METHOD),
    ("RFC 9112 3.1: a comma in the method", b"GET,POST /v1/orders HTTP/1.1", METHOD),
    ("RFC 9112 3.1: quotes around the method", b"\"GET\" /v1/orders HTTP/1.1", METHOD),
    ("RFC 9112 3.1: a slash in the method", b"GET/ /v1/orders HTTP/1.1", METHOD),
    ("RFC 9112 3.1: a method beyond ASCII", b"G\xc3\x89T /v1/orders HTTP/1.1", METHOD),
    ("RFC 9112 3.1: a byte order mark before the method", b"\xef\xbb\xbfGET /v1/orders HTTP/1.1", METHOD),
    ("RFC 9112 2.3: HTTP/2.0", b"GET /v1/orders HTTP/2.0", VERSION),
    ("RFC 9112 2.3: HTTP/2", b"GET /v1/orders HTTP/2", VERSION),
    ("RFC 9112 2.3: HTTP/3", b"GET /v1/orders HTTP/3", VERSION),
    ("RFC 9112 2.3: HTTP/0.9", b"GET /v1/orders HTTP/0.9", VERSION),
    ("RFC 9112 2.3: HTTP/1.2", b"GET /v1/orders HTTP/1.2", VERSION),
    ("RFC 9112 2.3: HTTP/1.10", b"GET /v1/orders HTTP/1.10", VERSION),
    ("RFC 9112 2.3: HTTP/1.01", b"GET /v1/orders HTTP/1.01", VERSION),
    ("RFC 9112 2.3: HTTP/01.1", b"GET /v1/orders HTTP/01.1", VERSION),
    ("RFC 9112 2.3: HTTP/1.", b"GET /v1/orders HTTP/1.", VERSION),
    ("RFC 9112 2.3: HTTP/.1", b"GET /v1/orders HTTP/.1", VERSION),
    ("RFC 9112 2.3: HTTP/1", b"GET /v1/orders HTTP/1", VERSION),
    ("RFC 9112 2.3: HTTP/11", b"GET /v1/orders HTTP/11", VERSION),
    ("RFC 9112 2.3: HTTP/1,1", b"GET /v1/orders HTTP/1,1", VERSION),
    ("RFC 9112 2.3: HTTP/-1.1", b"GET /v1/orders HTTP/-1.1", VERSION),
    ("RFC 9112 2.3: HTTP/1.1 and more", b"GET /v1/orders HTTP/1.1x", VERSION),
    ("RFC 9112 2.3: HTTP/ alone", b"GET /v1/orders HTTP/", VERSION),
    ("RFC 9112 2.3: lower case", b"GET /v1/orders http/1.1", SPACES),
    ("RFC 9112 2.3: mixed case", b"GET /v1/orders Http/1.1", SPACES),
    ("RFC 9112 2.3: another name", b"GET /v1/orders HTCPCP/1.0", SPACES),
    ("RFC 9112 2.3: a space within the version", b"GET /v1/orders HTTP/ 1.1", SPACES),
    ("RFC 9112 2.3: a backslash within the version", b"GET /v1/orders HTTP\\1.1", SPACES),
    ("RFC 9110 9.3.6: CONNECT to an authority", b"CONNECT 127.0.0.1:80 HTTP/1.1", CONNECT),
    ("RFC 9110 9.3.6: CONNECT to a path", b"CONNECT /v1/orders HTTP/1.1", CONNECT),
    ("RFC 9110 9.3.6: CONNECT to a URL", b"CONNECT http://x/v1/orders HTTP/1.1", CONNECT),
    (
        "RFC 9110 9.3.6: CONNECT with a length and a body",
        b"CONNECT x:80 HTTP/1.1\r\nContent-Length: 2",
        CONNECT,
    ),
];

pub(super) fn rows() -> Vec<Row> {
    let not_allowed = Answer { status: 405, code: Some("method_not_allowed"), says: "" };
    let others = [
        ("RFC 9110 9.1: methods have their case", b"get /v1/orders HTTP/1.1".as_slice()),
        ("RFC 9110 9.1: a method with one letter in another case", b"GEt /v1/orders HTTP/1.1"),
        ("RFC 9110 9.1: a longer method is another one", b"GETX /v1/orders HTTP/1.1"),
        ("RFC 9110 9.1: every token is a method", b"!#$%&'*+-.^_`|~ /v1/orders HTTP/1.1"),
        ("RFC 9110 9.3.8: TRACE is not served", b"TRACE /v1/orders HTTP/1.1"),
        ("RFC 9113 3.4: PRI as a method", b"PRI /v1/orders HTTP/1.1"),
    ];
    let head = seen("HEAD", "/orders", b"");
    refusals(LINES, line)
        .chain(others.map(|(name, bytes)| Row::answered(name, line(bytes), not_allowed)))
        .chain([
            Row::served(
                "RFC 9110 9.3.2: HEAD is answered without a body",
                line(b"HEAD /v1/orders HTTP/1.1"),
                head,
            ),
            Row::served(
                "RFC 9112 9.3: HTTP/1.0 ends with its answer",
                line(b"GET /v1/orders HTTP/1.0"),
                got("/orders"),
            )
            .closing(),
            Row::served(
                "RFC 9112 9.3: HTTP/1.0 goes on when it asks to",
                line(b"GET /v1/orders HTTP/1.0\r\nConnection: keep-alive"),
                got("/orders"),
            ),
            Row::served(
                "RFC 9112 3.2: HTTP/1.0 needs no Host",
                whole(b"GET /v1/orders HTTP/1.0\r\n$K\r\n"),
                got("/orders"),
            )
            .closing(),
        ])
        .collect()
}
