//! Many documents, a few at a time, and what became of them together.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::{Context, Result};

use crate::limits::{self, Fate};

/// A document, by its path in its folder, and what became of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// `stripe.com.json`.
    pub name: String,
    /// How its process ended.
    pub fate: Fate,
}

/// All documents, in the order of their names.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Each of them.
    pub rows: Vec<Row>,
}

/// Imports the documents with these names, `lanes` at a time, each by `program one FILE`.
pub fn run(program: &Path, folder: &Path, names: &[String], lanes: usize) -> Result<Summary> {
    let (next, rows) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        let lane = || -> Result<()> {
            while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                let fate = limits::run(program, &folder.join(name)).with_context(|| name.clone())?;
                let row = Row { name: name.clone(), fate };
                rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(row);
            }
            Ok(())
        };
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
        lanes
            .into_iter()
            .try_for_each(|lane| lane.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a lane ended early"))))
    })?;
    let mut rows = rows.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    rows.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Summary { rows })
}

/// The names of all documents in a folder and its folders, sorted.
pub fn names(folder: &Path) -> Result<Vec<String>> {
    let (mut names, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(below) = folders.pop() {
        let at = folder.join(&below);
        for entry in fs::read_dir(&at).with_context(|| format!("{} cannot be read", at.display()))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                names.push(path.to_string_lossy().into_owned());
            }
        }
    }
    names.sort();
    Ok(names)
}

impl Summary {
    /// Those that were imported: name and outcome.
    pub fn imported(&self) -> impl Iterator<Item = (&str, &crate::one::Outcome)> {
        self.told().filter(|(_, outcome)| outcome.refused.is_none())
    }

    /// Those that were refused: name and reason.
    pub fn refused(&self) -> impl Iterator<Item = (&str, &str)> {
        self.told().filter_map(|(name, outcome)| Some((name, outcome.refused.as_deref()?)))
    }

    /// All that were read to the end.
    pub fn told(&self) -> impl Iterator<Item = (&str, &crate::one::Outcome)> {
        self.rows.iter().filter_map(|row| match &row.fate {
            Fate::Told(outcome) => Some((row.name.as_str(), outcome.as_ref())),
            Fate::Crashed(_) | Fate::TooLong | Fate::TooLarge => None,
        })
    }

    /// What is not as it should be, whatever the document: crashes, limits passed, operations not found.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for row in &self.rows {
            match &row.fate {
                Fate::Told(outcome) => {
                    faults.extend(outcome.lost.iter().map(|lost| format!("{}: {lost}", row.name)));
                }
                Fate::Crashed(how) => faults.push(format!("{}: it crashed ({how})", row.name)),
                Fate::TooLong => faults.push(format!(
                    "{}: it took more than {} s of processor time",
                    row.name,
                    limits::CPU_SECONDS_MAX
                )),
                Fate::TooLarge => faults.push(format!(
                    "{}: it took more than {} MiB of memory",
                    row.name,
                    limits::MEMORY_BYTES_MAX / (1024 * 1024)
                )),
            }
        }
        faults
    }
}
