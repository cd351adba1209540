//! Makes faults present, any number of them together, each in a client of its own.

use std::cell::Cell;

use serde_json::{Value, json};

use super::fault::Fault::{self, *};
use crate::support::{Nowhere, Platform, Response, Upstream, request, send_raw, wait_until};

const DOCUMENT: &str = "
openapi: 3.0.3
info: { title: Orders, version: '1' }
paths:
  /orders:
    post:
      tags: [orders]
      parameters: [{ name: limit, in: query, schema: { type: integer } }]
      responses: { '201': { description: ok } }
  /endpoint-off:
    post:
      tags: [orders]
      parameters: [{ name: limit, in: query, schema: { type: integer } }]
      responses: { '201': { description: ok } }
  /category-off:
    post:
      tags: [off]
      parameters: [{ name: limit, in: query, schema: { type: integer } }]
      responses: { '201': { description: ok } }
";

/// From here, too many failed authentications came.
const THROTTLED_ADDRESS: &str = "198.51.100.7";
/// A key that one request of the client has used.
const USED_KEY: &str = "used-before";

/// A request, ready to be sent, byte for byte.
pub(super) struct Request(Vec<u8>);

/// A platform with everything that is the same for all clients.
pub(super) struct World {
    platform: Platform,
    upstream: Upstream,
    _nowhere: Nowhere,
    clients: Cell<u32>,
    last_expiry: Cell<Option<jiff::Timestamp>>,
}

impl World {
    pub(super) fn open() -> Self {
        let platform = Platform::with()
            .set("requests.anonymous_per_second", "1000000")
            .set("gateway.trusted_proxies", "127.0.0.1/32")
            .set("authentication.failures_per_minute", "2")
            .start();
        let upstream = Upstream::start();
        let nowhere = Nowhere::new();
        for (base, url) in [("/v1", upstream.url()), ("/v2", nowhere.url())] {
            let import =
                json!({ "document": DOCUMENT, "base": base, "upstream": url, "sandbox_upstream": url });
            platform.change("POST", "/apis", &import);
            let path = format!("{base}/endpoint-off");
            let target = json!({ "kind": "endpoint", "method": "POST", "path": path });
            platform.change("POST", "/switches", &json!({ "target": target }));
        }
        let category = json!({ "kind": "category", "name": "off" });
        platform.change("POST", "/switches", &json!({ "target": category }));
        platform.change("PUT", "/tiers/one", &json!({ "rate_per_minute": 1 }));
        platform.change("PUT", "/tiers/many", &json!({ "rate_per_minute": 1000 }));
        let world = Self {
            platform,
            upstream,
            _nowhere: nowhere,
            clients: Cell::new(0),
            last_expiry: Cell::default(),
        };
        let failing = [("X-API-Key", "no-such-key"), ("X-Forwarded-For", THROTTLED_ADDRESS)];
        while request(world.platform.gateway, "GET", "/v1/orders", &failing, b"").status != 429 {}
        world
    }

    /// Makes the faults present, and the request that has them.
    pub(super) fn prepare(&self, faults: &[Fault]) -> Request {
        let has = |fault: Fault| faults.contains(&fault);
        let number = self.clients.replace(self.clients.get() + 1);
        let tier = if has(RateUsedUp) { "one" } else { "many" };
        let fields = json!({
            "name": format!("client {number}"), "tier": tier, "allowance": 100, "write_enabled": true,
            "scopes": ["orders:write", "off:write"],
        });
        let client = self.change("POST", "/clients", &fields);
        let client = client["id"].as_str().unwrap();
        let environment = if has(OtherEnvironment) { "sandbox" } else { "live" };
        let mut credential = if has(TokenOfDeletedClient) || has(RevokedToken) {
            self.token(client, environment, has(RevokedToken))
        } else {
            self.key(client, environment, faults)
        };
        if has(RateUsedUp) || has(KeyReused) {
            self.prime(client, has(KeyReused));
        }
        self.break_client(client, faults);

        if has(TwoCredentials) {
            let is_key = credential.starts_with("X-API-Key");
            credential +=
                if is_key { "Authorization: Bearer abc\r\n" } else { "X-API-Key: abcdefghijkl\r\n" };
        }
        if has(NoCredential) {
            credential.clear();
        }
        Request(message(faults, number, &credential).into_bytes())
    }

    /// A header line with a token, its credential revoked if asked for.
    fn token(&self, client: &str, environment: &str, revoked: bool) -> String {
        let path = format!("/clients/{client}/oauth");
        let made = self.change("POST", &path, &json!({ "environment": environment }));
        let (id, secret) = (made["client_id"].as_str().unwrap(), made["client_secret"].as_str().unwrap());
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let target = if environment == "live" { "/v1/oauth/token" } else { "/sandbox/v1/oauth/token" };
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = request(self.platform.gateway, "POST", target, &headers, form.as_bytes()).json();
        if revoked {
            self.change("POST", &format!("/oauth/{id}/revoke"), &json!({}));
        }
        format!("Authorization: Bearer {}\r\n", answer["access_token"].as_str().unwrap())
    }

