//! HTTP/1.1: heads in, answers out, until one side is done.

use std::{rc::Rc, time::Duration};

use http::{Method, Version};
use socket2::SockRef;
use tokio::io::AsyncReadExt;
use tollbar_contract::{RequestId, Stage};
use tollbar_core::Rejection;
use tollbar_http::{Framing, Limits, MessageReader, MessageWriter, ReadError, RequestHead};

use super::{Origin, answer, begin, refuse, take_request_id, tunnel, within};
use crate::{
    answer::{Answer, AnswerBody, Cut, Tunnel},
    body::{BodyReader, ClientBody, Invitation, Reader, Writer},
    exchange::Exchange,
    pipeline, record,
    settings::{BODY_PREFIX_BYTES, FIRST_REQUEST_GRACE, LINGER, LINGER_BYTES, NEXT_REQUEST_GRACE},
    transport::{Transport, reunite},
    worker::Worker,
};

mod delivery;

use delivery::{deliver, departure};

/// Serves a connection to its end, or until a successor goes on with it.
pub(super) async fn serve(worker: &Rc<Worker>, transport: Transport, origin: Origin, mut is_new: bool) {
    let (read, write) = transport.split();
    let mut reader = MessageReader::new(read, Limits::default());
    let mut writer = MessageWriter::new(write);
    loop {
        match step(worker, origin, is_new, &mut reader, &mut writer).await {
            Step::GoOn => is_new = false,
            Step::End => return,
            Step::Leave => {
                let ((read, _), write) = (reader.into_inner(), writer.into_inner());
                if let Some(connection) = reunite(read, write) {
                    worker.send_away(connection);
                }
                return;
            }
            Step::Switch(switch) => {
                let Switch { tunnel, exchange, head } = *switch;
                let is_admitted = || pipeline::is_still_admitted(worker, &exchange, &head);
                return Box::pin(tunnel::run(worker, (reader, writer), tunnel.connection, is_admitted)).await;
            }
        }
    }
}

/// A connection on which no request can be: it is told why, and closed.
pub(super) async fn refuse_all(worker: &Rc<Worker>, transport: Transport, origin: Origin, message: String) {
    let (read, write) = transport.split();
    let mut reader = MessageReader::new(read, Limits::default());
    let mut writer = MessageWriter::new(write);
    let Some(request_id) = take_request_id(worker) else { return };
    let _ = refuse_unread(worker, origin, request_id, message, &mut reader, &mut writer).await;
}

enum Step {
    GoOn,
    End,
    /// A successor goes on with it; nothing of a next request was read.
    Leave,
    /// The connection now carries another protocol.
    Switch(Box<Switch>),
}

struct Switch {
    tunnel: Tunnel,
    exchange: Exchange,
    head: RequestHead,
}

async fn step(
    worker: &Rc<Worker>,
    origin: Origin,
    is_new: bool,
    reader: &mut Reader,
    writer: &mut Writer,
) -> Step {
    let settings = &worker.shared.settings;
    let hands_over = || worker.hands_over() && origin.can_be_handed_over();
    // What was looked at and put back is not in the reader's hands yet.
    let has_started = reader.has_started() || reader.get_ref().ask(Transport::has_put_back);
    if !has_started {
        if hands_over() {
            return Step::Leave;
        }
        // Who connects has something to say; a thousand silent ones must not keep others out.
        let patience =
            if is_new { settings.head_timeout.min(settings.idle_timeout) } else { settings.idle_timeout };
        let has_bytes = tokio::select! {
            biased;
            waited = tokio::time::timeout(patience, reader.wait_for_bytes()) => matches!(waited, Ok(Ok(true))),
            // Bytes that are there already are a request that was accepted: it came first.
            () = closing_time(worker, is_new, origin.can_be_handed_over()) => {
                if hands_over() {
                    return Step::Leave;
                }
                false
            }
        };
        if !has_bytes {
            return Step::End;
        }
    }
    let Some(request_id) = take_request_id(worker) else { return Step::End };
    let head = match tokio::time::timeout(settings.head_timeout, reader.request_head()).await {
        Ok(Ok(Some(head))) => head,
        Ok(Ok(None)) => return Step::End,
        Ok(Err(error)) => {
            let Some(message) = fault_message(&error) else { return Step::End };
            return Box::pin(refuse_unread(worker, origin, request_id, message, reader, writer)).await;
        }
        Err(_) => {
            let message =
                format!("the request's head did not come within {} s", settings.head_timeout.as_secs());
            return Box::pin(refuse_unread(worker, origin, request_id, message, reader, writer)).await;
        }
    };
    // On the heap only while there is a request: most connections wait for one.
    Box::pin(serve_request(worker, origin, request_id, head, reader, writer)).await
}

