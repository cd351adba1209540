//! Why a database cannot be looked into: damage, or what only keeps from reading it now.

use std::{fs::File, io::ErrorKind, path::Path};

use rusqlite::ErrorCode;
use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
use serde::Serialize;

use crate::{OpenError, fault::is_damage};

/// A disk with less is full: what SQLite needs beside a database to read it does not fit.
const NEEDED_BYTES: u64 = 64 << 10;

/// What keeps from reading a database that may be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Hindrance {
    /// No space is left.
    DiskFull,
    /// The file system is mounted read-only, and reading needs a file beside the database.
    ReadOnly,
    /// Another program has locked it.
    Locked,
    /// It is another user's.
    OtherUser,
    /// None of these.
    Other,
}

/// A database that cannot be read.
#[derive(Debug, Serialize)]
pub struct Unreadable {
    /// What was said.
    pub cause: String,
    /// What keeps from it.
    pub hindrance: Hindrance,
}

/// A failure, before it is known what it means.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) cause: String,
    /// Only then it is damage.
    pub(super) is_damage: bool,
    code: Option<ErrorCode>,
    is_denied: bool,
}

impl Trouble {
    /// What else than damage it is.
    pub(super) fn at(self, file: &Path) -> Unreadable {
        let folder = file.parent().unwrap_or(file);
        let disk = statvfs(folder).ok();
        let around = Around {
            is_denied: self.is_denied
                || File::open(file).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
                || access(folder, Access::WRITE_OK) == Err(rustix::io::Errno::ACCESS),
            is_read_only: disk.as_ref().is_some_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY)),
            is_full: disk.is_some_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < NEEDED_BYTES),
        };
        Unreadable { hindrance: hindrance(self.code, &around), cause: self.cause }
    }
}

/// How it stands around a database.
#[derive(Default)]
struct Around {
    is_denied: bool,
    is_read_only: bool,
    is_full: bool,
}

fn hindrance(code: Option<ErrorCode>, around: &Around) -> Hindrance {
    match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Hindrance::Locked,
        Some(ErrorCode::DiskFull) => Hindrance::DiskFull,
        _ if around.is_read_only => Hindrance::ReadOnly,
        Some(ErrorCode::PermissionDenied) => Hindrance::OtherUser,
        _ if around.is_denied => Hindrance::OtherUser,
        _ if around.is_full => Hindrance::DiskFull,
        _ => Hindrance::Other,
    }
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self {
            cause: error.to_string(),
            is_damage: is_damage(&error),
            code: error.sqlite_error_code(),
            is_denied: false,
        }
    }
}

impl From<serde_json::Error> for Trouble {
    fn from(error: serde_json::Error) -> Self {
        let cause = format!("a stored record cannot be read: {error}");
        Self { cause, is_damage: false, code: None, is_denied: false }
    }
}

impl From<OpenError> for Trouble {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Damaged { file, reason } => {
                let name = file.file_name().unwrap_or_default().display();
                Self { cause: format!("{name}: {reason}"), is_damage: true, code: None, is_denied: false }
            }
            OpenError::File { path, cause } => Self {
                is_denied: cause.kind() == ErrorKind::PermissionDenied,
                cause: format!("{}: {cause}", path.display()),
                is_damage: false,
                code: None,
            },
            other => Self { cause: other.to_string(), is_damage: false, code: None, is_denied: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_from_reading_is_told_apart() {
        let well = Around::default();
        let (denied, read_only, full) = (
            Around { is_denied: true, ..Around::default() },
            Around { is_read_only: true, is_denied: true, ..Around::default() },
            Around { is_full: true, ..Around::default() },
        );
        for (code, around, expected) in [
            (ErrorCode::DatabaseBusy, &well, Hindrance::Locked),
            (ErrorCode::DiskFull, &well, Hindrance::DiskFull),
            (ErrorCode::SystemIoFailure, &full, Hindrance::DiskFull),
            (ErrorCode::CannotOpen, &full, Hindrance::DiskFull),
            (ErrorCode::CannotOpen, &read_only, Hindrance::ReadOnly),
            (ErrorCode::ReadOnly, &read_only, Hindrance::ReadOnly),
            (ErrorCode::CannotOpen, &denied, Hindrance::OtherUser),
            (ErrorCode::ReadOnly, &denied, Hindrance::OtherUser),
            (ErrorCode::SystemIoFailure, &well, Hindrance::Other),
        ] {
            assert_eq!(hindrance(Some(code), around), expected, "{code:?}");
        }
    }

    #[test]
    fn only_damage_is_called_so() {
        let of = |code| Trouble::from(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None));
        assert!(of(rusqlite::ffi::SQLITE_CORRUPT).is_damage);
        assert!(of(rusqlite::ffi::SQLITE_NOTADB).is_damage);
        for code in [
            rusqlite::ffi::SQLITE_FULL,
            rusqlite::ffi::SQLITE_BUSY,
            rusqlite::ffi::SQLITE_CANTOPEN,
            rusqlite::ffi::SQLITE_IOERR,
            rusqlite::ffi::SQLITE_READONLY,
            rusqlite::ffi::SQLITE_ERROR,
        ] {
            assert!(!of(code).is_damage, "{code}");
        }
        let denied = OpenError::file(Path::new("a-wal"))(ErrorKind::PermissionDenied.into());
        let denied = Trouble::from(denied);
        assert!(!denied.is_damage);
        assert_eq!(denied.at(Path::new("/")).hindrance, Hindrance::OtherUser);
    }
}
