//! One process follows another on the same listening sockets, and nobody notices.

mod load;
mod systemd;

use std::{
    fs::File,
    io::ErrorKind,
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Connection, Gate, Platform, PlatformBuilder, Reply, Shop, get, wait_until};
use load::Load;

fn request(shop: &Shop) -> String {
    format!("GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n\r\n", shop.client.key)
}

/// The upstream answers no more until the gate opens.
fn hold(shop: &Shop) -> Gate {
    let gate = Gate::default();
    let held = gate.clone();
    shop.live.answer(move |_| Reply::After(held.clone(), Box::new(Reply::json(200, "{}"))));
    gate
}

/// Sends a request that the upstream does not answer until the gate opens.
fn send_held(shop: &Shop) -> Connection {
    let seen = shop.live.count();
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send(request(shop));
    shop.live.wait_for(seen + 1);
    connection
}

fn wait_for_log(shop: &Shop, text: &str) {
    wait_until(text, || shop.platform.log().contains(text));
}

/// A shop whose client may call as often as it wants to.
fn busy_shop(builder: PlatformBuilder) -> Shop {
    let shop = Shop::open_with(builder);
    shop.platform.change("PUT", "/tiers/bulk", &json!({ "rate_per_minute": 4_000_000 }));
    let client = shop.client("bulk", &json!({ "tier": "bulk", "allowance": 1_000_000_000 }));
    Shop { client, ..shop }
}

#[test]
fn ten_restarts_under_load_lose_no_request_and_no_count() {
    let mut shop = busy_shop(Platform::with().set("gateway.threads", "2"));
    let load = Load::start(&shop);
    for _ in 0..10 {
        load.wait_for_more(300);
        shop.platform.take_over(&[]);
    }
    load.wait_for_more(300);
    let answered = load.stop();
    assert_eq!(answered, shop.live.count(), "every request that the upstream saw was answered");
    assert_eq!(u64::try_from(answered).unwrap(), shop.used(&shop.client.id));
    assert_ready(&shop);
    assert_eq!(shop.platform.log().matches("serving again").count(), 0);
}

