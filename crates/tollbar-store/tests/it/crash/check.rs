//! Opens what a crash has left, and holds it against the model.

use std::{collections::BTreeMap, path::Path};

use tollbar_contract::RequestId;
use tollbar_core::{
    ClientId, Month, PolicyChange, PolicyState, Timestamp,
    allowance::lease_block,
    idempotency::{Answer, RecordState},
    port::{
        AllowanceStore as _, AuditFilter, IdempotencyStore as _, PolicyStore as _, RequestIdStore as _,
        RequestLog as _, UsageJournal as _,
    },
};
use tollbar_store::Store;

use super::super::support::{client, entry, wait};
use super::{
    action::{Entry, Event, answer},
    child::{LIMIT, START, changes, endpoint, fingerprint, slot, store_options},
    model::{Append, Change, Held, Model},
};

/// What the crash was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Process,
    Power,
}

/// What is wrong with what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Something acknowledged is not there.
    Lost(String),
    /// Something is there more often than it happened, or was given twice.
    Doubled(String),
    /// Something is there in part.
    Half(String),
    /// The store does not open, or does not work.
    Broken(String),
}

/// What one sees who opens a store.
#[derive(Debug, PartialEq)]
struct Seen {
    /// Per client: charged and given back.
    usage: BTreeMap<(u64, Month), (u64, u64)>,
    used: BTreeMap<(u64, Month), u64>,
    leased: BTreeMap<(u64, Month), u64>,
    rated: BTreeMap<u64, u64>,
    slots: BTreeMap<u8, Held>,
    policy: PolicyState,
    audit: Vec<u64>,
    paths: BTreeMap<u8, u64>,
    log: Vec<u64>,
}

/// A client that no script knows: what is done here to see whether the store still works.
const VISITOR: u64 = 77;

/// Everything that is wrong in this folder.
pub(super) fn check(folder: &Path, model: &Model, loss: Loss) -> Vec<Fault> {
    let boot = if loss == Loss::Power { "after" } else { &model.boot };
    let mut faults: Vec<_> = model.impossible.iter().cloned().map(Fault::Broken).collect();
    match open_and_work(folder, model, boot) {
        Ok((seen, first_id)) => {
            judge(model, loss, &seen, &mut faults);
            if first_id < model.ids_end {
                faults.push(Fault::Doubled(format!("ids from {first_id} on are given again")));
            }
        }
        Err(why) => faults.push(Fault::Broken(why)),
    }
    faults
}

/// Sees what is there; uses the store, ends it, and sees the same again.
fn open_and_work(folder: &Path, model: &Model, boot: &str) -> Result<(Seen, u64), String> {
    let say = |error: &dyn std::fmt::Display| error.to_string();
    let store = Store::open_with(folder, &store_options(boot)).map_err(|error| say(&error))?;
    let seen = Seen::of(&store, model).map_err(|error| say(&error))?;
    let first_id = wait(store.lease_request_ids(1, 0)).map_err(|error| say(&error))?;
    let at = model.now.max(Timestamp::parse(START).unwrap());
    let journal = store.journal(0).map_err(|error| say(&error))?;
    let entry = Entry { event: Event::Charged, client: VISITOR, at };
    journal.append(&[entry.record()]).map_err(|error| say(&error))?;
    drop(journal);
    store.close().map_err(|error| say(&error))?;

    let store = Store::open_with(folder, &store_options(boot)).map_err(|error| say(&error))?;
    let mut again = Seen::of(&store, model).map_err(|error| say(&error))?;
    let visited = (again.usage.remove(&(VISITOR, Month::of(at))), Some((1, 0)));
    again.used.remove(&(VISITOR, Month::of(at)));
    again.leased.remove(&(VISITOR, Month::of(at)));
    if visited.0 != visited.1 {
        return Err(format!("a charge after the crash is counted as {:?}", visited.0));
    }
    if again != seen {
        return Err(format!("after another start it is not the same: {seen:?}, then {again:?}"));
    }
    Ok((seen, first_id))
}

