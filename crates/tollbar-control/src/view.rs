//! Records as the admin API shows them: times in RFC 3339, and nothing of a secret.

use std::collections::BTreeSet;

use ipnet::IpNet;
use serde::Serialize;
use serde_json::{Map, Value, json};
use tollbar_contract::Environment;
use tollbar_core::{
    ApiRecord, AuditEntry, ChangeId, Client, ClientId, Correction, Directory, KeyId, KeyRecord, OauthId,
    OauthRecord, Overage, Switch, SwitchId, SwitchTarget, Timestamp, port::RequestEntry,
};

/// A number for each environment.
#[derive(Serialize)]
pub(crate) struct PerEnvironment {
    live: u64,
    sandbox: u64,
}

/// A client.
#[derive(Serialize)]
pub(crate) struct ClientView {
    id: ClientId,
    pub(crate) name: String,
    tier: String,
    rate_per_minute: Option<u32>,
    scopes: BTreeSet<String>,
    allowance: PerEnvironment,
    used: PerEnvironment,
    overage: Overage,
    write_enabled: bool,
    access_enabled: bool,
    suspended: bool,
    deleted: bool,
    allow_ips: Vec<IpNet>,
    created_at: String,
    change: ChangeId,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) warnings: Vec<String>,
}

/// A key, without the key.
#[derive(Serialize)]
pub(crate) struct KeyView {
    id: KeyId,
    client: ClientId,
    environment: Environment,
    hint: String,
    scopes: Option<BTreeSet<String>>,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    state: &'static str,
    created_at: String,
}

/// An OAuth2 credential, without its secrets.
#[derive(Serialize)]
pub(crate) struct OauthView {
    client_id: OauthId,
    client: ClientId,
    environment: Environment,
    state: &'static str,
    created_at: String,
    revoked_at: Option<String>,
}

/// A switch.
#[derive(Serialize)]
pub(crate) struct SwitchView {
    id: SwitchId,
    target: SwitchTarget,
    environment: Option<Environment>,
    message: Option<String>,
    until: Option<String>,
    since: String,
}

/// An API.
#[derive(Serialize)]
pub(crate) struct ApiView {
    base: String,
    title: String,
    version: String,
    upstream: Option<String>,
    sandbox_upstream: Option<String>,
    endpoints: usize,
    observe: bool,
    imported_at: String,
}

pub(crate) fn client(directory: &Directory, client: &Client, now: Timestamp) -> ClientView {
    let record = client.record.clone();
    let [live, sandbox] = record.allowance;
    let used = |environment: Environment, limit| client.meter(environment).peek_allowance(limit, now).used;
    ClientView {
        id: record.id,
        rate_per_minute: directory.snapshot().tiers.get(&record.tier).map(|tier| tier.rate_per_minute),
        allowance: PerEnvironment { live, sandbox },
        used: PerEnvironment {
            live: used(Environment::Live, live),
            sandbox: used(Environment::Sandbox, sandbox),
        },
        name: record.name,
        tier: record.tier,
        scopes: record.scopes,
        overage: record.overage,
        write_enabled: record.write_enabled,
        access_enabled: record.access_enabled,
        suspended: record.suspended,
        deleted: record.deleted,
        allow_ips: record.allow_ips,
        created_at: record.created_at.to_string(),
        change: record.change,
        warnings: Vec::new(),
    }
}

pub(crate) fn key(directory: &Directory, key: &KeyRecord, now: Timestamp) -> KeyView {
    let is_deleted = directory.find_client(key.client).is_none_or(|client| client.record.deleted);
    let state = match (key.grace_until, key.expires_at) {
        _ if is_deleted || key.is_revoked(now) => "revoked",
        (_, Some(at)) if at <= now => "expired",
        (Some(_), _) => "grace",
        (None, _) => "active",
    };
    KeyView {
        id: key.id,
        client: key.client,
        environment: key.environment,
        hint: key.hint.clone(),
        scopes: key.scopes.clone(),
        expires_at: key.expires_at.map(time),
        revoked_at: key.revoked_from().map(time),
        state,
        created_at: time(key.created_at),
    }
}

pub(crate) fn oauth(directory: &Directory, oauth: &OauthRecord) -> OauthView {
    let is_deleted = directory.find_client(oauth.client).is_none_or(|client| client.record.deleted);
    let is_revoked = is_deleted || oauth.revoked_at.is_some();
    OauthView {
        client_id: oauth.id,
        client: oauth.client,
        environment: oauth.environment,
        state: if is_revoked { "revoked" } else { "active" },
        created_at: time(oauth.created_at),
        revoked_at: oauth.revoked_at.map(time),
    }
}

pub(crate) fn switch(switch: &Switch) -> SwitchView {
    SwitchView {
        id: switch.id,
        target: switch.target.clone(),
        environment: switch.environment,
        message: switch.message.clone(),
        until: switch.until.map(time),
        since: time(switch.since),
    }
}

pub(crate) fn api(record: &ApiRecord) -> ApiView {
    let [upstream, sandbox_upstream] = record.upstreams.each_ref().map(|all| urls(all));
    ApiView {
        base: base(&record.base),
        title: record.title.clone(),
        version: record.version.clone(),
        upstream,
        sandbox_upstream,
        endpoints: record.endpoints.len(),
        observe: record.observe,
        imported_at: time(record.imported_at),
    }
}

/// An upstream's URLs in one text, which an import takes again.
pub(crate) fn urls(urls: &[String]) -> Option<String> {
    (!urls.is_empty()).then(|| urls.join(", "))
}

/// The root base is stored as nothing, and written `/` by people.
pub(crate) fn base(stored: &str) -> String {
    if stored.is_empty() { "/".to_owned() } else { stored.to_owned() }
}

pub(crate) fn audit(entry: &AuditEntry) -> Value {
    let AuditEntry { id, at, actor, action, subject, detail } = entry;
    json!({ "id": id, "at": time(*at), "actor": actor, "action": action, "subject": subject, "detail": detail })
}

/// Everything that was recorded; stored times are milliseconds, and `at` becomes text.
pub(crate) fn request(entry: &RequestEntry) -> Map<String, Value> {
    let Ok(Value::Object(mut shown)) = serde_json::to_value(entry) else { return Map::new() };
    shown.insert("at".to_owned(), time(entry.at).into());
    shown
}

pub(crate) fn correction(correction: &Correction) -> Value {
    let Correction { client, environment, month, units, kind, reason, at, change } = correction;
    json!({
        "client": client, "environment": environment, "month": month.to_string(), "units": units, "kind": kind,
        "reason": reason, "at": at.map(time), "change": change,
    })
}

pub(crate) fn time(at: Timestamp) -> String {
    at.to_string()
}
