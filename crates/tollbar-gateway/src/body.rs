//! Reading a request's body: whole up to a bound, the rest as it comes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use tollbar_contract::{Code, Stage};
use tollbar_core::Rejection;
use tollbar_http::{Framing, MessageReader, MessageWriter, ReadError, RequestHead};
use tollbar_openapi::{BodyGiven, BodyNeed};

use crate::{
    GatewaySettings, Shared,
    answer::{Cut, Refused},
    connection::http2,
    memory_budget::{MemoryBudget, Reserved},
    settings::BODY_PREFIX_BYTES,
    transport::{ReadSide, WriteSide},
};

pub(crate) type Reader = MessageReader<ReadSide>;
pub(crate) type Writer = MessageWriter<WriteSide>;

/// Where a body is read from.
pub(crate) enum BodyReader<'r> {
    /// The request has none.
    None,
    Http1(&'r mut Reader),
    Http2(&'r mut http2::RequestBody),
}

impl BodyReader<'_> {
    /// The next piece; `None` at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, ReadError> {
        match self {
            Self::None => Ok(None),
            Self::Http1(reader) => reader.body_chunk().await,
            Self::Http2(body) => body.piece().await,
        }
    }
}

/// The body of a request, and the way to ask for it.
pub(crate) struct ClientBody<'r, 'w> {
    pub(crate) reader: BodyReader<'r>,
    pub(crate) invitation: Invitation<'w>,
}

/// Says `100 Continue`.
pub(crate) enum Invitation<'w> {
    Http1(&'w mut Writer),
    Http2(&'w mut http2::Respond),
}

impl Invitation<'_> {
    async fn send(&mut self) -> Result<(), Cut> {
        match self {
            Self::Http1(writer) => {
                writer.informational(StatusCode::CONTINUE).await.map_err(|_| Cut)?;
                writer.flush().await.map_err(|_| Cut)
            }
            Self::Http2(respond) => http2::invite(respond),
        }
    }
}

/// A body as far as it was read.
pub(crate) enum Body<'r> {
    /// There is none.
    None,
    /// All of it.
    Whole(Buffered),
    /// Its beginning; the rest is to be read.
    Streaming { prefix: Buffered, framing: Framing, reader: BodyReader<'r> },
}

/// Bytes in memory, and their share of the budget for such.
pub(crate) struct Buffered {
    pub(crate) bytes: Bytes,
    /// Given back when the bytes are of no more use.
    _held: Reserved,
}

impl Body<'_> {
    /// What can be checked of it.
    pub(crate) fn given(&self) -> BodyGiven<'_> {
        match self {
            Self::None => BodyGiven::None,
            Self::Whole(body) if body.bytes.is_empty() => BodyGiven::None,
            Self::Whole(body) => BodyGiven::Whole(&body.bytes),
            Self::Streaming { .. } => BodyGiven::Unread,
        }
    }
}

/// Reads as much of the body as stage 15 needs, and otherwise what is read of every body before anything is sent.
pub(crate) async fn read_needed<'r>(
    client: ClientBody<'r, '_>,
    head: &RequestHead,
    need: BodyNeed,
    shared: &Shared,
) -> Result<Body<'r>, Refused> {
    if matches!(head.framing, Framing::None | Framing::Length(0)) {
        return Ok(Body::None);
    }
    match need {
        BodyNeed::Whole => {
            let limit = shared.settings.checked_body_limit_bytes;
            read_whole(client, head, limit, shared, &shared.memory).await.map(Body::Whole)
        }
        // What is refused whatever the body says is not asked for.
        BodyNeed::Refusal if head.expects_continue => {
            let held = shared.memory.reserve(0).ok_or_else(no_memory)?;
            let prefix = Buffered { bytes: Bytes::new(), _held: held };
            Ok(Body::Streaming { prefix, framing: head.framing, reader: client.reader })
        }
        // Where it comes unasked, it is taken off the connection, which then goes on.
        BodyNeed::Nothing | BodyNeed::Refusal => read_prefix(client, head, shared).await,
    }
}

/// Reads the body if it is at most 64 KiB, else its first 64 KiB.
async fn read_prefix<'r>(
    client: ClientBody<'r, '_>,
    head: &RequestHead,
    shared: &Shared,
) -> Result<Body<'r>, Refused> {
    let ClientBody { mut reader, mut invitation } = client;
    invite(head, &mut invitation, &shared.settings).await?;
    let (prefix, ended) = read_up_to(&mut reader, BODY_PREFIX_BYTES, shared, &shared.memory).await?;
    if ended {
        Ok(Body::Whole(prefix))
    } else {
        Ok(Body::Streaming { prefix, framing: head.framing, reader })
    }
}

