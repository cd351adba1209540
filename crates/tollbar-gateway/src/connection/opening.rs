//! What a new connection carries: TLS or not, HTTP/1.1 or HTTP/2.

use std::rc::Rc;

use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsStream};

use super::http1::closing_time;
use crate::{
    transport::{Socket, Transport},
    worker::Worker,
};

/// How every HTTP/2 connection begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The first byte of a TLS handshake record (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 0x16;
/// By ALPN (RFC 9113, section 3.2).
const HTTP2: &[u8] = b"h2";

/// What it carries.
pub(super) enum Opened {
    Http1,
    Http2,
    /// Anything else where TLS is spoken.
    NotTls,
}

/// Finds out; `None` if the connection ends before that.
pub(super) async fn open(worker: &Rc<Worker>, tcp: TcpStream) -> Option<(Opened, Transport)> {
    let settings = &worker.shared.settings;
    let socket = Socket::new(tcp);
    if worker.shared.tls.is_none() && settings.http2_prior_knowledge {
        return open_plain(worker, socket).await;
    }
    let opening = async {
        match &worker.shared.tls {
            Some(tls) => open_tls(worker, socket, tls.load_full()).await,
            None => Some((Opened::Http1, Transport::Plain(socket))),
        }
    };
    tokio::time::timeout(settings.head_timeout, opening).await.ok().flatten()
}

async fn open_tls(
    worker: &Rc<Worker>,
    mut socket: Socket,
    config: std::sync::Arc<tokio_rustls::rustls::ServerConfig>,
) -> Option<(Opened, Transport)> {
    let mut seen = Vec::new();
    if !look(worker, &mut socket, &mut seen).await {
        return None;
    }
    let is_tls = seen.first() == Some(&TLS_HANDSHAKE);
    socket.put_back(seen);
    if !is_tls {
        return Some((Opened::NotTls, Transport::Plain(socket)));
    }
    match TlsAcceptor::from(config).accept(socket).await {
        Ok(stream) => {
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
            let opened = if is_http2 { Opened::Http2 } else { Opened::Http1 };
            Some((opened, Transport::Tls(Box::new(TlsStream::Server(stream)))))
        }
        Err(error) => {
            worker.shared.metrics.tls_failures.inc();
            tracing::debug!(%error, "a TLS handshake failed");
            None
        }
    }
}

/// HTTP/2 without TLS, by prior knowledge (RFC 9113, section 3.3).
async fn open_plain(worker: &Rc<Worker>, mut socket: Socket) -> Option<(Opened, Transport)> {
    let mut seen = Vec::new();
    let looking = async {
        while seen.len() < PREFACE.len() && PREFACE.starts_with(&seen) {
            if !look(worker, &mut socket, &mut seen).await {
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
async fn look(worker: &Rc<Worker>, socket: &mut Socket, seen: &mut Vec<u8>) -> bool {
    tokio::select! {
        biased;
        read = socket.look(seen, PREFACE.len()) => matches!(read, Ok(true)),
        () = closing_time(worker, true) => false,
    }
}
