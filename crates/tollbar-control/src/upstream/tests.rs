use super::*;

#[test]
fn urls_are_read_or_refused_with_a_reason() {
    let right = [
        ("http://orders.internal", "orders.internal", 80),
        ("http://orders.internal:8080/api/v2", "orders.internal", 8080),
        ("http://[2001:db8::1]:9000/", "2001:db8::1", 9000),
        ("http://[2001:db8::1]", "2001:db8::1", 80),
        ("http://192.0.2.1:1", "192.0.2.1", 1),
    ];
    for (url, host, port) in right {
        assert_eq!(parse_upstream(url), Ok((host.to_owned(), port)), "{url}");
    }
    let wrong = [
        ("https://orders.internal", "TLS to upstreams"),
        ("ftp://orders.internal", "http://"),
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
        let refused = check_upstream("upstream", url, &own, &mut Vec::new()).await.unwrap_err();
        assert!(refused.message.contains("Tollbar itself"), "{url}: {}", refused.message);
    }
    for (url, stored) in [
        ("http://127.0.0.1:9903/", "http://127.0.0.1:9903"),
        ("http://192.0.2.1:9902/api/", "http://192.0.2.1:9902/api"),
    ] {
        let mut warnings = Vec::new();
        assert_eq!(check_upstream("upstream", url, &own, &mut warnings).await.unwrap(), stored);
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}
