//! For each error code, a request that provokes it: exhaustive, so that a new code without one does not compile.

use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};
use tollbar_contract::Code;

use super::{Platform, Reply, Response, Shop, ShopClient, wire};

/// What the upstream hides in a 500.
pub(crate) const UPSTREAM_SECRET: &str = "stack trace of db-7.internal";
/// What the upstream says in a 422.
pub(crate) const UPSTREAM_DETAIL: &str = "The order is shipped already.";

/// An address where nothing listens, and nothing can begin to: a connection of our own goes out from its port.
pub(crate) struct Nowhere {
    stream: TcpStream,
    /// Keeps the stream's other end.
    _listener: TcpListener,
}

impl Nowhere {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        Self { stream, _listener: listener }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.stream.local_addr().unwrap())
    }
}

/// A world in which one request is answered with one code. The client is its own, and `undo` lets it call again.
pub(crate) struct Provocation {
    pub(crate) client: ShopClient,
    /// Whose credential is sent, if it is not that client's.
    pub(crate) other_client: Option<String>,
    /// The id of the credential that the request proves, where it proves one.
    pub(crate) credential: Option<String>,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    /// Requests of the client that were admitted before, each charged.
    pub(crate) primed: u64,
    /// Secrets that were used.
    pub(crate) secrets: Vec<String>,
    undo: Vec<(&'static str, String, Value)>,
}

impl Provocation {
    pub(crate) fn send(&self, shop: &Shop) -> Response {
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        wire::request(shop.platform.gateway, self.method, &self.target, &headers, self.body.as_bytes())
    }