impl Seen {
    fn of(store: &Store, model: &Model) -> Result<Self, tollbar_core::port::StoreFailure> {
        let start = Timestamp::parse(START).unwrap();
        let number = |client: ClientId| u64::MAX - client.number();
        let counts = wait(store.load_counts(start))?.months;
        let mut rated = BTreeMap::new();
        for (client, _, _, count) in wait(store.load_counts(model.now))?.recent {
            *rated.entry(number(client)).or_default() += u64::from(count);
        }
        let mut usage = BTreeMap::new();
        for month in [Month::of(start), Month::of(start).next()] {
            for number in (0..4).chain([VISITOR]) {
                for row in wait(store.usage(client(number), month))? {
                    let sum: &mut (u64, u64) = usage.entry((number, month)).or_default();
                    sum.0 += row.charged;
                    sum.1 += row.given_back;
                }
            }
        }
        let mut slots = BTreeMap::new();
        for slot in model.slots.keys() {
            slots.insert(*slot, find_slot(store, *slot, model)?);
        }
        let mut paths = BTreeMap::new();
        for path in model.paths.keys() {
            paths.insert(*path, u64::from(wait(store.number_endpoints(vec![endpoint(*path)]))?[0].0));
        }
        let mut log = Vec::new();
        for (number, _) in &model.log {
            let found = wait(store.find_request(RequestId::from_number(*number)))?;
            if found.is_some_and(|found| found == entry(*number)) {
                log.push(*number);
            }
        }
        Ok(Self {
            usage,
            used: counts.iter().map(|count| ((number(count.client), count.month), count.used)).collect(),
            leased: counts.iter().map(|count| ((number(count.client), count.month), count.leased)).collect(),
            rated,
            slots,
            policy: wait(store.load())?,
            audit: wait(store.list_audit(AuditFilter { limit: 1000, ..AuditFilter::default() }))?
                .iter()
                .rev()
                .map(|entry| entry.id.0)
                .collect(),
            paths,
            log,
        })
    }
}

/// As the model would say it; what stands there and belongs to nobody is said to be started by request 0.
fn find_slot(store: &Store, number: u8, model: &Model) -> Result<Held, tollbar_core::port::StoreFailure> {
    let Some(record) = wait(store.find(slot(number), model.now))? else { return Ok(Held::Nothing) };
    let is_it = |held: &&Held| match **held {
        Held::Nothing => false,
        Held::Started { request, .. } => {
            record.request_id == RequestId::from_number(request) && record.state == RecordState::Started
        }
        Held::Answered { request, bytes, .. } => {
            record.request_id == RequestId::from_number(request)
                && record.state == RecordState::Answered(answer(request, bytes))
        }
    };
    let is_whole = |held: &&Held| match **held {
        Held::Started { request, .. } | Held::Answered { request, .. } => {
            record.fingerprint == fingerprint(request)
        }
        Held::Nothing => false,
    };
    let known = model.slots[&number].iter().filter(is_it).find(is_whole).copied();
    Ok(known.unwrap_or_else(|| match record.state {
        RecordState::Started => Held::Started { request: 0, expires: model.now.plus_seconds(1) },
        RecordState::Answered(Answer::Stored { .. } | Answer::TooLarge) | RecordState::Executed => {
            Held::Answered { request: 0, expires: model.now.plus_seconds(1), bytes: 0 }
        }
    }))
}

