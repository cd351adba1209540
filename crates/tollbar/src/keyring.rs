//! Unlocking the store's secrets with the master secret: the first time, after a rotation that broke off, and always.

use anyhow::{Result, bail};
use tollbar_core::{
    PolicyState, Timestamp,
    secret::{
        Secrets,
        keyring::{KeyringFault, KeyringRecord},
    },
    token::SigningKeys,
};

use crate::data_folder::{DataFolder, MasterSecret};

/// The secrets, and what of them is not stored yet.
pub(crate) struct Unlocked {
    pub(crate) secrets: Secrets,
    pub(crate) to_store: Vec<KeyringRecord>,
}

/// Unlocks the secrets. A rotation of the master secret that broke off is finished, or undone, depending on which of
/// the two opens the keyring; both are so before this returns.
pub(crate) fn unlock(
    master: &MasterSecret,
    state: &PolicyState,
    data: &DataFolder,
    now: Timestamp,
) -> Result<Unlocked> {
    if state.keyring.is_empty() {
        data.withdraw_master_secret()?;
        return first(&master.current, state, now);
    }
    let open = |secret: &[u8; 32]| match Secrets::unlock(secret, &state.keyring) {
        Ok(secrets) => Ok(Some(secrets)),
        Err(KeyringFault::WrongMaster) => Ok(None),
        Err(damaged) => Err(damaged),
    };
    let unlocked = |secrets| Unlocked { secrets, to_store: Vec::new() };
    if let Some(secrets) = master.proposed.as_ref().map(open).transpose()?.flatten() {
        data.adopt_master_secret()?;
        tracing::info!("a rotation of the master secret that had been broken off was finished");
        return Ok(unlocked(secrets));
    }
    if let Some(secrets) = open(&master.current)? {
        data.withdraw_master_secret()?;
        return Ok(unlocked(secrets));
    }
    bail!(wrong_master(master, data))
}

/// With the master secret there is, or with the one that was to take its place when a rotation was broken off.
pub(crate) fn open(master: &MasterSecret, keyring: &[KeyringRecord]) -> Result<Secrets, KeyringFault> {
    match (Secrets::unlock(&master.current, keyring), &master.proposed) {
        (Err(KeyringFault::WrongMaster), Some(proposed)) => Secrets::unlock(proposed, keyring),
        (opened, _) => opened,
    }
}

/// Whether a start would unlock these. Nothing is changed.
pub(crate) fn check(master: &MasterSecret, keyring: &[KeyringRecord], data: &DataFolder) -> Result<()> {
    match open(master, keyring) {
        Err(KeyringFault::WrongMaster) if !keyring.is_empty() => bail!(wrong_master(master, data)),
        Err(damaged) if !keyring.is_empty() => Err(damaged.into()),
        _ => Ok(()),
    }
}

/// Nothing is stored yet: a new platform, or one of the time when every secret was derived from the master secret.
fn first(master: &[u8; 32], state: &PolicyState, now: Timestamp) -> Result<Unlocked> {
    if state.last_change == 0 && state.signing_keys.is_empty() {
        let (secrets, to_store) = Secrets::begin(master, now);
        return Ok(Unlocked { secrets, to_store });
    }
    let (secrets, to_store) = Secrets::carry_over(master, now);
    // Derived from a wrong one they would be stored for good: what is sealed tells.
    for key in &state.signing_keys {
        if SigningKeys::default().add(key, &secrets).is_err() {
            bail!(
                "the master secret does not open this store's signing keys: it is another store's; give the one that belongs \
                 to this data folder. Nothing was changed"
            );
        }
    }
    Ok(Unlocked { secrets, to_store })
}

fn wrong_master(master: &MasterSecret, data: &DataFolder) -> String {
    let source = match master.is_given {
        true => "TOLLBAR_MASTER_SECRET".to_owned(),
        false => format!("the master secret in {}", data.path().join("master-secret").display()),
    };
    format!(
        "{source} does not open the secrets of this store: it is another store's, or one of before or after a \
         `tollbar secret rotate master`; give the one that was in force when this copy of the data folder was made. \
         Nothing was changed"
    )
}

#[cfg(test)]
mod tests;
