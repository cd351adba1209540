//! Running steps, and saying so.

use std::{
    io::Write,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::tools::root;

/// A named step.
pub(crate) struct Step(pub(crate) &'static str);

impl Step {
    /// Runs a command; its output is shown as it comes.
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        self.perform(|| {
            let status = command.status().with_context(|| format!("{command:?} cannot be run"))?;
            if status.success() { Ok(()) } else { bail!("{} failed: {command:?}", self.0) }
        })
    }

    /// Runs a function.
    pub(crate) fn perform(&self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        say(&format!("== {}", self.0));
        let began = Instant::now();
        work()?;
        say(&format!("== {}: {}", self.0, seconds(began.elapsed())));
        Ok(())
    }
}

fn seconds(elapsed: Duration) -> String {
    format!("{:.1} s", elapsed.as_secs_f64())
}

/// One line to standard error. If nobody reads it, nothing is lost.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// The cargo that runs this task, in the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root());
    command
}
