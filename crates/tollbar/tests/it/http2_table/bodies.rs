//! RFC 9113, section 8.1: lengths, bodies and trailers. Of a broken body the upstream sees nothing complete.

use super::{
    Expected::{GoAway, Invalid, Passed, Reset},
    Rows, View,
    request::Request,
};
use crate::support::frames::{
    block, data, error::CANCEL, error::PROTOCOL_ERROR, headers, last_data, last_headers, reset,
};

pub(super) fn add(rows: &mut Rows) {
    add_lengths(rows);
    add_trailers(rows);
}

fn add_lengths(rows: &mut Rows) {
    let (get, post) = (rows.get(), rows.post());
    let of = |length: &str| post.clone().add("content-length", length);
    let with = |request: Request, body: &str| [request.open(), last_data(1, body)].concat();
    let late = |request: Request, body: &str| [request.open(), data(1, body), last_data(1, "")].concat();
    rows.add("a body shorter than its length", with(of("5"), "{}"), Reset(PROTOCOL_ERROR));
    rows.add("a body longer than its length", with(of("1"), "{}"), Reset(PROTOCOL_ERROR));
    rows.add("a body that ends late and short", late(of("5"), "{}"), Reset(PROTOCOL_ERROR));
    rows.add(
        "a body that ends in trailers and short",
        [of("5").open(), data(1, "{}"), last_headers(1, block(&[("x-sum", "1")]))].concat(),
        Reset(PROTOCOL_ERROR),
    );
    rows.add("a length without a body", of("5").whole(), Reset(PROTOCOL_ERROR));
    rows.add(
        "a length on a GET without a body",
        get.add("content-length", "5").whole(),
        Reset(PROTOCOL_ERROR),
    );
    rows.add("a length of nothing, and a body", with(of("0"), "{}"), Reset(PROTOCOL_ERROR));
    for (name, length) in [
        ("a length with a sign", "+2"),
        ("a negative length", "-2"),
        ("a length in hexadecimal", "0x2"),
        ("a length with a fraction", "2.0"),
        ("a length that is a list", "2,2"),
        ("an empty length", ""),
        ("a length over 64 bits", "18446744073709551618"),
        ("a length with a space in it", "2 2"),
    ] {
        rows.add(name, with(of(length), "{}"), Reset(PROTOCOL_ERROR));
    }
    for (name, request) in
        [("a length with a zero before it", of("02")), ("a length twice", of("2").add("content-length", "2"))]
    {
        rows.add(name, with(request, "{}"), Invalid);
    }
    // Refused before any of it has come.
    rows.add("a length over 63 bits", of("9223372036854775808").open(), Invalid);
    rows.add("two lengths", with(of("2").add("content-length", "3"), "{}"), Reset(PROTOCOL_ERROR));
    rows.add(
        "a length that is right",
        with(of("2"), "{}"),
        Passed(View::post(b"{}").has("content-length", "2").has_not("transfer-encoding")),
    );
    rows.add(
        "no length",
        with(post.clone(), "{}"),
        Passed(View::post(b"{}").has("content-length", "2").has_not("transfer-encoding")),
    );
    rows.add(
        "a body in pieces",
        [post.open(), data(1, "{"), data(1, ""), data(1, "}"), last_data(1, "")].concat(),
        Passed(View::post(b"{}")),
    );
    rows.add("a length of nothing", of("0").whole(), Passed(View::post(b"")));
    rows.add("no body at all", post.whole(), Passed(View::post(b"")));
    rows.add("a body that is empty", with(post.clone(), ""), Passed(View::post(b"")));
    rows.add(
        "a body that is taken back",
        [post.open(), data(1, "{"), reset(1, CANCEL), last_data(1, "}")].concat(),
        Reset(crate::support::frames::error::STREAM_CLOSED),
    );
}

fn add_trailers(rows: &mut Rows) {
    let post = rows.post();
    let with =
        |trailers: &[(&str, &str)]| [post.open(), data(1, "{}"), last_headers(1, block(trailers))].concat();
    let passed = || View::post(b"{}").has_not("x-sum").has_not("x-api-key");
    rows.add("trailers", with(&[("x-sum", "1")]), Passed(passed()));
    rows.add("no trailers in their frame", with(&[]), Passed(passed()));
    rows.add(
        "trailers without a body",
        [post.open(), last_headers(1, block(&[("x-sum", "1")]))].concat(),
        Passed(View::post(b"")),
    );
    for (name, trailer) in [
        ("a coding in trailers", ("transfer-encoding", "chunked")),
        ("connection in trailers", ("connection", "close")),
    ] {
        rows.add(name, with(&[trailer]), Reset(PROTOCOL_ERROR));
    }
    for (name, trailer) in [
        ("a length in trailers", ("content-length", "2")),
        ("a host in trailers", ("host", "evil.example")),
        ("a credential in trailers", ("authorization", "Bearer x")),
    ] {
        rows.add(name, with(&[trailer]), Invalid);
    }
    for (name, trailer) in
        [("upper case in trailers", ("X-Sum", "1")), ("a line break in trailers", ("x-sum", "1\r\nx: y"))]
    {
        rows.add(name, with(&[trailer]), GoAway(PROTOCOL_ERROR));
    }
    // The library takes these out of trailers by itself; trailers do not go on in any case.
    for (name, trailer) in [
        ("a pseudo-field in trailers", (":path", "/v1/reports")),
        ("a status in trailers", (":status", "200")),
    ] {
        rows.add(name, with(&[trailer]), Passed(passed()));
    }
    rows.add(
        "trailers that do not end the stream",
        [post.open(), data(1, "{}"), headers(1, block(&[("x-sum", "1")]))].concat(),
        Reset(PROTOCOL_ERROR),
    );
}
