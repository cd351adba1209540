//! From the admin API's answer to sums: by endpoint, by day, by outcome.

use std::collections::BTreeMap;

use serde_json::Value;

use super::By;

pub(super) const ENVIRONMENTS: [&str; 2] = ["live", "sandbox"];

/// Outcomes: as the admin API names them, as people do, and whether they give back.
pub(super) const OUTCOMES: [(&str, &str, bool); 7] = [
    ("2xx", "2xx", false),
    ("3xx", "3xx", false),
    ("4xx", "4xx", false),
    ("5xx", "5xx", true),
    ("not_sent", "not sent", true),
    ("open", "open", false),
    ("unclassed", "unclassed", false),
];

/// One line of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// `live` or `sandbox`.
    pub(super) environment: &'static str,
    /// Which endpoint, day (as a date) or outcome; empty for the month as a whole.
    pub(super) group: String,
    pub(super) counts: Counts,
}

/// What was charged, how much of that was given back, and by which outcomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) charged: i64,
    pub(super) given_back: i64,
    /// In the order of [`OUTCOMES`].
    pub(super) outcomes: [i64; 7],
}

impl Counts {
    fn of(value: &Value) -> Self {
        let outcomes = OUTCOMES.map(|(name, ..)| whole(&value["outcomes"][name]));
        Self { charged: whole(&value["charged"]), given_back: whole(&value["given_back"]), outcomes }
    }

    fn add(&mut self, other: &Self) {
        self.charged = self.charged.saturating_add(other.charged);
        self.given_back = self.given_back.saturating_add(other.given_back);
        for (sum, more) in self.outcomes.iter_mut().zip(other.outcomes) {
            *sum = sum.saturating_add(more);
        }
    }

    /// What is left of the charges, before corrections.
    pub(super) const fn net(&self) -> i64 {
        self.charged.saturating_sub(self.given_back)
    }
}

pub(super) fn whole(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

/// A client's lines: environments in order, then groups in order. Empty groups are left out; totals are not.
pub(super) fn lines(client: &Value, by: By) -> Vec<Line> {
    let there = ENVIRONMENTS.into_iter().filter(|environment| client[*environment].is_object());
    there.flat_map(|environment| of_environment(client, environment, by)).collect()
}

fn of_environment(client: &Value, environment: &'static str, by: By) -> Vec<Line> {
    let total = Counts::of(&client[environment]);
    match by {
        By::Total => vec![Line { environment, group: String::new(), counts: total }],
        By::Outcome => by_outcome(environment, &total),
        By::Endpoint | By::Day => {
            let name = if by == By::Day { "date" } else { "endpoint_name" };
            let mut sums: BTreeMap<String, Counts> = BTreeMap::new();
            let rows = client["rows"].as_array().into_iter().flatten();
            for row in rows.filter(|row| row["environment"] == environment) {
                let group = row[name].as_str().unwrap_or_default().to_owned();
                sums.entry(group).or_default().add(&Counts::of(row));
            }
            sums.into_iter().map(|(group, counts)| Line { environment, group, counts }).collect()
        }
    }
}

/// What an older version charged may have been given back, and by what is not known: that is what is left of it.
fn by_outcome(environment: &'static str, total: &Counts) -> Vec<Line> {
    let told: i64 =
        OUTCOMES.iter().zip(total.outcomes).filter(|((_, _, back), _)| *back).map(|(_, n)| n).sum();
    let lines = OUTCOMES.iter().zip(total.outcomes).enumerate().map(
        |(index, ((api, group, gives_back), charged))| {
            let given_back = match (*gives_back, *api) {
                (true, _) => charged,
                (false, "unclassed") => total.given_back.saturating_sub(told),
                (false, _) => 0,
            };
            let mut outcomes = [0; 7];
            if let Some(own) = outcomes.get_mut(index) {
                *own = charged;
            }
            Line { environment, group: (*group).to_owned(), counts: Counts { charged, given_back, outcomes } }
        },
    );
    lines.filter(|line| line.counts.charged != 0 || line.counts.given_back != 0).collect()
}
