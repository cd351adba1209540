//! The request log: never waits, answers after what came before, forgets the oldest.

use rusqlite::Connection;
use tollbar_contract::RequestId;
use tollbar_core::{
    Timestamp,
    port::{RequestEntry, RequestFilter, RequestId12, RequestLog as _, RequestPage},
};
use tollbar_store::Store;

use super::support::{SANDBOX, client, entry, folder, open, options, wait};

fn find(store: &Store, number: u64) -> Option<RequestEntry> {
    wait(store.find_request(RequestId::from_number(number))).unwrap()
}

fn list(store: &Store, filter: RequestFilter) -> Vec<u64> {
    seconds(&wait(store.list_requests(filter)).unwrap())
}

fn seconds(page: &RequestPage) -> Vec<u64> {
    page.entries.iter().map(|entry| entry.at.as_seconds()).collect()
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
fn what_has_no_index_is_looked_for() {
    let folder = folder();
    let store = open(folder.path());
    for number in 1..=6 {
        let mut entry = entry(number);
        match number {
            1 => entry.status = 404,
            2 => entry.environment = SANDBOX,
            3 => entry.endpoint = Some("POST /v1/\"quoted\"".to_owned()),
            4 => entry.credential = Some("oc_00000000001 (token 4fQ2bN8xKpL0a1b2c3d4e5)".to_owned()),
            5 => entry.address = "2001:db8::1".to_owned(),
            _ => {}
        }
        store.record(entry);
    }
    let all = RequestFilter { limit: 100, ..RequestFilter::default() };
    let text = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (RequestFilter { status: Some(404..=404), ..all.clone() }, &[1][..]),
        (RequestFilter { status: Some(400..=499), ..all.clone() }, &[6, 5, 4, 3, 2, 1]),
        (RequestFilter { environment: Some(SANDBOX), ..all.clone() }, &[2]),
        (RequestFilter { endpoint: text("POST /v1/\"quoted\""), ..all.clone() }, &[3]),
        (RequestFilter { credential: text("oc_00000000001"), ..all.clone() }, &[4]),
        (RequestFilter { credential: text("4fQ2bN8xKpL0a1b2c3d4e5"), ..all.clone() }, &[4]),
        (RequestFilter { credential: text("oc_0000000000"), ..all.clone() }, &[]),
        (RequestFilter { address: text("2001:db8::1"), client: Some(client(1)), ..all.clone() }, &[5]),
        (RequestFilter { until: Some(Timestamp::from_seconds(3)), ..all.clone() }, &[2, 1]),
        (RequestFilter { code: text("scope_missing"), status: Some(404..=404), ..all }, &[1]),
    ] {
        assert_eq!(list(&store, filter.clone()), expected, "{filter:?}");
    }
}

#[test]
fn pages_give_every_entry_once_also_those_of_one_moment() {
    let folder = folder();
    let store = open(folder.path());
    for number in 0..100 {
        let mut entry = entry(number);
        entry.at = Timestamp::from_seconds(number / 10);
        entry.path = number.to_string();
        store.record(entry);
    }
    for client in [None, Some(client(1))] {
        let (mut before, mut seen) = (None, Vec::new());
        loop {
            let filter = RequestFilter { client, before, limit: 7, ..RequestFilter::default() };
            let page = wait(store.list_requests(filter)).unwrap();
            assert!(page.stopped_at.is_none() && !page.is_before_unknown);
            seen.extend(page.entries.iter().map(|entry| entry.path.parse::<u64>().unwrap()));
            let Some(RequestId12(next)) = page.next else { break };
            before = Some(next);
        }
        assert_eq!(seen, (0..100).rev().collect::<Vec<_>>());
    }
    let unknown =
        RequestFilter { before: Some(RequestId::from_number(7777)), limit: 7, ..RequestFilter::default() };
    assert!(wait(store.list_requests(unknown)).unwrap().is_before_unknown);
}

#[test]
fn a_search_stops_at_its_bound_says_where_and_goes_on_from_there() {
    const ENTRIES: u64 = 60_000;
    let folder = folder();
    let store = open(folder.path());
    fill(&store, ENTRIES, |entry| entry.address = "2001:db8::1".to_owned());
    let rare = RequestFilter { address: Some("192.0.2.1".to_owned()), limit: 10, ..RequestFilter::default() };
    let page = wait(store.list_requests(rare.clone())).unwrap();
    assert_eq!((page.entries.len(), page.stopped_at), (0, Some(Timestamp::from_seconds(10_000))));
    let next = page.next.map(|RequestId12(id)| id);
    let rest = wait(store.list_requests(RequestFilter { before: next, ..rare })).unwrap();
    assert_eq!((rest.entries.len(), rest.stopped_at, rest.next), (0, None, None));
}

