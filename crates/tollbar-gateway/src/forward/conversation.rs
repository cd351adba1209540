//! One request and its answer on one connection, both directions at once: an upstream may answer before it has taken
//! everything, and a body that is too large to be read first goes up as it comes.

use std::{cell::Cell, pin::Pin, rc::Rc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use tollbar_core::Rejection;
use tollbar_http::{Framing, Part, ReadError, ResponseHead, WriteError};

use crate::{
    answer::Upload,
    body::{BodyReader, Pace, Writer},
    upstream::Connection,
    worker::Worker,
};

/// One write of a body to an upstream; each has the time-out.
pub(crate) const WRITE_BYTES: usize = 16 * 1024;

/// A request as it goes out. Shared, because sending may outlive the waiting for an answer.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) target: Rc<str>,
    pub(crate) headers: Rc<HeaderMap>,
    pub(crate) framing: Framing,
    /// A protocol to go on with.
    pub(crate) upgrade: Option<HeaderValue>,
}

/// Its body: what is here, and where the rest comes from.
pub(crate) struct Outbound<'r> {
    pub(crate) first: Bytes,
    pub(crate) rest: Option<BodyReader<'r>>,
}

/// The head of the answer, the connection that its body comes on, and what is still being sent.
pub(crate) type Sent<'r> = (ResponseHead, Connection, Option<Upload<'r>>);

/// Why there is none.
pub(crate) enum Failed {
    /// The exchange broke.
    Upstream {
        cause: String,
        /// Not one byte of an answer came.
        nothing_came: bool,
    },
    /// The client's body broke: both connections are to be cut.
    Client(Rejection),
}

impl Failed {
    /// What went wrong.
    pub(crate) fn cause(&self) -> &str {
        match self {
            Self::Upstream { cause, .. } => cause,
            Self::Client(rejection) => rejection.cause.for_support(),
        }
    }
}

/// How sending came to its end.
enum End {
    Complete,
    ClientFault(Rejection),
    /// The upstream takes no more; it may have answered.
    UpstreamGone,
}

/// Sends a request and waits for the head of its answer.
pub(crate) async fn converse<'r>(
    worker: &Worker,
    mut connection: Connection,
    request: Request,
    body: Outbound<'r>,
) -> Result<Sent<'r>, Failed> {
    let settings = &worker.shared.settings;
    let timeout = settings.upstream.response_timeout;
    let failed = |cause: &str| Failed::Upstream { cause: cause.to_owned(), nothing_came: false };
    let writer = connection.writer.take().ok_or_else(|| failed("the connection is still in use"))?;
    let (parked, pace) = (connection.parked.clone(), Pace::new(settings.body_timeout));
    let method = request.method.clone();
    let mut sending: Pin<Box<dyn Future<Output = End> + 'r>> =
        Box::pin(send(request, body, writer, parked, pace, timeout));
    let (head, goes_on) = {
        let mut answered = std::pin::pin!(connection.reader.response_head(&method));
        tokio::select! {
            biased;
            end = &mut sending => {
                if let End::ClientFault(rejection) = end {
                    return Err(Failed::Client(rejection));
                }
                let answered = tokio::time::timeout(timeout, answered).await;
                let cause = || format!("the upstream did not answer within {} s", timeout.as_secs());
                (answered.map_err(|_| failed(&cause()))?, false)
            }
            head = &mut answered => (head, true),
        }
    };
    let head = head.map_err(|error| head_failure(&error, &connection))?;
    // A refusal needs nothing more of the request; anything else may be an answer to what is still on its way.
    let rest = (goes_on && head.status.as_u16() < 400).then(|| {
        let rest: Upload<'r> = Box::pin(async move { !matches!(sending.await, End::ClientFault(_)) });
        rest
    });
    connection.keeps_alive = head.keep_alive;
    Ok((head, connection, rest))
}

/// Sends head and body. The writer is parked at the end: dropped, it would close its direction, and many servers take
/// that for the caller going away.
async fn send(
    request: Request,
    body: Outbound<'_>,
    mut writer: Writer,
    parked: Rc<Cell<Option<Writer>>>,
    mut pace: Pace,
    timeout: Duration,
) -> End {
    let Request { method, target, headers, framing, upgrade } = request;
    let Outbound { mut first, rest } = body;
    let wrote = async {
        match upgrade.filter(|_| framing == Framing::None) {
            Some(protocol) => {
                let head = writer.upgrade_request_head(&method, &target, &headers, &protocol);
                within(timeout, head).await?;
            }
            None => within(timeout, writer.request_head(&method, &target, &headers, framing)).await?,
        }
        if let Some(mut reader) = rest {
            loop {
                write(&mut writer, &first, timeout).await?;
                first = match pace.next(reader.piece()).await {
                    Ok(Some(piece)) => piece,
                    Ok(None) => break,
                    Err(rejection) => return Err(End::ClientFault(rejection)),
                };
            }
        } else {
            write(&mut writer, &first, timeout).await?;
        }
        within(timeout, writer.finish()).await
    };
    if let Err(end) = wrote.await {
        return end;
    }
    parked.set(Some(writer));
    End::Complete
}

async fn write(writer: &mut Writer, bytes: &[u8], timeout: Duration) -> Result<(), End> {
    for piece in bytes.chunks(WRITE_BYTES) {
        within(timeout, writer.body(piece)).await?;
    }
    Ok(())
}

async fn within(timeout: Duration, work: impl Future<Output = Result<(), WriteError>>) -> Result<(), End> {
    match tokio::time::timeout(timeout, work).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(End::UpstreamGone),
    }
}

fn head_failure(error: &ReadError, connection: &Connection) -> Failed {
    let nothing_came = match error.part() {
        Some(part) => part == Part::Start,
        // The connection failed: before or after the answer began?
        None => !connection.reader.has_started(),
    };
    Failed::Upstream { cause: format!("the upstream's answer broke: {error}"), nothing_came }
}
