//! Identifiers of records, and the generator of request ids.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use tollbar_contract::RequestId;

use crate::secret::random_bytes;

/// The characters of ids and keys.
pub(crate) const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A number in base 62, `width` characters wide.
pub(crate) fn base62(mut number: u64, width: usize) -> String {
    let mut digits = vec![b'0'; width];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[usize::try_from(number % 62).unwrap_or(0)];
        number /= 62;
    }
    String::from_utf8(digits).unwrap_or_default()
}

/// The inverse of [`base62`]; `None` for another character or an overflow.
pub(crate) fn parse_base62(text: &str) -> Option<u64> {
    text.bytes().try_fold(0_u64, |number, byte| {
        let digit = BASE62.iter().position(|b| *b == byte)?;
        number.checked_mul(62)?.checked_add(u64::try_from(digit).ok()?)
    })
}

macro_rules! record_id {
    ($(#[$doc:meta])* $name:ident $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(u64);

        impl $name {
            /// A new one, at random: 64 bits, so that no counter has to be shared.
            pub fn random() -> Self { Self(u64::from_le_bytes(random_bytes())) }
            /// As a number, for records on disk.
            pub const fn number(self) -> u64 { self.0 }
            /// The inverse of `number`.
            pub const fn from_number(number: u64) -> Self { Self(number) }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), base62(self.0, 11))
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;
            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let rest = text.strip_prefix(concat!($prefix, "_")).filter(|rest| rest.len() == 11);
                rest.and_then(parse_base62).map(Self).ok_or(NotAnId)
            }
        }

        impl From<$name> for String { fn from(id: $name) -> Self { id.to_string() } }

        impl TryFrom<String> for $name {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<Self, NotAnId> { text.parse() }
        }
    };
}

/// The text is not an id of the kind asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id of this kind")]
pub struct NotAnId;

record_id! {
    /// A client: a company that calls the API.
    ClientId "cl"
}
record_id! {
    /// An API key's record; not the key.
    KeyId "key"
}
record_id! {
    /// An OAuth2 client credential. Its text is the `client_id` that the partner sends.
    OauthId "oc"
}
record_id! {
    /// A switch.
    SwitchId "sw"
}

/// An endpoint's durable number: the same method and path keep it across imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EndpointId(pub u32);

/// An entry of the audit trail: which change made something so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeId(pub u64);

/// Turns a counter into request ids: a keyed permutation of 48 bits, so that ids never repeat while the
/// counter does not, and neighbours in time cannot be guessed from one another.
#[derive(Clone)]
pub struct RequestIdPermutation {
    round_keys: [u64; Self::ROUNDS],
}

impl RequestIdPermutation {
    const ROUNDS: usize = 8;
    const HALF: u64 = (1 << 24) - 1;

    /// A permutation under a secret key.
    pub fn new(key: &[u8; 64]) -> Self {
        let mut round_keys = [0; Self::ROUNDS];
        for (round_key, bytes) in round_keys.iter_mut().zip(key.chunks_exact(8)) {
            *round_key = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
        }
        Self { round_keys }
    }

    /// The id of the counter's value. Different values below 2^48 have different ids.
    pub fn id(&self, counter: u64) -> RequestId {
        let (mut left, mut right) = ((counter >> 24) & Self::HALF, counter & Self::HALF);
        for key in self.round_keys {
            // A Feistel round is invertible whatever the mixing function is.
            (left, right) = (right, left ^ mixed(right, key));
        }
        RequestId::from_number((left << 24) | right)
    }

    /// The counter's value that has this id: the inverse of [`RequestIdPermutation::id`].
    pub fn counter(&self, id: RequestId) -> u64 {
        let number = u64::from_str_radix(id.as_str(), 16).unwrap_or_default();
        let (mut left, mut right) = ((number >> 24) & Self::HALF, number & Self::HALF);
        for key in self.round_keys.into_iter().rev() {
            (left, right) = (right ^ mixed(left, key), left);
        }
        (left << 24) | right
    }
}

/// Half of a number, mixed with a round's key.
fn mixed(half: u64, key: u64) -> u64 {
    let mut mixed = (half ^ key).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^= mixed >> 32;
    mixed = mixed.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ (key >> 17);
    (mixed >> 29) & RequestIdPermutation::HALF
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_written_and_read_back() {
        for number in [0, 1, 61, 62, u64::MAX] {
            let id = ClientId::from_number(number);
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        assert!("key_00000000000".parse::<ClientId>().is_err());
        assert!("cl_zzzzzzzzzzz".parse::<ClientId>().is_err(), "beyond 64 bits");
        assert!("cl_0".parse::<ClientId>().is_err());
    }

    #[test]
    fn request_ids_do_not_repeat_and_do_not_count() {
        let permutation = RequestIdPermutation::new(&[7; 64]);
        let ids: HashSet<_> = (0..200_000).map(|n| permutation.id(n)).collect();
        assert_eq!(ids.len(), 200_000);
        assert!(
            (0..2000).chain([(1 << 48) - 1, 1 << 24]).all(|n| permutation.counter(permutation.id(n)) == n)
        );
        let other = RequestIdPermutation::new(&[8; 64]);
        assert_ne!(permutation.id(1), other.id(1));
        let shared =
            (0..1000).filter(|n| permutation.id(*n).as_str()[..6] == permutation.id(n + 1).as_str()[..6]);
        assert!(shared.count() < 5, "neighbours look unrelated");
    }
}
