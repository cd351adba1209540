//! Large and slow bodies pass piece by piece, in both directions, without being gathered.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
};

use serde_json::json;

use crate::support::{Connection, Gate, Platform, Reply, Shop, wait_until};

const LARGE_BYTES: usize = 50_000_000;
const GROWTH_MAX_BYTES: usize = 20_000_000;

fn pattern(length: usize) -> Vec<u8> {
    let block: Vec<u8> = (0..=250).collect();
    block.iter().copied().cycle().take(length).collect()
}

/// The most memory that the process ever had.
pub(crate) fn peak_bytes(platform: &Platform) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", platform.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}

/// An upstream that is written by hand: serves one connection.
fn upstream(shop: &Shop, serve: impl FnOnce(TcpStream) + Send + 'static) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    shop.import(&json!({ "upstream": format!("http://{}", listener.local_addr().unwrap()) }));
    std::thread::spawn(move || serve(listener.accept().unwrap().0));
}

fn read_head(stream: &mut TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
}

fn get(shop: &Shop, target: &str) -> Connection {
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send(format!("GET {target} HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n\r\n", shop.client.key));
    connection
}

fn upload(shop: &Shop, framing: &str) -> Connection {
    let mut connection = Connection::open(shop.platform.gateway);
    let key = &shop.client.key;
    connection.send(format!("POST /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n{framing}\r\n\r\n"));
    connection
}

#[test]
fn events_pass_one_by_one_as_they_come() {
    let shop = Shop::open();
    let events = ["data: one\n\n", "data: two\n\n", "data: three\n\n"];
    let gates = [Gate::default(), Gate::default(), Gate::default()];
    let chunks: Vec<_> = gates.iter().cloned().zip(events.map(|event| event.as_bytes().to_vec())).collect();
    shop.live.answer(move |_| Reply::Chunks(chunks.clone()));
    let mut connection = get(&shop, "/v1/events");
    let (status, headers) = connection.receive_head();
    assert_eq!(status, 200, "the head does not wait for the first event");
    assert!(headers.contains(&("content-type".to_owned(), "text/event-stream".to_owned())));
    for (gate, event) in gates.iter().zip(events) {
        gate.open();
        assert_eq!(connection.receive_chunk().unwrap(), event.as_bytes());
    }
    assert_eq!(connection.receive_chunk(), Some(vec![]));
}

#[test]
fn fifty_megabytes_pass_down_and_up_byte_for_byte_and_are_not_gathered() {
    let shop = Shop::open();
    assert_eq!(shop.call("POST", "/v1/orders", &[], &pattern(100_000)).status, 200);
    let (before, large) = (peak_bytes(&shop.platform), pattern(LARGE_BYTES));
    let body = large.clone();
    shop.live.answer(move |received| match received.method.as_str() {
        "GET" => Reply::Full { status: 200, headers: vec![], body: body.clone() },
        _ => Reply::json(201, "{}"),
    });
    let response = shop.get("/v1/orders");
    assert!(response.status == 200 && response.body == large, "{} bytes", response.body.len());
    assert_eq!(shop.call("POST", "/v1/orders", &[], &large).status, 201);
    assert!(shop.live.last().body == large);
    let mut chunked = upload(&shop, "Transfer-Encoding: chunked");
    for chunk in large.chunks(1 << 20) {
        chunked.send(format!("{:x}\r\n", chunk.len()));
        chunked.send(chunk);
        chunked.send("\r\n");
    }
    chunked.send("0\r\n\r\n");
    assert_eq!(chunked.receive().status, 201);
    assert!(shop.live.last().body == large);
    let grown = peak_bytes(&shop.platform) - before;
    assert!(grown < GROWTH_MAX_BYTES, "grown by {grown} bytes");
}

