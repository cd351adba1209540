//! The rooms of the house: which crate may know which, and what may not stand in the tree.

use std::{collections::BTreeMap, fs, process::Command};

use anyhow::{Result, bail};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::tools::root;

/// Each crate's floor. An edge goes downward only; crates on one floor do not know each other.
const FLOORS: [(&str, u8); 10] = [
    ("tollbar", 4),
    ("tollbar-gateway", 3),
    ("tollbar-control", 3),
    ("tollbar-store", 3),
    ("tollbar-fuzz", 3),
    ("tollbar-documents", 3),
    ("tollbar-core", 2),
    ("tollbar-contract", 1),
    ("tollbar-openapi", 1),
    ("tollbar-http", 1),
];
/// Generic crates: they have never heard of Tollbar.
const GENERIC: [&str; 2] = ["tollbar-openapi", "tollbar-http"];
/// Longer files are to be looked at twice.
const LINES_MAX: usize = 500;

/// Says everything that is out of place.
pub(crate) fn tidy() -> Result<()> {
    let mut faults = edges()?;
    faults.extend(sources()?);
    if faults.is_empty() { Ok(()) } else { bail!("out of place:\n  {}", faults.join("\n  ")) }
}

fn edges() -> Result<Vec<String>> {
    let floors: BTreeMap<&str, u8> = FLOORS.into();
    let metadata = MetadataCommand::new().no_deps().current_dir(root()).exec()?;
    let mut faults = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(floor) = floors.get(name) else {
            if name != "xtask" {
                faults.push(format!("{name} has no floor: give it one in xtask/src/tidy.rs"));
            }
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.kind == DependencyKind::Normal) {
            let Some(below) = floors.get(dependency.name.as_str()) else { continue };
            if below >= floor {
                faults.push(format!("{name} must not depend on {}", dependency.name));
            }
            if GENERIC.contains(&name) {
                faults.push(format!("{name} is generic and must not depend on {}", dependency.name));
            }
        }
    }
    Ok(faults)
}

fn sources() -> Result<Vec<String>> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()?;
    let mut faults = Vec::new();
    for file in String::from_utf8_lossy(&listed.stdout).lines().filter(|file| file.ends_with(".rs")) {
        let Ok(text) = fs::read_to_string(root().join(file)) else { continue };
        if file.ends_with("/mod.rs") {
            faults.push(format!("{file}: write foo.rs and foo/, not mod.rs"));
        }
        if text.lines().count() > LINES_MAX {
            faults.push(format!("{file} has more than {LINES_MAX} lines: make rooms of it"));
        }
        for (number, line) in text.lines().enumerate() {
            // Written apart, so that this file does not find itself.
            for word in [concat!("#[ign", "ore"), concat!("thread::sl", "eep"), concat!("FIX", "ME")] {
                if line.contains(word) {
                    faults.push(format!("{file}:{}: `{word}` has no place here", number + 1));
                }
            }
        }
    }
    Ok(faults)
}
