//! Numbers, as people type them.

/// The most entries that a list can be asked for.
const LIST_MAX: u32 = 1000;

/// Reads a whole number; digits may stand in groups of three, as in 100,000 or `100_000`.
pub(crate) fn parse_number(text: &str) -> Result<u64, String> {
    if text.strip_prefix('-').is_some_and(|rest| read(rest).is_some()) {
        return Err(format!("{text} is negative; it must be 0 or more"));
    }
    let digits = read(text)
        .ok_or_else(|| format!("`{text}` is not a whole number; write it like 100000 or 100,000"))?;
    digits.parse().map_err(|_| format!("{text} is too large"))
}

/// Reads a whole number with or without a sign; a minus is a minus.
pub(crate) fn parse_signed(text: &str) -> Result<i64, String> {
    let (digits, is_negative) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let digits = read(digits)
        .ok_or_else(|| format!("`{text}` is not a whole number; write it like 500, -500 or -1,000"))?;
    let number: i64 = digits.parse().map_err(|_| format!("{text} is too large"))?;
    Ok(if is_negative { -number } else { number })
}

/// Reads a rate per minute.
pub(crate) fn parse_rate(text: &str) -> Result<u32, String> {
    within(text, u32::MAX)
}

/// Reads how many entries of a list are wanted.
pub(crate) fn parse_limit(text: &str) -> Result<u32, String> {
    within(text, LIST_MAX)
}

fn within(text: &str, max: u32) -> Result<u32, String> {
    let number = parse_number(text)?;
    u32::try_from(number)
        .ok()
        .filter(|number| (1..=max).contains(number))
        .ok_or_else(|| format!("{text} is out of range; it must be 1 to {max}"))
}

/// The digits alone, if that is a number that nobody can read in two ways.
fn read(text: &str) -> Option<String> {
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    for separator in [',', '_'] {
        let mut groups = text.split(separator);
        let first = groups.next().unwrap_or_default();
        let is_grouped = is_digits(first) && groups.all(|group| group.len() == 3 && is_digits(group));
        if is_grouped && (first.len() <= 3 || first.len() == text.len()) {
            return Some(text.replace(separator, ""));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_can_stand_in_groups() {
        for (text, number) in
            [("0", 0), ("100000", 100_000), ("100,000", 100_000), ("1_000_000", 1_000_000), ("1,234", 1234)]
        {
            assert_eq!(parse_number(text), Ok(number), "{text}");
        }
        for text in
            ["", "many", "1.5", "1.000", "1,5", "1000,000", "1,000_000", "+5", "100k", "1,", ",000", "--5"]
        {
            let expected = format!("`{text}` is not a whole number; write it like 100000 or 100,000");
            assert_eq!(parse_number(text), Err(expected));
        }
        assert_eq!(parse_number("-1,000"), Err("-1,000 is negative; it must be 0 or more".to_owned()));
        let huge = "99999999999999999999";
        assert_eq!(parse_number(huge), Err(format!("{huge} is too large")));
    }

    #[test]
    fn a_sign_is_a_sign() {
        for (text, number) in [("5", 5), ("+5", 5), ("-1,000", -1000), ("-0", 0)] {
            assert_eq!(parse_signed(text), Ok(number), "{text}");
        }
        for text in ["", "-", "--5", "-1.5", "five"] {
            assert!(parse_signed(text).unwrap_err().contains("not a whole number"), "{text}");
        }
        assert!(parse_signed("-99999999999999999999").unwrap_err().contains("too large"));
    }

    #[test]
    fn a_limit_has_limits() {
        assert_eq!((parse_limit("1"), parse_limit("1,000")), (Ok(1), Ok(1000)));
        for text in ["0", "1001"] {
            assert_eq!(parse_limit(text), Err(format!("{text} is out of range; it must be 1 to 1000")));
        }
        assert_eq!(
            parse_rate("99999999999"),
            Err("99999999999 is out of range; it must be 1 to 4294967295".to_owned())
        );
    }
}
