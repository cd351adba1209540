//! A request body that is too large to be read first: it goes up as it comes, while the answer may come down.

use std::{cell::Cell, pin::Pin, rc::Rc, time::Duration};

use bytes::Bytes;
use http::HeaderMap;
use tollbar_core::Rejection;
use tollbar_http::Framing;

use super::{Broken, ForwardFailure, Sent, head_failure, no_answer};
use crate::{
    GatewaySettings,
    answer::Upload,
    body::{Pace, Reader, Writer},
    exchange::Exchange,
    upstream::Connection,
    worker::Worker,
};

/// A body, as far as it was read, and where the rest comes from.
pub(super) struct Streaming<'r> {
    pub(super) prefix: Bytes,
    pub(super) framing: Framing,
    pub(super) reader: &'r mut Reader,
}

/// How sending a body came to its end.
enum End {
    Complete,
    ClientFault(Rejection),
    UpstreamGone,
}

pub(super) async fn send_streaming<'r>(
    worker: &Worker,
    exchange: &Exchange,
    mut connection: Connection,
    target: &str,
    headers: &HeaderMap,
    body: Streaming<'r>,
) -> Result<Sent<'r>, ForwardFailure> {
    let settings = &worker.shared.settings;
    let timeout = settings.upstream.response_timeout;
    let gone = || Broken { cause: "the upstream closed the connection".to_owned(), nothing_came: false };
    let mut writer = connection.writer.take().ok_or_else(gone)?;
    writer.request_head(&exchange.method, target, headers, body.framing).await.map_err(|_| gone())?;
    let mut upload: Pin<Box<dyn Future<Output = End> + 'r>> =
        Box::pin(send_body(body, writer, connection.parked.clone(), Pace::of_requests(settings), timeout));
    let mut answered = Box::pin(async move {
        let head = connection.reader.response_head(&exchange.method).await;
        (head, connection)
    });
    let (head, connection, goes_on) = tokio::select! {
        (head, connection) = &mut answered => (head, connection, true),
        end = &mut upload => {
            if let End::ClientFault(rejection) = end {
                return Err(ForwardFailure { rejection, may_have_executed: true, closes: true });
            }
            // Also where the upstream takes no more of it: it may have answered.
            let answered = tokio::time::timeout(timeout, answered).await;
            let (head, connection) = answered.map_err(|_| no_answer(timeout))?;
            (head, connection, false)
        }
    };
    let head = head.map_err(|error| head_failure(&error, &connection))?;
    // The upstream answers before it has read everything: both directions go on.
    let rest = goes_on.then(|| {
        let rest: Upload<'r> = Box::pin(async move { !matches!(upload.await, End::ClientFault(_)) });
        rest
    });
    Ok((head, connection, rest))
}

/// Sends the body. The writer is parked at the end: dropped, it would close its direction, and many servers take that
/// for the caller going away.
async fn send_body(
    body: Streaming<'_>,
    mut writer: Writer,
    parked: Rc<Cell<Option<Writer>>>,
    mut pace: Pace,
    write_timeout: Duration,
) -> End {
    let Streaming { mut prefix, reader, .. } = body;
    let end = loop {
        if !matches!(tokio::time::timeout(write_timeout, writer.body(&prefix)).await, Ok(Ok(()))) {
            break End::UpstreamGone;
        }
        match pace.next(reader).await {
            Ok(Some(piece)) => prefix = piece,
            Ok(None) => {
                let finished = tokio::time::timeout(write_timeout, writer.finish()).await;
                break if matches!(finished, Ok(Ok(()))) { End::Complete } else { End::UpstreamGone };
            }
            Err(rejection) => break End::ClientFault(rejection),
        }
    };
    if matches!(end, End::Complete) {
        parked.set(Some(writer));
    }
    end
}

impl Pace {
    fn of_requests(settings: &GatewaySettings) -> Self {
        Self::new(settings.body_timeout)
    }
}
