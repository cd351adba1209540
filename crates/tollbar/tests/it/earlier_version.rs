//! What an earlier version stored: it is changed only by a process that will serve from it.

use std::{
    fs::{self, File},
    io::Write,
    net::TcpListener,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::support::Platform;

const FIRST: &str = include_str!("../../../tollbar-store/tests/it/crash/first_schema.sql");

/// A data folder as the first version left it, beneath a folder of its own.
fn of_the_first_version() -> (TempDir, PathBuf) {
    let folder = TempDir::with_prefix("tollbar-test-").unwrap();
    let data = folder.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
    Connection::open(data.join("tollbar.db")).unwrap().execute_batch(FIRST).unwrap();
    fs::set_permissions(data.join("tollbar.db"), fs::Permissions::from_mode(0o600)).unwrap();
    let secret = File::options().create_new(true).write(true).mode(0o600).open(data.join("master-secret"));
    secret.unwrap().write_all("11".repeat(32).as_bytes()).unwrap();
    (folder, data)
}

fn schema(data: &Path) -> i64 {
    let database = Connection::open(data.join("tollbar.db")).unwrap();
    database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

fn run(data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollbar"));
    command.args(arguments).arg("--data").arg(data).env_clear().stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn it_is_looked_at_backed_up_and_restored_before_its_first_start() {
    let (folder, data) = of_the_first_version();
    let doctor = run(&data, &["doctor"]);
    assert!(said(&doctor).contains("schema 1, which the next start brings to"), "{}", said(&doctor));
    let copy = folder.path().join("copy");
    assert!(run(&data, &["backup", copy.to_str().unwrap()]).status.success());
    let restored = run(&data, &["restore", copy.to_str().unwrap(), "--replace"]);
    assert!(restored.status.success(), "{}", said(&restored));
    assert_eq!(schema(&data), 1);
    // A store is never without its master secret.
    fs::remove_file(data.join("master-secret")).unwrap();
    let doctor = run(&data, &["doctor"]);
    assert!(said(&doctor).contains("the master secret is missing"), "{}", said(&doctor));
}

#[test]
fn a_start_that_fails_leaves_it_to_the_earlier_version() {
    let (folder, data) = of_the_first_version();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let free = "127.0.0.1:0";
    let ended = run(&data, &["serve", "--gateway", free, "--ops", free, "--admin", &address]);
    assert!(!ended.status.success());
    assert!(said(&ended).contains("the admin listener cannot listen on"), "{}", said(&ended));
    assert_eq!(schema(&data), 1);
    // What does not fail brings it up to date.
    let builder = Platform::with();
    let process = builder.command(folder.path()).spawn().unwrap();
    let mut platform = Platform::wait_for_start(folder, builder, process);
    platform.terminate();
    platform.wait_for_end();
    assert!(schema(&data) > 1);
}
