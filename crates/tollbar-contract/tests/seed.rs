//! The table is compared with the published contract, both ways.

#![allow(clippy::unwrap_used, clippy::panic)]

use tollbar_contract::{Code, Retry};

const SEED: &str = include_str!("fixtures/error-codes.txt");

/// (code, status, section, description) of every row of the published text.
fn published_codes() -> Vec<(String, u16, String, String)> {
    let mut rows = Vec::new();
    let mut section = String::new();
    let mut lines = SEED.lines().peekable();
    while let Some(line) = lines.next() {
        if line.ends_with(" Errors") {
            section = line.to_owned();
        }
        let cells: Vec<_> = line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect();
        if let [code, status] = cells[..]
            && let Ok(status) = status.parse()
        {
            let description = lines.next().unwrap().trim_end_matches('|').trim().to_owned();
            rows.push((code.to_owned(), status, section.clone(), description));
        }
    }
    rows
}

#[test]
fn every_published_code_is_in_the_table_word_for_word() {
    let published = published_codes();
    assert_eq!(published.len(), 22);
    for (name, status, section, description) in published {
        let code = Code::find(&name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(code.status(), status, "{name}");
        assert_eq!(code.section().title(), section, "{name}");
        assert_eq!(code.description(), description, "{name}");
        assert!(!code.is_additive(), "{name}");
    }
}

#[test]
fn every_code_of_the_table_is_published_or_additive() {
    let published: Vec<_> = published_codes().into_iter().map(|row| row.0).collect();
    let ours: Vec<_> =
        Code::ALL.iter().filter(|code| !code.is_additive()).map(|code| code.as_str().to_owned()).collect();
    assert_eq!(ours, published, "same codes in the same order");
    let added: Vec<_> =
        Code::ALL.iter().filter(|code| code.is_additive()).map(|code| code.as_str()).collect();
    assert_eq!(added, ["not_found", "method_not_allowed", "request_rejected"]);
}

#[test]
fn the_retry_table_is_the_published_one() {
    let (_, table) = SEED.split_once("Retry Guidance").unwrap();
    let published: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect::<Vec<_>>())
        .filter(|cells| cells.len() == 3 && cells[0] != "HTTP Status")
        .collect();
    let ours: Vec<Vec<&str>> = Retry::ALL.iter().map(|r| vec![r.row(), r.answer(), r.note()]).collect();
    assert_eq!(ours, published);
}

#[test]
fn the_advice_of_a_code_belongs_to_its_status() {
    for code in Code::ALL.iter().filter(|code| !code.is_additive()) {
        assert!(
            code.retry().row().starts_with(&code.status().to_string()),
            "{code} is {} and advises {}",
            code.status(),
            code.retry().row()
        );
    }
}
