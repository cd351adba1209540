//! What clients used, and what it adds up to.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tollbar_contract::Environment;
use tollbar_core::{
    Client, ClientId, Month, Overage, Terms, Timestamp,
    port::{Book, Sum, UsageRow},
};

use super::{Shared, list_limit};
use crate::{
    control::Control,
    fault::Fault,
    input::{Path, Query, parse_month},
    view,
};

const MILLIS_PER_DAY: u64 = 86_400_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UsageQuery {
    month: Option<String>,
    environment: Option<Environment>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UsagesQuery {
    month: Option<String>,
    environment: Option<Environment>,
    after: Option<String>,
    limit: Option<u32>,
    /// With the rows by day and endpoint too.
    #[serde(default)]
    rows: bool,
}

/// `GET /usage/{client}`: all of one client's month.
pub(super) async fn show(
    State(control): Shared,
    Path(client): Path<String>,
    Query(query): Query<UsageQuery>,
) -> Result<Json<Value>, Fault> {
    let client = control.find_client(&client)?;
    let month = parse_month(query.month.as_deref(), control.now())?;
    let book = find_book(&control, client.record.id, month).await?;
    let terms = terms(&client, &book, month, control.now());
    let mut shown = summary(&client, &book, terms, query.environment);
    shown.insert("month".to_owned(), month.to_string().into());
    shown.insert("corrections".to_owned(), corrections(&book, query.environment));
    shown.insert("rows".to_owned(), rows(&book, query.environment));
    Ok(Json(Value::Object(shown)))
}

/// `GET /usage`: all clients of a month, in the order of their ids. A page ends after `limit` clients, or sooner where they
/// have much to tell; `next` is what to ask for by `after`.
pub(super) async fn list(
    State(control): Shared,
    Query(query): Query<UsagesQuery>,
) -> Result<Json<Value>, Fault> {
    let now = control.now();
    let month = parse_month(query.month.as_deref(), now)?;
    let limit = usize::try_from(list_limit(query.limit)?).unwrap_or(1);
    let after = query.after.as_deref().map(parse_after).transpose()?;
    // One more than is shown says whether the page is the last one.
    let mut ids = control.directory.client_ids_after(after, limit + 1);
    let mut is_more = ids.len() > limit;
    ids.truncate(limit);
    let asked = ids.len();
    let books = control.allowance.books(month, ids).await?;
    is_more |= books.len() < asked;
    let last = books.last().map(|book| book.client);
    let mut clients = Vec::new();
    for book in &books {
        let Some(client) = control.directory.find_client(book.client) else { continue };
        // Whoever is gone, or was not there yet, is shown for what it used.
        let is_there = !client.record.deleted && client.record.created_at < month.next().start();
        if !is_there && book.rows.is_empty() && book.corrections.is_empty() {
            continue;
        }
        let terms = terms(&client, book, month, now);
        let mut shown = summary(&client, book, terms, query.environment);
        if query.rows {
            shown.insert("rows".to_owned(), rows(book, query.environment));
        }
        clients.push(Value::Object(shown));
    }
    let next = last.filter(|_| is_more);
    Ok(Json(json!({ "month": month.to_string(), "clients": clients, "next": next })))
}

/// What a client used in a month.
pub(super) async fn find_book(control: &Control, client: ClientId, month: Month) -> Result<Book, Fault> {
    let books = control.allowance.books(month, vec![client]).await?;
    books.into_iter().next().ok_or_else(|| Fault::internal("the store gave no account of the client"))
}

fn parse_after(text: &str) -> Result<ClientId, Fault> {
    text.parse().map_err(|_| {
        Fault::bad(format!(
            "after: `{}` is not a client's id; give the `next` of the page before",
            text.escape_debug()
        ))
    })
}

/// What a client's month is compared with: its terms when the month ended; of one that has not ended, those of now.
pub(super) fn terms(client: &Client, book: &Book, month: Month, now: Timestamp) -> Terms {
    let past = book.terms.filter(|_| month < Month::of(now));
    past.unwrap_or_else(|| client.record.terms())
}

/// Who it is, and what each environment adds up to.
fn summary(client: &Client, book: &Book, terms: Terms, only: Option<Environment>) -> Map<String, Value> {
    let record = &client.record;
    let mut shown = Map::new();
    shown.insert("client".to_owned(), json!(record.id));
    shown.insert("name".to_owned(), record.name.clone().into());
    shown.insert("deleted".to_owned(), record.deleted.into());
    shown.insert("overage".to_owned(), json!(terms.overage));
    for environment in Environment::ALL.into_iter().filter(|env| only.is_none_or(|only| only == *env)) {
        let (sum, allowance) = (book.sum(environment), terms.allowance[environment.index()]);
        shown.insert(environment.to_string(), side(&sum, allowance, terms.overage));
    }
    shown
}

fn side(sum: &Sum, allowance: u64, overage: Overage) -> Value {
    let used = sum.used();
    // What is refused beyond the allowance is not billed.
    let billable = if overage == Overage::Report { used.saturating_sub(allowance) } else { 0 };
    json!({
        "charged": sum.charged,
        "given_back": sum.given_back,
        "corrections": sum.corrections,
        "used": used,
        "allowance": allowance,
        "remaining": allowance.saturating_sub(used),
        "billable_overage": billable,
        "outcomes": sum.outcomes,
    })
}

fn corrections(book: &Book, only: Option<Environment>) -> Value {
    let all = book.corrections.iter().filter(|c| only.is_none_or(|only| only == c.environment));
    all.map(view::correction).collect()
}

fn rows(book: &Book, only: Option<Environment>) -> Value {
    book.rows.iter().filter(|row| only.is_none_or(|only| only == row.environment)).map(row).collect()
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
        "sent": row.charged.saturating_sub(row.outcomes.not_sent),
        "charged": row.charged,
        "given_back": row.given_back,
        "outcomes": row.outcomes,
    })
}
