//! Rotation: what is changed, what lives on under what it replaces, and when an old secret goes.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use http::StatusCode;
use tollbar_core::{
    Hold, PolicyChange, SigningKeyRecord, Timestamp, UnderPepper,
    secret::keyring::{KEPT_MAX, KeyringRecord, SecretKind, name},
    token::new_signing_key,
};

use crate::{
    change::{Change, Note},
    control::Control,
    fault::Fault,
};

mod sentence;

pub(crate) use sentence::{of_newest_pepper, of_pepper, of_sealing, of_signing_key};

/// An answer may be on its way to the store, sealed under the old secret, while that is replaced.
const UNDER_WAY_SECONDS: u64 = 60;
/// How soon to look again at a pepper that OAuth2 secrets hold, which can be rotated at any time.
const LOOK_AGAIN_SECONDS: u64 = 10;

/// What a rotation does, or would do.
pub(crate) struct Rotated {
    pub(crate) old: String,
    /// `None` in a dry run.
    pub(crate) new: Option<String>,
    /// Until when the old one is needed, where that is known.
    pub(crate) honoured_until: Option<Timestamp>,
    pub(crate) summary: String,
}

/// Another key signs from now on. The old one's private half is erased at once: verifying needs the public one alone.
pub(crate) async fn rotate_signing_key(mut change: Change, is_dry: bool) -> Result<Rotated, Fault> {
    let control = change.control.clone();
    let directory = &control.directory;
    let retired = directory.signing_keys().retired(change.now);
    let Some(old) = retired.first().cloned() else {
        return Err(Fault::internal("no signing key is there; restart the server, which makes one"));
    };
    let summary = of_signing_key(&old);
    let mut new = None;
    if !is_dry {
        let record = new_signing_key(&directory.secrets, change.now, control.lifetimes.token_seconds)
            .map_err(|fault| Fault::internal(fault.to_string()))?;
        new = Some(record.id.clone());
        let note = note("signing-key", &old.id, &record.id, &summary);
        let changes = retired.into_iter().chain([record]).map(PolicyChange::PutSigningKey).collect();
        change.commit(changes, note).await?;
    }
    let honoured_until = old.retired.as_ref().map(|retired| retired.tokens_until);
    Ok(Rotated { old: old.id, new, honoured_until, summary })
}

/// What is issued from now on is stored under another pepper.
pub(crate) async fn rotate_pepper(mut change: Change, is_dry: bool) -> Result<Rotated, Fault> {
    let control = change.control.clone();
    let (old, next) = current_and_next(&change, SecretKind::Pepper)?;
    let under = control.directory.under_peppers(change.now).remove(&old.id).unwrap_or_default();
    let summary = of_pepper(old.id, &under);
    let mut new = None;
    if !is_dry {
        let note = note("pepper", &old.name(), &next.name(), &summary);
        new = Some(next.name());
        change.commit(vec![PolicyChange::PutSecret(next)], note).await?;
        control.next_pepper_look.store(0, Relaxed);
    }
    let honoured_until = match under.hold() {
        Hold::Until(at) => Some(at),
        Hold::Released => Some(change.now),
        Hold::UntilRotated | Hold::ForEver => None,
    };
    Ok(Rotated { old: old.name(), new, honoured_until, summary })
}

/// What is sealed from now on is sealed under another key; the signing key at once, stored answers end by themselves.
pub(crate) async fn rotate_sealing(mut change: Change, is_dry: bool) -> Result<Rotated, Fault> {
    let control = change.control.clone();
    let directory = &control.directory;
    let (old, next) = current_and_next(&change, SecretKind::Sealing)?;
    // Requests that begin before the new one is in force are kept no longer than those that begin now, and a little.
    let last_answer = control.policy.last_answer_ends().await?;
    let under_way = change.now.plus_seconds(control.lifetimes.answer_seconds + UNDER_WAY_SECONDS);
    let needed_until = last_answer.map_or(under_way, |at| at.max(under_way));
    let summary = of_sealing(old.id, needed_until);
    let mut new = None;
    if !is_dry {
        let resealed = directory
            .signing_keys()
            .sealed_under(&next, &directory.secrets)
            .map_err(|fault| Fault::internal(format!("the signing key cannot be sealed anew: {fault}")))?;
        let note = note("sealing", &old.name(), &next.name(), &summary);
        new = Some(next.name());
        let old = KeyringRecord { needed_until: Some(needed_until), ..old.clone() };
        let secrets = [next, old].map(PolicyChange::PutSecret);
        let changes = secrets.into_iter().chain(resealed.into_iter().map(PolicyChange::PutSigningKey));
        change.commit(changes.collect(), note).await?;
    }
    Ok(Rotated { old: old.name(), new, honoured_until: Some(needed_until), summary })
}

