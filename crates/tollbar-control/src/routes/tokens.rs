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
/// A token's id is two 64-bit numbers in base 62. Anything else, such as a key put here by mistake, must not be stored.
const HALF_CHARACTERS: usize = 11;
/// The greatest of them. The digits stand in the order of ASCII, so that texts compare as the numbers do.
const HALF_MAX: &str = "LygHa16AHYF";

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
    if !is_token_id(&token_id) {
        // It is not repeated: it may be a whole token.
        return Err(Fault::bad(format!(
            "token_id: what was sent ({} characters) is not a token's id, so nothing was revoked; the id is the `jti` claim, \
             {} letters and digits, not the token",
            token_id.chars().count(),
            2 * HALF_CHARACTERS
        )));
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

fn is_token_id(text: &str) -> bool {
    let is_half = |half: &str| half.len() == HALF_CHARACTERS && half <= HALF_MAX;
    text.bytes().all(|b| b.is_ascii_alphanumeric())
        && text.split_at_checked(HALF_CHARACTERS).is_some_and(|(a, b)| is_half(a) && is_half(b))
}

#[cfg(test)]
mod tests {
    use tollbar_core::{OauthId, token::new_token_id};

    use super::*;

    #[test]
    fn only_what_could_have_been_issued_is_a_token_id() {
        assert_eq!(OauthId::from_number(u64::MAX).to_string(), format!("oc_{HALF_MAX}"));
        assert!((0..100).all(|_| is_token_id(&new_token_id())));
        let greatest = format!("{HALF_MAX}{HALF_MAX}");
        assert!(is_token_id(&greatest) && is_token_id(&"0".repeat(22)));
        for wrong in [
            "",
            "abc",
            &greatest[1..],
            &format!("{greatest}0"),
            &"z".repeat(22),
            "4fQ2bN8xKpL0a1b2c3d4_-",
            "\u{e4}".repeat(11).as_str(),
        ] {
            assert!(!is_token_id(wrong), "{wrong}");
        }
    }
}
