//! The inputs that are kept.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// All that is kept for a target, by name, in the order of names.
pub fn read_corpus(target: &str) -> io::Result<Vec<(String, Vec<u8>)>> {
    list(&folder().join(target))?.into_iter().map(|(name, path)| Ok((name, fs::read(path)?))).collect()
}

/// The targets for which something is kept.
pub fn corpora() -> io::Result<Vec<String>> {
    Ok(list(&folder())?.into_iter().map(|(name, _)| name).collect())
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus"))
}

fn list(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let named = |entry: fs::DirEntry| (entry.file_name().to_string_lossy().into_owned(), entry.path());
    let mut entries: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(named)).collect::<io::Result<_>>()?;
    entries.sort();
    Ok(entries)
}
