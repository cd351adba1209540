//! kill -9 at each moment of a keyed request: the upstream executes at most once, and the repeat gets the stored answer, or hears
//! that nobody knows. `idempotency_outcomes` has the last moment, when the client has its answer.
//!
//! Each moment is seen from outside before the kill: a record in the admin API, bytes in a socket, an execution, an answer that
//! cannot all have left.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::support::{
    BODY, Gate, Platform, Reply, Response, Shop, begin, is_replay, keyed_request, post, wait_until,
};

/// What the admin API says of the key.
fn record(shop: &Shop, key: &str) -> Option<Value> {
    let path = format!("/idempotency/record?client=acme&environment=live&key={key}");
    let response = shop.platform.admin("GET", &path, None);
    (response.status == 200).then(|| response.json())
}

fn wait_for_state(shop: &Shop, key: &str, state: &str) {
    wait_until(state, || record(shop, key).is_some_and(|record| record["state"] == state));
}

/// The repeat is told that nobody knows, as often as it asks; so is the operator.
fn assert_unknown(shop: &Shop, key: &str) -> Response {
    let repeats = [(); 2].map(|()| post(shop, key));
    let first = record(shop, key).unwrap();
    for repeat in &repeats {
        assert_eq!((repeat.status, repeat.header("x-should-retry")), (500, Some("false")), "{repeat:?}");
        let message = repeat.message();
        assert!(message.contains("outcome") && message.contains("unknown"), "{message}");
        assert!(message.contains(first["request_id"].as_str().unwrap()), "{message}");
    }
    assert_eq!(first["state"], "unknown");
    assert_eq!(first["why"], "no answer is recorded: the server may have ended while it was under way");
    assert_eq!(first["endpoint_name"], "POST /v1/orders");
    let listed = shop.platform.read("/idempotency");
    assert_eq!(listed["unknown"], json!([first]));
    repeats.into_iter().next().unwrap()
}

/// A listener whose queue is full: connecting to it does not end.
struct Unreachable {
    listener: Socket,
    /// What fills the queue.
    _queued: Vec<Socket>,
}

impl Unreachable {
    fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        // The queue has a place or two. The first connection that does not come about within a moment is one too many.
        loop {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            let came_about = socket.connect_timeout(&address, std::time::Duration::from_millis(200)).is_ok();
            queued.push(socket);
            if !came_about {
                return Self { listener, _queued: queued };
            }
            assert!(queued.len() < 100, "the queue does not fill");
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap().as_socket().unwrap())
    }
}

#[test]
fn claimed_the_record_is_durable_and_nothing_was_sent() {
    let shop = Shop::open_with(Platform::with().set("upstream.connect_timeout_seconds", "60"));
    let unreachable = Unreachable::new();
    shop.import(&json!({ "upstream": unreachable.url() }));
    let first = begin(&shop, "k");
    wait_for_state(&shop, "k", "under_way");
    assert_eq!(shop.platform.read("/idempotency")["unknown"], json!([]), "what is under way is not unknown");
    let shop = shop.kill_and_restart();
    drop(first);
    // Only the operator can find out that nothing was sent: the record is the same as a moment later.
    shop.import(&json!({}));
    assert_unknown(&shop, "k");
    assert_eq!(shop.live.bytes_seen(), 0);
    let settle = json!({"client": "acme", "environment": "live", "key": "k", "executed": false, "reason": "not there"});
    shop.platform.change("POST", "/idempotency/settle", &settle);
    let again = post(&shop, "k");
    assert!(again.status == 200 && !is_replay(&again), "{again:?}");
    assert!(is_replay(&post(&shop, "k")));
    assert_eq!(shop.live.count(), 1);
}

#[test]
fn sent_the_upstream_has_every_byte_and_has_not_begun() {
    let shop = Shop::open();
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    shop.import(&json!({ "upstream": format!("http://{}", upstream.local_addr().unwrap()) }));
    let first = begin(&shop, "k");
    let (mut stream, _) = upstream.accept().unwrap();
    let mut bytes = vec![0; 64 * 1024];
    wait_until("every byte has come", || {
        let count = stream.peek(&mut bytes).unwrap();
        bytes[..count].ends_with(BODY)
    });
    let shop = shop.kill_and_restart();
    drop(first);
    // It works off what it has, and answers into nothing.
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert!(received.ends_with(BODY));
    let _ = stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}");
    assert_unknown(&shop, "k");
    upstream.set_nonblocking(true).unwrap();
    assert!(upstream.accept().is_err(), "nothing came a second time");
}

