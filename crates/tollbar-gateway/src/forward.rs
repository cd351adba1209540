//! Stage 17: to the upstream and back. Takes [`Admitted`]: a request that skipped a check does not compile.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use tollbar_contract::{Code, Stage};
use tollbar_core::{
    Rejection,
    admission::{Admitted, Operation},
};
use tollbar_http::{Framing, Part, ReadError, ResponseHead};

use crate::{
    answer::Answer,
    body::Body,
    charge::Charged,
    exchange::Exchange,
    upstream::{Connection, Upstream},
    worker::Worker,
};

mod request;
mod response;
mod upload;

pub(crate) use request::{Outgoing, remove_hop_by_hop};
use upload::{Streaming, send_streaming};

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
    let (head, mut connection, upload) = sent?;
    connection.keeps_alive = head.keep_alive;
    exchange.upstream_status = Some(head.status.as_u16());
    Ok(response::answer(worker, exchange, operation, head, connection, upload).await)
}

type Sent<'r> = (ResponseHead, Connection, Option<crate::answer::Upload<'r>>);

async fn send<'r>(
    worker: &Rc<Worker>,
    upstream: &Rc<Upstream>,
    exchange: &Exchange,
    outgoing: &Outgoing,
    body: Body<'r>,
    may_resend: bool,
    charged: &mut Charged,
) -> Result<Sent<'r>, ForwardFailure> {
    let headers = outgoing.headers(upstream);
    let target = outgoing.target(upstream);
    let whole = match body {
        Body::None => Bytes::new(),
        Body::Whole(bytes) => bytes,
        Body::Streaming { prefix, framing, reader } => {
            let connection = open(worker, upstream).await?;
            charged.sent();
            let upload = Streaming { prefix, framing, reader };
            return send_streaming(worker, exchange, connection, &target, &headers, upload).await;
        }
    };
    let framing = match &whole {
        bytes if bytes.is_empty() => Framing::None,
        bytes => Framing::Length(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
    };
    if let Some(connection) = upstream.take_idle() {
        charged.sent();
        match exchange_whole(worker, exchange, connection, &target, &headers, framing, &whole).await {
            // The upstream closed the idle connection just then. Only what is safe is sent again.
            Err(Broken { nothing_came: true, .. }) if may_resend => {}
            Ok(done) => return Ok(done),
            Err(broken) => return Err(broken.into()),
        }
    }
    let connection = open(worker, upstream).await?;
    charged.sent();
    exchange_whole(worker, exchange, connection, &target, &headers, framing, &whole).await.map_err(Into::into)
}

async fn open(worker: &Rc<Worker>, upstream: &Rc<Upstream>) -> Result<Connection, ForwardFailure> {
    worker.shared.metrics.upstream_connects.inc();
    upstream
        .connect(&worker.upstreams)
        .await
        .map_err(|e| not_sent(format!("the upstream cannot be reached: {e}")))
}

/// The exchange on one connection broke.
struct Broken {
    cause: String,
    /// Not one byte of a response came.
    nothing_came: bool,
}

async fn exchange_whole(
    worker: &Worker,
    exchange: &Exchange,
    mut connection: Connection,
    target: &str,
    headers: &HeaderMap,
    framing: Framing,
    body: &[u8],
) -> Result<Sent<'static>, Broken> {
    let timeout = worker.shared.settings.upstream.response_timeout;
    let head = {
        let Connection { reader, writer, .. } = &mut connection;
        let writing = async {
            let writer = writer.as_mut()?;
            writer.request_head(&exchange.method, target, headers, framing).await.ok()?;
            if !body.is_empty() {
                writer.body(body).await.ok()?;
            }
            writer.finish().await.ok()
        };
        let mut answered = std::pin::pin!(reader.response_head(&exchange.method));
        // An upstream may answer before it has taken everything: a refusal of a large body, say. Then writing ends.
        let early = tokio::time::timeout(timeout, async {
            tokio::select! {
                biased;
                _ = writing => None,
                head = &mut answered => Some(head),
            }
        });
        match early.await {
            Ok(Some(head)) => head,
            // Even where writing failed an answer may have come.
            Ok(None) => match tokio::time::timeout(timeout, answered).await {
                Ok(head) => head,
                Err(_) => return Err(no_answer(timeout)),
            },
            Err(_) => {
                return Err(Broken {
                    cause: "the upstream did not take the request in time".to_owned(),
                    nothing_came: false,
                });
            }
        }
    };
    match head {
        Ok(head) => Ok((head, connection, None)),
        Err(error) => Err(head_failure(&error, &connection)),
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn head_failure(error: &ReadError, connection: &Connection) -> Broken {
    let nothing_came = match error.part() {
        Some(part) => part == Part::Start,
        // The connection failed: before or after the answer began?
        None => !connection.reader.has_started(),
    };
    Broken { cause: format!("the upstream's answer broke: {error}"), nothing_came }
}

fn no_answer(after: Duration) -> Broken {
    let cause = format!("the upstream did not answer within {} s", after.as_secs());
    Broken { cause, nothing_came: false }
}

fn not_sent(cause: String) -> ForwardFailure {
    let rejection = Rejection::new(Code::InternalError, Stage::Upstream, cause);
    ForwardFailure { rejection, may_have_executed: false, closes: false }
}

impl From<Broken> for ForwardFailure {
    fn from(broken: Broken) -> Self {
        let rejection = Rejection::new(Code::InternalError, Stage::Upstream, broken.cause);
        Self { rejection, may_have_executed: true, closes: false }
    }
}
