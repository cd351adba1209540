//! A partner's side of the wire: plain sockets, bytes out, bytes in, and no more trust than a stranger's program has.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// No answer is larger.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// A request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// As it came.
    pub(crate) status_line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Call {
    pub(crate) fn get(target: &str) -> Self {
        Self { method: "GET".to_owned(), target: target.to_owned(), ..Self::default() }
    }

    /// A POST of JSON.
    pub(crate) fn post(target: &str, body: &Value) -> Self {
        Self { body: body.to_string(), ..Self::get(target).method("POST") }
            .header("Content-Type", "application/json")
    }

    /// A POST of a form.
    pub(crate) fn form(target: &str, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        Self { body, ..Self::get(target).method("POST") }
            .header("Content-Type", "application/x-www-form-urlencoded")
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn key(self, key: &str) -> Self {
        self.header("X-API-Key", key)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn send(&self, to: SocketAddr) -> Result<Reply> {
        send_bytes(to, &format!("{}{}", self.head(to, &[]), self.body))
    }

    /// Sends the head, waits until the server asks for the body, does something else, and only then sends it.
    pub(crate) fn send_around(
        &self,
        to: SocketAddr,
        meanwhile: impl FnOnce() -> Result<()>,
    ) -> Result<Reply> {
        let mut stream = connect(to)?;
        stream.write_all(self.head(to, &["Expect: 100-continue"]).as_bytes())?;
        let mut interim = Vec::new();
        while !interim.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).context("the server did not ask for the body")?;
            interim.extend(byte);
        }
        if !interim.starts_with(b"HTTP/1.1 100 ") {
            bail!("refused before the body was sent: {}", String::from_utf8_lossy(&interim).trim());
        }
        meanwhile()?;
        stream.write_all(self.body.as_bytes())?;
        receive(stream)
    }

    fn head(&self, to: SocketAddr, more: &[&str]) -> String {
        let mut lines = vec![format!("{} {} HTTP/1.1", self.method, self.target), format!("Host: {to}")];
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        lines.extend(more.iter().map(|line| (*line).to_owned()));
        if !self.body.is_empty() {
            lines.push(format!("Content-Length: {}", self.body.len()));
        }
        lines.push("Connection: close\r\n\r\n".to_owned());
        lines.join("\r\n")
    }
}

/// Sends these bytes, whatever they are.
pub(crate) fn send_bytes(to: SocketAddr, bytes: &str) -> Result<Reply> {
    let mut stream = connect(to)?;
    // The server may answer, and close, before it has read everything.
    let _ = stream.write_all(bytes.as_bytes());
    receive(stream)
}

fn connect(to: SocketAddr) -> Result<TcpStream> {
    let stream =
        TcpStream::connect_timeout(&to, PATIENCE).context("the gateway does not take connections")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads to the end: each call asked for the connection to be closed after it.
fn receive(stream: TcpStream) -> Result<Reply> {
    let mut bytes = Vec::new();
    let read = stream.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes);
    read.context("the answer broke off, or the connection was not closed")?;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").context("no head of an answer came")?;
    let (head, rest) = bytes.split_at(end);
    let body = rest.get(4..).unwrap_or_default();
    let head = std::str::from_utf8(head).context("the answer's head is not text")?;
    let mut lines = head.split("\r\n");
    let start = lines.next().unwrap_or_default();
    let status =
        start.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|text| text.parse().ok());
    let status = status.with_context(|| format!("`{start}` is not a status line"))?;
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':').with_context(|| format!("`{line}` is not a header"))?;
            Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect::<Result<Vec<_>>>()?;
    let reply = Reply { status, status_line: start.to_owned(), headers, body: String::new() };
    let body = reply.unframe(body)?;
    Ok(Reply { body: String::from_utf8(body).context("the answer's body is not text")?, ..reply })
}

impl Reply {
    /// A header's value; `None` also where it stands twice.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let first = found.next();
        first.filter(|_| found.next().is_none())
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.parse().ok()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn request_id(&self) -> &str {
        self.header("x-request-id").unwrap_or_default()
    }

    fn unframe(&self, body: &[u8]) -> Result<Vec<u8>> {
        if let Some(length) = self.number("content-length") {
            let read = u64::try_from(body.len()).unwrap_or(u64::MAX);
            return if read == length { Ok(body.to_vec()) } else { bail!("{read} bytes of {length} came") };
        }
        if self.header("transfer-encoding") != Some("chunked") {
            return if body.is_empty() { Ok(Vec::new()) } else { bail!("a body without framing") };
        }
        let (mut rest, mut whole) = (body, Vec::new());
        loop {
            let end = rest.windows(2).position(|two| two == b"\r\n").context("a chunk broke off")?;
            let (size, after) = rest.split_at(end);
            let size = usize::from_str_radix(std::str::from_utf8(size)?.trim(), 16)?;
            if size == 0 {
                return Ok(whole);
            }
            whole.extend_from_slice(after.get(2..size + 2).context("a chunk broke off")?);
            rest = after.get(size + 4..).context("a chunk broke off")?;
        }
    }
}
