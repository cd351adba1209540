//! Appending: one `write` for all records of a call.

use std::{cell::RefCell, fs::File, io, io::Write as _, sync::Arc};

use tollbar_core::port::{JournalRecord, StoreFailure, UsageJournal};

use super::{
    file::{Begun, JournalFolder},
    record::{RECORD_BYTES, encode},
};
use crate::OpenError;

/// The usage journal of one data-plane thread: can be sent to that thread, and not shared.
pub struct JournalWriter {
    folder: Arc<JournalFolder>,
    number: usize,
    state: RefCell<State>,
}

struct State {
    open: Option<Open>,
    buffer: Vec<u8>,
}

struct Open {
    name: String,
    file: File,
    length: u64,
    /// What the fold knows of the file, and thinks of it.
    begun: Arc<Begun>,
}

impl JournalWriter {
    pub(crate) fn open(folder: Arc<JournalFolder>, number: usize) -> Result<Self, OpenError> {
        let open = Open::create(&folder, number).map_err(OpenError::file(&folder.file("")))?;
        let state = RefCell::new(State { open: Some(open), buffer: Vec::new() });
        Ok(Self { folder, number, state })
    }
}

impl UsageJournal for JournalWriter {
    fn append(&self, records: &[JournalRecord]) -> Result<(), StoreFailure> {
        if records.is_empty() {
            return Ok(());
        }
        let mut state = self.state.borrow_mut();
        let State { open, buffer } = &mut *state;
        buffer.clear();
        buffer.reserve(records.len() * RECORD_BYTES);
        for record in records {
            buffer.extend_from_slice(&encode(record));
        }
        let bytes = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let is_done = |open: &mut Open| {
            open.begun.is_damaged() || (open.length > 0 && open.length + bytes > self.folder.file_limit_bytes)
        };
        if let Some(done) = open.take_if(is_done) {
            self.folder.end_writing(&done.name);
        }
        let file = match open {
            Some(file) => file,
            None => open.insert(Open::create(&self.folder, self.number).map_err(|error| failure(&error))?),
        };
        match append_whole(&mut file.file, file.length, buffer) {
            Ok(()) => {
                file.length += bytes;
                file.begun.grew_to(file.length);
                Ok(())
            }
            Err(Torn { error, is_partial }) => {
                // The fold may have seen whole records before they were taken back, and would miss what is written in
                // their place: nothing is appended to this file any more. One that was and is empty can go on: a disk
                // that stays full must not be given a new file for each request.
                let was_empty = |open: &mut Open| {
                    open.length == 0
                        && !is_partial
                        && open.file.metadata().is_ok_and(|metadata| metadata.len() == 0)
                };
                if let Some(broken) = open.take_if(|open| !was_empty(open)) {
                    self.folder.end_writing(&broken.name);
                }
                Err(failure(&error))
            }
        }
    }
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        if let Some(open) = self.state.get_mut().open.take() {
            self.folder.end_writing(&open.name);
        }
    }
}

impl Open {
    fn create(folder: &JournalFolder, number: usize) -> io::Result<Self> {
        let (name, file, begun) = folder.create(number)?;
        Ok(Self { name, file, length: 0, begun })
    }
}

fn failure(error: &io::Error) -> StoreFailure {
    StoreFailure::new(format!("the usage journal cannot be written: {error}"))
}

/// What a journal file can do.
trait Medium {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Medium for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Why nothing was appended.
#[derive(Debug)]
struct Torn {
    error: io::Error,
    /// Some of it stood there for a moment.
    is_partial: bool,
}

/// All bytes in one call, or none: what was written of them is cut off again.
fn append_whole(medium: &mut impl Medium, length: u64, bytes: &[u8]) -> Result<(), Torn> {
    loop {
        let (fault, is_partial) = match medium.write(bytes) {
            Ok(written) if written == bytes.len() => return Ok(()),
            Ok(written) => {
                (io::Error::new(io::ErrorKind::StorageFull, "the disk took only a part"), written > 0)
            }
            // Nothing was written.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => (error, false),
        };
        if let Err(error) = medium.cut(length) {
            tracing::error!(%error, "a torn end of the usage journal stays; it will be ignored");
        }
        return Err(Torn { error: fault, is_partial });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes this many bytes, in all.
    struct Disk {
        content: Vec<u8>,
        room: usize,
        interruptions: usize,
    }

    impl Medium for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.interruptions > 0 {
                self.interruptions -= 1;
                return Err(io::ErrorKind::Interrupted.into());
            }
            let taken = bytes.len().min(self.room - self.content.len());
            if taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.content.extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }

        fn cut(&mut self, length: u64) -> io::Result<()> {
            self.content.truncate(length.try_into().unwrap());
            Ok(())
        }
    }

    #[test]
    fn a_partial_write_is_taken_back() {
        let mut disk = Disk { content: Vec::new(), room: 100, interruptions: 2 };
        append_whole(&mut disk, 0, &[1; 64]).unwrap();
        let fault = append_whole(&mut disk, 64, &[2; 64]).unwrap_err();
        assert_eq!((fault.error.kind(), fault.is_partial), (io::ErrorKind::StorageFull, true));
        assert_eq!(disk.content, [1; 64]);
        append_whole(&mut disk, 64, &[3; 32]).unwrap();
        disk.room = disk.content.len();
        assert!(!append_whole(&mut disk, 96, &[4; 32]).unwrap_err().is_partial);
        assert_eq!(disk.content.len(), 96);
    }
}
