//! Reads a write-ahead log: whether everything that was acknowledged can be read in it.

use std::{collections::BTreeMap, fs::File, io, os::unix::fs::FileExt as _, path::Path};

use super::checksum::{FRAME_HEADER_BYTES, before_first, checksum, first_words, word};

pub(super) const HEADER_BYTES: usize = 32;
/// The two kinds of write-ahead log: checksums little-endian and big-endian.
const MAGIC: u32 = 0x377f_0682;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Log {
    /// Every frame that was written can be read, or there is none.
    Whole,
    /// The last commit was not finished, and so not acknowledged.
    TornEnd,
    /// The same, but the end of a commit is there. A crash of the machine leaves that, and so does a commit that failed:
    /// a disk that damaged what was acknowledged last cannot be told from them.
    TornCommit,
    /// The header cannot be read, and SQLite takes the log for an empty one. It may be one: a log is begun anew, with a
    /// new header over the old one, when the database has all of what it holds.
    Headless(Committed),
    /// Commits that were acknowledged cannot be read.
    Damaged(String),
}

/// What a log's commits hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Committed {
    /// Where the last state of each page stands in the log.
    pages: BTreeMap<u32, u64>,
    /// The pages that the database has after the last commit: those beyond were cut off.
    end: u32,
    page_bytes: usize,
}

/// Follows the checksums. Behind the first frame that does not go on with them there may be the rest of one commit, which
/// was never synced, and what commits that failed have left: each was written over from where it began, so that the
/// checksums break between one and the next. Two commits in one piece mean that the first of them was acknowledged.
pub(super) fn read_log(file: &Path) -> io::Result<Log> {
    let mut log = match File::open(file) {
        Ok(log) => io::BufReader::with_capacity(1 << 20, log),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Log::Whole),
        Err(error) => return Err(error),
    };
    let damaged = |reason: &str| Ok(Log::Damaged(reason.to_owned()));
    let mut header = [0; HEADER_BYTES];
    // The header is synced before anything is written behind it.
    if !read_whole(&mut log, &mut header)? {
        return Ok(Log::Whole);
    }
    if header == [0; HEADER_BYTES] {
        return if is_empty(&mut log)? {
            Ok(Log::Whole)
        } else {
            damaged("its header is empty, and what follows is not")
        };
    }
    let big_endian = match word(&header, 0).wrapping_sub(MAGIC) {
        0 => false,
        1 => true,
        _ => return damaged("it does not begin as a write-ahead log does"),
    };
    let page_bytes = usize::try_from(word(&header, 8)).unwrap_or(0);
    if !(512..=65_536).contains(&page_bytes) || !page_bytes.is_power_of_two() {
        return damaged("its header names no size of a page");
    }
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    let mut is_there = read_whole(&mut log, &mut frame)?;
    let mut salt = word_pair(&header, 16);
    let mut sums = checksum((0, 0), header.get(..24).unwrap_or_default(), big_endian);
    let is_headless = sums != word_pair(&header, 24);
    if is_headless && is_there {
        let Some(before) = before_first(&frame, &header, big_endian) else {
            return damaged("the checksums of its header and of its first frame are wrong");
        };
        (salt, sums) = (word_pair(&frame, 8), before);
    }
    let mut committed = Committed { pages: BTreeMap::new(), end: 0, page_bytes };
    let mut uncommitted = Vec::new();
    let mut beside_told = None;
    let (mut is_torn, mut in_piece, mut commits_behind, mut frames) = (false, 0_u64, 0_u64, 0_u64);
    while is_there {
        let (head, page) = frame.split_at(FRAME_HEADER_BYTES);
        let (has_salt, told) = (word_pair(head, 8) == salt, word_pair(head, 16));
        let leads_to = |sums| {
            let sums = checksum(sums, head.get(..8).unwrap_or_default(), big_endian);
            checksum(sums, page, big_endian)
        };
        let comes_to = leads_to(sums);
        // The checksums do not cover the salt: one that goes on with them belongs here whatever its salt says.
        let goes_on = comes_to == told || beside_told.take().is_some_and(|sums| leads_to(sums) == told);
        let mut is_commit = word(head, 4) != 0;
        if !goes_on {
            let (number, mark) = first_words(sums, page, told, big_endian);
            // The mark is what is damaged, or one that stood there before and was not written over yet.
            if mark == 0 || number == word(head, 0) {
                is_commit = mark != 0;
            }
        }
        sums = told;
        if !(has_salt && goes_on) {
            is_torn = true;
            in_piece = 0;
            // The next one goes on from what its own words say, or from what it comes to if just these are damaged.
            beside_told = Some(comes_to);
        } else if !is_torn {
            uncommitted.push((word(head, 0), frames));
            frames += 1;
        }
        if is_commit && !is_torn {
            committed.pages.extend(uncommitted.drain(..));
            committed.end = word(head, 4);
        }
        if is_commit && is_torn && (has_salt || goes_on) {
            in_piece += 1;
            commits_behind = commits_behind.max(in_piece);
        }
        is_there = read_whole(&mut log, &mut frame)?;
    }
    Ok(match (is_torn, commits_behind) {
        (true, 2..) => Log::Damaged(format!(
            "its frame {} is damaged, and {commits_behind} commits behind it, which were acknowledged, cannot be read",
            frames + 1
        )),
        _ if is_headless => Log::Headless(committed),
        (true, 1) => Log::TornCommit,
        (true, _) => Log::TornEnd,
        (false, _) => Log::Whole,
    })
}

impl Committed {
    /// Whether the database has everything: nothing is lost with the log then. Its pages are of the size that the log was
    /// read by: under another one a log that is too short for a page would seem to hold none.
    pub(super) fn is_in(&self, database: &Path, log: &Path) -> io::Result<bool> {
        let (database, log) = (File::open(database)?, File::open(log)?);
        if page_bytes_of(&database)? != self.page_bytes {
            return Ok(false);
        }
        let (mut in_log, mut in_database) = (vec![0; self.page_bytes], vec![0; self.page_bytes]);
        let (page_bytes, head) = (self.page_bytes as u64, FRAME_HEADER_BYTES as u64);
        for (page, frame) in self.pages.range(..=self.end) {
            let at = HEADER_BYTES as u64 + frame * (head + page_bytes) + head;
            log.read_exact_at(&mut in_log, at)?;
            match database.read_exact_at(&mut in_database, u64::from(page.saturating_sub(1)) * page_bytes) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
                read => read?,
            }
            if in_log != in_database {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What the database's own header says.
fn page_bytes_of(database: &File) -> io::Result<usize> {
    let mut bytes = [0; 2];
    match database.read_exact_at(&mut bytes, 16) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
        read => read?,
    }
    // The largest size does not fit there.
    Ok(match u16::from_be_bytes(bytes) {
        1 => 65_536,
        bytes => usize::from(bytes),
    })
}

/// False at the end, also in the middle of what was to be read.
fn read_whole(from: &mut impl io::Read, bytes: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether there are only zeros.
fn is_empty(from: &mut impl io::BufRead) -> io::Result<bool> {
    loop {
        let (bytes, zeros) = match from.fill_buf()? {
            [] => return Ok(true),
            part => (part.len(), part.iter().all(|byte| *byte == 0)),
        };
        if !zeros {
            return Ok(false);
        }
        from.consume(bytes);
    }
}

fn word_pair(bytes: &[u8], at: usize) -> (u32, u32) {
    (word(bytes, at), word(bytes, at + 4))
}