fn judge(model: &Model, loss: Loss, seen: &Seen, faults: &mut Vec<Fault>) {
    for (slot, held) in &model.slots {
        let allowed: Vec<_> = held.iter().map(|held| held.seen_at(model.now)).collect();
        let found = seen.slots[slot];
        if allowed.contains(&found) {
            continue;
        }
        let text = format!("slot {slot} holds {found:?}, not one of {allowed:?}");
        let is_foreign = matches!(found, Held::Answered { request: 0, .. });
        faults.push(if is_foreign { Fault::Half(text) } else { Fault::Lost(text) });
    }
    for (path, number) in &model.paths {
        if seen.paths[path] != *number {
            faults.push(Fault::Lost(format!("endpoint {path} was {number} and is {}", seen.paths[path])));
        }
    }
    judge_policy(model, seen, faults);
    judge_counts(model, loss, seen, faults);
    judge_log(model, loss, seen, faults);
}

fn judge_policy(model: &Model, seen: &Seen, faults: &mut Vec<Fault>) {
    for change in model.changes.iter().filter(|change| change.is_certain) {
        if !seen.audit.contains(&change.number) {
            faults.push(Fault::Lost(format!("the change {}", change.number)));
        }
    }
    // Whatever is in the audit trail is in force, and nothing else.
    let mut expected = PolicyState::default();
    let is_there = |change: &&Change| seen.audit.contains(&change.number);
    for change in model.changes.iter().filter(is_there) {
        for change in changes(change.number, change.tier, change.throw) {
            match change {
                PolicyChange::PutTier(tier) => drop(expected.tiers.insert(tier.name.clone(), tier)),
                PolicyChange::PutSwitch(switch) => expected.switches = vec![switch],
                PolicyChange::RemoveSwitch(_) => expected.switches.clear(),
                PolicyChange::RevokeToken(token) => expected.revoked_tokens.push(token),
                other => panic!("no script does this: {other:?}"),
            }
        }
        expected.last_change = expected.last_change.max(change.number);
    }
    if seen.policy != expected {
        faults.push(Fault::Half(format!("policy is {:?} instead of {expected:?}", seen.policy)));
    }
}

/// The least and the most of something that may be there.
#[derive(Clone, Copy, Debug, Default)]
struct Range {
    least: u64,
    most: u64,
}

impl Range {
    fn of<'a>(
        appends: impl Iterator<Item = &'a Append>,
        loss: Loss,
        counts: impl Fn(&Entry) -> bool,
    ) -> Self {
        let mut range = Self::default();
        for append in appends {
            let count = append.records.iter().filter(|entry| counts(entry)).count().try_into().unwrap();
            let is_safe = match loss {
                Loss::Process => append.is_certain && !append.is_shaky,
                Loss::Power => append.is_folded,
            };
            range.least += if is_safe { count } else { 0 };
            range.most += count;
        }
        range
    }

    fn judge(self, what: &str, found: u64, faults: &mut Vec<Fault>) {
        let text = || format!("{what}: {found}, not {} to {}", self.least, self.most);
        if found < self.least {
            faults.push(Fault::Lost(text()));
        } else if found > self.most {
            faults.push(Fault::Doubled(text()));
        }
    }
}

