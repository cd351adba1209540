//! Stage 17: to the upstream and back. Takes [`Admitted`]: what is not valid and not paid for cannot be sent.

use std::{
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, StatusCode};
use tollbar_contract::{Code, Stage};
use tollbar_core::{Rejection, admission::Admitted};
use tollbar_http::Framing;

use crate::{
    Shared,
    answer::Answer,
    body::Body,
    charge::Charged,
    concurrency::Entered,
    exchange::Exchange,
    upstream::{Connection, Upstream, Visit, Way},
    worker::Worker,
};

mod conversation;
mod request;
mod response;

use conversation::{Failed, Sent};
pub(crate) use conversation::{Outbound, Request, WRITE_BYTES, converse};
pub(crate) use request::{Outgoing, remove_hop_by_hop};

/// How long a caller has waited before its leaving says something of the upstream.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no answer from the upstream.
pub(crate) struct ForwardFailure {
    /// What the client is told.
    pub(crate) rejection: Rejection,
    /// Whether the upstream may have acted on the request.
    pub(crate) may_have_executed: bool,
    /// The client's connection is no longer in step.
    pub(crate) closes: bool,
}

/// A request's place among those that an upstream is asked at once.
pub(crate) struct Place {
    pub(crate) upstream: Rc<Upstream>,
    pub(crate) entered: Entered,
}

/// Sends an admitted request and returns the upstream's answer, made fit for the client.
pub(crate) async fn forward<'r>(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    outgoing: &Outgoing,
    body: Body<'r>,
    place: Place,
    _admitted: &Admitted,
    charged: &mut Charged,
) -> Result<Answer<'r>, ForwardFailure> {
    let Place { upstream, entered } = place;
    // An upload goes at its sender's pace: it says nothing of the upstream, and must not hold a place.
    let entered = (!matches!(body, Body::Streaming { .. })).then_some(entered);
    let began = Instant::now();
    // A write is never sent twice, whatever its method.
    let may_resend = is_safe(&exchange.method) && !outgoing.operation.endpoint().write;
    let sent = match upstream.way(worker, may_resend).await {
        Err(fault) => Err(unreached(&fault)),
        Ok(mut way) => {
            let target = outgoing.target(&upstream).into();
            let ready = Ready { method: exchange.method.clone(), target, outgoing };
            let sent = send(worker, &mut way, &ready, body, may_resend, charged).await;
            exchange.upstream_address = way.last();
            exchange.upstream_connect_millis = way.connect_time().map(millis);
            sent
        }
    };
    match (&sent, entered) {
        (Ok(_), Some(entered)) => entered.answered(began.elapsed(), Instant::now()),
        (Err(failure), Some(entered)) if !failure.closes => entered.failed(Instant::now()),
        _ => {}
    }
    exchange.upstream_millis = Some(millis(began.elapsed()));
    upstream.note(worker, sent.as_ref().err().and_then(|failure| failure.upstream_cause()));
    let (head, connection, upload) = sent?;
    exchange.upstream_status = Some(head.status.as_u16());
    response::answer(worker, exchange, outgoing, head, connection, upload).await.map_err(|broken| {
        let cause = format!("the upstream's answer broke: {}", broken.0);
        let rejection = Rejection::new(Code::InternalError, Stage::Upstream, cause);
        // What of the request is still on its way is not read any more.
        ForwardFailure { rejection, may_have_executed: true, closes: false }
    })
}

/// A request that is ready but for the address it goes to.
struct Ready<'o> {
    method: Method,
    target: Rc<str>,
    outgoing: &'o Outgoing,
}

