use std::{io::Write as _, path::Path, time::Duration};

use rusqlite::Connection;
use tollbar_contract::Environment;
use tollbar_core::{
    ClientId, EndpointId,
    port::{JournalEvent, JournalRecord, UsageJournal as _},
};

use super::*;
use crate::{
    JournalWriter,
    database::{Durability, open_writer},
    journal::record::encode,
    lock::FolderLock,
    schema,
};

/// A journal and its tables, without a store around them.
struct Journal {
    folder: Arc<JournalFolder>,
    time: Arc<LatestTime>,
    writer: Writer,
    fold: Fold,
}

impl Journal {
    fn open(path: &Path) -> Self {
        let lock = FolderLock::take(path, Duration::ZERO).unwrap();
        let folder = Arc::new(JournalFolder::open(path.join("journal"), 1 << 20, lock).unwrap());
        let time = Arc::new(LatestTime::default());
        let second = Duration::from_secs(1);
        let writer =
            Writer::start(open_writer(&path.join("db"), Durability::Deferred, second, schema::MAIN).unwrap())
                .unwrap();
        let fold = Fold::start(folder.clone(), time.clone(), &writer).unwrap();
        Self { folder, time, writer, fold }
    }

    fn fold(&mut self) {
        self.fold.run(&self.writer).unwrap();
    }

    fn count(&self, sql: &'static str) -> i64 {
        let query = move |connection: &Connection| Ok(connection.query_row(sql, [], |row| row.get(0))?);
        self.writer.run_blocking(query).unwrap()
    }

    fn has_noted_gaps(&self) -> bool {
        self.count("SELECT count(*) FROM meta WHERE key = 'journal_gaps'") == 1
    }

    fn charged(&self) -> i64 {
        self.count("SELECT coalesce(sum(charged), 0) FROM usage")
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.writer.stop();
    }
}

fn charge(at_seconds: u64) -> JournalRecord {
    JournalRecord {
        event: JournalEvent::Charged,
        client: ClientId::from_number(u64::MAX),
        environment: Environment::Live,
        endpoint: EndpointId(1),
        at: Timestamp::from_seconds(at_seconds),
    }
}

#[test]
fn a_record_on_its_way_is_waited_for() {
    let path = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(path.path());
    let (name, mut file, _) = journal.folder.create(0).unwrap();
    let bytes = encode(&charge(1));
    file.write_all(&bytes).unwrap();
    file.write_all(&bytes[..20]).unwrap();
    journal.fold();
    assert_eq!(journal.charged(), 1);
    file.write_all(&bytes[20..]).unwrap();
    journal.fold();
    assert_eq!(journal.charged(), 2, "it is whole now");
    file.write_all(&bytes[..20]).unwrap();
    journal.folder.end_writing(&name);
    journal.fold();
    assert_eq!(journal.fold.positions[&name].offset, 84, "nothing will follow: the torn end is done with");
    assert_eq!(journal.charged(), 2);
}

#[test]
fn a_damaged_record_costs_itself_and_no_other() {
    let path = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(path.path());
    let (name, mut file, begun) = journal.folder.create(0).unwrap();
    let whole = encode(&charge(1));
    for bytes in [whole, [0; RECORD_BYTES], whole] {
        file.write_all(&bytes).unwrap();
    }
    journal.fold();
    assert_eq!(journal.charged(), 2, "what is followed by a whole record is not on its way");
    assert!(begun.is_damaged(), "its writer is to begin another one");
    assert!(journal.has_noted_gaps());
    for bytes in [[0; RECORD_BYTES], [0; RECORD_BYTES]] {
        file.write_all(&bytes).unwrap();
    }
    journal.fold();
    journal.folder.end_writing(&name);
    journal.fold();
    assert_eq!((journal.charged(), journal.fold.positions[&name].offset), (2, 160));
    assert_eq!(journal.fold.damage.count(), 4, "three records and the file");
}

#[test]
fn an_end_that_stays_unreadable_is_not_on_its_way() {
    let path = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(path.path());
    let (_, mut file, begun) = journal.folder.create(0).unwrap();
    let whole = encode(&charge(1));
    file.write_all(&[0; RECORD_BYTES]).unwrap();
    journal.fold();
    assert!(!begun.is_damaged(), "it may be a record on its way");
    file.write_all(&whole).unwrap();
    file.write_all(&[0; RECORD_BYTES]).unwrap();
    journal.fold();
    assert_eq!(journal.charged(), 1);
    let (_, mut file, begun) = journal.folder.create(0).unwrap();
    file.write_all(&[0; RECORD_BYTES]).unwrap();
    journal.fold();
    journal.fold();
    assert!(begun.is_damaged());
}

#[test]
fn a_writer_leaves_a_file_that_was_cut_or_taken_away() {
    let path = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(path.path());
    let writer = JournalWriter::open(journal.folder.clone(), 0).unwrap();
    let file = |journal: &Journal| journal.folder.file(journal.folder.names().unwrap().last().unwrap());
    writer.append(&[charge(1)]).unwrap();
    // Not folded yet, so only the writer knows how long it was.
    std::fs::write(file(&journal), "").unwrap();
    journal.fold();
    writer.append(&[charge(1), charge(1)]).unwrap();
    journal.fold();
    assert_eq!(journal.charged(), 2, "they stand in another file");
    assert!(journal.has_noted_gaps());
    std::fs::remove_file(file(&journal)).unwrap();
    journal.fold();
    writer.append(&[charge(1)]).unwrap();
    journal.fold();
    assert_eq!(journal.charged(), 3);
    assert_eq!(journal.fold.damage.count(), 2);
    // The folder with all that is in it.
    let folder = file(&journal).parent().unwrap().to_owned();
    std::fs::remove_dir_all(&folder).unwrap();
    journal.fold();
    assert_eq!(journal.fold.damage.count(), 3);
    writer.append(&[charge(1)]).unwrap_err();
    std::fs::create_dir(&folder).unwrap();
    writer.append(&[charge(1)]).unwrap();
    journal.fold();
    assert_eq!(journal.charged(), 4);
}

