//! What a new connection carries: TLS or not, HTTP/1.1 or HTTP/2.

use std::{net::SocketAddr, rc::Rc};

use ipnet::IpNet;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::{TlsAcceptor, TlsStream};
use tollbar_contract::{Code, Stage};
use tollbar_core::{Peer, Rejection};
use tollbar_http::{
    MessageWriter, PROXY_HEADER_BYTES_MAX, ParsedProxyHeader, ProxyHeaderFault, parse_proxy_header,
};

use super::{Origin, http1::closing_time, refuse, take_request_id};
use crate::{
    answer::AnswerBody,
    per_address::Guard,
    settings::LINGER,
    transport::{Socket, Transport},
    worker::Worker,
};

/// How every HTTP/2 connection begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The first byte of a TLS handshake record (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// One read of what is thrown away.
const SCRATCH_BYTES: usize = 4096;
/// By ALPN (RFC 9113, section 3.2).
const HTTP2: &[u8] = b"h2";

/// What it carries.
pub(super) enum Opened {
    Http1,
    Http2,
    /// Nothing that can be served, for this reason.
    Refused(String),
}

/// Counts a connection with its address; `None` if that has as many as it may. Where no TLS is in the way it is told so,
/// without waiting for anything: who floods us with connections is not to hold any.
pub(super) async fn count(worker: &Rc<Worker>, tcp: &TcpStream, peer: Peer) -> Option<Guard> {
    let too_many = match worker.shared.by_address.enter(peer.address.ip()) {
        Ok(guard) => return Some(guard),
        Err(too_many) => too_many,
    };
    worker.shared.metrics.address_refusals.inc();
    if worker.shared.tls.is_none()
        && let Some(request_id) = take_request_id(worker)
    {
        let rejection = Rejection::new(Code::RateLimitExceeded, Stage::Http, too_many.to_string())
            .saying("Too many connections from your address. Use the ones that are open for more requests.")
            .retry_after(1);
        let answer = refuse(worker, Origin { peer, is_tls: false }, request_id, rejection);
        let mut bytes = MessageWriter::new(Vec::new());
        if let AnswerBody::Whole(body) = &answer.body
            && bytes.whole_response(answer.status, &answer.headers, body, false).await.is_ok()
        {
            // What is unread when a connection closes can take the answer with it.
            let _ = tcp.try_read(&mut [0; 4096]);
            let _ = tcp.try_write(&bytes.into_inner());
        }
    }
    None
}

/// Finds out, and who has called; `None` if the connection ends before that.
pub(super) async fn open(
    worker: &Rc<Worker>,
    tcp: TcpStream,
    peer: SocketAddr,
) -> Option<(Opened, Transport, Peer)> {
    let settings = &worker.shared.settings;
    let mut socket = Socket::new(tcp);
    let in_time = settings.head_timeout;
    let is_trusted = |net: &IpNet| net.contains(&peer.ip().to_canonical());
    let mut named = Peer::direct(peer);
    if settings.proxy_protocol && settings.trusted_proxies.iter().any(is_trusted) {
        let reading = read_proxy_header(worker, &mut socket, peer);
        match tokio::time::timeout(in_time, reading).await.ok().flatten()? {
            Ok(peer) => named = peer,
            Err(fault) => {
                return Some((Opened::Refused(fault.to_string()), Transport::Plain(socket), named));
            }
        }
    }
    let (opened, transport) = match &worker.shared.tls {
        Some(tls) => {
            let opening = open_tls(worker, socket, tls.load_full());
            tokio::time::timeout(in_time, opening).await.ok().flatten()?
        }
        None if settings.http2_prior_knowledge => open_plain(worker, socket).await?,
        None => (Opened::Http1, Transport::Plain(socket)),
    };
    Some((opened, transport, named))
}

/// Whom a trusted proxy names before all else; `None` if the connection ends before that.
async fn read_proxy_header(
    worker: &Rc<Worker>,
    socket: &mut Socket,
    proxy: SocketAddr,
) -> Option<Result<Peer, ProxyHeaderFault>> {
    let mut seen = Vec::new();
    loop {
        let room = PROXY_HEADER_BYTES_MAX - seen.len();
        if !look(worker, socket, &mut seen, room).await {
            return None;
        }
        match parse_proxy_header(&seen) {
            Ok(ParsedProxyHeader::NeedsMore) => {}
            Ok(ParsedProxyHeader::Header { length, source, .. }) => {
                socket.put_back(seen.split_off(length));
                return Some(Ok(Peer::named_by(proxy, source)));
            }
            Err(fault) => {
                socket.put_back(seen);
                return Some(Err(fault));
            }
        }
    }
}

async fn open_tls(
    worker: &Rc<Worker>,
    mut socket: Socket,
    config: std::sync::Arc<tokio_rustls::rustls::ServerConfig>,
) -> Option<(Opened, Transport)> {
    let mut seen = Vec::new();
    if !look(worker, &mut socket, &mut seen, PREFACE.len()).await {
        return None;
    }
    let is_tls = seen.first() == Some(&TLS_HANDSHAKE);
    socket.put_back(seen);
    if !is_tls {
        let message = "this port speaks TLS; begin the URL with https://".to_owned();
        return Some((Opened::Refused(message), Transport::Plain(socket)));
    }
    match TlsAcceptor::from(config).accept(socket).into_fallible().await {
        Ok(stream) => {
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
            let opened = if is_http2 { Opened::Http2 } else { Opened::Http1 };
            Some((opened, Transport::Tls(Box::new(TlsStream::Server(stream)))))
        }
        Err((error, mut socket)) => {
            worker.shared.metrics.tls_failures.inc();
            tracing::debug!(%error, "a TLS handshake failed");
            // What is unread when a connection closes can take the alert with it.
            let reading = async {
                let _ = socket.shutdown().await;
                let mut scratch = Vec::new();
                while let Ok(true) = socket.look(&mut scratch, SCRATCH_BYTES).await {
                    scratch.clear();
                }
            };
            let _ = tokio::time::timeout(LINGER, reading).await;
            None
        }
    }
}

/// HTTP/2 without TLS, by prior knowledge (RFC 9113, section 3.3).
async fn open_plain(worker: &Rc<Worker>, mut socket: Socket) -> Option<(Opened, Transport)> {
    let mut seen = Vec::new();
    let looking = async {
        while seen.len() < PREFACE.len() && PREFACE.starts_with(&seen) {
            if !look(worker, &mut socket, &mut seen, PREFACE.len()).await {
                break;
            }
        }
    };
    // A head that stops short is HTTP/1.1's to answer.
    let _ = tokio::time::timeout(worker.shared.settings.head_timeout, looking).await;
    if seen.is_empty() {
        return None;
    }
    let opened = if seen.starts_with(PREFACE) { Opened::Http2 } else { Opened::Http1 };
    socket.put_back(seen);
    Some((opened, Transport::Plain(socket)))
}

/// Reads the first bytes; false where none come, or not in time for a stop.
async fn look(worker: &Rc<Worker>, socket: &mut Socket, seen: &mut Vec<u8>, at_most: usize) -> bool {
    tokio::select! {
        biased;
        read = socket.look(seen, at_most) => matches!(read, Ok(true)),
        () = closing_time(worker, true, false) => false,
    }
}
