//! HTTP/2 (RFC 9113): many requests at once on one connection. Each is read as the HTTP/1.1 request that it means, and
//! goes the same way.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    io,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use h2::{Reason, RecvStream, server};
use http::{Method, Request, Response, StatusCode};
use tokio::sync::Notify;
use tollbar_contract::Stage;
use tollbar_core::Rejection;
use tollbar_http::{
    Limits, Malformed, Part, ReadError, RequestHead, is_forbidden_trailer, request_head_from_http2,
};

use super::{Origin, answer, begin, refuse, take_request_id};
use crate::{
    answer::{Answer, Cut, Upload},
    body::{BodyReader, ClientBody, Invitation},
    exchange::Exchange,
    record,
    settings::{FIRST_REQUEST_GRACE, LINGER, LINGER_BYTES, NEXT_REQUEST_GRACE},
    transport::Transport,
    worker::Worker,
};

mod delivery;
mod meter;

use delivery::deliver;
use meter::{Fault, Meter};

/// What a client may send before we have taken it, on one stream and on the connection. Memory, for speed on a long way.
const STREAM_WINDOW_BYTES: u32 = 128 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// What waits in memory to be written, for each stream.
const SEND_BUFFER_BYTES: usize = 32 * 1024;
/// A header list that the protocol's layer itself still takes in: far above our own limits, so that what exceeds those
/// is refused in the envelope.
const HEADER_LIST_BYTES: u32 = 256 * 1024;
/// The memory of header compression (RFC 7541): its own default.
const HEADER_TABLE_BYTES: u32 = 4096;
/// Streams that we have reset and whose late frames are still ignored.
const RESET_STREAMS: usize = 32;
/// Streams that the client has reset before we took them up. A browser may cancel all at once; how many follow each other
/// is the meter's business.
const CANCELLED_STREAMS: usize = 200;
/// Small pieces of bodies that wait to be taken: each costs what it lacks to 256 bytes. Pieces of 64 bytes may fill all
/// windows, as lines of a log do whose reader is slow.
const DATA_FRAME_BUDGET_BYTES: usize = 1024 * 1024;
/// How often a connection's time limits are looked at.
const CHECK: Duration = Duration::from_secs(1);
/// How long a connection that ends may take to say so.
const GOODBYE: Duration = Duration::from_secs(2);

