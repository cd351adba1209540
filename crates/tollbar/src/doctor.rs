//! `tollbar doctor`: looks at what can go wrong around a platform, with or without a running server, and says what to do.
//! It changes nothing, and prints no secret.

mod folder;
mod machine;
mod secrets;
mod store;

use tollbar_core::Timestamp;
use tollbar_store::{Inspection, inspect};

use crate::{
    client::{find_ops_text, is_alive},
    config::Config,
    data_folder::{DataFolder, Running},
};

/// Outcomes that are unknown for longer are told.
const UNKNOWN_SECONDS: u64 = 3600;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Ok,
    Warning,
    Wrong,
}

impl Level {
    /// As it is written.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub(crate) struct Check {
    /// What: `data folder`, `clock`.
    pub(crate) subject: &'static str,
    /// How it stands.
    pub(crate) level: Level,
    /// What was found.
    pub(crate) found: String,
    /// What to do, where there is anything to do.
    pub(crate) advice: Option<String>,
}

impl Check {
    fn ok(subject: &'static str, found: impl Into<String>) -> Self {
        Self { subject, level: Level::Ok, found: found.into(), advice: None }
    }

    fn warning(subject: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { subject, level: Level::Warning, found: found.into(), advice: Some(advice.into()) }
    }

    fn wrong(subject: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { subject, level: Level::Wrong, found: found.into(), advice: Some(advice.into()) }
    }
}

/// What there is to look at.
struct Patient<'a> {
    data: &'a DataFolder,
    /// Where the configuration can be read.
    config: Option<&'a Config>,
    now: Timestamp,
    inspection: Inspection,
    /// The server, if one has the folder.
    running: Option<Running>,
    /// What its ops listener says of it.
    metrics: Option<String>,
}

impl Patient<'_> {
    /// A number among the server's metrics.
    fn metric(&self, name: &str) -> Option<f64> {
        let lines = self.metrics.as_deref()?.lines();
        lines.filter_map(|line| line.split_once(' ')).find(|(found, _)| *found == name)?.1.parse().ok()
    }
}

/// Looks at everything. `config`: what `tollbar serve` would be given, or why that cannot be read.
pub(crate) fn examine(
    data: &DataFolder,
    config: &Result<&Config, String>,
    now: Timestamp,
    full: bool,
) -> Vec<Check> {
    let mut checks = folder::check(data);
    if !folder::is_ours(data) {
        checks.extend(machine::configuration(config, now));
        return checks;
    }
    let since = Timestamp::from_millis(now.as_millis().saturating_sub(UNKNOWN_SECONDS * 1000));
    let ahead_of = Timestamp::from_millis(now.as_millis().saturating_add(machine::AHEAD_MILLIS));
    let inspection = inspect(data.path(), since, ahead_of, full);
    let is_here = |server: &Running| inspection.is_locked && is_alive(server.pid) && data.is_home_of(server);
    let running = data.find_running().ok().flatten().filter(is_here);
    let metrics = running.as_ref().and_then(|server| find_ops_text(&format!("{}/metrics", server.ops)));
    let patient = Patient { data, config: config.as_ref().ok().copied(), now, inspection, running, metrics };
    checks.push(folder::lock(&patient));
    checks.extend(machine::disk(data));
    checks.extend(store::check(&patient));
    checks.push(machine::clock(&patient));
    checks.extend(secrets::check(&patient));
    checks.extend(machine::configuration(config, now));
    checks.push(machine::limits(&patient));
    checks
}

#[cfg(test)]
mod tests;
