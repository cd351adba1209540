//! Looking at a store: what is damage, and what is not.

use std::{fs, path::Path};

use rusqlite::Connection;
use tollbar_core::port::BackupOrder;
use tollbar_store::{DatabaseReport, back_up_stopped, inspect};

use super::support::{at, folder, open};

fn main_report(folder: &Path) -> DatabaseReport {
    inspect(folder, at("2026-11-22"), at("2026-11-22"), false).databases.remove(0)
}

fn change(folder: &Path, sql: &str) {
    Connection::open(folder.join("tollbar.db")).unwrap().execute_batch(sql).unwrap();
}

#[test]
fn an_older_store_is_whole_before_its_first_start() {
    let folder = folder();
    change(folder.path(), include_str!("crash/first_schema.sql"));
    let report = main_report(folder.path());
    assert_eq!((report.schema, report.problems.len()), (Some(1), 0), "{report:?}");
    assert!(report.unreadable.is_none(), "{report:?}");
    drop(open(folder.path()));
    let report = main_report(folder.path());
    assert_eq!(report.schema, Some(report.known_schema));
}

#[test]
fn what_the_first_start_left_empty_is_no_damage() {
    let folder = folder();
    fs::write(folder.path().join("tollbar.db"), "").unwrap();
    let report = main_report(folder.path());
    assert_eq!((report.schema, report.problems.len()), (Some(0), 0), "{report:?}");
    assert!(report.unreadable.is_none(), "{report:?}");
}

#[test]
fn what_could_not_be_restored_is_not_backed_up() {
    let folder = folder();
    let data = folder.path().join("data");
    open(&data).close().unwrap();
    let order = |name: &str| BackupOrder {
        folder: folder.path().join(name),
        with_requests: false,
        made_at: at("2026-11-22"),
        version: "1".to_owned(),
    };
    // A row that its index does not know: nothing that is read or written at a start shows it.
    change(
        &data,
        "INSERT INTO endpoints (base, method, path) VALUES ('/', 'GET', '/a');
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'audit')
           WHERE name = 'sqlite_autoindex_endpoints_1'",
    );
    let refused = back_up_stopped(&data, &order("copy")).unwrap_err().to_string();
    assert!(refused.contains("tollbar.db: the copy is damaged"), "{refused}");
    assert!(!order("copy").folder.exists());
}

#[test]
fn a_query_that_fails_is_no_damage() {
    let folder = folder();
    open(folder.path()).close().unwrap();
    change(folder.path(), "ALTER TABLE signing_keys RENAME TO elsewhere");
    let report = main_report(folder.path());
    assert!(report.problems.is_empty(), "{report:?}");
    assert!(report.unreadable.unwrap().cause.contains("signing_keys"));
}
