//! Sets the demo up as an operator would, through the admin API. What is there from an earlier start is used again;
//! keys are shown once, so there are new ones, and those of the earlier start are revoked.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::sample::{self, Sample};
use crate::{
    client::{AdminClient, AdminFault, path},
    data_folder::{DataFolder, Running},
    tour::wire::Call,
};

/// Requests a minute in the second client's tier.
pub(super) const TRIAL_RATE: u32 = 5;
/// Requests that are left to the second client this month, live.
pub(super) const TRIAL_ALLOWANCE: u64 = 3;

/// Who can call, and what has happened already.
pub(super) struct Stage {
    /// May do everything but read reports.
    pub(super) main: Caller,
    /// A client on a small tier with a tiny allowance.
    pub(super) trial: Caller,
    pub(super) oauth_id: String,
    pub(super) oauth_secret: String,
    /// A request that was refused.
    pub(super) refused_id: String,
}

/// A client with its keys.
pub(super) struct Caller {
    pub(super) name: &'static str,
    pub(super) id: String,
    pub(super) tier: &'static str,
    pub(super) live_key_id: String,
    pub(super) live_key: String,
    pub(super) sandbox_key: String,
}

pub(super) fn set_up(urls: &Running, data: &DataFolder, sample: &Sample) -> Result<Stage> {
    let admin = AdminClient::new(&urls.admin, &data.operator_token()?);
    let document = json!({
        "document": sample::DOCUMENT, "upstream": sample.live_url(), "sandbox_upstream": sample.sandbox_url(),
    });
    admin.post("/apis", &document).context("the sample API cannot be imported")?;
    admin.put(&path(["tiers", "trial"]), &json!({ "rate_per_minute": TRIAL_RATE }))?;
    let scopes: Vec<&str> = sample::SCOPES.into_iter().filter(|scope| *scope != "reports:read").collect();
    let main = caller(&admin, "harbour-books", "standard", &scopes)?;
    let trial = caller(&admin, "corner-shop", "trial", &["shipments:read"])?;
    leave_little(&admin, &trial)?;
    let old = usable(&admin, &main.id, "oauth", "/credentials", "client_id")?;
    let oauth = admin.post(&path(["clients", &main.id, "oauth"]), &json!({ "environment": "live" }))?.value;
    revoke(&admin, "oauth", &old)?;
    let (oauth_id, oauth_secret) = (text(&oauth, "client_id")?, text(&oauth, "client_secret")?);
    // What an earlier demo may have left off.
    admin.post("/switches/on", &json!({ "target": { "kind": "category", "name": "tracking" } }))?;
    let refused_id = refused(urls, &main)?;
    Ok(Stage { main, trial, oauth_id, oauth_secret, refused_id })
}

fn caller(admin: &AdminClient, name: &'static str, tier: &'static str, scopes: &[&str]) -> Result<Caller> {
    let fields = json!({
        "name": name, "tier": tier, "allowance": 100_000, "scopes": scopes, "write_enabled": true,
    });
    let client = match admin.get(&path(["clients", name])) {
        Ok(found) => found.value,
        Err(AdminFault::Refused { status: 404, .. }) => admin.post("/clients", &fields)?.value,
        Err(fault) => return Err(fault.into()),
    };
    let id = text(&client, "id")?;
    let old = usable(admin, &id, "keys", "/keys", "id")?;
    let key = |environment: &str| {
        let made = admin.post(&path(["clients", &id, "keys"]), &json!({ "environment": environment }))?.value;
        anyhow::Ok((text(&made, "id")?, text(&made, "key")?))
    };
    let ((live_key_id, live_key), (_, sandbox_key)) = (key("live")?, key("sandbox")?);
    revoke(admin, "keys", &old)?;
    Ok(Caller { name, id, tier, live_key_id, live_key, sandbox_key })
}

/// The ids of a client's credentials that work, made as the demo makes them. A key with scopes or an end of its own is
/// somebody else's.
fn usable(admin: &AdminClient, client: &str, kind: &str, list: &str, id: &str) -> Result<Vec<String>> {
    let answer = admin.get(&path(["clients", client, kind]))?.value;
    let all = answer.pointer(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let ours =
        |one: &&Value| one["state"] == "active" && one["scopes"].is_null() && one["expires_at"].is_null();
    all.iter().filter(ours).map(|one| text(one, id)).collect()
}

fn revoke(admin: &AdminClient, kind: &str, ids: &[String]) -> Result<()> {
    for id in ids {
        admin.act(&path([kind, id, "revoke"]))?;
    }
    Ok(())
}

/// However much was used before.
fn leave_little(admin: &AdminClient, trial: &Caller) -> Result<()> {
    let client = path(["clients", &trial.id]);
    let used = admin.get(&client)?.value["used"]["live"].as_u64().unwrap_or(0);
    admin.patch(&client, &json!({ "allowance": used + TRIAL_ALLOWANCE }))?;
    Ok(())
}

/// Something for support to explain.
fn refused(urls: &Running, main: &Caller) -> Result<String> {
    let gateway = urls.gateway.strip_prefix("http://").unwrap_or(&urls.gateway);
    let call = Call::get("/v1/reports/volume?year=2026&month=11").key(&main.live_key);
    let reply = call.send(gateway.parse().context("the gateway's address cannot be read")?)?;
    if reply.status < 400 {
        bail!("the gateway answered {} where a refusal was due", reply.status);
    }
    Ok(reply.request_id().to_owned())
}

fn text(value: &Value, name: &str) -> Result<String> {
    let found = value[name].as_str().with_context(|| format!("the admin API's answer has no `{name}`"))?;
    Ok(found.to_owned())
}
