//! One client connection: heads in, answers out, until one side is done.

use std::{io, net::SocketAddr, rc::Rc, time::Duration};

use bytes::Bytes;
use http::{Method, Version};
use socket2::SockRef;
use tokio::{io::AsyncReadExt, net::TcpStream};
use tollbar_contract::{Code, RequestId, Stage};
use tollbar_core::{Rejection, resolve_address};
use tollbar_http::{Framing, Limits, MessageReader, MessageWriter, ReadError, RequestHead};

use crate::{
    answer::{Answer, AnswerBody, Cut, UpstreamBody},
    body::{ClientBody, Reader, Writer},
    exchange::Exchange,
    panics, pipeline, record, respond,
    settings::{BODY_PREFIX_BYTES, FIRST_REQUEST_GRACE, LINGER, LINGER_BYTES, NEXT_REQUEST_GRACE},
    worker::Worker,
};

/// Serves a connection to its end, or until a successor goes on with it. `is_new`: no request came on it yet.
pub(crate) async fn serve(worker: &Rc<Worker>, stream: TcpStream, peer: SocketAddr, mut is_new: bool) {
    // Without it, small answers would wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let mut reader = MessageReader::new(read, Limits::default());
    let mut writer = MessageWriter::new(write);
    loop {
        match step(worker, peer, is_new, &mut reader, &mut writer).await {
            Step::GoOn => is_new = false,
            Step::End => return,
            Step::Leave => break,
        }
    }
    if let Ok(connection) = whole(reader, writer) {
        worker.send_away(connection);
    }
}

/// The connection as it was accepted. Dropping its halves would say to the client that nothing more comes.
fn whole(reader: Reader, writer: Writer) -> io::Result<std::net::TcpStream> {
    let (read, _) = reader.into_inner();
    read.reunite(writer.into_inner()).map_err(io::Error::other)?.into_std()
}

enum Step {
    GoOn,
    End,
    /// A successor goes on with it; nothing of a next request was read.
    Leave,
}

async fn step(
    worker: &Rc<Worker>,
    peer: SocketAddr,
    is_new: bool,
    reader: &mut Reader,
    writer: &mut Writer,
) -> Step {
    let settings = &worker.shared.settings;
    if !reader.has_started() {
        if worker.hands_over() {
            return Step::Leave;
        }
        // Who connects has something to say; a thousand silent ones must not keep others out.
        let patience =
            if is_new { settings.head_timeout.min(settings.idle_timeout) } else { settings.idle_timeout };
        let has_bytes = tokio::select! {
            biased;
            waited = tokio::time::timeout(patience, reader.wait_for_bytes()) => matches!(waited, Ok(Ok(true))),
            // Bytes that are there already are a request that was accepted: it came first.
            () = closing_time(worker, is_new) => {
                if worker.hands_over() {
                    return Step::Leave;
                }
                false
            }
        };
        if !has_bytes {
            return Step::End;
        }
    }
    let Some(request_id) = worker.ids.take(&worker.shared.request_ids) else {
        tracing::error!("no request ids are left, and the store gives none: a connection is closed");
        return Step::End;
    };
    let head = match tokio::time::timeout(settings.head_timeout, reader.request_head()).await {
        Ok(Ok(Some(head))) => head,
        Ok(Ok(None)) => return Step::End,
        Ok(Err(error)) => {
            let Some(message) = fault_message(&error) else { return Step::End };
            return refuse_unread(worker, peer, request_id, message, reader, writer).await;
        }
        Err(_) => {
            let message =
                format!("the request's head did not come within {} s", settings.head_timeout.as_secs());
            return refuse_unread(worker, peer, request_id, message, reader, writer).await;
        }
    };
    writer.set_peer_version(head.version);
    let answer = match respond_to(worker, peer, request_id, &head, reader, writer).await {
        Ok(Some(answer)) => answer,
        Ok(None) => return linger(worker, reader, writer).await,
        Err(Cut) => return cut_off(&head, writer),
    };
    let is_in_step = reader.body_is_finished() || (rest_is_small(&head) && !head.expects_continue);
    // A successor goes on only with what is between two requests.
    let is_between = reader.body_is_finished() && !reader.has_started();
    let goes_on = !worker.is_stopping() || (worker.hands_over() && is_between);
    let keep_alive = head.keep_alive && !answer.closes && is_in_step && goes_on;
    let delivering = is_between.then(|| worker.delivering());
    if deliver(worker, answer, &head.method, keep_alive, writer).await.is_err() {
        return cut_off(&head, writer);
    }
    if keep_alive && writer.keeps_open() && drain(reader).await {
        return Step::GoOn;
    }
    drop(delivering);
    linger(worker, reader, writer).await
}

