//! `tollbar tour`: green, complete, and readable.

use std::{
    collections::BTreeSet,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;
use tollbar_contract::Code;

/// Runs the tour with a folder of its own for what it throws away.
fn tour(arguments: &[&str], folder: &TempDir) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollbar"))
        .arg("tour")
        .args(arguments)
        .env_clear()
        .env("TMPDIR", folder.path())
        .current_dir(folder.path())
        .output()
        .unwrap()
}

fn names<'a>(rows: impl Iterator<Item = &'a Value>) -> Vec<&'a str> {
    rows.filter_map(|row| row["code"].as_str()).collect()
}

#[test]
fn the_tour_provokes_every_code_and_holds() {
    let folder = TempDir::new().unwrap();
    let output = tour(&["--json"], &folder);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    let expected: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(expected.len(), 25);
    // The first rows are the contract's table, in its order.
    assert_eq!(names(rows.iter().take(25)), expected);
    let keys = ["code", "status", "did", "request_id", "answer", "passed", "why"];
    let mut ids = BTreeSet::new();
    for row in &rows {
        assert_eq!(row.as_object().unwrap().keys().collect::<Vec<_>>(), keys, "{row}");
        assert_eq!((&row["passed"], &row["why"]), (&Value::Bool(true), &Value::Null), "{row}");
        assert!(row["did"].as_str().unwrap().ends_with('.'), "{row}");
        assert!(ids.insert(row["request_id"].as_str().unwrap()), "{row}");
        let answer = &row["answer"];
        assert_eq!(
            (&answer["status"], &answer["headers"]["x-request-id"]),
            (&row["status"], &row["request_id"])
        );
        if row["code"].is_string() {
            assert_eq!(answer["body"]["error"]["code"], row["code"], "{row}");
        }
    }
    for code in Code::ALL {
        let row = rows.iter().find(|row| row["code"] == code.as_str()).unwrap();
        assert_eq!(row["status"], code.status(), "{row}");
    }
    assert!(rows.iter().any(|row| row["code"].is_null() && row["status"] == 200), "nothing was let through");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something was left behind");
}

#[test]
fn the_tour_reads_as_a_page() {
    let folder = TempDir::new().unwrap();
    let output = tour(&[], &folder);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for code in Code::ALL {
        let row = text.lines().find(|line| line.split_whitespace().nth(1) == Some(code.as_str()));
        assert!(row.is_some_and(|row| row.ends_with("pass")), "{code}:\n{text}");
    }
    // The order of checks, and where to go next.
    for words in
        ["The platform is switched on.", "The monthly allowance has room", "tollbar demo", "request show"]
    {
        assert!(text.contains(words), "{words}:\n{text}");
    }
    // One answer whole, from both sides; and its id is the one of its row.
    let id = text.split("request show ").nth(1).and_then(|rest| rest.get(..12)).unwrap();
    let row = text.lines().find(|line| line.contains(" scope_missing ")).unwrap();
    assert!(row.contains(id), "{id}:\n{text}");
    for words in
        ["  HTTP/1.1 403", "  x-error-code: scope_missing", r#"{"success":false"#, "REFUSED", "throw-away"]
    {
        assert!(text.contains(words), "{words}:\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "colour went into a pipe");
}
