//! When certificates end: said in time.

use std::{collections::BTreeMap, path::PathBuf};

use tollbar_core::Timestamp;

use super::identity::{Identity, Validity};

const DAY_SECONDS: u64 = 24 * 60 * 60;
/// With less left, the log warns; whoever renews by themselves has done so long before.
const WARN_DAYS: u64 = 14;

/// The certificates in force, and what was said of them.
#[derive(Default)]
pub(super) struct Expiries(BTreeMap<PathBuf, (Validity, Option<u64>)>);

impl Expiries {
    /// Notes a certificate, in place of one that stood in the same file.
    pub(super) fn note(&mut self, identity: &Identity) {
        self.0.insert(identity.file.clone(), (identity.valid, None));
    }

    /// File and end, in seconds since 1970.
    pub(super) fn ends(&self) -> impl Iterator<Item = (&PathBuf, u64)> {
        self.0.iter().map(|(file, (valid, _))| (file, valid.to))
    }

    /// What is to be said of them now: once a day for each.
    pub(super) fn warnings(&mut self, now: Timestamp) -> Vec<String> {
        let now = now.as_millis() / 1000;
        let today = now / DAY_SECONDS;
        let due = self.0.iter_mut().filter(|(_, (_, said))| *said != Some(today));
        due.filter_map(|(file, (valid, said))| {
            let text = text(*valid, now)?;
            *said = Some(today);
            Some(format!("{}: {text}", file.display()))
        })
        .collect()
    }
}

fn text(valid: Validity, now: u64) -> Option<String> {
    if now > valid.to {
        return Some("the certificate has expired, and clients refuse it; renew it".to_owned());
    }
    if now < valid.from {
        return Some("the certificate is not valid yet, and clients refuse it until then".to_owned());
    }
    let days = (valid.to - now) / DAY_SECONDS;
    (days < WARN_DAYS).then(|| format!("the certificate ends in {days} days; renew it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_warned_of_once_a_day_from_a_fortnight_before() {
        let valid = Validity { from: 10 * DAY_SECONDS, to: 100 * DAY_SECONDS };
        let mut expiries = Expiries([("a.pem".into(), (valid, None))].into());
        let mut said = |day: u64, second: u64| {
            expiries.warnings(Timestamp::from_millis((day * DAY_SECONDS + second) * 1000)).join(";")
        };
        for (day, second, expected) in [
            (9, 0, "a.pem: the certificate is not valid yet, and clients refuse it until then"),
            (10, 0, ""),
            (86, 0, ""),
            (86, 1, "a.pem: the certificate ends in 13 days; renew it"),
            (86, 2, ""),
            (87, 0, "a.pem: the certificate ends in 13 days; renew it"),
            (99, 1, "a.pem: the certificate ends in 0 days; renew it"),
            (100, 1, "a.pem: the certificate has expired, and clients refuse it; renew it"),
            (100, 2, ""),
        ] {
            assert_eq!(said(day, second), expected, "day {day}, second {second}");
        }
    }
}
