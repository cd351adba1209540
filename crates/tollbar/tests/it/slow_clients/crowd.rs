//! Many connections at once, each slow in its own way, driven by one thread. One that is cut off is replaced.

use std::{
    collections::BTreeMap,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    time::{Duration, Instant},
};

use crate::support::Ticker;

/// How often each of them does something.
pub(super) const STEP: Duration = Duration::from_millis(100);

/// What a slow reader takes each step.
const READ_SLOWLY_BYTES: usize = 16;

/// A way to be slow.
pub(super) struct Slow {
    pub(super) name: &'static str,
    /// How many of them there are at once.
    pub(super) count: usize,
    /// Connects; the number is different for each.
    pub(super) open: Box<dyn Fn(usize) -> TcpStream + Send>,
    /// Sent at once.
    pub(super) first: Vec<u8>,
    /// Sent byte by byte, one each step, again and again.
    pub(super) drip: &'static [u8],
    pub(super) reads: Reads,
    /// One of them may live so long.
    pub(super) age_max: Duration,
}

/// What they do with what comes.
#[derive(Clone, Copy)]
pub(super) enum Reads {
    All,
    /// A few bytes each step. The system keeps more for them than they take in a long time, and says only then that
    /// it was all: from this age on they are kept, and do nothing.
    Slowly {
        until: Duration,
    },
}

/// What became of one kind.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) opened: usize,
    pub(super) cut: usize,
    pub(super) oldest: Duration,
}

struct Slot {
    kind: usize,
    stream: TcpStream,
    opened: Instant,
    dripped: usize,
    is_first: bool,
}

impl Slot {
    fn open(kind: usize, slow: &Slow, number: usize, is_first: bool) -> Self {
        let mut stream = (slow.open)(number);
        stream.write_all(&slow.first).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { kind, stream, opened: Instant::now(), dripped: 0, is_first }
    }

    /// One step; false when the other side has ended it.
    fn step(&mut self, slow: &Slow) -> bool {
        let mut is_open = self.read(slow);
        if is_open && !slow.drip.is_empty() {
            let byte = slow.drip[self.dripped % slow.drip.len()];
            self.dripped += 1;
            is_open = self.stream.write_all(&[byte]).is_ok();
        }
        is_open
    }

    fn read(&mut self, slow: &Slow) -> bool {
        let mut scratch = [0; 16 * 1024];
        let is_slow = matches!(slow.reads, Reads::Slowly { .. });
        loop {
            let room = if is_slow { READ_SLOWLY_BYTES } else { scratch.len() };
            match self.stream.read(&mut scratch[..room]) {
                Ok(0) => return false,
                Ok(_) if is_slow => return true,
                Ok(_) => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    /// Whether it would hear only much later that it was cut off.
    fn is_deaf(&self, slow: &Slow) -> bool {
        matches!(slow.reads, Reads::Slowly { until } if self.opened.elapsed() >= until)
    }
}

/// Keeps as many open as there are to be, until each of the first was cut off and `is_over`; then returns when all
/// are. Panics if one is let live too long. `is_full` is set when all are open.
/// Gives back those too that may not know of their end.
pub(super) fn run(
    kinds: &[Slow],
    is_full: &AtomicBool,
    is_over: &dyn Fn() -> bool,
) -> (BTreeMap<&'static str, Outcome>, Vec<TcpStream>) {
    let mut outcomes: Vec<Outcome> = kinds.iter().map(|_| Outcome::default()).collect();
    let (mut slots, mut kept) = (Vec::new(), Vec::new());
    for (kind, slow) in kinds.iter().enumerate() {
        slots.extend((0..slow.count).map(|number| Slot::open(kind, slow, number, true)));
        outcomes[kind].opened = slow.count;
    }
    is_full.store(true, SeqCst);
    let (mut ticker, _stop) = Ticker::every(STEP);
    while !slots.is_empty() && ticker.tick() {
        let replaces = slots.iter().any(|slot| slot.is_first) || !is_over();
        slots.retain_mut(|slot| {
            let (slow, outcome) = (&kinds[slot.kind], &mut outcomes[slot.kind]);
            let age = slot.opened.elapsed();
            if slot.is_deaf(slow) {
                kept.push(slot.stream.try_clone().unwrap());
            } else if slot.step(slow) {
                assert!(age <= slow.age_max, "{}: not cut off after {age:?}", slow.name);
                return true;
            }
            outcome.cut += 1;
            outcome.oldest = outcome.oldest.max(age);
            if replaces {
                *slot = Slot::open(slot.kind, slow, outcome.opened, false);
                outcome.opened += 1;
            }
            replaces
        });
    }
    (kinds.iter().map(|slow| slow.name).zip(outcomes).collect(), kept)
}
