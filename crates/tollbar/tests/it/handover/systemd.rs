//! Sockets that systemd holds: here the test does, and a shell passes them on as systemd would.

use std::{
    io::IoSliceMut,
    mem::MaybeUninit,
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixDatagram,
    },
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use serde_json::json;
use tempfile::TempDir;

use crate::support::{Connection, Platform, PlatformBuilder, Shop, get, wait_until};

/// Starts `tollbar` so that its descriptors 3, 4 and 5 are these sockets.
fn activate<S: AsFd>(
    folder: &Path,
    sockets: &[S; 3],
    count: usize,
    names: Option<&str>,
    line: &str,
) -> Child {
    let socket = |number: usize| Stdio::from(sockets[number].as_fd().try_clone_to_owned().unwrap());
    let names = names.map(|names| format!("export LISTEN_FDNAMES={names};")).unwrap_or_default();
    // What was standard input, output and error are the sockets.
    let script = format!(
        "{names} export LISTEN_FDS={count} LISTEN_PID=$$; \
         exec \"$0\" {line} --data data --ready-file ready.json 3<&0 4<&1 5<&2 0</dev/null 1>>log.txt 2>&1"
    );
    Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_tollbar")])
        .current_dir(folder)
        .env_clear()
        // systemd keeps up to 100 descriptors, where it is asked there.
        .envs(folder.join("notify").exists().then(|| ("NOTIFY_SOCKET", folder.join("notify"))))
        .envs(folder.join("notify").exists().then_some(("FDSTORE", "100")))
        .stdin(socket(0))
        .stdout(socket(1))
        .stderr(socket(2))
        .spawn()
        .unwrap()
}

fn sockets() -> [TcpListener; 3] {
    std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap())
}

fn addresses(sockets: &[TcpListener; 3]) -> [SocketAddr; 3] {
    std::array::from_fn(|number| sockets[number].local_addr().unwrap())
}

const FREE: &str = "serve --gateway 127.0.0.1:0 --admin 127.0.0.1:0 --ops 127.0.0.1:0";
const NAMES: Option<&str> = Some("gateway:admin:ops");

#[test]
fn the_sockets_are_known_by_their_names_and_outlive_a_restart() {
    let (folder, sockets) = (TempDir::with_prefix("tollbar-test-").unwrap(), sockets());
    // In another order than the names of the listeners.
    let process = activate(folder.path(), &sockets, 3, Some("ops:gateway:admin"), FREE);
    let mut platform = Platform::wait_for_start(folder, PlatformBuilder::default(), process);
    let [ops, gateway, admin] = addresses(&sockets);
    assert_eq!((platform.gateway, platform.admin, platform.ops), (gateway, admin, ops));
    assert_eq!(get(gateway, "/v1/health", &[]).status, 200);
    platform.change("PUT", "/tiers/seen", &json!({ "rate_per_minute": 7 }));
    platform.terminate();
    platform.wait_for_end();
    // Nobody serves; systemd's socket takes the connection.
    let mut waiting = Connection::open(gateway);
    waiting.send("GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n");
    let process = activate(platform.folder(), &sockets, 3, Some("ops:gateway:admin"), FREE);
    platform.succeed(process);
    assert_eq!(waiting.receive().status, 200);
    assert!(String::from_utf8_lossy(&platform.admin("GET", "/tiers", None).body).contains("seen"));
}

#[test]
fn a_single_socket_is_the_gateway_whatever_its_name() {
    for names in [None, Some("tollbar.socket"), Some("gateway")] {
        let (folder, sockets) = (TempDir::with_prefix("tollbar-test-").unwrap(), sockets());
        let process = activate(folder.path(), &sockets, 1, names, FREE);
        let platform = Platform::wait_for_start(folder, PlatformBuilder::default(), process);
        assert_eq!(platform.gateway, addresses(&sockets)[0]);
        assert_ne!(platform.admin, addresses(&sockets)[1]);
        assert_eq!(get(platform.gateway, "/v1/health", &[]).status, 200);
    }
}

#[test]
fn restarts_under_new_connections_refuse_none() {
    let (folder, sockets) = (TempDir::with_prefix("tollbar-test-").unwrap(), sockets());
    let gateway = addresses(&sockets)[0];
    let process = activate(folder.path(), &sockets, 3, NAMES, FREE);
    let mut platform = Platform::wait_for_start(folder, PlatformBuilder::default(), process);
    let health = "GET /v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let stopped = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    while !stopped.load(Ordering::SeqCst) {
                        let mut connection = Connection::open(gateway);
                        connection.send(health);
                        assert_eq!(connection.receive().status, 200);
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for restart in 1..=5 {
            wait_until("there are answers", || {
                assert!(!callers.iter().any(std::thread::ScopedJoinHandle::is_finished));
                answered.load(Ordering::SeqCst) > 50 * restart
            });
            platform.terminate();
            platform.wait_for_end();
            let process = activate(platform.folder(), &sockets, 3, NAMES, FREE);
            platform.succeed(process);
        }
        stopped.store(true, Ordering::SeqCst);
    });
}

