//! The process that plays a script: this test's own program, started once more.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tollbar_contract::RequestId;
use tollbar_core::{
    AuditEntry, ChangeId, EndpointId, Month, Overage, PolicyChange, RevokedToken, Switch, SwitchId,
    SwitchTarget, Tier, Timestamp,
    allowance::{Ledger, NotCharged, lease_block},
    idempotency::{Fingerprint, Slot},
    port::{
        AllowanceStore as _, IdempotencyStore as _, PolicyStore as _, RequestIdStore as _, RequestLog as _,
        UsageJournal as _,
    },
};
use tollbar_store::{JournalWriter, Store, StoreOptions};

use super::super::support::{LIVE, client, entry, options, wait};
use super::{
    action::{Action, Entry, Event, Line, Outcome, answer},
    record::{LINES, STORE, quick_folder},
    script::{Ending, Script, Step},
};

/// Requests per month of each client: a lease is 16 then.
pub(super) const LIMIT: u64 = 1000;
/// Half a minute before a month's end.
pub(super) const START: &str = "2026-11-30T23:59:30Z";
const WRITERS: usize = 2;

/// Plays the script that the environment names. As a test of its own it plays a short one, without any crash.
#[test]
#[expect(clippy::disallowed_methods, reason = "the shim is told by the environment as well")]
fn play_a_script() {
    if let (Ok(script), Ok(root)) = (std::env::var("CRASH_SCRIPT"), std::env::var("CRASH_ROOT")) {
        let script: Script = serde_json::from_slice(&std::fs::read(script).unwrap()).unwrap();
        return Player::start(Path::new(&root), &script).play(&script.steps);
    }
    let root = quick_folder();
    for script in [Script::ledger(), Script::idempotency(), Script::again(1000)] {
        Player::start(root.path(), &script).play(&script.steps);
    }
    let lines = std::fs::read_to_string(root.path().join(&LINES[1..])).unwrap();
    let refused = lines.matches("Refused").count();
    assert_eq!(refused, 2, "an answer stands in two of the slots: {lines}");
}

/// Small files of the journal, so that they end and begin all the time.
pub(super) fn store_options(boot: &str) -> StoreOptions {
    let mut options = options(boot);
    options.journal_file_bytes = 8 * 32;
    options
}

pub(super) fn slot(number: u8) -> Slot {
    Slot { client: client(1), environment: LIVE, key: format!("key-{number}") }
}

pub(super) fn fingerprint(request: u64) -> Fingerprint {
    Fingerprint([request.to_le_bytes()[0]; 32])
}

pub(super) fn endpoint(path: u8) -> (String, String, String) {
    ("/v1".to_owned(), "GET".to_owned(), format!("/orders/{path}"))
}

/// Everything that one change of policy puts and takes away: it must be there together, or not at all.
pub(super) fn changes(change: u64, tier: u8, throw: bool) -> Vec<PolicyChange> {
    let id = ChangeId(change);
    let at = Timestamp::from_seconds(change);
    let put = Tier { name: format!("tier-{tier}"), rate_per_minute: change.try_into().unwrap(), change: id };
    let number = SwitchId::from_number(1);
    let switch = if throw {
        let (target, environment) = (SwitchTarget::Platform, None);
        let message = Some(format!("change {change}"));
        PolicyChange::PutSwitch(Switch {
            id: number,
            target,
            environment,
            message,
            until: None,
            since: at,
            change: id,
        })
    } else {
        PolicyChange::RemoveSwitch(number)
    };
    let expires_at = Timestamp::parse("2030-01-01").unwrap();
    let token = RevokedToken { token_id: format!("token-{change}"), expires_at, change: Some(id) };
    vec![PolicyChange::PutTier(put), switch, PolicyChange::RevokeToken(token)]
}

struct Player {
    folder: PathBuf,
    boot: String,
    store: Option<Store>,
    writers: Vec<Option<JournalWriter>>,
    ledgers: BTreeMap<u64, Ledger>,
    /// Whose request stands in a slot, and for how many seconds it is kept.
    started: BTreeMap<u8, (u64, u64)>,
    now: Timestamp,
    next: u64,
    report: Report,
}