async fn send<'r>(
    worker: &Rc<Worker>,
    way: &mut Way<'_>,
    ready: &Ready<'_>,
    body: Body<'r>,
    may_resend: bool,
    charged: &mut Charged,
) -> Result<Sent<'r>, ForwardFailure> {
    // What was read ahead keeps its share of memory until the answer begins.
    let (whole, _held) = match body {
        Body::None => (Bytes::new(), None),
        Body::Whole(body) => (body.bytes.clone(), Some(body)),
        Body::Streaming { prefix, framing, reader } => {
            let reached = way.connect().await.map_err(|fault| unreached(&fault))?;
            charged.sent();
            let body = Outbound { first: prefix.bytes.clone(), rest: Some(reader) };
            return Ok(exchange_on(worker, reached, ready, framing, body).await?);
        }
    };
    let framing = match u64::try_from(whole.len()) {
        Ok(0) | Err(_) => Framing::None,
        Ok(length) => Framing::Length(length),
    };
    let body = || Outbound { first: whole.clone(), rest: None };
    if let Some(reached) = way.take_idle() {
        charged.sent();
        match exchange_on(worker, reached, ready, framing, body()).await {
            // The upstream closed the idle connection just then. Only what is safe is sent again.
            Err(Failed::Upstream { nothing_came: true, .. }) if may_resend => {}
            outcome => return Ok(outcome?),
        }
    }
    let reached = way.connect().await.map_err(|fault| unreached(&fault))?;
    charged.sent();
    Ok(exchange_on(worker, reached, ready, framing, body()).await?)
}

/// One exchange, and what it says of the address.
async fn exchange_on<'r>(
    worker: &Worker,
    (connection, visit): (Connection, Visit),
    ready: &Ready<'_>,
    framing: Framing,
    body: Outbound<'r>,
) -> Result<Sent<'r>, Failed> {
    let request = Request {
        method: ready.method.clone(),
        target: ready.target.clone(),
        headers: Rc::new(ready.outgoing.headers(visit.authority())),
        framing,
        upgrade: ready.outgoing.upgrade.clone(),
    };
    let shared = &worker.shared;
    let mut waiting = Waiting { shared: shared.clone(), visit: Some(visit), since: Instant::now() };
    let outcome = converse(worker, connection, request, body).await;
    let Some(visit) = waiting.visit.take() else { return outcome };
    match &outcome {
        Ok((head, ..)) if is_unavailable(head.status) && shared.settings.upstream.eject_on_unavailable => {
            visit.failed(shared, &format!("it answered {}", head.status.as_u16()), false);
        }
        Ok(_) => visit.succeeded(shared),
        Err(Failed::Upstream { cause, nothing_came }) => visit.failed(shared, cause, *nothing_came),
        Err(Failed::Client(_)) => {}
    }
    outcome
}

/// An exchange under way. Dropped, its caller has left: after so long without an answer, that is the address's fault, too.
/// Otherwise a server that hangs would not be noticed where callers wait less long than we do.
struct Waiting {
    shared: Arc<Shared>,
    visit: Option<Visit>,
    since: Instant,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(visit) = self.visit.take().filter(|_| self.since.elapsed() >= PATIENCE) else { return };
        self.shared.metrics.upstream_failures.inc();
        visit.failed(&self.shared, "its caller left without an answer", false);
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn is_unavailable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 502..=504)
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn unreached(fault: &str) -> ForwardFailure {
    not_sent(format!("the upstream cannot be reached: {fault}"))
}

fn not_sent(cause: String) -> ForwardFailure {
    let rejection = Rejection::new(Code::InternalError, Stage::Upstream, cause);
    ForwardFailure { rejection, may_have_executed: false, closes: false }
}

impl ForwardFailure {
    /// What was wrong with the upstream, if it was the upstream.
    fn upstream_cause(&self) -> Option<&str> {
        (!self.closes).then(|| self.rejection.cause.for_support())
    }
}

impl From<Failed> for ForwardFailure {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Upstream { cause, .. } => {
                let rejection = Rejection::new(Code::InternalError, Stage::Upstream, cause);
                Self { rejection, may_have_executed: true, closes: false }
            }
            Failed::Client(rejection) => Self { rejection, may_have_executed: true, closes: true },
        }
    }
}
