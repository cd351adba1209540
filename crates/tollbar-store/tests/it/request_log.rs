//! The request log: never waits, answers after what came before, forgets the oldest.

use rusqlite::Connection;
use tollbar_contract::{RequestId, Stage};
use tollbar_core::{
    ChangeId, Timestamp,
    port::{RequestEntry, RequestFilter, RequestId12, RequestLog as _, TraceStep},
};
use tollbar_store::Store;

use super::support::{LIVE, client, folder, open, options, wait};

fn entry(number: u64) -> RequestEntry {
    RequestEntry {
        request_id: RequestId12(RequestId::from_number(number)),
        at: Timestamp::from_seconds(number),
        method: "GET".to_owned(),
        path: "/v1/orders/7".to_owned(),
        environment: LIVE,
        status: 403,
        code: Some("scope_missing".to_owned()),
        message: Some("The scope is missing.".to_owned()),
        refused_at: Some(Stage::Scope),
        client: Some(client(1)),
        client_name: Some("Example".to_owned()),
        credential: Some("key_00000000001".to_owned()),
        address: "192.0.2.1".to_owned(),
        address_source: "peer".to_owned(),
        endpoint: Some("GET /v1/orders/{id}".to_owned()),
        steps: vec![TraceStep { stage: Stage::Scope, passed: false, detail: "orders:read".to_owned() }],
        change: Some(ChangeId(3)),
        upstream_status: None,
        duration_millis: 1,
        upstream_millis: None,
        upstream_address: None,
    }
}

fn find(store: &Store, number: u64) -> Option<RequestEntry> {
    wait(store.find_request(RequestId::from_number(number))).unwrap()
}

fn list(store: &Store, filter: RequestFilter) -> Vec<u64> {
    let entries = wait(store.list_requests(filter)).unwrap();
    entries.iter().map(|entry| entry.at.as_seconds()).collect()
}

#[test]
fn what_was_recorded_is_found_at_once_and_after_reopening() {
    let folder = folder();
    let store = open(folder.path());
    for number in 0..1200 {
        store.record(entry(number));
    }
    assert_eq!(find(&store, 1199), Some(entry(1199)));
    assert_eq!(find(&store, 1200), None);
    store.record(entry(1200));
    store.close().unwrap();
    let store = open(folder.path());
    assert_eq!(find(&store, 1200), Some(entry(1200)));
    assert_eq!(find(&store, 0), Some(entry(0)));
    assert_eq!(store.dropped(), 0);
}

#[test]
fn entries_are_listed_newest_first_and_filtered() {
    let folder = folder();
    let store = open(folder.path());
    for number in 1..=6 {
        let mut entry = entry(number);
        entry.client = (number != 1).then(|| client(number % 2));
        entry.code = (number % 3 != 0).then(|| format!("code-{}", number % 3));
        store.record(entry);
    }
    let all = RequestFilter { limit: 100, ..RequestFilter::default() };
    assert_eq!(list(&store, all.clone()), [6, 5, 4, 3, 2, 1]);
    assert_eq!(list(&store, RequestFilter { limit: 2, ..all.clone() }), [6, 5]);
    assert_eq!(list(&store, RequestFilter { client: Some(client(1)), ..all.clone() }), [5, 3]);
    let of_code = RequestFilter { code: Some("code-1".to_owned()), limit: 100, ..RequestFilter::default() };
    assert_eq!(list(&store, of_code.clone()), [4, 1]);
    assert_eq!(list(&store, RequestFilter { since: Some(Timestamp::from_seconds(5)), ..all }), [6, 5]);
    assert_eq!(list(&store, RequestFilter { client: Some(client(0)), ..of_code }), [4]);
}

#[test]
fn the_oldest_are_forgotten() {
    let folder = folder();
    let mut options = options("boot");
    options.retained_requests = 30;
    let store = Store::open_with(folder.path(), &options).unwrap();
    for number in 1..=100 {
        store.record(entry(number));
    }
    let kept = list(&store, RequestFilter { limit: 1000, ..RequestFilter::default() });
    assert_eq!(kept, (71..=100).rev().collect::<Vec<_>>());
}

#[test]
fn what_does_not_fit_the_queue_is_dropped_and_counted() {
    const RECORDED: u64 = 12_000;
    let folder = folder();
    let mut patient = options("boot");
    patient.busy_timeout = std::time::Duration::from_secs(60);
    let store = Store::open_with(folder.path(), &patient).unwrap();
    let file = folder.path().join("requests.db");
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    for number in 0..RECORDED {
        store.record(entry(number));
    }
    // The queue holds ten thousand, and one batch of five hundred is under way.
    let dropped = store.dropped();
    assert!((1500..=2000).contains(&dropped), "{dropped}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(find(&store, 0), Some(entry(0)));
    let written: u64 =
        other.query_row("SELECT count(*) FROM requests", [], |row| row.get::<_, u32>(0)).unwrap().into();
    assert_eq!(written + store.dropped(), RECORDED);
}

#[test]
fn what_the_disk_does_not_take_is_dropped_and_counted() {
    let folder = folder();
    let store = open(folder.path());
    let other = Connection::open(folder.path().join("requests.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    store.record(entry(1));
    assert_eq!(find(&store, 1), None);
    assert_eq!(store.dropped(), 1);
    other.execute_batch("ROLLBACK").unwrap();
    store.record(entry(2));
    assert_eq!(find(&store, 2), Some(entry(2)));
    assert_eq!(store.dropped(), 1);
}
