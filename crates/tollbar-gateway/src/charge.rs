//! A charge to the allowance: leased, journaled, and settled exactly once.

use std::{rc::Rc, sync::Arc};

use tollbar_contract::{Code, Environment, Stage};
use tollbar_core::{
    Client, EndpointId, Month, Rejection, Timestamp,
    admission::{self, Admitted, ChargeFault, Valid},
    port::{JournalEvent, JournalRecord, StoreFailure},
};

use crate::{shared::bounded, worker::Worker};

/// A charge under way. Dropped unsettled, it is given back if nothing was sent, and stands if something was.
pub(crate) struct Charged {
    worker: Rc<Worker>,
    client: Arc<Client>,
    environment: Environment,
    endpoint: EndpointId,
    at: Timestamp,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    NotSent,
    Sent,
    Settled,
}

/// Stage 16: charges the request, leasing durably where that is needed, and journals it with what it took from the rate.
pub(crate) async fn charge(
    worker: &Rc<Worker>,
    client: &Arc<Client>,
    environment: Environment,
    endpoint: EndpointId,
    valid: &Valid,
    mut rate: TakenRate<'_>,
) -> Result<(Admitted, Charged), Rejection> {
    let shared = &worker.shared;
    let admitted = loop {
        match admission::charge(client, environment, valid, shared.clock.now()) {
            Ok(admitted) => break admitted,
            Err(ChargeFault::Rejected(rejection)) => return Err(rejection),
            Err(ChargeFault::NeedsLease { month, upto }) => {
                lease(worker, client, environment, month, upto)
                    .await
                    .map_err(|failure| cannot_store(&failure))?;
            }
        }
    };
    if let Some(upto) = admitted.charge.lease_ahead {
        let (worker, client, month) = (worker.clone(), client.clone(), Month::of(admitted.charge.at));
        tokio::task::spawn_local(async move {
            // Where it fails, a request that needs the lease asks again, and says so.
            let _ = lease(&worker, &client, environment, month, upto).await;
        });
    }
    let charged = Charged {
        worker: worker.clone(),
        client: client.clone(),
        environment,
        endpoint,
        at: admitted.charge.at,
        state: State::NotSent,
    };
    let records = [rate.record, charged.record(JournalEvent::Charged)];
    let from = usize::from(rate.is_journaled);
    rate.is_journaled = true;
    if let Err(failure) = append(worker, &records[from..]) {
        // Nothing was written, so nothing is to be taken back there.
        let mut charged = charged;
        charged.state = State::Settled;
        client.meter(environment).give_back(admitted.charge.at);
        return Err(cannot_store(&failure));
    }
    Ok((admitted, charged))
}

/// What a request took from the rate. Dropped, it is journaled; a charge takes it along in the same write.
pub(crate) struct TakenRate<'w> {
    worker: &'w Worker,
    record: JournalRecord,
    is_journaled: bool,
}

impl<'w> TakenRate<'w> {
    pub(crate) fn new(worker: &'w Worker, client: &Client, environment: Environment, at: Timestamp) -> Self {
        let (event, endpoint) = (JournalEvent::Rated, EndpointId(0));
        let record = JournalRecord { event, client: client.record.id, environment, endpoint, at };
        Self { worker, record, is_journaled: false }
    }

    /// Journals it now: before a wait it must not stay behind.
    pub(crate) fn journal(&mut self) {
        if !self.is_journaled {
            self.is_journaled = true;
            // Without the record the window is exact all the same, but for a restart within the next minute.
            let _ = append(self.worker, &[self.record]);
        }
    }
}

impl Drop for TakenRate<'_> {
    fn drop(&mut self) {
        self.journal();
    }
}

async fn lease(
    worker: &Worker,
    client: &Client,
    environment: Environment,
    month: Month,
    upto: u64,
) -> Result<(), StoreFailure> {
    bounded(worker.shared.allowance.lease(client.record.id, environment, month, upto)).await?;
    client.meter(environment).leased(month, upto);
    Ok(())
}

/// Appends to the journal; a failure is logged when it begins and when it ends, not for each request.
fn append(worker: &Worker, records: &[JournalRecord]) -> Result<(), StoreFailure> {
    let outcome = worker.append(records);
    if worker.journal_fails.replace(outcome.is_err()) != outcome.is_err() {
        match &outcome {
            Ok(()) => tracing::info!("the usage journal can be written again"),
            Err(failure) => tracing::error!(%failure, "the usage journal cannot be written"),
        }
    }
    outcome
}

/// Something that must be durable first cannot be made so: nothing was sent, and a retry is safe.
pub(crate) fn cannot_store(failure: &StoreFailure) -> Rejection {
    tracing::debug!(%failure, "the store failed; the request was not sent");
    Rejection::new(Code::InternalError, Stage::Allowance, format!("the store failed: {failure}"))
        .saying("The request could not be recorded and was not executed. Try again shortly.")
        .retry_after(1)
}

impl Charged {
    /// From now on the upstream may have seen something of it.
    pub(crate) fn sent(&mut self) {
        self.state = State::Sent;
    }

    /// The client's answer has this status: a 5xx gives the charge back.
    pub(crate) fn settle(mut self, status: u16) {
        if status >= 500 {
            self.client.meter(self.environment).give_back(self.at);
        }
        self.end(JournalEvent::Ended { status });
    }

    fn end(&mut self, event: JournalEvent) {
        self.state = State::Settled;
        let record = self.record(event);
        if append(&self.worker, &[record]).is_err() {
            self.worker.owed.keep(record);
        }
    }

    fn record(&self, event: JournalEvent) -> JournalRecord {
        let (client, environment) = (self.client.record.id, self.environment);
        JournalRecord { event, client, environment, endpoint: self.endpoint, at: self.at }
    }
}

impl Drop for Charged {
    fn drop(&mut self) {
        let is_panicking = std::thread::panicking();
        if self.state == State::NotSent || (self.state == State::Sent && is_panicking) {
            // After a panic the client's answer is a 500.
            let event =
                if is_panicking { JournalEvent::Ended { status: 500 } } else { JournalEvent::NotSent };
            self.client.meter(self.environment).give_back(self.at);
            self.end(event);
        }
    }
}
