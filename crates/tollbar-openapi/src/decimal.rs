//! Decimal numbers of any size, compared as written: no rounding, hence no surprise at 2^53 or at 0.1.

use std::cmp::Ordering;

/// A number of JSON's grammar.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    /// Without zeros at either end; empty for zero.
    digits: Vec<u8>,
    /// The power of ten that `0.digits` is multiplied by.
    magnitude: i64,
}

impl Decimal {
    /// Reads a number as JSON writes it: no `+`, no leading zero, no bare point, no white space.
    pub(crate) fn parse(text: &str) -> Option<Decimal> {
        let (negative, rest) = strip_sign(text);
        let (mantissa, exponent) = match rest.find(['e', 'E']) {
            Some(at) => (rest.get(..at)?, parse_exponent(rest.get(at + 1..)?)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (mantissa, ""),
        };
        if !is_whole(whole) || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        digits.truncate(digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1));
        if digits.is_empty() {
            return Some(Decimal { negative: false, digits, magnitude: 0 });
        }
        let magnitude = length(whole.len()).saturating_add(exponent).saturating_sub(length(leading));
        Some(Decimal { negative, digits, magnitude })
    }
}

/// Whether the text is an integer as JSON writes it.
pub(crate) fn is_integer(text: &str) -> bool {
    is_whole(strip_sign(text).1)
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let signs = self.sign().cmp(&other.sign());
        let sizes = || {
            // Zero has no digits and would not compare by magnitude, but then both are zero here.
            self.magnitude.cmp(&other.magnitude).then_with(|| self.digits.cmp(&other.digits))
        };
        signs.then_with(|| if self.negative { sizes().reverse() } else { sizes() })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Decimal {
    fn sign(&self) -> i8 {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => 0,
            (false, false) => 1,
            (false, true) => -1,
        }
    }
}

fn strip_sign(text: &str) -> (bool, &str) {
    text.strip_prefix('-').map_or((false, text), |rest| (true, rest))
}

fn is_whole(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'))
}

/// An exponent too long for the type is cut to one that no written number of digits can bring back.
fn parse_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('+') {
        Some(rest) => (false, rest),
        None => strip_sign(text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse::<i64>().unwrap_or(i64::MAX / 4).min(i64::MAX / 4);
    Some(if negative { -size } else { size })
}

fn length(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_grammar_is_that_of_json() {
        for good in
            ["0", "-0", "1", "10", "-12", "0.5", "1.50", "1e3", "1E+3", "1e-3", "1e99999999999999999999"]
        {
            assert!(Decimal::parse(good).is_some(), "{good}");
        }
        for bad in [
            "", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", " 1", "1 ", "١", "NaN", "1_0", "--1",
            "1.2.3",
        ] {
            assert!(Decimal::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn an_integer_has_neither_point_nor_exponent() {
        assert!(["0", "-1", "18446744073709551616"].iter().all(|text| is_integer(text)));
        assert!(!["1.0", "1e2", "+1", "007", "", "-", " 1"].iter().any(|text| is_integer(text)));
    }

    #[test]
    fn numbers_compare_by_value_whatever_their_size() {
        let ascending = [
            "-1e400",
            "-10",
            "-9.5",
            "-0.001",
            "0",
            "1e-400",
            "0.1",
            "0.11",
            "9007199254740992",
            "9007199254740993",
            "1e400",
        ];
        for pair in ascending.windows(2) {
            assert!(Decimal::parse(pair[0]) < Decimal::parse(pair[1]), "{pair:?}");
        }
        for (left, right) in [("1.0", "1"), ("100", "1e2"), ("-0", "0"), ("0.0e5", "0"), ("1200e-2", "12")] {
            assert_eq!(Decimal::parse(left), Decimal::parse(right));
        }
    }

    proptest! {
        #[test]
        fn integers_compare_as_integers(left: i64, right: i64) {
            let (a, b) = (Decimal::parse(&left.to_string()), Decimal::parse(&right.to_string()));
            prop_assert_eq!(a.cmp(&b), left.cmp(&right));
        }
    }
}
