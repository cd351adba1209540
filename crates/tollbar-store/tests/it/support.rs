//! A folder, a store in it, and short ways to say things.

use std::{future::Future, path::Path, time::Duration};

use tempfile::TempDir;
use tollbar_contract::{Environment, RequestId, Stage};
use tollbar_core::{
    AuditEntry, ChangeId, ClientId, Correction, EndpointId, Month, PolicyChange, Timestamp,
    port::{
        AllowanceStore as _, JournalEvent, JournalRecord, MonthCount, PolicyStore as _, RequestEntry,
        RequestId12, Sum, TraceStep,
    },
};
use tollbar_store::{Store, StoreOptions};

pub(crate) const LIVE: Environment = Environment::Live;
pub(crate) const SANDBOX: Environment = Environment::Sandbox;

/// Completes a port's future.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Everything as outside of tests, but for the start of the machine, which is named here.
pub(crate) fn options(boot_id: &str) -> StoreOptions {
    let mut options = StoreOptions::of_this_machine();
    options.boot_id = Some(boot_id.to_owned());
    options.busy_timeout = Duration::from_millis(20);
    options
}

/// A store on a machine that has not been started again. Dropping it is like the end by a signal.
pub(crate) fn open(folder: &Path) -> Store {
    Store::open_with(folder, &options("boot")).unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub(crate) fn month(text: &str) -> Month {
    Month::parse(text).unwrap()
}

/// Ids with the highest bit set too: they must survive SQLite's signed integers.
pub(crate) fn client(number: u64) -> ClientId {
    ClientId::from_number(u64::MAX - number)
}

pub(crate) fn record(event: JournalEvent, number: u64, at: Timestamp) -> JournalRecord {
    JournalRecord { event, client: client(number), environment: LIVE, endpoint: EndpointId(1), at }
}

pub(crate) fn charged(number: u64, at: Timestamp) -> JournalRecord {
    record(JournalEvent::Charged, number, at)
}

pub(crate) fn ended(status: u16, number: u64, at: Timestamp) -> JournalRecord {
    record(JournalEvent::Ended { status }, number, at)
}

pub(crate) fn months(store: &Store, now: Timestamp) -> Vec<MonthCount> {
    wait(store.load_counts(now)).unwrap().months
}

/// A correction by an account manager, with its entry in the audit trail.
pub(crate) fn correct(store: &Store, id: u64, correction: Correction) {
    let audit = AuditEntry {
        id: ChangeId(id),
        at: correction.at.unwrap_or_default(),
        actor: "operator".to_owned(),
        action: "usage.correct".to_owned(),
        subject: correction.client.to_string(),
        detail: correction.reason.clone(),
    };
    wait(store.apply(vec![PolicyChange::Correct(correction)], audit, None)).unwrap();
}

/// What a client used in the live environment, as it is billed.
pub(crate) fn sum(store: &Store, number: u64, month: Month) -> Sum {
    wait(store.books(month, vec![client(number)])).unwrap()[0].sum(LIVE)
}

/// What one client used in the live environment, without what account managers corrected.
pub(crate) fn used(store: &Store, number: u64, month: Month) -> u64 {
    let of_client = |count: &MonthCount| count.client == client(number) && count.month == month;
    months(store, month.start()).into_iter().find(of_client).map_or(0, |count| count.used)
}

/// An entry of the request log: another one for each number, and later.
pub(crate) fn entry(number: u64) -> RequestEntry {
    RequestEntry {
        request_id: RequestId12(RequestId::from_number(number)),
        at: Timestamp::from_seconds(number),
        method: "GET".to_owned(),
        path: "/v1/orders/7".to_owned(),
        environment: LIVE,
        status: 403,
        code: Some("scope_missing".to_owned()),
        message: Some("The scope is missing.".to_owned()),
        refused_at: Some(Stage::Scope),
        client: Some(client(1)),
        client_name: Some("Example".to_owned()),
        credential: Some("key_00000000001".to_owned()),
        address: "192.0.2.1".to_owned(),
        address_source: "peer".to_owned(),
        endpoint: Some("GET /v1/orders/{id}".to_owned()),
        steps: vec![TraceStep { stage: Stage::Scope, passed: false, detail: "orders:read".to_owned() }],
        change: Some(ChangeId(3)),
        upstream_status: None,
        duration_millis: 1,
        upstream_millis: None,
        upstream_connect_millis: None,
        upstream_address: None,
        keyed: None,
    }
}
