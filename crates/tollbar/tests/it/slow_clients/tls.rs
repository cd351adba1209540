//! The same where handshakes are slow.

use std::{
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};

use super::{AGE_MAX, FILES, GROWTH_KIB_MAX, REQUESTS_MIN, assert_all_cut, assert_none_left, crowd, source};
use crate::{
    support::{Ending, Shop, Ticker, connect_from, raise_file_limit, resident_kib},
    tls::certificates::Authority,
    tls_live::client::{Caller, trusting},
};
use crowd::{Reads, Slow};

fn hello(config: &Arc<ClientConfig>) -> (ClientConnection, Vec<u8>) {
    let mut connection =
        ClientConnection::new(config.clone(), ServerName::try_from("a.test").unwrap()).unwrap();
    let mut bytes = Vec::new();
    connection.write_tls(&mut bytes).unwrap();
    (connection, bytes)
}

/// A thousand that do not come to a request.
fn kinds(shop: &Shop, config: &Arc<ClientConfig>) -> Vec<Slow> {
    let gateway = shop.platform.gateway;
    let slow = |name, count, first: &[u8], drip| Slow {
        name,
        count,
        open: Box::new(move |number| connect_from(source(number), gateway).unwrap()),
        first: first.to_vec(),
        drip,
        reads: Reads::All,
        age_max: AGE_MAX,
    };
    let (_, hello) = hello(config);
    let config = config.clone();
    let shaken = move |number| {
        let mut stream: TcpStream = connect_from(source(number), gateway).unwrap();
        let (mut connection, bytes) = self::hello(&config);
        std::io::Write::write_all(&mut stream, &bytes).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).unwrap();
        }
        stream
    };
    vec![
        slow("silent", 200, b"", b""),
        slow("one byte", 200, &hello[..1], b""),
        // A record that begins like a handshake, and a length that is never reached.
        slow("byte by byte", 250, &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3], b"\x01"),
        slow("half a hello", 100, &hello[..hello.len() / 2], b""),
        slow("a hello and no more", 150, &hello, b""),
        Slow { open: Box::new(shaken), ..slow("a handshake and no more", 100, b"", b"") },
    ]
}

#[test]
fn a_thousand_slow_handshakes_are_cut_off_and_nobody_else_notices() {
    raise_file_limit(FILES);
    let authority = Authority::new();
    authority.issue("a", &["a.test"]);
    let shop = Shop::open_with(authority.serving(&["a"]).set("gateway.head_timeout_seconds", "2"));
    let tier = serde_json::json!({ "rate_per_minute": 1_000_000 });
    shop.platform.change("PUT", "/tiers/enterprise", &tier);
    let config = trusting(&authority);
    let kinds = kinds(&shop, &config);
    assert_eq!(kinds.iter().map(|slow| slow.count).sum::<usize>(), 1000);
    let (is_full, is_over, made) = (AtomicBool::new(false), AtomicBool::new(false), AtomicUsize::new(0));
    // Two requests on each connection; a new handshake for each other connection.
    let call = |number: usize| {
        let config = if number.is_multiple_of(2) { trusting(&authority) } else { config.clone() };
        let mut caller = Caller::open(shop.platform.gateway, &config, "a.test").unwrap();
        for _ in 0..2 {
            assert_eq!(caller.get("/v1/orders", &shop.client.key).unwrap().status, 200);
        }
    };
    (0..50).for_each(call);
    let before = resident_kib(shop.platform.pid());
    let mut highest = before;
    let (outcomes, _) = std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut ticker, _stop) = Ticker::every(Duration::from_millis(10));
            while !is_over.load(SeqCst) && ticker.tick() {
                call(made.fetch_add(2, SeqCst) / 2);
            }
        });
        let _ending = Ending(&is_over);
        let highest = std::sync::Mutex::new(&mut highest);
        crowd::run(&kinds, &is_full, &|| {
            let mut highest = highest.lock().unwrap();
            **highest = resident_kib(shop.platform.pid()).max(**highest);
            made.load(SeqCst) >= REQUESTS_MIN
        })
    });
    let grown = highest - before;
    println!("{} honest requests; {grown} KiB more than {before} KiB; {outcomes:#?}", made.load(SeqCst));
    assert_all_cut(&outcomes);
    assert_none_left(&shop.platform);
    assert!(grown < GROWTH_KIB_MAX, "{grown} KiB more than {before} KiB");
}
