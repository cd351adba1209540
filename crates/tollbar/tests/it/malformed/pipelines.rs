//! Several messages in one segment: each is read by its own right, and behind a doubtful one nothing is read
//! (RFC 9112 sections 9.3.2 and 11.2).

use super::row::{Answer, Row, SERVED, got, invalid, posted};

const GET: &str = "GET /v1/orders HTTP/1.1\r\n$H$K\r\n";
const NEXT: &str = "GET /v1/orders/2 HTTP/1.1\r\n$H$K\r\n";
const NOT_FOUND: Answer = Answer { status: 404, code: Some("not_found"), says: "" };
const NOT_ALLOWED: Answer = Answer { status: 405, code: Some("method_not_allowed"), says: "" };
const BAD_KEY: Answer = Answer { status: 401, code: Some("malformed_credentials"), says: "" };

pub(super) fn rows() -> Vec<Row> {
    behind_good_ones().into_iter().chain(one_after_the_other()).chain(behind_refusals()).collect()
}

/// A served request, then something that is none.
fn behind_good_ones() -> Vec<Row> {
    let post = |body: &str| format!("POST /v1/orders HTTP/1.1\r\n$H$KContent-Length: 2\r\n\r\n{{}}{body}");
    let chunked = |rest: &str| {
        format!(
            "POST /v1/orders HTTP/1.1\r\n$H$KTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n{rest}"
        )
    };
    let upgrade = |to: &str| {
        format!(
            "GET /v1/orders HTTP/1.1\r\n$H$KConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\nUpgrade: {to}\r\n\r\n"
        )
    };
    let line = "not a method, a target and a version";
    let token = "the method is not a valid token";
    let control = "control byte";
    let (get, posted) = (|| got("/orders"), || posted(b"{}"));
    [
        ("garbage behind a good request", GET.to_owned() + "nonsense\r\n\r\n", line, get()),
        ("fields behind a good request", GET.to_owned() + "X-A: b\r\n\r\n", token, get()),
        ("a body that nothing announced", GET.to_owned() + "{\"a\":1}\r\n\r\n", token, get()),
        ("a chunked body that nothing announced", GET.to_owned() + "2\r\n{}\r\n0\r\n\r\n", line, get()),
        ("a body longer than its length", post("x=1\r\n\r\n"), token, posted()),
        ("LF behind a body", post(&["\n", NEXT].concat()), "LF without CR", posted()),
        (
            "two empty lines behind a body",
            post(&["\r\n\r\n", NEXT].concat()),
            "begins with an empty line",
            posted(),
        ),
        ("a space behind a body", post(&[" ", NEXT].concat()), "begins with white space", posted()),
        ("NUL behind a body", post(&["\0", NEXT].concat()), control, posted()),
        ("a byte too few in the length", post(&["}", NEXT].concat()), token, posted()),
        ("a second last chunk", chunked("0\r\n\r\n"), line, posted()),
        ("a trailer behind the trailers", chunked("X-A: b\r\n\r\n"), token, posted()),
        (
            "a broken request behind chunks",
            chunked("GET /v1/orders HTTP/1.1\r\nX-A: b\r\n\r\n"),
            "has no Host",
            posted(),
        ),
        ("a TLS handshake behind a good request", GET.to_owned() + "\x16\x03\x01\x02", control, get()),
        (
            "frames behind an upgrade to websocket that did not happen",
            upgrade("websocket") + "\u{1}\x05hello",
            control,
            get(),
        ),
        (
            "the preface behind an upgrade to h2c that did not happen",
            upgrade("h2c") + "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "the HTTP version is not",
            get(),
        ),
    ]
    .map(|(name, bytes, says, seen)| {
        Row::refused(format!("RFC 9112 9.3.2: {name}"), bytes, says)
            .with_answers(&[SERVED, invalid(says)])
            .seen_as([seen])
    })
    .into()
}

