//! The level itself: short windows of answers, each judged as a whole.

use std::time::{Duration, Instant};

use super::{ConcurrencyBounds, Rise};

/// A window is judged after so long...
const WINDOW: Duration = Duration::from_millis(200);
/// ...and so many answers. With fewer, one that is late by chance would decide.
const SAMPLES_MIN: u32 = 10;
/// After so long without any trouble the level goes up unused: an upstream that was overloaded once need not be now...
const CALM: Duration = Duration::from_secs(5);
/// ...and doubles this often.
const CALM_STEP: Duration = Duration::from_secs(1);
/// No answer at all for so long, with requests waiting: the upstream hangs.
const SILENCE: Duration = Duration::from_secs(1);
/// While the level is in use, how often the latency without a queue is looked at (slow upstreams: less often)...
const PROBE_EVERY: Duration = Duration::from_secs(5);
/// ...with which part of the level...
const PROBE_PART: usize = 8;
/// ...for how many answers...
const PROBE_SAMPLES: u32 = 32;
/// ...or so few, where they take longer...
const PROBE_SAMPLES_MIN: u32 = 8;
/// ...than this...
const PROBE_TIME: Duration = Duration::from_secs(1);
/// ...and for how long at most: what is queued already must be answered first.
const PROBE_TIME_MAX: Duration = Duration::from_secs(10);
/// One answer counts for so many times the usual at most.
const RATIO_MAX: f64 = 64.0;

/// One answer.
pub(super) struct Sample {
    pub(super) entered: Instant,
    pub(super) is_late: bool,
    /// What it may take.
    pub(super) target: Duration,
    /// What it took, in terms of what is usual. `None`: that is not known.
    pub(super) ratio: Option<f64>,
}

/// How many requests may be under way.
pub(super) struct Level {
    bounds: ConcurrencyBounds,
    limit: usize,
    window: Window,
    /// The level was lowered then. What was sent before says nothing of the present level.
    lowered: Instant,
    /// The last time that something was late or refused, or the level doubled since.
    trouble: Instant,
    /// Since when nothing has come back.
    silent_since: Instant,
    rise: Rise,
    /// It was taken for overloaded, wrongly or no longer: the level doubles until it is found.
    doubles: bool,
    /// The last window filled the level; false after a probe, until one did.
    is_used: bool,
    probe: Option<Probe>,
    next_probe: Instant,
    rescale: Option<f64>,
    epoch: Instant,
}

struct Window {
    since: Instant,
    judged: u32,
    late: u32,
    /// What all that was answered may take together: by Little's law, over the window's time, how many may be under way.
    targets: Duration,
    peak: usize,
    has_refused: bool,
}

struct Probe {
    since: Instant,
    /// It is late with as few as there can be: the upstream may have become slower.
    may_rise: bool,
    samples: u32,
    ratios: f64,
}

impl Level {
    pub(super) fn new(bounds: ConcurrencyBounds, epoch: Instant, now: Instant) -> Self {
        let max = bounds.max.max(1);
        let bounds = ConcurrencyBounds { min: bounds.min.clamp(1, max), max, ..bounds };
        Self {
            bounds,
            limit: max,
            window: Window::new(now),
            lowered: now,
            trouble: now,
            silent_since: now,
            rise: Rise::Slow,
            doubles: false,
            is_used: false,
            probe: None,
            next_probe: next_probe(epoch, Duration::ZERO, now),
            rescale: None,
            epoch,
        }
    }

    pub(super) const fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn is_recovered(&mut self, now: Instant) -> bool {
        self.recover(now);
        self.limit == self.bounds.max
    }

    /// Whether one more may go. `expected`: what those under way may take together.
    pub(super) fn admit(&mut self, in_flight: usize, expected: Duration, now: Instant) -> bool {
        if in_flight == 0 {
            self.silent_since = now;
            if now.saturating_duration_since(self.window.since) >= WINDOW {
                // What came before a pause is not to be judged together with what comes after it.
                self.window = Window::new(now);
                self.rise = Rise::Slow;
                self.is_used = false;
            }
        }
        self.recover(now);
        self.check_silence(in_flight, expected, now);
        self.check_probe(in_flight, expected, now);
        let limit = match self.probe {
            Some(_) => (self.limit / PROBE_PART).max(self.bounds.min),
            None => self.limit,
        };
        let has_place = in_flight < limit;
        self.window.peak = self.window.peak.max(in_flight + usize::from(has_place));
        self.window.has_refused |= !has_place;
        if !has_place {
            self.trouble = now;
        }
        has_place
    }

    /// By how much the usual latencies turned out to be wrong.
    pub(super) const fn take_rescale(&mut self) -> Option<f64> {
        self.rescale.take()
    }

    /// Counts an answer, while it still has its place. Says what may be learned from it.
    pub(super) fn answered(&mut self, sample: &Sample, in_flight: usize, now: Instant) -> Rise {
        self.silent_since = now;
        if let Some(probe) = &mut self.probe {
            if let Some(ratio) = sample.ratio.filter(|_| sample.entered >= probe.since) {
                probe.samples += 1;
                probe.ratios += ratio.min(RATIO_MAX);
            }
            return Rise::Ignore;
        }
        self.window.targets = self.window.targets.saturating_add(sample.target);
        self.count(sample.entered, sample.is_late, in_flight, now);
        // What was sent at a higher level shows the queue of then.
        if sample.entered < self.lowered { Rise::No } else { self.rise }
    }

    /// Counts a request that was not answered, or not in time.
    pub(super) fn missed(&mut self, entered: Instant, in_flight: usize, now: Instant) {
        self.count(entered, true, in_flight, now);
    }

