//! A server that is to be replaced while nothing can be written: there is one at each moment.

use super::*;

/// A process that is to take over does not, and the server goes on with what it has.
fn assert_stays(shop: &Shop, reason: &str) {
    let mut successor = shop.platform.start_successor(&[], &[]);
    assert!(!successor.wait().unwrap().success(), "{}", shop.platform.log());
    let log = shop.platform.log();
    for part in ["goes on serving: it cannot give its store up", reason] {
        assert!(log.contains(part), "`{part}` is not in: {log}");
    }
    assert!(!log.contains("handing over"), "{log}");
    assert_eq!(shop.platform.announced(), Some(shop.platform.pid()));
    assert_eq!(get(shop.platform.ops, "/readyz", &[]).status, 200);
}

#[test]
fn on_a_full_disk_the_running_server_stays() {
    in_own_namespace("disk_full::take_over::on_a_full_disk_the_running_server_stays", || {
        let (platform, _disk) = SmallDisk::start(Platform::with(), 24);
        let mut shop = busy(platform);
        fill(&shop);
        assert_stays(&shop, "bytes free, and a start needs");
        std::fs::remove_file(shop.platform.data().join("ballast")).unwrap();
        recovery(&shop, "after-full");
        shop.platform.take_over(&[]);
        recovery(&shop, "taken-over");
        assert_whole(&shop);
    });
}

#[test]
fn while_another_program_has_the_database_the_running_server_stays() {
    let mut shop = busy(Platform::start());
    assert_eq!(shop.get("/v1/orders").status, 200);
    let other = rusqlite::Connection::open(shop.platform.data().join("tollbar.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_stays(&shop, "database is locked");
    assert_eq!(shop.get("/v1/orders").status, 200, "reads go on");
    other.execute_batch("ROLLBACK").unwrap();
    shop.platform.take_over(&[]);
    assert_eq!(shop.get("/v1/orders").status, 200);
}

/// A shop whose store does not end in good order while it is handed over: another program has it locked. One answer is still
/// being delivered.
struct Unclean {
    shop: Shop,
    stream: Connection,
    last: Gate,
    successor: std::process::Child,
    other: rusqlite::Connection,
}

impl Unclean {
    fn hand_over() -> Self {
        let shop = busy(Platform::start());
        let last = Gate::default();
        let chunks = vec![(Gate::opened(), b"first".to_vec()), (last.clone(), b"last".to_vec())];
        shop.live.answer(move |_| Reply::Chunks(chunks.clone()));
        let call = |path: &str| {
            let mut connection = Connection::open(shop.platform.gateway);
            let key = &shop.client.key;
            connection.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n"));
            connection
        };
        let mut stream = call("/v1/events");
        assert_eq!(stream.receive_head().0, 200);
        assert_eq!(stream.receive_chunk().unwrap(), b"first");
        let gate = hold(&shop, Reply::json(200, "{}"));
        let mut held = call("/v1/orders");
        shop.live.wait_for(2);
        let successor = shop.platform.start_successor(&[], &[]);
        let is_logged = |said: &str| shop.platform.log().contains(said);
        wait_until("it is handing over", || is_logged("handing over"));
        let other = rusqlite::Connection::open(shop.platform.data().join("tollbar.db")).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        gate.open();
        assert_eq!(held.receive().status, 200);
        wait_until("the store has not ended well", || is_logged("handing over all the same"));
        Self { shop, stream, last, successor, other }
    }

    /// The answer that was being delivered is delivered whole.
    fn deliver(stream: &mut Connection, last: &Gate) {
        last.open();
        assert_eq!(stream.receive_chunk().unwrap(), b"last");
        assert_eq!(stream.receive_chunk().unwrap(), b"");
    }
}

#[test]
fn a_store_that_does_not_end_in_good_order_is_taken_up_by_the_new_one() {
    let Unclean { mut shop, mut stream, last, successor, other } = Unclean::hand_over();
    other.execute_batch("ROLLBACK").unwrap();
    let mut old = shop.platform.succeed(successor);
    shop.live.answer(|_| Reply::json(200, "{}"));
    assert_eq!(shop.get("/v1/orders").status, 200);
    Unclean::deliver(&mut stream, &last);
    old.wait_for_end();
    assert_eq!(shop.used(&shop.client.id), 3);
    assert_whole(&shop);
}

#[test]
fn where_neither_can_open_the_store_answers_are_delivered_before_the_end() {
    let Unclean { shop, mut stream, last, mut successor, other } = Unclean::hand_over();
    assert!(!successor.wait().unwrap().success());
    wait_until("it cannot serve again", || shop.platform.log().contains("what is being delivered still is"));
    wait_until("nobody is kept waiting", || std::net::TcpStream::connect(shop.platform.gateway).is_err());
    other.execute_batch("ROLLBACK").unwrap();
    Unclean::deliver(&mut stream, &last);
    let shop = shop.kill_and_restart();
    assert_eq!(shop.used(&shop.client.id), 2);
    assert_whole(&shop);
}

#[test]
fn without_room_for_the_start_an_earlier_store_stays_as_it_was() {
    in_own_namespace(
        "disk_full::take_over::without_room_for_the_start_an_earlier_store_stays_as_it_was",
        || {
            let (mut platform, _disk) = SmallDisk::start(Platform::with(), 24);
            platform.terminate();
            platform.wait_for_end();
            let at = |name: &str| platform.data().join(name);
            std::fs::remove_dir_all(at("journal")).unwrap();
            for name in ["tollbar.db", "requests.db"] {
                std::fs::remove_file(at(name)).unwrap();
            }
            let first = include_str!("../../../../tollbar-store/tests/it/crash/first_schema.sql");
            rusqlite::Connection::open(at("tollbar.db")).unwrap().execute_batch(first).unwrap();
            let ballast = File::create(at("ballast")).unwrap();
            let disk = rustix::fs::statvfs(platform.data()).unwrap();
            let taken = disk.f_bavail * disk.f_frsize - (1 << 20);
            rustix::fs::fallocate(&ballast, rustix::fs::FallocateFlags::empty(), 0, taken).unwrap();
            let said = platform.refused_start();
            assert!(said.contains("bytes free, and a start needs"), "{said}");
            let schema = || {
                let database = rusqlite::Connection::open(at("tollbar.db")).unwrap();
                database.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap()
            };
            assert_eq!(schema(), 1);
            std::fs::remove_file(at("ballast")).unwrap();
            drop(ballast);
            platform.restart();
        },
    );
}