#[test]
fn the_oldest_make_room_and_the_file_keeps_to_its_bound() {
    const BOUND: u64 = 4 << 20;
    let folder = folder();
    let mut options = options("boot");
    options.request_log_bytes = BOUND;
    let store = Store::open_with(folder.path(), &options).unwrap();
    let mut most = 0;
    for round in 0..20 {
        for number in 0..1000 {
            store.record(entry(round * 1000 + number));
        }
        find(&store, round).unwrap_or_else(|| entry(0));
        let extent = wait(store.request_log_extent()).unwrap();
        most =
            most.max(std::fs::metadata(folder.path().join("requests.db")).unwrap().len()).max(extent.bytes);
        assert!(most <= BOUND + (64 << 10), "{most}");
    }
    assert!(most > BOUND / 2, "the bound is used: {most}");
    let extent = wait(store.request_log_extent()).unwrap();
    assert!((1000..15_000).contains(&extent.entries), "{extent:?}");
    assert_eq!(extent.oldest, Some(Timestamp::from_seconds(20_000 - extent.entries)), "{extent:?}");
    assert_eq!(find(&store, 19_999), Some(entry(19_999)));
    assert_eq!(find(&store, 0), None);
    assert_eq!(store.dropped(), 0);
}

#[test]
fn a_flood_of_larger_entries_keeps_to_the_bound_too() {
    const BOUND: u64 = 4 << 20;
    let folder = folder();
    let mut options = options("boot");
    options.request_log_bytes = BOUND;
    let store = Store::open_with(folder.path(), &options).unwrap();
    fill(&store, 9_000, |entry| entry.path = "/".to_owned());
    let mut most = 0;
    for round in 0..12 {
        for number in 0..500 {
            let mut large = entry(20_000 + round * 500 + number);
            large.path = "x".repeat(3000);
            store.record(large);
        }
        assert!(find(&store, 20_000 + round * 500 + 499).is_some());
        most = most.max(std::fs::metadata(folder.path().join("requests.db")).unwrap().len());
    }
    // The log beside it is written back when it has grown.
    drop(store);
    let store = Store::open_with(folder.path(), &options).unwrap();
    most = most.max(wait(store.request_log_extent()).unwrap().bytes);
    assert!(most <= BOUND + (64 << 10), "{most}");
    assert!(most > BOUND / 2, "the bound is used: {most}");
    assert_eq!(store.dropped(), 0);
}

#[test]
fn a_smaller_bound_makes_the_file_smaller() {
    let folder = folder();
    fill(&open(folder.path()), 9_000, |_| {});
    let mut options = options("boot");
    options.request_log_bytes = 2 << 20;
    let store = Store::open_with(folder.path(), &options).unwrap();
    let before = wait(store.request_log_extent()).unwrap().bytes;
    for number in 9_000..9_040 {
        store.record(entry(number));
        // Each is a batch of its own.
        find(&store, number).unwrap();
    }
    let after = wait(store.request_log_extent()).unwrap().bytes;
    assert!(before > 5 << 20 && after <= 2 << 20, "{before} -> {after}");
}

#[test]
fn what_is_too_old_goes_in_batches() {
    let folder = folder();
    let store = open(folder.path());
    fill(&store, 2_500, |_| {});
    let forget = |before| wait(store.forget_requests(Timestamp::from_seconds(before))).unwrap();
    assert!(!forget(0));
    assert_eq!(wait(store.request_log_extent()).unwrap().entries, 2_500);
    assert_eq!([forget(2_400), forget(2_400), forget(2_400)], [true, true, false]);
    let kept = list(&store, RequestFilter { limit: 1000, ..RequestFilter::default() });
    assert_eq!(kept, (2_400..2_500).rev().collect::<Vec<_>>());
    assert!(!forget(9_999) && wait(store.request_log_extent()).unwrap().oldest.is_none());
}

/// Records so many, never more than the queue takes.
pub(crate) fn fill(store: &Store, count: u64, differently: impl Fn(&mut RequestEntry)) {
    for number in 0..count {
        let mut entry = entry(number);
        differently(&mut entry);
        store.record(entry);
        if number % 8_000 == 7_999 {
            find(store, number);
        }
    }
    find(store, count);
    assert_eq!(store.dropped(), 0);
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

#[test]
fn an_entry_of_a_clock_that_was_ahead_keeps_no_others() {
    let folder = folder();
    let store = open(folder.path());
    fill(&store, 100, |entry| {
        if entry.at == Timestamp::from_seconds(0) {
            entry.at = Timestamp::from_seconds(1_000_000);
        }
    });
    assert!(!wait(store.forget_requests(Timestamp::from_seconds(90))).unwrap());
    let kept = list(&store, RequestFilter { limit: 1000, ..RequestFilter::default() });
    assert_eq!(kept, [1_000_000, 99, 98, 97, 96, 95, 94, 93, 92, 91, 90]);
}
