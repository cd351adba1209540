//! Revoking tokens before they end.

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};
use tollbar_core::{ClientChanges, ClientRecord, PolicyChange, RevokedToken, Timestamp};

use super::Shared;
use crate::{
    change::{Change, Note},
    fault::Fault,
    input::{Body, parse_future_time},
    view,
};

/// For how long a revocation is kept if the token's end is not given: longer than any token lives.
const KEPT_SECONDS: u64 = 366 * 86_400;
/// The longest life of a token. If a token's end is given wrongly, its revocation must not end before it does.
const KEPT_SECONDS_MIN: u64 = 86_400;
/// No longer than ours are: a key or a secret put here by mistake is longer, and must not be stored.
const TOKEN_ID_CHARACTERS_MAX: usize = 22;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revocation {
    token_id: Option<String>,
    expires_at: Option<String>,
    client: Option<String>,
}

/// `POST /tokens/revoke`
pub(super) async fn revoke(
    State(control): Shared,
    Body(input): Body<Revocation>,
) -> Result<Json<Value>, Fault> {
    let work = async move |change: Change| match input {
        Revocation { token_id: Some(id), expires_at, client: None } => {
            revoke_one(change, id, expires_at).await
        }
        Revocation { token_id: None, expires_at: None, client: Some(client) } => {
            revoke_all(change, &client).await
        }
        _ => Err(Fault::bad(
            "give token_id (and perhaps expires_at) for one token, or client for all of a client's tokens",
        )),
    };
    control.change(work).await
}

async fn revoke_one(
    mut change: Change,
    token_id: String,
    expires_at: Option<String>,
) -> Result<Json<Value>, Fault> {
    let is_plain = token_id.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_plain || !(1..=TOKEN_ID_CHARACTERS_MAX).contains(&token_id.len()) {
        // A whole token must not be stored or repeated.
        return Err(Fault::bad(
            "token_id: this is not a token's id; the id is the `jti` claim, not the token",
        ));
    }
    let expires_at = match expires_at {
        Some(text) => parse_future_time("expires_at", &text, change.now)?,
        None => change.now.plus_seconds(KEPT_SECONDS),
    };
    let answer = json!({ "token_id": token_id, "expires_at": view::time(expires_at) });
    let note = Note::new(
        "token.revoke",
        &token_id,
        format!("kept until the token ends, at the latest {expires_at}"),
    );
    let expires_at = expires_at.max(change.now.plus_seconds(KEPT_SECONDS_MIN));
    let revoked = RevokedToken { token_id, expires_at, change: Some(change.id) };
    change.commit(vec![PolicyChange::RevokeToken(revoked)], note).await?;
    Ok(Json(answer))
}

async fn revoke_all(mut change: Change, client: &str) -> Result<Json<Value>, Fault> {
    let client = change.control.find_existing_client(client)?;
    let record = &client.record;
    // A token of this very millisecond is among those issued until now.
    let from = Timestamp::from_millis(change.now.as_millis() + 1);
    let from = record.tokens_valid_from.map_or(from, |earlier| earlier.max(from));
    let changes = ClientChanges { tokens: change.id, ..record.changes };
    let record = ClientRecord { tokens_valid_from: Some(from), change: change.id, changes, ..record.clone() };
    let answer = json!({ "client": record.id, "name": record.name, "tokens_valid_from": view::time(from) });
    let detail = format!("all tokens of {} issued before {from}", record.name);
    let note = Note::new("client.revoke_tokens", &record.id, detail);
    change.commit(vec![PolicyChange::PutClient(record)], note).await?;
    Ok(Json(answer))
}
