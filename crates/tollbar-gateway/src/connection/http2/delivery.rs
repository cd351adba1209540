//! An answer on its way to a client of HTTP/2.

use std::{future::poll_fn, time::Duration};

use bytes::Bytes;
use h2::SendStream;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header::CONTENT_LENGTH};
use tollbar_http::Framing;

use super::Respond;
use crate::{
    answer::{Answer, AnswerBody, Cut},
    connection::{WRITE_BYTES, whole_framing, within},
    worker::Worker,
};

/// Writes an answer. An error means that the client must see it as broken off.
pub(super) async fn deliver(
    worker: &Worker,
    answer: Answer<'static>,
    method: &Method,
    respond: &Respond,
) -> Result<(), Cut> {
    let Answer { status, mut headers, body, held: _held, mut watch, .. } = answer;
    let settings = &worker.shared.settings;
    let is_head = *method == Method::HEAD;
    let framing = match &body {
        AnswerBody::Whole(bytes) if is_head => Framing::Length(u64::try_from(bytes.len()).unwrap_or(0)),
        AnswerBody::Whole(bytes) => match whole_framing(bytes.len()) {
            Framing::None if status != StatusCode::NO_CONTENT => Framing::Length(0),
            framing => framing,
        },
        AnswerBody::Upstream(body) => match (body.framing, body.declared_length) {
            (Framing::None, Some(length)) if status != StatusCode::NO_CONTENT => Framing::Length(length),
            (framing, _) => framing,
        },
        AnswerBody::Relayed { framing, .. } => *framing,
        AnswerBody::Tunnel(_) => return Err(Cut),
    };
    if let Framing::Length(length) = framing {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    let has_body = match &body {
        _ if is_head => false,
        AnswerBody::Whole(bytes) => !bytes.is_empty(),
        AnswerBody::Upstream(body) => !matches!(body.framing, Framing::None | Framing::Length(0)),
        AnswerBody::Relayed { .. } => true,
        AnswerBody::Tunnel(_) => false,
    };
    let mut head = Response::new(());
    *head.status_mut() = status;
    *head.headers_mut() = headers;
    let stream = respond.borrow_mut().send_response(head, !has_body).map_err(|_| Cut)?;
    let mut trailers = HeaderMap::new();
    let mut out = Out { stream, timeout: settings.write_timeout };
    match body {
        AnswerBody::Whole(bytes) if has_body => out.body(bytes).await?,
        AnswerBody::Upstream(body) => {
            let mut body = *body;
            if has_body {
                let idle_timeout = settings.upstream.idle_timeout;
                loop {
                    let piece = within(idle_timeout, body.piece());
                    let Some(piece) = out.unless_reset(piece).await?? else { break };
                    out.body(piece).await?;
                }
                trailers = body.take_trailers();
            }
            watch = body.watch.take();
            body.connection.give_back();
        }
        AnswerBody::Relayed { mut pieces, .. } if has_body => {
            while let Some(piece) = out.unless_reset(pieces.recv()).await? {
                out.body(piece?).await?;
            }
        }
        AnswerBody::Whole(_) | AnswerBody::Relayed { .. } | AnswerBody::Tunnel(_) => {}
    }
    if has_body {
        out.finish(trailers)?;
    }
    if let Some(watch) = watch {
        // What was written last goes out before somebody looks at it.
        tokio::task::yield_now().await;
        drop(watch);
    }
    Ok(())
}

/// The body of an answer, on its way; a client that takes nothing in time is cut off.
struct Out {
    stream: SendStream<Bytes>,
    timeout: Duration,
}

impl Out {
    /// Waits for something as long as the client has use for it.
    async fn unless_reset<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Cut> {
        tokio::select! {
            biased;
            _ = poll_fn(|cx| self.stream.poll_reset(cx)) => Err(Cut),
            done = work => Ok(done),
        }
    }

    /// In pieces, each with the time-out: a byte now and then is not taking it.
    async fn body(&mut self, mut bytes: Bytes) -> Result<(), Cut> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(WRITE_BYTES.min(bytes.len()));
            let timeout = self.timeout;
            within(timeout, self.send(piece)).await?;
        }
        Ok(())
    }

    async fn send(&mut self, mut bytes: Bytes) -> Result<(), Cut> {
        while !bytes.is_empty() {
            self.stream.reserve_capacity(bytes.len());
            let room = poll_fn(|cx| self.stream.poll_capacity(cx)).await;
            let room = room.and_then(Result::ok).ok_or(Cut)?;
            let piece = bytes.split_to(room.min(bytes.len()));
            self.stream.send_data(piece, false).map_err(|_| Cut)?;
        }
        Ok(())
    }

    fn finish(&mut self, trailers: HeaderMap) -> Result<(), Cut> {
        let finished = if trailers.is_empty() {
            self.stream.send_data(Bytes::new(), true)
        } else {
            self.stream.send_trailers(trailers)
        };
        finished.map_err(|_| Cut)
    }
}
