//! Taking away what has expired does not disturb what goes on.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{runtime::Runtime, task::JoinSet};
use tollbar_contract::RequestId;
use tollbar_core::{
    EndpointId, Timestamp,
    idempotency::{Answer, Fingerprint, Slot},
    outcome::{OutcomeStore as _, UnderWay, UnknownFilter},
    port::{AllowanceStore as _, IdempotencyStore as _, PolicyStore as _},
};
use tollbar_store::Store;

use super::{
    outcome::Busy,
    support::{LIVE, client, folder, open},
};

const EXPIRED: u64 = 20_000;
/// How many write at once while the old records are written, and while latencies are taken.
const AT_ONCE: u64 = 200;
const CALLERS: u64 = 8;

fn time(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn slot(number: u64) -> Slot {
    Slot { client: client(1), environment: LIVE, key: format!("key-{number}") }
}

/// One keyed request, as the data plane does it.
async fn execute(store: Store, number: u64, now: u64, bytes: usize) -> Duration {
    let (id, began) = (RequestId::from_number(number), Instant::now());
    store.find(slot(number), time(now)).await.unwrap();
    let start =
        store.start(slot(number), Fingerprint([0; 32]), id, EndpointId(1), time(now), time(now + 1000));
    start.await.unwrap();
    let answer = Answer::Stored { sealed: vec![7; bytes] };
    store.answer(slot(number), id, answer, time(now + 1000)).await.unwrap();
    began.elapsed()
}

fn fill(runtime: &Runtime, store: &Store, count: u64, bytes: usize) {
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for number in 0..count {
            if number >= AT_ONCE {
                tasks.join_next().await.unwrap().unwrap();
            }
            tasks.spawn(execute(store.clone(), number, 1000, bytes));
        }
        tasks.join_all().await;
    });
}

/// Latencies of ordinary requests, until there have been enough.
fn latencies(
    runtime: &Runtime,
    store: &Store,
    first: u64,
    now: u64,
    mut enough: impl FnMut(usize) -> bool,
) -> Vec<Duration> {
    let mut taken = Vec::new();
    let mut next = first;
    while !enough(taken.len()) {
        let batch = runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for number in next..next + CALLERS {
                tasks.spawn(execute(store.clone(), number, now, 1000));
            }
            tasks.join_all().await
        });
        next += CALLERS;
        taken.extend(batch);
    }
    taken.sort_unstable();
    taken
}

/// Whether there is still a record that is as old as the first ones. The last one goes last.
fn is_left(runtime: &Runtime, store: &Store, last: u64) -> bool {
    // Asked as of then: whoever asks says what time it is.
    runtime.block_on(store.find_keyed(slot(last), time(1001))).unwrap().is_some()
}

fn wal_bytes(folder: &Path) -> u64 {
    std::fs::metadata(folder.join("tollbar.db-wal")).unwrap().len()
}

#[test]
fn twenty_thousand_expired_records_go_while_requests_are_as_quick_as_before() {
    let folder = folder();
    let store = open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    fill(&runtime, &store, EXPIRED, 1000);
    let before = latencies(&runtime, &store, 1_000_000, 1000, |taken| taken >= 800);
    let mut wal_max = 0;
    // From the first of these on it is late enough for the old ones to go.
    let during = latencies(&runtime, &store, 2_000_000, 2500, |taken| {
        wal_max = wal_max.max(wal_bytes(folder.path()));
        taken > 0 && !is_left(&runtime, &store, EXPIRED - 1)
    });
    assert!(during.len() > 100, "only {} requests came between", during.len());
    let at = |latencies: &[Duration], percent: usize| latencies[latencies.len() * percent / 100];
    for percent in [50, 95] {
        let (was, is) = (at(&before, percent), at(&during, percent));
        assert!(
            is < was * 6 + Duration::from_millis(20),
            "the {percent}th percentile was {was:?}, and is {is:?}"
        );
    }
    assert!(wal_max < 64 << 20, "the write-ahead log grew to {wal_max} bytes");
    // None of those that came meanwhile was taken for an old one.
    let latest = runtime.block_on(store.find_keyed(slot(2_000_000), time(2500))).unwrap();
    assert!(latest.is_some());
    assert!(runtime.block_on(store.last_answer_ends()).unwrap() >= Some(time(3500)));
}

#[test]
fn large_answers_go_without_making_the_write_ahead_log_large() {
    let folder = folder();
    let store = open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    fill(&runtime, &store, 100, 1 << 20);
    let filled = wal_bytes(folder.path());
    let mut wal_max = 0;
    latencies(&runtime, &store, 2_000_000, 2500, |taken| {
        wal_max = wal_max.max(wal_bytes(folder.path()));
        taken > 0 && !is_left(&runtime, &store, 99)
    });
    assert!(wal_max <= filled.max(64 << 20), "the write-ahead log grew from {filled} to {wal_max} bytes");
}

#[test]
fn unknown_outcomes_go_when_they_expire() {
    let folder = folder();
    let store = open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let id = RequestId::from_number(1);
    let list = |now| {
        let under_way: Arc<dyn UnderWay> = Arc::new(Busy::default());
        let filter = UnknownFilter {
            client: None,
            environment: None,
            since: None,
            before: None,
            limit: 10,
            now: time(now),
        };
        runtime.block_on(store.list_unknown(filter, under_way)).unwrap().requests.len()
    };
    let start = |now, expires| {
        store.start(slot(1), Fingerprint([0; 32]), id, EndpointId(1), time(now), time(expires))
    };
    runtime.block_on(start(1000, 2000)).unwrap();
    assert_eq!((list(1999), list(2000)), (1, 0));
    // The row goes too: as of an earlier time there is nothing either.
    let began = Instant::now();
    while list(1999) > 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "it stays");
    }
    runtime.block_on(start(2000, 3000)).unwrap();
    assert_eq!(list(2000), 1);
}

#[test]
fn a_journal_that_cannot_be_folded_keeps_no_expired_record() {
    let folder = folder();
    let store = open(folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    fill(&runtime, &store, 5, 10);
    std::fs::remove_dir_all(folder.path().join("journal")).unwrap();
    std::fs::write(folder.path().join("journal"), "not a folder").unwrap();
    runtime.block_on(store.load_counts(time(2500))).unwrap_err();
    let began = Instant::now();
    while is_left(&runtime, &store, 4) {
        assert!(began.elapsed() < Duration::from_secs(30), "it stays");
    }
}