    /// A header line with a key.
    fn key(&self, client: &str, environment: &str, faults: &[Fault]) -> String {
        let mut fields = json!({ "environment": environment });
        if faults.contains(&KeyPastItsDate) {
            let expiry = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1500);
            fields["expires_at"] = json!(expiry.to_string());
            self.last_expiry.set(Some(expiry));
        }
        let made = self.change("POST", &format!("/clients/{client}/keys"), &fields);
        let mut key = made["key"].as_str().unwrap().to_owned();
        if faults.contains(&MistypedKey) || faults.contains(&ThrottledAddress) {
            let other = if key.ends_with('x') { 'y' } else { 'x' };
            key.pop();
            key.push(other);
        }
        if faults.contains(&RevokedKey) {
            self.change("POST", &format!("/keys/{}/revoke", made["id"].as_str().unwrap()), &json!({}));
        }
        format!("X-API-Key: {key}\r\n")
    }

    /// One good request on live: it takes from the rate and, if asked for, uses the idempotency key.
    fn prime(&self, client: &str, with_key: bool) {
        let made = self.change("POST", &format!("/clients/{client}/keys"), &json!({ "environment": "live" }));
        let mut headers = vec![("X-API-Key", made["key"].as_str().unwrap())];
        let response = if with_key {
            headers.push(("Idempotency-Key", USED_KEY));
            request(self.platform.gateway, "POST", "/v1/orders", &headers, b"the first")
        } else {
            request(self.platform.gateway, "GET", "/v1/account", &headers, b"")
        };
        assert_eq!(response.status, 200, "{response:?}");
    }

    /// What is wrong with the client itself; deletion last.
    fn break_client(&self, client: &str, faults: &[Fault]) {
        let path = format!("/clients/{client}");
        let mut patch = json!({});
        for fault in faults {
            match fault {
                AddressNotAllowed => patch["allow_ips"] = json!(["192.0.2.0/24"]),
                AccessDisabled => patch["access_enabled"] = json!(false),
                ScopeMissing => patch["scopes"] = json!([]),
                NoWriteAccess => patch["write_enabled"] = json!(false),
                AllowanceUsedUp => patch["allowance"] = json!(0),
                _ => {}
            }
        }
        if patch != json!({}) {
            self.change("PATCH", &path, &patch);
        }
        if faults.contains(&Suspended) {
            self.change("POST", &format!("{path}/suspend"), &json!({}));
        }
        if faults.contains(&DeletedClient) || faults.contains(&TokenOfDeletedClient) {
            self.change("DELETE", &path, &json!({}));
        }
    }

    fn change(&self, method: &str, path: &str, body: &Value) -> Value {
        self.platform.change(method, path, body)
    }

    pub(super) fn switch_the_platform_off(&self) {
        self.change("POST", "/switches", &json!({ "target": { "kind": "platform" } }));
    }

    pub(super) fn wait_until_keys_are_past_their_date(&self) {
        if let Some(last) = self.last_expiry.get() {
            wait_until("the keys are past their date", || jiff::Timestamp::now() > last);
        }
    }

    pub(super) fn send(&self, request: &Request) -> Response {
        send_raw(self.platform.gateway, &request.0)
    }

    pub(super) fn look_up(&self, response: &Response) -> Value {
        self.platform.read(&format!("/requests/{}", response.request_id()))
    }

    pub(super) fn bytes_seen(&self) -> usize {
        self.upstream.bytes_seen()
    }
}

/// The request with what is wrong in its own bytes.
fn message(faults: &[Fault], number: u32, credential: &str) -> String {
    let has = |fault: Fault| faults.contains(&fault);
    let base = if has(UpstreamGone) { "/v2" } else { "/v1" };
    let slash = if has(AmbiguousPath) { "//" } else { "/" };
    let path = match faults {
        _ if has(UnknownPath) => "nowhere",
        _ if has(EndpointOff) => "endpoint-off",
        _ if has(CategoryOff) => "category-off",
        _ => "orders",
    };
    let method = if has(OtherMethod) { "PUT" } else { "POST" };
    let query = if has(InvalidParameter) { "?limit=many" } else { "" };
    // Each client comes from an address of its own: failures are counted by address.
    let own = format!("10.0.{}.{}", number / 256, number % 256);
    let address = if has(ThrottledAddress) { THROTTLED_ADDRESS } else { &own };
    let mut head = format!(
        "{method} {base}{slash}{path}{query} HTTP/1.1\r\nHost: api\r\nX-Forwarded-For: {address}\r\n{credential}"
    );
    if has(MethodOverride) {
        head += "X-HTTP-Method-Override: DELETE\r\n";
    }
    if has(BadIdempotencyKey) {
        head += &format!("Idempotency-Key: {}\r\n", "k".repeat(256));
    }
    if has(KeyReused) {
        head += &format!("Idempotency-Key: {USED_KEY}\r\n");
    }
    if has(UnreadableHead) {
        head += "no colon here\r\n";
    }
    if has(BrokenBody) {
        return head + "Transfer-Encoding: chunked\r\n\r\nno size\r\n";
    }
    head + "Content-Length: 2\r\n\r\n{}"
}