#[test]
fn a_stuck_file_does_not_hold_up_the_others() {
    let path = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(path.path());
    let (_, mut stuck, _) = journal.folder.create(0).unwrap();
    stuck.write_all(&vec![0; usize::try_from(STEP_BYTES).unwrap() + 64]).unwrap();
    let (_, mut sound, _) = journal.folder.create(1).unwrap();
    sound.write_all(&encode(&charge(1))).unwrap();
    journal.fold();
    assert_eq!(journal.charged(), 1);
}

#[test]
fn a_long_file_takes_several_steps() {
    let path = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(path.path());
    let records = usize::try_from(STEP_BYTES).unwrap() / RECORD_BYTES * 2 + 5;
    let (_, mut file, _) = journal.folder.create(0).unwrap();
    file.write_all(&encode(&charge(1)).repeat(records)).unwrap();
    let (_, mut other, _) = journal.folder.create(1).unwrap();
    other.write_all(&encode(&charge(1))).unwrap();
    journal.fold();
    assert_eq!(journal.charged(), i64::try_from(records).unwrap() + 1);
}

#[test]
fn a_position_that_is_not_where_it_is_thought_to_be_stops_the_fold_once() {
    let path = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(path.path());
    let writer = JournalWriter::open(journal.folder.clone(), 0).unwrap();
    writer.append(&[charge(1)]).unwrap();
    journal.fold();
    // As after a commit that was reported as failed, and was not.
    let name = journal.folder.names().unwrap().remove(0);
    writer.append(&[charge(1)]).unwrap();
    journal.fold();
    journal.fold.positions.get_mut(&name).unwrap().offset = 32;
    assert!(journal.fold.run(&journal.writer).is_err());
    assert_eq!(journal.charged(), 2);
    writer.append(&[charge(1)]).unwrap();
    journal.fold();
    assert_eq!(journal.charged(), 3, "positions were read again");
}

#[test]
fn files_go_when_they_are_folded_ended_and_old() {
    let path = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(path.path());
    let writer = JournalWriter::open(journal.folder.clone(), 0).unwrap();
    writer.append(&[charge(1000)]).unwrap();
    let remove = |journal: &mut Journal, now| {
        journal.time.saw(Timestamp::from_seconds(now));
        journal.fold.remove_finished(&journal.writer).unwrap();
        journal.folder.names().unwrap().len()
    };
    journal.fold();
    assert_eq!(remove(&mut journal, 1121), 1, "it is written");
    writer.append(&[charge(1010)]).unwrap();
    drop(writer);
    assert_eq!(remove(&mut journal, 1122), 1, "it is not folded to its end");
    journal.fold();
    assert_eq!(remove(&mut journal, 1130), 1, "it is not old");
    assert_eq!(remove(&mut journal, 1131), 0);
    assert_eq!(journal.count("SELECT count(*) FROM journal_files"), 0);
    assert_eq!(journal.charged(), 2);
    let (name, _, _) = journal.folder.create(0).unwrap();
    assert!(name.starts_with("000000000002"), "the name is new: {name}");
}

#[test]
fn files_of_a_clock_that_was_ahead_go_when_they_are_old_in_truth() {
    let path = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(path.path());
    let append = |journal: &Journal, at| {
        let writer = JournalWriter::open(journal.folder.clone(), 0).unwrap();
        writer.append(&[charge(at)]).unwrap();
    };
    append(&journal, 9_000_000);
    drop(journal);

    journal = Journal::open(path.path());
    append(&journal, 1000);
    journal.fold();
    assert_eq!(journal.fold.latest(), Timestamp::from_seconds(1000), "no former run says what time it is");
    let left = |journal: &mut Journal| {
        journal.fold.remove_finished(&journal.writer).unwrap();
        journal.folder.names().unwrap().len()
    };
    assert_eq!(left(&mut journal), 2, "it may hold what was taken from the rate just now");
    journal.fold.opened -= Duration::from_secs(KEPT_SECONDS + 1);
    assert_eq!(left(&mut journal), 1);
    assert_eq!(journal.charged(), 2);
    journal.time.saw(Timestamp::from_seconds(1121));
    assert_eq!(left(&mut journal), 0, "what is of this run goes by its time");
}

#[test]
fn a_lost_file_s_name_is_not_used_again_while_its_position_stands() {
    let path = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(path.path());
    let writer = JournalWriter::open(journal.folder.clone(), 0).unwrap();
    writer.append(&[charge(1)]).unwrap();
    journal.fold();
    drop(writer);
    let lost = journal.folder.names().unwrap().remove(0);
    std::fs::remove_file(journal.folder.file(&lost)).unwrap();
    drop(journal);

    let mut journal = Journal::open(path.path());
    let writer = JournalWriter::open(journal.folder.clone(), 0).unwrap();
    writer.append(&[charge(1)]).unwrap();
    journal.fold();
    assert_eq!(journal.charged(), 2);
    assert_ne!(journal.folder.names().unwrap(), [lost]);
    journal.time.saw(Timestamp::from_seconds(1000));
    journal.fold.remove_finished(&journal.writer).unwrap();
    assert_eq!(journal.count("SELECT count(*) FROM journal_files"), 1, "the lost file's position is gone");
}