/// Reads the whole body, or refuses it when it is larger than the limit.
pub(crate) async fn read_whole(
    mut client: ClientBody<'_, '_>,
    head: &RequestHead,
    limit_bytes: usize,
    shared: &Shared,
    memory: &Arc<MemoryBudget>,
) -> Result<Buffered, Refused> {
    let too_large = || {
        Rejection::invalid(
            Stage::Idempotency,
            format!("the request body is larger than {limit_bytes} bytes, the limit here"),
        )
    };
    if let Framing::Length(length) = head.framing
        && length > u64::try_from(limit_bytes).unwrap_or(u64::MAX)
    {
        return Err(too_large().into());
    }
    invite(head, &mut client.invitation, &shared.settings).await?;
    let (body, ended) = read_up_to(&mut client.reader, limit_bytes, shared, memory).await?;
    if ended { Ok(body) } else { Err(too_large().into()) }
}

/// Answers `Expect: 100-continue`.
async fn invite(
    head: &RequestHead,
    invitation: &mut Invitation<'_>,
    settings: &GatewaySettings,
) -> Result<(), Refused> {
    if !head.expects_continue {
        return Ok(());
    }
    match tokio::time::timeout(settings.write_timeout, invitation.send()).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(cut(Rejection::invalid(Stage::Idempotency, "the caller did not take `100 Continue`"))),
    }
}

/// Reads until the end (true) or until more than `limit` bytes are there (false).
async fn read_up_to(
    reader: &mut BodyReader<'_>,
    limit_bytes: usize,
    shared: &Shared,
    memory: &Arc<MemoryBudget>,
) -> Result<(Buffered, bool), Refused> {
    let mut held = memory.reserve(0).ok_or_else(no_memory)?;
    let mut pace = Pace::new(shared.settings.body_timeout);
    // One piece is passed on as it is; copying begins with the second.
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while first.len().max(all.len()) <= limit_bytes {
        let Some(piece) = pace.next(reader.piece()).await.map_err(cut)? else {
            return Ok((Buffered { bytes: either(first, all), _held: held }, true));
        };
        if !held.grow(piece.len()) {
            shared.metrics.overloads.inc();
            return Err(no_memory());
        }
        if first.is_empty() && all.is_empty() {
            first = piece;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&piece);
        }
    }
    Ok((Buffered { bytes: either(first, all), _held: held }, false))
}

/// The budget for bodies in memory is spent.
fn no_memory() -> Refused {
    let cause = "the bodies of requests under way take all of gateway.buffer_memory_bytes";
    cut(overloaded(Stage::Idempotency, cause))
}

/// A refusal because there is too much to do; nothing was sent.
pub(crate) fn overloaded(stage: Stage, cause: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::new(Code::InternalError, stage, cause)
        .saying("There is more to do than can be done in time, and the request was not executed. Try again shortly.")
        .retry_after(1)
}

/// After a fault in a body nobody knows where the next request would begin.
fn cut(rejection: Rejection) -> Refused {
    Refused { rejection, closes: true }
}

/// A sender may pause, and must on the whole be faster than this: one byte now and then does not hold a connection.
pub(crate) const BYTES_PER_SECOND_MIN: u32 = 1024;

/// Reads a body piece by piece from a sender that must keep a pace. Only time spent waiting for it counts.
pub(crate) struct Pace {
    pause: Duration,
    waited: Duration,
    earned: Duration,
}

impl Pace {
    pub(crate) const fn new(pause: Duration) -> Self {
        Self { pause, waited: Duration::ZERO, earned: Duration::ZERO }
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn next(
        &mut self,
        piece: impl Future<Output = Result<Option<Bytes>, ReadError>>,
    ) -> Result<Option<Bytes>, Rejection> {
        let left = (self.pause + self.earned).saturating_sub(self.waited).min(self.pause);
        let began = Instant::now();
        let piece = tokio::time::timeout(left, piece).await;
        self.waited += began.elapsed();
        match piece {
            Ok(Ok(piece)) => {
                let bytes = piece.as_ref().map_or(0, |piece| u32::try_from(piece.len()).unwrap_or(u32::MAX));
                self.earned += Duration::from_secs(1) * bytes / BYTES_PER_SECOND_MIN;
                Ok(piece)
            }
            Ok(Err(error)) => Err(body_fault(&error)),
            Err(_) => {
                let message = format!(
                    "the body came too slowly: nothing, or too little, in {} s",
                    self.pause.as_secs()
                );
                Err(Rejection::invalid(Stage::Idempotency, message))
            }
        }
    }
}

fn either(first: Bytes, all: BytesMut) -> Bytes {
    if all.is_empty() { first } else { all.freeze() }
}

/// What is wrong with a body.
fn body_fault(error: &ReadError) -> Rejection {
    match error {
        ReadError::Malformed(malformed) => Rejection::invalid(Stage::Idempotency, malformed.to_string()),
        other => Rejection::invalid(Stage::Idempotency, format!("the body is incomplete: {other}")),
    }
}
