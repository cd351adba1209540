//! How much of a body is read, when, and how much of all bodies together.

use super::*;

fn head(described: &Described, target: &str, fields: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n{fields}\r\n", described.key)
}

/// JSON of so many bytes.
fn order(length: usize) -> String {
    let order = r#"{"id":"1","note":""}"#;
    order.replace("\"\"", &format!("\"{}\"", "x".repeat(length - order.len())))
}

#[test]
fn a_body_is_read_whole_up_to_a_limit_and_refused_beyond_it() {
    let limited = Platform::with().set("gateway.checked_body_limit_bytes", "200000");
    let described = Described::open_with(limited, ORDERS);
    for length in [60_000, 70_000, 200_000] {
        described.passes("POST", "/v1/x/orders", &[JSON], order(length).as_bytes());
    }
    let seen = described.upstream.bytes_seen();
    let beyond = order(200_001);
    let sent = [
        head(&described, "/v1/x/orders", "Content-Type: application/json\r\nContent-Length: 200001\r\n")
            + &beyond,
        head(&described, "/v1/x/orders", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n")
            + &format!("{:x}\r\n{beyond}\r\n0\r\n\r\n", beyond.len()),
        head(
            &described,
            "/v1/x/orders",
            "Content-Type: application/json\r\nContent-Length: 200001\r\nIdempotency-Key: a\r\n",
        ) + &beyond,
    ];
    for bytes in sent {
        let refused = send_raw(described.platform.gateway, bytes);
        assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_request"));
        assert_eq!(refused.message(), "the request body is larger than 200000 bytes, the limit here");
    }
    assert_eq!(described.upstream.bytes_seen(), seen);
    // What is not checked streams.
    described.passes("POST", "/v1/x/files", &[], &vec![7; 1_000_000]);
    described.passes("POST", "/v1/x/trusted", &[JSON], &vec![7; 1_000_000]);
}

#[test]
fn chunks_are_put_together_before_they_are_checked() {
    let described = Described::open(ORDERS);
    let fields = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    let chunked = |body: &[u8]| {
        let chunks = body.chunks(1).map(|byte| format!("1\r\n{}\r\n", char::from(byte[0])));
        head(&described, "/v1/x/orders", fields) + &chunks.collect::<String>() + "0\r\n\r\n"
    };
    let right = br#"{"id":"\u00e9"}"#;
    assert_eq!(send_raw(described.platform.gateway, chunked(right)).status, 200);
    assert_eq!(described.upstream.last().body, right);
    let refused = send_raw(described.platform.gateway, chunked(br#"{"id":"a","id":"b"}"#));
    assert_eq!(refused.message(), r#"body field "id" is given twice"#);
    assert_eq!(described.upstream.count(), 1);
}

#[test]
fn a_body_is_invited_only_when_it_can_be_right() {
    let described = Described::open(ORDERS);
    let length = "Expect: 100-continue\r\nContent-Length: 10\r\n";
    for (fields, expected) in [
        ("Content-Type: text/csv\r\n", "header \"Content-Type\" must be"),
        ("", "header \"Content-Type\" is required"),
        (
            "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
            "header \"Content-Encoding\" must be left out",
        ),
    ] {
        let refused = send_raw(
            described.platform.gateway,
            head(&described, "/v1/x/orders", &(length.to_owned() + fields)),
        );
        assert!(refused.message().contains(expected), "{}", refused.message());
    }
    let mut connection = Connection::open(described.platform.gateway);
    connection.send(head(
        &described,
        "/v1/x/orders",
        "Expect: 100-continue\r\nContent-Length: 8388609\r\nContent-Type: application/json\r\n",
    ));
    assert_eq!(connection.receive_head().0, 400, "it is too large: nothing invites it");
    // One that comes unasked is read, and the connection goes on.
    let mut connection = Connection::open(described.platform.gateway);
    for _ in 0..2 {
        connection.send(
            head(&described, "/v1/x/orders", "Content-Type: text/csv\r\nContent-Length: 3\r\n") + "a,b",
        );
        assert_eq!(connection.receive().code(), "invalid_request");
    }
    let mut connection = Connection::open(described.platform.gateway);
    connection.send(head(&described, "/v1/x/orders", &format!("{length}Content-Type: application/json\r\n")));
    assert_eq!(connection.receive_head().0, 100);
    connection.send("{\"id\":\"1\"}");
    assert_eq!(connection.receive().status, 200);
    assert_eq!(described.upstream.count(), 1);
}

#[test]
fn bodies_that_are_being_checked_share_the_memory_there_is() {
    const MEBIBYTE: usize = 1024 * 1024;
    let builder = Platform::with().set("gateway.buffer_memory_bytes", &(8 * MEBIBYTE).to_string());
    let described = Described::open_with(builder, ORDERS);
    let held = || {
        let text = get(described.platform.ops, "/metrics", &[]).text();
        let name = "tollbar_buffer_memory_bytes ";
        text.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse::<usize>().unwrap()
    };
    let body = order(MEBIBYTE);
    let fields = format!("Content-Type: application/json\r\nContent-Length: {MEBIBYTE}\r\n");
    // 16 at once are twice what there is.
    let mut uploads: Vec<Connection> = (0..16)
        .map(|_| {
            let mut connection = Connection::open(described.platform.gateway);
            connection.send(head(&described, "/v1/x/orders", &fields));
            let _ = connection.try_send(&body.as_bytes()[..MEBIBYTE - 1]);
            connection
        })
        .collect();
    let whole = MEBIBYTE - 1;
    wait_until("some wait, and the others are refused", || held() % whole == 0 && held() > 0);
    assert!(held() <= 8 * MEBIBYTE);
    assert_eq!(described.upstream.bytes_seen(), 0);
    // What needs no memory is served.
    described.passes("GET", "/v1/x/silent", &[], b"");
    let mut served = 0;
    for upload in &mut uploads {
        let _ = upload.try_send("}");
        let answer = upload.receive();
        match answer.status {
            200 => served += 1,
            _ => assert_eq!((answer.code().as_str(), answer.number("retry-after")), ("internal_error", 1)),
        }
    }
    assert!((1..=8).contains(&served), "{served}");
    wait_until("all is given back", || held() == 0);
    described.passes("POST", "/v1/x/orders", &[JSON], body.as_bytes());
}

#[test]
fn the_order_of_checks_stays() {
    let shop = Shop::open();
    let charged = shop.used(&shop.client.id);
    // A key is looked at, and the body read, before anything is held against the document.
    let both = [("Idempotency-Key", ""), ("Content-Type", "text/plain")];
    let refused = shop.call("POST", "/v1/orders", &both, b"{}");
    assert_eq!(shop.look_up(&refused.request_id())["refused_at"], json!("idempotency"));
    let refused = shop.call("POST", "/v1/orders", &[("Content-Type", "text/plain")], b"{}");
    assert_eq!(shop.look_up(&refused.request_id())["refused_at"], json!("validity"));
    // A body that is wrong costs nothing of the allowance.
    assert_eq!(shop.used(&shop.client.id), charged);
    assert_eq!(shop.live.bytes_seen(), 0);
}
