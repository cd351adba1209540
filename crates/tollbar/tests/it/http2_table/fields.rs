//! RFC 9113, sections 8.2 and 8.3: names, values, pseudo-header fields.

use super::{
    Expected::{GoAway, Invalid, Passed, Refused, Reset},
    Rows, View,
};
use crate::support::frames::error::PROTOCOL_ERROR;

pub(super) fn add(rows: &mut Rows) {
    add_names_and_values(rows);
    add_pseudo_fields(rows);
    add_methods_and_schemes(rows);
    add_paths(rows);
    add_authorities(rows);
    add_sound_ones(rows);
}

fn add_names_and_values(rows: &mut Rows) {
    let get = rows.get();
    // Section 8.1.1 asks for a reset at least; the library takes what cannot be a field at all for an error of compression.
    for (name, field) in [
        ("an upper-case name", &b"X-Upper"[..]),
        ("a name with one upper-case letter", b"x-uppeR"),
        ("an empty name", b""),
        ("a name with a space", b"x a"),
        ("a name with a space at its end", b"x-a "),
        ("a name with a tab", b"x\ta"),
        ("a name with a colon", b"x:a"),
        ("a name with a carriage return", b"x\ra"),
        ("a name with a line feed", b"x\na"),
        ("a name with a NUL", b"x\0a"),
        ("a name with a DEL", b"x\x7fa"),
        ("a name beyond ASCII", b"x-\xc3\xa9"),
        ("a name with a parenthesis", b"x(a)"),
    ] {
        rows.add(name, get.clone().add(field, "1").whole(), GoAway(PROTOCOL_ERROR));
    }
    for (name, value) in [
        ("a value with a carriage return", &b"a\rb"[..]),
        ("a value with a line feed", b"a\nb"),
        ("a value with both", b"a\r\nb"),
        ("a value with a NUL", b"a\0b"),
        ("a value with a DEL", b"a\x7fb"),
        ("a value with an escape", b"a\x1bb"),
    ] {
        rows.add(name, get.clone().add("x-a", value).whole(), GoAway(PROTOCOL_ERROR));
    }
    for (name, value) in [
        ("a value that begins with a space", " a"),
        ("a value that ends with a space", "a "),
        ("a value that begins with a tab", "\ta"),
        ("a value that ends with a tab", "a\t"),
        ("a value that is a space", " "),
    ] {
        rows.add(name, get.clone().add("x-a", value).whole(), Invalid);
    }
    for (name, field, value) in [
        ("connection", "connection", "close"),
        ("connection that names a field", "connection", "x-api-key"),
        ("keep-alive", "keep-alive", "timeout=5"),
        ("proxy-connection", "proxy-connection", "keep-alive"),
        ("upgrade", "upgrade", "websocket"),
        ("te other than trailers", "te", "gzip"),
        ("te with more than trailers", "te", "trailers, deflate"),
    ] {
        rows.add(name, get.clone().add(field, value).whole(), Reset(PROTOCOL_ERROR));
    }
}

fn add_pseudo_fields(rows: &mut Rows) {
    let get = rows.get();
    for (name, request) in [
        ("a pseudo-field of answers", get.clone().first(":status", "200")),
        ("a pseudo-field after the others", get.clone().without(":path").add(":path", "/v1/orders")),
        ("two methods", get.clone().first(":method", "DELETE")),
        ("two equal methods", get.clone().first(":method", "GET")),
        ("two schemes", get.clone().first(":scheme", "https")),
        ("two paths", get.clone().first(":path", "/v1/reports")),
        ("two authorities", get.clone().first(":authority", "shop.example")),
        ("no method", get.clone().without(":method")),
        ("no scheme", get.clone().without(":scheme")),
        ("no path", get.clone().without(":path")),
        ("an empty path", get.clone().set(":path", "")),
        ("a protocol beside a method that is not CONNECT", get.clone().first(":protocol", "websocket")),
        (
            "an extended CONNECT that was not offered",
            get.clone().set(":method", "CONNECT").first(":protocol", "websocket"),
        ),
        ("a CONNECT with a path", get.clone().set(":method", "CONNECT")),
    ] {
        rows.add(name, request.whole(), Reset(PROTOCOL_ERROR));
    }
    for (name, request) in [
        ("an unknown pseudo-field", get.clone().first(":foo", "1")),
        ("a pseudo-field without a name", get.clone().first(":", "1")),
        ("a pseudo-field in upper case", get.clone().without(":method").first(":Method", "GET")),
        ("an empty method", get.clone().set(":method", "")),
    ] {
        rows.add(name, request.whole(), GoAway(PROTOCOL_ERROR));
    }
    let connect = get.set(":method", "CONNECT").without(":scheme").without(":path");
    rows.add("a CONNECT", connect.whole(), Invalid);
}