impl Player {
    fn start(root: &Path, script: &Script) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(root.join(&LINES[1..])).unwrap();
        let report = Report { file: Mutex::new(file), next: AtomicU64::new(script.first) };
        let mut player = Self {
            folder: root.join(STORE),
            boot: script.boot.clone(),
            store: None,
            writers: Vec::new(),
            ledgers: BTreeMap::new(),
            started: BTreeMap::new(),
            now: Timestamp::parse(START).unwrap(),
            next: script.first,
            report,
        };
        player.open();
        player
    }

    fn play(&mut self, steps: &[Step]) {
        for step in steps {
            self.play_one(step);
        }
    }

    fn play_one(&mut self, step: &Step) {
        match step {
            Step::Charge { client, writer, ends } => self.charge(*client, *writer, *ends),
            Step::Burst { client, writer, count } => {
                let mut records = Vec::new();
                for _ in 0..*count {
                    // What the lease does not cover any more begins a call of its own.
                    let ahead = self.reserve(*client).unwrap_or_else(|upto| {
                        self.append(*writer, std::mem::take(&mut records));
                        self.lease(*client, upto);
                        self.reserve(*client).unwrap()
                    });
                    records.push(self.entry(*client, Event::Charged));
                    if let Some(upto) = ahead {
                        self.append(*writer, std::mem::take(&mut records));
                        self.lease(*client, upto);
                    }
                }
                self.append(*writer, records);
            }
            Step::Rate { client, writer } => self.append(*writer, vec![self.entry(*client, Event::Rated)]),
            Step::Start { slot, seconds } => wait(self.begin(*slot, *seconds)),
            Step::Answer { slot, bytes } => wait(self.answer(*slot, *bytes)),
            Step::Release { slot } => wait(self.release(*slot)),
            Step::Together { slot, client } => self.together(*slot, *client),
            Step::Ids { count } => {
                let leasing = self.store().lease_request_ids(*count, 0);
                wait(self.report.call(Action::Ids { count: *count }, leasing, Outcome::Number));
            }
            Step::Apply { tier, throw } => self.apply(*tier, *throw),
            Step::Number { path } => {
                let numbering = self.store().number_endpoints(vec![endpoint(*path)]);
                let number = |ids: Vec<EndpointId>| Outcome::Number(ids[0].0.into());
                wait(self.report.call(Action::Number { path: *path }, numbering, number));
            }
            Step::Log => {
                let number = self.take_number();
                let store = self.store();
                let writing = async {
                    store.record(entry(number));
                    store.find_request(RequestId::from_number(number)).await
                };
                wait(self.report.call(Action::Log { number }, writing, |_| Outcome::Done));
            }
            Step::Fold => {
                let folding = self.store().load_counts(self.now);
                wait(self.report.call(Action::Fold { now: self.now }, folding, |_| Outcome::Done));
            }
            Step::Pass { seconds } => self.now = self.now.plus_seconds(*seconds),
            Step::Close => {
                self.writers.clear();
                let store = self.store.take().unwrap();
                self.report.call_blocking(Action::Close, || store.close().map_err(|_| ()));
                self.open();
            }
            Step::Abandon => {
                self.writers.clear();
                self.store = None;
                self.open();
            }
            Step::Clean => self.clean(),
        }
    }

    fn open(&mut self) {
        let action = Action::Open { boot: self.boot.clone() };
        let open = || Store::open_with(&self.folder, &store_options(&self.boot)).map_err(|_| ());
        self.store = self.report.call_blocking(action, open);
        self.writers = (0..WRITERS).map(|_| None).collect();
        self.ledgers.clear();
        for number in 0..4 {
            self.ledgers.insert(number, Ledger::default());
        }
        let counts = wait(self.store().load_counts(self.now)).unwrap();
        for count in counts.months {
            let number = u64::MAX - count.client.number();
            self.ledgers.entry(number).or_default().restore(count.month, count.used, count.leased);
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn take_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn entry(&self, client: u64, event: Event) -> Entry {
        Entry { event, client, at: self.now }
    }

    /// Charges in memory, as the gateway does; says up to where a lease is wanted ahead, or up to where one is needed first.
    fn reserve(&mut self, client: u64) -> Result<Option<u64>, u64> {
        match self.ledgers.get_mut(&client).unwrap().charge(LIMIT, Overage::Block, self.now) {
            Ok(charge) => Ok(charge.lease_ahead),
            Err(NotCharged::NeedsLease { upto, .. }) => Err(upto),
            Err(NotCharged::Exhausted(_)) => panic!("a script used up an allowance"),
        }
    }

    fn lease(&mut self, number: u64, upto: u64) {
        let month = Month::of(self.now);
        let leasing = self.store().lease(client(number), LIVE, month, upto);
        let action = Action::Lease { client: number, month, upto };
        wait(self.report.call(action, leasing, |()| Outcome::Done));
        self.ledgers.get_mut(&number).unwrap().leased(month, upto);
    }

    fn charge(&mut self, client: u64, writer: usize, ends: Ending) {
        let ahead = self.reserve(client).unwrap_or_else(|upto| {
            self.lease(client, upto);
            self.reserve(client).unwrap()
        });
        self.append(writer, vec![self.entry(client, Event::Charged)]);
        if let Some(upto) = ahead {
            self.lease(client, upto);
        }
        let event = match ends {
            Ending::Never => return,
            Ending::Status(status) => Event::Ended(status),
            Ending::NotSent => Event::NotSent,
        };
        let entry = self.entry(client, event);
        if entry.gives_back() {
            self.ledgers.get_mut(&client).unwrap().give_back(self.now);
        }
        self.append(writer, vec![entry]);
    }

    fn append(&mut self, writer: usize, records: Vec<Entry>) {
        if records.is_empty() {
            return;
        }
        if self.writers[writer].is_none() {
            self.writers[writer] = Some(self.store().journal(writer).unwrap());
        }
        let journal = self.writers[writer].as_ref().unwrap();
        let encoded: Vec<_> = records.iter().map(Entry::record).collect();
        let action = Action::Append { writer, records };
        self.report.call_blocking(action, || journal.append(&encoded).map_err(|_| ()));
    }

    fn begin(&mut self, number: u8, seconds: u64) -> impl Future<Output = ()> + use<'_> {
        let request = self.take_number();
        self.started.insert(number, (request, seconds));
        let (now, expires) = (self.now, self.now.plus_seconds(seconds));
        let id = RequestId::from_number(request);
        let starting =
            self.store().start(slot(number), fingerprint(request), id, EndpointId(1), now, expires);
        self.report.call(Action::Start { slot: number, request, now, expires }, starting, |()| Outcome::Done)
    }

    fn answer(&self, number: u8, bytes: usize) -> impl Future<Output = ()> + use<'_> {
        let (request, seconds) = self.started.get(&number).copied().unwrap_or_default();
        let (stored, expires) = (answer(request, bytes), self.now.plus_seconds(seconds));
        let answering = self.store().answer(slot(number), RequestId::from_number(request), stored, expires);
        let action = Action::Answer { slot: number, request, bytes, expires };
        self.report.call(action, answering, |()| Outcome::Done)
    }

    fn release(&self, number: u8) -> impl Future<Output = ()> + use<'_> {
        let (request, _) = self.started.get(&number).copied().unwrap_or_default();
        let releasing = self.store().release(slot(number), RequestId::from_number(request));
        self.report.call(Action::Release { slot: number, request }, releasing, |()| Outcome::Done)
    }

    fn together(&mut self, first: u8, number: u64) {
        let (now, expires) = (self.now, self.now.plus_seconds(1000));
        let requests = [(); 3].map(|()| self.take_number());
        let month = Month::of(now);
        let upto = self.ledgers[&number].peek(LIMIT, now).used + lease_block(LIMIT);
        let start = |place: u8| {
            let (number, request) = (first + place, requests[usize::from(place)]);
            let id = RequestId::from_number(request);
            let starting =
                self.store().start(slot(number), fingerprint(request), id, EndpointId(1), now, expires);
            self.report
                .call(Action::Start { slot: number, request, now, expires }, starting, |()| Outcome::Done)
        };
        let leasing = self.store().lease(client(number), LIVE, month, upto);
        let leasing =
            self.report.call(Action::Lease { client: number, month, upto }, leasing, |()| Outcome::Done);
        wait(async { tokio::join!(start(0), leasing, start(1), start(2)) });
        for (slot, request) in (first..).zip(requests) {
            self.started.insert(slot, (request, 1000));
        }
        wait(async {
            tokio::join!(self.answer(first, 700), self.release(first + 1), self.answer(first + 2, 0))
        });
        self.ledgers.get_mut(&number).unwrap().leased(month, upto);
    }

    fn apply(&mut self, tier: u8, throw: bool) {
        let change = self.take_number();
        let audit = AuditEntry {
            id: ChangeId(change),
            at: self.now,
            actor: "operator".to_owned(),
            action: "tier.put".to_owned(),
            subject: format!("tier-{tier}"),
            detail: "in words".to_owned(),
        };
        let applying = self.store().apply(changes(change, tier, throw), audit, None);
        wait(self.report.call(Action::Apply { change, tier, throw }, applying, |()| Outcome::Done));
    }

    /// The keeper's next round takes away what is old by now.
    fn clean(&mut self) {
        for writer in &mut self.writers {
            *writer = None;
        }
        let folding = self.store().load_counts(self.now);
        wait(self.report.call(Action::Fold { now: self.now }, folding, |_| Outcome::Done));
        let journal = self.folder.join("journal");
        while std::fs::read_dir(&journal).unwrap().next().is_some() {
            wait(self.store().load()).unwrap();
        }
        // Two more commits behind the files: the positions, and what has expired.
        for _ in 0..2 {
            wait(self.store().check()).unwrap();
        }
    }
}

struct Report {
    file: Mutex<File>,
    next: AtomicU64,
}

impl Report {
    async fn call<T, E>(
        &self,
        action: Action,
        call: impl Future<Output = Result<T, E>>,
        outcome: impl FnOnce(T) -> Outcome,
    ) {
        let number = self.begin(action);
        let outcome = call.await.map_or(Outcome::Refused, outcome);
        self.say(&Line::End(number, outcome));
    }

    fn call_blocking<T>(&self, action: Action, call: impl FnOnce() -> Result<T, ()>) -> Option<T> {
        let number = self.begin(action);
        let result = call();
        let outcome = if result.is_ok() { Outcome::Done } else { Outcome::Refused };
        self.say(&Line::End(number, outcome));
        result.ok()
    }

    fn begin(&self, action: Action) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.say(&Line::Begin(number, action));
        number
    }

    /// With one `write`.
    fn say(&self, line: &Line) {
        let mut bytes = serde_json::to_vec(line).unwrap();
        bytes.push(b'\n');
        self.file.lock().unwrap().write_all(&bytes).unwrap();
    }
}