/// What the new process says of itself is right.
fn assert_ready(shop: &Shop) {
    let platform = &shop.platform;
    assert_eq!(platform.announced(), Some(platform.pid()));
    let partial = platform.folder().join("ready.json.part");
    wait_until("the ready file is whole", || !partial.exists());
    let ready: Value =
        serde_json::from_slice(&std::fs::read(platform.folder().join("ready.json")).unwrap()).unwrap();
    assert_eq!(ready["gateway"], format!("http://{}", platform.gateway));
    assert_eq!(get(platform.ops, "/readyz", &[]).status, 200);
    assert_eq!(shop.get("/v1/orders").status, 200);
    let socket = std::fs::metadata(platform.data().join("handover.sock")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
}

#[test]
fn the_number_of_threads_may_change_and_every_queue_is_served() {
    let mut shop = busy_shop(Platform::with().set("gateway.threads", "4"));
    let load = Load::start(&shop);
    for threads in ["1", "3", "8", "2", "1"] {
        load.wait_for_more(200);
        shop.platform.take_over(&[("gateway.threads", threads)]);
        // New connections are spread over all queues: one that nobody accepts from would keep some waiting.
        for _ in 0..64 {
            assert_eq!(shop.get("/v1/orders").status, 200);
        }
    }
    assert_eq!(load.stop() + 5 * 64, shop.live.count());
}

#[test]
fn idle_connections_go_on_and_do_not_notice() {
    let mut shop = Shop::open();
    let request = request(&shop);
    let mut connections: Vec<_> = (0..100).map(|_| Connection::open(shop.platform.gateway)).collect();
    // Half of them have had no request at all.
    for connection in &mut connections[..50] {
        connection.send(&request);
        assert_eq!(connection.receive().status, 200);
    }
    for _ in 0..3 {
        shop.platform.take_over(&[]);
        for connection in &mut connections {
            connection.send(&request);
            let response = connection.receive();
            assert_eq!((response.status, response.header("connection")), (200, None));
        }
    }
    assert_eq!(shop.live.count(), 350);
}

#[test]
fn requests_under_way_are_answered_by_the_old_one_and_new_ones_wait_for_the_new_one() {
    let mut shop = Shop::open();
    let gate = hold(&shop);
    let mut held: Vec<_> = (0..3).map(|_| send_held(&shop)).collect();
    let successor = shop.platform.start_successor(&[], &[]);
    wait_for_log(&shop, "handing over");
    // Nobody accepts it for now; nobody refuses it either.
    let mut waiting = Connection::open(shop.platform.gateway);
    waiting.send(request(&shop));
    gate.open();
    for connection in &mut held {
        assert_eq!(connection.receive().status, 200);
    }
    let mut old = shop.platform.succeed(successor);
    assert_eq!(waiting.receive().status, 200);
    // Those that the old one answered go on as well.
    for connection in &mut held {
        connection.send(request(&shop));
        assert_eq!(connection.receive().status, 200);
    }
    old.wait_for_end();
    assert_eq!(shop.live.count(), 7);
    assert_ready(&shop);
}

#[test]
fn an_answer_that_is_still_coming_keeps_nobody_waiting() {
    let mut shop = Shop::open();
    let last = Gate::default();
    let chunks = vec![(Gate::opened(), b"first".to_vec()), (last.clone(), b"last".to_vec())];
    shop.live.answer(move |_| Reply::Chunks(chunks.clone()));
    let mut stream = Connection::open(shop.platform.gateway);
    stream.send(format!("GET /v1/events HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\n\r\n", shop.client.key));
    assert_eq!(stream.receive_head().0, 200);
    assert_eq!(stream.receive_chunk().unwrap(), b"first");
    let successor = shop.platform.start_successor(&[], &[]);
    let mut old = shop.platform.succeed(successor);
    shop.live.answer(|_| Reply::json(200, "{}"));
    assert_eq!(shop.get("/v1/orders").status, 200, "served while the old one still delivers");
    assert!(!old.has_ended());
    last.open();
    assert_eq!(stream.receive_chunk().unwrap(), b"last");
    assert_eq!(stream.receive_chunk().unwrap(), b"");
    old.wait_for_end();
    // And even this connection goes on.
    stream.send(request(&shop));
    assert_eq!(stream.receive().status, 200);
    assert_ready(&shop);
}

#[test]
fn silent_connections_keep_nobody_waiting() {
    let mut shop = Shop::open();
    let Platform { gateway, admin, ops, .. } = shop.platform;
    let mut silent: Vec<_> = [gateway, admin, ops].map(Connection::open).into_iter().collect();
    for (address, path) in [(admin, "/admin/v1/status"), (ops, "/livez")] {
        let mut idle = Connection::open(address);
        idle.send(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n"));
        assert_ne!(idle.receive().status, 0);
        silent.push(idle);
    }
    let began = Instant::now();
    shop.platform.take_over(&[]);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    silent[0].send(request(&shop));
    assert_eq!(silent[0].receive().status, 200);
}

#[test]
fn if_the_old_one_is_killed_meanwhile_the_new_one_goes_on() {
    let mut shop = Shop::open();
    let gate = hold(&shop);
    let mut held = send_held(&shop);
    let successor = shop.platform.start_successor(&[], &[]);
    wait_for_log(&shop, "handing over");
    let mut waiting = Connection::open(shop.platform.gateway);
    waiting.send(request(&shop));
    shop.platform.kill();
    assert!(held.is_closed(), "what was under way is lost, as in any crash");
    gate.open();
    shop.platform.succeed(successor);
    assert_eq!(waiting.receive().status, 200);
    assert!(shop.platform.log().contains("as after a crash"));
    assert_ready(&shop);
}

#[test]
fn if_the_new_one_is_killed_meanwhile_the_old_one_serves_again() {
    let mut shop = Shop::open();
    let mut idle = Connection::open(shop.platform.gateway);
    idle.send(request(&shop));
    assert_eq!(idle.receive().status, 200);
    let gate = hold(&shop);
    let mut held = send_held(&shop);
    let mut successor = shop.platform.start_successor(&[], &[]);
    wait_for_log(&shop, "handing over");
    let mut waiting = Connection::open(shop.platform.gateway);
    waiting.send(request(&shop));
    successor.kill().unwrap();
    successor.wait().unwrap();
    gate.open();
    assert_eq!(held.receive().status, 200);
    assert_eq!(waiting.receive().status, 200);
    for connection in [&mut idle, &mut held] {
        connection.send(request(&shop));
        assert_eq!(connection.receive().status, 200);
    }
    assert!(shop.platform.log().contains("serving again"));
    assert_eq!(shop.used(&shop.client.id), 5);
    assert_ready(&shop);
    // And can be replaced.
    shop.platform.take_over(&[]);
    assert_ready(&shop);
}

#[test]
fn a_new_one_that_cannot_start_changes_nothing() {
    let shop = Shop::open();
    let before = std::fs::read(shop.platform.folder().join("ready.json")).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ended = other_server(&shop, &["--take-over", "--admin", &taken.local_addr().unwrap().to_string()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success() && said.contains("the admin listener cannot listen on"), "{said}");
    wait_for_log(&shop, "nothing changed");
    assert_eq!(std::fs::read(shop.platform.folder().join("ready.json")).unwrap(), before);
    assert!(!shop.platform.log().contains("handing over"));
    assert_ready(&shop);
}

#[test]
fn a_new_one_that_could_not_use_the_store_changes_nothing() {
    let secret = |digits: &str| digits.repeat(32);
    let shop = Shop::open_with(Platform::with().variable("TOLLBAR_MASTER_SECRET", &secret("11")));
    let mut idle = Connection::open(shop.platform.gateway);
    let admin = shop.platform.admin.to_string();
    let refused = |digits: &str, words: &str| {
        let mut command = other_server(&shop, &["--take-over", "--admin", &admin]);
        let ended = command.env("TOLLBAR_MASTER_SECRET", secret(digits)).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && said.contains(words), "{said}");
    };
    refused("22", "does not open the secrets of this store");
    // As a newer version would have it.
    let database = rusqlite::Connection::open(shop.platform.data().join("requests.db")).unwrap();
    database.busy_timeout(Duration::from_secs(10)).unwrap();
    database.pragma_update(None, "user_version", 999).unwrap();
    refused("11", "requests.db has schema 999");
    assert!(!shop.platform.log().contains("handing over"), "it was not asked to leave");
    idle.send(request(&shop));
    assert_eq!(idle.receive().status, 200);
    assert_ready(&shop);
}

/// Serves on the shop's folder, with these options.
fn other_server(shop: &Shop, options: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollbar"));
    command
        .args(["serve", "--data"])
        .arg(shop.platform.data())
        .arg("--ready-file")
        .arg(shop.platform.folder().join("ready.json"))
        .args(["--gateway", &shop.platform.gateway.to_string(), "--ops", "127.0.0.1:0"])
        .args(options)
        .env_clear()
        .current_dir(shop.platform.folder())
        .stdin(Stdio::null());
    command
}

#[test]
fn sockets_that_are_no_longer_wanted_are_closed_and_others_bound() {
    let mut shop = Shop::open();
    let (gateway, admin) = (shop.platform.gateway, shop.platform.admin);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let log = File::options().append(true).open(shop.platform.folder().join("log.txt")).unwrap();
    let successor = other_server(&shop, &["--take-over", "--admin", &free.to_string()])
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut old = shop.platform.succeed(successor);
    old.wait_for_end();
    shop.platform.admin = free;
    assert_ready(&shop);
    assert_eq!(get(gateway, "/v1/health", &[]).status, 200);
    assert_eq!(shop.platform.read("/status")["version"], env!("CARGO_PKG_VERSION"));
    let refused = TcpStream::connect(admin).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "the old address is free");
}

#[test]
fn without_a_running_server_it_is_a_plain_start() {
    let shop = Shop::open();
    let Shop { mut platform, .. } = shop;
    platform.kill();
    // The killed one left its files.
    assert!(platform.data().join("handover.sock").exists());
    let successor = platform.start_successor(&[], &[]);
    platform.succeed(successor);
    assert!(platform.log().contains("a plain start"));
    platform.terminate();
    platform.wait_for_end();
    for file in ["handover.sock", "running.json"] {
        assert!(!platform.data().join(file).exists(), "{file} is gone");
    }
    let platform = platform.restart();
    assert!(platform.data().join("handover.sock").exists());
}

#[test]
fn a_second_server_is_told_of_the_first_and_how_to_replace_it() {
    let shop = Shop::open();
    let ended = other_server(&shop, &["--admin", "127.0.0.1:0"]).output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success());
    for part in
        [&format!("process {}", shop.platform.pid()), "serve --take-over", "in use by another process"]
    {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

#[test]
fn a_data_folder_deep_down_hands_over_too() {
    let builder = PlatformBuilder::default();
    let folder = TempDir::with_prefix("a-folder-with-a-long-name-".repeat(6)).unwrap();
    let process = builder.command(folder.path()).spawn().unwrap();
    let mut platform = Platform::wait_for_start(folder, builder, process);
    let mut connection = Connection::open(platform.gateway);
    platform.take_over(&[]);
    connection.send("GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(connection.receive().status, 200);
}
