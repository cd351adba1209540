//! A crash at every call of a run, in every way, each looked at by opening what it leaves.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use super::{
    check::{Fault, Loss, check},
    disk::{Disk, Survival, Tree, put, write_tree},
    model::Model,
    random::Random,
    record::{Call, STORE, quick_folder},
};

/// Crashes that are looked at side by side.
const WORKERS: usize = 2;
/// Faults that are told in words.
const TOLD: usize = 5;

/// What a sweep has found.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) crashes: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) half: u64,
    pub(super) broken: u64,
    pub(super) told: Vec<String>,
}

/// Which crashes are tried.
#[derive(Clone, Copy)]
pub(super) struct Ways {
    /// The end of the process, also in the middle of a write.
    pub(super) kills: bool,
    /// A loss of power that takes everything that was not synced.
    pub(super) power_losses: bool,
    /// One that takes some of it.
    pub(super) partial_losses: bool,
    /// Of so many crashes one, chosen at random.
    pub(super) one_in: u64,
    /// The header of the store's write-ahead log cut off behind each of its bytes.
    pub(super) torn_headers: bool,
}

pub(super) const EVERYTHING: Ways =
    Ways { kills: true, power_losses: true, partial_losses: true, one_in: 1, torn_headers: false };
pub(super) const TORN_HEADERS: Ways =
    Ways { kills: false, power_losses: false, partial_losses: false, torn_headers: true, ..EVERYTHING };
/// Bytes of a write-ahead log's header.
const HEADER_BYTES: usize = 32;

/// One crash: what it leaves, and what was promised by then.
struct Crash {
    place: String,
    tree: Tree,
    model: Model,
    loss: Loss,
}

/// Goes through the calls of a run, and crashes before and in the middle of each. Disk and model are after the run then.
pub(super) fn sweep(calls: &[Call], disk: &mut Disk, model: &mut Model, ways: Ways, seed: u64) -> Figures {
    let figures = Mutex::new(Figures::default());
    let (crashes, queue) = sync_channel(WORKERS);
    // The workers alone have it: when they are gone, sending fails.
    let queue = Arc::new(Mutex::new(queue));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            let (queue, figures) = (queue.clone(), &figures);
            scope.spawn(move || look(&queue, figures));
        }
        drop(queue);
        crash_everywhere(calls, disk, model, ways, &mut Random::new(seed), &crashes);
        drop(crashes);
    });
    figures.into_inner().unwrap()
}

fn crash_everywhere(
    calls: &[Call],
    disk: &mut Disk,
    model: &mut Model,
    ways: Ways,
    random: &mut Random,
    crashes: &SyncSender<Crash>,
) {
    for place in 0..=calls.len() {
        let call = calls.get(place);
        let crash = |way: &str, tree: Tree, loss: Loss| {
            let place = format!("{way} at call {place} of {} ({})", calls.len(), describe(call));
            crashes.send(Crash { place, tree, model: model.clone(), loss }).unwrap();
        };
        let changes = call.is_none_or(Call::changes);
        if ways.kills && changes && random.below(ways.one_in) == 0 {
            crash("a kill", disk.after_kill(), Loss::Process);
        }
        if let Some(Call::Write { handle, at, bytes }) = call
            && bytes.len() > 1
        {
            let tear = |written: usize| {
                let mut tree = disk.after_kill();
                if let Some(Some(content)) = disk.path_of(*handle).and_then(|path| tree.get_mut(&path)) {
                    put(content, *at, &bytes[..written]);
                }
                crash("a kill in the middle of a write", tree, Loss::Process);
            };
            if ways.kills && random.below(ways.one_in) == 0 {
                tear(1 + random.index(bytes.len() - 1));
            }
            let is_log = |path: String| path.ends_with("/tollbar.db-wal");
            let is_header =
                *at == 0 && bytes.len() == HEADER_BYTES && disk.path_of(*handle).is_some_and(is_log);
            if ways.torn_headers && is_header {
                (1..bytes.len()).for_each(tear);
            }
        }
        if ways.partial_losses && changes && random.below(ways.one_in) == 0 {
            let percent = [10, 50, 90][random.index(3)];
            let tree = disk.after_power_loss(Survival::Some(random, percent));
            crash("a loss of power that left some", tree, Loss::Power);
        }
        // What is synced stays the same until the next sync, and more and more was promised by then.
        let is_sync = call.is_none_or(|call| matches!(call, Call::Sync { .. }));
        if ways.power_losses && is_sync && random.below(ways.one_in) == 0 {
            crash("a loss of power that left nothing", disk.after_power_loss(Survival::Nothing), Loss::Power);
        }
        match call {
            Some(Call::Line(line)) => model.note(line),
            Some(call) => disk.perform(call),
            None => {}
        }
    }
    disk.end_process();
    model.end_process();
}

fn look(queue: &Mutex<Receiver<Crash>>, figures: &Mutex<Figures>) {
    loop {
        let Ok(crash) = queue.lock().unwrap().recv() else { return };
        let folder = quick_folder();
        write_tree(&crash.tree, folder.path());
        let faults = check(&folder.path().join(STORE), &crash.model, crash.loss);
        figures.lock().unwrap().add(&crash.place, &faults);
    }
}

impl Figures {
    fn add(&mut self, place: &str, faults: &[Fault]) {
        self.crashes += 1;
        let has = |wanted: fn(&Fault) -> bool| u64::from(faults.iter().any(wanted));
        self.lost += has(|fault| matches!(fault, Fault::Lost(_)));
        self.doubled += has(|fault| matches!(fault, Fault::Doubled(_)));
        self.half += has(|fault| matches!(fault, Fault::Half(_)));
        self.broken += has(|fault| matches!(fault, Fault::Broken(_)));
        if !faults.is_empty() && self.told.len() < TOLD {
            self.told.push(format!("{place}: {faults:?}"));
        }
    }

    pub(super) fn take(&mut self, other: Self) {
        self.crashes += other.crashes;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.half += other.half;
        self.broken += other.broken;
        self.told.extend(other.told);
    }

    pub(super) fn is_clean(&self) -> bool {
        self.lost + self.doubled + self.half + self.broken == 0
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { crashes, lost, doubled, half, broken, .. } = self;
        write!(f, "{crashes} crashes: lost {lost}, doubled {doubled}, half {half}, unusable {broken}")?;
        self.told.iter().try_for_each(|told| write!(f, "\n  {told}"))
    }
}

impl Call {
    /// Whether a crash before it and one after it are not the same.
    fn changes(&self) -> bool {
        match self {
            Self::Write { .. } | Self::Cut { .. } | Self::Unlink { .. } => true,
            Self::Rename { .. } | Self::MakeFolder { .. } => true,
            Self::Open { is_new, truncates, .. } => *is_new || *truncates,
            Self::Sync { .. } | Self::Line(_) => false,
        }
    }
}

fn describe(call: Option<&Call>) -> String {
    match call {
        None => "the end".to_owned(),
        Some(Call::Write { handle, at, bytes }) => {
            format!("write of {} bytes at {at} to handle {handle}", bytes.len())
        }
        Some(other) => format!("{other:?}"),
    }
}
