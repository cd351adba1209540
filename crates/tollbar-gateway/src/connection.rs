//! One client connection: what it carries is found out, and then served to its end.

use std::{net::SocketAddr, rc::Rc};

use http::Method;
use tokio::net::TcpStream;
use tollbar_contract::{Code, RequestId, Stage};
use tollbar_core::{CallerAddress, Peer, Rejection, resolve_address};
use tollbar_http::{Framing, RequestHead};

use crate::{
    answer::{Answer, Cut},
    body::ClientBody,
    exchange::Exchange,
    panics, pipeline, record, respond,
    transport::{Socket, Transport},
    worker::Worker,
};

mod http1;
pub(crate) mod http2;
mod opening;
mod tunnel;

use opening::Opened;

/// Where a connection comes from.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) peer: Peer,
    pub(crate) is_tls: bool,
}

impl Origin {
    /// TLS lives in this process's memory, and so does what a PROXY header said.
    pub(crate) const fn can_be_handed_over(self) -> bool {
        !self.is_tls && self.peer.proxied_by.is_none()
    }
}

/// Serves a connection to its end, or until a successor goes on with it. `is_new`: no request came on it yet.
pub(crate) async fn serve(worker: &Rc<Worker>, tcp: TcpStream, peer: SocketAddr, is_new: bool) {
    // Without it, small answers would wait for the client's acknowledgement.
    let _ = tcp.set_nodelay(true);
    let Some(_open) = opening::count(worker, &tcp, Peer::direct(peer)).await else { return };
    if !is_new {
        // A predecessor has served it: it is what can be handed over.
        let origin = Origin { peer: Peer::direct(peer), is_tls: false };
        return http1::serve(worker, Transport::Plain(Socket::new(tcp)), origin, false).await;
    }
    let Some((opened, transport, peer)) = opening::open(worker, tcp, peer).await else { return };
    // Whom a proxy names is counted like anyone else.
    let _named = match peer.proxied_by {
        None => None,
        Some(_) => match opening::count(worker, transport.tcp(), peer).await {
            None => return,
            counted => counted,
        },
    };
    let origin = Origin { peer, is_tls: transport.is_tls() };
    match opened {
        Opened::Http1 => http1::serve(worker, transport, origin, true).await,
        Opened::Http2 => Box::pin(http2::serve(worker, transport, origin)).await,
        Opened::Refused(message) => Box::pin(http1::refuse_all(worker, transport, origin, message)).await,
    }
}

/// A new exchange; `head` is absent where it could not be read.
fn begin(worker: &Worker, origin: Origin, request_id: RequestId, head: Option<&RequestHead>) -> Exchange {
    let settings = &worker.shared.settings;
    let (trusted, believed) = (&settings.trusted_proxies, settings.forwarding_header);
    let caller = match head {
        Some(head) => resolve_address(origin.peer, &head.headers, trusted, believed),
        None => CallerAddress::of(origin.peer),
    };
    let (method, path) = head.map_or((Method::GET, ""), |head| (head.method.clone(), head.target.path()));
    Exchange::new(request_id, worker.shared.clock.now(), method, path, caller, origin.is_tls)
}

/// Answers a request whose head could be read, whatever happens.
async fn answer<'r>(
    worker: &Rc<Worker>,
    exchange: &mut Exchange,
    head: &RequestHead,
    body: ClientBody<'r, '_>,
) -> Answer<'r> {
    let handled = panics::catch(pipeline::handle(worker, exchange, head, body)).await;
    let mut answer = handled.unwrap_or_else(|panics::Panicked| {
        worker.shared.metrics.panics.inc();
        tracing::error!(request = %exchange.request_id, "the handling of a request panicked");
        let rejection =
            Rejection::new(Code::InternalError, Stage::Http, "the handling of the request panicked");
        let mut answer = respond::rejection(exchange, rejection);
        answer.closes = true;
        answer
    });
    finish(worker, exchange, &mut answer);
    answer
}

/// Refuses what is not a request that can be handled.
fn refuse(worker: &Worker, origin: Origin, request_id: RequestId, rejection: Rejection) -> Answer<'static> {
    let exchange = begin(worker, origin, request_id, None);
    let mut answer = respond::rejection(&exchange, rejection);
    finish(worker, &exchange, &mut answer);
    answer
}

/// The common headers, the log and the metrics.
fn finish(worker: &Worker, exchange: &Exchange, answer: &mut Answer<'_>) {
    let snapshot = worker.shared.directory.snapshot();
    respond::put_common(&mut answer.headers, exchange, &snapshot, &*worker.shared.clock);
    record::record(worker, exchange, answer);
}

/// A request id; without one nothing can be answered.
fn take_request_id(worker: &Worker) -> Option<RequestId> {
    let taken = worker.ids.take(&worker.shared.request_ids);
    if taken.is_none() {
        tracing::error!("no request ids are left, and the store gives none: a request is not answered");
    }
    taken
}

/// What one write of a body has at most.
const WRITE_BYTES: usize = 16 * 1024;

async fn within<T, E>(
    timeout: std::time::Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Cut> {
    match tokio::time::timeout(timeout, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) | Err(_) => Err(Cut),
    }
}

fn whole_framing(length: usize) -> Framing {
    match u64::try_from(length) {
        Ok(0) | Err(_) => Framing::None,
        Ok(length) => Framing::Length(length),
    }
}
