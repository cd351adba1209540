//! A client that sends exactly the bytes it is given, and reads answers strictly.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// No answer takes longer; a test that waits for this has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer as it came.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The body was cut off before its framing said it was complete.
    pub(crate) truncated: bool,
}

impl Response {
    /// A header's only value; panics if it is there twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} is there twice: {:?}", self.headers);
        value
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("not JSON ({e}): {self:?}"))
    }

    /// The error code, after checking that the answer is the envelope and nothing else: its keys, the headers that
    /// belong to it, the same request id in both.
    pub(crate) fn code(&self) -> String {
        let body = self.json();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&body), ["success", "error", "meta"], "{self:?}");
        assert_eq!(keys(&body["error"]), ["code", "message"]);
        assert_eq!(keys(&body["meta"]), ["request_id", "version"]);
        assert_eq!(body["success"], false);
        let code = body["error"]["code"].as_str().unwrap().to_owned();
        assert!(!body["error"]["message"].as_str().unwrap().is_empty());
        assert_eq!(self.header("x-error-code"), Some(code.as_str()));
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(matches!(self.header("x-error-source"), Some("gateway" | "upstream")), "{self:?}");
        if self.header("idempotent-replayed").is_none() {
            assert_eq!(self.header("x-request-id"), body["meta"]["request_id"].as_str());
        }
        self.request_id();
        code
    }

    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }

    /// The request id, after checking its form.
    pub(crate) fn request_id(&self) -> String {
        let id = self.header("x-request-id").unwrap_or_else(|| panic!("no request id: {self:?}"));
        assert!(id.len() == 12 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{id}");
        id.to_owned()
    }

    /// A header that is a number.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.header(name).unwrap_or_else(|| panic!("no {name}: {self:?}")).parse().unwrap()
    }
}

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).unwrap()
    }

    /// Like [`Connection::open`]; the other side may be gone.
    pub(crate) fn try_open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Whether anything more comes before the other side closes.
    pub(crate) fn has_more(&mut self) -> bool {
        !self.buffer.is_empty() || self.fill()
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends bytes; the other side may have closed already.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Says that nothing more is sent.
    pub(crate) fn finish_sending(&self) {
        self.stream.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// Reads one final answer to a request that is not HEAD.
    pub(crate) fn receive(&mut self) -> Response {
        self.receive_to("GET")
    }

    /// Reads one final answer to a request of this method; interim answers are skipped.
    pub(crate) fn receive_to(&mut self, method: &str) -> Response {
        loop {
            let (status, headers) = self.receive_head();
            if (100..200).contains(&status) {
                continue;
            }
            let (body, truncated) = self.receive_body(method, status, &headers);
            return Response { status, headers, body, truncated };
        }
    }

    /// Reads one final answer; `None` where the other side ends before it is complete.
    pub(crate) fn try_receive(&mut self, method: &str) -> Option<Response> {
        let (status, headers) = self.try_receive_head()?;
        let (body, truncated) = self.receive_body(method, status, &headers);
        (!truncated).then_some(Response { status, headers, body, truncated })
    }

    /// Reads a head, interim ones too.
    pub(crate) fn receive_head(&mut self) -> (u16, Vec<(String, String)>) {
        self.try_receive_head().unwrap_or_else(|| {
            panic!("closed before a head: {:?}", String::from_utf8_lossy(&self.buffer));
        })
    }

    fn try_receive_head(&mut self) -> Option<(u16, Vec<(String, String)>)> {
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if !self.fill() {
                return None;
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("not a field: {line:?}"));
            (name.to_ascii_lowercase(), value.to_owned())
        });
        Some((status, headers.collect()))
    }

    /// Reads a body by its framing; true if it broke off.
    fn receive_body(&mut self, method: &str, status: u16, headers: &[(String, String)]) -> (Vec<u8>, bool) {
        if method == "HEAD" || status == 204 || status == 304 {
            return (Vec::new(), false);
        }
        let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        if let Some(length) = header("content-length") {
            let length: usize = length.parse().unwrap();
            while self.buffer.len() < length {
                if !self.fill() {
                    return (std::mem::take(&mut self.buffer), true);
                }
            }
            return (self.buffer.drain(..length).collect(), false);
        }
        if header("transfer-encoding").is_some() {
            let mut body = Vec::new();
            while let Some(chunk) = self.receive_chunk() {
                if chunk.is_empty() {
                    return (body, false);
                }
                body.extend(chunk);
            }
            return (body, true);
        }
        while self.fill() {}
        (std::mem::take(&mut self.buffer), false)
    }

    /// So many bytes as they come.
    pub(crate) fn receive_exactly(&mut self, count: usize) -> Vec<u8> {
        while self.buffer.len() < count {
            assert!(self.fill(), "closed after {:?}", String::from_utf8_lossy(&self.buffer));
        }
        self.buffer.drain(..count).collect()
    }

    /// One chunk, empty at the end; `None` when it broke off.
    pub(crate) fn receive_chunk(&mut self) -> Option<Vec<u8>> {
        let line = loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                break self.buffer.drain(..end + 2).collect::<Vec<u8>>();
            }
            if !self.fill() {
                return None;
            }
        };
        let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim(), 16).unwrap();
        while self.buffer.len() < size + 2 {
            if !self.fill() {
                return None;
            }
        }
        let chunk = self.buffer.drain(..size).collect();
        assert_eq!(self.buffer.drain(..2).collect::<Vec<u8>>(), b"\r\n");
        Some(chunk)
    }

    /// Everything until the other side closes.
    pub(crate) fn receive_rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.buffer)
    }

    /// Whether the other side closes without sending anything more.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill()
    }

    /// Reads more; false at the end of the stream, also when that is a reset.
    fn fill(&mut self) -> bool {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk) {
            Ok(count) => {
                self.buffer.extend_from_slice(&chunk[..count]);
                count > 0
            }
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(e) => panic!("nothing came within {PATIENCE:?}: {e}"),
        }
    }
}

/// Sends bytes on a new connection and reads one answer.
pub(crate) fn send_raw(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Response {
    let mut connection = Connection::open(address);
    // The other side may refuse before it has read everything.
    let _ = connection.try_send(bytes);
    connection.receive()
}

/// Sends a request with these headers and body on a new connection.
pub(crate) fn request(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response {
    let mut connection = Connection::open(address);
    connection.send(head(address, method, target, headers, body.len()));
    let _ = connection.try_send(body);
    connection.receive_to(method)
}

/// A GET with these headers.
pub(crate) fn get(address: SocketAddr, target: &str, headers: &[(&str, &str)]) -> Response {
    request(address, "GET", target, headers, b"")
}

fn head(address: SocketAddr, method: &str, target: &str, headers: &[(&str, &str)], length: usize) -> String {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if length > 0 {
        head.push_str(&format!("Content-Length: {length}\r\n"));
    }
    head + "\r\n"
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
