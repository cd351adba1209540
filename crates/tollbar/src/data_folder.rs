//! The data folder: what a server keeps there beside its store, and how a command finds the server through it.
//!
//! `master-secret` and `operator-token` are made at the first start and never overwritten; `running.json` says where
//! a running server listens, and goes when it ends. All three are for their owner alone.

mod file;
mod secret;

use std::{
    fs,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// Where it is if nobody says otherwise.
pub(crate) const DEFAULT: &str = "./tollbar-data";

const MASTER_SECRET: &str = "master-secret";
const OPERATOR_TOKEN: &str = "operator-token";
const RUNNING: &str = "running.json";
/// The store's file, whose presence means that there was a master secret.
const STORE: &str = "tollbar.db";

/// A data folder.
#[derive(Clone, Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    master_secret: Option<String>,
}

/// Where a running server listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// The server's process.
    pub(crate) pid: u32,
    /// The base URL of the gateway, such as `http://127.0.0.1:8080`.
    pub(crate) gateway: String,
    /// The base URL of the admin listener.
    pub(crate) admin: String,
    /// The base URL of the ops listener.
    pub(crate) ops: String,
}

/// Takes `running.json` away when it is dropped.
#[derive(Debug)]
#[must_use = "the server is announced as long as this lives"]
pub(crate) struct Announcement {
    path: PathBuf,
    running: Running,
}

impl DataFolder {
    /// The folder at a path; nothing is looked at or made.
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), master_secret: None }
    }

    /// Makes the folder if it is not there, open to its owner alone. The master secret can come from
    /// `TOLLBAR_MASTER_SECRET` in place of the file.
    pub(crate) fn create(path: impl Into<PathBuf>, master_secret: Option<&str>) -> Result<Self> {
        let path = path.into();
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("the data folder {} cannot be made", path.display()))?;
        Ok(Self { path, master_secret: master_secret.map(str::to_owned) })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether others on this machine can look into it.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let mode = fs::metadata(&self.path).map_or(0, |metadata| metadata.permissions().mode() & 0o777);
        if mode & 0o077 == 0 {
            return Vec::new();
        }
        let path = self.path.display();
        vec![format!(
            "the data folder {path} is open to other users (mode {mode:o}); close it with: chmod 700 {path}"
        )]
    }

    /// The master secret; made at the first start.
    pub(crate) fn master_secret(&self) -> Result<[u8; 32]> {
        let path = self.path.join(MASTER_SECRET);
        let stored = match file::read_private(&path)? {
            Some(text) => {
                Some(secret::parse(&text).with_context(|| format!("{} is damaged", path.display()))?)
            }
            None => None,
        };
        let given = match &self.master_secret {
            Some(text) => Some(secret::parse(text).context("TOLLBAR_MASTER_SECRET cannot be used")?),
            None => None,
        };
        match (given, stored) {
            // With another secret no key would be known and no token could be signed.
            (Some(given), Some(stored)) if given != stored => bail!(
                "TOLLBAR_MASTER_SECRET is not the secret in {}; the wrong one of the two must go",
                path.display()
            ),
            (Some(secret), _) | (None, Some(secret)) => Ok(secret),
            (None, None) if self.path.join(STORE).exists() => bail!(
                "{} is missing, and the store beside it was made with one; restore it from a backup, or give it as \
                 TOLLBAR_MASTER_SECRET (a new one would make every key and token invalid)",
                path.display()
            ),
            (None, None) => {
                let secret = tollbar_core::secret::random_bytes();
                file::write_new(&path, &secret::text(&secret))?;
                Ok(secret)
            }
        }
    }

    /// The operator token; made at the first start.
    pub(crate) fn operator_token(&self) -> Result<String> {
        let path = self.path.join(OPERATOR_TOKEN);
        match file::read_private(&path)? {
            Some(token) if secret::is_operator_token(token.trim()) => Ok(token.trim().to_owned()),
            Some(_) => bail!("{0} is damaged; remove it, and the next start makes a new one", path.display()),
            None => {
                let token = secret::new_operator_token();
                file::write_new(&path, &token)?;
                Ok(token)
            }
        }
    }

    /// Says where the server listens, until the announcement is dropped.
    pub(crate) fn announce(&self, running: Running) -> Result<Announcement> {
        let path = self.path.join(RUNNING);
        file::write(&path, &serde_json::to_string(&running)?)?;
        Ok(Announcement { path, running })
    }

    /// Where the running server listens. It can be left over from one that was killed: then nobody answers there.
    pub(crate) fn find_running(&self) -> Result<Option<Running>> {
        let path = self.path.join(RUNNING);
        match fs::read_to_string(&path) {
            Ok(text) => {
                let running = serde_json::from_str(&text)
                    .with_context(|| format!("{} is damaged; restart the server", path.display()))?;
                Ok(Some(running))
            }
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(fault).with_context(|| format!("{} cannot be read", path.display())),
        }
    }

    /// The operator token, for a command.
    pub(crate) fn find_operator_token(&self) -> Result<Option<String>> {
        let path = self.path.join(OPERATOR_TOKEN);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(fault).with_context(|| {
                format!("{} cannot be read; commands run as the server's user", path.display())
            }),
        }
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // A server that was started since has written its own.
        let is_ours = fs::read_to_string(&self.path)
            .is_ok_and(|text| serde_json::from_str(&text).is_ok_and(|found: Running| found == self.running));
        if is_ours {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests;
