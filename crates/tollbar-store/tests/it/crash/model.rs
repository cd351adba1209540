//! What must be there, may be there and must not, after a crash at any moment: a plain model, fed with the report.
//!
//! A call that has begun may have taken effect; one that has returned has. Where a call was cut off, both stay possible.

use std::collections::{BTreeMap, BTreeSet};

use tollbar_core::{Month, Timestamp};

use super::action::{Action, Entry, Line, Outcome};

#[derive(Clone, Default)]
pub(super) struct Model {
    begun: BTreeMap<u64, (Action, BTreeSet<Held>)>,
    pub(super) boot: String,
    pub(super) now: Timestamp,
    /// The power failed at some time.
    pub(super) has_lost_power: bool,
    /// The store was closed, and nothing has begun since.
    pub(super) is_closed: bool,
    /// What a slot may hold.
    pub(super) slots: BTreeMap<u8, BTreeSet<Held>>,
    /// Request ids below this were given.
    pub(super) ids_end: u64,
    pub(super) changes: Vec<Change>,
    pub(super) paths: BTreeMap<u8, u64>,
    pub(super) leases: BTreeMap<(u64, Month), Lease>,
    pub(super) appends: Vec<Append>,
    /// Entries of the request log, in order; whether they were acknowledged.
    pub(super) log: Vec<(u64, bool)>,
    /// What no store may answer.
    pub(super) impossible: Vec<String>,
}

/// What stands in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Held {
    Nothing,
    Started { request: u64, expires: Timestamp },
    Answered { request: u64, expires: Timestamp, bytes: usize },
}

/// A change of policy, and whether it was acknowledged.
#[derive(Clone, Copy)]
pub(super) struct Change {
    pub(super) number: u64,
    pub(super) tier: u8,
    pub(super) throw: bool,
    pub(super) is_certain: bool,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Lease {
    pub(super) certain: u64,
    pub(super) possible: u64,
    /// What the count was raised to by a loss of power.
    pub(super) raised: u64,
    /// What was given back since charges came near the lease: by so much more the lease may be above the count.
    pub(super) given_since: u64,
}

/// One call that appended to the journal.
#[derive(Clone, Default)]
pub(super) struct Append {
    number: u64,
    pub(super) records: Vec<Entry>,
    pub(super) is_certain: bool,
    /// It was in the tables when a fold was acknowledged.
    pub(super) is_folded: bool,
    /// The power failed after it, before it was folded.
    pub(super) is_shaky: bool,
    /// The power failed after it.
    pub(super) is_before_loss: bool,
}

impl Model {
    pub(super) fn note(&mut self, line: &Line) {
        match line {
            Line::Begin(number, action) => self.begin(*number, action),
            Line::End(number, outcome) => self.end(*number, *outcome),
        }
    }

    fn begin(&mut self, number: u64, action: &Action) {
        self.is_closed = false;
        let mut before = BTreeSet::new();
        match action {
            Action::Open { boot } => self.boot.clone_from(boot),
            Action::Close | Action::Ids { .. } | Action::Number { .. } => {}
            Action::Lease { client, month, upto } => {
                let lease = self.leases.entry((*client, *month)).or_default();
                if *upto > lease.possible {
                    lease.possible = *upto;
                    lease.given_since = 0;
                }
            }
            Action::Append { records, .. } => {
                for entry in records.iter().filter(|entry| entry.gives_back()) {
                    self.leases.entry((entry.client, Month::of(entry.at))).or_default().given_since += 1;
                }
                self.now = records.iter().map(|entry| entry.at).fold(self.now, Timestamp::max);
                let records = records.clone();
                self.appends.push(Append { number, records, ..Append::default() });
            }
            Action::Fold { now } => self.now = self.now.max(*now),
            Action::Start { slot, .. } | Action::Answer { slot, .. } | Action::Release { slot, .. } => {
                if let Action::Start { now, .. } = action {
                    self.now = self.now.max(*now);
                }
                let held = self.slots.entry(*slot).or_insert_with(|| [Held::Nothing].into());
                before.clone_from(held);
                let after = before.iter().flat_map(|held| held.after(action, self.now));
                held.extend(after.filter_map(|(done, held)| done.then_some(held)));
            }
            Action::Apply { change, tier, throw } => {
                self.changes.push(Change { number: *change, tier: *tier, throw: *throw, is_certain: false });
            }
            Action::Log { number } => self.log.push((*number, false)),
        }
        self.begun.insert(number, (action.clone(), before));
    }

