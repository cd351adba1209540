//! What a stranger can make grow has an end, and who meets it is told.

use std::net::SocketAddr;

use serde_json::json;

use crate::support::{Connection, Platform, Shop, get, wait_until};

fn request(shop: &Shop) -> String {
    format!("GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n\r\n", shop.client.key)
}

/// So many connections that have been served once and stay open.
fn open_connections(shop: &Shop, count: usize) -> Vec<Connection> {
    let open = |_| {
        let mut connection = Connection::open(shop.platform.gateway);
        connection.send(request(shop));
        assert_eq!(connection.receive().status, 200);
        connection
    };
    (0..count).map(open).collect()
}

/// A request on a new connection from another address of this machine.
fn status_from(source: &str, shop: &Shop) -> u16 {
    use std::io::{Read, Write};
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&format!("{source}:0").parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.connect(&shop.platform.gateway.into()).unwrap();
    let mut stream = std::net::TcpStream::from(socket);
    stream.write_all(request(shop).as_bytes()).unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}

fn metric(shop: &Shop, name: &str) -> u64 {
    let text = get(shop.platform.ops, "/metrics", &[]).text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
}

#[test]
fn one_address_may_have_so_many_connections_and_others_are_served() {
    let shop = Shop::open_with(Platform::with().set("gateway.connections_per_address_max", "3"));
    let mut open = open_connections(&shop, 3);
    let mut one_more = Connection::open(shop.platform.gateway);
    let refused = one_more.receive();
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limit_exceeded"));
    assert_eq!(refused.number("retry-after"), 1);
    assert!(refused.message().contains("connections"), "{}", refused.message());
    assert!(one_more.is_closed());
    let entry = shop.look_up(&refused.request_id());
    assert_eq!((&entry["address"], &entry["refused_at"]), (&json!("127.0.0.1"), &json!("http")), "{entry}");
    assert_eq!(metric(&shop, "tollbar_connections_refused_total"), 1);
    // Those that are open go on, and so does everybody else.
    for connection in &mut open {
        connection.send(request(&shop));
        assert_eq!(connection.receive().status, 200);
    }
    assert_eq!(status_from("127.0.0.2", &shop), 200);
    open.pop();
    wait_until("the closed one is no longer counted", || {
        let mut connection = Connection::open(shop.platform.gateway);
        connection.try_send(request(&shop)).is_ok() && connection.receive().status == 200
    });
}

#[test]
fn a_trusted_proxy_speaks_for_many() {
    let shop = Shop::open_with(
        Platform::with()
            .set("gateway.connections_per_address_max", "3")
            .set("gateway.trusted_proxies", "127.0.0.0/8"),
    );
    assert_eq!(open_connections(&shop, 10).len(), 10);
}

#[test]
fn whom_a_proxy_names_is_counted_like_anyone_else() {
    let shop = Shop::open_with(
        Platform::with()
            .set("gateway.connections_per_address_max", "2")
            .set("gateway.trusted_proxies", "127.0.0.0/8")
            .set("gateway.proxy_protocol", "true"),
    );
    let call = |address: &str| {
        let mut connection = Connection::open(shop.platform.gateway);
        connection.send(format!("PROXY TCP4 {address} 10.0.0.1 4711 443\r\n{}", request(&shop)));
        let response = connection.receive();
        (connection, response.status)
    };
    let open: Vec<_> = (0..2).map(|_| call("203.0.113.7")).collect();
    assert!(open.iter().all(|(_, status)| *status == 200));
    assert_eq!(call("203.0.113.7").1, 429);
    assert_eq!(call("203.0.113.8").1, 200);
}

#[test]
fn bodies_in_memory_have_a_budget_together() {
    const MEBIBYTE: usize = 1024 * 1024;
    let shop = Shop::open_with(Platform::with().set("gateway.buffer_memory_bytes", &MEBIBYTE.to_string()));
    let piece = vec![b'x'; 50_000];
    let begin = || {
        let mut connection = Connection::open(shop.platform.gateway);
        connection.send(format!(
            "POST /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Length: 60000\r\n\r\n",
            shop.client.key
        ));
        connection.send(&piece);
        connection
    };
    // None of them is complete: each waits in memory.
    let waiting = MEBIBYTE / piece.len();
    let mut uploads: Vec<Connection> = (0..waiting).map(|_| begin()).collect();
    let bytes = u64::try_from(waiting * piece.len()).unwrap();
    wait_until("they are in memory", || metric(&shop, "tollbar_buffer_memory_bytes") == bytes);
    let refused = begin().receive();
    assert_eq!((refused.status, refused.code().as_str()), (500, "internal_error"));
    assert_eq!((refused.number("retry-after"), refused.header("connection")), (1, Some("close")));
    assert_eq!(shop.live.bytes_seen(), 0);
    assert_eq!(metric(&shop, "tollbar_overload_refusals_total"), 1);
    // What needs no memory is served, and what waited ends well.
    assert_eq!(shop.get("/v1/orders").status, 200);
    for upload in &mut uploads {
        upload.send(&piece[..10_000]);
        assert_eq!(upload.receive().status, 200);
    }
    assert_eq!(begin_and_end(&shop, &piece), 200);
    assert_eq!(shop.used(&shop.client.id), u64::try_from(waiting).unwrap() + 2);
}

fn begin_and_end(shop: &Shop, body: &[u8]) -> u16 {
    shop.call("POST", "/v1/orders", &[], body).status
}