/// Requests of which each is served.
fn one_after_the_other() -> Vec<Row> {
    let both = |name: &str, bytes: String, first| {
        let row = Row::served(format!("RFC 9112 9.3.2: {name}"), bytes, got("/orders"));
        row.with_answers(&[SERVED, SERVED]).seen_as([first, got("/orders/2")])
    };
    let post =
        |fields: &str, body: &str| format!("POST /v1/orders HTTP/1.1\r\n$H$K{fields}\r\n\r\n{body}{NEXT}");
    let get = |fields: &str| format!("GET /v1/orders HTTP/1.1\r\n$H$K{fields}\r\n\r\n{NEXT}");
    let chunks = "2\r\n{}\r\n0\r\n\r\n";
    vec![
        both("two at once", GET.to_owned() + NEXT, got("/orders")),
        both("an empty line between two", [GET, "\r\n", NEXT].concat(), got("/orders")),
        both("behind a body", post("Content-Length: 2", "{}"), posted(b"{}")),
        both("an empty line behind a body", post("Content-Length: 2", "{}\r\n"), posted(b"{}")),
        both("behind a length of zero", post("Content-Length: 0", ""), posted(b"")),
        both("behind chunks", post("Transfer-Encoding: chunked", chunks), posted(b"{}")),
        both("behind a POST without a body", GET.replace("GET", "POST") + NEXT, posted(b"")),
        both(
            "behind an upgrade to websocket",
            get("Connection: Upgrade\r\nUpgrade: websocket"),
            got("/orders"),
        ),
        both("behind an upgrade to h2c", get("Connection: Upgrade\r\nUpgrade: h2c"), got("/orders")),
        both("behind an upgrade to TLS", get("Connection: Upgrade\r\nUpgrade: TLS/1.0"), got("/orders")),
        both(
            "behind an upgrade with a body",
            post("Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2", "{}"),
            posted(b"{}"),
        ),
        both(
            "behind a body that was not waited for",
            post("Expect: 100-continue\r\nContent-Length: 2", "{}"),
            posted(b"{}"),
        ),
    ]
}

/// A refusal, and what stands behind it or in its body.
fn behind_refusals() -> Vec<Row> {
    let then_served = |name: &str, bytes: String, first| {
        let row = Row::answered(format!("RFC 9112 9.3.2: {name}"), bytes, first);
        row.with_answers(&[first, SERVED]).seen_as([got("/orders/2")])
    };
    let and_closed = |name: &str, bytes: String, first| {
        Row::answered(format!("RFC 9112 9.3: {name}"), bytes, first).closing()
    };
    let nothing =
        |fields: &str, body: &str| format!("POST /v1/nothing HTTP/1.1\r\n$H$K{fields}\r\n\r\n{body}");
    let padding = "a".repeat(100 * 1024);
    let no_key = |method: &str| format!("{method} /v1/orders HTTP/1.1\r\n$HX-API-Key: wrong\r\n");
    let no_content = Answer { status: 204, code: None, says: "" };
    vec![
        then_served("behind a wrong key", no_key("GET") + "\r\n" + NEXT, BAD_KEY),
        then_served(
            "behind a wrong key and a body",
            no_key("POST") + "Content-Length: 2\r\n\r\n{}" + NEXT,
            BAD_KEY,
        ),
        then_served("behind a body that nobody wants", nothing("Content-Length: 2", "{}") + NEXT, NOT_FOUND),
        then_served(
            "behind a method that is not allowed",
            format!("PATCH /v1/orders HTTP/1.1\r\n$H$KContent-Length: 2\r\n\r\n{{}}{NEXT}"),
            NOT_ALLOWED,
        ),
        then_served(
            "behind TRACE with a body",
            format!("TRACE /v1/orders HTTP/1.1\r\n$H$KContent-Length: 2\r\n\r\n{{}}{NEXT}"),
            NOT_ALLOWED,
        ),
        then_served(
            "behind OPTIONS with a body",
            format!("OPTIONS /v1/orders HTTP/1.1\r\n$H$KContent-Length: 2\r\n\r\n{{}}{NEXT}"),
            no_content,
        ),
        and_closed("a refused body of 100 KiB", nothing("Content-Length: 102400", &padding), NOT_FOUND),
        and_closed(
            "a refused body of 500 MB that does not come",
            nothing("Content-Length: 500000000", NEXT),
            NOT_FOUND,
        ),
        and_closed(
            "refused chunks",
            nothing("Transfer-Encoding: chunked", "2\r\n{}\r\n0\r\n\r\n"),
            NOT_FOUND,
        ),
        and_closed("refused chunks that are none", nothing("Transfer-Encoding: chunked", NEXT), NOT_FOUND),
        and_closed(
            "chunks behind a wrong key",
            no_key("POST") + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + NEXT,
            BAD_KEY,
        ),
        Row::refused(
            "RFC 9112 11.2: broken chunks of a request with a key",
            "POST /v1/orders HTTP/1.1\r\n$H$KIdempotency-Key: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n",
            "is not followed by CR LF",
        ),
    ]
}
