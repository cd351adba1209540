//! Where the tour takes place: a platform of its own, the sample API behind it, and companies that call it.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::wire::Call;
use crate::{
    client::AdminClient,
    config::Config,
    data_folder::DataFolder,
    demo::sample::{self, Sample},
    instance::Instance,
};

/// Tokens of the tour end soon, so that one can be seen to have ended.
const TOKEN_SECONDS: u64 = 2;
/// When a token has ended for certain: its end is a whole second, and may be rounded up.
const ENDED_SECONDS: u64 = TOKEN_SECONDS + 1;
/// Failed authentications in a minute; fewer than usual, so that the limit can be reached.
pub(super) const FAILURES_PER_MINUTE: u32 = 25;

/// Everything that a row of the tour needs.
pub(super) struct Scene {
    pub(super) gateway: SocketAddr,
    pub(super) sample: Sample,
    /// Credentials that will have ended when the tour does.
    pub(super) ending: Ending,
    admin: AdminClient,
    instance: Instance,
    folder: TempDir,
}

/// A client of the tour.
#[derive(Clone, Debug, Default)]
pub(super) struct Partner {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) key_id: String,
    pub(super) sandbox_key: String,
}

/// An OAuth2 credential.
pub(super) struct Oauth {
    pub(super) id: String,
    pub(super) secret: String,
}

/// A token and a key that end while the tour goes on.
#[derive(Default)]
pub(super) struct Ending {
    pub(super) partner: Partner,
    pub(super) token: String,
    pub(super) key: String,
    ended: Option<Instant>,
}

impl Scene {
    /// Starts everything.
    pub(super) fn set() -> Result<Self> {
        let folder = TempDir::with_prefix("tollbar-tour-").context("no throw-away folder can be made")?;
        let data = DataFolder::create(folder.path().join("data"), None)?;
        let (sample, instance) = (Sample::start()?, Instance::start(&config(), &data)?);
        let admin = AdminClient::new(&instance.urls.admin, &data.operator_token()?);
        let gateway = instance.urls.gateway.strip_prefix("http://").unwrap_or_default();
        let gateway = gateway.parse().context("the gateway's address cannot be read")?;
        let ending = Ending::default();
        let mut scene = Self { gateway, sample, ending, admin, instance, folder };
        let upstreams = (scene.sample.live_url(), scene.sample.sandbox_url());
        scene.change(
            "/apis",
            &json!({ "document": sample::DOCUMENT, "upstream": upstreams.0, "sandbox_upstream": upstreams.1 }),
        )?;
        scene.ending = scene.ending()?;
        Ok(scene)
    }

    /// Ends everything, and leaves nothing behind.
    pub(super) fn strike(self) -> Result<()> {
        self.instance.stop()?;
        self.sample.stop()?;
        self.folder.close().context("the throw-away folder cannot be removed")
    }

    /// A client that may do everything, but for what `differences` say.
    pub(super) fn partner(&self, name: &str, differences: &Value) -> Result<Partner> {
        let mut fields = json!({
            "name": name, "tier": "standard", "allowance": 1000, "scopes": sample::SCOPES, "write_enabled": true,
        });
        for (field, value) in differences.as_object().into_iter().flatten() {
            fields[field] = value.clone();
        }
        let id = text(&self.change("/clients", &fields)?, "id")?;
        let (key_id, key) = self.key(&id, &json!({ "environment": "live" }))?;
        let (_, sandbox_key) = self.key(&id, &json!({ "environment": "sandbox" }))?;
        Ok(Partner { id, key, key_id, sandbox_key })
    }

    /// Another key of a client: its id, and itself.
    pub(super) fn key(&self, client: &str, fields: &Value) -> Result<(String, String)> {
        let made = self.change(&format!("/clients/{client}/keys"), fields)?;
        Ok((text(&made, "id")?, text(&made, "key")?))
    }

    pub(super) fn oauth(&self, partner: &Partner, environment: &str) -> Result<Oauth> {
        let path = format!("/clients/{}/oauth", partner.id);
        let made = self.change(&path, &json!({ "environment": environment }))?;
        Ok(Oauth { id: text(&made, "client_id")?, secret: text(&made, "client_secret")? })
    }