    fn count(&mut self, entered: Instant, is_late: bool, in_flight: usize, now: Instant) {
        self.window.peak = self.window.peak.max(in_flight);
        if entered >= self.lowered {
            self.window.judged += 1;
            self.window.late += u32::from(is_late);
        }
        let lasted = now.saturating_duration_since(self.window.since);
        if self.probe.is_none() && lasted >= WINDOW && self.window.judged >= SAMPLES_MIN {
            self.judge(lasted, now);
            self.window = Window::new(now);
        }
    }

    /// More than half of a window late is a queue; a few are not.
    fn judge(&mut self, lasted: Duration, now: Instant) {
        let Window { judged, late, targets, peak, has_refused, .. } = self.window;
        self.is_used = has_refused || peak.saturating_mul(5) >= self.limit.saturating_mul(4);
        if late.saturating_mul(2) > judged {
            self.trouble = now;
            let used = peak.min(self.limit);
            if used <= self.bounds.min {
                self.rise = if self.is_used { Rise::No } else { Rise::Slow };
                return;
            }
            let by_little = targets.as_nanos() / lasted.as_nanos().max(1);
            let by_little = usize::try_from(by_little).unwrap_or(usize::MAX);
            self.lower(by_little.clamp(used / 4, used - used.div_ceil(10)), now);
            return;
        }
        self.rise = if self.is_used { Rise::No } else { Rise::Slow };
        if self.is_used {
            self.trouble = now;
            // By less than in proportion: so the levels of several threads come together. And carefully where many are
            // late already.
            let step = match late.saturating_mul(4) > judged {
                false if self.doubles => self.limit,
                false => self.limit.isqrt() * 2,
                true => self.limit.isqrt(),
            };
            self.limit = (self.limit + step).min(self.bounds.max);
        }
    }

    fn lower(&mut self, to: usize, now: Instant) {
        self.limit = to.clamp(self.bounds.min, self.limit.max(self.bounds.min));
        self.lowered = now;
        self.trouble = now;
        self.rise = Rise::No;
        self.doubles = false;
    }

    fn recover(&mut self, now: Instant) {
        while self.limit < self.bounds.max && now.saturating_duration_since(self.trouble) >= CALM {
            self.limit = self.limit.saturating_mul(2).min(self.bounds.max);
            self.trouble += CALM_STEP;
        }
    }

    fn check_silence(&mut self, in_flight: usize, expected: Duration, now: Instant) {
        if in_flight <= self.bounds.min {
            return;
        }
        let patience = SILENCE.max(mean(expected, in_flight).saturating_mul(2));
        if now.saturating_duration_since(self.silent_since) >= patience {
            self.silent_since = now;
            self.lower(in_flight.min(self.limit) / 2, now);
            self.doubles = true;
            self.window = Window::new(now);
        }
    }

    /// A level in use keeps a queue at the upstream, by which the usual latency cannot be seen; a gateway that was
    /// started in the middle of an overload has never seen it. So from time to time few are let in.
    fn check_probe(&mut self, in_flight: usize, expected: Duration, now: Instant) {
        if let Some(probe) = &self.probe {
            let lasted = now.saturating_duration_since(probe.since);
            let is_over = probe.samples >= PROBE_SAMPLES
                || (probe.samples >= PROBE_SAMPLES_MIN && lasted >= PROBE_TIME)
                || lasted >= PROBE_TIME_MAX;
            if is_over {
                self.rescale = probe.conclude();
                // Where the usual was wrong, what is expected was as well.
                let pace = if self.rescale.is_some() { Duration::ZERO } else { mean(expected, in_flight) };
                self.next_probe = next_probe(self.epoch, pace, now);
                self.doubles |= self.rescale.is_some_and(|by| by > 2.0);
                self.probe = None;
                self.is_used = false;
                self.window = Window::new(now);
                // What the few were is not what the level would have let in.
                self.lowered = now;
            }
        } else if now >= self.next_probe {
            let may_rise = self.limit <= self.bounds.min;
            if self.is_used {
                self.probe = Some(Probe { since: now, may_rise, samples: 0, ratios: 0.0 });
            } else {
                self.next_probe = next_probe(self.epoch, Duration::ZERO, now);
            }
        }
    }
}

impl Probe {
    /// By how much the usual latencies are wrong, if they are. What is above them may be others' queue, so they rise only
    /// where there was nothing more that could be taken away.
    fn conclude(&self) -> Option<f64> {
        let ratio = self.ratios / f64::from(self.samples.max(1));
        (self.samples >= PROBE_SAMPLES_MIN && (self.may_rise || ratio < 0.5)).then_some(ratio)
    }
}

impl Window {
    const fn new(now: Instant) -> Self {
        Self { since: now, judged: 0, late: 0, targets: Duration::ZERO, peak: 0, has_refused: false }
    }
}

/// The next of the moments that are the same for all threads. Where answers take long, so does the look at them: then
/// it is every second, fourth... of these moments.
fn next_probe(epoch: Instant, mean: Duration, now: Instant) -> Instant {
    let every = PROBE_EVERY * u32::try_from(mean.as_secs().next_power_of_two()).unwrap_or(64).min(64);
    let past = now.saturating_duration_since(epoch).as_nanos() % every.as_nanos();
    now + every.saturating_sub(Duration::from_nanos(u64::try_from(past).unwrap_or(0)))
}

fn mean(sum: Duration, of: usize) -> Duration {
    sum / u32::try_from(of.max(1)).unwrap_or(u32::MAX)
}
