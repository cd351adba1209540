//! Stage 17: to the upstream and back. Takes [`Admitted`]: what is not valid and not paid for cannot be sent.

use std::{rc::Rc, time::Instant};

use bytes::Bytes;
use http::Method;
use tollbar_contract::{Code, Stage};
use tollbar_core::{
    Rejection,
    admission::{Admitted, Operation},
};
use tollbar_http::Framing;

use crate::{
    answer::Answer,
    body::Body,
    charge::Charged,
    exchange::Exchange,
    upstream::{Connection, Upstream},
    worker::Worker,
};

mod conversation;
mod request;
mod response;

use conversation::{Failed, Outbound, Request, Sent, converse};
pub(crate) use request::{Outgoing, remove_hop_by_hop};

/// Why there is no answer from the upstream.
pub(crate) struct ForwardFailure {
    /// What the client is told.
    pub(crate) rejection: Rejection,
    /// Whether the upstream may have acted on the request.
    pub(crate) may_have_executed: bool,
    /// The client's connection is no longer in step.
    pub(crate) closes: bool,
}

/// Sends an admitted request and returns the upstream's answer, made fit for the client.
pub(crate) async fn forward<'r>(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    operation: &Operation,
    outgoing: &Outgoing,
    body: Body<'r>,
    _admitted: &Admitted,
    charged: &mut Charged,
) -> Result<Answer<'r>, ForwardFailure> {
    let url = operation.api().record.upstreams[exchange.environment.index()].as_deref().unwrap_or_default();
    let upstream =
        worker.upstreams.find(url).ok_or_else(|| not_sent("the upstream's URL cannot be used".to_owned()))?;
    let began = Instant::now();
    // A write is never sent twice, whatever its method.
    let may_resend = is_safe(&exchange.method) && !operation.endpoint().write;
    let sent = send(worker, &upstream, exchange, outgoing, body, may_resend, charged).await;
    exchange.upstream_millis = Some(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    upstream.note(worker, sent.as_ref().err().and_then(|failure| failure.upstream_cause()));
    let (head, connection, upload) = sent?;
    exchange.upstream_status = Some(head.status.as_u16());
    response::answer(worker, exchange, operation, outgoing, head, connection, upload).await.map_err(
        |broken| {
            let cause = format!("the upstream's answer broke: {}", broken.0);
            let rejection = Rejection::new(Code::InternalError, Stage::Upstream, cause);
            // What of the request is still on its way is not read any more.
            ForwardFailure { rejection, may_have_executed: true, closes: false }
        },
    )
}

async fn send<'r>(
    worker: &Rc<Worker>,
    upstream: &Rc<Upstream>,
    exchange: &Exchange,
    outgoing: &Outgoing,
    body: Body<'r>,
    may_resend: bool,
    charged: &mut Charged,
) -> Result<Sent<'r>, ForwardFailure> {
    let request = |framing| Request {
        method: exchange.method.clone(),
        target: outgoing.target(upstream).into(),
        headers: Rc::new(outgoing.headers(upstream)),
        framing,
        upgrade: outgoing.upgrade.clone(),
    };
    let whole = match body {
        Body::None => Bytes::new(),
        Body::Whole(bytes) => bytes,
        Body::Streaming { prefix, framing, reader } => {
            let connection = open(worker, upstream).await?;
            charged.sent();
            let body = Outbound { first: prefix, rest: Some(reader) };
            return Ok(converse(worker, connection, request(framing), body).await?);
        }
    };
    let request = request(match u64::try_from(whole.len()) {
        Ok(0) | Err(_) => Framing::None,
        Ok(length) => Framing::Length(length),
    });
    let body = || Outbound { first: whole.clone(), rest: None };
    if let Some(connection) = upstream.take_idle() {
        charged.sent();
        match converse(worker, connection, request.clone(), body()).await {
            // The upstream closed the idle connection just then. Only what is safe is sent again.
            Err(Failed::Upstream { nothing_came: true, .. }) if may_resend => {}
            outcome => return Ok(outcome?),
        }
    }
    let connection = open(worker, upstream).await?;
    charged.sent();
    Ok(converse(worker, connection, request, body()).await?)
}

async fn open(worker: &Rc<Worker>, upstream: &Rc<Upstream>) -> Result<Connection, ForwardFailure> {
    worker.shared.metrics.upstream_connects.inc();
    upstream
        .connect(&worker.upstreams)
        .await
        .map_err(|e| not_sent(format!("the upstream cannot be reached: {e}")))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
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
