//! What a client's record may say.

use std::collections::BTreeSet;

use ipnet::IpNet;
use tollbar_core::{ClientId, ClientRecord, Directory, parse_network, scope::scope_is_valid};

use crate::fault::Fault;

const NAME_CHARACTERS_MAX: usize = 100;
const SCOPES_MAX: usize = 500;
const NETWORKS_MAX: usize = 500;
/// What the store can count to.
const ALLOWANCE_MAX: u64 = i64::MAX as u64;

/// A name that people can read, type and put into a path, and that no other client has, whatever its capital letters.
pub(crate) fn check_name(directory: &Directory, name: &str, own: Option<ClientId>) -> Result<(), Fault> {
    let bad = |why: &str| Err(Fault::bad(format!("name: `{}` {why}", name.escape_debug())));
    if !(1..=NAME_CHARACTERS_MAX).contains(&name.chars().count()) {
        return bad(&format!("must have 1 to {NAME_CHARACTERS_MAX} characters"));
    }
    if name.trim() != name || name.chars().any(is_invisible) {
        return bad("must not begin or end with a space, or have characters that cannot be seen");
    }
    // A URL's path cannot have these as a part, however they are encoded.
    if matches!(name, "." | "..") {
        return bad("cannot stand in a path");
    }
    if looks_like_id(name) {
        return bad("looks like an id, and could be taken for one");
    }
    let small = name.to_lowercase();
    let is_same = |other: &ClientRecord| !other.deleted && other.name.to_lowercase() == small;
    let clients = directory.clients();
    let Some(other) = clients.iter().find(|other| Some(other.record.id) != own && is_same(&other.record))
    else {
        return Ok(());
    };
    let spelling = if other.record.name == name {
        String::new()
    } else {
        format!(" as `{}`; names must differ in more than capital letters", other.record.name)
    };
    Err(Fault::conflict(format!("name: `{name}` is taken by client {}{spelling}", other.record.id)))
}

pub(crate) fn check_tier(directory: &Directory, tier: &str) -> Result<(), Fault> {
    let snapshot = directory.snapshot();
    if snapshot.tiers.contains_key(tier) {
        return Ok(());
    }
    let tiers: Vec<&str> = snapshot.tiers.keys().map(String::as_str).collect();
    Err(Fault::bad(if tiers.is_empty() {
        format!(
            "tier: `{tier}` does not exist, and no other does; make it with `tollbar tier set NAME --rate N` (PUT /admin/v1/tiers/{{name}})"
        )
    } else {
        format!("tier: `{tier}` does not exist; there are {}", tiers.join(", "))
    }))
}

pub(crate) fn check_scopes(scopes: &BTreeSet<String>) -> Result<(), Fault> {
    if scopes.len() > SCOPES_MAX {
        return Err(Fault::bad(format!("scopes: {} are more than {SCOPES_MAX}", scopes.len())));
    }
    match scopes.iter().find(|scope| !scope_is_valid(scope)) {
        None => Ok(()),
        Some(wrong) => Err(Fault::bad(format!(
            "scopes: `{}` cannot be a scope; use 1 to 128 visible ASCII characters, no quotes, backslashes or spaces",
            wrong.escape_debug()
        ))),
    }
}

/// What to say of scopes that no endpoint requires: they may be meant for an API that is still to come, or mistyped.
pub(crate) fn unknown_scopes(directory: &Directory, scopes: &BTreeSet<String>) -> Vec<String> {
    let snapshot = directory.snapshot();
    let apis = snapshot.catalogue.apis();
    if apis.is_empty() {
        return Vec::new();
    }
    let required: BTreeSet<&String> =
        apis.iter().flat_map(|api| api.endpoints()).flat_map(|endpoint| &endpoint.scopes).collect();
    let unknown = scopes.iter().filter(|scope| !required.contains(scope));
    unknown.map(|scope| format!("no endpoint requires the scope {scope}")).collect()
}

pub(crate) fn check_allowance(field: &str, allowance: u64) -> Result<(), Fault> {
    if allowance > ALLOWANCE_MAX {
        return Err(Fault::bad(format!("{field}: {allowance} is more than {ALLOWANCE_MAX}")));
    }
    Ok(())
}

pub(crate) fn parse_networks(texts: &[String]) -> Result<Vec<IpNet>, Fault> {
    if texts.len() > NETWORKS_MAX {
        return Err(Fault::bad(format!("allow_ips: {} are more than {NETWORKS_MAX}", texts.len())));
    }
    let mut networks = Vec::new();
    for text in texts {
        let network = parse_network(text).map_err(|message| Fault::bad(format!("allow_ips: {message}")))?;
        if !networks.contains(&network) {
            networks.push(network);
        }
    }
    Ok(networks)
}

/// Everything that a new client may do, for the audit trail.
pub(crate) fn describe(record: &ClientRecord) -> String {
    let [live, sandbox] = record.allowance;
    let scopes: Vec<&str> = record.scopes.iter().map(String::as_str).collect();
    let addresses = if record.allow_ips.is_empty() { "any".to_owned() } else { networks(record) };
    format!(
        "{}: tier {}, live allowance {live} and sandbox allowance {sandbox} requests a month, overage {}, writes {}, access {}, addresses {addresses}, scopes [{}]",
        record.name,
        record.tier,
        overage(record),
        if record.write_enabled { "enabled" } else { "not enabled" },
        if record.access_enabled { "enabled" } else { "not enabled" },
        scopes.join(" ")
    )
}

/// What changed, for the audit trail.
pub(crate) fn describe_differences(old: &ClientRecord, new: &ClientRecord) -> String {
    let mut differences = Vec::new();
    let mut differs = |what: &str, old: String, new: String| {
        if old != new {
            differences.push(format!("{what} {old} -> {new}"));
        }
    };
    differs("name", old.name.clone(), new.name.clone());
    differs("tier", old.tier.clone(), new.tier.clone());
    differs("live allowance", old.allowance[0].to_string(), new.allowance[0].to_string());
    differs("sandbox allowance", old.allowance[1].to_string(), new.allowance[1].to_string());
    differs("overage", overage(old), overage(new));
    differs("write_enabled", old.write_enabled.to_string(), new.write_enabled.to_string());
    differs("access_enabled", old.access_enabled.to_string(), new.access_enabled.to_string());
    differs("suspended", old.suspended.to_string(), new.suspended.to_string());
    differs("deleted", old.deleted.to_string(), new.deleted.to_string());
    differs("allow_ips", networks(old), networks(new));
    differences.extend(new.scopes.difference(&old.scopes).map(|scope| format!("scope +{scope}")));
    differences.extend(old.scopes.difference(&new.scopes).map(|scope| format!("scope -{scope}")));
    format!("{}: {}", old.name, differences.join("; "))
}

fn networks(record: &ClientRecord) -> String {
    let texts: Vec<String> = record.allow_ips.iter().map(ToString::to_string).collect();
    format!("[{}]", texts.join(", "))
}

fn overage(record: &ClientRecord) -> String {
    format!("{:?}", record.overage).to_lowercase()
}

/// Control characters, and those that make two names look the same.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

fn looks_like_id(name: &str) -> bool {
    let rest = ["cl_", "key_", "oc_", "sw_"].iter().find_map(|prefix| name.strip_prefix(prefix));
    rest.is_some_and(|rest| rest.len() == 11 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}
