//! Policy in memory: what the data plane reads. No store is asked before the rate is taken.

mod secrets_in_use;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

pub use secrets_in_use::{Hold, UnderPepper};

use arc_swap::ArcSwap;
use papaya::HashMap;
use tollbar_contract::Environment;

use crate::{
    Api, ApiRecord, Catalogue, ChangeId, ClientId, ClientRecord, Correction, EndpointId, EndpointSettings,
    KeyId, KeyRecord, Meter, OauthId, OauthRecord, PolicyChange, PolicyState, RevokedToken, RouteSettings,
    Switch, Tier, Timestamp,
    observation::Observations,
    port::CountState,
    secret::{CannotOpen, Digest, Secrets},
    token::{SigningKeyFault, SigningKeys},
};

/// A client with its meters. Replaced as a whole when its record changes; the meters stay the same.
pub struct Client {
    /// The record.
    pub record: ClientRecord,
    meters: Arc<[Meter; 2]>,
}

impl Client {
    /// The meter of an environment.
    pub fn meter(&self, environment: Environment) -> &Meter {
        &self.meters[environment.index()]
    }
}

/// Catalogue, switches and tiers: swapped whole, so that no request sees a mixture.
#[derive(Clone, Default)]
pub struct Snapshot {
    /// The imported APIs.
    pub catalogue: Catalogue,
    /// What is set for endpoints by hand, of those that are gone too.
    pub endpoint_settings: Arc<BTreeMap<EndpointId, EndpointSettings>>,
    /// The switches that are thrown.
    pub switches: Vec<Switch>,
    /// The tiers by name.
    pub tiers: BTreeMap<String, Tier>,
}

/// Everything in memory. Clients, keys and credentials are replaced singly, so that one revocation among a
/// million clients costs nothing.
pub struct Directory {
    snapshot: ArcSwap<Snapshot>,
    clients: HashMap<ClientId, Arc<Client>>,
    /// In order, for pages. No request asks for them.
    client_ids: Mutex<BTreeSet<ClientId>>,
    keys: HashMap<Digest, Arc<KeyRecord>>,
    key_digests: HashMap<KeyId, Digest>,
    oauth: HashMap<OauthId, Arc<OauthRecord>>,
    revoked_tokens: HashMap<String, RevokedToken>,
    signing_keys: ArcSwap<SigningKeys>,
    signing_epoch: AtomicU64,
    /// Where upstreams' answers differ from their documents, counted since the start.
    pub observations: Observations,
    /// How paths and hosts are divided.
    pub routes: RouteSettings,
    /// For digests and sealing.
    pub secrets: Secrets,
}

