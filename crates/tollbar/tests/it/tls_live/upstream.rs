//! An upstream that speaks TLS, and notes who called.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};

use crate::tls::certificates::Authority;

/// The upstream. Its threads end with the test's process.
pub(crate) struct TlsUpstream {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
}

/// A request whose head came whole.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Method, target, version.
    pub(crate) line: String,
    /// The name that was asked for.
    pub(crate) name: Option<String>,
    /// The certificate that the caller showed.
    pub(crate) shown: Option<Vec<u8>>,
}

impl TlsUpstream {
    /// Has the certificate `name` of an authority; asks callers for one of its own, if it is to.
    pub(crate) fn start(authority: &Authority, name: &str, asks: bool) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(authority.issuer.der().clone()).unwrap();
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match asks {
            false => builder.with_no_client_auth(),
            true => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap(),
            ),
        };
        let certificate = CertificateDer::from_pem_file(authority.path(&format!("{name}.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(authority.path(&format!("{name}.key"))).unwrap();
        let config = Arc::new(builder.with_single_cert(vec![certificate], key).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, calls) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<Call>>>::default());
        let noted = calls.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, noted) = (config.clone(), noted.clone());
                std::thread::spawn(move || serve(stream, config, &noted));
            }
        });
        Self { address, calls }
    }

    pub(crate) fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.address.port())
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

/// Ends when the caller goes, or what it says is no TLS.
fn serve(stream: TcpStream, config: Arc<ServerConfig>, calls: &Mutex<Vec<Call>>) {
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            let mut chunk = [0; 4096];
            match stream.read(&mut chunk) {
                Ok(count @ 1..) => buffer.extend_from_slice(&chunk[..count]),
                _ => return,
            }
        };
        let head = String::from_utf8(buffer.drain(..end).collect()).unwrap();
        calls.lock().unwrap().push(Call {
            line: head.lines().next().unwrap().to_owned(),
            name: stream.conn.server_name().map(str::to_owned),
            shown: stream.conn.peer_certificates().and_then(|chain| chain.first()).map(|one| one.to_vec()),
        });
        let answer =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}";
        if stream.write_all(answer.as_bytes()).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}
