//! The admin API's routes, all under `/admin/v1`.

mod apis;
mod audit;
mod backups;
mod client_changes;
mod clients;
mod corrections;
mod diff;
mod endpoints;
mod idempotency;
mod import;
mod keys;
mod oauth;
mod observed;
mod openapi;
mod requests;
mod secrets;
mod status;
mod switches;
mod tiers;
mod tokens;
mod usage;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    routing::{get, post, put},
};
use http::{Method, StatusCode, Uri};

use crate::{control::Control, fault::Fault};

/// The longest body of an ordinary request.
const BODY_LIMIT_BYTES: usize = 256 * 1024;
/// The longest body of an import: the longest document, written as a JSON string.
const IMPORT_LIMIT_BYTES: usize = 40 * 1024 * 1024;
/// The longest body of a settlement: the longest answer, written as a JSON string.
const SETTLE_LIMIT_BYTES: usize = 7 * 1024 * 1024;
/// Rows that a list gives unless it is asked for another number, and at most.
const LIST_DEFAULT: u32 = 50;
const LIST_MAX: u32 = 1000;

/// What the handlers are given.
type Shared = State<Arc<Control>>;

/// Every route. Who may call them is checked before: see [`crate::safety`].
pub(crate) fn router() -> Router<Arc<Control>> {
    let import = post(import::import).layer(DefaultBodyLimit::max(IMPORT_LIMIT_BYTES));
    let diff = post(diff::diff).layer(DefaultBodyLimit::max(IMPORT_LIMIT_BYTES));
    let settle = post(idempotency::settle).layer(DefaultBodyLimit::max(SETTLE_LIMIT_BYTES));
    let routes = Router::new()
        .route("/status", get(status::show))
        .route("/tiers", get(tiers::list))
        .route("/tiers/{name}", put(tiers::replace))
        .route("/clients", get(clients::list).post(client_changes::create))
        .route(
            "/clients/{client}",
            get(clients::show).patch(client_changes::update).delete(client_changes::delete),
        )
        .route("/clients/{client}/suspend", post(client_changes::suspend))
        .route("/clients/{client}/resume", post(client_changes::resume))
        .route("/clients/{client}/keys", get(keys::list).post(keys::create))
        .route("/keys/{id}/rotate", post(keys::rotate))
        .route("/keys/{id}/revoke", post(keys::revoke))
        .route("/clients/{client}/oauth", get(oauth::list).post(oauth::create))
        .route("/oauth/{id}/rotate", post(oauth::rotate))
        .route("/oauth/{id}/revoke", post(oauth::revoke))
        .route("/tokens/revoke", post(tokens::revoke))
        .route("/apis", get(apis::list).delete(apis::remove).merge(import))
        .route("/apis/endpoints", get(endpoints::list).patch(endpoints::set))
        .route("/apis/diff", diff)
        .route("/apis/openapi", get(openapi::show))
        .route("/observed", get(observed::list))
        .route("/switches", get(switches::list).post(switches::throw))
        .route("/switches/on", post(switches::take_back))
        .route("/clients/{client}/corrections", get(corrections::list).post(corrections::create))
        .route("/usage", get(usage::list))
        .route("/usage/{client}", get(usage::show))
        .route("/requests", get(requests::list))
        .route("/requests/{id}", get(requests::show))
        .route("/backups", post(backups::make))
        .route("/idempotency", get(idempotency::list))
        .route("/idempotency/record", get(idempotency::show))
        .route("/idempotency/settle", settle)
        .route("/secrets", get(secrets::list))
        .route("/secrets/rotate", post(secrets::rotate))
        .route("/audit", get(audit::list))
        .route("/audit/{id}", get(audit::show));
    Router::new()
        .nest("/admin/v1", routes)
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
}

/// How many rows to give.
fn list_limit(asked: Option<u32>) -> Result<u32, Fault> {
    match asked.unwrap_or(LIST_DEFAULT) {
        limit @ 1..=LIST_MAX => Ok(limit),
        limit => Err(Fault::bad(format!("limit: {limit} is not between 1 and {LIST_MAX}"))),
    }
}

async fn no_route(method: Method, uri: Uri) -> Fault {
    Fault::not_found(format!("there is no {method} {}; all routes are under /admin/v1", uri.path()))
}

async fn no_method(method: Method, uri: Uri) -> Fault {
    let message = format!("{} exists, but not with {method}", uri.path());
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, message)
}
