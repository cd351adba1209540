//! httpbin behind Tollbar: what is not Tollbar's to change comes through as if nothing stood between.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Connection, Platform, Response, gunzip, request};

mod bin;
mod requests;

use bin::{Bin, assert_untouched};

#[test]
fn every_status_from_200_to_599_passes_or_is_wrapped_as_decided() {
    let bin = Bin::open();
    for status in 200..=599 {
        let what = format!("/status/{status}");
        let direct = request(bin.httpbin.address, "GET", &what, &[], b"");
        let raw = bin.call("GET", &format!("/raw{what}"), &[], b"");
        assert_untouched(&raw, &direct, &format!("pass: {what}"));
        assert_eq!(raw.header("x-error-source"), (status >= 400).then_some("upstream"), "{what}");
        assert_eq!(raw.header("x-error-code"), None, "{what}");

        let through = bin.call("GET", &format!("/bin{what}"), &[], b"");
        // waitress does not let httpbin say 407, and says 500.
        assert_eq!(direct.status, if status == 407 { 500 } else { status }, "{what}");
        let (expected_status, expected_code) = match direct.status {
            200..400 => {
                assert_untouched(&through, &direct, &what);
                continue;
            }
            400 => (400, "invalid_request"),
            404 => (404, "not_found"),
            401 | 500.. => (500, "internal_error"),
            other => (other, "request_rejected"),
        };
        assert_eq!((through.status, through.code().as_str()), (expected_status, expected_code), "{what}");
        assert_eq!(through.header("x-error-source"), Some("upstream"), "{what}");
    }
}

#[test]
fn what_succeeds_is_equal_to_a_direct_call_byte_for_byte() {
    let bin = Bin::open();
    for target in [
        "/html",
        "/xml",
        "/json",
        "/robots.txt",
        "/encoding/utf8",
        "/image/png",
        "/image/svg",
        "/bytes/102400?seed=7",
        "/stream-bytes/102400?seed=7&chunk_size=1000",
        "/range/50000",
        "/base64/VG9sbGJhciDDvMOfw6k=",
        "/links/5/0",
        "/redirect/1",
        "/redirect/3",
        "/absolute-redirect/1",
        "/redirect-to?url=http%3A%2F%2Fshop.example%2F%3Fa%3Db&status_code=307",
        "/cookies/set?a=1&b=2",
        "/response-headers?Set-Cookie=a%3D1&Set-Cookie=b%3D2&X-Odd=a%20%20%2C%3Bx",
    ] {
        let [through, direct] = bin.both("GET", target, &[], b"");
        assert_untouched(&through, &direct, target);
    }
    for (target, name, value, status) in [
        ("/range/50000", "Range", "bytes=100-199", 206),
        ("/etag/abc", "If-None-Match", "\"abc\"", 304),
        ("/etag/abc", "If-None-Match", "\"other\"", 200),
    ] {
        let [through, direct] = bin.both("GET", target, &[(name, value)], b"");
        assert_eq!(direct.status, status, "{target} {name}");
        if target != "/etag/abc" || status == 304 {
            assert_untouched(&through, &direct, target);
        } else {
            // The body tells who asked.
            assert_eq!((through.status, through.header("etag")), (200, direct.header("etag")));
        }
    }
    for target in ["/html", "/bytes/102400?seed=7", "/stream-bytes/1000?seed=7"] {
        let [through, direct] = bin.both("HEAD", target, &[], b"");
        assert_untouched(&through, &direct, &format!("HEAD {target}"));
        assert!(through.body.is_empty());
    }
}

#[test]
fn compressed_answers_stay_compressed() {
    let bin = Bin::open();
    for (target, encoding) in [("/gzip", "gzip"), ("/deflate", "deflate"), ("/brotli", "br")] {
        let [through, direct] = bin.both("GET", target, &[("Accept-Encoding", "gzip, deflate, br")], b"");
        assert_eq!(through.header("content-encoding"), Some(encoding));
        assert_eq!(through.header("content-encoding"), direct.header("content-encoding"));
        assert_eq!(through.number("content-length"), u64::try_from(through.body.len()).unwrap());
        if encoding == "gzip" {
            let inside: Value = serde_json::from_slice(&gunzip(&through.body)).unwrap();
            assert_eq!((&inside["gzipped"], &inside["method"]), (&json!(true), &json!("GET")));
        }
    }
}

#[test]
fn streams_are_whole_and_are_not_gathered() {
    let bin = Bin::open();
    let [through, direct] = bin.both("GET", "/stream/20", &[], b"");
    let ids = |response: &Response| -> Vec<Value> {
        let text = response.text();
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone()).collect()
    };
    assert_eq!(ids(&through), (0..20).map(Value::from).collect::<Vec<_>>());
    assert_eq!(ids(&through), ids(&direct));
    assert_eq!(through.header("transfer-encoding"), Some("chunked"));

    // Ten bytes over two seconds: the first is here while the last is not yet sent.
    let mut connection = Connection::open(bin.platform.gateway);
    let head =
        format!("GET /bin/drip?numbytes=10&duration=2 HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n\r\n", bin.key);
    connection.send(head);
    let (status, headers) = connection.receive_head();
    assert_eq!(status, 200);
    assert!(headers.contains(&("content-length".to_owned(), "10".to_owned())), "{headers:?}");
    let began = Instant::now();
    assert_eq!(connection.receive_exactly(1), b"*");
    let first = began.elapsed();
    assert_eq!(connection.receive_exactly(9), b"*********");
    assert!(began.elapsed() > first + Duration::from_millis(200), "all came at once, after {first:?}");
}

#[test]
fn a_slow_upstream_is_waited_for_within_the_time_out_and_not_beyond_it() {
    let bin = Bin::open_with(Platform::with().set("upstream.response_timeout_seconds", "2"));
    let patient = bin.call("GET", "/bin/delay/1", &[], b"");
    assert_eq!(patient.status, 200, "{patient:?}");
    let began = Instant::now();
    let refused = bin.call("GET", "/bin/delay/9", &[], b"");
    assert_eq!((refused.status, refused.code().as_str()), (500, "internal_error"));
    assert_eq!(refused.header("x-error-source"), Some("gateway"));
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}
