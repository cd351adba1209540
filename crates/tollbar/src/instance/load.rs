//! What is durable, taken into memory; and what a platform begins with.

use anyhow::{Context, Result};
use tollbar_core::{
    AuditEntry, ChangeId, Clock, Directory, PolicyChange, PolicyState, SigningKeyRecord, Tier, Timestamp,
    port::{AllowanceStore, PolicyStore},
    secret::keyring::KeyringRecord,
    token::new_signing_key,
};
use tollbar_store::Store;

/// The tiers that a new platform begins with: name and requests per 60 seconds.
const FIRST_TIERS: [(&str, u32); 3] = [("basic", 60), ("standard", 600), ("enterprise", 6000)];

/// Takes everything durable into memory; the first time, makes what a platform cannot be without.
pub(super) async fn load(
    store: &Store,
    state: PolicyState,
    first: Vec<PolicyChange>,
    directory: &Directory,
    clock: &dyn Clock,
) -> Result<u64> {
    let last_change = state.last_change;
    directory.load(state).context("the stored policy cannot be used")?;
    directory.unlist_ended_signing_keys(clock.now());
    if first.is_empty() {
        directory.load_counts(store.load_counts(clock.now()).await?);
        return Ok(last_change);
    }
    let (action, detail) = if last_change == 0 {
        ("platform.begin", "made the first tiers, secrets and signing key")
    } else {
        ("platform.upgrade", "stored what an earlier version, or a shorter life of tokens, had not asked for")
    };
    let audit = AuditEntry {
        id: ChangeId(last_change + 1),
        at: clock.now(),
        actor: "tollbar".to_owned(),
        action: action.to_owned(),
        subject: "platform".to_owned(),
        detail: detail.to_owned(),
    };
    store.apply(first.clone(), audit, None).await?;
    for change in first {
        directory.apply(change)?;
    }
    directory.load_counts(store.load_counts(clock.now()).await?);
    Ok(last_change + 1)
}

/// Puts on the audit trail that a backup was restored: what came after it was made is not there. Gives the number of the
/// last change.
pub(super) async fn note_restore(store: &Store, last_change: u64, now: Timestamp) -> Result<u64> {
    let Some(note) = store.restored() else { return Ok(last_change) };
    let audit = AuditEntry {
        id: ChangeId(last_change + 1),
        at: now,
        actor: "tollbar".to_owned(),
        action: "platform.restore".to_owned(),
        subject: "platform".to_owned(),
        detail: format!(
            "a backup of {} was restored at {}; what was there before, if anything, is in {}",
            note.made_at, note.restored_at, note.replaced
        ),
    };
    store.apply(Vec::new(), audit, None).await?;
    store.restore_is_noted();
    Ok(last_change + 1)
}

/// What is not there yet and has to be.
pub(super) fn first_changes(
    state: &PolicyState,
    secrets: Vec<KeyringRecord>,
    directory: &Directory,
    token_seconds: u64,
    now: Timestamp,
) -> Result<Vec<PolicyChange>> {
    let mut changes: Vec<_> = secrets.into_iter().map(PolicyChange::PutSecret).collect();
    if state.signing_keys.is_empty() {
        let key = new_signing_key(&directory.secrets, now, token_seconds)?;
        changes.push(PolicyChange::PutSigningKey(key));
    }
    // Tokens live longer than before: a key that is retired stands in the published set for as long.
    let outlived =
        |key: &&SigningKeyRecord| key.retired.is_none() && key.longest_life_seconds < token_seconds;
    changes.extend(state.signing_keys.iter().filter(outlived).map(|key| {
        PolicyChange::PutSigningKey(SigningKeyRecord { longest_life_seconds: token_seconds, ..key.clone() })
    }));
    if state.tiers.is_empty() {
        let change = ChangeId(state.last_change + 1);
        changes.extend(FIRST_TIERS.map(|(name, rate_per_minute)| {
            PolicyChange::PutTier(Tier { name: name.to_owned(), rate_per_minute, change })
        }));
    }
    Ok(changes)
}