#[test]
fn callers_that_do_not_read_hold_the_upstream_back_and_not_the_memory() {
    let shop = Shop::open();
    let large = pattern(LARGE_BYTES);
    shop.live.answer(move |received| match received.target.as_str() {
        "/orders/large" => Reply::Full { status: 200, headers: vec![], body: large.clone() },
        _ => Reply::json(200, "{}"),
    });
    shop.get("/v1/orders");
    let before = peak_bytes(&shop.platform);
    let held: Vec<Connection> = (0..4).map(|_| get(&shop, "/v1/orders/large")).collect();
    shop.live.wait_for(5);
    for _ in 0..200 {
        assert_eq!(shop.get("/v1/orders").status, 200, "others are served");
    }
    let grown = peak_bytes(&shop.platform) - before;
    assert!(grown < GROWTH_MAX_BYTES, "grown by {grown} bytes");
    drop(held);
}

#[test]
fn an_upstream_may_answer_while_the_request_is_still_coming() {
    let shop = Shop::open();
    let (pieces, piece) = (5, pattern(100_000));
    let expected = piece.len();
    upstream(&shop, move |mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
        let mut piece = vec![0; expected];
        for number in 0..pieces {
            stream.read_exact(&mut piece).unwrap();
            stream.write_all(format!("1\r\n{number}\r\n").as_bytes()).unwrap();
        }
        stream.write_all(b"0\r\n\r\n").unwrap();
    });
    let mut connection = upload(&shop, &format!("Content-Length: {}", pieces * piece.len()));
    for number in 0..pieces {
        connection.send(&piece);
        if number == 0 {
            assert_eq!(connection.receive_head().0, 200);
        }
        assert_eq!(connection.receive_chunk().unwrap(), number.to_string().as_bytes());
    }
    assert_eq!(connection.receive_chunk(), Some(vec![]));
}

#[test]
fn an_early_answer_is_whole_although_the_upstream_takes_no_more_of_the_request() {
    let shop = Shop::open();
    for length in [0, 5, 40_000] {
        let body = pattern(length);
        let (answered, sent) = (body.clone(), Gate::default());
        let is_sent = sent.clone();
        upstream(&shop, move |mut stream| {
            read_head(&mut stream);
            let head = format!("HTTP/1.1 202 Accepted\r\nContent-Length: {}\r\n\r\n", answered.len());
            stream.write_all(&[head.as_bytes(), &answered].concat()).unwrap();
            is_sent.wait();
            // Closing with unread bytes resets the connection.
            stream.shutdown(Shutdown::Both).unwrap();
        });
        let mut connection = upload(&shop, "Content-Length: 5000000");
        connection.send(pattern(100_000));
        let (status, _) = connection.receive_head();
        assert_eq!(status, 202);
        sent.open();
        let _ = connection.try_send(pattern(4_900_000));
        assert!(connection.receive_rest() == body, "{length} bytes");
    }
}

