//! The page that says what became of the directory's documents. The same documents make the same page.

use std::{collections::BTreeMap, fmt::Write};

use crate::all::Summary;

/// The word that a warning has when something of the document is not held against requests.
pub const UNENFORCED: &str = "unenforced";
/// Of one document, so many warnings are shown.
const SHOWN: usize = 5;
/// A warning or a reason is shown up to here.
const SHOWN_CHARACTERS: usize = 240;

/// The page, as Markdown.
pub fn page(summary: &Summary, package: &str) -> String {
    let mut text = String::new();
    let imported = summary.imported().count();
    let endpoints: usize = summary.imported().map(|(_, outcome)| outcome.endpoints).sum();
    let described: usize = summary.told().map(|(_, outcome)| outcome.described).sum();
    let in_imported: usize = summary.imported().map(|(_, outcome)| outcome.described).sum();
    let refused: Vec<_> = summary.refused().collect();
    let _ = write!(
        text,
        "# Documents of a public directory\n\n\
         Made by `cargo xtask soak`, or alone by `cargo xtask documents`, which imports every document of\n\
         the npm package {package}, each in a process of its own, and looks for each of\n\
         its operations. Do not edit.\n\n\
         | | |\n|---|---|\n\
         | documents | {} |\n\
         | imported | {imported} |\n\
         | refused | {} |\n\
         | operations that the documents describe | {described} |\n\
         | of these, in documents that are imported | {in_imported} |\n\
         | endpoints made of those, each found by its own path | {endpoints} |\n\n",
        summary.rows.len(),
        refused.len(),
    );
    let _ = write!(text, "## Refused\n\n");
    for (name, reason) in &refused {
        let _ = writeln!(text, "- `{name}`: {}", shown(reason));
    }
    if refused.is_empty() {
        let _ = writeln!(text, "None.");
    }
    let _ = write!(
        text,
        "\n## What is not enforced\n\nThese documents are imported, and say something of requests that Tollbar does not hold them \
         against; the import warns of it.\n\n"
    );
    let mut without = true;
    for (name, outcome) in summary.imported() {
        let found: Vec<&String> = outcome.warnings.iter().filter(|text| text.contains(UNENFORCED)).collect();
        if found.is_empty() {
            continue;
        }
        without = false;
        let _ = writeln!(text, "- `{name}`");
        for warning in found.iter().take(SHOWN) {
            let _ = writeln!(text, "  - {}", shown(warning));
        }
        if found.len() > SHOWN {
            let _ = writeln!(text, "  - and {} more", found.len() - SHOWN);
        }
    }
    if without {
        let _ = writeln!(text, "None.");
    }
    let _ = write!(
        text,
        "\n## Left out\n\nOperations that are no endpoints, by the reason that the import gives.\n\n"
    );
    for (reason, (operations, documents)) in left_out(summary) {
        let _ = writeln!(text, "- {reason}: {operations} times, in {documents} documents");
    }
    text
}

/// What a warning says of operations that share one endpoint, behind their number.
const SHARED: &str = " operations whose paths differ only after \"?\" or \"#\" are one endpoint";

/// By reason: how many operations, in how many documents.
fn left_out(summary: &Summary) -> BTreeMap<String, (usize, usize)> {
    let mut reasons: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (_, outcome) in summary.imported() {
        let mut here: BTreeMap<String, usize> = BTreeMap::new();
        for warning in &outcome.warnings {
            let reason = warning.split_once(" is left out: ").or_else(|| warning.split_once(": skipped: "));
            if let Some((_, reason)) = reason {
                *here.entry(shown(reason)).or_default() += 1;
            }
            let shared = warning.split_once(SHARED).and_then(|(before, _)| before.rsplit(' ').next());
            if let Some(count) = shared.and_then(|count| count.parse::<usize>().ok()) {
                // One of them is the endpoint.
                *here.entry("their paths differ from another's only after \"?\" or \"#\", and both are one endpoint".to_owned()).or_default() += count.saturating_sub(1);
            }
        }
        for (reason, count) in here {
            let entry = reasons.entry(reason).or_default();
            *entry = (entry.0 + count, entry.1 + 1);
        }
    }
    reasons
}

/// One line, not too long, with nothing in it that Markdown would take for its own.
fn shown(text: &str) -> String {
    let mut line: String = text.chars().take(SHOWN_CHARACTERS).collect();
    if line.len() < text.len() {
        line.push('…');
    }
    line.replace('\n', " ").replace('<', "&lt;").replace('*', "\\*").replace('_', "\\_")
}
