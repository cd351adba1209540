//! Damage that SQLite would not tell: a file that was emptied is a new database to it, and a write-ahead log that does not
//! begin as one is an empty one. Either would lose what was acknowledged without a word.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use crate::{
    OpenError,
    files::{JOURNAL, REQUEST_DATABASE, beside},
};

const HEADER_BYTES: usize = 32;
const FRAME_HEADER_BYTES: usize = 24;
/// The two kinds of write-ahead log: checksums little-endian and big-endian.
const MAGIC: u32 = 0x377f_0682;

/// Before the database is opened. Whether the log has an end that cannot be read: a commit that was under way.
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
        Log::Damaged(reason) => Err(refused(&log, reason)),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Log {
    /// Every frame that was written can be read, or there is none.
    Whole,
    /// The last commit was not finished, and so not acknowledged.
    TornEnd,
    /// Commits that were acknowledged cannot be read.
    Damaged(String),
}

/// Follows the checksums. Behind the first frame that does not go on with them there may be the rest of one commit, which
/// was never synced, and what commits that failed have left: each was written over from where it began, so that the
/// checksums break between one and the next. Two commits in one piece mean that the first of them was acknowledged.
fn read_log(file: &Path) -> io::Result<Log> {
    let mut log = match File::open(file) {
        Ok(log) => io::BufReader::with_capacity(1 << 20, log),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Log::Whole),
        Err(error) => return Err(error),
    };
    let mut header = [0; HEADER_BYTES];
    if !read_whole(&mut log, &mut header)? || header == [0; HEADER_BYTES] {
        // The header is synced before anything is acknowledged.
        return Ok(Log::Whole);
    }
    let big_endian = match word(&header, 0).wrapping_sub(MAGIC) {
        0 => false,
        1 => true,
        _ => return Ok(Log::Damaged("it does not begin as a write-ahead log does".to_owned())),
    };
    let mut sums = checksum((0, 0), header.get(..24).unwrap_or_default(), big_endian);
    if sums != (word(&header, 24), word(&header, 28)) {
        return Ok(Log::Damaged("the checksum of its header is wrong".to_owned()));
    }
    let salt = header.get(16..24).unwrap_or_default();
    let page_bytes = usize::try_from(word(&header, 8)).unwrap_or(0);
    if !(512..=65_536).contains(&page_bytes) {
        return Ok(Log::Damaged("its header names no size of a page".to_owned()));
    }
    let mut frame = vec![0; FRAME_HEADER_BYTES + page_bytes];
    let (mut is_torn, mut in_piece, mut commits_behind, mut frames) = (false, 0_u64, 0_u64, 0_u64);
    while read_whole(&mut log, &mut frame)? {
        let (head, page) = frame.split_at(FRAME_HEADER_BYTES);
        let is_ours = head.get(8..16) == Some(salt);
        let told = (word(head, 16), word(head, 20));
        sums = checksum(sums, head.get(..8).unwrap_or_default(), big_endian);
        sums = checksum(sums, page, big_endian);
        if !(is_ours && sums == told) {
            is_torn = true;
            in_piece = 0;
            // Its own words say what the next one goes on from.
            sums = told;
        } else if !is_torn {
            frames += 1;
        }
        if is_torn && is_ours && word(head, 4) != 0 {
            in_piece += 1;
            commits_behind = commits_behind.max(in_piece);
        }
    }
    Ok(match (is_torn, commits_behind) {
        (false, _) => Log::Whole,
        (true, 0 | 1) => Log::TornEnd,
        (true, commits) => Log::Damaged(format!(
            "its frame {} is damaged, and {commits} commits behind it, which were acknowledged, cannot be read",
            frames + 1
        )),
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

fn word(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
    u32::from_be_bytes(bytes.unwrap_or_default())
}

/// SQLite's checksum of a write-ahead log.
fn checksum((mut first, mut second): (u32, u32), bytes: &[u8], big_endian: bool) -> (u32, u32) {
    let read = |bytes: [u8; 4]| {
        if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
    };
    for [a, b, c, d, e, f, g, h] in bytes.as_chunks::<8>().0.iter().copied() {
        first = first.wrapping_add(read([a, b, c, d])).wrapping_add(second);
        second = second.wrapping_add(read([e, f, g, h])).wrapping_add(first);
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use rusqlite::Connection;

    use super::*;

    /// A write-ahead log with some commits, as it is when the process is killed.
    fn log(folder: &Path) -> std::path::PathBuf {
        let file = folder.join("db");
        let live = Connection::open(folder.join("live")).unwrap();
        live.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
        live.execute_batch("CREATE TABLE a (id INTEGER PRIMARY KEY, text TEXT)").unwrap();
        for n in 0..5 {
            live.execute("INSERT INTO a (text) VALUES (?1)", [format!("{n}").repeat(3000)]).unwrap();
        }
        fs::copy(folder.join("live"), &file).unwrap();
        fs::copy(folder.join("live-wal"), beside(&file, "-wal")).unwrap();
        beside(&file, "-wal")
    }

    #[test]
    fn a_torn_end_is_told_from_damage() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path());
        assert_eq!(read_log(&log).unwrap(), Log::Whole);
        let whole = fs::read(&log).unwrap();
        // Anywhere cut off: what is missing was not there.
        for length in (0..whole.len()).step_by(97) {
            fs::write(&log, &whole[..length]).unwrap();
            assert!(!matches!(read_log(&log).unwrap(), Log::Damaged(_)), "cut at {length}");
        }
        // The last page: the last commit.
        fs::write(&log, &whole).unwrap();
        let open = || File::options().write(true).open(&log).unwrap();
        open().write_all_at(&[0xaa; 100], whole.len() as u64 - 200).unwrap();
        assert_eq!(read_log(&log).unwrap(), Log::TornEnd);
        // A page in the middle: commits behind it are there, and were acknowledged.
        fs::write(&log, &whole).unwrap();
        open().write_all_at(&[0xaa; 100], 200).unwrap();
        let Log::Damaged(reason) = read_log(&log).unwrap() else { panic!("not seen") };
        assert!(reason.contains("frame 1 is damaged"), "{reason}");
        for garbage in [&b"garbage, garbage, garbage, garbage, garbage"[..], &[0xff; 40]] {
            fs::write(&log, garbage).unwrap();
            assert!(matches!(read_log(&log).unwrap(), Log::Damaged(_)));
        }
        fs::write(&log, [0; 100]).unwrap();
        assert_eq!(read_log(&log).unwrap(), Log::Whole, "as after a power failure: nothing was synced");
    }

    /// Copies of one database with its log, each with other commits behind it: runs that begin at the same place.
    fn runs(folder: &Path, runs: &[&[usize]]) -> Vec<Vec<u8>> {
        let base = log(folder);
        let each = runs.iter().enumerate().map(|(number, commits)| {
            let file = folder.join(format!("run-{number}"));
            fs::copy(folder.join("db"), &file).unwrap();
            fs::copy(&base, beside(&file, "-wal")).unwrap();
            let connection = Connection::open(&file).unwrap();
            for bytes in *commits {
                connection.execute("INSERT INTO a (text) VALUES (?1)", ["x".repeat(*bytes)]).unwrap();
            }
            fs::read(beside(&file, "-wal")).unwrap()
        });
        each.collect()
    }

    /// The later over the earlier, as each is written where the one before it failed.
    fn over(earlier: &[u8], later: &[u8]) -> Vec<u8> {
        [later, earlier.get(later.len()..).unwrap()].concat()
    }

    #[test]
    fn what_failed_commits_left_is_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let runs = runs(folder.path(), &[&[200_000], &[100_000], &[50_000], &[3000, 3000]]);
        let log = folder.path().join("left");
        let read = |bytes: &[u8]| {
            fs::write(&log, bytes).unwrap();
            read_log(&log).unwrap()
        };
        for run in &runs {
            assert_eq!(read(run), Log::Whole);
            assert_eq!(run[..HEADER_BYTES], runs[0][..HEADER_BYTES], "the same salt");
        }
        // Three failed, each shorter than the one before, and then two were acknowledged.
        let left = runs.iter().skip(1).fold(runs[0].clone(), |left, run| over(&left, run));
        assert_eq!(left.len(), runs[0].len());
        assert_eq!(read(&left), Log::TornEnd);
        // And one was under way when the power failed: its last page is missing.
        let mut torn = left.clone();
        let end = runs[3].len();
        torn[end - 100..end].fill(0xaa);
        assert_eq!(read(&torn), Log::TornEnd);
        // Damage before them is seen as before.
        for at in [200, 40 + 4, 32 + 17] {
            let mut damaged = left.clone();
            damaged[at] ^= 1;
            let Log::Damaged(reason) = read(&damaged) else { panic!("not seen at {at}") };
            assert!(reason.contains("frame 1 is damaged"), "{reason}");
        }
    }

    #[test]
    fn one_damaged_word_of_a_frame_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let log = log(folder.path());
        let whole = fs::read(&log).unwrap();
        // Of each field of the head of the second frame, and of its page.
        for at in (0..FRAME_HEADER_BYTES + 4096).step_by(4) {
            let mut damaged = whole.clone();
            damaged[HEADER_BYTES + FRAME_HEADER_BYTES + 4096 + at] ^= 0x10;
            fs::write(&log, damaged).unwrap();
            let Log::Damaged(reason) = read_log(&log).unwrap() else { panic!("not seen at {at}") };
            assert!(reason.contains("frame 2 is damaged"), "{at}: {reason}");
        }
    }

    #[test]
    fn an_emptied_database_is_no_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tollbar.db");
        let check = || check_before_opening(&file).map_err(|error| error.to_string());
        assert_eq!(check(), Ok(false), "nothing is there");
        fs::write(&file, "").unwrap();
        assert_eq!(check(), Ok(false), "the first start was broken off");
        fs::create_dir(folder.path().join("journal")).unwrap();
        assert!(check().unwrap_err().contains("it is empty"));
        fs::remove_file(&file).unwrap();
        assert!(check().unwrap_err().contains("it is missing"));
    }
}