    /// A token for live, from the token endpoint.
    pub(super) fn token(&self, oauth: &Oauth) -> Result<String> {
        let reply = Call::form("/v1/oauth/token", &oauth.form(&[])).send(self.gateway)?;
        if reply.status != 200 {
            bail!("no token was given: {} {}", reply.status, reply.body);
        }
        text(&reply.json(), "access_token")
    }

    /// An operator's change, with its answer.
    pub(super) fn change(&self, path: &str, body: &Value) -> Result<Value> {
        Ok(self.admin.post(path, body).with_context(|| format!("POST {path}"))?.value)
    }

    pub(super) fn set_tier(&self, name: &str, rate_per_minute: u32) -> Result<()> {
        self.admin.put(&format!("/tiers/{name}"), &json!({ "rate_per_minute": rate_per_minute }))?;
        Ok(())
    }

    pub(super) fn edit_client(&self, id: &str, fields: &Value) -> Result<()> {
        self.admin.patch(&format!("/clients/{id}"), fields)?;
        Ok(())
    }

    pub(super) fn delete_client(&self, id: &str) -> Result<()> {
        self.admin.delete(&format!("/clients/{id}"))?;
        Ok(())
    }

    /// With something switched off; it is on again afterwards, whatever happened.
    pub(super) fn while_off<T>(&self, target: &Value, act: impl FnOnce() -> Result<T>) -> Result<T> {
        self.switch_off(target)?;
        let done = act();
        self.switch_on(target)?;
        done
    }

    pub(super) fn switch_off(&self, target: &Value) -> Result<()> {
        self.change("/switches", &json!({ "target": target, "message": "Back at noon." })).map(drop)
    }

    pub(super) fn switch_on(&self, target: &Value) -> Result<()> {
        self.change("/switches/on", &json!({ "target": target })).map(drop)
    }

    /// What support sees of a request.
    pub(super) fn look_up(&self, request_id: &str) -> Result<Value> {
        Ok(self.admin.get(&format!("/requests/{request_id}")).context("the look-up failed")?.value)
    }

    /// What a client has used of this month's allowance, live.
    pub(super) fn used(&self, partner: &Partner) -> Result<Option<u64>> {
        Ok(self.admin.get(&format!("/usage/{}", partner.id))?.value["live"]["used"].as_u64())
    }

    /// Waits until the ending credentials have ended.
    pub(super) fn wait_for_ending(&self) {
        let left = || self.ending.ended?.checked_duration_since(Instant::now());
        while let Some(left) = left() {
            std::thread::park_timeout(left);
        }
    }

    fn ending(&self) -> Result<Ending> {
        let partner = self.partner("late-lantern", &json!({}))?;
        let made =
            self.change(&format!("/clients/{}/keys", partner.id), &json!({ "environment": "live" }))?;
        // The platform's clock counts, not this program's.
        let now = text(&made, "created_at")?;
        let now = tollbar_core::Timestamp::parse(&now).context("a time that cannot be read")?;
        let end = now.plus_seconds(TOKEN_SECONDS).to_string();
        let (_, key) = self.key(&partner.id, &json!({ "environment": "live", "expires_at": end }))?;
        let token = self.token(&self.oauth(&partner, "live")?)?;
        let ended = Instant::now().checked_add(Duration::from_secs(ENDED_SECONDS));
        Ok(Ending { partner, token, key, ended })
    }
}

impl Oauth {
    /// The form of a token request, with more fields.
    pub(super) fn form<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", self.id.as_str()),
            ("client_secret", self.secret.as_str()),
        ];
        let replaced = |name: &str| more.iter().any(|(other, _)| *other == name);
        fields.into_iter().filter(|(name, _)| !replaced(name)).chain(more.iter().copied()).collect()
    }
}

pub(super) fn text(value: &Value, name: &str) -> Result<String> {
    let found = value[name].as_str().with_context(|| format!("no `{name}` in {value}"))?;
    Ok(found.to_owned())
}

fn config() -> Config {
    let mut config = Config::default();
    for listen in [&mut config.gateway.listen, &mut config.admin.listen, &mut config.ops.listen] {
        listen.set_port(0);
    }
    config.tokens.lifetime_seconds = TOKEN_SECONDS;
    config.authentication.failures_per_minute = FAILURES_PER_MINUTE;
    // Every request of the tour is looked up.
    config.requests.successes_per_second = 10_000;
    config.requests.anonymous_per_second = 10_000;
    config
}