#[test]
fn what_cannot_be_used_is_named() {
    for (count, names, line, said) in [
        (2, Some("gateway:web"), FREE, "named `web`: set FileDescriptorName= of each socket unit"),
        (3, Some("gateway:admin:admin"), FREE, "2 sockets for admin, which has one"),
        (2, None, FREE, "named ``"),
    ] {
        let (folder, sockets) = (TempDir::with_prefix("tollbar-test-").unwrap(), sockets());
        let status = activate(folder.path(), &sockets, count, names, line).wait().unwrap();
        let log = std::fs::read_to_string(folder.path().join("log.txt")).unwrap();
        assert!(!status.success() && log.contains(said), "`{said}` is not in: {log}");
    }
}

#[test]
fn where_the_configuration_says_otherwise_systemd_decides_and_it_is_told() {
    let (folder, sockets) = (TempDir::with_prefix("tollbar-test-").unwrap(), sockets());
    let line = "serve --gateway 127.0.0.1:1 --admin 127.0.0.1:0 --ops 127.0.0.1:0";
    let process = activate(folder.path(), &sockets, 1, None, line);
    let platform = Platform::wait_for_start(folder, PlatformBuilder::default(), process);
    assert_eq!(platform.gateway, addresses(&sockets)[0]);
    assert!(platform.log().contains("gateway.listen = 127.0.0.1:1 is not used"), "{}", platform.log());
}

#[test]
fn a_server_that_systemd_started_can_be_replaced_too() {
    let (folder, sockets) = (TempDir::with_prefix("tollbar-test-").unwrap(), sockets());
    let process = activate(folder.path(), &sockets, 3, NAMES, FREE);
    let platform = Platform::wait_for_start(folder, PlatformBuilder::default(), process);
    let mut shop = Shop::on(platform);
    let mut idle = Connection::open(shop.platform.gateway);
    shop.platform.take_over(&[]);
    idle.send(super::request(&shop));
    assert_eq!(idle.receive().status, 200);
    assert_eq!(shop.platform.gateway, addresses(&sockets)[0]);
    super::assert_ready(&shop);
}

/// Reads what the service says, as systemd does, until the service waits for it. Returns the descriptors to keep.
fn keep_what_comes(notify: &UnixDatagram) -> Vec<OwnedFd> {
    let mut kept = Vec::new();
    loop {
        let mut text = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(64))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let into = &mut [IoSliceMut::new(&mut text)];
        let received = rustix::net::recvmsg(notify, into, &mut control, RecvFlags::CMSG_CLOEXEC).unwrap();
        let descriptors = control.drain().flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect(),
            _ => Vec::new(),
        });
        match std::str::from_utf8(&text[..received.bytes]).unwrap() {
            "FDSTORE=1\nFDNAME=connection" => kept.extend(descriptors),
            "FDSTOREREMOVE=1\nFDNAME=connection" => kept.clear(),
            "BARRIER=1" => return kept,
            other => panic!("what is {other}?"),
        }
    }
}

#[test]
fn where_systemd_keeps_descriptors_idle_connections_go_on_after_a_restart() {
    let (folder, sockets) = (TempDir::with_prefix("tollbar-test-").unwrap(), sockets());
    let notify = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    let process = activate(folder.path(), &sockets, 1, None, FREE);
    let platform = Platform::wait_for_start(folder, PlatformBuilder::default(), process);
    let mut shop = Shop::on(platform);
    let mut idle = [(); 2].map(|()| Connection::open(shop.platform.gateway));
    for restart in 0..3 {
        for connection in &mut idle {
            connection.send(super::request(&shop));
            let response = connection.receive();
            assert_eq!((response.status, response.header("connection")), (200, None), "restart {restart}");
        }
        shop.platform.terminate();
        let kept = keep_what_comes(&notify);
        assert_eq!(kept.len(), 2);
        shop.platform.wait_for_end();
        let passed: [OwnedFd; 3] = std::iter::once(sockets[0].try_clone().unwrap().into())
            .chain(kept)
            .collect::<Vec<_>>()
            .try_into()
            .unwrap();
        let names = Some("tollbar.socket:connection:connection");
        let process = activate(shop.platform.folder(), &passed, 3, names, FREE);
        shop.platform.succeed(process);
        // These two listen somewhere else each time.
        let running = std::fs::read(shop.platform.data().join("running.json")).unwrap();
        let running: serde_json::Value = serde_json::from_slice(&running).unwrap();
        shop.platform.admin =
            running["admin"].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
    }
    assert_eq!((shop.live.count(), shop.used(&shop.client.id)), (6, 6));
}
