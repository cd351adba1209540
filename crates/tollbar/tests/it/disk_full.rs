//! The disk is full, read-only, or locked by another program: what needs nothing durable is served on, what cannot be
//! recorded is refused and not sent, nothing is damaged, and it goes on by itself afterwards.

mod read_only;
mod take_over;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{ErrorKind, Write},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::json;

use crate::support::{
    Connection, Gate, Platform, Reply, Response, Shop, SmallDisk, begin, get, hold, in_own_namespace, post,
    request, wait_until,
};

/// From when there is space again.
const RECOVERY_LIMIT: Duration = Duration::from_secs(5);

/// A shop whose client may call as often as it wants to.
fn busy(platform: Platform) -> Shop {
    let shop = Shop::on(platform);
    shop.platform.change("PUT", "/tiers/bulk", &json!({ "rate_per_minute": 4_000_000 }));
    let client = shop.client("bulk", &json!({ "tier": "bulk", "allowance": 1_000_000_000 }));
    Shop { client, ..shop }
}

/// Callers of reads that go on until they are stopped; an answer that is neither 200 nor the refusal is a failure.
struct Callers {
    threads: Vec<JoinHandle<()>>,
    shared: Arc<Counts>,
}

struct Counts {
    gateway: SocketAddr,
    key: String,
    stopped: AtomicBool,
    served: AtomicUsize,
    refused: AtomicUsize,
}

impl Callers {
    fn start(shop: &Shop) -> Self {
        let shared = Arc::new(Counts {
            gateway: shop.platform.gateway,
            key: shop.client.key.clone(),
            stopped: AtomicBool::new(false),
            served: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        });
        let threads = (0..4).map(|_| {
            let shared = shared.clone();
            std::thread::spawn(move || shared.call())
        });
        Self { threads: threads.collect(), shared }
    }

    fn wait_for(&self, what: &str, count: impl Fn(&Counts) -> &AtomicUsize) {
        let wanted = count(&self.shared).load(SeqCst) + 20;
        wait_until(what, || {
            assert!(!self.threads.iter().any(JoinHandle::is_finished), "a caller met a failure");
            count(&self.shared).load(SeqCst) >= wanted
        });
    }

    /// How many were served, and refused.
    fn stop(self) -> (usize, usize) {
        self.shared.stopped.store(true, SeqCst);
        for thread in self.threads {
            thread.join().unwrap();
        }
        (self.shared.served.load(SeqCst), self.shared.refused.load(SeqCst))
    }
}

impl Counts {
    fn call(&self) {
        while !self.stopped.load(SeqCst) {
            let headers = [("X-API-Key", self.key.as_str())];
            let response = request(self.gateway, "GET", "/v1/orders", &headers, b"");
            if response.status == 200 {
                self.served.fetch_add(1, SeqCst);
            } else {
                assert_refused(&response);
                self.refused.fetch_add(1, SeqCst);
            }
        }
    }
}

/// It could not be recorded, nothing was sent, and it may be tried again.
fn assert_refused(response: &Response) {
    assert_eq!((response.status, response.code().as_str()), (500, "internal_error"), "{response:?}");
    assert!(response.header("retry-after").is_some(), "{response:?}");
    assert!(response.message().contains("was not executed"), "{response:?}");
}

fn health(shop: &Shop) -> u16 {
    get(shop.platform.gateway, "/v1/health", &[]).status
}

/// A restore that would fill the disk is not begun.
fn assert_no_room(shop: &Shop) {
    let backup = shop.platform.run(&["backup", "copy"]);
    assert!(backup.status.success(), "{backup:?}");
    let path = shop.platform.data().join("ballast");
    let ballast = File::create(&path).unwrap();
    rustix::fs::fallocate(&ballast, rustix::fs::FallocateFlags::empty(), 0, 8 << 20).unwrap();
    let restore = shop.platform.run(&["restore", "copy", "--replace"]);
    let said = String::from_utf8_lossy(&restore.stderr).into_owned();
    assert!(!restore.status.success() && said.contains("the copy takes"), "{said}");
    std::fs::remove_file(path).unwrap();
}

