//! A control plane on a loopback port, and a client of a few lines.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
};
use tollbar_control::{Control, ControlSettings, LeftOut, RequestKeeping, serve_admin};
use tollbar_core::{Directory, RouteSettings, Timestamp, secret, secret::Secrets};

use super::fake::{FakeClock, FakeStore};

pub(crate) const TOKEN: &str = "operator-token-of-the-tests";
pub(crate) const START: &str = "2026-11-22T09:00:00Z";

pub(crate) struct Bench {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) control: Arc<Control>,
    pub(crate) stop: Option<oneshot::Sender<()>>,
    pub(crate) server: JoinSet<io::Result<()>>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    /// The body, if the status is the one expected.
    pub(crate) fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.body
    }

    /// The message, if the status is the one expected and every word stands in it.
    pub(crate) fn refused(self, status: u16, words: &[&str]) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        let message = self.body["error"]["message"].as_str().unwrap_or_else(|| panic!("{}", self.text));
        assert_eq!(self.body, json!({ "error": { "message": message } }));
        for word in words {
            assert!(message.contains(word), "`{word}` in: {message}");
        }
        message.to_owned()
    }
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let start = Timestamp::parse(START).unwrap();
        let store = Arc::new(FakeStore::default());
        let directory = Arc::new(Directory::new(RouteSettings::default(), Secrets::derive(&[7; 32])));
        let clock = Arc::new(FakeClock(AtomicU64::new(start.as_millis())));
        let settings = ControlSettings {
            operator_token: secret::sha256(&[TOKEN.as_bytes()]),
            brand: "acme".to_owned(),
            own_addresses: vec![address],
            authorities_are_known: false,
            gateway_url: "http://127.0.0.1:8080".to_owned(),
            version: "1.2.3",
            started_at: start,
        };
        let keeping = RequestKeeping {
            days: 30,
            bytes: 1 << 30,
            ids: store.clone(),
            left_out: Arc::new(|| LeftOut { errors: 5, successes: 6 }),
        };
        let control = Control::new(
            directory.clone(),
            store.clone(),
            store.clone(),
            store.clone(),
            clock.clone(),
            settings,
            41,
        );
        let control = Arc::new(control.with_request_keeping(keeping));
        let (stop, stopped) = oneshot::channel();
        let mut server = JoinSet::new();
        server.spawn(serve_admin(listener, control.clone(), async {
            let _ = stopped.await;
        }));
        Self { address, store, directory, clock, control, stop: Some(stop), server }
    }

    /// With the tier `standard`.
    pub(crate) async fn with_tier() -> Self {
        let bench = Self::start().await;
        bench.put("/tiers/standard", json!({ "rate_per_minute": 60 })).await.ok(200);
        bench
    }

    /// With a client called `Acme`.
    pub(crate) async fn with_client() -> Self {
        let bench = Self::with_tier().await;
        let client = json!({
            "name": "Acme", "tier": "standard", "allowance": 1000, "scopes": ["orders:read", "orders:write"],
        });
        bench.post("/clients", client).await.ok(201);
        bench
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.0.fetch_add(seconds * 1000, SeqCst);
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.call("PUT", path, Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.call("PATCH", path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.call("DELETE", path, None).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        send(self.address, &self.request(method, path, body)).await
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: Option<Value>) -> String {
        let body = body.map(|body| body.to_string());
        let content = body.as_ref().map_or_else(String::new, |body| {
            format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len())
        });
        format!(
            "{method} /admin/v1{path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n{content}\r\n{}",
            self.address,
            body.unwrap_or_default()
        )
    }
}

/// Sends bytes as they are, and reads one answer.
pub(crate) async fn send(address: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A refusal may come, and the connection end, before all of a body is written.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let all = String::from_utf8(bytes).unwrap();
    let (head, text) = all.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {request}: {all}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(text).unwrap_or_default();
    Answer { status, head: head.to_lowercase(), text: text.to_owned(), body }
}
