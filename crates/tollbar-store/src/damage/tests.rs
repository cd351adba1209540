//! Logs as SQLite leaves them, and what a crash or the disk makes of them.

mod header;

use std::{fs::File, os::unix::fs::FileExt as _};

use rusqlite::Connection;

use super::{
    checksum::{FRAME_HEADER_BYTES, word},
    log::HEADER_BYTES,
    *,
};

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
    assert_eq!(read_log(&log).unwrap(), Log::TornCommit);
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
    assert_eq!(read(&left), Log::TornCommit);
    // And one was under way when the power failed: its last page is missing.
    let mut torn = left.clone();
    let end = runs[3].len();
    torn[end - 100..end].fill(0xaa);
    assert_eq!(read(&torn), Log::TornCommit);
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

/// Where the frames stand that end a commit.
fn ends_of_commits(log: &[u8]) -> Vec<usize> {
    let frames = (HEADER_BYTES..log.len()).step_by(FRAME_HEADER_BYTES + 4096);
    frames.filter(|at| word(log, at + 4) != 0).collect()
}

#[test]
fn a_damaged_end_of_the_last_commit_but_one_is_not_taken_for_the_last_commit() {
    let folder = tempfile::tempdir().unwrap();
    let log = log(folder.path());
    let whole = fs::read(&log).unwrap();
    let read = |bytes: &[u8]| {
        fs::write(&log, bytes).unwrap();
        read_log(&log).unwrap()
    };
    let [.., but_one, last] = ends_of_commits(&whole)[..] else { panic!("too few commits") };
    let frame = (but_one - HEADER_BYTES) / (FRAME_HEADER_BYTES + 4096) + 1;
    for at in (4..FRAME_HEADER_BYTES).step_by(4) {
        let mut damaged = whole.clone();
        damaged[but_one + at] ^= 0x10;
        let Log::Damaged(reason) = read(&damaged) else { panic!("not seen at {at}") };
        assert!(reason.contains(&format!("frame {frame} is damaged, and 2 commits")), "{at}: {reason}");
    }
    // The mark is gone.
    let mut damaged = whole.clone();
    damaged[but_one + 4..][..4].fill(0);
    assert!(matches!(read(&damaged), Log::Damaged(_)));
    // All of the salt.
    let mut damaged = whole.clone();
    damaged[but_one + 8..][..8].fill(0xa5);
    assert!(matches!(read(&damaged), Log::Damaged(_)));
    // One that was torn looks the same where nothing of the head is left: it is said, and no more.
    let mut damaged = whole.clone();
    damaged[but_one..][..FRAME_HEADER_BYTES].fill(0);
    assert_eq!(read(&damaged), Log::TornCommit);
    // Nothing of the last commit's end was written: there is nothing to be said.
    let mut damaged = whole;
    damaged[last..].fill(0);
    assert_eq!(read(&damaged), Log::TornEnd);
}

#[test]
fn a_mark_that_stood_there_before_ends_no_commit() {
    let folder = tempfile::tempdir().unwrap();
    let run = runs(folder.path(), &[&[20_000]]).remove(0);
    let log = folder.path().join("torn");
    let frame_bytes = FRAME_HEADER_BYTES + 4096;
    let [.., before, last] = ends_of_commits(&run)[..] else { panic!("too few commits") };
    let under_way: Vec<_> = (before + frame_bytes..last).step_by(frame_bytes).collect();
    assert!(under_way.len() > 2);
    // A sector may end behind the mark, behind the salt, or within the page: what it held was written, or what is behind it.
    for at in under_way {
        for (old, is_salt_old) in
            [(0..8, false), (0..16, true), (16..24, false), (16..600, false), (4..5, false)]
        {
            let mut torn = run.clone();
            for (place, byte) in old.clone().zip(run[before..].iter().skip(old.start)) {
                torn[at + place] = *byte;
            }
            if is_salt_old {
                torn[at + 8..at + 16].fill(0x5a);
            }
            fs::write(&log, torn).unwrap();
            assert!(!matches!(read_log(&log).unwrap(), Log::Damaged(_)), "{at}, {old:?}");
        }
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