/// Writes until nothing more fits.
fn fill(shop: &Shop) {
    let mut ballast = File::create(shop.platform.data().join("ballast")).unwrap();
    for size in [65_536, 4096, 1] {
        let piece = vec![1; size];
        loop {
            match ballast.write(&piece) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// From now on until everything works: reads, keyed writes, changes, health.
fn recovery(shop: &Shop, key: &str) -> Duration {
    let began = Instant::now();
    wait_until("everything works again", || {
        post(shop, key).status < 400
            && shop.get("/v1/orders").status == 200
            && shop.platform.admin("PUT", "/tiers/other", Some(&json!({ "rate_per_minute": 7 }))).status
                == 200
            && health(shop) == 200
    });
    began.elapsed()
}

/// What doctor says of the store, by subject.
fn store_levels(shop: &Shop) -> BTreeMap<String, String> {
    let output = shop.platform.run(&["doctor", "--full", "--json"]);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = found["checks"].as_array().unwrap().iter();
    let text = |check: &serde_json::Value, field: &str| check[field].as_str().unwrap().to_owned();
    checks.map(|check| (text(check, "subject"), text(check, "level"))).collect()
}

fn assert_whole(shop: &Shop) {
    let levels = store_levels(shop);
    for subject in ["tollbar.db", "requests.db", "journal", "secrets"] {
        assert_eq!(levels[subject], "ok", "{levels:?}");
    }
}

/// The counts after kill -9 are what was served: to the unit.
fn assert_counted(shop: Shop, served: usize) {
    let shop = shop.kill_and_restart();
    assert_eq!(shop.used(&shop.client.id), u64::try_from(served).unwrap(), "after kill -9");
    assert_whole(&shop);
}

#[test]
fn what_was_given_back_while_the_disk_was_full_stays_so_after_a_kill() {
    in_own_namespace("disk_full::what_was_given_back_while_the_disk_was_full_stays_so_after_a_kill", || {
        let (platform, _disk) = SmallDisk::start(Platform::with().set("gateway.threads", "1"), 24);
        let shop = busy(platform);
        let gate = Gate::default();
        let held = gate.clone();
        shop.live.answer(move |_| Reply::After(held.clone(), Box::new(Reply::json(500, "{}"))));
        let mut under_way: Vec<_> = (1..=3)
            .map(|count| {
                let mut connection = Connection::open(shop.platform.gateway);
                let key = &shop.client.key;
                connection.send(format!("GET /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n"));
                shop.live.wait_for(count);
                connection
            })
            .collect();
        shop.live.answer(|_| Reply::json(200, "{}"));
        fill(&shop);
        let mut served = 0;
        wait_until("nothing can be recorded", || {
            let answer = shop.get("/v1/orders");
            served += usize::from(answer.status == 200);
            answer.status != 200
        });
        gate.open();
        assert!(under_way.iter_mut().all(|connection| connection.receive().status == 500));
        std::fs::remove_file(shop.platform.data().join("ballast")).unwrap();
        let usage = || shop.platform.read(&format!("/usage/{}", shop.client.id))["live"].clone();
        wait_until("their outcomes are recorded", || usage()["outcomes"]["5xx"] == 3);
        assert_eq!((&usage()["outcomes"]["open"], &usage()["used"]), (&json!(0), &json!(served)));
        assert_counted(shop, served);
    });
}

#[test]
fn a_full_disk_refuses_what_it_cannot_record_and_goes_on_when_there_is_space() {
    in_own_namespace(
        "disk_full::a_full_disk_refuses_what_it_cannot_record_and_goes_on_when_there_is_space",
        || {
            let (platform, _disk) = SmallDisk::start(Platform::with(), 24);
            let shop = busy(platform);
            assert!(post(&shop, "before").status < 400);
            let callers = Callers::start(&shop);
            callers.wait_for("reads are served", |counts| &counts.served);
            assert_no_room(&shop);
            fill(&shop);
            callers.wait_for("reads are refused", |counts| &counts.refused);
            // Keyed writes: nothing of them is sent.
            let sent = shop.live.requests().iter().filter(|request| request.method == "POST").count();
            assert_refused(&post(&shop, "while-full"));
            let now_sent = shop.live.requests().iter().filter(|request| request.method == "POST").count();
            assert_eq!(sent, now_sent);
            // What was answered is replayed: that needs nothing new.
            assert!(post(&shop, "before").header("idempotent-replayed").is_some());
            let refused = shop.platform.admin("PUT", "/tiers/other", Some(&json!({ "rate_per_minute": 7 })));
            assert_eq!(refused.status, 503);
            assert!(refused.text().contains("nothing was changed"), "{refused:?}");
            wait_until("health says so", || health(&shop) == 503);
            assert_eq!(get(shop.platform.ops, "/livez", &[]).status, 200);
            callers.wait_for("it stays so", |counts| &counts.refused);
            std::fs::remove_file(shop.platform.data().join("ballast")).unwrap();
            let recovered = recovery(&shop, "while-full");
            println!("after a full disk: everything works {recovered:?} after there was space");
            assert!(recovered < RECOVERY_LIMIT, "{recovered:?}");
            callers.wait_for("reads are served again", |counts| &counts.served);
            let (served, refused) = callers.stop();
            println!("{served} reads served, {refused} refused");
            // What was served was sent once, and nothing else was.
            let reads = shop.live.requests().iter().filter(|request| request.method == "GET").count();
            assert!(reads >= served && reads - served < 50, "{reads} sent, {served} served");
            let charged = shop.live.count();
            assert_whole(&shop);
            assert_counted(shop, charged);
        },
    );
}

#[test]
fn a_disk_that_is_read_only_at_the_start_is_told() {
    in_own_namespace("disk_full::a_disk_that_is_read_only_at_the_start_is_told", || {
        let (mut platform, disk) = SmallDisk::start(Platform::with(), 24);
        platform.terminate();
        platform.wait_for_end();
        disk.make_read_only();
        let said = platform.refused_start();
        assert!(said.contains("Read-only file system"), "{said}");
        assert!(said.contains(platform.data().to_str().unwrap()), "{said}");
        let doctor = platform.run(&["doctor"]);
        assert_eq!(doctor.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&doctor.stdout).contains("it is read-only"), "{doctor:?}");
        let backup = platform.run(&["backup", "copy"]);
        assert!(String::from_utf8_lossy(&backup.stderr).contains("cp -a"), "{backup:?}");
        disk.make_writable();
        let platform = platform.restart();
        assert_eq!(get(platform.ops, "/readyz", &[]).status, 200);
    });
}

#[test]
fn a_lock_of_another_program_is_waited_for_and_passes() {
    let shop = busy(Platform::start());
    assert!(post(&shop, "before").status < 400);
    let other = rusqlite::Connection::open(shop.platform.data().join("tollbar.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    // What is leased needs no write there.
    assert_eq!(shop.get("/v1/orders").status, 200);
    assert!(post(&shop, "before").header("idempotent-replayed").is_some());
    let sent = shop.live.count();
    assert_refused(&post(&shop, "while-locked"));
    assert_eq!(shop.live.count(), sent, "nothing was sent");
    assert_eq!(health(&shop), 503);
    assert_eq!(shop.get("/v1/orders").status, 200, "reads go on");
    other.execute_batch("ROLLBACK").unwrap();
    let recovered = recovery(&shop, "while-locked");
    println!("after a lock: everything works {recovered:?} after it was gone");
    assert!(recovered < RECOVERY_LIMIT, "{recovered:?}");
    shop.live.answer(|_| Reply::json(200, "{}"));
    let charged = shop.live.count();
    assert_counted(shop, charged);
}

#[test]
fn a_key_that_cannot_be_released_does_not_keep_the_server_from_ending() {
    let mut shop = Shop::open_with(Platform::with().set("gateway.drain_seconds", "600"));
    let gate = hold(&shop, Reply::json(503, "{}"));
    let mut first = begin(&shop, "k");
    shop.live.wait_for(1);
    let other = rusqlite::Connection::open(shop.platform.data().join("tollbar.db")).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    gate.open();
    assert_eq!(first.receive().status, 500);
    let is_logged = |said: &str| shop.platform.log().contains(said);
    shop.platform.terminate();
    wait_until("it is given up", || is_logged("was not released: its outcome may count as unknown"));
    other.execute_batch("ROLLBACK").unwrap();
    shop.platform.wait_for_end();
    let shop = Shop { platform: shop.platform.restart(), ..shop };
    assert!(post(&shop, "k").message().contains("unknown"));
    assert_eq!(shop.live.count(), 1);
}
