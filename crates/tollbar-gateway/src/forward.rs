//! Stage 17: to the upstream and back. Takes [`Admitted`]: a request that skipped a check does not compile.

use std::{rc::Rc, time::Instant};

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
    body::{Body, Reader, body_fault},
    charge::Charged,
    exchange::Exchange,
    upstream::{Connection, Upstream},
    worker::Worker,
};

mod request;
mod response;

pub(crate) use request::Outgoing;

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
    let sent = send(worker, &upstream, exchange, outgoing, body, charged).await;
    exchange.upstream_millis = Some(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
    let (head, connection, upload) = sent?;
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
            Err(Broken { nothing_came: true, .. }) if is_safe(&exchange.method) => {}
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
    let wrote = async {
        let writer = connection.writer.as_mut()?;
        writer.request_head(&exchange.method, target, headers, framing).await.ok()?;
        if !body.is_empty() {
            writer.body(body).await.ok()?;
        }
        writer.finish().await.ok()
    };
    let wrote = tokio::time::timeout(timeout, wrote).await;
    if wrote.is_err() {
        return Err(Broken {
            cause: "the upstream did not take the request in time".to_owned(),
            nothing_came: false,
        });
    }
    // Even where writing failed an answer may have come: a refusal of a large body, say.
    match tokio::time::timeout(timeout, connection.reader.response_head(&exchange.method)).await {
        Ok(Ok(head)) => Ok((head, connection, None)),
        Ok(Err(error)) => Err(broken(&error)),
        Err(_) => Err(Broken {
            cause: format!("the upstream did not answer within {} s", timeout.as_secs()),
            nothing_came: false,
        }),
    }
}

struct Streaming<'r> {
    prefix: Bytes,
    framing: Framing,
    reader: &'r mut Reader,
}

/// How sending a body came to its end.
enum UploadEnd {
    Complete,
    ClientFault(Rejection),
    UpstreamGone,
}

async fn send_streaming<'r>(
    worker: &Worker,
    exchange: &Exchange,
    mut connection: Connection,
    target: &str,
    headers: &HeaderMap,
    body: Streaming<'r>,
) -> Result<Sent<'r>, ForwardFailure> {
    let settings = &worker.shared.settings;
    let gone = || Broken { cause: "the upstream closed the connection".to_owned(), nothing_came: false };
    let mut writer = connection.writer.take().ok_or_else(gone)?;
    let Streaming { prefix, framing, reader } = body;
    writer.request_head(&exchange.method, target, headers, framing).await.map_err(|_| gone())?;
    let (body_timeout, write_timeout) = (settings.body_timeout, settings.upstream.response_timeout);
    let mut upload: std::pin::Pin<Box<dyn Future<Output = UploadEnd> + 'r>> = Box::pin(async move {
        let mut piece = prefix;
        loop {
            if !matches!(tokio::time::timeout(write_timeout, writer.body(&piece)).await, Ok(Ok(()))) {
                return UploadEnd::UpstreamGone;
            }
            piece = match tokio::time::timeout(body_timeout, reader.body_chunk()).await {
                Ok(Ok(Some(piece))) => piece,
                Ok(Ok(None)) if writer.finish().await.is_ok() => return UploadEnd::Complete,
                Ok(Ok(None)) => return UploadEnd::UpstreamGone,
                Ok(Err(error)) => return UploadEnd::ClientFault(body_fault(&error)),
                Err(_) => {
                    let message =
                        format!("the request body did not come within {} s", body_timeout.as_secs());
                    return UploadEnd::ClientFault(Rejection::invalid(Stage::Upstream, message));
                }
            };
        }
    });
    let uploaded = {
        let mut answered = std::pin::pin!(connection.reader.response_head(&exchange.method));
        let first = tokio::select! {
            head = &mut answered => Ok(head),
            end = &mut upload => Err(end),
        };
        match first {
            Ok(head) => (head, true),
            Err(UploadEnd::ClientFault(rejection)) => {
                return Err(ForwardFailure { rejection, may_have_executed: true, closes: true });
            }
            Err(UploadEnd::Complete | UploadEnd::UpstreamGone) => {
                let timeout = settings.upstream.response_timeout;
                let head = tokio::time::timeout(timeout, answered).await.map_err(|_| Broken {
                    cause: format!("the upstream did not answer within {} s", timeout.as_secs()),
                    nothing_came: false,
                })?;
                (head, false)
            }
        }
    };
    let (head, goes_on) = uploaded;
    let head = head.map_err(|error| broken(&error))?;
    // The upstream answers before it has read everything: both directions go on.
    let rest = goes_on.then(|| {
        let rest: crate::answer::Upload<'r> =
            Box::pin(async move { matches!(upload.await, UploadEnd::Complete) });
        rest
    });
    Ok((head, connection, rest))
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn broken(error: &ReadError) -> Broken {
    let nothing_came = matches!(error.part(), Some(Part::Start) | None);
    Broken { cause: format!("the upstream's answer broke: {error}"), nothing_came }
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
