use super::*;

#[test]
fn urls_are_read_or_refused_with_a_reason() {
    let right = [
        ("http://orders.internal", false, "orders.internal", 80),
        ("http://orders.internal:8080/api/v2", false, "orders.internal", 8080),
        ("http://[2001:db8::1]:9000/", false, "2001:db8::1", 9000),
        ("http://[2001:db8::1]", false, "2001:db8::1", 80),
        ("http://192.0.2.1:1", false, "192.0.2.1", 1),
        ("https://orders.internal", true, "orders.internal", 443),
        ("https://orders.internal/api/v2", true, "orders.internal", 443),
        ("HTTPS://orders.internal:8443", true, "orders.internal", 8443),
        ("https://[2001:db8::1]", true, "2001:db8::1", 443),
        ("https://orders.internal:80", true, "orders.internal", 80),
    ];
    for (url, is_tls, host, port) in right {
        assert_eq!(parse_upstream(url), Ok(Target { is_tls, host: host.to_owned(), port }), "{url}");
    }
    let wrong = [
        ("ftp://orders.internal", "http:// or https://"),
        ("https://user:pw@orders.internal", "user name"),
        ("https://orders.internal:0", "port"),
        ("orders.internal:80", "http://"),
        ("/orders", "http://"),
        ("", "not a URL"),
        ("http://", "not a URL"),
        ("http://user:pw@orders.internal", "user name"),
        ("http://orders.internal?x=1", "query"),
        ("http://orders.internal/#x", "#"),
        ("http://orders.internal/a/../b", "`..`"),
        ("http://orders.internal/%2e%2e/b", "`..`"),
        ("http://orders.internal:0", "port"),
        ("http://orders.internal:99999", ""),
        ("http://orders.internal:/x", "port"),
    ];
    for (url, word) in wrong {
        let refused = parse_upstream(url).unwrap_err();
        assert!(refused.contains(word), "{url}: {refused}");
        assert!(!refused.contains("pw"), "{refused}");
    }
}

#[tokio::test]
async fn what_points_at_ourselves_is_refused() {
    let own: Vec<SocketAddr> = vec!["127.0.0.1:9901".parse().unwrap(), "0.0.0.0:9902".parse().unwrap()];
    for url in [
        "http://127.0.0.1:9901",
        "https://127.0.0.1:9901",
        "http://127.9.9.9:9901/x",
        "http://localhost:9901",
        "http://LOCALHOST.:9901",
        "http://[::1]:9901",
        "http://[::ffff:127.0.0.1]:9901",
        "http://0.0.0.0:9902",
        "http://[::]:9902",
        "http://2130706433:9901",
        "http://0x7f.1:9901",
    ] {
        let refused = check_upstream("upstream", url, &own, true, &mut Vec::new()).await.unwrap_err();
        assert!(refused.message.contains("Tollbar itself"), "{url}: {}", refused.message);
    }
    for (url, stored) in [
        ("http://127.0.0.1:9903/", "http://127.0.0.1:9903"),
        ("http://192.0.2.1:9902/api/", "http://192.0.2.1:9902/api"),
    ] {
        let mut warnings = Vec::new();
        assert_eq!(check_upstream("upstream", url, &own, true, &mut warnings).await.unwrap(), stored);
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_cannot_be_trusted_is_warned_of() {
    for (url, known, warned) in [
        ("https://192.0.2.1", false, true),
        ("https://192.0.2.1", true, false),
        ("http://192.0.2.1", false, false),
    ] {
        let mut warnings = Vec::new();
        check_upstream("upstream", url, &[], known, &mut warnings).await.unwrap();
        assert_eq!(
            warnings.iter().any(|warning| warning.contains("upstream.ca_file")),
            warned,
            "{url} {known}"
        );
    }
}
