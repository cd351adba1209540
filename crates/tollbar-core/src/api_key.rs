//! The form of an API key: `<brand>_<live|sandbox>_<random><checksum>`.

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
