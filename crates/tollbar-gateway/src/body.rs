//! Reading a request's body: whole up to a bound, the rest as it comes.

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tollbar_contract::Stage;
use tollbar_core::Rejection;
use tollbar_http::{Framing, MessageReader, MessageWriter, ReadError, RequestHead};

use crate::{GatewaySettings, settings::BODY_PREFIX_BYTES};

pub(crate) type Reader = MessageReader<OwnedReadHalf>;
pub(crate) type Writer = MessageWriter<OwnedWriteHalf>;

/// Where the body comes from.
pub(crate) struct ClientBody<'r, 'w> {
    pub(crate) reader: &'r mut Reader,
    /// For `100 Continue`.
    pub(crate) writer: &'w mut Writer,
}

/// A body as far as it was read.
pub(crate) enum Body<'r> {
    /// There is none.
    None,
    /// All of it.
    Whole(Bytes),
    /// Its beginning; the rest is to be read.
    Streaming { prefix: Bytes, framing: Framing, reader: &'r mut Reader },
}

impl Body<'_> {
    /// Whether there is nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::None => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Streaming { .. } => false,
        }
    }
}

/// Reads the body if it is at most 64 KiB, else its first 64 KiB.
pub(crate) async fn read_prefix<'r>(
    client: ClientBody<'r, '_>,
    head: &RequestHead,
    settings: &GatewaySettings,
) -> Result<Body<'r>, Rejection> {
    let ClientBody { reader, writer } = client;
    if matches!(head.framing, Framing::None | Framing::Length(0)) {
        return Ok(Body::None);
    }
    invite(head, writer).await;
    let (prefix, ended) = read_up_to(reader, BODY_PREFIX_BYTES, settings).await?;
    if ended {
        Ok(Body::Whole(prefix))
    } else {
        Ok(Body::Streaming { prefix, framing: head.framing, reader })
    }
}

/// Reads the whole body, or refuses it when it is larger than the limit.
pub(crate) async fn read_whole(
    client: ClientBody<'_, '_>,
    head: &RequestHead,
    limit_bytes: usize,
    settings: &GatewaySettings,
) -> Result<Bytes, Rejection> {
    let too_large = || {
        Rejection::invalid(
            Stage::Idempotency,
            format!("the request body is larger than {limit_bytes} bytes, the limit here"),
        )
    };
    if let Framing::Length(length) = head.framing
        && length > u64::try_from(limit_bytes).unwrap_or(u64::MAX)
    {
        return Err(too_large());
    }
    invite(head, client.writer).await;
    let (body, ended) = read_up_to(client.reader, limit_bytes, settings).await?;
    if ended { Ok(body) } else { Err(too_large()) }
}

/// Answers `Expect: 100-continue`. If the client is gone, reading says so.
async fn invite(head: &RequestHead, writer: &mut Writer) {
    if head.expects_continue {
        let _ = writer.informational(StatusCode::CONTINUE).await;
        let _ = writer.flush().await;
    }
}

/// Reads until the end (true) or until more than `limit` bytes are there (false).
async fn read_up_to(
    reader: &mut Reader,
    limit_bytes: usize,
    settings: &GatewaySettings,
) -> Result<(Bytes, bool), Rejection> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    loop {
        if first.len() + rest.len() > limit_bytes {
            return Ok((joined(first, &rest), false));
        }
        match tokio::time::timeout(settings.body_timeout, reader.body_chunk()).await {
            Ok(Ok(Some(piece))) if first.is_empty() => first = piece,
            Ok(Ok(Some(piece))) => rest.extend_from_slice(&piece),
            Ok(Ok(None)) => return Ok((joined(first, &rest), true)),
            Ok(Err(error)) => return Err(body_fault(&error)),
            Err(_) => {
                return Err(Rejection::invalid(
                    Stage::Idempotency,
                    format!("the request body did not come within {} s", settings.body_timeout.as_secs()),
                ));
            }
        }
    }
}

/// One piece is passed on as it is; copying begins with the second.
fn joined(first: Bytes, rest: &BytesMut) -> Bytes {
    if rest.is_empty() {
        return first;
    }
    let mut all = BytesMut::with_capacity(first.len() + rest.len());
    all.extend_from_slice(&first);
    all.extend_from_slice(rest);
    all.freeze()
}

/// What is wrong with a body.
pub(crate) fn body_fault(error: &ReadError) -> Rejection {
    match error {
        ReadError::Malformed(malformed) => Rejection::invalid(Stage::Idempotency, malformed.to_string()),
        other => Rejection::invalid(Stage::Idempotency, format!("the request body is incomplete: {other}")),
    }
}
