//! The text of secrets.

use anyhow::{Result, bail};
use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD},
};
use tollbar_core::secret::random_bytes;

const OPERATOR_TOKEN_PREFIX: &str = "tbop_";
/// 32 bytes in base64 without padding.
const OPERATOR_TOKEN_CHARACTERS: usize = 43;

/// 64 hexadecimal characters.
pub(super) fn text(secret: &[u8; 32]) -> String {
    secret.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads 32 bytes, as hex or base64.
pub(super) fn parse(text: &str) -> Result<[u8; 32]> {
    let text = text.trim();
    let bytes = if text.len() == 64 { from_hex(text) } else { from_base64(text) };
    match bytes.and_then(|bytes| bytes.try_into().ok()) {
        Some(secret) => Ok(secret),
        // The text is not repeated: it may be most of a secret.
        None => bail!(
            "it must be 32 bytes, as 64 hexadecimal characters or as base64; make one with: openssl rand -hex 32"
        ),
    }
}

pub(super) fn new_operator_token() -> String {
    format!("{OPERATOR_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(random_bytes::<32>()))
}

pub(super) fn is_operator_token(token: &str) -> bool {
    token.strip_prefix(OPERATOR_TOKEN_PREFIX).is_some_and(|rest| {
        rest.len() == OPERATOR_TOKEN_CHARACTERS
            && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair =
                std::str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit()))?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
}

/// Either alphabet, with or without padding.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [base64::alphabet::STANDARD, base64::alphabet::URL_SAFE]
        .into_iter()
        .find_map(|alphabet| GeneralPurpose::new(&alphabet, config).decode(text).ok())
}
