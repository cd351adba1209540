//! What is wrong with a configuration, and where.

use std::{fmt, path::PathBuf};

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nowhere.
    Default,
    /// In a file, on this line; 0 if it is about the file as a whole.
    File(PathBuf, usize),
    /// In an environment variable.
    Variable(String),
    /// On the command line.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, 0) => path.display().fmt(f),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(flag) => f.write_str(flag),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where.
    pub(crate) origin: Origin,
    /// What, and what to do.
    pub(crate) message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}

/// Everything that is wrong, so that it can be put right in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    pub(super) fn push(&mut self, origin: Origin, message: impl Into<String>) {
        self.0.push(Fault { origin, message: message.into() });
    }

    /// Puts those of the file first, in the order of its lines; the others stay as they came.
    pub(super) fn sort(&mut self) {
        self.0.sort_by_key(|fault| match fault.origin {
            Origin::File(_, line) => (0, line),
            _ => (1, 0),
        });
    }

    /// Whether nothing but the command line is to blame.
    pub(crate) fn are_of_flags(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(|fault| matches!(fault.origin, Origin::Flag(_)))
    }

    /// Whether a setting is at fault already.
    pub(super) fn is_about(&self, path: &str) -> bool {
        self.0.iter().any(|fault| fault.message.strip_prefix(path).is_some_and(|rest| rest.starts_with(':')))
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the configuration is wrong:")?,
            count => write!(f, "the configuration is wrong in {count} places:")?,
        }
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl std::error::Error for Faults {}