    fn end(&mut self, number: u64, outcome: Outcome) {
        let (action, before) = self.begun.remove(&number).expect("what ends has begun");
        let is_done = outcome != Outcome::Refused;
        match &action {
            Action::Start { slot, .. } | Action::Answer { slot, .. } | Action::Release { slot, .. } => {
                let after = before.iter().flat_map(|held| held.after(&action, self.now));
                let held: BTreeSet<_> =
                    after.filter_map(|(done, held)| (done == is_done).then_some(held)).collect();
                if held.is_empty() {
                    self.impossible.push(format!("{outcome:?} to {action:?} where {before:?} stood"));
                }
                self.slots.insert(*slot, held);
            }
            _ if !is_done => self.impossible.push(format!("refused without a reason: {action:?}")),
            Action::Open { .. } | Action::Fold { .. } => self.fold(),
            Action::Close => {
                self.fold();
                self.is_closed = true;
            }
            Action::Lease { client, month, upto } => {
                let lease = self.leases.entry((*client, *month)).or_default();
                lease.certain = lease.certain.max(*upto);
            }
            Action::Append { .. } => {
                let append = self.appends.iter_mut().rev().find(|append| append.number == number);
                append.expect("it has begun").is_certain = true;
            }
            Action::Ids { count } => {
                let Outcome::Number(first) = outcome else { panic!("ids came without a number") };
                if first < self.ids_end {
                    self.impossible.push(format!("ids from {first} on were given before"));
                }
                self.ids_end = self.ids_end.max(first + count);
            }
            Action::Number { path } => {
                let Outcome::Number(given) = outcome else { panic!("an endpoint came without a number") };
                let is_other = self.paths.insert(*path, given).is_some_and(|before| before != given);
                let is_taken = self.paths.iter().any(|(other, number)| other != path && *number == given);
                if is_other || is_taken {
                    self.impossible.push(format!("the endpoint {path} has the number {given} now"));
                }
            }
            Action::Apply { change, .. } => {
                let known = self.changes.iter_mut().find(|known| known.number == *change);
                known.expect("it has begun").is_certain = true;
            }
            Action::Log { number } => {
                let known = self.log.iter_mut().find(|(known, _)| known == number);
                known.expect("it has begun").1 = true;
            }
        }
    }

    /// The process is gone: what was under way stays possible for ever.
    pub(super) fn end_process(&mut self) {
        self.begun.clear();
    }

    /// The process is gone with the power: what was not folded may be, and counts were raised to the leases.
    pub(super) fn lose_power(&mut self) {
        self.end_process();
        self.has_lost_power = true;
        "second".clone_into(&mut self.boot);
        for append in &mut self.appends {
            append.is_shaky |= !append.is_folded;
            append.is_before_loss = true;
        }
        self.leases.values_mut().for_each(|lease| lease.raised = lease.possible);
        self.log.iter_mut().for_each(|(_, is_certain)| *is_certain = false);
    }

    fn fold(&mut self) {
        for append in self.appends.iter_mut().filter(|append| append.is_certain && !append.is_shaky) {
            append.is_folded = true;
        }
    }
}

impl Held {
    /// What an action may lead to: whether it is done, and what stands there then.
    fn after(self, action: &Action, now: Timestamp) -> Vec<(bool, Self)> {
        let done = |held| vec![(true, held)];
        let refused = || vec![(false, self)];
        match (action, self) {
            (Action::Start { request, expires, .. }, held) => {
                let started = Self::Started { request: *request, expires: *expires };
                match held {
                    Self::Answered { expires, .. } if expires > now => refused(),
                    _ => done(started),
                }
            }
            (
                Action::Answer { request, bytes, expires: until, .. },
                Self::Started { request: own, expires },
            ) if *request == own => {
                let answered = (true, Self::Answered { request: own, expires: *until, bytes: *bytes });
                // One that has expired may have been taken away already.
                if expires > now { vec![answered] } else { vec![answered, (false, Self::Nothing)] }
            }
            (Action::Answer { .. }, _) => refused(),
            (Action::Release { request, .. }, Self::Started { request: own, .. })
            | (Action::Release { request, .. }, Self::Answered { request: own, .. })
                if *request == own =>
            {
                done(Self::Nothing)
            }
            (_, held) => done(held),
        }
    }

    /// As somebody sees it who asks now.
    pub(super) fn seen_at(self, now: Timestamp) -> Self {
        match self {
            Self::Started { expires, .. } | Self::Answered { expires, .. } if expires <= now => Self::Nothing,
            held => held,
        }
    }
}
