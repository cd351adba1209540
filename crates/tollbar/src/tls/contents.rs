//! What stands in some files at one moment.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Result, anyhow};
use tollbar_core::secret::{Digest, sha256};

/// No certificate, chain or bundle of authorities is larger.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Files, and what stands in each, or why it cannot be read. Keys are among them: it is never printed.
pub(super) struct Contents(BTreeMap<PathBuf, Result<Vec<u8>, String>>);

impl Contents {
    /// Reads them as they are now.
    pub(super) fn read<'a>(paths: impl IntoIterator<Item = &'a PathBuf>) -> Self {
        Self(paths.into_iter().map(|path| (path.clone(), read(path))).collect())
    }

    /// Which files.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        self.0.keys().cloned().collect()
    }

    /// What stands in one of them.
    pub(super) fn of(&self, path: &Path) -> Result<&[u8]> {
        match self.0.get(path) {
            Some(Ok(bytes)) => Ok(bytes),
            Some(Err(fault)) => Err(anyhow!("{}: {fault}", path.display())),
            None => Err(anyhow!("{}: it was not read", path.display())),
        }
    }

    /// Differs if anything differs.
    pub(super) fn digest(&self) -> Digest {
        let mut all = Vec::new();
        for (path, content) in &self.0 {
            all.extend(sha256(&[path.as_os_str().as_encoded_bytes()]));
            all.push(u8::from(content.is_ok()));
            all.extend(match content {
                Ok(bytes) => sha256(&[bytes]),
                Err(fault) => sha256(&[fault.as_bytes()]),
            });
        }
        sha256(&[&all])
    }
}

/// A pipe could keep us waiting for ever: only files are read.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |fault: std::io::Error| format!("it cannot be read: {fault}");
    if !std::fs::metadata(path).map_err(cannot)?.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(cannot)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it is larger than {FILE_BYTES_MAX} bytes"));
    }
    Ok(bytes)
}
