//! Ports in memory, which can be made to fail or to wait.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
};

use tokio::sync::{Notify, Semaphore};
use tollbar_contract::{Environment, RequestId};
use tollbar_core::{
    AuditEntry, ChangeId, ClientId, Clock, Correction, EndpointId, Month, PolicyChange, PolicyState,
    RevokedToken, Terms, Timestamp, is_same_template,
    port::{
        AllowanceStore, AuditFilter, Book, CountState, PolicyStore, PortFuture, RequestEntry, RequestFilter,
        RequestIdStore, RequestLog, RequestLogExtent, RequestPage, StoreFailure, UsageRow,
    },
};

/// So many books it gives at once.
pub(crate) const BOOKS_MAX: usize = 3;

/// What `apply` was given.
type Applied = (Vec<PolicyChange>, AuditEntry, Option<Vec<u8>>);

pub(crate) struct FakeStore {
    pub(crate) applied: Mutex<Vec<Applied>>,
    pub(crate) usage: Mutex<Vec<(ClientId, UsageRow)>>,
    pub(crate) entries: Mutex<Vec<RequestEntry>>,
    pub(crate) filters: Mutex<Vec<RequestFilter>>,
    pub(crate) last_answer_ends: Mutex<Option<Timestamp>>,
    pub(crate) fails: AtomicBool,
    /// A change needs one of these; there are plenty unless a test takes them away.
    pub(crate) gate: Semaphore,
    /// Told when a change has come to the gate.
    pub(crate) at_gate: Notify,
    /// What these clients had, in months that are over.
    pub(crate) terms: Mutex<BTreeMap<ClientId, Terms>>,
    numbers: Mutex<Vec<(String, String, String)>>,
}

impl Default for FakeStore {
    fn default() -> Self {
        Self {
            applied: Mutex::default(),
            usage: Mutex::default(),
            entries: Mutex::default(),
            filters: Mutex::default(),
            last_answer_ends: Mutex::default(),
            fails: AtomicBool::new(false),
            gate: Semaphore::new(1000),
            at_gate: Notify::new(),
            terms: Mutex::default(),
            numbers: Mutex::default(),
        }
    }
}

impl FakeStore {
    /// Until permits are added, changes wait in the store.
    pub(crate) fn hold(&self) {
        self.gate.forget_permits(1000);
    }

    pub(crate) fn audit(&self) -> Vec<AuditEntry> {
        self.applied.lock().unwrap().iter().map(|(_, audit, _)| audit.clone()).collect()
    }

    /// Those that were applied, oldest first.
    fn corrections(&self) -> Vec<Correction> {
        let applied = self.applied.lock().unwrap();
        let changes = applied.iter().flat_map(|(changes, ..)| changes);
        changes
            .filter_map(|change| match change {
                PolicyChange::Correct(correction) => Some(correction.clone()),
                _ => None,
            })
            .collect()
    }

    fn outcome(&self) -> Result<(), StoreFailure> {
        if self.fails.load(SeqCst) { Err(StoreFailure::new("the disk is full")) } else { Ok(()) }
    }
}

impl PolicyStore for FakeStore {
    fn load(&self) -> PortFuture<'_, PolicyState> {
        Box::pin(async { Ok(PolicyState::default()) })
    }

    fn apply(
        &self,
        changes: Vec<PolicyChange>,
        audit: AuditEntry,
        document: Option<Vec<u8>>,
    ) -> PortFuture<'_, ()> {
        Box::pin(async move {
            self.at_gate.notify_one();
            self.gate.acquire().await.unwrap().forget();
            self.outcome()?;
            let mut applied = self.applied.lock().unwrap();
            assert!(applied.last().is_none_or(|(_, last, _)| last.id < audit.id), "numbers rise");
            applied.push((changes, audit, document));
            Ok(())
        })
    }

    fn revoke_token(&self, _revoked: RevokedToken) -> PortFuture<'_, ()> {
        Box::pin(async { Err(StoreFailure::new("no client is here to revoke a token of its own")) })
    }

    fn find_document(&self, base: String) -> PortFuture<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            self.outcome()?;
            let applied = self.applied.lock().unwrap();
            let is_it =
                |change: &PolicyChange| matches!(change, PolicyChange::PutApi(api) if api.base == base);
            let document = applied.iter().rev().find(|(changes, ..)| changes.iter().any(is_it));
            Ok(document.and_then(|(_, _, document)| document.clone()))
        })
    }

    fn number_endpoints(&self, endpoints: Vec<(String, String, String)>) -> PortFuture<'_, Vec<EndpointId>> {
        Box::pin(async move {
            self.outcome()?;
            let mut numbers = self.numbers.lock().unwrap();
            let ids = endpoints.into_iter().map(|endpoint| {
                let known = numbers.iter().position(|(base, method, path)| {
                    (base, method) == (&endpoint.0, &endpoint.1) && is_same_template(path, &endpoint.2)
                });
                let position = known.unwrap_or_else(|| {
                    numbers.push(endpoint);
                    numbers.len() - 1
                });
                EndpointId(u32::try_from(position).unwrap() + 1)
            });
            Ok(ids.collect())
        })
    }

    fn find_audit(&self, id: ChangeId) -> PortFuture<'_, Option<AuditEntry>> {
        Box::pin(async move { Ok(self.audit().into_iter().find(|entry| entry.id == id)) })
    }

    fn list_audit(&self, filter: AuditFilter) -> PortFuture<'_, Vec<AuditEntry>> {
        Box::pin(async move {
            self.outcome()?;
            let is_subject =
                |entry: &AuditEntry| filter.subjects.is_empty() || filter.subjects.contains(&entry.subject);
            let entries = self.audit().into_iter().rev().filter(is_subject);
            Ok(entries.take(filter.limit.try_into().unwrap()).collect())
        })
    }

    fn last_answer_ends(&self) -> PortFuture<'_, Option<Timestamp>> {
        Box::pin(async {
            self.outcome()?;
            Ok(*self.last_answer_ends.lock().unwrap())
        })
    }

    fn check(&self) -> PortFuture<'_, ()> {
        Box::pin(async { self.outcome() })
    }
}

