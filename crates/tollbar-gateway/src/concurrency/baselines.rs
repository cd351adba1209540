//! What each endpoint usually takes: a slow report beside quick look-ups is not a slow upstream.

use std::{
    collections::HashMap,
    mem,
    time::{Duration, Instant},
};

use tollbar_core::EndpointId;

/// Half of the endpoints remembered. Those of which nothing was heard while so many others were are forgotten.
const GENERATION_MAX: usize = 2048;
/// So much above the usual is still usual: garbage collections, cold caches, a neighbour on the same machine.
const TOLERANCE: u32 = 2;
/// ...and so much in any case: the jitter of a quick upstream is no sign of anything.
const SLACK: Duration = Duration::from_millis(25);
/// An endpoint is known after so many answers.
const FIRST_SAMPLES: u32 = 8;
/// What a look at the usual is made of: an average of fewer would wander too much...
const SAMPLES: u32 = 32;
/// ...and over so long at least.
const EPOCH: Duration = Duration::from_secs(1);

/// No usual is more; longer than any time-out.
const USUAL_MAX: Duration = Duration::from_secs(24 * 3600);
/// Bounds of what was multiplied in all, so that it stays a number.
const SCALE_MIN: f64 = 1e-6;
const SCALE_MAX: f64 = 1e6;

/// The endpoints' usual latencies, in two generations: a bounded table without a search for the oldest.
pub(super) struct Baselines {
    young: HashMap<EndpointId, Baseline>,
    old: HashMap<EndpointId, Baseline>,
    /// What all of them are to be multiplied with.
    scale: f64,
}

/// How far a baseline may go up for an answer. Down it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rise {
    /// The upstream is busy: what is seen may be its queue.
    No,
    /// Nothing is wrong. By a hundredth a second, so that a load that grows by and by is not taken for the usual.
    Slow,
    /// The answer is not to be looked at.
    Ignore,
}

#[derive(Clone, Copy)]
struct Baseline {
    /// Zero while it is not known.
    usual: Duration,
    /// What it was when nothing was wrong. Up to this it may always rise again: averages of few answers would
    /// otherwise take it down bit by bit.
    healthy: Duration,
    /// The scale that both are in.
    scale: f64,
    since: Instant,
    sum: Duration,
    samples: u32,
}

impl Baselines {
    /// What the endpoint usually takes; `None` while it is not known.
    pub(super) fn usual(&self, endpoint: EndpointId) -> Option<Duration> {
        let baseline = self.young.get(&endpoint).or_else(|| self.old.get(&endpoint))?;
        let usual = baseline.in_scale(self.scale).usual;
        (!usual.is_zero()).then_some(usual)
    }

    /// The whole upstream has become slower, or quicker.
    pub(super) const fn rescale(&mut self, by: f64) {
        self.scale = (self.scale * by).clamp(SCALE_MIN, SCALE_MAX);
    }

    /// Takes an answer into account.
    pub(super) fn learn(&mut self, endpoint: EndpointId, latency: Duration, rise: Rise, now: Instant) {
        if rise == Rise::Ignore {
            return;
        }
        if !self.young.contains_key(&endpoint) {
            let baseline = self.old.remove(&endpoint).unwrap_or_else(|| Baseline::new(self.scale, now));
            if self.young.len() >= GENERATION_MAX {
                mem::swap(&mut self.young, &mut self.old);
                self.young.clear();
            }
            self.young.insert(endpoint, baseline);
        }
        if let Some(baseline) = self.young.get_mut(&endpoint) {
            *baseline = baseline.in_scale(self.scale);
            baseline.learn(latency, rise, now);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

/// What may be taken without being late, where so much is usual.
pub(super) fn target(usual: Duration) -> Duration {
    usual.saturating_mul(TOLERANCE).saturating_add(SLACK)
}

impl Default for Baselines {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), scale: 1.0 }
    }
}

impl Baseline {
    const fn new(scale: f64, now: Instant) -> Self {
        let zero = Duration::ZERO;
        Self { usual: zero, healthy: zero, scale, since: now, sum: zero, samples: 0 }
    }

    fn in_scale(self, scale: f64) -> Self {
        #[expect(clippy::float_cmp, reason = "it is the same number or another one")]
        if self.scale == scale {
            return self;
        }
        let scaled = |time: Duration| time.min(USUAL_MAX).mul_f64(scale / self.scale).min(USUAL_MAX);
        Self { usual: scaled(self.usual), healthy: scaled(self.healthy), scale, ..self }
    }

    fn learn(&mut self, latency: Duration, rise: Rise, now: Instant) {
        self.sum = self.sum.saturating_add(latency);
        self.samples += 1;
        let is_enough = if self.usual.is_zero() {
            self.samples >= FIRST_SAMPLES
        } else {
            self.samples >= SAMPLES && now.saturating_duration_since(self.since) >= EPOCH
        };
        if is_enough {
            self.conclude(rise);
            self.restart(now);
        }
    }

    fn conclude(&mut self, rise: Rise) {
        let mean = (self.sum / self.samples.max(1)).clamp(Duration::from_nanos(1), USUAL_MAX);
        if self.usual.is_zero() {
            (self.usual, self.healthy) = (mean, mean);
        } else if mean < self.usual {
            self.usual -= (self.usual - mean) / 4;
        } else if rise == Rise::Slow {
            self.usual = mean.min(self.usual + self.usual / 100);
        } else {
            self.usual = mean.min(self.healthy.max(self.usual));
        }
        if rise == Rise::Slow {
            self.healthy = self.usual;
        }
    }

    const fn restart(&mut self, now: Instant) {
        self.since = now;
        self.sum = Duration::ZERO;
        self.samples = 0;
    }
}