async fn serve_request(
    worker: &Rc<Worker>,
    origin: Origin,
    request_id: RequestId,
    head: RequestHead,
    reader: &mut Reader,
    writer: &mut Writer,
) -> Step {
    let settings = &worker.shared.settings;
    writer.set_peer_version(head.version);
    let mut exchange = begin(worker, origin, request_id, Some(&head));
    let answer = match respond_to(worker, &mut exchange, &head, reader, writer).await {
        Ok(Some(answer)) => answer,
        Ok(None) => return linger(worker, reader, writer).await,
        Err(Cut) => return cut_off(&head, writer),
    };
    if let AnswerBody::Tunnel(tunnel) = answer.body {
        let switching = writer.switching_protocols(&answer.headers, &tunnel.protocol);
        return match within(settings.write_timeout, switching).await {
            Ok(()) => Step::Switch(Box::new(Switch { tunnel: *tunnel, exchange, head })),
            Err(Cut) => Step::End,
        };
    }
    let hands_over = || worker.hands_over() && origin.can_be_handed_over();
    let is_in_step = reader.body_is_finished() || (rest_is_small(&head) && !head.expects_continue);
    // A successor goes on only with what is between two requests.
    let is_between = reader.body_is_finished() && !reader.has_started();
    let goes_on = !worker.is_stopping() || (hands_over() && is_between);
    let keep_alive = head.keep_alive && !answer.closes && is_in_step && goes_on;
    let delivering = is_between.then(|| worker.delivering());
    if deliver(worker, answer, &head.method, keep_alive, writer, Some(reader)).await.is_err() {
        return cut_off(&head, writer);
    }
    if keep_alive && writer.keeps_open() && drain(reader).await {
        return Step::GoOn;
    }
    drop(delivering);
    linger(worker, reader, writer).await
}

/// When an idle connection is closed: at a stop. One that was only just made may have its first request on the way.
pub(super) async fn closing_time(worker: &Worker, is_new: bool, can_be_handed_over: bool) {
    worker.stopping().await;
    if can_be_handed_over && worker.hands_over() {
        return;
    }
    // Also on an idle connection a request may have arrived that the runtime has not heard of yet.
    tokio::time::sleep(if is_new { FIRST_REQUEST_GRACE } else { NEXT_REQUEST_GRACE }).await;
}

/// Ends a connection whose answer is not complete.
fn cut_off(head: &RequestHead, writer: &Writer) -> Step {
    if head.version == Version::HTTP_10 {
        // Its answers may end with the connection: only a reset tells it that this one is not complete.
        writer.get_ref().ask(|transport| {
            let _ = SockRef::from(transport.tcp()).set_linger(Some(Duration::ZERO));
        });
    }
    Step::End
}

/// Answers a request. `None`: the answer was delivered while the request's body was still coming.
async fn respond_to(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    head: &RequestHead,
    reader: &mut Reader,
    writer: &mut Writer,
) -> Result<Option<Answer<'static>>, Cut> {
    let invitation = Invitation::Http1(&mut *writer);
    if head.framing == Framing::None {
        let body = ClientBody { reader: BodyReader::None, invitation };
        return tokio::select! {
            biased;
            answer = answer(worker, exchange, head, body) => Ok(Some(answer.split().0)),
            () = departure(Some(reader)) => {
                record::departed(worker, exchange);
                Err(Cut)
            }
        };
    }
    let body = ClientBody { reader: BodyReader::Http1(reader), invitation };
    let answer = answer(worker, exchange, head, body).await;
    let (answer, upload) = answer.split();
    let Some(mut upload) = upload else { return Ok(Some(answer)) };
    // Both directions at once. When the answer is complete, what is left of the request is of no use.
    let mut delivery = std::pin::pin!(deliver(worker, answer, &head.method, false, writer, None));
    tokio::select! {
        delivered = &mut delivery => delivered?,
        // A broken request body cuts both connections.
        is_whole = &mut upload => if is_whole { delivery.await? } else { return Err(Cut) },
    }
    Ok(None)
}

/// A request whose head cannot be read is refused in the envelope, and the connection is closed: nobody knows
/// where the next one would begin.
async fn refuse_unread(
    worker: &Rc<Worker>,
    origin: Origin,
    request_id: RequestId,
    message: String,
    reader: &mut Reader,
    writer: &mut Writer,
) -> Step {
    let answer = refuse(worker, origin, request_id, Rejection::invalid(Stage::Http, message));
    if deliver(worker, answer, &Method::GET, false, writer, None).await.is_err() {
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
