//! What a rotation means for what was issued, in words.

use tollbar_core::{Hold, SigningKeyRecord, Timestamp, UnderPepper};

/// What becomes of a signing key when another takes its place.
pub(crate) fn of_signing_key(key: &SigningKeyRecord) -> String {
    let Some(retired) = &key.retired else {
        return format!("Signing key {} signs every token.", key.id);
    };
    format!(
        "Signing key {} signs nothing more, and its private half is erased. The last token under it ends by {}, and until \
         then it stands in the published key set. Its public half is kept after that, so that expired tokens are told so.",
        key.id, retired.tokens_until
    )
}

/// What lives under the newest pepper. How long it stays is not the question there.
pub(crate) fn of_newest_pepper(id: u32, under: &UnderPepper) -> String {
    format!("{} What is issued from now on does.", living(id, under))
}

fn living(id: u32, under: &UnderPepper) -> String {
    match (under.keys, under.oauth_secrets) {
        (0, 0) => format!("Nothing that can be used lives under pepper {id}."),
        (keys, 0) => format!("{} under pepper {id}.", live(keys, "key")),
        (0, secrets) => format!("{} under pepper {id}.", live(secrets, "OAuth2 secret")),
        (keys, secrets) => {
            let (keys, secrets) = (several(keys, "key"), several(secrets, "OAuth2 secret"));
            format!("{keys} and {secrets} live under pepper {id}.")
        }
    }
}

/// What lives under a pepper, and how long that keeps it once it is not the newest.
pub(crate) fn of_pepper(id: u32, under: &UnderPepper) -> String {
    let mut sentences = vec![living(id, under)];
    if let Some(at) = under.last_key_ends.max(under.last_oauth_secret_ends) {
        sentences.push(format!("The last one that has an end ends {at}."));
    }
    let endless = under.keys_without_end + under.oauth_secrets_without_end;
    if endless > 0 {
        let have = if endless == 1 { "1 has".to_owned() } else { format!("{endless} have") };
        sentences.push(format!("{have} no end: it is honoured until they are rotated or revoked."));
    }
    sentences.push(match under.hold() {
        Hold::Released => "It goes at once.".to_owned(),
        Hold::Until(at) => format!("It goes on {at}, unless one of them is revoked before."),
        Hold::UntilRotated => "It goes then.".to_owned(),
        Hold::ForEver => {
            let known = match under.tombstones {
                0 => "A key that was revoked".to_owned(),
                1 => "1 key is revoked, and".to_owned(),
                more => format!("{more} keys are revoked, and each"),
            };
            format!("{known} answers revoked_api_key for ever: for that alone it is kept after that, and opens nothing.")
        }
    });
    sentences.join(" ")
}

/// What is sealed under a key that is not the newest.
pub(crate) fn of_sealing(id: u32, needed_until: Timestamp) -> String {
    format!(
        "Stored answers under sealing-{id} are replayed until their time is over, at the latest {needed_until}; then it goes. \
         The signing key is sealed anew at once."
    )
}

fn several(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn live(count: u64, what: &str) -> String {
    format!("{} {}", several(count, what), if count == 1 { "lives" } else { "live" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: Timestamp = Timestamp::from_seconds(1_799_020_800);

    #[test]
    fn a_pepper_s_end_is_told() {
        let nothing = UnderPepper::default();
        let dated = UnderPepper { keys: 1, last_key_ends: Some(END), ..nothing };
        let endless = UnderPepper { keys: 3, keys_without_end: 2, ..dated };
        let buried = UnderPepper { tombstones: 1, ..nothing };
        let oauth = UnderPepper { oauth_secrets: 2, oauth_secrets_without_end: 1, ..nothing };
        let both = UnderPepper { oauth_secrets: 1, tombstones: 4, ..endless };
        for (under, told) in [
            (nothing, "Nothing that can be used lives under pepper 1. It goes at once."),
            (
                dated,
                "1 key lives under pepper 1. The last one that has an end ends 2027-01-04T00:00:00.000Z. It goes on \
                 2027-01-04T00:00:00.000Z, unless one of them is revoked before.",
            ),
            (
                endless,
                "3 keys live under pepper 1. The last one that has an end ends 2027-01-04T00:00:00.000Z. 2 have no end: it is \
                 honoured until they are rotated or revoked. A key that was revoked answers revoked_api_key for ever: for \
                 that alone it is kept after that, and opens nothing.",
            ),
            (
                buried,
                "Nothing that can be used lives under pepper 1. 1 key is revoked, and answers revoked_api_key for ever: for \
                 that alone it is kept after that, and opens nothing.",
            ),
            (
                oauth,
                "2 OAuth2 secrets live under pepper 1. 1 has no end: it is honoured until they are rotated or revoked. It goes \
                 then.",
            ),
            (
                both,
                "3 keys and 1 OAuth2 secret live under pepper 1. The last one that has an end ends 2027-01-04T00:00:00.000Z. 2 \
                 have no end: it is honoured until they are rotated or revoked. 4 keys are revoked, and each answers \
                 revoked_api_key for ever: for that alone it is kept after that, and opens nothing.",
            ),
        ] {
            assert_eq!(of_pepper(1, &under), told);
        }
    }
}
