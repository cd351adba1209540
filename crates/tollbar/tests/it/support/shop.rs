//! A small API behind a platform, with a client that may do everything.

use serde_json::{Value, json};

use super::{Platform, PlatformBuilder, Response, Upstream, wire};

/// Its document.
pub(crate) const SHOP: &str = r##"
openapi: 3.0.3
info: { title: Shop, version: "1" }
paths:
  /orders:
    get:
      tags: [orders]
      parameters:
        - { name: limit, in: query, schema: { type: integer, minimum: 1, maximum: 100 } }
      responses: { "200": { description: ok } }
    post:
      tags: [orders]
      requestBody: { content: { application/json: {}, application/octet-stream: {} } }
      responses: { "201": { description: ok } }
  /orders/{id}:
    get:
      tags: [orders]
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses: { "200": { description: ok } }
    delete:
      tags: [orders]
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses: { "204": { description: ok } }
  /orders/latest:
    get: { tags: [orders], responses: { "200": { description: ok } } }
  /reports:
    get:
      tags: [reports]
      parameters:
        - { name: year, in: query, required: true, schema: { type: integer } }
        - { name: X-Tenant, in: header, required: true, schema: { type: string } }
      responses: { "200": { description: ok } }
  /payments:
    post:
      tags: [payments]
      x-tollbar-idempotency-required: true
      responses: { "201": { description: ok } }
  /events:
    get: { tags: [events], responses: { "200": { description: ok } } }
"##;

/// Every scope of the document.
const SCOPES: [&str; 5] = ["orders:read", "orders:write", "reports:read", "payments:write", "events:read"];

/// A platform with the API imported, its upstreams, and a client.
pub(crate) struct Shop {
    pub(crate) platform: Platform,
    pub(crate) live: Upstream,
    pub(crate) sandbox: Upstream,
    pub(crate) client: ShopClient,
}

/// A client with a key for each environment.
#[derive(Clone, Debug)]
pub(crate) struct ShopClient {
    pub(crate) id: String,
    pub(crate) key_id: String,
    /// The live key.
    pub(crate) key: String,
    pub(crate) sandbox_key: String,
}

impl Shop {
    pub(crate) fn open() -> Self {
        Self::open_with(Platform::with())
    }

    /// A platform that keeps every request for the look-up, not a sample.
    pub(crate) fn open_keeping_all() -> Self {
        let all = "1000000";
        Self::open_with(
            Platform::with()
                .set("requests.anonymous_per_second", all)
                .set("requests.successes_per_second", all),
        )
    }

    pub(crate) fn open_with(builder: PlatformBuilder) -> Self {
        Self::on(builder.start())
    }

    /// On a platform that runs.
    pub(crate) fn on(platform: Platform) -> Self {
        let (live, sandbox) = (Upstream::start(), Upstream::start());
        platform.change(
            "POST",
            "/apis",
            &json!({ "document": SHOP, "base": "/v1", "upstream": live.url(), "sandbox_upstream": sandbox.url() }),
        );
        let client = new_client(&platform, "acme", &json!({}));
        Self { platform, live, sandbox, client }
    }

    /// kill -9, then a new process on the same folder.
    pub(crate) fn kill_and_restart(self) -> Self {
        Self { platform: self.platform.kill_and_restart(), ..self }
    }

    /// SIGTERM, then a new process on the same folder.
    pub(crate) fn stop_and_restart(self) -> Self {
        Self { platform: self.platform.stop_and_restart(), ..self }
    }

    /// Imports the document again, with other fields of the request.
    pub(crate) fn import(&self, differences: &Value) {
        let mut fields = json!({
            "document": SHOP, "base": "/v1", "upstream": self.live.url(), "sandbox_upstream": self.sandbox.url(),
        });
        for (field, value) in differences.as_object().unwrap() {
            fields[field] = value.clone();
        }
        self.platform.change("POST", "/apis", &fields);
    }

    /// Another client; `differences` replace fields of the request that creates it.
    pub(crate) fn client(&self, name: &str, differences: &Value) -> ShopClient {
        new_client(&self.platform, name, differences)
    }

    /// Calls live with the client's key.
    pub(crate) fn get(&self, target: &str) -> Response {
        self.call("GET", target, &[], b"")
    }

    pub(crate) fn call(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        self.call_as(&self.client.key, method, target, headers, body)
    }

    pub(crate) fn call_as(
        &self,
        key: &str,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        let mut all = vec![("X-API-Key", key)];
        all.extend_from_slice(headers);
        wire::request(self.platform.gateway, method, target, &all, body)
    }

    /// A new OAuth2 credential: id and secret.
    pub(crate) fn oauth(&self, client: &str, environment: &str) -> (String, String) {
        let path = format!("/clients/{client}/oauth");
        let made = self.platform.change("POST", &path, &json!({ "environment": environment }));
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("client_id"), text("client_secret"))
    }

    /// Asks the live token endpoint with this form.
    pub(crate) fn token_request(&self, form: &str) -> Response {
        wire::request(
            self.platform.gateway,
            "POST",
            "/v1/oauth/token",
            &[("Content-Type", "application/x-www-form-urlencoded")],
            form.as_bytes(),
        )
    }

    /// A live token.
    pub(crate) fn token(&self, (id, secret): &(String, String)) -> String {
        let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let response = self.token_request(&form);
        assert_eq!(response.status, 200, "{response:?}");
        response.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// What the platform knows of a request.
    pub(crate) fn look_up(&self, request_id: &str) -> Value {
        self.platform.read(&format!("/requests/{request_id}"))
    }

    /// Requests charged this month: live.
    pub(crate) fn used(&self, client: &str) -> u64 {
        self.platform.read(&format!("/usage/{client}"))["live"]["used"].as_u64().unwrap()
    }
}

/// A client that may do everything, with keys; `differences` replace fields of the request that creates it.
pub(crate) fn new_client(platform: &Platform, name: &str, differences: &Value) -> ShopClient {
    let mut fields = json!({
        "name": name, "tier": "enterprise", "allowance": 100_000, "scopes": SCOPES, "write_enabled": true,
    });
    for (field, value) in differences.as_object().unwrap() {
        fields[field] = value.clone();
    }
    let id = platform.change("POST", "/clients", &fields)["id"].as_str().unwrap().to_owned();
    let key = |environment: &str| {
        platform.change("POST", &format!("/clients/{id}/keys"), &json!({ "environment": environment }))
    };
    let (live, sandbox) = (key("live"), key("sandbox"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    ShopClient { key_id: text(&live["id"]), key: text(&live["key"]), sandbox_key: text(&sandbox["key"]), id }
}
