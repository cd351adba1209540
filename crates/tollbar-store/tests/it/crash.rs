//! A crash at every write: nothing acknowledged is lost, nothing is counted or given twice, nothing is there in part.
//!
//! A script is played against the real store by a process of its own, and a shim beneath it writes down every call that
//! changes files or syncs them, in order, with what was acknowledged between them. From that record every crash can be
//! made: the end of the process before each write and in the middle of it, and losses of power that take what was not
//! synced, all of it or any part. What each leaves is opened, held against a model, used, and opened once more.
//!
//! `CRASH_SEED=N` plays the random script of one seed alone.

#![expect(clippy::print_stdout, reason = "the figures are for people")]

mod action;
mod again;
mod check;
mod child;
mod disk;
mod kills;
mod model;
mod older;
mod planted;
mod random;
mod record;
mod script;
mod sweep;
mod unconfirmed;

#[cfg(feature = "soak")]
use std::hash::{BuildHasher as _, RandomState};

use disk::{Disk, Tree};
use model::Model;
use script::Script;
#[cfg(feature = "soak")]
use sweep::TORN_HEADERS;
use sweep::{EVERYTHING, Figures, Ways, sweep};

/// Random scripts in a normal run, each with a part of its crashes; and in a long one, with all.
const SCRIPTS: u64 = 4;
#[cfg(feature = "soak")]
const SCRIPTS_LONG: u64 = 25;

#[test]
fn the_ledger_survives_a_crash_at_every_write() {
    expect_nothing(&crash_in(&Script::ledger(), EVERYTHING, 1));
}

#[test]
fn idempotency_records_survive_a_crash_at_every_write() {
    expect_nothing(&crash_in(&Script::idempotency(), EVERYTHING, 2));
}

#[test]
fn policy_and_ids_survive_a_crash_at_every_write() {
    expect_nothing(&crash_in(&Script::policy(), EVERYTHING, 3));
}

#[test]
fn housekeeping_can_crash_at_every_write() {
    expect_nothing(&crash_in(&Script::house(), EVERYTHING, 4));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a seed is given to this test alone")]
fn random_scripts_survive_crashes() {
    let given = std::env::var("CRASH_SEED").ok().map(|seed| seed.parse().expect("CRASH_SEED is a number"));
    match given {
        Some(seed) => expect_nothing(&crash_in_random(seed, EVERYTHING)),
        None => {
            let mut figures = Figures::default();
            for seed in 0..SCRIPTS {
                figures.take(crash_in_random(seed, Ways { one_in: 6, ..EVERYTHING }));
            }
            expect_nothing(&figures);
        }
    }
}

/// Other random scripts each time, every crash of each, and crashes in what follows on a crash.
#[cfg(feature = "soak")]
#[test]
fn long() {
    let mut figures = crash_in(&Script::large(), Ways { one_in: 25, ..EVERYTHING }, 5);
    println!("a large write-ahead log: {figures}");
    for script in [Script::ledger(), Script::idempotency(), Script::policy(), Script::house()] {
        for ways in [EVERYTHING, TORN_HEADERS] {
            figures.take(again::crash_again(&script, 8, ways, RandomState::new().hash_one(1)));
        }
        println!("crashes after crashes, {figures}");
    }
    for number in 0..SCRIPTS_LONG {
        figures.take(crash_in_random(RandomState::new().hash_one(number), EVERYTHING));
    }
    expect_nothing(&figures);
}

/// Crashes in a script on an empty disk.
fn crash_in(script: &Script, ways: Ways, seed: u64) -> Figures {
    let run = record::play(&Tree::new(), script, None);
    sweep(&run.calls, &mut Disk::with(&Tree::new()), &mut Model::default(), ways, seed)
}

fn crash_in_random(seed: u64, ways: Ways) -> Figures {
    let script = Script::random(seed);
    let mut figures = crash_in(&script, ways, seed);
    println!("CRASH_SEED={seed}, {} steps, {figures}", script.steps.len());
    for told in &mut figures.told {
        *told = format!("CRASH_SEED={seed}: {told}");
    }
    figures
}

fn expect_nothing(figures: &Figures) {
    println!("{figures}");
    assert!(figures.crashes > 0 && figures.is_clean(), "{figures}");
}
