//! After a power loss nothing is under-counted.

use std::{fs, path::Path};

use tollbar_core::{
    CorrectionKind,
    port::{AllowanceStore as _, UsageJournal as _},
};
use tollbar_store::Store;

use super::support::{LIVE, at, charged, client, folder, month, options, sum, used, wait};

const NOON: &str = "2026-11-15T12:00:00Z";

fn open(folder: &Path, boot_id: &str) -> Store {
    Store::open_with(folder, &options(boot_id)).unwrap()
}

/// Three charges of a hundred leased ones.
fn charge_some(store: &Store) {
    wait(store.lease(client(1), LIVE, month("2026-11"), 100)).unwrap();
    store.journal(0).unwrap().append(&[charged(1, at(NOON)); 3]).unwrap();
}

/// The page cache is gone.
fn lose_journal(folder: &Path) {
    fs::remove_dir_all(folder.join("journal")).unwrap();
}

#[test]
fn what_was_leased_is_taken_to_be_used() {
    let folder = folder();
    let store = open(folder.path(), "first");
    wait(store.lease(client(1), LIVE, month("2026-09"), 90)).unwrap();
    store.journal(0).unwrap().append(&[charged(1, at("2026-09-15")); 10]).unwrap();
    drop(store);
    charge_some(&open(folder.path(), "first"));
    lose_journal(folder.path());
    for boot in ["second", "second", "third"] {
        let store = open(folder.path(), boot);
        assert_eq!(used(&store, 1, month("2026-11")), 100);
        assert_eq!(
            wait(store.usage(client(1), month("2026-11"))).unwrap(),
            [],
            "the rows have what is proved"
        );
        let sum = sum(&store, 1, month("2026-11"));
        assert_eq!(
            (sum.charged, sum.corrections, sum.used()),
            (0, 100, 100),
            "{boot}: the rest is explained"
        );
    }
    let earlier = used(&open(folder.path(), "third"), 1, month("2026-09"));
    assert_eq!(earlier, 10, "the start after that month has folded it");
}

#[test]
fn a_clock_that_was_far_ahead_for_a_moment_keeps_no_count_low() {
    let folder = folder();
    let store = open(folder.path(), "first");
    wait(store.lease(client(1), LIVE, month("2099-01"), 16)).unwrap();
    charge_some(&store);
    drop(store);
    lose_journal(folder.path());
    assert_eq!(used(&open(folder.path(), "second"), 1, month("2026-11")), 100);
}

#[test]
fn what_an_earlier_run_leased_may_have_been_charged_by_this_one() {
    let folder = folder();
    charge_some(&open(folder.path(), "first"));
    let store = open(folder.path(), "first");
    wait(store.load_counts(at(NOON))).unwrap();
    wait(store.lease(client(2), LIVE, month("2027-01"), 16)).unwrap();
    store.journal(0).unwrap().append(&[charged(1, at(NOON)); 20]).unwrap();
    drop(store);
    lose_journal(folder.path());
    assert_eq!(used(&open(folder.path(), "second"), 1, month("2026-11")), 100);
}

#[test]
fn a_kill_alone_corrects_nothing() {
    let folder = folder();
    charge_some(&open(folder.path(), "first"));
    assert_eq!(used(&open(folder.path(), "first"), 1, month("2026-11")), 3);
}

#[test]
fn a_clean_end_corrects_nothing() {
    let folder = folder();
    let store = open(folder.path(), "first");
    charge_some(&store);
    store.close().unwrap();
    // Everything is in the tables: the journal is not needed any more.
    lose_journal(folder.path());
    let store = open(folder.path(), "second");
    assert_eq!(used(&store, 1, month("2026-11")), 3);
    store.close().unwrap();
}

