//! The harness finds faults: records are changed to what a store with a fault would have done, and each must be reported.

use super::{
    action::{Action, Line},
    disk::{Disk, Tree},
    model::Model,
    record::{Call, play},
    script::Script,
    sweep::{EVERYTHING, Figures, Ways, sweep},
};

/// A quarter of the crashes, for each fault is there from some moment on.
const WAYS: Ways = Ways { one_in: 4, ..EVERYTHING };
const KILLS: Ways = Ways { power_losses: false, partial_losses: false, ..WAYS };
const POWER_LOSSES: Ways = Ways { kills: false, ..WAYS };

type Kind = fn(&Action) -> bool;

/// Makes crashes in the calls of a script after something was done to them.
fn crash_in(script: &Script, ways: Ways, plant: impl FnOnce(&mut Vec<Call>)) -> Figures {
    let mut calls = play(&Tree::new(), script, None).calls;
    let before = format!("{calls:?}");
    plant(&mut calls);
    assert_ne!(before, format!("{calls:?}"), "nothing was planted");
    sweep(&calls, &mut Disk::with(&Tree::new()), &mut Model::default(), ways, 8)
}

/// Whether the handle of each call belongs to a file whose path is such.
fn on_file(calls: &[Call], is_it: impl Fn(&str) -> bool) -> Vec<bool> {
    let mut opened = std::collections::HashMap::new();
    let is_on = |call: &Call| match call {
        Call::Open { handle, path, .. } => {
            opened.insert(*handle, is_it(path));
            false
        }
        Call::Write { handle, .. } | Call::Cut { handle, .. } | Call::Sync { handle } => opened[handle],
        _ => false,
    };
    calls.iter().map(is_on).collect()
}

fn remove(calls: &mut Vec<Call>, is_it: impl Fn(&Call) -> bool, on: &[bool]) {
    let mut on = on.iter();
    calls.retain(|call| !(*on.next().unwrap() && is_it(call)));
}

fn is_sync(call: &Call) -> bool {
    matches!(call, Call::Sync { .. })
}

#[test]
fn a_disk_that_lies_is_found() {
    let calls = play(&Tree::new(), &Script::idempotency(), None).calls;
    let mut disk = Disk::with(&Tree::new());
    disk.lies = true;
    let figures = sweep(&calls, &mut disk, &mut Model::default(), POWER_LOSSES, 8);
    assert!(figures.lost > 0, "{figures}");
}

#[test]
fn commits_that_are_not_synced_are_found() {
    for script in [Script::idempotency(), Script::ledger()] {
        let figures = crash_in(&script, POWER_LOSSES, |calls| {
            let on = on_file(calls, |path| path.ends_with("/tollbar.db-wal"));
            remove(calls, is_sync, &on);
        });
        assert!(figures.lost > 0, "{figures}");
    }
}

#[test]
fn names_that_are_not_synced_are_found() {
    let figures = crash_in(&Script::idempotency(), POWER_LOSSES, |calls| {
        let on = on_file(calls, |path| path == "/deep");
        remove(calls, is_sync, &on);
    });
    assert!(figures.lost > 0, "{figures}");
}

#[test]
fn a_charge_that_is_not_written_is_found() {
    let figures = crash_in(&Script::ledger(), KILLS, |calls| {
        let on = on_file(calls, |path| path.contains("/journal/"));
        let written = |place: &usize| on[*place] && matches!(calls[*place], Call::Write { .. });
        let last = (0..calls.len()).rev().find(written).unwrap();
        calls.remove(last);
    });
    assert!(figures.lost > 0, "{figures}");
}

#[test]
fn a_charge_that_is_written_twice_is_found() {
    let figures = crash_in(&Script::ledger(), KILLS, |calls| {
        let on = on_file(calls, |path| path.contains("/journal/"));
        let written = |place: &usize| on[*place] && matches!(calls[*place], Call::Write { .. });
        let last = (0..calls.len()).rev().find(written).unwrap();
        let Call::Write { handle, at, bytes } = calls[last].clone() else { panic!("it is a write") };
        calls.insert(last + 1, Call::Write { handle, at: at + bytes.len(), bytes });
    });
    assert!(figures.doubled > 0, "{figures}");
}

#[test]
fn a_journal_file_that_outlives_its_position_is_found() {
    let figures = crash_in(&Script::house(), KILLS, |calls| {
        calls.retain(|call| !matches!(call, Call::Unlink { path } if path.contains("/journal/")));
    });
    assert!(figures.doubled > 0, "{figures}");
}

/// A claim, an answer, a change and a lease: each acknowledged before it is done.
#[test]
fn an_acknowledgement_that_comes_too_early_is_found() {
    let kinds: [(Script, Kind); 4] = [
        (Script::idempotency(), |action| matches!(action, Action::Start { slot: 3, .. })),
        (Script::idempotency(), |action| matches!(action, Action::Answer { slot: 0 | 3, .. })),
        (Script::policy(), |action| matches!(action, Action::Apply { .. })),
        (Script::ledger(), |action| matches!(action, Action::Lease { .. })),
    ];
    for (script, is_it) in kinds {
        let figures = crash_in(&script, Ways { one_in: 3, ..KILLS }, |calls| acknowledge_early(calls, is_it));
        assert!(figures.lost > 0, "{figures}");
    }
}

fn acknowledge_early(calls: &mut Vec<Call>, is_it: Kind) {
    let begun = |call: &Call| match call {
        Call::Line(Line::Begin(number, action)) if is_it(action) => Some(*number),
        _ => None,
    };
    let numbers: Vec<_> = calls.iter().filter_map(begun).collect();
    for number in numbers {
        let is_end = |call: &Call| matches!(call, Call::Line(Line::End(ended, _)) if *ended == number);
        let end = calls.iter().position(is_end).unwrap();
        let end = calls.remove(end);
        let begin = calls.iter().position(|call| begun(call) == Some(number)).unwrap();
        calls.insert(begin + 1, end);
    }
}

#[test]
fn an_answer_with_other_bytes_is_found() {
    let figures = crash_in(&Script::idempotency(), KILLS, |calls| {
        for call in calls {
            if let Call::Line(Line::Begin(_, Action::Answer { bytes, .. })) = call
                && *bytes > 0
            {
                *bytes += 1;
            }
        }
    });
    assert!(figures.half > 0, "{figures}");
}

/// What two transactions would leave between them.
#[test]
fn a_change_without_a_part_of_it_is_found() {
    let figures = crash_in(&Script::policy(), KILLS, |calls| {
        for call in calls {
            if let Call::Line(Line::Begin(_, Action::Apply { throw, .. })) = call {
                *throw = !*throw;
            }
        }
    });
    assert!(figures.half > 0, "{figures}");
}

#[test]
fn ids_that_are_given_twice_are_found() {
    let figures = crash_in(&Script::policy(), KILLS, |calls| {
        for call in calls {
            if let Call::Line(Line::Begin(_, Action::Ids { count })) = call {
                *count += 1;
            }
        }
    });
    assert!(figures.doubled + figures.broken > 0, "{figures}");
}