/// Serves a connection to its end.
pub(super) async fn serve(worker: &Rc<Worker>, transport: Transport, origin: Origin) {
    let settings = &worker.shared.settings;
    let (transport, meter) = Meter::around(transport);
    let mut builder = server::Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(settings.http2_streams_max)
        .max_header_list_size(HEADER_LIST_BYTES)
        .header_table_size(HEADER_TABLE_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .max_concurrent_reset_streams(RESET_STREAMS)
        .max_pending_accept_reset_streams(CANCELLED_STREAMS)
        .data_frame_budget(DATA_FRAME_BUDGET_BYTES);
    let handshake = tokio::time::timeout(settings.head_timeout, builder.handshake(transport));
    let Ok(Ok(mut connection)) = handshake.await else { return };
    worker.shared.metrics.http2_connections.inc();
    let streams = Rc::new(Streams::default());
    let mut tick = tokio::time::interval(CHECK);
    let mut leaving_since = None;
    let mut delivering = None;
    let is_new = Cell::new(true);
    // One for all turns of the loop: a busy connection hears of a stop, too.
    let mut leaving_time = std::pin::pin!(leaving_time(worker, &is_new));
    let mut idle_since = tokio::time::Instant::now();
    let fault = loop {
        tokio::select! {
            biased;
            fault = meter.broken() => break Some(fault),
            accepted = connection.accept() => match accepted {
                Some(Ok((request, send))) => {
                    is_new.set(false);
                    meter.accepted(send.stream_id().into());
                    spawn(worker, origin, request, send, &streams);
                }
                Some(Err(error)) => {
                    // The library has bounds of its own, and has said goodbye by itself.
                    if error.reason() == Some(Reason::ENHANCE_YOUR_CALM) && !error.is_remote() {
                        worker.shared.metrics.http2_abuses.inc();
                        tracing::debug!(peer = %origin.peer.address, %error, "an HTTP/2 connection is ended");
                    }
                    break None;
                }
                None => break None,
            },
            () = &mut leaving_time, if leaving_since.is_none() => {
                // Says which streams are still answered (RFC 9113, section 6.8); what comes later is sent elsewhere.
                connection.graceful_shutdown();
                leaving_since = Some(tokio::time::Instant::now());
            }
            () = streams.ended.notified() => idle_since = tokio::time::Instant::now(),
            _ = tick.tick() => {
                let patience = if is_new.get() { settings.head_timeout } else { settings.idle_timeout };
                if streams.open.get() > 0 {
                    idle_since = tokio::time::Instant::now();
                } else if has_said_goodbye(leaving_since) {
                    break None;
                } else if idle_since.elapsed() >= patience && leaving_since.is_none() {
                    connection.graceful_shutdown();
                    leaving_since = Some(tokio::time::Instant::now());
                }
                if has_said_goodbye(leaving_since) && delivering.is_none() {
                    // By now the client knows: there is nothing but answers under way, which are counted themselves.
                    delivering = Some(worker.delivering());
                }
                if let Some(fault) = meter.check(settings.head_timeout, settings.write_timeout) {
                    break Some(fault);
                }
            }
        }
    };
    match fault {
        // Nothing can be written any more.
        Some(Fault::Stuck) | None => {}
        Some(fault) => {
            worker.shared.metrics.http2_abuses.inc();
            tracing::debug!(peer = %origin.peer.address, %fault, "an HTTP/2 connection is ended");
            meter.let_speak();
            connection.abrupt_shutdown(fault.reason());
            let _ = tokio::time::timeout(GOODBYE, poll_fn(|cx| connection.poll_closed(cx))).await;
        }
    }
}

/// Whether a client that is there has heard by now that the connection ends.
fn has_said_goodbye(leaving_since: Option<tokio::time::Instant>) -> bool {
    leaving_since.is_some_and(|since| since.elapsed() >= GOODBYE)
}

/// When a stop is to be announced. A connection that was only just made may have its first request on the way.
async fn leaving_time(worker: &Worker, is_new: &Cell<bool>) {
    worker.stopping().await;
    tokio::time::sleep(if is_new.get() { FIRST_REQUEST_GRACE } else { NEXT_REQUEST_GRACE }).await;
}

/// The streams of a connection that are being served.
#[derive(Default)]
struct Streams {
    open: Cell<usize>,
    ended: Notify,
}

/// Counts a stream as long as it lives.
struct OpenStream(Rc<Streams>);

impl OpenStream {
    fn new(streams: &Rc<Streams>) -> Self {
        streams.open.set(streams.open.get() + 1);
        Self(streams.clone())
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.ended.notify_one();
    }
}

/// The way to answer a stream; shared, because it is also how a reset is noticed.
pub(crate) type Respond = Rc<RefCell<server::SendResponse<Bytes>>>;

fn spawn(
    worker: &Rc<Worker>,
    origin: Origin,
    request: Request<RecvStream>,
    send: server::SendResponse<Bytes>,
    streams: &Rc<Streams>,
) {
    let open = OpenStream::new(streams);
    let (worker, task) = (worker.clone(), worker.task());
    tokio::task::spawn_local(async move {
        exchange(&worker, origin, request, Rc::new(RefCell::new(send))).await;
        drop((open, task));
    });
}

/// One stream: a request and its answer.
async fn exchange(worker: &Rc<Worker>, origin: Origin, request: Request<RecvStream>, mut respond: Respond) {
    let Some(request_id) = take_request_id(worker) else { return };
    let (parts, body) = request.into_parts();
    let head = match request_head_from_http2(&parts, body.is_end_stream(), &Limits::default()) {
        Ok(head) => head,
        Err(malformed) => {
            let refusal =
                refuse(worker, origin, request_id, Rejection::invalid(Stage::Http, malformed.to_string()));
            let _ = deliver(worker, refusal, &parts.method, &respond).await;
            return;
        }
    };
    let mut body = RequestBody(body);
    let mut exchange = begin(worker, origin, request_id, Some(&head));
    let watched = respond.clone();
    let client =
        ClientBody { reader: BodyReader::Http2(&mut body), invitation: Invitation::Http2(&mut respond) };
    let is_complete = match answer_unless_reset(worker, &mut exchange, &head, client, &watched).await {
        None => {
            worker.shared.metrics.http2_resets.inc();
            return record::departed(worker, &exchange);
        }
        Some((answer, upload)) => {
            // A body that is still going up may end in a fault; nothing else needs the store any more.
            let _delivering = upload.is_none().then(|| worker.delivering());
            deliver_beside(worker, answer, upload, &head.method, &respond).await
        }
    };
    if is_complete {
        drain(&mut body).await;
    } else {
        respond.borrow_mut().send_reset(Reason::INTERNAL_ERROR);
    }
}

/// Delivers an answer while the rest of the request goes up. False: it is not complete.
async fn deliver_beside(
    worker: &Worker,
    answer: Answer<'static>,
    upload: Option<Upload<'_>>,
    method: &Method,
    respond: &Respond,
) -> bool {
    let mut delivery = std::pin::pin!(deliver(worker, answer, method, respond));
    match upload {
        None => delivery.await.is_ok(),
        // Both directions at once. When the answer is complete, what is left of the request is of no use.
        Some(mut upload) => tokio::select! {
            delivered = &mut delivery => delivered.is_ok(),
            // A broken request body cuts the stream.
            is_whole = &mut upload => is_whole && delivery.await.is_ok(),
        },
    }
}

/// Reads away what is left of a body that nobody needs, for a while: some clients drop the answer when their upload is
/// reset, though RFC 9113, section 8.1, has it otherwise.
async fn drain(body: &mut RequestBody) {
    let draining = async {
        let mut left = LINGER_BYTES;
        while let Ok(Some(piece)) = body.piece().await {
            left = left.saturating_sub(piece.len());
            if left == 0 {
                return;
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, draining).await;
}

/// `None`: the client has no more use for an answer.
async fn answer_unless_reset<'r>(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    head: &RequestHead,
    client: ClientBody<'r, '_>,
    watched: &Respond,
) -> Option<(Answer<'static>, Option<Upload<'r>>)> {
    tokio::select! {
        biased;
        () = reset(watched) => None,
        answer = answer(worker, exchange, head, client) => Some(answer.split()),
    }
}

/// Ends when the client has reset the stream, or the connection is gone, before an answer began.
async fn reset(respond: &Respond) {
    poll_fn(|cx| match respond.borrow_mut().poll_reset(cx) {
        Poll::Ready(Ok(_)) => Poll::Ready(()),
        Poll::Ready(Err(error)) if error.is_io() => Poll::Ready(()),
        Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
    })
    .await;
}

/// The body of a request.
pub(crate) struct RequestBody(RecvStream);

impl RequestBody {
    /// The next piece, never empty; `None` at the end. Trailers are checked and dropped, as in HTTP/1.1.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, ReadError> {
        while let Some(piece) = self.0.data().await {
            let piece = piece.map_err(|error| broken(&error))?;
            let _ = self.0.flow_control().release_capacity(piece.len());
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        match self.0.trailers().await.map_err(|error| broken(&error))? {
            Some(trailers) if trailers.keys().any(is_forbidden_trailer) => {
                Err(Malformed::ForbiddenTrailer.into())
            }
            _ => Ok(None),
        }
    }
}

fn broken(error: &h2::Error) -> ReadError {
    match error.reason() {
        Some(_) => ReadError::UnexpectedEof(Part::Body),
        None => ReadError::Io(io::ErrorKind::ConnectionAborted.into()),
    }
}

/// Says `100 Continue`.
pub(crate) fn invite(respond: &Respond) -> Result<(), Cut> {
    let mut head = Response::new(());
    *head.status_mut() = StatusCode::CONTINUE;
    respond.borrow_mut().send_informational(head).map_err(|_| Cut)
}
