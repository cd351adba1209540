//! Off-switches, as stored.

use serde::{Deserialize, Serialize};
use tollbar_contract::Environment;
use tollbar_openapi::{Operation, is_same_template};

use crate::{ChangeId, SwitchId, Timestamp};

/// An operator's off-switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Switch {
    /// Its id.
    pub id: SwitchId,
    /// What is off.
    pub target: SwitchTarget,
    /// In which environment; `None`: in both.
    pub environment: Option<Environment>,
    /// What the caller is told.
    pub message: Option<String>,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// When it was thrown.
    pub since: Timestamp,
    /// The change that threw it.
    pub change: ChangeId,
}

/// What a switch switches off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum SwitchTarget {
    /// Everything.
    Platform,
    /// One category.
    Category {
        /// The category's name.
        name: String,
    },
    /// One endpoint.
    Endpoint {
        /// The method, upper-case.
        method: String,
        /// Base and path template, as the document has them: `/v1/orders/{id}`.
        path: String,
    },
}

impl SwitchTarget {
    /// Whether the two are one: parameters may be called otherwise.
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Endpoint { method, path }, Self::Endpoint { method: other_method, path: other_path }) => {
                method == other_method && is_same_template(path, other_path)
            }
            (one, other) => one == other,
        }
    }

    /// Whether it is this one endpoint.
    pub fn is_endpoint(&self, base: &str, operation: &Operation) -> bool {
        match self {
            Self::Endpoint { method, path } => {
                *method == operation.method
                    && path.strip_prefix(base).is_some_and(|path| is_same_template(path, &operation.path))
            }
            Self::Platform | Self::Category { .. } => false,
        }
    }
}
