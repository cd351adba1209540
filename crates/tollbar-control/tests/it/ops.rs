use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
};
use tollbar_control::{Ops, serve_ops};

use super::bench::{Answer, send};

async fn call(address: SocketAddr, method: &str, path: &str) -> Answer {
    send(address, &format!("{method} {path} HTTP/1.1\r\nHost: lb.internal\r\nConnection: close\r\n\r\n"))
        .await
}

#[tokio::test]
async fn the_ops_listener_answers_balancers_and_prometheus() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let is_ready = Arc::new(AtomicBool::new(true));
    let asked = is_ready.clone();
    let ops = Ops {
        ready: Arc::new(move || if asked.load(SeqCst) { Ok(()) } else { Err("draining".to_owned()) }),
        metrics: Arc::new(|| "requests_total 1\n# EOF\n".to_owned()),
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let mut server = JoinSet::new();
    server.spawn(serve_ops(listener, ops, async {
        let _ = stopped.await;
    }));
    for (method, path, status, text) in [
        ("GET", "/livez", 200, "ok\n"),
        ("HEAD", "/livez", 200, ""),
        ("GET", "/readyz", 200, "ready\n"),
        ("GET", "/metrics", 200, "requests_total 1\n# EOF\n"),
        ("HEAD", "/metrics", 200, ""),
    ] {
        let answer = call(address, method, path).await;
        assert_eq!((answer.status, answer.text.as_str()), (status, text), "{method} {path}");
    }
    let metrics = call(address, "GET", "/metrics").await.head;
    assert!(
        metrics.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"),
        "{metrics}"
    );
    is_ready.store(false, SeqCst);
    let answer = call(address, "GET", "/readyz").await;
    assert_eq!((answer.status, answer.text.as_str()), (503, "draining\n"));
    assert_eq!(call(address, "GET", "/livez").await.status, 200, "alive all the same");
    for path in ["/", "/admin/v1/status", "/metrics/x"] {
        assert_eq!(call(address, "GET", path).await.status, 404);
    }
    assert_eq!(call(address, "POST", "/livez").await.status, 405);
    stop.send(()).unwrap();
    server.join_next().await.unwrap().unwrap().unwrap();
}

/// Time stands still while anything can happen, and jumps where nothing can.
#[tokio::test(start_paused = true)]
async fn a_caller_that_sends_nothing_does_not_hold_the_listener() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ops = Ops { ready: Arc::new(|| Ok(())), metrics: Arc::new(String::new) };
    let mut server = JoinSet::new();
    server.spawn(serve_ops(listener, ops, std::future::pending()));
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /livez HTTP/1.1\r\nHost").await.unwrap();
    for stream in [&mut silent, &mut slow] {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 4"), "{rest:?}");
    }
}
