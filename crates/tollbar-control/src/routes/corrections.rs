//! Corrections of a month's count.

use axum::{Json, extract::State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tollbar_contract::Environment;
use tollbar_core::{Correction, CorrectionKind, Month, PolicyChange};

use super::{
    Shared, list_limit,
    usage::{find_book, terms},
};
use crate::{
    change::{Change, Note},
    fault::Fault,
    input::{Body, Path, Query, parse_month},
    view,
};

/// More requests than a month has room for; and their sums stay far from what the store can count to.
const UNITS_MAX: u64 = 1_000_000_000_000;
const REASON_CHARACTERS_MAX: usize = 500;
/// Corrections of one client in a month, both environments together: all of them stand on its bill.
const CORRECTIONS_MAX: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCorrection {
    environment: Environment,
    units: i64,
    reason: String,
    month: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CorrectionsQuery {
    month: Option<String>,
    limit: Option<u32>,
}

/// `GET /clients/{client}/corrections`: newest first.
pub(super) async fn list(
    State(control): Shared,
    Path(client): Path<String>,
    Query(query): Query<CorrectionsQuery>,
) -> Result<Json<Value>, Fault> {
    let client = control.find_client(&client)?.record.id;
    let month = query.month.map(|month| parse_month(Some(&month), control.now())).transpose()?;
    let found = control.allowance.corrections(client, month, list_limit(query.limit)?).await?;
    Ok(Json(json!({ "corrections": found.iter().map(view::correction).collect::<Vec<_>>() })))
}

/// `POST /clients/{client}/corrections`. A deleted client, by its id, can still be corrected: its last bill is to come.
pub(super) async fn create(
    State(control): Shared,
    Path(client): Path<String>,
    Body(input): Body<NewCorrection>,
) -> Result<(StatusCode, Json<Value>), Fault> {
    let NewCorrection { environment, units, reason, month } = input;
    check_units(units)?;
    check_reason(&reason)?;
    let work = async move |mut change: Change| {
        let client = change.control.find_client(&client)?;
        let month = parse_month(month.as_deref(), change.now)?;
        let this_month = Month::of(change.now);
        if month > this_month {
            return Err(Fault::bad(format!("month: {month} has not begun; it is {this_month} (UTC) now")));
        }
        let book = find_book(&change.control, client.record.id, month).await?;
        if book.corrections.len() >= CORRECTIONS_MAX {
            return Err(Fault::conflict(format!(
                "{} has {CORRECTIONS_MAX} corrections in {month} already; put several into one",
                client.record.name
            )));
        }
        let mut sum = book.sum(environment);
        let used = sum.used();
        if units < 0 && units.unsigned_abs() > used {
            return Err(Fault::conflict(format!(
                "units: {units} would take {}'s {environment} count of {month} below zero; {used} are used",
                client.record.name
            )));
        }
        sum.corrections = sum.corrections.saturating_add(units);
        let detail = format!(
            "{}: {environment} {month} {units:+}, used {used} -> {}: {reason}",
            client.record.name,
            sum.used()
        );
        let correction = Correction {
            client: client.record.id,
            environment,
            month,
            units,
            kind: CorrectionKind::AccountManager,
            reason,
            at: Some(change.now),
            change: Some(change.id),
        };
        let allowance = terms(&client, &book, month, change.now).allowance[environment.index()];
        let shown = json!({
            "name": client.record.name,
            "correction": view::correction(&correction),
            "used": sum.used(),
            "allowance": allowance,
            "remaining": allowance.saturating_sub(sum.used()),
        });
        let note = Note::new("client.correct", &client.record.id, detail);
        change.commit(vec![PolicyChange::Correct(correction)], note).await?;
        Ok((StatusCode::CREATED, Json(shown)))
    };
    control.change(work).await
}

fn check_units(units: i64) -> Result<(), Fault> {
    if units == 0 {
        return Err(Fault::bad(
            "units: 0 corrects nothing; give how many to add, or with a minus how many to give back",
        ));
    }
    if units.unsigned_abs() > UNITS_MAX {
        return Err(Fault::bad(format!("units: {units} is beyond {UNITS_MAX}, either way")));
    }
    Ok(())
}

fn check_reason(reason: &str) -> Result<(), Fault> {
    let characters = reason.chars().count();
    if reason.trim().is_empty() {
        return Err(Fault::bad("reason: it is empty; say why, for whoever reads the bill"));
    }
    if characters > REASON_CHARACTERS_MAX {
        return Err(Fault::bad(format!(
            "reason: {characters} characters are more than {REASON_CHARACTERS_MAX}"
        )));
    }
    if reason.chars().any(char::is_control) {
        return Err(Fault::bad("reason: control characters, such as line feeds, cannot stand in it"));
    }
    Ok(())
}
