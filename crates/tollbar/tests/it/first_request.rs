//! The whole line, end to end.

use crate::support::Shop;

#[test]
fn a_request_goes_to_the_upstream_and_comes_back() {
    let shop = Shop::open();
    let response = shop.get("/v1/orders?limit=5");
    assert_eq!(response.status, 200, "{response:?}\n{}", shop.platform.log());
    assert_eq!(response.text(), r#"{"ok":true}"#);
    response.request_id();
    let received = shop.live.last();
    assert_eq!((received.method.as_str(), received.target.as_str()), ("GET", "/orders?limit=5"));
    assert_eq!(received.header("x-request-id"), response.header("x-request-id"));
    assert_eq!(received.header("x-tollbar-client"), Some(shop.client.id.as_str()));
    assert_eq!(received.header("x-api-key"), None);
    assert_eq!(shop.sandbox.count(), 0);
    assert_eq!(shop.used(&shop.client.id), 1);
}
