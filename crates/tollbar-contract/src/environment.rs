//! The first-class dimension of everything that is counted, sold or sent.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// `live` or `sandbox`: credentials, upstreams, windows, allowances and records of the two never mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Production traffic.
    Live,
    /// Trial traffic.
    Sandbox,
}

impl Environment {
    /// Both, live first.
    pub const ALL: [Self; 2] = [Self::Live, Self::Sandbox];

    /// `live` or `sandbox`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Sandbox => "sandbox",
        }
    }

    /// 0 for live, 1 for sandbox: for arrays of two and for records on disk.
    pub const fn index(self) -> usize {
        match self {
            Self::Live => 0,
            Self::Sandbox => 1,
        }
    }

    /// The inverse of [`Environment::index`].
    pub const fn from_index(index: usize) -> Option<Self> {
        match index {
            0 => Some(Self::Live),
            1 => Some(Self::Sandbox),
            _ => None,
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Neither `live` nor `sandbox`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownEnvironment;

impl fmt::Display for UnknownEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the environment is `live` or `sandbox`")
    }
}

impl std::error::Error for UnknownEnvironment {}

impl FromStr for Environment {
    type Err = UnknownEnvironment;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|e| e.as_str() == text).ok_or(UnknownEnvironment)
    }
}
