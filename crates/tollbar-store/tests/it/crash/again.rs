//! A crash in what follows on a crash: while the journal is folded, counts are corrected, and work goes on.

use super::{
    crash_in,
    disk::{Disk, Survival, Tree},
    expect_nothing,
    model::Model,
    random::Random,
    record::{Call, play},
    script::Script,
    sweep::{EVERYTHING, Figures, TORN_HEADERS, Ways, sweep},
};

#[test]
fn a_start_after_a_crash_can_crash() {
    let ways = Ways { one_in: 6, ..EVERYTHING };
    let mut figures = crash_again(&Script::ledger(), 4, ways, 6);
    figures.take(crash_again(&Script::idempotency(), 4, ways, 12_085_164_974_662_366_947));
    figures.take(crash_again(&Script::ledger(), 8, ways, 8_573_911_121_770_413_488));
    expect_nothing(&figures);
}

/// Over nothing, over what a first start left that was killed, and over a log that is in the database.
#[test]
fn a_header_of_the_log_can_be_torn() {
    let mut figures = Figures::default();
    for script in [Script::policy(), Script::house()] {
        figures.take(crash_again(&script, 8, TORN_HEADERS, 3_671_267_155_262_754_393));
    }
    figures.take(crash_in(&Script::large(), TORN_HEADERS, 0));
    expect_nothing(&figures);
}

/// Crashes a script at so many places, by a kill and by a loss of power in turn; then crashes in what another start does.
pub(super) fn crash_again(script: &Script, places: usize, ways: Ways, seed: u64) -> Figures {
    let mut random = Random::new(seed);
    let calls = play(&Tree::new(), script, None).calls;
    let mut figures = Figures::default();
    for number in 0..places {
        let place = random.index(calls.len());
        let (mut disk, mut model) = (Disk::with(&Tree::new()), Model::default());
        for call in &calls[..place] {
            match call {
                Call::Line(line) => model.note(line),
                call => disk.perform(call),
            }
        }
        let mut script = Script::again(1000);
        if number % 2 == 0 {
            tear(&mut disk, &calls[place], &mut random);
            disk.end_process();
            model.end_process();
        } else {
            disk = Disk::with(&disk.after_power_loss(Survival::Some(&mut random, 50)));
            model.lose_power();
            script.boot.clone_from(&model.boot);
        }
        let run = play(&disk.after_kill(), &script, None);
        let mut found = sweep(&run.calls, &mut disk, &mut model, ways, seed);
        for told in &mut found.told {
            *told = format!("after a crash at call {place} of {} (seed {seed}): {told}", calls.len());
        }
        figures.take(found);
    }
    figures
}

/// A write that the first crash cut off.
fn tear(disk: &mut Disk, call: &Call, random: &mut Random) {
    if let Call::Write { handle, at, bytes } = call {
        let bytes = bytes[..random.index(bytes.len())].to_vec();
        disk.perform(&Call::Write { handle: *handle, at: *at, bytes });
    }
}