/// When an idle connection is closed: at a stop. One that was only just made may have its first request on the way.
async fn closing_time(worker: &Worker, is_new: bool) {
    worker.stopping().await;
    if worker.hands_over() {
        return;
    }
    // Also on an idle connection a request may have arrived that the runtime has not heard of yet.
    tokio::time::sleep(if is_new { FIRST_REQUEST_GRACE } else { NEXT_REQUEST_GRACE }).await;
}

/// Ends a connection whose answer is not complete.
fn cut_off(head: &RequestHead, writer: &Writer) -> Step {
    if head.version == Version::HTTP_10 {
        // Its answers may end with the connection: only a reset tells it that this one is not complete.
        let _ = SockRef::from(writer.get_ref().as_ref()).set_linger(Some(Duration::ZERO));
    }
    Step::End
}

/// Answers a request. `None`: the answer was delivered while the request's body was still coming.
async fn respond_to(
    worker: &Rc<Worker>,
    peer: SocketAddr,
    request_id: RequestId,
    head: &RequestHead,
    reader: &mut Reader,
    writer: &mut Writer,
) -> Result<Option<Answer<'static>>, Cut> {
    let caller = resolve_address(peer, &head.headers, &worker.shared.settings.trusted_proxies);
    let now = worker.shared.clock.now();
    let mut exchange = Exchange::new(request_id, now, head.method.clone(), head.target.path(), caller);
    let body = ClientBody { reader, writer: &mut *writer };
    let handled = panics::catch(pipeline::handle(worker, &mut exchange, head, body)).await;
    let mut answer = handled.unwrap_or_else(|panics::Panicked| {
        worker.shared.metrics.panics.inc();
        tracing::error!(request = %exchange.request_id, "the handling of a request panicked");
        let rejection =
            Rejection::new(Code::InternalError, Stage::Http, "the handling of the request panicked");
        let mut answer = respond::rejection(&exchange, rejection);
        answer.closes = true;
        answer
    });
    finish(worker, &exchange, &mut answer);
    let (answer, upload) = answer.split();
    let Some(mut upload) = upload else { return Ok(Some(answer)) };
    // Both directions at once. When the answer is complete, what is left of the request is of no use.
    let mut delivery = std::pin::pin!(deliver(worker, answer, &head.method, false, writer));
    tokio::select! {
        delivered = &mut delivery => delivered?,
        // A broken request body cuts both connections.
        is_whole = &mut upload => if is_whole { delivery.await? } else { return Err(Cut) },
    }
    Ok(None)
}

/// The common headers, the log and the metrics.
fn finish(worker: &Worker, exchange: &Exchange, answer: &mut Answer<'_>) {
    let snapshot = worker.shared.directory.snapshot();
    respond::put_common(&mut answer.headers, exchange, &snapshot, &*worker.shared.clock);
    record::record(worker, exchange, &snapshot, answer);
}

/// A request whose head cannot be read is refused in the envelope, and the connection is closed: nobody knows
/// where the next one would begin.
async fn refuse_unread(
    worker: &Rc<Worker>,
    peer: SocketAddr,
    request_id: RequestId,
    message: String,
    reader: &mut Reader,
    writer: &mut Writer,
) -> Step {
    let nothing = http::HeaderMap::new();
    let caller = resolve_address(peer, &nothing, &[]);
    let exchange = Exchange::new(request_id, worker.shared.clock.now(), Method::GET, "", caller);
    let mut answer = respond::rejection(&exchange, Rejection::invalid(Stage::Http, message));
    finish(worker, &exchange, &mut answer);
    if deliver(worker, answer, &Method::GET, false, writer).await.is_err() {
        return Step::End;
    }
    linger(worker, reader, writer).await
}

/// What can be said to the peer of a head that could not be read; `None` when nobody is there to hear it.
fn fault_message(error: &ReadError) -> Option<String> {
    match error {
        ReadError::Malformed(malformed) => Some(malformed.to_string()),
        ReadError::UnexpectedEof(_) => Some("the request ended before its head was complete".to_owned()),
        ReadError::Io(_) | ReadError::BodyUnread => None,
    }
}

