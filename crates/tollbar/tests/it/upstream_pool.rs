//! Upstreams with several addresses: the load is spread, what fails is left out, and comes back by itself.

use std::{
    collections::HashSet,
    net::{SocketAddr, TcpListener, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::support::{Connection, Gate, Platform, PlatformBuilder, Reply, Shop, Upstream, get, wait_until};

mod naming;

/// A shop whose live upstream are these servers.
fn shop_of(builder: PlatformBuilder, urls: &[String]) -> Shop {
    let shop = Shop::open_with(builder);
    shop.import(&json!({ "upstream": urls }));
    shop
}

fn one_thread() -> PlatformBuilder {
    Platform::with().set("gateway.threads", "1")
}

fn urls(upstreams: &[Upstream]) -> Vec<String> {
    upstreams.iter().map(Upstream::url).collect()
}

/// A server that is down: its address is nobody else's, and refuses connections.
struct Down {
    address: SocketAddr,
    socket: Socket,
}

impl Down {
    fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        Self { address: socket.local_addr().unwrap().as_socket().unwrap(), socket }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn come_up(self) -> Upstream {
        self.socket.listen(128).unwrap();
        Upstream::behind(self.socket.into())
    }
}

fn metrics(shop: &Shop) -> String {
    get(shop.platform.ops, "/metrics", &[]).text()
}

/// What the metrics say of an address: used or not.
fn is_healthy(shop: &Shop, address: SocketAddr) -> bool {
    let series =
        format!("tollbar_upstream_address_healthy{{upstream=\"http://{address}\",address=\"{address}\"}} ");
    let mut value = None;
    wait_until("the address is in the metrics", || {
        let metrics = metrics(shop);
        value = metrics.lines().find_map(|line| line.strip_prefix(series.as_str()).map(str::to_owned));
        value.is_some()
    });
    value.unwrap() == "1"
}

fn ejections(shop: &Shop, address: SocketAddr) -> u64 {
    let series =
        format!("tollbar_upstream_ejections_total{{upstream=\"http://{address}\",address=\"{address}\"}} ");
    metrics(shop).lines().find_map(|line| line.strip_prefix(series.as_str())?.parse().ok()).unwrap_or(0)
}

/// Sends a request under which the outcome is told apart.
fn post(shop: &Shop, number: usize) -> u16 {
    shop.call("POST", "/v1/orders", &[], format!("{{\"n\":{number}}}").as_bytes()).status
}

/// How often each body arrived anywhere.
fn arrived_twice(upstreams: &[&Upstream]) -> Vec<Vec<u8>> {
    let mut seen = HashSet::new();
    let all = upstreams.iter().flat_map(|upstream| upstream.requests()).filter(|r| r.method == "POST");
    all.map(|request| request.body).filter(|body| !seen.insert(body.clone())).collect()
}

#[test]
fn requests_are_spread_and_go_to_the_address_with_the_fewest() {
    let upstreams = [Upstream::start(), Upstream::start(), Upstream::start()];
    let shop = shop_of(one_thread(), &urls(&upstreams));
    for _ in 0..30 {
        assert_eq!(shop.get("/v1/orders?limit=5").status, 200);
    }
    for upstream in &upstreams {
        assert!((8..=12).contains(&upstream.count()), "{}", upstream.count());
        assert_eq!(upstream.last().header("host"), Some(upstream.address.to_string().as_str()));
        assert_eq!(upstream.last().target, "/orders?limit=5");
    }
    // One is slow: what comes meanwhile goes to the others.
    let gate = Gate::default();
    let held = gate.clone();
    upstreams[0].answer(move |_| Reply::After(held.clone(), Box::new(Reply::json(200, "{}"))));
    let before = upstreams[0].count();
    std::thread::scope(|scope| {
        // One of three in turn goes there.
        let slow = scope.spawn(|| [1, 2, 3].map(|_| shop.get("/v1/orders").status));
        upstreams[0].wait_for(before + 1);
        for _ in 0..20 {
            assert_eq!(shop.get("/v1/events").status, 200);
        }
        assert_eq!(upstreams[0].count(), before + 1);
        gate.open();
        assert_eq!(slow.join().unwrap(), [200; 3]);
    });
}

#[test]
fn an_address_that_refuses_connections_costs_no_request_and_is_used_again_when_it_listens() {
    let (upstream, down) = (Upstream::start(), Down::new());
    let (shop, gone) = (shop_of(Platform::with(), &[upstream.url(), down.url()]), down.address);
    std::thread::scope(|scope| {
        for caller in 0..4 {
            let shop = &shop;
            scope.spawn(move || (0..25).for_each(|n| assert_eq!(post(shop, caller * 100 + n), 200)));
        }
    });
    assert_eq!(upstream.count(), 100);
    assert_eq!(arrived_twice(&[&upstream]), Vec::<Vec<u8>>::new());
    assert!(!is_healthy(&shop, gone) && is_healthy(&shop, upstream.address));
    assert!(ejections(&shop, gone) >= 1 && ejections(&shop, upstream.address) == 0);
    assert_eq!(shop.used(&shop.client.id), 100);
    let returned = down.come_up();
    wait_until("the address is used again", || shop.get("/v1/orders").status == 200 && returned.count() > 1);
    wait_until("its return is shown", || is_healthy(&shop, gone));
    let log = shop.platform.log();
    assert_eq!(log.matches("an upstream's address is back").count(), 1, "{log}");
    assert!(!log.contains("an upstream fails"), "no request failed: {log}");
}

#[test]
fn a_server_that_dies_under_load_loses_only_what_it_had() {
    let upstreams = [Upstream::start(), Upstream::start(), Upstream::start()];
    let shop = shop_of(Platform::with(), &urls(&upstreams));
    let (sent, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let dies = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..60 {
                    let number = sent.fetch_add(1, Ordering::SeqCst);
                    if number == 80 {
                        upstreams[1].stop();
                        dies.store(true, Ordering::SeqCst);
                    }
                    if post(&shop, number) != 200 {
                        failed.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert!(dies.load(Ordering::SeqCst));
    // What it had received and not answered is lost; everything else went to another.
    assert!(failed.load(Ordering::SeqCst) <= 6, "{failed:?}");
    let all: Vec<&Upstream> = upstreams.iter().collect();
    assert_eq!(arrived_twice(&all), Vec::<Vec<u8>>::new());
    assert!(!is_healthy(&shop, upstreams[1].address));
}

#[test]
fn one_that_does_not_answer_is_ejected_after_so_many_and_returns_by_itself() {
    let upstreams = [Upstream::start(), Upstream::start()];
    let builder =
        one_thread().set("upstream.response_timeout_seconds", "1").set("upstream.eject_after_failures", "2");
    let shop = shop_of(builder, &urls(&upstreams));
    upstreams[0].answer(|_| Reply::Silence);
    let mut statuses = Vec::new();
    wait_until("it is ejected", || {
        statuses.push(shop.get("/v1/orders").status);
        !is_healthy(&shop, upstreams[0].address)
    });
    assert_eq!(statuses.iter().filter(|status| **status == 500).count(), 2, "{statuses:?}");
    assert_eq!(upstreams[0].count(), 2, "nothing is asked again");
    // For longer than the first back-off: a write is not what tries whether it answers again.
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(1500) {
        assert_eq!(post(&shop, 0), 200);
    }
    assert_eq!(upstreams[0].count(), 2);
    upstreams[0].answer(|_| Reply::json(200, "{}"));
    wait_until("it is used again", || {
        assert_eq!(shop.get("/v1/orders").status, 200);
        is_healthy(&shop, upstreams[0].address)
    });
}

#[test]
fn where_all_are_down_each_request_tries_and_the_first_that_can_is_answered() {
    let (first, second) = (Down::new(), Down::new());
    let gone = [first.address, second.address];
    let shop = shop_of(Platform::with(), &[first.url(), second.url()]);
    for method in ["GET", "POST"].repeat(3) {
        let response = shop.call(method, "/v1/orders", &[], b"");
        assert_eq!((response.status, response.code().as_str()), (500, "internal_error"));
        let entry = shop.look_up(&response.request_id());
        let detail =
            entry["steps"].as_array().unwrap().last().unwrap()["detail"].as_str().unwrap().to_owned();
        assert!(
            gone.iter().all(|address| detail.contains(&address.to_string())),
            "both were tried: {detail}"
        );
    }
    assert_eq!(shop.used(&shop.client.id), 0);
    let returned = second.come_up();
    // At once: none is waited for when there is no other.
    for _ in 0..10 {
        assert_eq!(shop.get("/v1/orders").status, 200);
    }
    assert_eq!(returned.count(), 10);
}

#[test]
fn a_single_address_is_used_whatever_its_health() {
    let down = Down::new();
    let (shop, gone) = (shop_of(Platform::with(), &[down.url()]), down.address);
    for _ in 0..5 {
        assert_eq!(shop.get("/v1/orders").code(), "internal_error");
    }
    assert!(!is_healthy(&shop, gone));
    let _returned = down.come_up();
    assert_eq!(shop.get("/v1/orders").status, 200);
    assert!(is_healthy(&shop, gone));
}

/// A listener that takes no connection any more: its queue is full.
fn black_hole() -> (TcpListener, Vec<TcpStream>) {
    let Down { address, socket } = Down::new();
    socket.listen(0).unwrap();
    let listener: TcpListener = socket.into();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the queue has no end");
    }
    (listener, waiting)
}

#[test]
fn from_a_black_hole_a_request_goes_on_within_the_connect_time_out() {
    let (upstream, (hole, _waiting)) = (Upstream::start(), black_hole());
    let hole = hole.local_addr().unwrap();
    let builder = one_thread().set("upstream.connect_timeout_seconds", "1");
    let shop = shop_of(builder, &[format!("http://{hole}"), upstream.url()]);
    let mut longest = Duration::ZERO;
    for n in 0..4 {
        let began = Instant::now();
        assert_eq!(post(&shop, n), 200);
        longest = longest.max(began.elapsed());
    }
    assert!((Duration::from_secs(1)..Duration::from_secs(3)).contains(&longest), "{longest:?}");
    assert!(!is_healthy(&shop, hole));
    assert_eq!(upstream.count(), 4);
}

#[test]
fn checks_eject_and_bring_back_and_are_nobodys_requests() {
    let upstreams = [Upstream::start(), Upstream::start()];
    let builder = one_thread()
        .set("upstream.health_path", "/healthz?deep=1")
        .set("upstream.health_seconds", "1")
        .set("upstream.health_timeout_seconds", "1");
    let shop = shop_of(builder, &urls(&upstreams));
    upstreams[0].answer(|request| match request.target.as_str() {
        "/healthz?deep=1" => Reply::json(500, "{}"),
        _ => Reply::json(200, "{}"),
    });
    wait_until("its checks eject it", || !is_healthy(&shop, upstreams[0].address));
    let checked = upstreams[0].requests().pop().unwrap();
    assert_eq!((checked.method.as_str(), checked.header("user-agent")), ("GET", Some("tollbar-health")));
    assert_eq!(checked.header("host"), Some(upstreams[0].address.to_string().as_str()));
    for _ in 0..10 {
        assert_eq!(shop.get("/v1/orders").status, 200);
    }
    let orders = |upstream: &Upstream| upstream.requests().iter().filter(|r| r.target == "/orders").count();
    assert_eq!(upstreams.each_ref().map(orders), [0, 10]);
    upstreams[0].answer(|_| Reply::json(302, "{}"));
    wait_until("its checks bring it back", || is_healthy(&shop, upstreams[0].address));
    // A check that is not answered in time has failed.
    upstreams[1].answer(|_| Reply::Silence);
    wait_until("silence ejects", || !is_healthy(&shop, upstreams[1].address));
    assert_eq!(shop.used(&shop.client.id), 10);
    assert!(metrics(&shop).contains("tollbar_upstream_failures_total 0\n"));
    let listed = shop.platform.read("/requests");
    let paths: Vec<&Value> = listed["requests"].as_array().unwrap().iter().map(|r| &r["path"]).collect();
    assert!(paths.iter().all(|path| *path == "/v1/orders"), "{paths:?}");
}

#[test]
fn answers_that_say_unavailable_count_only_where_that_is_asked_for() {
    for (setting, ejects) in [("false", false), ("true", true)] {
        let upstreams = [Upstream::start(), Upstream::start()];
        let builder = one_thread()
            .set("upstream.eject_on_unavailable", setting)
            .set("upstream.eject_after_failures", "2");
        let shop = shop_of(builder, &urls(&upstreams));
        upstreams[0].answer(|_| Reply::json(503, "{}"));
        let failed = (0..20).filter(|_| shop.get("/v1/orders").status == 500).count();
        assert_eq!(is_healthy(&shop, upstreams[0].address), !ejects);
        if ejects {
            assert!((2..=4).contains(&failed), "{failed}");
        } else {
            assert!((9..=11).contains(&failed), "{failed}");
        }
    }
}

#[test]
fn what_may_have_arrived_is_sent_to_no_other_address() {
    let upstreams = [Upstream::start(), Upstream::start()];
    let shop = shop_of(one_thread(), &urls(&upstreams));
    for _ in 0..4 {
        assert_eq!(shop.get("/v1/orders").status, 200);
    }
    for upstream in &upstreams {
        upstream.answer(|_| Reply::Close);
    }
    // Each has an idle connection, which it closes as it is used.
    let before = upstreams.each_ref().map(Upstream::count).iter().sum::<usize>();
    for number in 0..2 {
        let mut connection = Connection::open(shop.platform.gateway);
        let (key, body) = (&shop.client.key, format!("{{\"n\":{number}}}"));
        let fields = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        connection.send(format!("POST /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n{fields}"));
        assert_eq!(connection.receive().status, 500);
    }
    assert_eq!(upstreams.each_ref().map(Upstream::count).iter().sum::<usize>(), before + 2);
    assert!(
        upstreams.iter().all(|upstream| is_healthy(&shop, upstream.address)),
        "that is no fault of theirs"
    );
    for upstream in &upstreams {
        upstream.answer(|_| Reply::json(200, "{}"));
    }
    assert_eq!(shop.get("/v1/orders").status, 200);
}
