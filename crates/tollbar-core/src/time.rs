//! Points in time, calendar months in UTC, and the clock that is injected.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The point in time this many milliseconds after the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// The point in time this many seconds after the epoch.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_seconds(self) -> u64 {
        self.0 / 1000
    }

    /// Whole days since the epoch, rounded down: a calendar day in UTC.
    pub fn day(self) -> u32 {
        u32::try_from(self.0 / 86_400_000).unwrap_or(u32::MAX)
    }

    /// Later by so many seconds.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// How many milliseconds have passed since `earlier`; 0 if it is later.
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    fn zoned(self) -> jiff::Zoned {
        let millis = i64::try_from(self.0).unwrap_or(i64::MAX);
        jiff::Timestamp::from_millisecond(millis)
            .unwrap_or(jiff::Timestamp::MAX)
            .to_zoned(jiff::tz::TimeZone::UTC)
    }

    /// Reads RFC 3339 (`2026-12-01T00:00:00Z`) or a plain date in UTC (`2026-12-01`).
    pub fn parse(text: &str) -> Option<Self> {
        let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
            let date = text.parse::<jiff::civil::Date>().ok()?;
            Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        })?;
        u64::try_from(instant.as_millisecond()).ok().map(Self)
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.zoned().timestamp())
    }
}

/// A calendar month in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Month(u32);

impl Month {
    /// The month that a point in time is in.
    pub fn of(at: Timestamp) -> Self {
        let date = at.zoned().date();
        let year = u32::try_from(date.year()).unwrap_or(0);
        let month = u32::try_from(date.month()).unwrap_or(1);
        Self(year * 12 + month - 1)
    }

    /// Reads `2026-11`.
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let (year, month): (u32, u32) = (year.parse().ok()?, month.parse().ok()?);
        ((1970..=9998).contains(&year) && (1..=12).contains(&month)).then_some(Self(year * 12 + month - 1))
    }

    /// Months since the year 0: for records on disk.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The inverse of [`Month::number`].
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// The month after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Its first millisecond.
    pub fn start(self) -> Timestamp {
        let year = i16::try_from(self.0 / 12).unwrap_or(i16::MAX);
        let month = i8::try_from(self.0 % 12 + 1).unwrap_or(1);
        let start = jiff::civil::Date::new(year, month, 1)
            .and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC))
            .map_or(0, |zoned| zoned.timestamp().as_millisecond());
        Timestamp(u64::try_from(start).unwrap_or(0))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 12, self.0 % 12 + 1)
    }
}

/// Time as the platform sees it: anchored once to the wall clock, and only running forward.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_begin_and_end_in_utc() {
        let last = Timestamp::parse("2026-11-30T23:59:59.999Z").unwrap();
        let first = Timestamp::parse("2026-12-01T00:00:00Z").unwrap();
        assert_eq!(Month::of(last).to_string(), "2026-11");
        assert_eq!(Month::of(first).to_string(), "2026-12");
        assert_eq!(Month::of(last).next().start(), first);
        assert_eq!(Month::parse("2026-12"), Some(Month::of(first)));
        assert_eq!(Month::parse("2026-13"), None);
        assert_eq!(Month::parse("2026-12").unwrap().next().to_string(), "2027-01");
    }

    #[test]
    fn points_in_time_are_read_and_written() {
        let at = Timestamp::parse("2026-12-01").unwrap();
        assert_eq!(at.to_string(), "2026-12-01T00:00:00.000Z");
        assert_eq!(Timestamp::parse("2026-12-01T01:00:00+01:00"), Some(at));
        assert_eq!(Timestamp::parse("tomorrow"), None);
        assert_eq!(Timestamp::parse("1960-01-01"), None);
    }
}
