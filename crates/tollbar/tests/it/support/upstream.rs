//! A recording upstream: notes every byte that reaches it, answers as it is told.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// Byte for byte.
    pub(crate) target: String,
    /// Names in lower case, in order.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// The body was complete.
    pub(crate) complete: bool,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} is there twice: {:?}", self.headers);
        value
    }
}

/// What the upstream does with a request.
#[derive(Clone)]
pub(crate) enum Reply {
    /// A whole answer.
    Full { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// Exactly these bytes, then close.
    Raw(Vec<u8>),
    /// Exactly these bytes; the connection stays open for another request.
    Open(Vec<u8>),
    /// 200 with so many bytes.
    Zeros(usize),
    /// Waits at the gate, then goes on.
    After(Gate, Box<Reply>),
    /// A chunked answer; each chunk is sent when its gate opens.
    Chunks(Vec<(Gate, Vec<u8>)>),
    /// Closes without an answer.
    Close,
    /// Never answers: waits until the caller goes away.
    Silence,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &str) -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self::Full { status, headers, body: body.as_bytes().to_vec() }
    }

    pub(crate) fn with_header(self, name: &str, value: &str) -> Self {
        match self {
            Self::Full { status, mut headers, body } => {
                headers.push((name.to_owned(), value.to_owned()));
                Self::Full { status, headers, body }
            }
            other => other,
        }
    }
}

/// Something to wait at until the test opens it.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(crate) fn opened() -> Self {
        let gate = Self::default();
        gate.open();
        gate
    }

    pub(crate) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    pub(crate) fn wait(&self) {
        let open = self.0.0.lock().unwrap();
        let (open, _) = self.0.1.wait_timeout_while(open, Duration::from_secs(30), |open| !*open).unwrap();
        assert!(*open, "nobody opened the gate");
    }
}

type Handler = Arc<dyn Fn(&Received) -> Reply + Send + Sync>;

/// The upstream. Its threads end with the test's process.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

struct State {
    handler: Mutex<Handler>,
    requests: Mutex<Vec<Received>>,
    arrived: Condvar,
    bytes: AtomicUsize,
    connections: AtomicUsize,
    /// Connections that are being served.
    serving: AtomicUsize,
    /// Those that may be open.
    streams: Mutex<Vec<TcpStream>>,
    stops: AtomicBool,
    has_ended: Gate,
}

impl Upstream {
    /// Answers everything with 200 and a small JSON body.
    pub(crate) fn start() -> Self {
        Self::answering(|_| Reply::json(200, r#"{"ok":true}"#))
    }

    pub(crate) fn answering(handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), handler)
    }