#[test]
fn a_refusal_by_the_upstream_in_the_middle_of_an_upload_reaches_the_client() {
    let shop = Shop::open();
    upstream(&shop, |mut stream| {
        read_head(&mut stream);
        let body = r#"{"detail":"too large for us"}"#;
        let head = format!("HTTP/1.1 413 Too Large\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut connection = upload(&shop, "Content-Length: 50000000");
    connection.send(pattern(200_000));
    let response = connection.receive();
    assert_eq!((response.status, response.code().as_str()), (413, "request_rejected"));
    assert_eq!(response.message(), "too large for us");
    assert_eq!(response.header("connection"), Some("close"));
    assert!(connection.is_closed());
}

#[test]
fn an_answer_to_a_request_with_a_key_may_come_before_its_body_was_taken() {
    let shop = Shop::open_with(Platform::with().set("idempotency.body_limit_bytes", "20000000"));
    let done = Gate::default();
    let is_done = done.clone();
    upstream(&shop, move |mut stream| {
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 422 No\r\nContent-Length: 2\r\n\r\n{}").unwrap();
        is_done.wait();
    });
    let keyed = |body: &[u8]| shop.call("POST", "/v1/orders", &[("Idempotency-Key", "k")], body);
    let body = pattern(20_000_000);
    assert_eq!(keyed(&body).code(), "request_rejected");
    assert_eq!(keyed(&body).header("idempotent-replayed"), Some("true"));
    done.open();
}

#[test]
fn a_caller_that_takes_nothing_is_cut_off() {
    let shop = Shop::open_with(Platform::with().set("gateway.write_timeout_seconds", "1"));
    let large = pattern(LARGE_BYTES);
    shop.live.answer(move |_| Reply::Full { status: 200, headers: vec![], body: large.clone() });
    let mut connection = get(&shop, "/v1/orders");
    wait_until("the connection is open", || open_connections(&shop) == 1);
    wait_until("the connection is cut", || open_connections(&shop) == 0);
    assert!(connection.receive().truncated);
}

/// Of callers.
fn open_connections(shop: &Shop) -> usize {
    let metrics = crate::support::get(shop.platform.ops, "/metrics", &[]).text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("tollbar_connections "));
    line.unwrap_or_else(|| panic!("{metrics}")).trim().parse().unwrap()
}

#[test]
fn trailers_reach_a_client_that_takes_them() {
    let shop = Shop::open();
    let answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n0\r\n\
                  X-Checksum: 7\r\nX-Request-Id: forged\r\n\r\n";
    shop.live.answer(move |_| Reply::Raw(answer.as_bytes().to_vec()));
    let answer_to = |te: &str| {
        let mut connection = Connection::open(shop.platform.gateway);
        let key = &shop.client.key;
        connection.send(format!(
            "GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n{te}Connection: close\r\n\r\n"
        ));
        let answer = String::from_utf8(connection.receive_rest()).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    // An upstream cannot speak for us there either.
    assert_eq!(answer_to("TE: trailers\r\n"), "2\r\nok\r\n0\r\nx-checksum: 7\r\n\r\n");
    assert_eq!(answer_to(""), "2\r\nok\r\n0\r\n\r\n");
}

#[test]
fn a_client_that_leaves_is_noticed_while_its_upstream_is_silent() {
    let shop = Shop::open();
    let connections = || {
        let metrics = crate::support::get(shop.platform.ops, "/metrics", &[]).text();
        metrics.lines().find_map(|line| line.strip_prefix("tollbar_connections ")).unwrap().to_owned()
    };
    // Before the head of the answer.
    shop.live.answer(|_| Reply::Silence);
    let waiting = get(&shop, "/v1/orders");
    shop.live.wait_for(1);
    assert_eq!(connections(), "1");
    drop(waiting);
    wait_until("the client is gone", || connections() == "0");
    // It was sent and is charged, and support can see what became of it.
    let list = format!("/requests?client={}", shop.client.id);
    let left = || shop.platform.read(&list)["requests"].as_array().unwrap().first().cloned();
    wait_until("it stands in the log", || left().is_some());
    let left = left().unwrap();
    assert_eq!((&left["status"], &left["code"]), (&json!(499), &json!(null)), "{left}");
    assert!(left["message"].as_str().unwrap().contains("left before"), "{left}");
    assert_eq!(shop.used(&shop.client.id), 1);
    // Between two events.
    let chunks = vec![(Gate::opened(), b"one".to_vec()), (Gate::default(), b"two".to_vec())];
    shop.live.answer(move |_| Reply::Chunks(chunks.clone()));
    let mut reading = get(&shop, "/v1/events");
    reading.receive_head();
    assert_eq!(reading.receive_chunk().unwrap(), b"one");
    drop(reading);
    wait_until("the client is gone", || connections() == "0");
    // One that has only finished sending gets its answer.
    shop.live.answer(|_| Reply::json(200, "{}"));
    let finished = get(&shop, "/v1/orders");
    finished.finish_sending();
    let mut finished = finished;
    assert_eq!(finished.receive().status, 200);
}
