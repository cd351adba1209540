//! What goes wrong, and how it is told.

use std::{io, path::PathBuf};

use tollbar_core::port::StoreFailure;

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has the folder.
    #[error(
        "the data folder {} is in use by another process: stop that one first, or give this one a folder of its own",
        folder.display()
    )]
    InUse {
        /// Which folder.
        folder: PathBuf,
    },
    /// The folder, or a file in it, cannot be used.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The database cannot be used.
    #[error("the database {} cannot be opened: {reason}", file.display())]
    Database {
        /// Which file.
        file: PathBuf,
        /// What the database said.
        reason: String,
    },
    /// The database was written by a newer Tollbar.
    #[error(
        "the database {} has schema {found}, and this version of Tollbar knows up to {known}: \
         it was written by a newer version; run that one, or restore a copy from before the upgrade",
        file.display()
    )]
    NewerSchema {
        /// Which file.
        file: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that is known here.
        known: i64,
    },
    /// What the last run left could not be taken up.
    #[error("the data folder could not be brought up to date: {0}")]
    Recovery(#[from] StoreFailure),
}

impl OpenError {
    /// For `map_err`.
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), source }
    }
}

/// A failure inside; becomes a [`StoreFailure`] at the port.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) String);

impl From<&str> for Fault {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self(format!("the database refused: {error}"))
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self(format!("a stored record cannot be read or written: {error}"))
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self(format!("the journal's files: {error}"))
    }
}

impl From<Fault> for StoreFailure {
    fn from(fault: Fault) -> Self {
        Self(fault.0)
    }
}
