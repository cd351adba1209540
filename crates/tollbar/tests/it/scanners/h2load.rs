//! h2load: HTTP/2 from another hand, many requests at once.

use super::{run, shops, tool};
use crate::support::Shop;

const REQUESTS: &str = "4000";
const CLIENTS: &str = "10";
const STREAMS: &str = "20";

/// Panics unless all succeed. Gives back how quick it was.
pub(super) fn load(shop: &Shop, url: &str, requests: &str, extra: &[&str]) -> String {
    let mut command = tool("h2load");
    command.args(["-n", requests, "-c", CLIENTS, "-m", STREAMS, "-t", "1"]);
    command.arg("-H").arg(format!("X-API-Key: {}", shop.client.key)).args(extra);
    let (output, text) = run(command.arg(url));
    assert!(output.status.success(), "{text}");
    let expected = format!(
        "requests: {requests} total, {requests} started, {requests} done, {requests} succeeded, 0 failed, 0 errored, 0 timeout\n\
         status codes: {requests} 2xx, 0 3xx, 0 4xx, 0 5xx\n"
    );
    assert!(text.contains(&expected), "{text}");
    let told = text.lines().filter(|line| line.contains("finished in") || line.contains("time for request"));
    told.collect::<Vec<_>>().join("; ")
}

#[test]
fn thousands_of_requests_at_once_all_succeed_over_tls_and_by_prior_knowledge() {
    let (_authority, plain, tls) = shops();
    let url = |shop: &Shop, scheme: &str| format!("{scheme}://{}/v1/orders", shop.platform.gateway);
    println!("{}", load(&plain, &url(&plain, "http"), REQUESTS, &[]));
    println!("{}", load(&tls, &url(&tls, "https"), REQUESTS, &[]));
    // The same client by HTTP/1.1, which is what it falls back to.
    println!("{}", load(&plain, &url(&plain, "http"), REQUESTS, &["--h1"]));
    assert_eq!((plain.live.count(), tls.live.count()), (8000, 4000));
}

#[test]
fn larger_uploads_at_once_arrive_whole() {
    let (_authority, plain, tls) = shops();
    let body = plain.platform.folder().join("body");
    std::fs::write(&body, vec![b'7'; 256 * 1024]).unwrap();
    let data = format!("--data={}", body.display());
    for (shop, scheme) in [(&plain, "http"), (&tls, "https")] {
        let url = format!("{scheme}://{}/v1/orders", shop.platform.gateway);
        load(shop, &url, "200", &[&data, "-H", "Content-Type: application/json"]);
        assert!(
            shop.live
                .requests()
                .iter()
                .all(|received| received.complete && received.body.len() == 256 * 1024)
        );
    }
}