fn add_methods_and_schemes(rows: &mut Rows) {
    let get = rows.get();
    for (name, method) in [
        ("a method with a space", &b"GET /v1/reports HTTP/1.1"[..]),
        ("a method with a line break", b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET"),
        ("a method with a NUL", b"GET\0"),
        ("a method with a colon", b"GET:"),
        ("a method beyond ASCII", b"G\xc3\x89T"),
    ] {
        rows.add(name, get.clone().set(":method", method).whole(), GoAway(PROTOCOL_ERROR));
    }
    rows.add(
        "a method in lower case",
        get.clone().set(":method", "get").whole(),
        Refused(405, "method_not_allowed"),
    );
    rows.add("a method of 33 letters", get.clone().set(":method", "G".repeat(33)).whole(), Invalid);
    for (name, scheme) in [
        ("a scheme with a target in it", &b"http://evil.example/?"[..]),
        ("a scheme with a line break", b"http\r\nx: 1"),
        ("a scheme with a space", b"http x"),
        ("a scheme with a colon", b"http:"),
    ] {
        rows.add(name, get.clone().set(":scheme", scheme).whole(), Reset(PROTOCOL_ERROR));
    }
    rows.add("an empty scheme", get.clone().set(":scheme", "").whole(), Invalid);
    rows.add("a scheme that is not ours", get.clone().set(":scheme", "ftp").whole(), Invalid);
    rows.add("a scheme that runs scripts", get.clone().set(":scheme", "javascript").whole(), Invalid);
    rows.add(
        "the scheme of TLS",
        get.clone().set(":scheme", "https").whole(),
        Passed(View::get("/orders").has("x-forwarded-proto", "http")),
    );
    rows.add("a scheme in upper case", get.set(":scheme", "HTTP").whole(), Invalid);
}

fn add_paths(rows: &mut Rows) {
    let get = rows.get();
    for (name, path) in [
        ("a path with a space", &b"/v1/orders /x"[..]),
        ("a path with a version behind it", b"/v1/orders HTTP/1.1\r\nX-A: b"),
        ("a path with a line feed", b"/v1/orders\n"),
        ("a path with a carriage return", b"/v1/orders\r"),
        ("a path with a tab", b"/v1/orders\t"),
        ("a path with a NUL", b"/v1/orders\0"),
        ("a path with a DEL", b"/v1/orders\x7f"),
        ("a path without a slash", b"v1/orders"),
        ("an absolute URL for a path", b"http://evil.example/v1/orders"),
        ("a path with angle brackets", b"/v1/orders/<a>"),
    ] {
        rows.add(name, get.clone().set(":path", path).whole(), Reset(PROTOCOL_ERROR));
    }
    for (name, path) in [
        ("a query alone", "?limit=5"),
        ("an asterisk with GET", "*"),
        ("a path beyond ASCII", "/v1/orders/\u{e9}"),
        ("a path with half an escape", "/v1/orders/%2"),
        ("a path with an escape that is none", "/v1/orders/%zz"),
        ("a path with a backslash", "/v1\\orders"),
        ("a path with quotes", "/v1/orders/\"a\""),
        ("a path with dots", "/v1/reports/../orders"),
        ("a path with escaped dots", "/v1/reports/%2e%2e/orders"),
    ] {
        rows.add(name, get.clone().set(":path", path).whole(), Invalid);
    }
    rows.add(
        "a path over 8 KiB",
        get.clone().set(":path", format!("/v1/orders/{}", "a".repeat(8192))).whole(),
        Invalid,
    );
    for (name, path) in
        [("a path with two slashes", "//v1/orders"), ("an authority for a path", "//evil.example/v1/orders")]
    {
        rows.add(name, get.clone().set(":path", path).whole(), Invalid);
    }
    rows.add("a fragment", get.clone().set(":path", "/v1/orders#x").whole(), Passed(View::get("/orders")));
    rows.add(
        "a fragment that hides a path",
        get.clone().set(":path", "/v1/orders#/../reports").whole(),
        Passed(View::get("/orders")),
    );
    for (name, path, target) in [
        ("an escaped slash", "/v1/orders/a%2Fb", "/orders/a%2Fb"),
        ("a query", "/v1/orders?limit=5", "/orders?limit=5"),
        ("an empty query", "/v1/orders?", "/orders?"),
        ("a query with a question mark", "/v1/orders/1?a=?", "/orders/1?a=?"),
        ("a parameter with signs", "/v1/orders/a;b=c,d:e@f!$&'()*+", "/orders/a;b=c,d:e@f!$&'()*+"),
    ] {
        rows.add(name, get.clone().set(":path", path).whole(), Passed(View::get(target)));
    }
}

fn add_authorities(rows: &mut Rows) {
    let get = rows.get();
    for (name, authority) in [
        ("an authority with a path", "shop.example/v1/reports"),
        ("an authority with a query", "shop.example?x"),
        ("an authority with a fragment", "shop.example#x"),
        ("an authority with a space", "shop.example x"),
        ("an authority with a line break", "shop.example\r\nX-A: b"),
        ("an authority with a NUL", "shop.example\0"),
        ("an authority with a backslash", "shop.example\\x"),
        ("an authority with an escape", "shop%2eexample"),
        ("an empty authority", ""),
    ] {
        rows.add(name, get.clone().set(":authority", authority).whole(), Reset(PROTOCOL_ERROR));
    }
    for (name, authority) in [
        ("an authority with a user", "user@shop.example"),
        ("an authority with a user and a password", "user:secret@shop.example"),
        ("an authority with a comma", "shop.example,evil.example"),
        ("an authority with a port out of range", "shop.example:99999"),
        ("an authority with an empty port", "shop.example:"),
        ("an authority of 300 letters", &"a".repeat(300)),
    ] {
        rows.add(name, get.clone().set(":authority", authority).whole(), Invalid);
    }
    let host = |host: &str| get.clone().add("host", host);
    rows.add("a host that is not the authority", host("evil.example").whole(), Invalid);
    rows.add("a host twice", host("shop.example").add("host", "shop.example").whole(), Invalid);
    rows.add("an empty host beside an authority", host("").whole(), Invalid);
    rows.add("neither host nor authority", get.clone().without(":authority").whole(), Invalid);
    let said = || View::get("/orders").has("x-forwarded-host", "shop.example");
    rows.add("a host that is the authority", host("shop.example").whole(), Passed(said()));
    rows.add("a host in other letters", host("SHOP.example").whole(), Passed(said()));
    rows.add("a host for an authority", host("shop.example").without(":authority").whole(), Passed(said()));
    rows.add(
        "a user in the host",
        get.clone().without(":authority").add("host", "user@shop.example").whole(),
        Invalid,
    );
}

fn add_sound_ones(rows: &mut Rows) {
    let get = rows.get();
    let orders = || View::get("/orders");
    rows.add("nothing odd", get.whole(), Passed(orders()));
    rows.add(
        "a value beyond ASCII",
        get.clone().add("x-a", "\u{e9}").whole(),
        Passed(orders().has("x-a", "\u{e9}")),
    );
    rows.add("a tab in a value", get.clone().add("x-a", "a\tb").whole(), Passed(orders().has("x-a", "a\tb")));
    rows.add("an empty value", get.clone().add("x-a", "").whole(), Passed(orders().has("x-a", "")));
    rows.add(
        "te that is trailers",
        get.clone().add("te", "trailers").whole(),
        Passed(orders().has_not("te")),
    );
    rows.add(
        "a cookie in crumbs",
        get.clone().add("cookie", "a=1").add("x-a", "b").add("cookie", "b=2").add("cookie", "c=3").whole(),
        Passed(orders().has("cookie", "a=1; b=2; c=3")),
    );
    rows.add(
        "a priority field",
        get.clone().add("priority", "u=1, i").whole(),
        Passed(orders().has("priority", "u=1, i")),
    );
    rows.add(
        "an expectation without a body",
        get.clone().add("expect", "100-continue").whole(),
        Passed(orders().has_not("expect")),
    );
    rows.add(
        "a trailer field's name announced",
        get.add("trailer", "x-sum").whole(),
        Passed(orders().has_not("trailer")),
    );
}
