//! What is made from a record is what a crash leaves: processes are really killed, and their files compared with it.

use std::os::unix::process::ExitStatusExt as _;

use super::{
    check::{Loss, check},
    disk::{Disk, Tree, read_tree},
    model::Model,
    random::Random,
    record::{Call, LINES, STORE, play},
    script::Script,
};

const SIGKILL: i32 = 9;

#[test]
fn a_killed_process_leaves_what_the_record_says() {
    let mut random = Random::new(7);
    for script in [Script::ledger(), Script::idempotency()] {
        for mode in ["b", "t", "a", "t"] {
            let kill = format!("{}:{mode}", 20 + random.below(230));
            let run = play(&Tree::new(), &script, Some(&kill));
            assert_eq!(run.status.signal(), Some(SIGKILL), "{kill}");
            let (mut disk, mut model) = (Disk::with(&Tree::new()), Model::default());
            for call in &run.calls {
                match call {
                    Call::Line(line) => model.note(line),
                    call => disk.perform(call),
                }
            }
            let mut left = read_tree(run.root.path());
            left.remove(LINES);
            let said = disk.after_kill();
            assert!(left.keys().eq(said.keys()), "{kill}: {:?}, {:?}", left.keys(), said.keys());
            let other = left.keys().find(|path| left[*path] != said[*path]);
            assert_eq!(other, None, "{kill}: this file is another one");
            assert_eq!(check(&run.root.path().join(STORE), &model, Loss::Process), [], "{kill}");
        }
    }
}
