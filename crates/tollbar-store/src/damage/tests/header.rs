//! A header that cannot be read: torn when a log was begun anew, or rotted later.

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

const FRAME_BYTES: usize = FRAME_HEADER_BYTES + 4096;
/// What the damage of one word or one byte may be.
const FLIPS: [u8; 3] = [1, 0x80, 0xff];

/// A log of some commits, and the header that was written over its own when it was begun anew.
struct Begun {
    folder: TempDir,
    log: Vec<u8>,
    header: Vec<u8>,
    /// The database with everything that the log holds, and without.
    with: Vec<u8>,
    without: Vec<u8>,
}

impl Begun {
    /// One log came before, and so many more.
    fn after(logs: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let live = folder.path().join("live");
        let connection = Connection::open(&live).unwrap();
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
        connection.execute_batch("CREATE TABLE a (id INTEGER PRIMARY KEY, text TEXT)").unwrap();
        let insert = |bytes: usize| {
            connection.execute("INSERT INTO a (text) VALUES (?1)", ["x".repeat(bytes)]).unwrap();
        };
        let begin_anew = || connection.query_row("PRAGMA wal_checkpoint", [], |_| Ok(())).unwrap();
        for _ in 0..logs {
            begin_anew();
            insert(60_000);
        }
        begin_anew();
        let without = fs::read(&live).unwrap();
        for bytes in [9000, 10, 3000] {
            insert(bytes);
        }
        let log = fs::read(beside(&live, "-wal")).unwrap();
        begin_anew();
        let with = fs::read(&live).unwrap();
        insert(10);
        let header = fs::read(beside(&live, "-wal")).unwrap()[..HEADER_BYTES].to_vec();
        // Beginning with 255 and 256 more than one byte differs.
        assert_eq!((word(&log, 12), word(&header, 12)), (logs + 1, logs + 2));
        Self { folder, log, header, with, without }
    }

    /// Lays a database and a log there, and asks whether they may be opened.
    fn check(&self, database: &[u8], log: &[u8]) -> Result<bool, String> {
        let file = self.file();
        fs::write(&file, database).unwrap();
        fs::write(beside(&file, "-wal"), log).unwrap();
        check_before_opening(&file).map_err(|error| error.to_string())
    }

    /// What SQLite sees in what was laid there.
    fn rows(&self) -> u32 {
        let connection = Connection::open(self.file()).unwrap();
        let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
        connection.query_row("SELECT count(*) FROM a", [], |row| row.get(0)).unwrap()
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("db")
    }

    /// Headers of which some bytes are of the old one, and some of the new: cut off at each place, and any words.
    fn torn(&self) -> Vec<Vec<u8>> {
        let old = &self.log[..HEADER_BYTES];
        let mix = |is_new: &dyn Fn(usize) -> bool| {
            let byte = |at| if is_new(at) { self.header[at] } else { old[at] };
            (0..HEADER_BYTES).map(byte).collect::<Vec<_>>()
        };
        let mut torn: Vec<_> = (0..HEADER_BYTES).map(|cut| mix(&|at| at < cut)).collect();
        torn.extend((0..1_u32 << (HEADER_BYTES / 4)).map(|words| mix(&|at| words >> (at / 4) & 1 == 1)));
        torn.retain(|header| *header != self.header && header != old);
        torn.sort_unstable();
        torn.dedup();
        assert!(torn.len() > 30, "{}", torn.len());
        torn
    }
}

fn with_header(header: &[u8], log: &[u8]) -> Vec<u8> {
    [header, &log[HEADER_BYTES..]].concat()
}

#[test]
fn a_header_torn_over_a_log_that_the_database_has_is_that_of_an_empty_log() {
    for logs in [0, 1, 254] {
        let begun = Begun::after(logs);
        let rows = logs + 3;
        for header in begun.torn() {
            let log = with_header(&header, &begun.log);
            assert_eq!(begun.check(&begun.with, &log), Ok(true), "{header:02x?}");
            assert_eq!(begun.rows(), rows, "{header:02x?}");
        }
    }
}

