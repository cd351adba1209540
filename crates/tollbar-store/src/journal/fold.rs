//! Folding: from the files into the tables, each record once.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tollbar_core::{Timestamp, port::StoreFailure};

use super::{
    file::{Begun, JournalFolder},
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
    /// What a former run wrote is at least as old as this.
    opened: Instant,
    time: Arc<LatestTime>,
    positions: BTreeMap<String, Position>,
    /// After a failure, what is stored may not be what is kept here.
    in_doubt: bool,
    /// Where files that are being written could not be read on: a record may be on its way there.
    stuck: BTreeMap<String, u64>,
    damage: Arc<Damage>,
    /// Records that were stepped over in this step.
    stepped_over: u64,
    /// Damage was found that is not noted in the tables yet.
    has_gaps: bool,
}

/// Records of this run that could not be read and were stepped over, and files that were cut or taken away.
#[derive(Default)]
pub(crate) struct Damage(AtomicU64);

impl Damage {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
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
        let mut fold = Self {
            folder,
            opened: Instant::now(),
            time,
            positions: BTreeMap::new(),
            in_doubt: true,
            stuck: BTreeMap::new(),
            damage: Arc::default(),
            stepped_over: 0,
            has_gaps: false,
        };
        fold.load_positions(writer)?;
        fold.folder.reserve(&fold.positions.keys().cloned().collect::<Vec<_>>());
        Ok(fold)
    }

    /// Everything that was appended before the call is in the tables when this returns.
    pub(crate) fn run(&mut self, writer: &Writer) -> Result<(), StoreFailure> {
        self.load_positions(writer)?;
        loop {
            let (advances, tally, more) = self.read_step().map_err(|error| Fault::in_journal(&error))?;
            let has_gaps = self.has_gaps;
            if !advances.is_empty() || has_gaps {
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
                self.has_gaps = false;
                self.damage.0.fetch_add(self.stepped_over, Ordering::Relaxed);
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Deletes files that are folded, not written any more, and too old for any rate window; those too that a former run
    /// left whose clock was ahead, for they would be young for as long.
    pub(crate) fn remove_finished(&mut self, writer: &Writer) -> Result<(), StoreFailure> {
        let now = self.latest();
        let is_long_open = self.opened.elapsed() > Duration::from_secs(KEPT_SECONDS);
        let mut finished = Vec::new();
        for (name, position) in &self.positions {
            let is_young = now <= position.newest.plus_seconds(KEPT_SECONDS);
            let is_of_before = now > Timestamp::default() && is_long_open && !self.folder.is_own(name);
            if self.folder.is_written(name) || (is_young && !is_of_before) {
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

    /// For whoever shows it.
    pub(crate) fn damage(&self) -> Arc<Damage> {
        self.damage.clone()
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
        self.stepped_over = 0;
        // Asked before the folder is: what was made stands there.
        let made = self.folder.made();
        let names = match self.folder.names() {
            // Taken away with all that was in it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            names => names?,
        };
        for (name, begun) in made.iter().filter(|(name, _)| !names.contains(name)) {
            self.give_up(begun, name, "it is gone");
        }
        for name in names {
            // Asked before the file is read: what is not written now has its last length, and no file is shorter than this.
            let begun = self.folder.begun(&name);
            let appended = begun.as_ref().map_or(0, |begun| begun.appended());
            let known = self.positions.get(&name).cloned();
            let is_new = known.is_none();
            let mut to = known.unwrap_or_default();
            let from = to.offset;
            let mut file = File::open(self.folder.file(&name))?;
            let length = file.metadata()?.len();
            if let Some(begun) = &begun
                && length < appended
            {
                // Where what is written now stands in it cannot be known before it ends.
                self.give_up(begun, &name, "it was cut");
                continue;
            }
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
            self.take_up(&name, begun.as_deref(), &bytes, &mut to, &mut tally);
            // Only what moved counts: a file that is stuck does not keep the others from their turn.
            room = room.saturating_sub(to.offset - from);
            let at_end = from + read >= length;
            if begun.is_none() && at_end && to.offset < length {
                tracing::warn!(file = name, at = to.offset, "a torn end of the usage journal is ignored");
                to.offset = length;
            }
            if self.folder.is_own(&name) {
                self.time.saw(to.newest);
            }
            let more = !at_end && to.offset > from;
            // A new file of a former run is taken note of although it is empty, so that it is deleted some day.
            if to.offset > from || (is_new && begun.is_none()) {
                advances.push(Advance { name, from, to });
            }
            if more {
                return Ok((advances, tally, true));
            }
        }
        Ok((advances, tally, false))
    }

    /// Counts whole records, and steps over others: records have fixed places, and what stands behind is valid. In a file
    /// that may be appended to, what cannot be read at its end may be on its way.
    fn take_up(
        &mut self,
        name: &str,
        begun: Option<&Begun>,
        bytes: &[u8],
        to: &mut Position,
        tally: &mut Tally,
    ) {
        const RECORD: u64 = RECORD_BYTES as u64;
        let (records, _) = bytes.as_chunks::<RECORD_BYTES>();
        // `unread`: since the last whole record.
        let (mut damaged, mut unread, mut first) = (0_u64, 0_u64, None);
        for bytes in records {
            let Some(record) = parse_record(bytes) else {
                unread += 1;
                continue;
            };
            tally.add(&record);
            to.newest = to.newest.max(record.at);
            step_over(&mut unread, &mut damaged, &mut first, to);
            to.offset += RECORD;
        }
        if begun.is_none() {
            step_over(&mut unread, &mut damaged, &mut first, to);
        }
        if let Some(begun) = begun
            && unread > 0
        {
            // It is no longer on its way where it was met before.
            if self.stuck.insert(name.to_owned(), to.offset) == Some(to.offset) {
                self.give_up(begun, name, "its end cannot be read");
            }
        } else {
            self.stuck.remove(name);
        }
        let Some(at) = first else { return };
        self.stepped_over += damaged;
        self.has_gaps = true;
        let path = self.folder.file(name);
        tracing::error!(
            file = %path.display(), at, damaged,
            "records of the usage journal are damaged: they are not counted. After a power failure that is the end of what \
             was being written; else look at the disk, and at `tollbar doctor`"
        );
        if let Some(begun) = begun {
            self.give_up(begun, name, "what stands in it was changed");
        }
    }

    /// A file is not what was written: its writer begins another one, and the next start does not rely on what is left.
    fn give_up(&mut self, begun: &Begun, name: &str, why: &str) {
        if !begun.give_up() {
            return;
        }
        self.damage.0.fetch_add(1, Ordering::Relaxed);
        self.has_gaps = true;
        let path = self.folder.file(name);
        tracing::error!(
            file = %path.display(), why,
            "a file of the usage journal was damaged while it is written. Another one is begun; what was lost is missing in \
             reports, and the next start raises counts to what was leased. Find out what else writes there, and look at the disk"
        );
    }
}

/// Records that cannot be read, and stand before whole ones or in a file that has ended.
fn step_over(unread: &mut u64, damaged: &mut u64, first: &mut Option<u64>, to: &mut Position) {
    if *unread > 0 {
        first.get_or_insert(to.offset);
        *damaged += *unread;
        to.offset += *unread * RECORD_BYTES as u64;
        *unread = 0;
    }
}

#[cfg(test)]
mod tests;
