//! The form of an API key: `<brand>_<live|sandbox>_<random><checksum>`.

use std::borrow::Cow;

use tollbar_contract::Environment;

use crate::{
    id::{BASE62, base62},
    secret::random_bytes,
};

/// Random characters in a key: 32 of base 62 are 190 bits.
const RANDOM_CHARACTERS: usize = 32;
/// CRC-32 in base 62.
const CHECKSUM_CHARACTERS: usize = 6;
/// Characters of the random part that a hint shows; 166 bits stay unknown.
const HINT_CHARACTERS: usize = 4;

/// Longest value that is read as a key at all.
pub const KEY_BYTES_MAX: usize = 512;
/// Shortest.
pub const KEY_BYTES_MIN: usize = 8;

/// A new key. Shown once; only its digest is kept.
pub fn generate_key(brand: &str, environment: Environment) -> String {
    with_checksum(format!("{brand}_{environment}_{}", random_text::<RANDOM_CHARACTERS>()))
}

/// A new OAuth2 client secret: the same form, with `secret` where a key names its environment.
pub fn generate_client_secret(brand: &str) -> String {
    with_checksum(format!("{brand}_secret_{}", random_text::<RANDOM_CHARACTERS>()))
}

/// The readable beginning by which people recognise a key.
pub fn key_hint(key: &str) -> String {
    let random_from = key.rfind('_').map_or(0, |at| at + 1);
    format!("{}...", &key[..(random_from + HINT_CHARACTERS).min(key.len())])
}

/// A text that is to be kept, without the credentials that somebody put where none belongs: into a path, a parameter,
/// an idempotency key. Of a key its hint stays, of a token its first letters.
pub fn hide_credentials(text: &str) -> Cow<'_, str> {
    let mut shown = String::new();
    let mut hidden_to = 0;
    for (from, to) in find_credentials(text) {
        // One may begin within another and go on beyond it.
        if from > hidden_to {
            shown.push_str(&text[hidden_to..from]);
            shown.push_str("...");
        }
        hidden_to = hidden_to.max(to);
    }
    if hidden_to == 0 {
        return Cow::Borrowed(text);
    }
    shown.push_str(&text[hidden_to..]);
    Cow::Owned(shown)
}

/// What is to be hidden of the credentials in a text: from where, to where, in order. Looks at each byte a few times
/// only, whatever strangers put into a path.
fn find_credentials(text: &str) -> Vec<(usize, usize)> {
    let run = |from: usize, also: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
        text[from..].find(|c| !is_part(c)).map_or(text.len(), |length| from + length)
    };
    let mut spans = Vec::new();
    for marker in ["_live_", "_sandbox_", "_secret_"] {
        let froms = text.match_indices(marker).map(|(at, _)| at + marker.len());
        spans.extend(
            froms.map(|from| (from, run(from, ""))).filter(|(from, to)| to - from > 2 * HINT_CHARACTERS),
        );
    }
    let mut at = 0;
    while let Some(before) = text[at..].find("eyJ") {
        let (from, to) = (at + before, run(at + before, "-_."));
        if to - from > 40 {
            spans.push((from, to));
        }
        at = to;
    }
    spans.sort_unstable();
    spans.into_iter().map(|(from, to)| (from + HINT_CHARACTERS, to)).collect()
}

/// Whether the checksum is right: rejects typing errors without a look-up.
pub fn checksum_is_right(key: &[u8]) -> bool {
    key.split_last_chunk::<CHECKSUM_CHARACTERS>()
        .is_some_and(|(rest, checksum)| checksum_of(rest).as_bytes() == checksum)
}

/// Whether a brand can be the beginning of keys.
pub fn brand_is_valid(brand: &str) -> bool {
    (1..=16).contains(&brand.len()) && brand.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn with_checksum(text: String) -> String {
    let checksum = checksum_of(text.as_bytes());
    text + &checksum
}

fn checksum_of(bytes: &[u8]) -> String {
    base62(crc32fast::hash(bytes).into(), CHECKSUM_CHARACTERS)
}

/// Random characters without bias: bytes beyond the last multiple of 62 are thrown away.
fn random_text<const N: usize>() -> String {
    let mut text = String::with_capacity(N);
    while text.len() < N {
        for byte in random_bytes::<64>() {
            if byte < 248 && text.len() < N {
                text.push(char::from(BASE62[usize::from(byte % 62)]));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_brand_and_environment_and_checks_itself() {
        let key = generate_key("tb", Environment::Live);
        assert!(key.starts_with("tb_live_"), "{key}");
        assert_eq!(key.len(), "tb_live_".len() + 38);
        assert!(checksum_is_right(key.as_bytes()));
        assert_ne!(key, generate_key("tb", Environment::Live));
        assert!(key.starts_with(key_hint(&key).trim_end_matches("...")));
        assert_eq!(key_hint(&key).len(), "tb_live_".len() + 7);
        assert!(checksum_is_right(generate_client_secret("tb").as_bytes()));
    }

    #[test]
    fn a_credential_in_a_text_is_hidden() {
        let key = generate_key("tb", Environment::Live);
        let secret = generate_client_secret("acme1");
        let token = format!("eyJhbGciOiJFZERTQSJ9.{}.{}", "eyJ".repeat(30), "x_-".repeat(20));
        for credential in [&key, &secret, &token, &generate_key("x", Environment::Sandbox)[..36].to_owned()] {
            for (before, after) in [("", ""), ("/v1/orders/", "/items"), ("must be \"", "…\" (é)")] {
                let hidden = hide_credentials(&format!("{before}{credential}{after}")).into_owned();
                let shown = hidden.strip_prefix(before).unwrap().strip_suffix(after).unwrap();
                assert!(shown.len() < credential.len() - 15 && shown.ends_with("..."), "{hidden}");
            }
        }
        // A token behind what looks like the beginning of a key is hidden to its end.
        let glued = format!("tb_live_{token}");
        assert_eq!(hide_credentials(&glued), "tb_live_eyJh...");
        let both = format!("{key} and {secret}");
        assert_eq!(hide_credentials(&both), format!("{} and {}", key_hint(&key), key_hint(&secret)));
        for harmless in [
            "",
            "/v1/orders/7",
            "tb_live_",
            "is_live_data",
            "a_secret_garden",
            "eyJ",
            key_hint(&key).as_str(),
        ] {
            assert_eq!(hide_credentials(harmless), harmless);
        }
    }

    #[test]
    fn every_single_typing_error_is_noticed() {
        let key = generate_key("tb", Environment::Sandbox).into_bytes();
        for position in 0..key.len() {
            for other in BASE62 {
                let mut wrong = key.clone();
                wrong[position] = *other;
                assert_eq!(checksum_is_right(&wrong), wrong == key);
            }
        }
        for position in 1..key.len() {
            let mut wrong = key.clone();
            wrong.swap(position - 1, position);
            assert_eq!(checksum_is_right(&wrong), wrong == key);
            assert!(!checksum_is_right(&key[..position]));
        }
        assert!(!checksum_is_right(&[key.as_slice(), b"x"].concat()));
    }
}