/// Why stored policy cannot be taken into memory.
#[derive(Debug, thiserror::Error)]
pub enum ApplyFault {
    /// A signing key is unusable.
    #[error(transparent)]
    SigningKey(#[from] SigningKeyFault),
    /// A secret is unusable.
    #[error(transparent)]
    Secret(#[from] CannotOpen),
    /// An API cannot be built.
    #[error(transparent)]
    Api(#[from] crate::ApiFault),
}

impl Directory {
    /// An empty one.
    pub fn new(routes: RouteSettings, secrets: Secrets) -> Self {
        Self {
            snapshot: ArcSwap::default(),
            clients: HashMap::new(),
            client_ids: Mutex::default(),
            keys: HashMap::new(),
            key_digests: HashMap::new(),
            oauth: HashMap::new(),
            revoked_tokens: HashMap::new(),
            signing_keys: ArcSwap::default(),
            signing_epoch: AtomicU64::new(0),
            observations: Observations::default(),
            routes,
            secrets,
        }
    }

    /// Takes everything durable into memory at start, but for the keyring: it was unlocked before.
    pub fn load(&self, state: PolicyState) -> Result<(), ApplyFault> {
        let PolicyState {
            clients,
            keys,
            oauth,
            revoked_tokens,
            tiers,
            switches,
            endpoint_settings,
            apis,
            signing_keys,
            ..
        } = state;
        let changes = (clients.into_iter().map(PolicyChange::PutClient))
            .chain(keys.into_iter().map(PolicyChange::PutKey))
            .chain(oauth.into_iter().map(PolicyChange::PutOauth))
            .chain(revoked_tokens.into_iter().map(PolicyChange::RevokeToken))
            .chain(tiers.into_values().map(PolicyChange::PutTier))
            .chain(switches.into_iter().map(PolicyChange::PutSwitch))
            .chain(endpoint_settings.into_iter().map(PolicyChange::PutEndpointSettings))
            .chain(apis.into_iter().map(|api| PolicyChange::PutApi(Box::new(api))))
            .chain(signing_keys.into_iter().map(PolicyChange::PutSigningKey));
        for change in changes {
            self.apply(change)?;
        }
        Ok(())
    }

    /// Takes durable counts into memory at start, after [`Directory::load`].
    pub fn load_counts(&self, counts: CountState) {
        for count in counts.months {
            if let Some(client) = self.find_client(count.client) {
                let meter = client.meter(count.environment);
                meter.restore_allowance(count.month, count.used, count.leased);
                meter.correct(count.month, count.corrected);
            }
        }
        let mut recent = counts.recent;
        recent.sort_by_key(|(_, _, second, _)| *second);
        for (client, environment, second, count) in recent {
            if let Some(client) = self.find_client(client) {
                client.meter(environment).restore_rate(second, count);
            }
        }
    }

    /// Takes one durable change into memory. It is in force for every request whose head is read after this.
    pub fn apply(&self, change: PolicyChange) -> Result<(), ApplyFault> {
        match change {
            PolicyChange::PutClient(record) => self.put_client(record),
            PolicyChange::PutKey(record) => {
                self.key_digests.pin().insert(record.id, record.digest);
                self.keys.pin().insert(record.digest, Arc::new(record));
            }
            PolicyChange::PutOauth(record) => {
                self.oauth.pin().insert(record.id, Arc::new(record));
            }
            PolicyChange::RevokeToken(revoked) => {
                self.revoked_tokens.pin().insert(revoked.token_id.clone(), revoked);
            }
            PolicyChange::PutTier(tier) => self.change_snapshot(|snapshot| {
                snapshot.tiers.insert(tier.name.clone(), tier.clone());
            }),
            PolicyChange::PutSwitch(switch) => self.change_snapshot(|snapshot| {
                snapshot.switches.retain(|other| other.id != switch.id);
                snapshot.switches.push(switch.clone());
            }),
            PolicyChange::RemoveSwitch(id) => {
                self.change_snapshot(|snapshot| snapshot.switches.retain(|switch| switch.id != id));
            }
            PolicyChange::PutApi(record) => self.put_api(&Api::new(*record)?),
            PolicyChange::RemoveApi { base } => {
                self.change_snapshot(|snapshot| snapshot.catalogue.remove(&base));
            }
            PolicyChange::PutEndpointSettings(settings) => self.change_settings(&settings.base, |all| {
                all.insert(settings.endpoint, settings.clone());
            }),
            PolicyChange::ResetEndpoint(id) => {
                let known = self.snapshot().endpoint_settings.get(&id).map(|known| known.base.clone());
                self.change_settings(&known.unwrap_or_default(), |all| {
                    all.remove(&id);
                });
            }
            PolicyChange::PutSigningKey(record) => {
                let mut keys = SigningKeys::clone(&self.signing_keys.load());
                keys.add(&record, &self.secrets)?;
                self.signing_keys.store(Arc::new(keys));
                self.signing_epoch.fetch_add(1, Ordering::Release);
            }
            PolicyChange::PutSecret(record) => self.secrets.put(&record)?,
            PolicyChange::DropSecret { kind, id } => self.secrets.forget(kind, id),
            PolicyChange::Correct(Correction { client, environment, month, units, .. }) => {
                if let Some(client) = self.find_client(client) {
                    client.meter(environment).correct(month, units);
                }
            }
        }
        Ok(())
    }

    /// Takes an API into memory that is built already, under what is set by hand: [`PolicyChange::PutApi`] without
    /// building it again.
    pub fn put_api(&self, api: &Api) {
        self.change_snapshot(|snapshot| {
            snapshot.catalogue.put(Arc::new(api.with_settings(&snapshot.endpoint_settings)));
        });
    }

    /// Catalogue, switches and tiers as they are now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// The signing keys as they are now.
    pub fn signing_keys(&self) -> Arc<SigningKeys> {
        self.signing_keys.load_full()
    }

    /// Another number whenever the signing keys changed: what was verified before is to be verified again.
    pub fn signing_epoch(&self) -> u64 {
        self.signing_epoch.load(Ordering::Acquire)
    }

    /// A client by id, deleted ones too.
    pub fn find_client(&self, id: ClientId) -> Option<Arc<Client>> {
        self.clients.pin().get(&id).cloned()
    }

    /// A client by id or name; a name finds only one that is not deleted.
    pub fn find_client_named(&self, id_or_name: &str) -> Option<Arc<Client>> {
        if let Ok(id) = id_or_name.parse() {
            return self.find_client(id);
        }
        let clients = self.clients.pin();
        clients.values().find(|c| !c.record.deleted && c.record.name == id_or_name).cloned()
    }

    /// All clients, deleted ones too, in no order.
    pub fn clients(&self) -> Vec<Arc<Client>> {
        self.clients.pin().values().cloned().collect()
    }

    /// The first clients behind this one, deleted ones too, in the order of their ids.
    pub fn client_ids_after(&self, after: Option<ClientId>, limit: usize) -> Vec<ClientId> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.client_ids().range((from, Bound::Unbounded)).take(limit).copied().collect()
    }

    /// The key that was presented, under whichever pepper it was stored.
    pub fn find_presented_key(&self, key: &[u8]) -> Option<Arc<KeyRecord>> {
        self.secrets.find_by_digest(key, |digest| self.find_key(digest))
    }

    /// A key by its digest.
    pub fn find_key(&self, digest: &Digest) -> Option<Arc<KeyRecord>> {
        self.keys.pin().get(digest).cloned()
    }

    /// A key by its id.
    pub fn find_key_by_id(&self, id: KeyId) -> Option<Arc<KeyRecord>> {
        let digest = *self.key_digests.pin().get(&id)?;
        self.find_key(&digest)
    }

    /// A client's keys, revoked ones too, oldest first.
    pub fn keys_of(&self, client: ClientId) -> Vec<Arc<KeyRecord>> {
        let mut keys: Vec<_> = self.keys.pin().values().filter(|key| key.client == client).cloned().collect();
        keys.sort_by_key(|key| key.created_at);
        keys
    }

    /// An OAuth2 credential by its id.
    pub fn find_oauth(&self, id: OauthId) -> Option<Arc<OauthRecord>> {
        self.oauth.pin().get(&id).cloned()
    }

    /// A client's OAuth2 credentials, revoked ones too, oldest first.
    pub fn oauth_of(&self, client: ClientId) -> Vec<Arc<OauthRecord>> {
        let mut all: Vec<_> = self.oauth.pin().values().filter(|o| o.client == client).cloned().collect();
        all.sort_by_key(|oauth| oauth.created_at);
        all
    }

    /// Whether a token was revoked by its id, and by which change.
    pub fn find_revoked_token(&self, token_id: &str) -> Option<Option<ChangeId>> {
        self.revoked_tokens.pin().get(token_id).map(|revoked| revoked.change)
    }

    /// Forgets revocations of tokens that have expired anyway.
    pub fn forget_expired_revocations(&self, now: Timestamp) {
        self.revoked_tokens.pin().retain(|_, revoked| revoked.expires_at > now);
    }

    /// Takes those signing keys off the published list whose last token has ended.
    pub fn unlist_ended_signing_keys(&self, now: Timestamp) {
        if self.signing_keys.load().lists_an_ended(now) {
            self.signing_keys.rcu(|old| {
                let mut keys = SigningKeys::clone(old);
                keys.unlist_ended(now);
                keys
            });
        }
    }

    /// The imported API on a base, as stored.
    pub fn find_api(&self, base: &str) -> Option<ApiRecord> {
        self.snapshot.load().catalogue.find_base(base).map(|api| ApiRecord::clone(&api.record))
    }

    fn put_client(&self, record: ClientRecord) {
        let clients = self.clients.pin();
        let known = clients.get(&record.id).map(|client| client.meters.clone());
        let (id, is_new, meters) = (record.id, known.is_none(), known.unwrap_or_default());
        clients.insert(id, Arc::new(Client { record, meters }));
        if is_new {
            self.client_ids().insert(id);
        }
    }

    fn client_ids(&self) -> MutexGuard<'_, BTreeSet<ClientId>> {
        self.client_ids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change_settings(&self, base: &str, change: impl Fn(&mut BTreeMap<EndpointId, EndpointSettings>)) {
        self.change_snapshot(|snapshot| {
            change(Arc::make_mut(&mut snapshot.endpoint_settings));
            if let Some(api) = snapshot.catalogue.find_base(base) {
                let api = api.with_settings(&snapshot.endpoint_settings);
                snapshot.catalogue.put(Arc::new(api));
            }
        });
    }

    fn change_snapshot(&self, change: impl Fn(&mut Snapshot)) {
        self.snapshot.rcu(|old| {
            let mut new = Snapshot::clone(old);
            change(&mut new);
            new
        });
    }
}