impl AllowanceStore for FakeStore {
    fn load_counts(&self, _now: Timestamp) -> PortFuture<'_, CountState> {
        Box::pin(async { Ok(CountState::default()) })
    }

    fn lease(&self, _: ClientId, _: Environment, _: Month, _: u64) -> PortFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn books(&self, month: Month, clients: Vec<ClientId>) -> PortFuture<'_, Vec<Book>> {
        Box::pin(async move {
            self.outcome()?;
            let (from, to) = (month.start().day(), month.next().start().day());
            let usage = self.usage.lock().unwrap();
            let book = |client| Book {
                client,
                rows: (usage.iter())
                    .filter(|(owner, row)| *owner == client && (from..to).contains(&row.day))
                    .map(|(_, row)| row.clone())
                    .collect(),
                corrections: (self.corrections().into_iter())
                    .filter(|c| (c.client, c.month) == (client, month))
                    .collect(),
                terms: self.terms.lock().unwrap().get(&client).copied(),
            };
            Ok(clients.into_iter().take(BOOKS_MAX).map(book).collect())
        })
    }

    fn corrections(
        &self,
        client: ClientId,
        month: Option<Month>,
        limit: u32,
    ) -> PortFuture<'_, Vec<Correction>> {
        let is_asked = move |c: &Correction| c.client == client && month.is_none_or(|month| c.month == month);
        let found = self.corrections().into_iter().rev().filter(is_asked).take(limit.try_into().unwrap());
        let found = found.collect();
        Box::pin(async move { Ok(found) })
    }
}

impl RequestLog for FakeStore {
    fn record(&self, entry: RequestEntry) {
        self.entries.lock().unwrap().push(entry);
    }

    fn dropped(&self) -> u64 {
        3
    }

    fn find_request(&self, id: RequestId) -> PortFuture<'_, Option<RequestEntry>> {
        Box::pin(async move {
            Ok(self.entries.lock().unwrap().iter().find(|entry| entry.request_id.0 == id).cloned())
        })
    }

    fn list_requests(&self, filter: RequestFilter) -> PortFuture<'_, RequestPage> {
        Box::pin(async move {
            self.filters.lock().unwrap().push(filter);
            Ok(RequestPage { entries: self.entries.lock().unwrap().clone(), ..RequestPage::default() })
        })
    }

    fn request_log_extent(&self) -> PortFuture<'_, RequestLogExtent> {
        Box::pin(async {
            self.outcome()?;
            Ok(RequestLogExtent { entries: 7, oldest: Timestamp::parse("2026-11-20"), bytes: 4096 })
        })
    }

    fn forget_requests(&self, _before: Timestamp) -> PortFuture<'_, bool> {
        Box::pin(async { Ok(false) })
    }
}

impl RequestIdStore for FakeStore {
    fn lease_request_ids(&self, _count: u64, _not_below: u64) -> PortFuture<'_, u64> {
        Box::pin(async { Ok(0) })
    }

    /// Half of all that there are.
    fn leased_request_ids(&self) -> PortFuture<'_, u64> {
        Box::pin(async { Ok(1 << 47) })
    }
}

/// A clock that stands still until it is moved.
pub(crate) struct FakeClock(pub(crate) AtomicU64);

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(SeqCst))
    }
}