    /// Takes back what keeps the client from calling.
    pub(crate) fn undo(&self, shop: &Shop) {
        for (method, path, body) in &self.undo {
            shop.platform.change(method, path, body);
        }
    }
}

/// A shop in which every code can be provoked.
pub(crate) fn provocative_shop() -> Shop {
    let shop = Shop::open_with(Platform::with().set("requests.anonymous_per_second", "1000000"));
    shop.live.answer(|received| match received.target.as_str() {
        "/orders/broken" => Reply::json(500, &json!({ "message": UPSTREAM_SECRET }).to_string()),
        "/orders/shipped" => Reply::json(422, &json!({ "detail": UPSTREAM_DETAIL }).to_string()),
        _ => Reply::json(200, r#"{"ok":true}"#),
    });
    shop.platform.change("PUT", "/tiers/one", &json!({ "rate_per_minute": 1 }));
    shop
}

/// Arranges what `code` needs.
pub(crate) fn provoke(shop: &Shop, code: Code) -> Provocation {
    let platform = &shop.platform;
    let client = shop.client(code.as_str(), &json!({}));
    let path = format!("/clients/{}", client.id);
    let mut p = Provocation {
        credential: Some(client.key_id.clone()),
        method: "GET",
        target: "/v1/orders".to_owned(),
        headers: vec![("X-API-Key", client.key.clone())],
        body: String::new(),
        other_client: None,
        primed: 0,
        secrets: vec![client.key.clone(), client.sandbox_key.clone()],
        undo: Vec::new(),
        client,
    };
    let patch = |body: &Value| platform.change("PATCH", &path, body);
    match code {
        Code::ApiPlatformDisabled => {
            let target = json!({ "target": { "kind": "platform" }, "message": "Moving house until noon." });
            platform.change("POST", "/switches", &target);
            p.undo.push(("POST", "/switches/on".to_owned(), json!({ "target": { "kind": "platform" } })));
            p.credential = None;
        }
        Code::MissingCredentials => p.present(None, "X-Other", "1"),
        Code::MalformedCredentials => p.present(None, "Authorization", "Bearer"),
        Code::InvalidApiKey => {
            let mistyped = format!("{}x", p.client.key);
            p.present(None, "X-API-Key", &mistyped);
        }
        Code::ExpiredToken => {
            let other = shop.client("no longer a client", &json!({}));
            let oauth = shop.oauth(&other.id, "live");
            let token = shop.token(&oauth);
            platform.change("DELETE", &format!("/clients/{}", other.id), &json!({}));
            p.present(Some(&oauth.0), "Authorization", &format!("Bearer {token}"));
            p.other_client = Some(other.id);
            p.secrets.push(token);
        }
        Code::RevokedApiKey => {
            let made = platform.change("POST", &format!("{path}/keys"), &json!({ "environment": "live" }));
            let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
            platform.change("POST", &format!("/keys/{id}/revoke"), &json!({}));
            p.present(Some(id), "X-API-Key", key);
            p.secrets.push(key.to_owned());
        }
        Code::RevokedToken => {
            let (id, secret) = shop.oauth(&p.client.id, "live");
            let token = shop.token(&(id.clone(), secret.clone()));
            platform.change("POST", &format!("/oauth/{id}/revoke"), &json!({}));
            p.present(Some(&id), "Authorization", &format!("Bearer {token}"));
            p.secrets.extend([secret, token]);
        }
        Code::ClientSuspended => {
            platform.change("POST", &format!("{path}/suspend"), &json!({}));
            p.undo.push(("POST", format!("{path}/resume"), json!({})));
        }
        Code::IpNotAllowed => {
            patch(&json!({ "allow_ips": ["192.0.2.0/24"] }));
            p.undo.push(("PATCH", path.clone(), json!({ "allow_ips": [] })));
        }
        Code::CredentialEnvironmentMismatch => p.target = "/sandbox/v1/orders".to_owned(),
        Code::ScopeMissing => {
            patch(&json!({ "remove_scopes": ["orders:read"] }));
        }
        Code::ApiAccessDisabled => {
            patch(&json!({ "access_enabled": false }));
        }
        Code::ApiWriteScopeNotCommerciallyEnabled => {
            patch(&json!({ "write_enabled": false }));
            p.method = "POST";
        }
        Code::RateLimitExceeded => {
            patch(&json!({ "tier": "one" }));
            p.prime(shop);
            p.undo.push(("PATCH", path.clone(), json!({ "tier": "enterprise" })));
        }
        Code::ApiUsageAllowanceExceeded => {
            patch(&json!({ "allowance": 1 }));
            p.prime(shop);
        }
        Code::EndpointDisabled => {
            let target = json!({ "kind": "endpoint", "method": "GET", "path": "/v1/events" });
            let switch = json!({ "target": target, "message": "Events move to a new machine." });
            platform.change("POST", "/switches", &switch);
            p.target = "/v1/events".to_owned();
        }
        Code::IdempotencyConflict => {
            p.method = "POST";
            p.headers.push(("Idempotency-Key", "first-order".to_owned()));
            p.body = r#"{"n":1}"#.to_owned();
            p.prime(shop);
            p.body = r#"{"n":2}"#.to_owned();
        }
        Code::InvalidRequest => p.target = "/v1/orders?limit=many".to_owned(),
        Code::InvalidGrant => p.ask_for_token(shop, "grant_type=password", ""),
        Code::InvalidClient => p.ask_for_token(shop, "grant_type=client_credentials", "x"),
        Code::InvalidScope => p.ask_for_token(shop, "grant_type=client_credentials&scope=cellar:read", ""),
        Code::InternalError => p.target = "/v1/orders/broken".to_owned(),
        Code::NotFound => p.target = "/v1/nothing/here".to_owned(),
        Code::MethodNotAllowed => p.method = "DELETE",
        Code::RequestRejected => p.target = "/v1/orders/shipped".to_owned(),
    }
    p
}

impl Provocation {
    /// Presents this instead of the client's key.
    fn present(&mut self, credential: Option<&str>, name: &'static str, value: &str) {
        self.credential = credential.map(str::to_owned);
        self.headers = vec![(name, value.to_owned())];
    }

    /// Sends the request once, admitted.
    fn prime(&mut self, shop: &Shop) {
        let response = self.send(shop);
        assert_eq!(response.status, 200, "{response:?}");
        self.primed += 1;
    }

    /// Turns to the token endpoint; `mistyped` is added to the secret.
    fn ask_for_token(&mut self, shop: &Shop, form: &str, mistyped: &str) {
        let (id, secret) = shop.oauth(&self.client.id, "live");
        self.method = "POST";
        self.target = "/v1/oauth/token".to_owned();
        self.headers = vec![("Content-Type", "application/x-www-form-urlencoded".to_owned())];
        self.body = format!("{form}&client_id={id}&client_secret={secret}{mistyped}");
        self.credential = (form.contains("scope=") && mistyped.is_empty()).then_some(id);
        self.secrets.push(secret);
    }
}
