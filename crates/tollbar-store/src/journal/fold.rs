//! Folding: from the files into the tables, each record once.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    sync::Arc,
};

use tollbar_core::{Timestamp, port::StoreFailure};

use super::{
    file::JournalFolder,
    record::{RECORD_BYTES, parse_record},
    tally::{Position, Tally},
};
use crate::{allowance, database::from_column, fault::Fault, latest::LatestTime, writer::Writer};

/// What one transaction takes up, from all files together. A multiple of a record.
const STEP_BYTES: u64 = 4 << 20;
/// How long a file is kept after its newest record: rate windows are rebuilt from it.
const KEPT_SECONDS: u64 = 120;

/// The folding of one folder. Where files have been read up to is kept here, and in the tables for the next start.
pub(crate) struct Fold {
    folder: Arc<JournalFolder>,
    time: Arc<LatestTime>,
    positions: BTreeMap<String, Position>,
    /// After a failure, what is stored may not be what is kept here.
    in_doubt: bool,
    /// Where a record that cannot be read was last reported, so that it is reported once.
    reported: Option<(String, u64)>,
    /// Records that could not be read and were stepped over.
    damaged: u64,
}

/// What has been read of one file in one step.
struct Advance {
    name: String,
    from: u64,
    to: Position,
}

impl Fold {
    pub(crate) fn start(
        folder: Arc<JournalFolder>,
        time: Arc<LatestTime>,
        writer: &Writer,
    ) -> Result<Self, StoreFailure> {
        let mut fold =
            Self { folder, time, positions: BTreeMap::new(), in_doubt: true, reported: None, damaged: 0 };
        fold.load_positions(writer)?;
        fold.folder.reserve(&fold.positions.keys().cloned().collect::<Vec<_>>());
        Ok(fold)
    }

    /// Everything that was appended before the call is in the tables when this returns.
    pub(crate) fn run(&mut self, writer: &Writer) -> Result<(), StoreFailure> {
        self.load_positions(writer)?;
        loop {
            let damaged = self.damaged;
            let (advances, tally, more) = self.read_step().map_err(|error| Fault::in_journal(&error))?;
            if !advances.is_empty() {
                let has_gaps = self.damaged > damaged;
                let stored = writer.run_blocking(move |connection| {
                    tally.write(connection)?;
                    if has_gaps {
                        allowance::note_gaps(connection)?;
                    }
                    for advance in &advances {
                        advance.to.advance(connection, &advance.name, advance.from)?;
                    }
                    Ok(advances)
                });
                self.in_doubt = stored.is_err();
                self.positions.extend(stored?.into_iter().map(|advance| (advance.name, advance.to)));
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Deletes files that are folded, not written any more, and too old for any rate window.
    pub(crate) fn remove_finished(&mut self, writer: &Writer) -> Result<(), StoreFailure> {
        let now = self.latest();
        let mut finished = Vec::new();
        for (name, position) in &self.positions {
            if self.folder.is_written(name) || now <= position.newest.plus_seconds(KEPT_SECONDS) {
                continue;
            }
            match self.folder.file(name).metadata() {
                Ok(file) if file.len() > position.offset => {}
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Fault::in_journal(&error).into());
                }
                _ => finished.push(name.clone()),
            }
        }
        if finished.is_empty() {
            return Ok(());
        }
        // First the files, for good; a file without a position would be folded a second time.
        self.folder.remove(&finished).map_err(|error| Fault::in_journal(&error))?;
        let names = finished.clone();
        writer.run_blocking(move |connection| {
            let mut delete = connection.prepare_cached("DELETE FROM journal_files WHERE name = ?1")?;
            for name in &names {
                delete.execute([name])?;
            }
            Ok(())
        })?;
        self.positions.retain(|name, _| !finished.contains(name));
        Ok(())
    }

    pub(crate) fn latest(&self) -> Timestamp {
        self.time.value()
    }

    fn load_positions(&mut self, writer: &Writer) -> Result<(), StoreFailure> {
        if !self.in_doubt {
            return Ok(());
        }
        self.positions = writer.run_blocking(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT name, offset, newest FROM journal_files")?;
            let rows = statement.query_map([], |row| {
                let offset = from_column(row.get(1)?);
                let newest = Timestamp::from_millis(from_column(row.get(2)?));
                Ok((row.get(0)?, Position { offset, newest }))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        self.in_doubt = false;
        Ok(())
    }

    /// Reads on in the files; the last value says whether something is left for another step.
    fn read_step(&mut self) -> io::Result<(Vec<Advance>, Tally, bool)> {
        let mut advances = Vec::new();
        let mut tally = Tally::default();
        let mut room = STEP_BYTES;
        for name in self.folder.names()? {
            // Asked before the file is read: what is not written now has its last length.
            let written = self.folder.is_written(&name);
            let known = self.positions.get(&name).cloned();
            let is_new = known.is_none();
            let mut to = known.unwrap_or_default();
            let from = to.offset;
            let mut file = File::open(self.folder.file(&name))?;
            let length = file.metadata()?.len();
            if length <= from && !is_new {
                continue;
            }
            if room == 0 {
                return Ok((advances, tally, true));
            }
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(from))?;
            file.take(room.min(length.saturating_sub(from))).read_to_end(&mut bytes)?;
            let read = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            self.take_up(&name, written, &bytes, &mut to, &mut tally);
            // Only what moved counts: a file that is stuck does not keep the others from their turn.
            room = room.saturating_sub(to.offset - from);
            let at_end = from + read >= length;
            if !written && at_end && to.offset < length {
                tracing::warn!(file = name, at = to.offset, "a torn end of the usage journal is ignored");
                to.offset = length;
            }
            if written {
                self.time.saw(to.newest);
            }
            let more = !at_end && to.offset > from;
            // A new file of a former run is taken note of although it is empty, so that it is deleted some day.
            if to.offset > from || (is_new && !written) {
                advances.push(Advance { name, from, to });
            }
            if more {
                return Ok((advances, tally, true));
            }
        }
        Ok((advances, tally, false))
    }

    /// Counts whole records. In a file that may be appended to, the first one that cannot be read ends it: it may
    /// be on its way. In others it is stepped over: records have fixed places, and what stands behind is valid.
    fn take_up(&mut self, name: &str, written: bool, bytes: &[u8], to: &mut Position, tally: &mut Tally) {
        let (records, _) = bytes.as_chunks::<RECORD_BYTES>();
        let (mut damaged, mut first) = (0_u64, None);
        for bytes in records {
            match parse_record(bytes) {
                Some(record) => {
                    tally.add(&record);
                    to.newest = to.newest.max(record.at);
                }
                None if written => {
                    let place = Some((name.to_owned(), to.offset));
                    if self.reported != place {
                        tracing::warn!(
                            file = name,
                            at = to.offset,
                            "a record of the usage journal is damaged"
                        );
                        self.reported = place;
                    }
                    return;
                }
                None => {
                    damaged += 1;
                    first.get_or_insert(to.offset);
                }
            }
            to.offset += RECORD_BYTES as u64;
        }
        if let Some(at) = first {
            self.damaged += damaged;
            let path = self.folder.file(name);
            tracing::error!(
                file = %path.display(), at, damaged,
                "records of the usage journal are damaged: they are not counted. After a power failure that is the end of what \
                 was being written; else look at the disk, and at `tollbar doctor`"
            );
        }
    }
}

#[cfg(test)]
mod tests;
