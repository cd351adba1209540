//! Who may open a store, and what happens when it cannot work.

use std::{
    cell::Cell,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};

use rusqlite::Connection;
use tollbar_core::{
    ChangeId,
    port::{AllowanceStore as _, PolicyStore as _, RequestIdStore as _, StoreFailure, UsageJournal as _},
};
use tollbar_store::{OpenError, Store, is_in_use};

use super::support::{LIVE, at, charged, client, folder, month, open, options, used, wait};

fn refusal(folder: &Path) -> OpenError {
    Store::open_with(folder, &options("boot")).map(drop).unwrap_err()
}

#[test]
fn a_second_one_is_refused_until_the_first_ends() {
    let folder = folder();
    let store = open(folder.path());
    let refused = refusal(folder.path());
    assert!(matches!(refused, OpenError::InUse { .. }));
    assert!(refused.to_string().contains(&folder.path().display().to_string()), "{refused}");
    let clone = store.clone();
    store.close().unwrap();
    assert!(wait(clone.lease_request_ids(1, 0)).unwrap_err().reason().contains("closed"));
    assert!(wait(clone.load()).is_err());
    assert!(wait(clone.check()).is_err());
    assert!(clone.journal(0).is_err());
    assert!(wait(clone.load_counts(at("2026-11-01"))).is_err());
    // What is left of the first keeps nobody out.
    open(folder.path()).close().unwrap();
    assert!(wait(clone.lease_request_ids(1, 0)).is_err());
}

#[test]
fn a_lock_that_is_deleted_is_still_held() {
    let folder = folder();
    let store = open(folder.path());
    fs::remove_file(folder.path().join("lock")).unwrap();
    assert!(is_in_use(folder.path()));
    assert!(matches!(refusal(folder.path()), OpenError::InUse { .. }));
    assert!(is_in_use(folder.path()), "also beside the new file");
    store.close().unwrap();
    assert!(!is_in_use(folder.path()));
    open(folder.path()).close().unwrap();
}

#[test]
fn who_only_looks_keeps_nobody_out() {
    let folder = folder();
    open(folder.path()).close().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(SeqCst) {
                is_in_use(folder.path());
            }
        });
        let opened: Vec<_> = (0..20)
            .map(|_| Store::open_with(folder.path(), &options("boot")).and_then(|store| Ok(store.close()?)))
            .collect();
        done.store(true, SeqCst);
        opened.into_iter().for_each(|opened| opened.unwrap());
    });
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    for file in ["tollbar.db", "requests.db"] {
        let folder = folder();
        drop(open(folder.path()));
        let database = Connection::open(folder.path().join(file)).unwrap();
        database.pragma_update(None, "user_version", 999).unwrap();
        let refused = refusal(folder.path());
        assert!(matches!(refused, OpenError::NewerSchema { found: 999, .. }), "{refused}");
        assert!(refused.to_string().contains(file), "{refused}");
    }
}

#[test]
fn an_earlier_store_that_cannot_be_gone_on_with_stays_as_it_was() {
    let folder = folder();
    let file = folder.path().join("tollbar.db");
    Connection::open(&file).unwrap().execute_batch(include_str!("crash/first_schema.sql")).unwrap();
    let schema = || -> i64 {
        Connection::open(&file).unwrap().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    };
    let seen = Cell::new(0);
    let open_if = |answer: Result<(), StoreFailure>| {
        Store::open_if(folder.path(), &options("boot"), &mut |state| {
            assert_eq!((schema(), state.last_change), (1, 0), "what it is to be, and nobody else sees");
            seen.set(seen.get() + 1);
            answer.clone()
        })
    };
    let refused = open_if(Err(StoreFailure::new("another master secret"))).map(drop).unwrap_err();
    assert_eq!(refused.to_string(), "another master secret");
    assert_eq!(schema(), 1);
    // A request log that cannot be used is met before, too.
    fs::create_dir(folder.path().join("requests.db")).unwrap();
    assert!(open_if(Ok(())).is_err());
    assert_eq!(schema(), 1);
    fs::remove_dir(folder.path().join("requests.db")).unwrap();
    open_if(Ok(())).unwrap().close().unwrap();
    assert!(schema() > 1);
    assert_eq!(seen.get(), 3);
    // One that is up to date is asked for nothing.
    open_if(Ok(())).unwrap().close().unwrap();
    assert_eq!(seen.get(), 3);
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = folder();
    fs::write(folder.path().join("tollbar.db"), "something else, and long enough to be read".repeat(100))
        .unwrap();
    let refused = refusal(folder.path());
    assert!(refused.to_string().contains("tollbar.db"), "{refused}");
    let not_a_folder = folder.path().join("tollbar.db");
    assert!(matches!(refusal(&not_a_folder), OpenError::File { .. }));
}

