//! What keys and OAuth2 credentials have in common.

use std::collections::BTreeSet;

use tollbar_core::{ClientRecord, KeyId, OauthId, Timestamp};

use crate::fault::Fault;

/// The longest grace period: a year and a day.
const GRACE_SECONDS_MAX: u64 = 366 * 86_400;
/// Credentials of one kind that a client may have, revoked ones too: they stay for ever.
pub(crate) const PER_CLIENT_MAX: usize = 10_000;

/// When a grace period that begins now ends.
pub(crate) fn grace_end(now: Timestamp, grace_seconds: u64) -> Result<Timestamp, Fault> {
    if grace_seconds > GRACE_SECONDS_MAX {
        return Err(Fault::bad(format!(
            "grace_seconds: {grace_seconds} is more than {GRACE_SECONDS_MAX} (366 days)"
        )));
    }
    Ok(now.plus_seconds(grace_seconds))
}

/// A key's own scopes must be among its client's: a typing error would otherwise show only when it is used.
pub(crate) fn check_own_scopes(own: Option<&BTreeSet<String>>, client: &ClientRecord) -> Result<(), Fault> {
    let Some(own) = own else { return Ok(()) };
    if own.is_empty() {
        return Err(Fault::bad(
            "scopes: an empty list would make a key that may do nothing; leave it out for all of the client's",
        ));
    }
    let missing: Vec<&str> = own.difference(&client.scopes).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let has: Vec<&str> = client.scopes.iter().map(String::as_str).collect();
    Err(Fault::bad(format!(
        "scopes: client {} does not have {}; it has [{}]",
        client.name,
        missing.join(", "),
        has.join(" ")
    )))
}

/// What was asked for, if it is the id of a credential. Anything else may be the credential itself, which must not be
/// repeated.
pub(crate) fn shown_id(asked: &str) -> Option<&str> {
    let is_id = asked.parse::<KeyId>().is_ok() || asked.parse::<OauthId>().is_ok();
    is_id.then_some(asked)
}

pub(crate) fn check_count(count: usize) -> Result<(), Fault> {
    if count < PER_CLIENT_MAX {
        return Ok(());
    }
    Err(Fault::conflict(format!("the client has {count} of these already, which is the limit")))
}
