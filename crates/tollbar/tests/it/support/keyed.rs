//! Requests with an `Idempotency-Key`.

use super::{Connection, Gate, Reply, Response, Shop};

pub(crate) const BODY: &[u8] = br#"{"item":"tea"}"#;

pub(crate) fn post(shop: &Shop, key: &str) -> Response {
    shop.call("POST", "/v1/orders", &[("Idempotency-Key", key)], BODY)
}

/// The head of a keyed request with [`BODY`].
pub(crate) fn keyed_request(shop: &Shop, key: &str) -> String {
    let (api_key, length) = (&shop.client.key, BODY.len());
    format!(
        "POST /v1/orders HTTP/1.1\r\nHost: x\r\nX-API-Key: {api_key}\r\nIdempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// Sends a keyed request and does not wait for its answer.
pub(crate) fn begin(shop: &Shop, key: &str) -> Connection {
    let mut connection = Connection::open(shop.platform.gateway);
    connection.send(keyed_request(shop, key));
    connection.send(BODY);
    connection
}

pub(crate) fn hold(shop: &Shop, answer: Reply) -> Gate {
    let gate = Gate::default();
    let held = gate.clone();
    shop.live.answer(move |_| Reply::After(held.clone(), Box::new(answer.clone())));
    gate
}

pub(crate) fn is_replay(response: &Response) -> bool {
    response.header("idempotent-replayed").is_some()
}
