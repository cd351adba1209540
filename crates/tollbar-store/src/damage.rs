//! Damage that SQLite would not tell: a file that was emptied is a new database to it, and a write-ahead log that does not
//! begin as one is an empty one. Either would lose what was acknowledged without a word.

use std::{fs, path::Path};

use crate::{
    OpenError,
    files::{JOURNAL, REQUEST_DATABASE, beside},
};
use log::{Log, read_log};

mod checksum;
mod log;

/// Before the database is opened. Whether the log has parts that are not read: a commit that was under way, or
/// everything, where the database has it already.
pub(crate) fn check_before_opening(file: &Path) -> Result<bool, OpenError> {
    let refused = |file: &Path, reason: String| OpenError::Damaged { file: file.to_owned(), reason };
    let folder = file.parent().unwrap_or(file);
    let log = beside(file, "-wal");
    let length = |file: &Path| fs::metadata(file).map_or(0, |metadata| metadata.len());
    let had_store =
        length(&log) > 0 || folder.join(REQUEST_DATABASE).exists() || folder.join(JOURNAL).exists();
    if length(file) == 0 && had_store {
        let reason = if file.exists() { "it is empty" } else { "it is missing" };
        return Err(refused(file, format!("{reason}, and the files beside it show that there was a store")));
    }
    match read_log(&log).map_err(OpenError::file(&log))? {
        Log::Whole => Ok(false),
        Log::TornEnd => Ok(true),
        Log::TornCommit => {
            tracing::warn!(
                file = %log.display(),
                "the write-ahead log ends with a commit that cannot be read: one that failed, or was under way when the \
                 machine crashed, was not acknowledged; if neither happened, the disk has damaged what was changed last"
            );
            Ok(true)
        }
        Log::Headless(committed) => {
            if committed.is_in(file, &log).map_err(OpenError::file(file))? {
                tracing::warn!(
                    file = %log.display(),
                    "the header of the write-ahead log cannot be read: nothing is lost, for the database has all that it holds"
                );
                return Ok(true);
            }
            let reason = "the checksum of its header is wrong, and the database lacks what it holds";
            Err(refused(&log, reason.to_owned()))
        }
        Log::Damaged(reason) => Err(refused(&log, reason)),
    }
}

#[cfg(test)]
mod tests;
