//! The secrets: whether the master secret is there, for its owner alone, and opens what it should.

use tollbar_core::token::SigningKeys;

use super::{Check, Patient, store::not_looked_at};
use crate::keyring;

const SUBJECT: &str = "secrets";

pub(super) fn check(patient: &Patient<'_>) -> Vec<Check> {
    let inspection = &patient.inspection;
    let keep = "put the copy that you keep apart from the folder at master-secret (mode 0600), or give it as TOLLBAR_MASTER_SECRET";
    let master = match patient.data.find_master_secret() {
        Ok(Some(master)) => master,
        Ok(None) if !patient.data.has_store() => {
            return vec![Check::ok(SUBJECT, "none yet: the first start makes them")];
        }
        Ok(None) => {
            return vec![Check::wrong(
                SUBJECT,
                "the master secret is missing, and what is stored is wrapped under it",
                keep,
            )];
        }
        Err(fault) => return vec![Check::wrong(SUBJECT, format!("{fault:#}"), keep)],
    };
    if !inspection.looked_at.secrets && inspection.keyring.is_empty() {
        return vec![not_looked_at(patient, SUBJECT)];
    }
    if inspection.keyring.is_empty() {
        return vec![Check::ok(SUBJECT, "the master secret can be read; no secret is stored yet")];
    }
    let secrets = match keyring::open(&master, &inspection.keyring) {
        Ok(secrets) => secrets,
        Err(fault) => {
            let advice = "it is another store's, or one of before or after a `tollbar secret rotate master`: the server would not start";
            return vec![Check::wrong(SUBJECT, fault.to_string(), advice)];
        }
    };
    let mut checks = Vec::new();
    if master.proposed.is_some() {
        checks.push(Check::warning(
            SUBJECT,
            "a rotation of the master secret was broken off",
            "the next start finishes or undoes it",
        ));
    }
    if !inspection.looked_at.secrets {
        checks.push(not_looked_at(patient, SUBJECT));
        return checks;
    }
    let mut keys = SigningKeys::default();
    let current = inspection.signing_keys.iter().filter(|key| key.retired.is_none());
    let unreadable = current.clone().filter(|key| keys.add(key, &secrets).is_err()).count();
    if current.count() == 0 {
        checks.push(Check::warning(SUBJECT, "there is no signing key", "the next start makes one"));
    } else if unreadable > 0 {
        checks.push(Check::wrong(
            SUBJECT,
            "the signing key does not open",
            "tollbar.db is damaged: put a backup in its place with `tollbar restore`",
        ));
    }
    if checks.is_empty() {
        checks.push(Check::ok(SUBJECT, "the master secret opens what is stored, and a signing key is there"));
    }
    checks
}
