//! An answer on its way out, and a client that leaves before it has it.

use std::time::Duration;

use http::{HeaderMap, Method};
use tollbar_http::Framing;

use super::super::{WRITE_BYTES, whole_framing, within};
use crate::{
    answer::{Answer, AnswerBody, Cut, UpstreamBody},
    body::{Reader, Writer},
    settings::LINGER,
    worker::Worker,
};

/// How long after a request it is looked whether its client is still there.
const DEPARTURE_CHECK: Duration = Duration::from_millis(250);

/// Writes an answer. An error means that the client must see it as broken off.
pub(super) async fn deliver(
    worker: &Worker,
    answer: Answer<'static>,
    method: &Method,
    keep_alive: bool,
    writer: &mut Writer,
    reader: Option<&mut Reader>,
) -> Result<(), Cut> {
    let mut departed = std::pin::pin!(departure(reader));
    let Answer { status, headers, body, held: _held, watch, .. } = answer;
    // Looks at what the upstream said when all of it has gone out.
    let mut _watch = watch;
    let mut out = Out { writer, timeout: worker.shared.settings.write_timeout };
    let is_head = *method == Method::HEAD;
    let mut trailers = HeaderMap::new();
    match body {
        AnswerBody::Whole(bytes) if is_head => {
            let length = u64::try_from(bytes.len()).ok();
            within(out.timeout, out.writer.response_head_only(status, &headers, length, keep_alive)).await?;
        }
        AnswerBody::Whole(bytes) => {
            let framing = whole_framing(bytes.len());
            within(out.timeout, out.writer.response_head(status, &headers, framing, keep_alive)).await?;
            out.body(&bytes).await?;
        }
        AnswerBody::Upstream(body) if matches!(body.framing, Framing::None) => {
            let UpstreamBody { connection, declared_length, watch, .. } = *body;
            _watch = watch;
            connection.give_back();
            within(out.timeout, out.writer.response_head_only(status, &headers, declared_length, keep_alive))
                .await?;
        }
        AnswerBody::Upstream(body) => {
            let framing = client_framing(body.framing);
            within(out.timeout, out.writer.response_head(status, &headers, framing, keep_alive)).await?;
            let idle_timeout = worker.shared.settings.upstream.idle_timeout;
            let mut body = *body;
            if body.first.is_none() && !body.connection.reader.has_started() {
                // The head of an event stream must not wait for the first event.
                out.flush().await?;
            }
            loop {
                let piece = tokio::select! {
                    biased;
                    piece = within(idle_timeout, body.piece()) => piece?,
                    () = &mut departed => return Err(Cut),
                };
                let Some(piece) = piece else { break };
                out.body(&piece).await?;
            }
            trailers = body.take_trailers();
            _watch = body.watch.take();
            body.connection.give_back();
        }
        // Handled where the connection is at hand.
        AnswerBody::Tunnel(_) => return Err(Cut),
        AnswerBody::Relayed { framing, mut pieces } => {
            let framing = client_framing(framing);
            within(out.timeout, out.writer.response_head(status, &headers, framing, keep_alive)).await?;
            loop {
                let piece = tokio::select! {
                    biased;
                    piece = pieces.recv() => piece,
                    () = &mut departed => return Err(Cut),
                };
                let Some(piece) = piece else { break };
                out.body(&piece?).await?;
            }
        }
    }
    out.finish(&trailers).await
}

/// Ends when the client has left: it closed its side, or the connection broke. One that only says that it sends nothing
/// more cannot be told apart, and gets a little time for its answer. Not looked for at once: most answers are quicker.
pub(super) async fn departure(reader: Option<&mut Reader>) {
    match reader {
        Some(reader) if reader.body_is_finished() => {
            tokio::time::sleep(DEPARTURE_CHECK).await;
            if reader.wait_for_close().await.is_ok() {
                tokio::time::sleep(LINGER).await;
            }
        }
        _ => std::future::pending().await,
    }
}

/// A writer with a time-out on each write: a client that does not read is cut off.
struct Out<'w> {
    writer: &'w mut Writer,
    timeout: Duration,
}

impl Out<'_> {
    /// In pieces, so that the time-out is for so much and not for a whole answer.
    async fn body(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        for piece in bytes.chunks(WRITE_BYTES) {
            within(self.timeout, self.writer.body(piece)).await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Cut> {
        within(self.timeout, self.writer.flush()).await
    }

    async fn finish(&mut self, trailers: &HeaderMap) -> Result<(), Cut> {
        within(self.timeout, self.writer.finish_with(trailers)).await
    }
}

/// A body that ends with the upstream's connection goes to the client in chunks, so that a cut can be seen.
const fn client_framing(framing: Framing) -> Framing {
    match framing {
        Framing::UntilClose => Framing::Chunked,
        other => other,
    }
}