#[test]
fn after_a_correction_counting_goes_on() {
    let folder = folder();
    charge_some(&open(folder.path(), "first"));
    let store = open(folder.path(), "second");
    wait(store.lease(client(1), LIVE, month("2026-11"), 200)).unwrap();
    store.journal(0).unwrap().append(&[charged(1, at(NOON))]).unwrap();
    assert_eq!(used(&store, 1, month("2026-11")), 101);
    let books = wait(store.books(month("2026-11"), vec![client(1)])).unwrap();
    let sum = books[0].sum(LIVE);
    assert_eq!((sum.charged, sum.given_back, sum.corrections, sum.used()), (4, 0, 97, 101));
    let [correction] = books[0].corrections.as_slice() else { panic!("{books:?}") };
    assert_eq!((correction.kind, correction.units), (CorrectionKind::PowerFailure, 97));
    assert!(correction.reason.contains("power"), "{correction:?}");
    assert_eq!(correction.at, Some(month("2026-11").start()), "dated when the counts were loaded");
    store.close().unwrap();
    assert_eq!(used(&open(folder.path(), "third"), 1, month("2026-11")), 101);
}

#[test]
fn an_unknown_start_of_the_machine_may_be_another_one() {
    let folder = folder();
    let mut unknown = options("");
    unknown.boot_id = None;
    charge_some(&Store::open_with(folder.path(), &unknown).unwrap());
    assert_eq!(used(&Store::open_with(folder.path(), &unknown).unwrap(), 1, month("2026-11")), 100);
}

#[test]
fn a_count_above_the_lease_is_not_lowered() {
    let folder = folder();
    let store = open(folder.path(), "first");
    wait(store.lease(client(1), LIVE, month("2026-11"), 2)).unwrap();
    store.journal(0).unwrap().append(&[charged(1, at(NOON)); 3]).unwrap();
    drop(store);
    assert_eq!(used(&open(folder.path(), "second"), 1, month("2026-11")), 3);
}

#[test]
fn an_end_with_a_writer_left_is_not_clean() {
    let folder = folder();
    let store = open(folder.path(), "first");
    charge_some(&store);
    let writer = store.journal(1).unwrap();
    assert!(store.close().unwrap_err().reason().contains("not clean"));
    let refused = Store::open_with(folder.path(), &options("second")).map(drop).unwrap_err();
    assert!(refused.to_string().contains("in use"), "the writer keeps the folder: {refused}");
    drop(writer);
    assert_eq!(used(&open(folder.path(), "second"), 1, month("2026-11")), 100);
}

#[test]
fn a_start_that_ended_before_it_counted_leaves_closed_months_alone() {
    let folder = folder();
    let store = open(folder.path(), "first");
    wait(store.lease(client(1), LIVE, month("2025-01"), 64)).unwrap();
    store.journal(0).unwrap().append(&[charged(1, at("2025-01-15")); 3]).unwrap();
    drop(store);
    // The next runs are in another year, and the power fails while the last one starts.
    let store = open(folder.path(), "first");
    charge_some(&store);
    drop(store);
    for boot in ["second", "third", "fourth"] {
        drop(open(folder.path(), boot));
    }
    let store = open(folder.path(), "fifth");
    assert_eq!(used(&store, 1, month("2025-01")), 3);
    assert_eq!(used(&store, 1, month("2026-11")), 100, "that one the second start raised");
}

#[test]
fn damage_that_is_found_while_it_runs_is_made_good_at_the_next_start() {
    let folder = folder();
    let store = open(folder.path(), "first");
    wait(store.lease(client(1), LIVE, month("2026-11"), 100)).unwrap();
    let writer = store.journal(0).unwrap();
    writer.append(&[charged(1, at(NOON)); 3]).unwrap();
    let file = fs::read_dir(folder.path().join("journal")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&file).unwrap();
    bytes[40] ^= 1;
    fs::write(&file, bytes).unwrap();
    drop(writer);
    // The file has ended: what cannot be read is stepped over, and the end is clean for all that.
    assert_eq!(used(&store, 1, month("2026-11")), 2);
    store.close().unwrap();
    for _ in 0..2 {
        let store = open(folder.path(), "first");
        assert_eq!(used(&store, 1, month("2026-11")), 100);
        store.close().unwrap();
    }
}
