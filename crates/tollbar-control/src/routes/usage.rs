//! What a client used.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use tollbar_contract::Environment;
use tollbar_core::{Client, Month, Timestamp, port::UsageRow};

use super::Shared;
use crate::{
    fault::Fault,
    input::{Path, Query},
};

const MILLIS_PER_DAY: u64 = 86_400_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UsageQuery {
    month: Option<String>,
}

/// `GET /usage/{client}`
pub(super) async fn show(
    State(control): Shared,
    Path(client): Path<String>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<Value>, Fault> {
    let client = control.find_client(&client)?;
    let now = control.now();
    let month = match &query.month {
        None => Month::of(now),
        Some(text) => Month::parse(text).ok_or_else(|| {
            Fault::bad(format!("month: `{text}` is not a month; write it like {}", Month::of(now)))
        })?,
    };
    let rows = control.allowance.usage(client.record.id, month).await?;
    // The rows follow the journal with a delay; what is enforced in the current month is the meter.
    let total = |environment| {
        if month == Month::of(now) { metered(&client, environment, now) } else { summed(&rows, environment) }
    };
    let side = |environment: Environment| {
        let (used, allowance) = (total(environment), client.record.allowance[environment.index()]);
        json!({ "used": used, "allowance": allowance, "remaining": allowance.saturating_sub(used) })
    };
    Ok(Json(json!({
        "client": client.record.id,
        "name": client.record.name,
        "month": month.to_string(),
        "live": side(Environment::Live),
        "sandbox": side(Environment::Sandbox),
        "rows": rows.iter().map(row).collect::<Vec<Value>>(),
    })))
}

fn metered(client: &Client, environment: Environment, now: Timestamp) -> u64 {
    let limit = client.record.allowance[environment.index()];
    client.meter(environment).peek_allowance(limit, now).used
}

fn summed(rows: &[UsageRow], environment: Environment) -> u64 {
    let rows = rows.iter().filter(|row| row.environment == environment);
    rows.map(|row| row.charged.saturating_sub(row.given_back)).fold(0, u64::saturating_add)
}

/// The row with its day as a date too.
fn row(row: &UsageRow) -> Value {
    let start = Timestamp::from_millis(u64::from(row.day) * MILLIS_PER_DAY).to_string();
    let date = start.split('T').next();
    json!({
        "environment": row.environment,
        "endpoint": row.endpoint,
        "endpoint_name": row.endpoint_name,
        "day": row.day,
        "date": date,
        // The same under a plainer name: each request that was sent to the API was charged.
        "sent": row.charged,
        "charged": row.charged,
        "given_back": row.given_back,
    })
}
