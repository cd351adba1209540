//! Tiers: named per-minute rates.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use tollbar_core::{PolicyChange, Tier};

use super::Shared;
use crate::{
    change::Note,
    fault::Fault,
    input::{Body, Path},
};

/// The longest name.
const NAME_CHARACTERS_MAX: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TierInput {
    rate_per_minute: u32,
}

/// `GET /tiers`
pub(super) async fn list(State(control): Shared) -> Json<Value> {
    let snapshot = control.directory.snapshot();
    let tiers: Vec<Value> = snapshot.tiers.values().map(view).collect();
    Json(json!({ "tiers": tiers }))
}

/// `PUT /tiers/{name}`
pub(super) async fn replace(
    State(control): Shared,
    Path(name): Path<String>,
    Body(input): Body<TierInput>,
) -> Result<Json<Value>, Fault> {
    check_name(&name)?;
    let rate_per_minute = input.rate_per_minute;
    if rate_per_minute == 0 {
        return Err(Fault::bad("rate_per_minute: 0 would refuse every request; suspend the clients instead"));
    }
    let work = async move |mut change: crate::change::Change| {
        let old = change.control.directory.snapshot().tiers.get(&name).map(|tier| tier.rate_per_minute);
        let tier = Tier { name, rate_per_minute, change: change.id };
        let view = view(&tier);
        if old == Some(rate_per_minute) {
            return Ok(Json(view));
        }
        let was = old.map_or("new".to_owned(), |old| format!("was {old}"));
        let note =
            Note::new("tier.put", &tier.name, format!("{rate_per_minute} requests per minute ({was})"));
        change.commit(vec![PolicyChange::PutTier(tier)], note).await?;
        Ok(Json(view))
    };
    control.change(work).await
}

fn view(tier: &Tier) -> Value {
    json!({ "name": tier.name, "rate_per_minute": tier.rate_per_minute })
}

fn check_name(name: &str) -> Result<(), Fault> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && name.len() <= NAME_CHARACTERS_MAX && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(Fault::bad(format!(
        "`{name}` cannot be a tier's name; use 1 to {NAME_CHARACTERS_MAX} letters, digits, `-`, `_`, `.`, a letter or digit first"
    )))
}
