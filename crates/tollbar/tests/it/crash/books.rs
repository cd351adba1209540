//! The books: what the count must be, and what each key must answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::{
    caller::{Ask, Call},
    world::Arrival,
};
use crate::support::{Response, is_replay};

/// What a run came to.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) kills: usize,
    pub(super) requests: usize,
    /// Requests that reached the upstream.
    pub(super) sent: usize,
    /// Requests without an answer when a kill came.
    pub(super) in_flight: usize,
    pub(super) replayed: usize,
    /// Repeats that were told that the outcome is unknown.
    pub(super) unknown: usize,
    /// Requests that were refused, and not sent, since this machine had more to do than it could.
    pub(super) overloaded: usize,
    /// Requests that were sent and are missing from the count; answers that were given and are not replayed.
    pub(super) lost: u64,
    /// Requests that were counted beyond what can have been sent; writes that were executed again.
    pub(super) doubled: u64,
    /// Keys that give neither an answer nor a word on the outcome.
    pub(super) stuck: u64,
    /// What else was wrong.
    pub(super) odd: u64,
    /// The first of all that, in words.
    pub(super) findings: Vec<String>,
}

const FINDINGS_MAX: usize = 20;

impl Report {
    pub(super) fn assert_clean(&self) {
        let counts = (self.lost, self.doubled, self.stuck, self.odd);
        assert_eq!(counts, (0, 0, 0, 0), "{self}\n{}", self.findings.join("\n"));
    }

    fn find(&mut self, what: String) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(what);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills, {} requests, {} sent, {} in flight at a kill, {} replayed, {} of unknown outcome, {} refused for load: \
             lost {}, doubled {}, stuck {}, odd {} (seed {})",
            self.kills,
            self.requests,
            self.sent,
            self.in_flight,
            self.replayed,
            self.unknown,
            self.overloaded,
            self.lost,
            self.doubled,
            self.stuck,
            self.odd,
            self.seed
        )
    }
}

/// A client as the books know it.
pub(super) struct Account {
    pub(super) id: String,
    /// No more than so many may ever be counted.
    pub(super) allowance: u64,
    /// As it was read last.
    pub(super) used: u64,
}

/// What is known of a key.
#[derive(Default)]
struct Key {
    /// The answer that its client got, and that every repeat must get from then on.
    answered: Option<(u16, String, String)>,
    /// An execution whose answer did not release the key.
    executed: Option<String>,
    /// A call without an answer was made.
    is_uncertain: bool,
}

/// The books of a run.
pub(super) struct Books {
    pub(super) accounts: Vec<Account>,
    keys: BTreeMap<String, Key>,
    pub(super) report: Report,
}

impl Books {
    pub(super) fn new(accounts: Vec<Account>, seed: u64) -> Self {
        Self { accounts, keys: BTreeMap::new(), report: Report { seed, ..Report::default() } }
    }

    /// Takes up what happened between one reading of the counts and the next.
    pub(super) fn take_up(&mut self, calls: &[Call], arrivals: &[Arrival], used: &[u64]) {
        self.report.requests += calls.len();
        self.report.sent += arrivals.len();
        self.check_counts(calls, arrivals, used);
        self.check_executions(arrivals);
        for call in calls {
            self.check_answer(call, arrivals);
        }
    }

    /// count = requests sent, less those that ended in 5xx, plus at most those in flight.
    fn check_counts(&mut self, calls: &[Call], arrivals: &[Arrival], used: &[u64]) {
        let answered: BTreeSet<String> =
            calls.iter().filter_map(|call| Some(call.answer.as_ref()?.request_id())).collect();
        for (number, used) in used.iter().enumerate() {
            let account = &self.accounts[number];
            let arrived = || arrivals.iter().filter(|arrival| arrival.client == account.id);
            let unanswered = calls.iter().filter(|call| call.client == number && call.answer.is_none());
            let in_flight = unanswered.count();
            let of_those = arrived().filter(|arrival| !answered.contains(&arrival.request_id));
            // A 5xx that was under way to the client may have been given back, or not yet.
            let (kept, perhaps): (Vec<_>, Vec<_>) = of_those.partition(|arrival| arrival.status < 500);
            let sure = arrived()
                .filter(|arrival| answered.contains(&arrival.request_id) && arrival.status < 500)
                .count();
            if kept.len() + perhaps.len() > in_flight {
                let what = format!(
                    "{}: {} requests arrived that nobody waits for",
                    account.id,
                    kept.len() + perhaps.len()
                );
                self.report.odd += 1;
                self.report.find(what);
                continue;
            }
            let lowest = u64::try_from(sure + kept.len()).unwrap();
            let highest = u64::try_from(sure + in_flight).unwrap();
            let counted = used - account.used.min(*used);
            self.report.in_flight += in_flight;
            self.report.lost += lowest.saturating_sub(counted);
            self.report.doubled += counted.saturating_sub(highest);
            let (id, allowance) = (account.id.clone(), account.allowance);
            if !(lowest..=highest).contains(&counted) {
                self.report.find(format!("{id}: {lowest} to {highest} were sent, {counted} were counted"));
            }
            if *used > allowance {
                self.report.doubled += used - allowance;
                self.report.find(format!("{id}: {used} are counted of {allowance}"));
            }
            self.accounts[number].used = *used;
        }
    }