/// A count of logs that is one too high: as a header says that was cut off while the next was written over it.
#[test]
fn a_log_without_its_header_is_refused_where_something_would_be_lost() {
    let folder = folder();
    let store = open(folder.path());
    wait(store.lease(client(1), LIVE, month("2026-11"), 5)).unwrap();
    let killed = |log: &[u8]| {
        let copy = self::folder();
        fs::copy(folder.path().join("tollbar.db"), copy.path().join("tollbar.db")).unwrap();
        fs::write(copy.path().join("tollbar.db-wal"), log).unwrap();
        copy
    };
    let mut log = fs::read(folder.path().join("tollbar.db-wal")).unwrap();
    log[15] ^= 1;
    let copy = killed(&log);
    let refused = refusal(copy.path());
    assert!(refused.to_string().contains("tollbar.db-wal is damaged"), "{refused}");
    assert_eq!(fs::read(copy.path().join("tollbar.db-wal")).unwrap(), log, "nothing was changed");

    let beside = Connection::open(folder.path().join("tollbar.db")).unwrap();
    beside.query_row("PRAGMA wal_checkpoint", [], |_| Ok(())).unwrap();
    let copy = killed(&log);
    let store = open(copy.path());
    let leased = wait(store.load_counts(at("2026-11-15"))).unwrap().months;
    assert_eq!(leased.iter().map(|month| month.leased).collect::<Vec<_>>(), [5]);
}

#[test]
fn only_the_owner_can_read_anything() {
    let outside = folder();
    let folder = outside.path().join("deep/data");
    let store = open(&folder);
    store.journal(0).unwrap().append(&[charged(1, at("2026-11-01"))]).unwrap();
    wait(store.lease_request_ids(1, 0)).unwrap();
    let mut seen = Vec::new();
    check_modes(&folder, &mut seen);
    for name in ["data", "lock", "tollbar.db", "tollbar.db-wal", "requests.db", "journal"] {
        assert!(seen.iter().any(|path| path == name), "{name} in {seen:?}");
    }
}

fn check_modes(path: &Path, seen: &mut Vec<String>) {
    let mode = fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    seen.push(path.file_name().unwrap().to_str().unwrap().to_owned());
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            check_modes(&entry.unwrap().path(), seen);
        }
    }
}

#[test]
fn a_locked_database_is_a_failure_and_passes() {
    let folder = folder();
    let store = open(folder.path());
    let other = Connection::open(folder.path().join("tollbar.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let failure = wait(store.lease(client(1), LIVE, month("2026-11"), 5)).unwrap_err();
    assert!(failure.reason().contains("locked"), "{failure}");
    store.journal(0).unwrap().append(&[charged(1, at("2026-11-01"))]).unwrap();
    assert!(wait(store.load_counts(at("2026-11-01"))).is_err());
    assert!(wait(store.check()).is_err(), "a store that cannot write is not well, although it can be read");
    assert_eq!(wait(store.find_audit(ChangeId(1))), Ok(None), "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(wait(store.check()), Ok(()));
    wait(store.lease(client(1), LIVE, month("2026-11"), 5)).unwrap();
    assert_eq!(used(&store, 1, month("2026-11")), 1, "counted once");
}

#[test]
fn a_lost_journal_folder_is_a_failure() {
    let folder = folder();
    let store = open(folder.path());
    fs::remove_dir_all(folder.path().join("journal")).unwrap();
    assert!(store.journal(0).is_err());
    assert!(wait(store.load_counts(at("2026-11-01"))).is_err());
    assert!(store.close().is_err());
}

#[test]
fn opening_for_this_machine_works() {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(wait(store.check()), Ok(()));
    store.close().unwrap();
}
