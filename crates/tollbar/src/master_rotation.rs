//! Another master secret, while the server is stopped: everything is wrapped anew, and nothing that was issued changes.
//!
//! Three steps, each durable before the next: the new secret is written beside the old one; everything is wrapped anew
//! in one transaction; the new file takes the old one's place. Wherever this breaks off, the next start finds out which of
//! the two opens the keyring ([`crate::keyring::unlock`]). Where the secret comes from the environment there is but one step.

use anyhow::{Context, Result, bail};
use tokio::runtime::Runtime;
use tollbar_core::{
    AuditEntry, ChangeId, PolicyChange, Timestamp,
    port::PolicyStore,
    secret::{Secrets, random_bytes},
};
use tollbar_store::Store;

use crate::{
    data_folder::{DataFolder, MasterSecret},
    keyring,
};

/// What the new secret is given as, where the old one comes from the environment.
pub(crate) const NEW_MASTER_SECRET: &str = "TOLLBAR_NEW_MASTER_SECRET";

/// What is done, for people.
pub(crate) const MEANING: &str = "Every secret of the store is wrapped under a new master secret. Nothing that was issued \
     changes: keys, OAuth2 secrets, tokens and stored answers live on as they are. The old master secret is needed for backups \
     that were made before, and for nothing else.";

type Step = fn(&MasterRotation) -> Result<()>;
/// Each is durable before the next.
const STEPS: [Step; 3] = [MasterRotation::propose, MasterRotation::wrap_anew, MasterRotation::adopt];

/// A rotation under way: it holds the store, so that no server runs.
pub(crate) struct MasterRotation {
    store: Store,
    runtime: Runtime,
    data: DataFolder,
    secrets: Secrets,
    last_change: u64,
    new: [u8; 32],
    is_in_file: bool,
    now: Timestamp,
}

impl MasterRotation {
    /// Takes the store, and finishes or undoes a rotation that broke off.
    pub(crate) fn begin(data: DataFolder, given: Option<&str>, now: Timestamp) -> Result<Self> {
        if !data.has_store() {
            bail!("there is no store in {}, so there is nothing to rotate", data.path().display());
        }
        check_new(&data.master_secret()?, given)?;
        let store = Store::open(data.path()).context("the server has to be stopped for this")?;
        Self::begin_on(&store, data, given, now).inspect_err(|_| {
            let _ = store.clone().close();
        })
    }

    fn begin_on(store: &Store, data: DataFolder, given: Option<&str>, now: Timestamp) -> Result<Self> {
        // Read again: now that the store is ours nobody else changes it.
        let master = data.master_secret()?;
        let new = check_new(&master, given)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let state = runtime.block_on(store.load()).context("the stored policy cannot be read")?;
        let unlocked = keyring::unlock(&master, &state, &data, now)?;
        Ok(Self {
            store: store.clone(),
            runtime,
            secrets: unlocked.secrets,
            last_change: state.last_change,
            new,
            is_in_file: master.is_in_file,
            data,
            now,
        })
    }

    /// Whether the new secret is kept in the data folder.
    pub(crate) fn is_in_file(&self) -> bool {
        self.is_in_file
    }

    /// From the beginning to the end.
    pub(crate) fn run(self) -> Result<()> {
        let done = STEPS.iter().try_for_each(|step| step(&self));
        // An end in good order also where a step failed.
        let closed =
            self.store.close().context("the store did not end in good order; the next start takes it up");
        done.and(closed)
    }

    fn propose(&self) -> Result<()> {
        if self.is_in_file { self.data.propose_master_secret(&self.new) } else { Ok(()) }
    }

    fn wrap_anew(&self) -> Result<()> {
        // All of them: also those that an older store had never stored.
        let records = self.secrets.wrapped_anew(&self.new)?;
        let audit = AuditEntry {
            id: ChangeId(self.last_change + 1),
            at: self.now,
            actor: "operator".to_owned(),
            action: "secret.rotate".to_owned(),
            subject: "master".to_owned(),
            detail: format!("{} secrets were wrapped anew; nothing that was issued changes", records.len()),
        };
        let changes = records.into_iter().map(PolicyChange::PutSecret).collect();
        Ok(self.runtime.block_on(self.store.apply(changes, audit, None))?)
    }

    fn adopt(&self) -> Result<()> {
        if self.is_in_file { self.data.adopt_master_secret() } else { Ok(()) }
    }
}

/// The new secret: given, or a random one where a file keeps it.
fn check_new(master: &MasterSecret, given: Option<&str>) -> Result<[u8; 32]> {
    if master.is_given && master.is_in_file {
        bail!(
            "the master secret is in the data folder and in TOLLBAR_MASTER_SECRET; unset the variable, here and for the \
             server, and rotate the one in the folder"
        );
    }
    let new = match given {
        Some(text) => DataFolder::parse_master_secret(NEW_MASTER_SECRET, text)?,
        None if master.is_in_file => random_bytes(),
        None => bail!(
            "the master secret comes from TOLLBAR_MASTER_SECRET, and is not kept here; give the new one as \
             {NEW_MASTER_SECRET} (make one with: openssl rand -hex 32), and start the server with that one afterwards"
        ),
    };
    if new == master.current {
        bail!("{NEW_MASTER_SECRET} is the master secret in use; make another with: openssl rand -hex 32");
    }
    Ok(new)
}

#[cfg(test)]
mod tests;