    fn check_executions(&mut self, arrivals: &[Arrival]) {
        for arrival in arrivals {
            let Some(key) = &arrival.key else { continue };
            let known = self.keys.entry(key.clone()).or_default();
            if let Some(first) = &known.executed {
                let what = format!("{key} was executed by {first} and again by {}", arrival.request_id);
                self.report.doubled += 1;
                self.report.find(what);
            } else if ![408, 425, 429, 503].contains(&arrival.status) {
                known.executed = Some(arrival.request_id.clone());
            }
        }
    }

    fn check_answer(&mut self, call: &Call, arrivals: &[Arrival]) {
        let Call { ask, answer, .. } = call;
        let Some(answer) = answer else {
            if let Some(key) = &ask.key {
                self.keys.entry(key.clone()).or_default().is_uncertain = true;
            }
            return;
        };
        let id = answer.request_id();
        let is_fresh = arrivals.iter().any(|arrival| arrival.request_id == id);
        if !is_fresh && is_overload(answer) {
            self.report.overloaded += 1;
            return;
        }
        if !is_fresh && answer.status == 429 && answer.code() == "api_usage_allowance_exceeded" {
            return;
        }
        let Some(key) = &ask.key else {
            if !is_fresh || !ask.is_answered_by(answer) {
                self.report.odd += 1;
                self.report.find(told(ask, answer));
            }
            return;
        };
        let known = self.keys.entry(key.clone()).or_default();
        let verdict = judge(ask, answer, is_fresh, known);
        match verdict {
            Verdict::Final if !ask.is_released() => {
                known.answered = Some((answer.status, answer.text(), id));
            }
            Verdict::Final => {}
            Verdict::Replayed => self.report.replayed += 1,
            Verdict::Unknown => self.report.unknown += 1,
            Verdict::Lost => self.report.lost += 1,
            Verdict::Stuck => self.report.stuck += 1,
            Verdict::Odd => self.report.odd += 1,
        }
        if matches!(verdict, Verdict::Lost | Verdict::Stuck | Verdict::Odd) {
            self.report.find(format!("{verdict:?}: {}", told(ask, answer)));
        }
    }
}

/// Whether a request was refused before anything was done, since there is too much to do.
pub(super) fn is_overload(answer: &Response) -> bool {
    answer.status == 500
        && answer.header("x-error-source") == Some("gateway")
        && answer.header("retry-after") == Some("1")
        && answer.message().contains("more to do than can be done in time")
}

fn told(ask: &Ask, answer: &Response) -> String {
    format!("{ask:?} was told {}: {}", answer.status, answer.text())
}

#[derive(Debug)]
enum Verdict {
    /// It was executed now, and this is the upstream's answer.
    Final,
    Replayed,
    Unknown,
    /// An answer that was given is not the one that is replayed.
    Lost,
    Stuck,
    Odd,
}

fn judge(ask: &Ask, answer: &Response, is_fresh: bool, known: &Key) -> Verdict {
    let is_unknown = answer.status == 500
        && answer.header("x-should-retry") == Some("false")
        && answer.header("x-error-source") == Some("gateway")
        && answer.text().contains("unknown");
    if is_replay(answer) {
        let first = answer.header("x-original-request-id").unwrap_or_default();
        return match &known.answered {
            Some((status, text, id)) if (answer.status, &answer.text(), first) != (*status, text, id) => {
                Verdict::Lost
            }
            // Whatever is replayed was executed, and is what was answered.
            _ if known.executed.as_deref() != Some(first) || !ask.is_answered_by(answer) => Verdict::Odd,
            _ => Verdict::Replayed,
        };
    }
    match &known.answered {
        // A second execution is counted where it arrived.
        Some(_) => Verdict::Lost,
        None if is_fresh && ask.is_answered_by(answer) => Verdict::Final,
        None if is_unknown && known.is_uncertain => Verdict::Unknown,
        None if is_unknown => Verdict::Odd,
        None => Verdict::Stuck,
    }
}