#[test]
fn executed_the_answer_is_on_its_way_back() {
    let executions = Arc::new(AtomicUsize::new(0));
    // Nothing of the answer, its head, and half of its body have arrived.
    for part in ["", "HTTP/1.1 201 Created\r\n", "HTTP/1.1 201 Created\r\nContent-Length: 10\r\n\r\n12345"] {
        let shop = Shop::open();
        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        shop.import(&json!({ "upstream": format!("http://{}", upstream.local_addr().unwrap()) }));
        let first = begin(&shop, "k");
        let stream = execute(&upstream, &executions, part);
        let shop = shop.kill_and_restart();
        drop((first, stream));
        assert_unknown(&shop, "k");
        upstream.set_nonblocking(true).unwrap();
        assert!(upstream.accept().is_err(), "nothing came a second time");
    }
    assert_eq!(executions.load(SeqCst), 3);
}

/// Takes a request, carries it out, and answers with a part.
fn execute(upstream: &TcpListener, executions: &AtomicUsize, part: &str) -> TcpStream {
    let (mut stream, _) = upstream.accept().unwrap();
    let mut received = Vec::new();
    while !received.ends_with(BODY) {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).unwrap();
        assert!(count > 0, "it broke off");
        received.extend_from_slice(&piece[..count]);
    }
    executions.fetch_add(1, SeqCst);
    stream.write_all(part.as_bytes()).unwrap();
    stream
}

#[test]
fn stored_the_answer_is_durable_and_not_all_of_it_has_left() {
    // More than the system's buffers of a connection take.
    const LENGTH: usize = 12 << 20;
    let shop = Shop::open_with(Platform::with().set("idempotency.answer_limit_bytes", "16777216"));
    shop.live.answer(|_| Reply::Full { status: 201, headers: vec![], body: vec![b'a'; LENGTH] });
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    client.set_recv_buffer_size(4096).unwrap();
    client.connect(&shop.platform.gateway.into()).unwrap();
    let mut client = TcpStream::from(client);
    client.write_all(keyed_request(&shop, "k").as_bytes()).unwrap();
    client.write_all(BODY).unwrap();
    wait_for_state(&shop, "k", "answered");
    let shop = shop.kill_and_restart();
    let mut received = Vec::new();
    let _ = client.read_to_end(&mut received);
    assert!(received.len() < LENGTH, "the client did not get all of it: {} bytes", received.len());
    let repeat = post(&shop, "k");
    assert!(repeat.status == 201 && is_replay(&repeat), "{}", repeat.status);
    assert!(repeat.body.len() == LENGTH && repeat.body.iter().all(|byte| *byte == b'a'));
    assert_eq!(shop.live.count(), 1);
    assert_eq!(shop.platform.read("/idempotency")["unknown"], json!([]));
}

#[test]
fn a_kill_does_not_make_an_unknown_outcome_known_nor_a_settled_one_unknown() {
    let shop = Shop::open();
    let gate = Gate::default();
    let held = gate.clone();
    shop.live.answer(move |_| Reply::After(held.clone(), Box::new(Reply::json(201, "{}"))));
    let callers = ["a", "b", "c"].map(|key| begin(&shop, key));
    shop.live.wait_for(3);
    let shop = shop.kill_and_restart();
    gate.open();
    drop(callers);
    for (key, executed) in [("a", true), ("b", false)] {
        let settle =
            json!({"client": "acme", "environment": "live", "key": key, "executed": executed, "reason": "r"});
        shop.platform.change("POST", "/idempotency/settle", &settle);
    }
    let shop = shop.kill_and_restart();
    assert!(post(&shop, "a").message().contains("was executed"));
    assert!(record(&shop, "b").is_none(), "its key is free");
    assert_unknown(&shop, "c");
    assert_eq!(shop.live.count(), 3);
}
