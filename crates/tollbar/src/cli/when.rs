//! Points in time and durations, as people type them.

use anyhow::Result;
use jiff::{Span, SpanRelativeTo, Timestamp};

use super::context::Wrong;

/// For help texts.
pub(crate) const WHEN_HELP: &str = "WHEN is a duration from now (30m, 24h, 7d), a date (2026-12-01, which begins at 00:00 UTC) \
    or a point in time (2026-12-01T09:00:00Z).";

/// A point in time, or a distance from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    At(Timestamp),
    Distance(Duration),
}

/// A duration in whole seconds; a day has 24 hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duration {
    pub(crate) seconds: u32,
}

impl When {
    /// That point in the future, as the admin API reads it.
    pub(crate) fn after(self, now: Timestamp) -> Result<String> {
        let at = match self {
            Self::At(at) => at,
            Self::Distance(distance) => now.checked_add(Span::new().seconds(distance.seconds))?,
        };
        if at <= now {
            return Err(Wrong::line(format!("{at} is not in the future")));
        }
        Ok(at.to_string())
    }

    /// That point in the past: a duration counts back from now.
    pub(crate) fn before(self, now: Timestamp) -> Result<String> {
        let at = match self {
            Self::At(at) => at,
            Self::Distance(distance) => now.checked_sub(Span::new().seconds(distance.seconds))?,
        };
        Ok(at.to_string())
    }
}

/// Reads a WHEN.
pub(crate) fn parse_when(text: &str) -> Result<When, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(When::At(at));
    }
    // jiff reads a date and time without an offset as a date, and drops the time.
    if let Some(date) =
        text.parse::<jiff::civil::Date>().ok().filter(|_| !text.contains(['T', 't', ' ', ':']))
    {
        let start =
            date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| format!("`{text}` is out of range"))?;
        return Ok(When::At(start.timestamp()));
    }
    if text.contains(':') {
        return Err(format!("`{text}` has no time zone; end it with Z for UTC, as in 2026-12-01T09:00:00Z"));
    }
    parse_duration(text).map(When::Distance).map_err(|_| {
        format!("`{text}` is neither a duration (30m, 24h, 7d) nor a date (2026-12-01) nor a time (2026-12-01T09:00:00Z)")
    })
}

/// Reads a duration such as `30m`, `24h`, `7d` or `1h30m`; `0` is one too.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration { seconds: 0 });
    }
    let wrong = || format!("`{text}` is not a duration; write it with its unit, like 90s, 30m, 24h or 7d");
    // ISO 8601 (PT1H) and signs are readable to jiff, but not what anyone means here.
    if !text.starts_with(|c: char| c.is_ascii_digit()) || text.contains("ago") {
        return Err(wrong());
    }
    let span: Span = text.parse().map_err(|_| wrong())?;
    if span.get_months() != 0 || span.get_years() != 0 {
        return Err(format!("`{text}` depends on the calendar; write it in days (30d) or as a date"));
    }
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    if duration.subsec_nanos() != 0 {
        return Err(format!("`{text}` is not a whole number of seconds"));
    }
    let seconds = u32::try_from(duration.as_secs()).map_err(|_| format!("`{text}` is too long"))?;
    Ok(Duration { seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn durations_are_read_with_their_unit() {
        for (text, seconds) in [
            ("0", 0),
            ("0s", 0),
            ("90s", 90),
            ("30m", 1800),
            ("24h", 86_400),
            ("7d", 604_800),
            ("2w", 1_209_600),
            ("1h30m", 5400),
            ("1d 12h", 129_600),
            ("5 minutes", 300),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration { seconds }), "{text}");
        }
        for text in ["", "30", "h", "-5m", "+5m", "5m ago", "PT5M", "tomorrow", "5x"] {
            let expected =
                format!("`{text}` is not a duration; write it with its unit, like 90s, 30m, 24h or 7d");
            assert_eq!(parse_duration(text), Err(expected));
        }
        assert_eq!(
            parse_duration("1mo").unwrap_err(),
            "`1mo` depends on the calendar; write it in days (30d) or as a date"
        );
        assert_eq!(parse_duration("10ms").unwrap_err(), "`10ms` is not a whole number of seconds");
        assert_eq!(parse_duration("90000d").unwrap_err(), "`90000d` is too long");
    }

    #[test]
    fn points_in_time_are_read_in_every_form_that_people_use() {
        for (text, at) in [
            ("2026-12-01", "2026-12-01T00:00:00Z"),
            ("2026-12-01T09:00:00Z", "2026-12-01T09:00:00Z"),
            ("2026-12-01T09:00:00+02:00", "2026-12-01T07:00:00Z"),
            ("30m", "2026-11-22T10:30:00Z"),
            ("7d", "2026-11-29T10:00:00Z"),
        ] {
            assert_eq!(parse_when(text).unwrap().after(now()).unwrap(), at, "{text}");
        }
        assert_eq!(parse_when("30m").unwrap().before(now()).unwrap(), "2026-11-22T09:30:00Z");
        assert_eq!(parse_when("2026-11-01").unwrap().before(now()).unwrap(), "2026-11-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_point_in_time_is_named() {
        for text in ["", "soon", "2026-13-01", "2026-02-30", "12"] {
            assert_eq!(
                parse_when(text).unwrap_err(),
                format!(
                    "`{text}` is neither a duration (30m, 24h, 7d) nor a date (2026-12-01) nor a time (2026-12-01T09:00:00Z)"
                )
            );
        }
        for text in ["2026-12-01T09:00:00", "2026-12-01 09:00"] {
            assert!(parse_when(text).unwrap_err().contains("has no time zone"), "{text}");
        }
        let past = parse_when("2026-11-22").unwrap().after(now()).unwrap_err();
        assert_eq!(past.to_string(), "2026-11-22T00:00:00Z is not in the future");
        assert!(parse_when("0s").unwrap().after(now()).is_err());
    }
}