fn judge_counts(model: &Model, loss: Loss, seen: &Seen, faults: &mut Vec<Fault>) {
    // After an end in good order, nothing depends on what a loss of power takes.
    let loss = if model.is_closed { Loss::Process } else { loss };
    let start = Timestamp::parse(START).unwrap();
    for key in
        (0..4).flat_map(|number| [Month::of(start), Month::of(start).next()].map(|month| (number, month)))
    {
        let (number, month) = key;
        let of_key = |entry: &Entry| entry.client == number && Month::of(entry.at) == month;
        let charges = |entry: &Entry| of_key(entry) && entry.charges();
        let gives_back = |entry: &Entry| of_key(entry) && entry.gives_back();
        let charged = Range::of(model.appends.iter(), loss, charges);
        let given = Range::of(model.appends.iter(), loss, gives_back);
        let (found_charged, found_given) = seen.usage.get(&key).copied().unwrap_or_default();
        charged.judge(&format!("charges of {key:?}"), found_charged, faults);
        given.judge(&format!("given back of {key:?}"), found_given, faults);

        let lease = model.leases.get(&key).copied().unwrap_or_default();
        let leases = Range { least: lease.certain, most: lease.possible };
        leases.judge(&format!("lease of {key:?}"), seen.leased.get(&key).copied().unwrap_or(0), faults);

        judge_count(model, loss, key, (given.least, seen.used.get(&key).copied().unwrap_or(0)), faults);
    }
    if loss == Loss::Process {
        for number in 0..4 {
            let since = model.now.as_seconds().saturating_sub(61);
            let is_recent = |entry: &Entry| {
                entry.event == Event::Rated && entry.client == number && entry.at.as_seconds() >= since
            };
            // They stand in the journal alone, also those that are folded: what a loss of power took of it is gone.
            let most = Range::of(model.appends.iter(), loss, is_recent).most;
            let since_loss = model.appends.iter().filter(|append| !append.is_before_loss);
            let rated = Range { most, ..Range::of(since_loss, loss, is_recent) };
            let found = seen.rated.get(&number).copied().unwrap_or(0);
            rated.judge(&format!("recent requests of {number}"), found, faults);
        }
    }
}

/// The count that the allowance goes by: never too low, whatever was lost, since what was acknowledged was sent; too
/// high after a loss of power by a lease, and by what was given back lately.
fn judge_count(
    model: &Model,
    loss: Loss,
    (number, month): (u64, Month),
    (proved, found): (u64, u64),
    faults: &mut Vec<Fault>,
) {
    let sum = |counts: &dyn Fn(&Append, &Entry) -> bool| -> u64 {
        let of_key = |entry: &&Entry| entry.client == number && Month::of(entry.at) == month;
        let count = |append: &Append| {
            append.records.iter().filter(of_key).filter(|entry| counts(append, entry)).count() as u64
        };
        model.appends.iter().map(count).sum()
    };
    let sent_least = sum(&|append, entry| entry.charges() && append.is_certain);
    let sent_most = sum(&|_, entry| entry.charges());
    let given_least = sum(&|append, entry| entry.gives_back() && append.is_certain);
    let given_most = sum(&|_, entry| entry.gives_back());
    let sent_since = sum(&|append, entry| entry.charges() && !append.is_before_loss);
    let lease = model.leases.get(&(number, month)).copied().unwrap_or_default();

    let least = sent_least.saturating_sub(given_most);
    let exact = sent_most.saturating_sub(given_least);
    let (unproved, lossless) = (sent_most.saturating_sub(proved), !model.has_lost_power);
    let most = match loss {
        Loss::Process if lossless => exact,
        Loss::Process => unproved.max(lease.raised + sent_since),
        Loss::Power if lossless => unproved.max(lease.possible),
        Loss::Power => unproved.max(lease.possible).max(lease.raised + sent_since),
    };
    Range { least, most }.judge(&format!("count of {number} in {month:?}"), found, faults);
    let bound = exact + lease_block(LIMIT) + lease.given_since + (given_most - proved);
    if lossless && found > bound {
        faults.push(Fault::Doubled(format!("count of {number}: {found}, a lease above {exact} at most")));
    }
}

fn judge_log(model: &Model, loss: Loss, seen: &Seen, faults: &mut Vec<Fault>) {
    let lost = model.log.iter().find(|(entry, is_certain)| *is_certain && !seen.log.contains(entry));
    if let (Some((entry, _)), Loss::Process) = (lost, loss) {
        faults.push(Fault::Lost(format!("the entry {entry} of the request log")));
    }
    // The power may take the newest ones, and none from the middle.
    let before: Vec<_> = model.log.iter().map(|(entry, _)| *entry).take(seen.log.len()).collect();
    let certain = model.log.iter().all(|(_, is_certain)| *is_certain);
    if certain && seen.log != before {
        faults.push(Fault::Half(format!("the request log has {:?} of {:?}", seen.log, model.log)));
    }
}
