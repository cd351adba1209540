//! The HTTP side of the sample API: one thread, a task for each connection.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use anyhow::Result;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::{Semaphore, oneshot},
    task::{LocalSet, spawn_local},
};
use tollbar_http::{Framing, Limits, MessageReader, MessageWriter};

use super::{
    Log, Received,
    depot::{Depot, Reply},
};

/// Connections open at a time; further ones wait.
const CONNECTIONS_MAX: usize = 256;
/// After a failed accept the listener rests for this long.
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// A connection that is not used ends.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// A booking is small.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// A parcel moves.
const EVENT_INTERVAL: Duration = Duration::from_millis(500);

type Reader = MessageReader<OwnedReadHalf>;
type Writer = MessageWriter<OwnedWriteHalf>;

/// Serves until told to stop.
pub(super) fn run(
    listener: std::net::TcpListener,
    log: &Arc<Log>,
    stopped: oneshot::Receiver<()>,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::from_std(listener)?;
        let depot = Rc::new(RefCell::new(Depot::default()));
        tokio::select! {
            never = accept(&listener, log, &depot) => match never {},
            _ = stopped => Ok(()),
        }
    })
}

async fn accept(
    listener: &TcpListener,
    log: &Arc<Log>,
    depot: &Rc<RefCell<Depot>>,
) -> std::convert::Infallible {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = room.clone().acquire_owned().await;
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_REST).await;
            continue;
        };
        let (log, depot) = (log.clone(), depot.clone());
        spawn_local(async move {
            serve(stream, &log, &depot).await;
            drop(permit);
        });
    }
}

async fn serve(stream: TcpStream, log: &Log, depot: &RefCell<Depot>) {
    let _ = stream.set_nodelay(true);
    let (read, write) = stream.into_split();
    let mut reader = MessageReader::new(read, Limits::default());
    let mut writer = MessageWriter::new(write);
    loop {
        let head = tokio::time::timeout(IDLE_TIMEOUT, reader.request_head()).await;
        let Ok(Ok(Some(head))) = head else { return };
        log.note(Received { target: head.target.as_str().to_owned(), headers: head.headers.clone() });
        writer.set_peer_version(head.version);
        let Some(body) = read_body(&mut reader).await else { return };
        let reply = depot.borrow_mut().answer(&head.method, head.target.path(), head.target.query(), &body);
        let is_head = head.method == Method::HEAD;
        let sent = send(reply, is_head, head.keep_alive, &mut writer).await;
        if sent.is_none() || !writer.keeps_open() {
            return;
        }
    }
}

async fn read_body(reader: &mut Reader) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = tokio::time::timeout(IDLE_TIMEOUT, reader.body_chunk()).await.ok()?.ok()? {
        body.extend_from_slice(&piece);
        if body.len() > BODY_BYTES_MAX {
            return None;
        }
    }
    Some(body)
}

/// `None`: the connection is to be closed.
async fn send(reply: Reply, is_head: bool, keep_alive: bool, writer: &mut Writer) -> Option<()> {
    match reply {
        Reply::Document { status, media_type, text } => {
            let headers = headers(media_type);
            if is_head {
                let length = u64::try_from(text.len()).ok();
                writer.response_head_only(status, &headers, length, keep_alive).await.ok()?;
                return writer.finish().await.ok();
            }
            writer.whole_response(status, &headers, text.as_bytes(), keep_alive).await.ok()
        }
        Reply::Nothing => {
            writer.whole_response(StatusCode::NO_CONTENT, &HeaderMap::new(), b"", keep_alive).await.ok()
        }
        Reply::Events(events) => {
            let headers = headers("text/event-stream");
            writer.response_head(StatusCode::OK, &headers, Framing::Chunked, keep_alive).await.ok()?;
            writer.flush().await.ok()?;
            let mut tick = tokio::time::interval(EVENT_INTERVAL);
            for event in events {
                tick.tick().await;
                writer.body(format!("data: {event}\n\n").as_bytes()).await.ok()?;
            }
            writer.finish().await.ok()
        }
        Reply::HangUp => {
            // The beginning of an answer came, so that nobody may think the request was not read.
            writer.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-").await.ok()?;
            None
        }
    }
}

fn headers(media_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))])
}
