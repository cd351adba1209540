//! What published ways of hiding one HTTP/1.1 request in another send, when HTTP/2 is translated: line breaks in
//! fields, lengths and codings that HTTP/1.1 would believe, names that are read as others.

use super::{
    Expected::{GoAway, Invalid, Passed, Refused, Reset},
    Rows, View,
    request::Request,
};
use crate::support::frames::{
    error::{ENHANCE_YOUR_CALM, PROTOCOL_ERROR},
    last_data,
};

const HIDDEN: &str = "GET /v1/reports HTTP/1.1\r\nHost: x\r\n\r\n";

pub(super) fn add(rows: &mut Rows) {
    let post = rows.post();
    let hiding = |request: Request, body: &str| [request.open(), last_data(1, body)].concat();
    let chunked = format!("0\r\n\r\n{HIDDEN}");
    for (name, field, value) in [
        ("a coding", "transfer-encoding", "chunked"),
        ("an identity coding", "transfer-encoding", "identity"),
        ("a coding in capitals", "transfer-encoding", "CHUNKED"),
        ("a coding that is none", "transfer-encoding", "xchunked"),
        ("a coding after a tab", "transfer-encoding", "\tchunked"),
        ("an empty coding", "transfer-encoding", ""),
    ] {
        rows.add(name, hiding(post.clone().add(field, value), &chunked), Reset(PROTOCOL_ERROR));
    }
    for (name, field, value) in [
        ("a coding's name in capitals", "Transfer-Encoding", "chunked"),
        ("a coding's name with a space", "transfer-encoding ", "chunked"),
        ("a coding's name with a NUL", "transfer-encoding\0", "chunked"),
        ("a coding within a name", "x: y\r\ntransfer-encoding", "chunked"),
        ("a coding as a name alone", "transfer-encoding: chunked", ""),
        ("a coding within a value", "x", "y\r\ntransfer-encoding: chunked"),
        ("a coding within a value, by a line feed", "x", "y\ntransfer-encoding: chunked"),
        ("a coding within a value, by a carriage return", "x", "y\rtransfer-encoding: chunked"),
        ("a request within a value", "x", "y\r\n\r\nGET /v1/reports HTTP/1.1\r\nHost: x"),
        ("a request within a name", "x: y\r\n\r\nGET /v1/reports HTTP/1.1\r\nx", "y"),
        ("a line break before a name", "\r\nx", "y"),
        ("a line break behind a value", "x", "y\r\n"),
        ("our own field within a value", "x", "y\r\nx-tollbar-client: admin"),
    ] {
        rows.add(name, hiding(post.clone().add(field, value), &chunked), GoAway(PROTOCOL_ERROR));
    }
    for (name, field, value) in [
        ("a coding by an underscore", "transfer_encoding", "chunked"),
        ("a length by an underscore", "content_length", "0"),
    ] {
        rows.add(name, hiding(post.clone().add(field, value), &chunked), Invalid);
    }
    let path = |path: &str| post.clone().set(":path", path);
    for (name, request) in [
        ("a coding within a path", path("/v1/orders HTTP/1.1\r\ntransfer-encoding: chunked\r\nx: y")),
        ("a request within a path", path("/v1/orders HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/reports")),
        ("a coding within an authority", post.clone().set(":authority", "x\r\ntransfer-encoding: chunked")),
        (
            "a request within a scheme",
            post.clone().set(":scheme", "http://x/ HTTP/1.1\r\n\r\nGET /v1/reports"),
        ),
        ("a length of nothing before a request", post.clone().add("content-length", "0")),
        ("a length that ends within a request", post.clone().add("content-length", "10")),
    ] {
        rows.add(name, hiding(request, HIDDEN), Reset(PROTOCOL_ERROR));
    }
    for (name, request) in [
        (
            "a coding within a method",
            post.clone().set(":method", "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\nx: y"),
        ),
        (
            "a request within a cookie",
            post.clone().add("cookie", "a=1").add("cookie", "b=2\r\n\r\nGET / HTTP/1.1"),
        ),
    ] {
        rows.add(name, hiding(request, HIDDEN), GoAway(PROTOCOL_ERROR));
    }
    rows.add(
        "a body that looks like a request",
        hiding(post.clone(), "0\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
        Passed(View::post(b"0\r\n\r\nGET / HTTP/1.1\r\n\r\n")),
    );
    add_names(rows);
}

/// Names that are ours, and credentials.
fn add_names(rows: &mut Rows) {
    let get = rows.get();
    let orders = || View::get("/orders");
    for (name, field) in [
        ("our own field", "x-tollbar-scopes"),
        ("our own field by underscores", "x_tollbar_scopes"),
        ("our own field by one underscore", "x-tollbar_admin"),
        ("a forwarded address by underscores", "x_forwarded_for"),
        ("a forwarded protocol", "x-forwarded-port"),
        ("a forwarded line", "forwarded"),
        ("a real address", "x-real-ip"),
    ] {
        let view = orders().has("x-tollbar-environment", "live");
        let view = if field == "x-tollbar-scopes" { view } else { view.has_not(field) };
        rows.add(name, get.clone().add(field, "admin").whole(), Passed(view));
    }
    let none = rows.get().without("x-api-key");
    rows.add("no credentials", none.whole(), Refused(401, "missing_credentials"));
    rows.add(
        "a key twice",
        get.clone().add("x-api-key", &rows.key).whole(),
        Refused(401, "malformed_credentials"),
    );
    rows.add(
        "a key and a token",
        get.clone().add("authorization", "Bearer x").whole(),
        Refused(401, "malformed_credentials"),
    );
    rows.add(
        "a key in a cookie",
        none.clone().add("cookie", format!("x-api-key={}", rows.key)).whole(),
        Refused(401, "missing_credentials"),
    );
    rows.add(
        "a key by underscores",
        none.add("x_api_key", &rows.key).whole(),
        Refused(401, "missing_credentials"),
    );
    rows.add(
        "another method by a field",
        get.clone().add("x-http-method-override", "DELETE").whole(),
        Invalid,
    );
    rows.add(
        "a path that is not there",
        get.clone().set(":path", "/v1/nothing").whole(),
        Refused(404, "not_found"),
    );
    rows.add(
        "another environment's path with a live key",
        get.clone().set(":path", "/sandbox/v1/orders").whole(),
        Refused(403, "credential_environment_mismatch"),
    );
    rows.add("a trace", get.clone().set(":method", "TRACE").whole(), Refused(405, "method_not_allowed"));
    rows.add(
        "101 fields",
        (0..101).fold(get.clone(), |request, number| request.add(format!("x-{number}"), "1")).whole(),
        Invalid,
    );
    rows.add("5,000 fields", get.whole_with_many(5_000), Invalid);
    rows.add("8,000 fields", get.whole_with_many(8_000), GoAway(ENHANCE_YOUR_CALM));
    rows.add("50,000 fields", get.in_many_frames(50_000), GoAway(ENHANCE_YOUR_CALM));
    rows.add("40 KiB of fields", get.clone().add("x-a", "a".repeat(40_000)).in_pieces(16_000), Invalid);
    rows.add("an expectation that nobody knows", get.add("expect", "200-ok").whole(), Invalid);
}
