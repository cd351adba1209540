//! What is not HTTP/1 at all, on a port where HTTP/1 is spoken.

use super::row::{Refusal, Row, refusals, whole};

const CONTROL: &str = "control byte";
const SPACES: &str = "with single spaces between them";
const METHOD: &str = "the method is not a valid token";
const LF: &str = "LF without CR";

const WHOLE: &[Refusal] = &[
    ("RFC 8446: a TLS handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03random", CONTROL),
    ("RFC 8446: a TLS alert", b"\x15\x03\x01\x00\x02\x02\x28", CONTROL),
    ("RFC 6101: an SSLv2 hello", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", CONTROL),
    (
        "RFC 9113 3.4: the preface of HTTP/2",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        "the HTTP version is not",
    ),
    ("RFC 9113 4.1: frames of HTTP/2 without a preface", b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", CONTROL),
    ("HTTP/0.9: a path alone", b"GET /v1/orders\r\n\r\n", SPACES),
    ("CVE-2017-7656: HTTP/0.9 with fields", b"GET /v1/orders\r\n$H$K\r\n", SPACES),
    ("PROXY protocol 1 where none is expected", b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET /v1/orders HTTP/1.1\r\n$H$K\r\n", SPACES),
    (
        "PROXY protocol 2 where none is expected",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c\x7f\0\0\x01\x7f\0\0\x01\0\x50\0\x50GET /v1/orders HTTP/1.1\r\n$H$K\r\n",
        "begins with an empty line",
    ),
    ("SOCKS 4", b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00", CONTROL),
    ("SOCKS 5", b"\x05\x01\x00", CONTROL),
    ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n\r\n", SPACES),
    ("SMTP", b"EHLO x\r\nMAIL FROM:<a@x>\r\n\r\n", SPACES),
    ("Redis", b"*1\r\n$4\r\nPING\r\n\r\n", SPACES),
    ("memcached", b"get key\r\n\r\n", SPACES),
    ("FastCGI", b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00", CONTROL),
    ("AJP", b"\x12\x34\x00\x05\x02\x02\x02\x00\x00", CONTROL),
    ("MQTT", b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", CONTROL),
    ("PostgreSQL", b"\x00\x00\x00\x08\x04\xd2\x16\x2f", CONTROL),
    ("DNS over TCP", b"\x00\x1d\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01x", CONTROL),
    ("RTSP", b"DESCRIBE rtsp://x/v1/orders RTSP/1.0\r\nCSeq: 1\r\n\r\n", SPACES),
    ("SIP", b"OPTIONS sip:x SIP/2.0\r\n$H$K\r\n", SPACES),
    ("gopher", b"/v1/orders\r\n\r\n", METHOD),
    ("a JSON document", b"{\"jsonrpc\":\"2.0\"}\r\n\r\n", METHOD),
    ("a JSON document on a line", b"{\"jsonrpc\":\"2.0\"}\n", LF),
    ("HTTP in UTF-16", b"G\0E\0T\0 \0/\0 \0H\0T\0T\0P\0/\x001\0.\x001\0\r\0\n\0", CONTROL),
    ("a gzip stream", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", CONTROL),
];

pub(super) fn rows() -> Vec<Row> {
    refusals(WHOLE, whole).collect()
}