    /// Like [`Upstream::start`], on this listener.
    pub(crate) fn behind(listener: TcpListener) -> Self {
        Self::on(listener, |_| Reply::json(200, r#"{"ok":true}"#))
    }

    fn on(listener: TcpListener, handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            handler: Mutex::new(Arc::new(handler)),
            requests: Mutex::default(),
            arrived: Condvar::new(),
            bytes: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            serving: AtomicUsize::new(0),
            streams: Mutex::default(),
            stops: AtomicBool::new(false),
            has_ended: Gate::default(),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                if state.stops.load(Ordering::SeqCst) {
                    break;
                }
                state.streams.lock().unwrap().push(stream.try_clone().unwrap());
                state.connections.fetch_add(1, Ordering::SeqCst);
                state.serving.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || {
                    serve(&stream, &state);
                    state.serving.fetch_sub(1, Ordering::SeqCst);
                });
            }
            drop(listener);
            shared.has_ended.open();
        });
        Self { address, state }
    }

    /// Ends as a process does that is killed: nothing listens any more, and every connection is cut.
    pub(crate) fn stop(&self) {
        self.state.stops.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        self.state.has_ended.wait();
        for stream in self.state.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }

    /// Answers differently from now on.
    pub(crate) fn answer(&self, handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) {
        *self.state.handler.lock().unwrap() = Arc::new(handler);
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests whose head arrived.
    pub(crate) fn count(&self) -> usize {
        self.state.requests.lock().unwrap().len()
    }

    pub(crate) fn requests(&self) -> Vec<Received> {
        self.state.requests.lock().unwrap().clone()
    }

    /// The requests that came after so many.
    pub(crate) fn requests_since(&self, count: usize) -> Vec<Received> {
        self.state.requests.lock().unwrap()[count..].to_vec()
    }

    pub(crate) fn last(&self) -> Received {
        self.requests().pop().expect("the upstream saw nothing")
    }

    /// Waits until so many requests have arrived in all.
    pub(crate) fn wait_for(&self, count: usize) {
        let requests = self.state.requests.lock().unwrap();
        let patience = Duration::from_secs(20);
        let (requests, _) =
            self.state.arrived.wait_timeout_while(requests, patience, |r| r.len() < count).unwrap();
        assert!(requests.len() >= count, "only {} of {count} requests arrived", requests.len());
    }

    /// Every byte that ever came.
    pub(crate) fn bytes_seen(&self) -> usize {
        self.state.bytes.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Connections that have not been read to their end.
    pub(crate) fn serving(&self) -> usize {
        self.state.serving.load(Ordering::SeqCst)
    }

    /// Forgets what arrived, for runs that are too long to keep it all.
    pub(crate) fn forget(&self) {
        self.state.requests.lock().unwrap().clear();
        self.state.streams.lock().unwrap().clear();
    }
}

fn serve(stream: &TcpStream, state: &State) {
    let mut input = Input { stream, buffer: Vec::new(), bytes: &state.bytes };
    while let Some(received) = input.request() {
        let complete = received.complete;
        let handler = state.handler.lock().unwrap().clone();
        state.requests.lock().unwrap().push(received.clone());
        state.arrived.notify_all();
        if !complete || !reply(stream, &received, handler(&received)) {
            break;
        }
    }
}

/// False: the connection is at its end.
fn reply(mut stream: &TcpStream, received: &Received, reply_with: Reply) -> bool {
    match reply_with {
        Reply::Full { status, headers, body } => {
            let mut head = format!("HTTP/1.1 {status} Answer\r\n");
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            let has_body = status != 204 && status != 304;
            if has_body {
                head.push_str(&format!("Content-Length: {}\r\n", body.len()));
            }
            let mut bytes = (head + "\r\n").into_bytes();
            if has_body && received.method != "HEAD" {
                bytes.extend(body);
            }
            stream.write_all(&bytes).is_ok()
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(std::net::Shutdown::Both);
            false
        }
        Reply::Open(bytes) => stream.write_all(&bytes).is_ok(),
        Reply::Zeros(length) => {
            let head = format!("HTTP/1.1 200 Answer\r\nContent-Length: {length}\r\n\r\n");
            std::io::copy(&mut head.as_bytes().chain(std::io::repeat(0).take(length as u64)), &mut stream)
                .is_ok()
        }
        Reply::After(gate, then) => {
            gate.wait();
            reply(stream, received, *then)
        }
        Reply::Chunks(chunks) => {
            let head =
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
            if stream.write_all(head.as_bytes()).is_err() {
                return false;
            }
            for (gate, chunk) in chunks {
                gate.wait();
                let framed = [format!("{:x}\r\n", chunk.len()).as_bytes(), &chunk, b"\r\n"].concat();
                if stream.write_all(&framed).is_err() {
                    return false;
                }
            }
            stream.write_all(b"0\r\n\r\n").is_ok()
        }
        Reply::Close => {
            let _ = stream.shutdown(std::net::Shutdown::Both);
            false
        }
        Reply::Silence => {
            let mut scratch = [0; 1024];
            while matches!(stream.read(&mut scratch), Ok(1..)) {}
            false
        }
    }
}

struct Input<'a> {
    stream: &'a TcpStream,
    buffer: Vec<u8>,
    bytes: &'a AtomicUsize,
}

impl Input<'_> {
    fn request(&mut self) -> Option<Received> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                break end;
            }
            self.fill().then_some(())?;
        };
        let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.trim_end().split("\r\n");
        let mut start = lines.next()?.split(' ');
        let (method, target) = (start.next()?.to_owned(), start.next()?.to_owned());
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let (body, complete) = self.body(&headers);
        Some(Received { method, target, headers, body, complete })
    }

    fn body(&mut self, headers: &[(String, String)]) -> (Vec<u8>, bool) {
        let header = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        if header("transfer-encoding").is_some() {
            let mut body = Vec::new();
            loop {
                let Some(line) = self.line() else { return (body, false) };
                let size = usize::from_str_radix(line.trim(), 16).unwrap();
                let Some(chunk) = self.exactly(size + 2) else { return (body, false) };
                if size == 0 {
                    return (body, true);
                }
                body.extend_from_slice(&chunk[..size]);
            }
        }
        let length = header("content-length").map_or(0, |value| value.parse().unwrap());
        match self.exactly(length) {
            Some(body) => (body, true),
            None => (std::mem::take(&mut self.buffer), false),
        }
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                return String::from_utf8(self.buffer.drain(..end + 2).collect()).ok();
            }
            self.fill().then_some(())?;
        }
    }

    fn exactly(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            self.fill().then_some(())?;
        }
        Some(self.buffer.drain(..count).collect())
    }

    fn fill(&mut self) -> bool {
        let mut chunk = [0; 64 * 1024];
        let count = self.stream.read(&mut chunk).unwrap_or(0);
        self.bytes.fetch_add(count, Ordering::SeqCst);
        self.buffer.extend_from_slice(&chunk[..count]);
        count > 0
    }
}
