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

/// What a slow reader takes each step, and what one takes that is no longer slow.
const READ_SLOWLY_BYTES: usize = 16;
const READ_BYTES_PER_STEP: usize = 256 * 1024;
const READ_BYTES: usize = 64 * 1024;

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
    /// A few bytes each step. Since the system keeps more for them, they hear of their end only when they read it all,
    /// at this age: it must then be fewer bytes than this.
    Slowly {
        until: Duration,
        whole: usize,
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
    read: usize,
    is_first: bool,
}

impl Slot {
    fn open(kind: usize, slow: &Slow, number: usize, is_first: bool) -> Self {
        let mut stream = (slow.open)(number);
        stream.write_all(&slow.first).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self { kind, stream, opened: Instant::now(), dripped: 0, read: 0, is_first }
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
        let mut scratch = [0; READ_BYTES];
        let mut left = READ_BYTES_PER_STEP;
        if let Reads::Slowly { until, .. } = slow.reads {
            if self.opened.elapsed() < until {
                left = READ_SLOWLY_BYTES;
            } else {
                rustix::net::sockopt::set_socket_recv_buffer_size(&self.stream, READ_BYTES_PER_STEP).unwrap();
            }
        }
        while left > 0 {
            match self.stream.read(&mut scratch[..left.min(READ_BYTES)]) {
                Ok(0) => return false,
                Ok(count) => {
                    self.read += count;
                    left -= count;
                }
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }
}

/// Keeps as many open as there are to be, until each of the first was cut off and `is_over`; then returns when all
/// are. Panics if one is let live too long. `is_full` is set when all are open.
pub(super) fn run(
    kinds: &[Slow],
    is_full: &AtomicBool,
    is_over: &dyn Fn() -> bool,
) -> BTreeMap<&'static str, Outcome> {
    let mut outcomes: Vec<Outcome> = kinds.iter().map(|_| Outcome::default()).collect();
    let mut slots = Vec::new();
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
            if slot.step(slow) {
                assert!(age <= slow.age_max, "{}: not cut off after {age:?}", slow.name);
                return true;
            }
            if let Reads::Slowly { whole, .. } = slow.reads {
                assert!(slot.read < whole, "{}: all {whole} bytes were kept for it", slow.name);
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
    kinds.iter().map(|slow| slow.name).zip(outcomes).collect()
}
