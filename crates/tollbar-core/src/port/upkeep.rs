//! Copies of the store, made while it serves.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::PortFuture;
use crate::Timestamp;

/// What a backup is to be.
#[derive(Clone, Debug)]
pub struct BackupOrder {
    /// Where to: a folder that is not there yet, or empty. Absolute.
    pub folder: PathBuf,
    /// With the request log.
    pub with_requests: bool,
    /// When.
    pub made_at: Timestamp,
    /// By which version of the program.
    pub version: String,
}

/// What stands in a backup. A backup without it is not complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The layout's version.
    pub format: u32,
    /// The version of the program that made it.
    pub version: String,
    /// When, in RFC 3339.
    pub made_at: String,
    /// Whether the request log is in it.
    pub with_requests: bool,
    /// Which master secret opens it, in words. Itself it is never in a backup.
    pub master_secret: String,
    /// The schema of each database.
    pub schema: BTreeMap<String, i64>,
    /// Every other file of the backup.
    pub files: Vec<ManifestFile>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its path in the backup.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256, in hex.
    pub sha256: String,
}

/// What keeps a store safe.
pub trait Upkeep: Send + Sync {
    /// Makes a backup of one moment while everything goes on. When this completes it is on the disk, whole; where it
    /// fails, nothing of it is left.
    fn back_up(&self, order: BackupOrder) -> PortFuture<'_, Manifest>;
}
