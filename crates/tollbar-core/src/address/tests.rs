use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const PROXIES: &[&str] = &["10.0.0.0/8"];

/// Address and source. The header that is not to be believed names another one in each request.
fn resolved(peer: Peer, believed: ForwardingHeader, lines: &[&[u8]], trusted: &[&str]) -> (String, String) {
    let mut headers = HeaderMap::new();
    headers.insert("x-forwarded-for", HeaderValue::from_static("6.6.6.6"));
    headers.insert("forwarded", HeaderValue::from_static("for=6.6.6.6"));
    headers.insert("x-real-ip", HeaderValue::from_static("6.6.6.6"));
    headers.remove(believed.name());
    for line in lines {
        headers.append(believed.name(), HeaderValue::from_bytes(line).unwrap());
    }
    let trusted: Vec<IpNet> = trusted.iter().map(|net| parse_network(net).unwrap()).collect();
    let found = resolve_address(peer, &headers, &trusted, believed);
    (found.to_string(), found.source())
}

fn socket(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), 1)
}

#[test]
fn forwarding_headers_are_believed_only_from_trusted_proxies_and_from_the_right() {
    type Row<'a> = (&'a str, &'a [&'a [u8]], &'a [&'a str], &'a str);
    let table: &[Row<'_>] = &[
        ("9.9.9.9", &[b"1.1.1.1"], &[], "9.9.9.9"),
        ("9.9.9.9", &[b"1.1.1.1"], PROXIES, "9.9.9.9"),
        ("10.0.0.1", &[], PROXIES, "10.0.0.1"),
        ("10.0.0.1", &[b"1.1.1.1"], PROXIES, "1.1.1.1"),
        ("10.0.0.1", &[b"6.6.6.6, 1.1.1.1"], PROXIES, "1.1.1.1"),
        ("10.0.0.1", &[b"6.6.6.6, 1.1.1.1, 10.2.2.2"], PROXIES, "1.1.1.1"),
        ("10.0.0.1", &[b"6.6.6.6", b"1.1.1.1", b"10.2.2.2"], PROXIES, "1.1.1.1"),
        ("10.0.0.1", &[b"6.6.6.6, unknown, 10.2.2.2"], PROXIES, "10.2.2.2"),
        // What a stranger wrote does not hide what a proxy added.
        ("10.0.0.1", &[b"\xe9, 1.1.1.1"], PROXIES, "1.1.1.1"),
        ("10.0.0.1", &[b"6.6.6.6, \xe9, 10.2.2.2"], PROXIES, "10.2.2.2"),
        ("10.0.0.1", &[b"\xff\xff", b"1.1.1.1"], PROXIES, "1.1.1.1"),
        ("10.0.0.1", &[b"1.1.1.1\xa0"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", &[b"010.1.1.1"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", &[b"0x7f.1"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", &[b"::ffff:1.2.3.4"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", &[b"[2001:db8::1]:443"], PROXIES, "2001:db8::1"),
        ("10.0.0.1", &[b"1.2.3.4:5678"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", &[b""], PROXIES, "10.0.0.1"),
        ("::ffff:10.0.0.1", &[b"1.1.1.1"], PROXIES, "1.1.1.1"),
    ];
    for (peer, lines, trusted, address) in table {
        let peer = Peer::direct(socket(peer));
        let found = resolved(peer, ForwardingHeader::XForwardedFor, lines, trusted);
        assert_eq!(found.0, *address, "{peer:?} {lines:?}");
    }
}

#[test]
fn forwarded_is_read_strictly_and_from_the_right() {
    let table: &[(&[&[u8]], &str)] = &[
        (&[b"for=1.1.1.1"], "1.1.1.1"),
        (&[b"For=1.1.1.1;Proto=https;By=10.0.0.1"], "1.1.1.1"),
        (&[b"proto=https;for=1.1.1.1;host=\"api.example.com:443\""], "1.1.1.1"),
        (&[b"for=6.6.6.6, for=1.1.1.1"], "1.1.1.1"),
        (&[b"for=6.6.6.6,for=1.1.1.1,for=10.2.2.2"], "1.1.1.1"),
        (&[b"for=6.6.6.6", b"for=1.1.1.1 \t, \t for=10.2.2.2"], "1.1.1.1"),
        (&[b"for=\"[2001:db8::1]:4711\""], "2001:db8::1"),
        (&[b"for=\"[2001:db8::1]\""], "2001:db8::1"),
        (&[b"for=\"[::ffff:1.2.3.4]\""], "1.2.3.4"),
        (&[b"for=\"1.2.3.4:_p-1.x\""], "1.2.3.4"),
        (&[b"for=\"1.2.3.4\""], "1.2.3.4"),
        (&[b"for=1.1.1.1;ext=\"a, for=6.6.6.6\""], "1.1.1.1"),
        (&[b"ext=\"\\\", for=6.6.6.6\";for=1.1.1.1"], "1.1.1.1"),
        (&[b"ext=\"\\\\\";for=1.1.1.1"], "1.1.1.1"),
        (&[b"ext=\"\xe9\";for=1.1.1.1"], "1.1.1.1"),
        // What a stranger wrote does not hide what a proxy added.
        (&[b"for=\"6.6.6.6, for=1.1.1.1"], "1.1.1.1"),
        (&[b"\xff;=,\"\\, for=1.1.1.1"], "1.1.1.1"),
        (&[b"for=\"6.6.6.6", b"for=1.1.1.1"], "1.1.1.1"),
        (&[b"for=\"6.6.6.6\\, for=1.1.1.1;host=\"a\""], "1.1.1.1"),
        // No address: the reading ends.
        (&[b"for=1.1.1.1, for=unknown, for=10.2.2.2"], "10.2.2.2"),
        (&[b"for=1.1.1.1, for=_hidden, for=10.2.2.2"], "10.2.2.2"),
        (&[b"for=1.1.1.1, proto=https"], "10.0.0.1"),
        (&[b"for=unknown"], "10.0.0.1"),
        (&[b"for=\"unknown:80\""], "10.0.0.1"),
        (&[b"for=_"], "10.0.0.1"),
        // Malformed: the reading ends.
        (&[b""], "10.0.0.1"),
        (&[b"for=1.1.1.1,"], "10.0.0.1"),
        (&[b"for=6.6.6.6, , for=10.2.2.2"], "10.2.2.2"),
        (&[b"1.1.1.1"], "10.0.0.1"),
        (&[b"for"], "10.0.0.1"),
        (&[b"for="], "10.0.0.1"),
        (&[b"=1.1.1.1"], "10.0.0.1"),
        (&[b"for =1.1.1.1"], "10.0.0.1"),
        (&[b"for= 1.1.1.1"], "10.0.0.1"),
        (&[b"for=1.1.1.1; proto=https"], "10.0.0.1"),
        (&[b"for=1.1.1.1;"], "10.0.0.1"),
        (&[b";for=1.1.1.1"], "10.0.0.1"),
        (&[b"junk for=1.1.1.1"], "10.0.0.1"),
        (&[b"for=1.1.1.1;for=2.2.2.2"], "10.0.0.1"),
        (&[b"for=1.1.1.1;FOR=1.1.1.1"], "10.0.0.1"),
        (&[b"for=1.1.1.1;a=1;A=1"], "10.0.0.1"),
        (&[b"for=1.1.1.1:80"], "10.0.0.1"),
        (&[b"for=[2001:db8::1]"], "10.0.0.1"),
        (&[b"for=\"2001:db8::1\""], "10.0.0.1"),
        (&[b"for=\"[2001:db8::1\""], "10.0.0.1"),
        (&[b"for=\"[1.2.3.4]\""], "10.0.0.1"),
        (&[b"for=\"1.2.3.4:\""], "10.0.0.1"),
        (&[b"for=\"1.2.3.4:65536\""], "10.0.0.1"),
        (&[b"for=\"1.2.3.4:+1\""], "10.0.0.1"),
        (&[b"for=\"1.2.3.4:_\""], "10.0.0.1"),
        (&[b"for=\" 1.2.3.4\""], "10.0.0.1"),
        (&[b"for=\"1.2.3.\\4\""], "10.0.0.1"),
        (&[b"for=010.1.1.1"], "10.0.0.1"),
        (&[b"for=\"1.1.1.1"], "10.0.0.1"),
        (&[b"for=1.1.1.1\""], "10.0.0.1"),
        (&[b"for=\"1.1.1.1\\\""], "10.0.0.1"),
        (&[b"for=\"1.1.1.1\"\""], "10.0.0.1"),
        (&[b"for='1.1.1.1'"], "10.0.0.1"),
        (&[b"for=1.1.1.1\xa0"], "10.0.0.1"),
        (&[b"a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;i=1;j=1;k=1;l=1;m=1;n=1;o=1;for=1.1.1.1"], "1.1.1.1"),
        (&[b"a=1;b=1;c=1;d=1;e=1;f=1;g=1;h=1;i=1;j=1;k=1;l=1;m=1;n=1;o=1;p=1;for=1.1.1.1"], "10.0.0.1"),
    ];
    for (lines, address) in table {
        let shown: Vec<_> = lines.iter().map(|line| line.escape_ascii().to_string()).collect();
        let peer = Peer::direct(socket("10.0.0.1"));
        assert_eq!(resolved(peer, ForwardingHeader::Forwarded, lines, PROXIES).0, *address, "{shown:?}");
        let stranger = Peer::direct(socket("9.9.9.9"));
        assert_eq!(resolved(stranger, ForwardingHeader::Forwarded, lines, PROXIES).0, "9.9.9.9", "{shown:?}");
    }
}

#[test]
fn chains_of_both_say_how_the_address_was_found() {
    use ForwardingHeader::{Forwarded, XForwardedFor};
    let named = |source: Option<&str>| Peer::named_by(socket("::ffff:10.0.0.1"), source.map(socket));
    let table: &[(Peer, ForwardingHeader, &[u8], &str, &str)] = &[
        (Peer::direct(socket("9.9.9.9")), XForwardedFor, b"1.1.1.1", "9.9.9.9", "peer"),
        (
            Peer::direct(socket("10.0.0.1")),
            XForwardedFor,
            b"1.1.1.1, 10.2.2.2",
            "1.1.1.1",
            "x-forwarded-for from 10.2.2.2",
        ),
        (Peer::direct(socket("10.0.0.1")), Forwarded, b"for=1.1.1.1", "1.1.1.1", "forwarded from 10.0.0.1"),
        (named(Some("9.9.9.9")), XForwardedFor, b"1.1.1.1", "9.9.9.9", "PROXY protocol from 10.0.0.1"),
        (named(Some("::ffff:9.9.9.9")), Forwarded, b"for=1.1.1.1", "9.9.9.9", "PROXY protocol from 10.0.0.1"),
        (
            named(Some("10.3.3.3")),
            XForwardedFor,
            b"6.6.6.6, 1.1.1.1",
            "1.1.1.1",
            "x-forwarded-for from 10.3.3.3, PROXY protocol from 10.0.0.1",
        ),
        (
            named(Some("10.3.3.3")),
            Forwarded,
            b"for=1.1.1.1, for=10.4.4.4",
            "1.1.1.1",
            "forwarded from 10.4.4.4, PROXY protocol from 10.0.0.1",
        ),
        (named(None), XForwardedFor, b"1.1.1.1", "1.1.1.1", "x-forwarded-for from 10.0.0.1"),
        (named(None), XForwardedFor, b"unknown", "10.0.0.1", "peer"),
    ];
    for (peer, believed, line, address, source) in table {
        let found = resolved(*peer, *believed, &[line], PROXIES);
        assert_eq!(found, ((*address).to_owned(), (*source).to_owned()), "{peer:?} {believed:?}");
    }
}

proptest! {
    /// Whatever the caller sends, the address that our own proxy adds behind it is the one that is found.
    #[test]
    fn a_caller_cannot_hide_what_a_proxy_adds(sent in proptest::collection::vec(32_u8..127, 0..40)) {
        for (believed, added) in [
            (ForwardingHeader::XForwardedFor, "1.1.1.1"),
            (ForwardingHeader::Forwarded, "for=1.1.1.1"),
            (ForwardingHeader::Forwarded, "for=\"1.1.1.1:80\";host=\"a\\\"b\";proto=http"),
        ] {
            let line = [&sent, b", ".as_slice(), added.as_bytes()].concat();
            let peer = Peer::direct(socket("10.0.0.1"));
            prop_assert_eq!(resolved(peer, believed, &[&line], PROXIES).0, "1.1.1.1");
        }
    }
}

#[test]
fn a_list_is_read_strictly() {
    assert_eq!(parse_network("203.0.113.7").unwrap().to_string(), "203.0.113.7/32");
    assert!(parse_network("203.0.113.7/24").unwrap_err().contains("203.0.113.0/24"));
    for wrong in ["", "localhost", "1.2.3", "010.0.0.1", "1.2.3.4/33", "::ffff:1.2.3.0/120"] {
        assert!(parse_network(wrong).is_err(), "{wrong}");
    }
    let list = [parse_network("10.0.0.0/8").unwrap(), parse_network("2001:db8::/32").unwrap()];
    assert!(is_allowed("10.9.9.9".parse().unwrap(), &list));
    assert!(is_allowed("2001:db8::9".parse().unwrap(), &list));
    assert!(!is_allowed("11.0.0.1".parse().unwrap(), &list));
    assert!(is_allowed("11.0.0.1".parse().unwrap(), &[]));
}
