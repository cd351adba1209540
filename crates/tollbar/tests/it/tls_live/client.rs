//! A partner that speaks TLS.

use std::{
    io::{Error, ErrorKind, Read, Result, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair};
use rustls::{
    ClientConfig, ClientConnection, HandshakeKind, RootCertStore, StreamOwned, SupportedProtocolVersion,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName},
    version::{TLS12, TLS13},
};

use crate::{support::Response, tls::certificates::Authority};

/// No answer takes longer; a test that waits for this has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub(crate) struct Caller {
    stream: StreamOwned<ClientConnection, TcpStream>,
    buffer: Vec<u8>,
}

/// Trusts an authority; both versions.
pub(crate) fn trusting(authority: &Authority) -> Arc<ClientConfig> {
    configured(authority, &[&TLS13, &TLS12], None)
}

/// Trusts an authority, speaks these versions, and shows a certificate that another one issued.
pub(crate) fn configured(
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    shows: Option<&Authority>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.issuer.der().clone()).unwrap();
    let builder =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
    Arc::new(match shows {
        None => builder.with_no_client_auth(),
        Some(issuer) => {
            let (mut params, key) =
                (CertificateParams::new(vec!["partner".to_owned()]).unwrap(), KeyPair::generate().unwrap());
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            let certificate = params.signed_by(&key, &issuer.issuer).unwrap();
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            builder.with_client_auth_cert(vec![certificate.der().clone()], key).unwrap()
        }
    })
}

impl Caller {
    /// Connects and shakes hands.
    pub(crate) fn open(address: SocketAddr, config: &Arc<ClientConfig>, name: &str) -> Result<Self> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut connection = ClientConnection::new(config.clone(), name).map_err(Error::other)?;
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(Self { stream: StreamOwned::new(connection, stream), buffer: Vec::new() })
    }

    /// The server's own certificate.
    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.stream.conn.peer_certificates().unwrap()[0].to_vec()
    }

    pub(crate) fn is_resumed(&self) -> bool {
        self.stream.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// A GET with this key, and its answer.
    pub(crate) fn get(&mut self, target: &str, key: &str) -> Result<Response> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n\r\n");
        self.stream.write_all(request.as_bytes())?;
        self.stream.flush()?;
        let end = loop {
            match self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(end) => break end + 4,
                None => self.fill()?,
            }
        };
        let head = String::from_utf8(self.buffer.drain(..end).collect()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length: usize = length.expect("the answer has a length").1.parse().unwrap();
        while self.buffer.len() < length {
            self.fill()?;
        }
        Ok(Response { status, headers, body: self.buffer.drain(..length).collect(), truncated: false })
    }

    fn fill(&mut self) -> Result<()> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => {
                self.buffer.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }
}
