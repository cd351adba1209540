use super::bench::{Bench, TOKEN, send};

fn request(head: &str, body: &str) -> String {
    format!("{head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn who_may_not_speak_to_it_is_refused_before_anything_is_read() {
    let bench = Bench::start().await;
    let own = bench.address;
    let auth = format!("Authorization: Bearer {TOKEN}");
    let json = "Content-Type: application/json";
    let put = "PUT /admin/v1/tiers/pro HTTP/1.1";
    let get = "GET /admin/v1/tiers HTTP/1.1";
    let table = [
        (format!("{get}\r\nHost: {own}\r\n{auth}"), 200),
        (format!("{get}\r\nHost: localhost\r\n{auth}"), 200),
        (format!("{put}\r\nHost: {own}\r\n{auth}\r\n{json}"), 200),
        (
            format!(
                "{put}\r\nHost: {own}\r\nOrigin: http://{own}\r\nSec-Fetch-Site: same-origin\r\n{auth}\r\n{json}"
            ),
            200,
        ),
        (format!("{get}\r\nHost: evil.example\r\n{auth}"), 403),
        (format!("{put}\r\nHost: evil.example:{}\r\n{auth}\r\n{json}", own.port()), 403),
        (format!("{get}\r\n{auth}"), 403),
        (format!("{get}\r\nHost: {own}\r\nOrigin: http://evil.example\r\n{auth}"), 403),
        (format!("{get}\r\nHost: {own}\r\nOrigin: null\r\n{auth}"), 403),
        (format!("{get}\r\nHost: {own}\r\nSec-Fetch-Site: cross-site\r\n{auth}"), 403),
        (
            format!(
                "OPTIONS /admin/v1/tiers/pro HTTP/1.1\r\nHost: {own}\r\nOrigin: http://evil.example\r\nAccess-Control-Request-Method: PUT"
            ),
            403,
        ),
        (format!("GET http://evil.example/admin/v1/tiers HTTP/1.1\r\nHost: {own}\r\n{auth}"), 403),
        (format!("{get}\r\nHost: {own}"), 401),
        (format!("{get}\r\nHost: {own}\r\nAuthorization: Bearer wrong"), 401),
        (format!("{get}\r\nHost: {own}\r\nAuthorization: Basic YWRtaW46YWRtaW4="), 401),
        (format!("{get}\r\nHost: {own}\r\n{auth}\r\n{auth}"), 401),
        (format!("GET /admin/v1/nothing HTTP/1.1\r\nHost: {own}"), 401),
        (format!("GET / HTTP/1.1\r\nHost: {own}"), 401),
        (format!("{put}\r\nHost: {own}\r\n{auth}"), 415),
        (format!("{put}\r\nHost: {own}\r\n{auth}\r\nContent-Type: text/plain"), 415),
        (format!("{put}\r\nHost: {own}\r\n{auth}\r\nContent-Type: application/x-www-form-urlencoded"), 415),
        (
            format!(
                "POST /admin/v1/keys/x/revoke HTTP/1.1\r\nHost: {own}\r\n{auth}\r\nContent-Type: text/plain"
            ),
            415,
        ),
    ];
    for (head, status) in table {
        let body = if head.starts_with("PUT") { "{\"rate_per_minute\": 5}" } else { "" };
        let answer = send(own, &request(&head, body)).await;
        assert_eq!(answer.status, status, "{head}\n{}", answer.text);
        assert!(answer.head.contains("cache-control: no-store"), "{}", answer.head);
        assert!(!answer.head.contains("access-control-"), "{}", answer.head);
        assert_eq!(answer.head.contains("www-authenticate: bearer"), status == 401, "{}", answer.head);
        assert!(!answer.text.contains(TOKEN));
    }
    let bad_json = request(&format!("{put}\r\nHost: {own}\r\n{auth}\r\n{json}"), "{");
    send(own, &bad_json).await.refused(400, &["the body"]);
    let empty = request(&format!("{put}\r\nHost: {own}\r\n{auth}\r\n{json}"), "");
    send(own, &empty).await.refused(400, &["empty"]);
    assert_eq!(bench.store.audit().len(), 1, "the second right one changed nothing");
}

#[tokio::test]
async fn a_connection_that_says_nothing_does_not_hold_the_listener() {
    let bench = Bench::start().await;
    let _idle = tokio::net::TcpStream::connect(bench.address).await.unwrap();
    bench.get("/status").await.ok(200);
}
