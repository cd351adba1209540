use super::{
    super::health::{Change, Failure},
    *,
};

fn server(url: &str) -> Option<Server> {
    let roots = rustls::RootCertStore::empty();
    let tls = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Server::new(&url.parse().unwrap(), &Arc::new(tls))
}

fn at(server: &Server) -> Vec<String> {
    server.addresses().iter().map(|address| address.at.to_string()).collect()
}

fn found(addresses: &[&str]) -> Vec<SocketAddr> {
    addresses.iter().map(|address| address.parse().unwrap()).collect()
}

#[test]
fn a_literal_address_is_known_at_once_and_never_asked_for() {
    for (url, address, origin) in [
        ("http://192.0.2.1/x", "192.0.2.1:80", "http://192.0.2.1"),
        ("https://192.0.2.1", "192.0.2.1:443", "https://192.0.2.1"),
        ("http://[2001:db8::1]:9000", "[2001:db8::1]:9000", "http://[2001:db8::1]:9000"),
    ] {
        let server = server(url).unwrap();
        assert_eq!((at(&server), server.is.origin.as_str()), (vec![address.to_owned()], origin));
        assert!(!server.is_resolution_due(Duration::from_secs(100), Duration::from_secs(1)));
    }
    assert!(server("http://Orders.Internal:80").unwrap().addresses().is_empty());
    assert!(server("/orders").is_none());
}

#[test]
fn a_name_is_asked_for_now_and_then_and_soon_again_where_it_has_no_address() {
    let (server, every) = (server("http://orders.internal").unwrap(), Duration::from_secs(30));
    let is_due = |millis| server.is_resolution_due(Duration::from_millis(millis), every);
    assert!(is_due(0));
    server.resolved_at.store(1000, Ordering::Relaxed);
    assert!(!is_due(1999) && is_due(2000));
    server.replace(&found(&["192.0.2.1:80"]), &Metrics::default());
    assert!(!is_due(2000) && !is_due(30_999) && is_due(31_000));
}

#[test]
fn an_address_that_stays_keeps_its_health_and_one_that_goes_is_forgotten() {
    let (server, metrics) = (server("http://orders.internal").unwrap(), Metrics::default());
    server.replace(&found(&["192.0.2.2:80", "192.0.2.1:80", "[::ffff:192.0.2.1]:80"]), &metrics);
    assert_eq!(at(&server), ["192.0.2.1:80", "192.0.2.2:80"], "in one order, each once");
    let before = server.addresses().clone();
    let now = Duration::from_secs(1);
    assert_eq!(before[1].health.fail(Failure::Connect, now, now, 5), Some(Change::Ejected));
    server.replace(&found(&["192.0.2.1:80", "192.0.2.2:80"]), &metrics);
    assert!(Arc::ptr_eq(&before, &server.addresses()), "nothing is other than it was");
    server.replace(&found(&["192.0.2.3:80", "192.0.2.2:80"]), &metrics);
    assert_eq!(at(&server), ["192.0.2.2:80", "192.0.2.3:80"]);
    assert!(Arc::ptr_eq(&before[1], &server.addresses()[0]) && !before[1].health.is_well());
    let text = metrics.text();
    let line = |address: &str, value: u8| {
        format!("healthy{{upstream=\"http://orders.internal\",address=\"{address}\"}} {value}\n")
    };
    assert!(text.contains(&line("192.0.2.2:80", 0)) && text.contains(&line("192.0.2.3:80", 1)), "{text}");
    assert!(!text.contains("192.0.2.1:80"), "{text}");
    server.hide(&metrics);
    assert!(!metrics.text().contains("192.0.2."));
    let many: Vec<SocketAddr> = (1..=40).map(|n| ([192, 0, 2, n], 80).into()).collect();
    server.replace(&many, &metrics);
    assert_eq!(server.addresses().len(), ADDRESSES_MAX);
}
