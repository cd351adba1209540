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
    #[error("{}: {cause}", path.display())]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// Why. It stands in the message, and is no source: it would be told twice.
        cause: io::Error,
    },
    /// The database cannot be used.
    #[error("the database {} cannot be opened: {reason}", file.display())]
    Database {
        /// Which file.
        file: PathBuf,
        /// What the database said.
        reason: String,
    },
    /// A file is not what it was when it was written.
    #[error(
        "{} is damaged: {reason}. Nothing was changed. `tollbar doctor --full` says what else is wrong; `tollbar restore \
         BACKUP --replace` puts a backup in its place, and keeps what is there",
        file.display()
    )]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// What is wrong with it.
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
    Recovery(StoreFailure),
    /// What was asked cannot be done.
    #[error("{0}")]
    Refused(StoreFailure),
}

/// How the word of a damaged database begins.
const DAMAGED: &str = "the database is damaged";
/// How it ends: what to do about the database that counts.
const FOR_MAIN: &str =
    "`tollbar doctor --full` says more, and `tollbar restore BACKUP --replace` puts a backup in its place";
/// The same for the request log, for which nobody should give up what counts.
const FOR_REQUEST_LOG: &str = "to begin a new one, stop the server, move requests.db* out of the data folder and start it: \
     only look-ups of the past are lost";
/// The same for a copy: what it was made of may be whole.
const FOR_COPY: &str = "`tollbar doctor --full` says whether the store is damaged too; if it is whole, look at the disk of the \
     copy";

impl OpenError {
    /// What a database said when it was tried out.
    pub(crate) fn in_database(file: &std::path::Path, fault: Fault) -> Self {
        let (file, is_damage) = (file.to_owned(), fault.is_damage());
        let reason = fault.0;
        if is_damage { Self::Damaged { file, reason } } else { Self::Database { file, reason } }
    }

    /// The same of an error while what the last run left was taken up: by then the store may have been brought to this
    /// version's schema, so that it is not said that nothing was changed.
    pub(crate) fn naming(self, file: &std::path::Path) -> Self {
        match self {
            Self::Recovery(failure) if Fault(failure.reason().to_owned()).is_damage() => {
                let inner = failure.reason().split_once('(').and_then(|(_, rest)| rest.split_once(')'));
                let reason = inner.map_or(failure.reason(), |(reason, _)| reason).to_owned();
                Self::Recovery(StoreFailure::new(format!(
                    "{} is damaged: {reason}. `tollbar doctor --full` says what else is wrong; `tollbar restore BACKUP --replace` \
                     puts a backup in its place, and keeps what is there",
                    file.display()
                )))
            }
            other => other,
        }
    }

    /// For `map_err`.
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::File { path: path.to_owned(), cause }
    }
}

/// A failure inside; becomes a [`StoreFailure`] at the port.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) String);

impl Fault {
    /// Of the usage journal, wherever it is told.
    pub(crate) fn in_journal(error: &io::Error) -> Self {
        Self(format!("the journal's files: {error}"))
    }

    /// A database that is not what was written.
    pub(crate) fn damage(found: &dyn std::fmt::Display) -> Self {
        Self(format!("{DAMAGED} ({found}); {FOR_MAIN}"))
    }

    /// The same of the request log.
    pub(crate) fn in_request_log(self) -> Self {
        self.advising(FOR_REQUEST_LOG)
    }

    /// The same of a copy that was just made.
    pub(crate) fn in_copy(self) -> Self {
        let Self(told) = self.advising(FOR_COPY);
        Self(told.replacen(DAMAGED, "the copy is damaged", 1))
    }

    fn advising(self, advice: &str) -> Self {
        match self.0.strip_suffix(FOR_MAIN) {
            Some(told) if self.is_damage() => Self(format!("{told}{advice}")),
            _ => self,
        }
    }

    /// Whether it comes from a database that is not what was written.
    pub(crate) fn is_damage(&self) -> bool {
        self.0.starts_with(DAMAGED)
    }
}

/// Whether a database refuses because its file is not what was written.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    error.sqlite_error_code().is_some_and(|code| matches!(code, DatabaseCorrupt | NotADatabase))
}

impl From<StoreFailure> for OpenError {
    fn from(failure: StoreFailure) -> Self {
        Self::Recovery(failure)
    }
}

impl From<OpenError> for StoreFailure {
    fn from(error: OpenError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<&str> for Fault {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        if is_damage(&error) { Self::damage(&error) } else { Self(format!("the database refused: {error}")) }
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self(format!("a stored record cannot be read or written: {error}"))
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<Fault> for StoreFailure {
    fn from(fault: Fault) -> Self {
        Self::new(fault.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_that_is_met_late_names_the_file_and_not_that_nothing_was_changed() {
        let met = OpenError::from(StoreFailure::from(Fault::damage(&"page 7")));
        let told = met.naming(std::path::Path::new("data/tollbar.db")).to_string();
        assert!(told.contains("data/tollbar.db is damaged: page 7. `tollbar doctor --full`"), "{told}");
        assert!(!told.contains("Nothing was changed"), "{told}");
    }
}