#[test]
fn no_header_excuses_a_log_that_the_database_lacks() {
    let begun = Begun::after(1);
    assert!(begun.check(&begun.without, &begun.log).is_ok());
    assert_eq!(begun.rows(), 4);
    let mut headers = begun.torn();
    // What rots is no less found where it looks as if it were torn: the lowest bit of the count.
    for at in 0..HEADER_BYTES {
        for flip in FLIPS {
            let mut header = begun.log[..HEADER_BYTES].to_vec();
            header[at] ^= flip;
            headers.push(header);
        }
    }
    for header in headers {
        let refused = begun.check(&begun.without, &with_header(&header, &begun.log)).unwrap_err();
        assert!(refused.contains("db-wal is damaged: "), "{refused}");
    }
}

#[test]
fn a_database_that_lacks_one_page_lacks_the_log() {
    let begun = Begun::after(1);
    let log = with_header(&begun.torn()[0], &begun.log);
    let mut lacking: Vec<_> = begun.with.chunks(4096).zip(begun.without.chunks(4096)).enumerate().collect();
    lacking.retain(|(_, (with, without))| with != without);
    assert!(lacking.len() > 1);
    for (page, (_, without)) in lacking {
        let mut database = begun.with.clone();
        database[page * 4096..][..4096].copy_from_slice(without);
        let refused = begun.check(&database, &log).unwrap_err();
        assert!(refused.contains("the database lacks what it holds"), "{refused}");
    }
    // Its last page was not written, or in part.
    for missing in [1, 4096] {
        let database = &begun.with[..begun.with.len() - missing];
        assert!(begun.check(database, &log).unwrap_err().contains("the database lacks what it holds"));
    }
}

#[test]
fn a_first_frame_that_rotted_with_the_header_is_seen() {
    let begun = Begun::after(1);
    let mut torn = with_header(&begun.torn()[0], &begun.log);
    let head = HEADER_BYTES..HEADER_BYTES + FRAME_HEADER_BYTES;
    for at in head.clone().chain((head.end..HEADER_BYTES + FRAME_BYTES).step_by(51)) {
        for flip in FLIPS {
            torn[at] ^= flip;
            let refused = begun.check(&begun.with, &torn);
            assert!(refused.is_err(), "{at} {flip}");
            torn[at] ^= flip;
        }
    }
    // A sector, as disks lose them, whatever they say in its place.
    for byte in [0, 0xa5, 0xff] {
        for bytes in [HEADER_BYTES, 512, 4096] {
            let mut log = begun.log.clone();
            log[..bytes].fill(byte);
            assert!(begun.check(&begun.without, &log).unwrap_err().contains("db-wal is damaged"));
        }
    }
}

#[test]
fn a_header_that_names_another_size_of_a_page_does_not_empty_the_log() {
    let begun = Begun::after(1);
    // Too short for a frame of the larger sizes.
    let ends = (1..).map(|frames| HEADER_BYTES + frames * FRAME_BYTES);
    for end in ends.take_while(|end| *end <= begun.log.len()) {
        for bytes in (9..=16).map(|power| 1_u32 << power).filter(|bytes| *bytes != 4096) {
            let mut log = begun.log[..end].to_vec();
            log[8..12].copy_from_slice(&bytes.to_be_bytes());
            let refused = begun.check(&begun.without, &log).unwrap_err();
            assert!(refused.contains("db-wal is damaged: "), "{end}, {bytes}: {refused}");
        }
    }
}

#[test]
fn a_log_without_a_commit_holds_nothing() {
    let begun = Begun::after(1);
    let log = with_header(&begun.torn()[0], &begun.log);
    let ends_commit = |frame: usize| word(&log, HEADER_BYTES + frame * FRAME_BYTES + 4) != 0;
    let first = (0..).find(|frame| ends_commit(*frame)).unwrap();
    assert!(first > 1);
    for frames in 0..=first {
        // The last of them in part: the first commit was under way.
        let end = HEADER_BYTES + frames * FRAME_BYTES;
        for end in [end, end + 20, end + FRAME_BYTES - 1] {
            assert_eq!(begun.check(&begun.without, &log[..end]), Ok(true), "{frames}, {end}");
        }
    }
    let first_commit = &log[..HEADER_BYTES + (first + 1) * FRAME_BYTES];
    assert!(
        begun.check(&begun.without, first_commit).unwrap_err().contains("the database lacks what it holds")
    );
}