/// Writes an answer. An error means that the client must see it as broken off.
async fn deliver(
    worker: &Worker,
    answer: Answer<'static>,
    method: &Method,
    keep_alive: bool,
    writer: &mut Writer,
) -> Result<(), Cut> {
    let Answer { status, headers, body, .. } = answer;
    let mut out = Out { writer, timeout: worker.shared.settings.write_timeout };
    let is_head = *method == Method::HEAD;
    match body {
        AnswerBody::Whole(bytes) if is_head => {
            let length = u64::try_from(bytes.len()).ok();
            within(out.timeout, out.writer.response_head_only(status, &headers, length, keep_alive)).await?;
        }
        AnswerBody::Whole(bytes) => {
            let framing = whole_framing(&bytes);
            within(out.timeout, out.writer.response_head(status, &headers, framing, keep_alive)).await?;
            out.body(&bytes).await?;
        }
        AnswerBody::Upstream(body) if matches!(body.framing, Framing::None) => {
            let UpstreamBody { connection, declared_length, .. } = *body;
            connection.give_back();
            within(out.timeout, out.writer.response_head_only(status, &headers, declared_length, keep_alive))
                .await?;
        }
        AnswerBody::Upstream(body) => {
            let framing = client_framing(body.framing);
            within(out.timeout, out.writer.response_head(status, &headers, framing, keep_alive)).await?;
            let idle_timeout = worker.shared.settings.upstream.idle_timeout;
            let mut connection = body.connection;
            if !connection.reader.has_started() {
                // The head of an event stream must not wait for the first event.
                out.flush().await?;
            }
            while let Some(piece) = within(idle_timeout, connection.reader.body_chunk()).await? {
                out.body(&piece).await?;
            }
            connection.give_back();
        }
        AnswerBody::Relayed { framing, mut pieces } => {
            let framing = client_framing(framing);
            within(out.timeout, out.writer.response_head(status, &headers, framing, keep_alive)).await?;
            while let Some(piece) = pieces.recv().await {
                out.body(&piece?).await?;
            }
        }
    }
    out.finish().await
}

/// What one write of a body has at most.
const WRITE_BYTES: usize = 16 * 1024;

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

    async fn finish(&mut self) -> Result<(), Cut> {
        within(self.timeout, self.writer.finish()).await
    }
}

async fn within<T, E>(timeout: Duration, work: impl Future<Output = Result<T, E>>) -> Result<T, Cut> {
    match tokio::time::timeout(timeout, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) | Err(_) => Err(Cut),
    }
}

fn whole_framing(bytes: &Bytes) -> Framing {
    match u64::try_from(bytes.len()) {
        Ok(0) | Err(_) => Framing::None,
        Ok(length) => Framing::Length(length),
    }
}

/// A body that ends with the upstream's connection goes to the client in chunks, so that a cut can be seen.
const fn client_framing(framing: Framing) -> Framing {
    match framing {
        Framing::UntilClose => Framing::Chunked,
        other => other,
    }
}

/// Whether what may be left of the body is worth reading away to keep the connection.
fn rest_is_small(head: &RequestHead) -> bool {
    matches!(head.framing, Framing::Length(length) if length <= u64::try_from(BODY_PREFIX_BYTES).unwrap_or(0))
}

/// Reads away what is left of a refused request's body. False: the connection cannot go on.
async fn drain(reader: &mut Reader) -> bool {
    let draining = async {
        while !reader.body_is_finished() {
            if reader.body_chunk().await.is_err() {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(LINGER, draining).await.unwrap_or(false)
}

/// Closes in good order: says that nothing more comes, and reads for a moment, so that the client's unread bytes
/// do not make the system throw away our answer (RFC 9112, section 9.6).
async fn linger(worker: &Rc<Worker>, reader: &mut Reader, writer: &mut Writer) -> Step {
    let _delivering = worker.delivering();
    let reading = async {
        if writer.shutdown().await.is_err() {
            return;
        }
        let mut scratch = [0; 4096];
        let mut left = LINGER_BYTES;
        while let Ok(count @ 1..) = reader.get_mut().read(&mut scratch).await {
            left = left.saturating_sub(count);
            if left == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, reading).await;
    Step::End
}