impl Control {
    /// Drops the secrets under which nothing lives any more. Cheap when there is nothing to drop: to be called every
    /// second.
    pub async fn drop_unneeded_secrets(self: &Arc<Self>) {
        if self.find_unneeded().is_empty() {
            return;
        }
        let work = async |mut change: Change| {
            let control = change.control.clone();
            // Asked again: a change may have come first.
            control.next_pepper_look.store(0, Relaxed);
            let unneeded = control.find_unneeded();
            if unneeded.is_empty() {
                return Ok(());
            }
            control.next_pepper_look.store(0, Relaxed);
            let names: Vec<String> = unneeded.iter().map(|(kind, id)| name(*kind, *id)).collect();
            let changes = unneeded.into_iter().map(|(kind, id)| PolicyChange::DropSecret { kind, id });
            let note = Note::new("secret.drop", &names.join(" "), "nothing lives under it any more");
            change.commit(changes.collect(), note.by_platform()).await
        };
        if let Err(fault) = self.change(work).await {
            tracing::error!(
                failure = fault.message,
                "a secret that is not needed any more could not be dropped"
            );
        }
    }

    fn find_unneeded(&self) -> Vec<(SecretKind, u32)> {
        let now = self.now();
        let records = self.directory.secrets.records();
        let has_ended = |record: &&KeyringRecord| record.needed_until.is_some_and(|until| until <= now);
        let mut unneeded: Vec<_> = old(&records, SecretKind::Sealing).filter(has_ended).collect();
        let peppers: Vec<_> = old(&records, SecretKind::Pepper).collect();
        if !peppers.is_empty() && self.next_pepper_look.load(Relaxed) <= now.as_millis() {
            let under = self.directory.under_peppers(now);
            let hold =
                |pepper: &KeyringRecord| under.get(&pepper.id).map_or(Hold::Released, UnderPepper::hold);
            let look_again = |pepper: &&KeyringRecord| match hold(pepper) {
                Hold::Until(at) => at,
                Hold::UntilRotated => now.plus_seconds(LOOK_AGAIN_SECONDS),
                // What is held for ever stays so: a key without end becomes a tombstone at most.
                Hold::Released | Hold::ForEver => Timestamp::from_millis(u64::MAX),
            };
            let next = peppers.iter().map(look_again).min();
            self.next_pepper_look.store(next.map_or(u64::MAX, Timestamp::as_millis), Relaxed);
            unneeded.extend(peppers.into_iter().filter(|pepper| hold(pepper) == Hold::Released));
        }
        unneeded.into_iter().map(|record| (record.kind, record.id)).collect()
    }

    /// The signing keys, the one in use first.
    pub(crate) fn signing_key_records(&self) -> Vec<SigningKeyRecord> {
        self.directory.signing_keys().records().cloned().collect()
    }

    pub(crate) fn under_peppers(&self) -> BTreeMap<u32, UnderPepper> {
        self.directory.under_peppers(self.now())
    }
}

/// All of a kind but the newest, which is in use.
fn old(records: &[KeyringRecord], kind: SecretKind) -> impl Iterator<Item = &KeyringRecord> {
    records.iter().filter(move |record| record.kind == kind).skip(1)
}

fn current_and_next(change: &Change, kind: SecretKind) -> Result<(KeyringRecord, KeyringRecord), Fault> {
    let secrets = &change.control.directory.secrets;
    let records: Vec<_> = secrets.records().into_iter().filter(|record| record.kind == kind).collect();
    if records.len() >= KEPT_MAX {
        return Err(Fault::conflict(format!(
            "{KEPT_MAX} of the kind {kind} are kept, which is the most; `tollbar secret list` (GET /admin/v1/secrets) says what \
             lives under each: the old ones go when that has ended"
        )));
    }
    let current = records.into_iter().next();
    let current = current.ok_or_else(|| Fault::internal(format!("the kind {kind} has no secret")))?;
    Ok((current, secrets.next(kind, change.now)))
}

fn note(what: &str, old: &str, new: &str, summary: &str) -> Note {
    Note::new("secret.rotate", &what, format!("{new} in place of {old}. {summary}"))
}

/// Why the master secret is not rotated here.
pub(crate) fn not_the_master() -> Fault {
    let message = "the master secret is rotated where it rests, with the server stopped: `tollbar secret rotate master`; \
         it never travels through the admin API, and nothing that was issued changes";
    Fault::new(StatusCode::CONFLICT, message)
}
