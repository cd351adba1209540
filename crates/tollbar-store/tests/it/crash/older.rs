//! A store of the first schema is brought up to date, with a crash at every write of that.

use tollbar_core::{Month, Timestamp};

use super::{
    action::{Action, Entry, Event, Line, Outcome},
    child::START,
    disk::{Disk, Tree, read_tree},
    expect_nothing,
    model::Model,
    record::{STORE, play, quick_folder},
    script::Script,
    sweep::{EVERYTHING, sweep},
};

/// As the first version made it, with a few rows: what was released does not change.
const FIRST: &str = include_str!("first_schema.sql");

#[test]
fn a_migration_can_crash_at_every_write() {
    let tree = older_store();
    let (mut disk, mut model) = (Disk::with(&tree), Model::default());
    let at = Timestamp::parse(START).unwrap();
    let charge = Entry { event: Event::Charged, client: 0, at };
    let expires = at.plus_seconds(86_400);
    let before = [
        Action::Append { writer: 0, records: vec![charge; 3] },
        Action::Lease { client: 0, month: Month::of(at), upto: 16 },
        Action::Start { slot: 5, request: 500, now: at, expires },
        Action::Answer { slot: 5, request: 500, bytes: 4, expires },
        Action::Start { slot: 6, request: 501, now: at, expires },
        Action::Ids { count: 300 },
        Action::Close,
    ];
    for (number, action) in (10_000..).zip(before) {
        let outcome = if matches!(action, Action::Ids { .. }) { Outcome::Number(0) } else { Outcome::Done };
        model.note(&Line::Begin(number, action));
        model.note(&Line::End(number, outcome));
    }
    "first".clone_into(&mut model.boot);
    let run = play(&tree, &Script::again(1000), None);
    expect_nothing(&sweep(&run.calls, &mut disk, &mut model, EVERYTHING, 9));
}

fn older_store() -> Tree {
    let folder = quick_folder();
    let data = folder.path().join(STORE);
    std::fs::create_dir_all(data.join("journal")).unwrap();
    let database = rusqlite::Connection::open(data.join("tollbar.db")).unwrap();
    database.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    database.execute_batch(FIRST).unwrap();
    drop(database);
    read_tree(folder.path())
}
