//! The id that stands on every answer.

use std::fmt;

/// Twelve lower-case hexadecimal characters: a 48-bit number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId([u8; 12]);

impl RequestId {
    /// How many different ids there are, as a power of two.
    pub const BITS: u32 = 48;

    /// The id of a number; bits above the 48th are ignored.
    pub fn from_number(number: u64) -> Self {
        let mut text = [0; 12];
        for (position, digit) in text.iter_mut().enumerate() {
            let nibble = (number >> (44 - 4 * position)) & 0xf;
            *digit = b"0123456789abcdef"[usize::try_from(nibble).unwrap_or(0)];
        }
        Self(text)
    }

    /// Reads an id as a person may have typed or pasted it; `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let bytes: [u8; 12] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).then_some(Self(bytes))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever put in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_twelve_hex_and_back() {
        assert_eq!(RequestId::from_number(0xa1b2_c3d4_e5f6).as_str(), "a1b2c3d4e5f6");
        assert_eq!(RequestId::from_number(1).as_str(), "000000000001");
        assert_eq!(RequestId::parse(" A1B2C3D4E5F6\n"), Some(RequestId::from_number(0xa1b2_c3d4_e5f6)));
        assert_eq!(RequestId::parse("a1b2c3d4e5f"), None);
        assert_eq!(RequestId::parse("a1b2c3d4e5fg"), None);
    }
}
