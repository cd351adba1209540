//! The data folder: what a server keeps there beside its store, and how a command finds the server through it.
//!
//! `master-secret` and `operator-token` are made at the first start; only a rotation puts another master secret in its
//! place, by way of `master-secret.new`. `running.json` says where a running server listens, and goes when it ends. All are
//! for their owner alone.

mod file;
mod secret;

use std::{
    fmt, fs,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

/// Where it is if nobody says otherwise.
pub(crate) const DEFAULT: &str = "./tollbar-data";

const MASTER_SECRET: &str = "master-secret";
/// A master secret that is to take the place of the one there is: there only while that is rotated.
const NEW_MASTER_SECRET: &str = "master-secret.new";
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

/// The master secret, and where it came from.
pub(crate) struct MasterSecret {
    /// The one in the file or the environment.
    pub(crate) current: [u8; 32],
    /// The one that was to take its place when a rotation was broken off.
    pub(crate) proposed: Option<[u8; 32]>,
    /// Whether `TOLLBAR_MASTER_SECRET` was set.
    pub(crate) is_given: bool,
    /// Whether the file is there.
    pub(crate) is_in_file: bool,
}

impl fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterSecret").finish_non_exhaustive()
    }
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
    /// Which folder this was written in: a copy is another one. An earlier version did not say.
    #[serde(default)]
    pub(crate) folder: Option<FolderIdentity>,
}

/// The device and the number of a folder: a copy has others.
pub(crate) type FolderIdentity = (u64, u64);

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

    /// The folder at a path as [`DataFolder::create`] gives it, but not made.
    pub(crate) fn with_master_secret(path: impl Into<PathBuf>, master_secret: Option<&str>) -> Self {
        Self { path: path.into(), master_secret: master_secret.map(str::to_owned) }
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

    /// Whether the file of the master secret is there.
    pub(crate) fn has_master_secret(&self) -> bool {
        self.path.join(MASTER_SECRET).exists()
    }

    /// The master secret as it is; none is made.
    pub(crate) fn find_master_secret(&self) -> Result<Option<MasterSecret>> {
        if self.has_master_secret() || self.master_secret.is_some() {
            self.master_secret().map(Some)
        } else {
            Ok(None)
        }
    }

    /// The master secret, and the one that was to take its place when a rotation was broken off; made at the first start.
    pub(crate) fn master_secret(&self) -> Result<MasterSecret> {
        let path = self.path.join(MASTER_SECRET);
        let stored = read_master_secret(&path)?;
        let proposed = read_master_secret(&self.path.join(NEW_MASTER_SECRET))?;
        let given = match &self.master_secret {
            Some(text) => Some(secret::parse(text).context("TOLLBAR_MASTER_SECRET cannot be used")?),
            None => None,
        };
        let is_given = given.is_some();
        let current = match (given, stored) {
            // With another secret no key would be known and no token could be signed.
            (Some(given), Some(stored)) if given != stored => bail!(
                "TOLLBAR_MASTER_SECRET is not the secret in {}; the wrong one of the two must go",
                path.display()
            ),
            (Some(secret), _) | (None, Some(secret)) => secret,
            (None, None) if self.has_store() => bail!(
                "{} is missing, and the store beside it was made with one; put back the copy of it that you keep apart from the folder (mode 0600), \
                 or give it as TOLLBAR_MASTER_SECRET (a new one would make every key and token invalid)",
                path.display()
            ),
            (None, None) => {
                let secret = tollbar_core::secret::random_bytes();
                file::write_new(&path, &secret::text(&secret))?;
                secret
            }
        };
        Ok(MasterSecret { current, proposed, is_given, is_in_file: stored.is_some() || !is_given })
    }

    /// A master secret as text from the environment.
    pub(crate) fn parse_master_secret(name: &str, text: &str) -> Result<[u8; 32]> {
        secret::parse(text).with_context(|| format!("{name} cannot be used"))
    }

    /// Writes the master secret that is to take the place of the one there is, beside it.
    pub(crate) fn propose_master_secret(&self, new: &[u8; 32]) -> Result<()> {
        file::write_new(&self.path.join(NEW_MASTER_SECRET), &secret::text(new))
    }

    /// Puts the proposed master secret in the place of the old one.
    pub(crate) fn adopt_master_secret(&self) -> Result<()> {
        file::rename(&self.path.join(NEW_MASTER_SECRET), &self.path.join(MASTER_SECRET))
    }

    /// Takes the proposed master secret away: nothing is wrapped under it.
    pub(crate) fn withdraw_master_secret(&self) -> Result<()> {
        file::remove(&self.path.join(NEW_MASTER_SECRET))
    }

    /// Whether there is a store.
    pub(crate) fn has_store(&self) -> bool {
        self.path.join(STORE).exists()
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
            Err(fault) => Err(fault).with_context(|| {
                format!("{} cannot be read; commands run as the server's user", path.display())
            }),
        }
    }

    /// Which folder this is; its server keeps it open, so that no other gets its number.
    pub(crate) fn identity(&self) -> Option<FolderIdentity> {
        let metadata = fs::metadata(&self.path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    }

    /// Whether a server announced itself here, and not in a folder of which this is a copy.
    pub(crate) fn is_home_of(&self, server: &Running) -> bool {
        server.folder.is_none_or(|folder| self.identity() == Some(folder))
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

fn read_master_secret(path: &Path) -> Result<Option<[u8; 32]>> {
    let Some(text) = file::read_private(path)? else { return Ok(None) };
    secret::parse(&text).map(Some).with_context(|| format!("{} is damaged", path.display()))
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
