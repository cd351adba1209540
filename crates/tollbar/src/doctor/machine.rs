//! The machine: disk, clock, limits; and the configuration with its certificates.

use std::{fs, path::Path};

use tollbar_core::Timestamp;
use tollbar_store::Ahead;

use super::{Check, Patient, store::why_not};
use crate::{config::Config, data_folder::DataFolder, output::number};

const MIB: u64 = 1 << 20;
/// Below this nothing can be recorded soon.
const FREE_BYTES_MIN: u64 = 64 * MIB;
const FREE_BYTES_LOW: u64 = 1024 * MIB;
const FREE_INODES_MIN: u64 = 100;
const FREE_INODES_LOW: u64 = 10_000;
/// What was written may be so much newer than the clock says.
pub(super) const AHEAD_MILLIS: u64 = 60_000;
const STEP_MILLIS: f64 = 2000.0;
/// Beside two for each connection.
const FILES_RESERVE: u64 = 256;

pub(super) fn disk(data: &DataFolder) -> Vec<Check> {
    let subject = "disk";
    let disk = match rustix::fs::statvfs(data.path()) {
        Ok(disk) => disk,
        Err(error) => {
            return vec![Check::wrong(
                subject,
                error.to_string(),
                "the disk cannot be asked: is it mounted?",
            )];
        }
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let mut checks = Vec::new();
    if disk.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        checks.push(Check::wrong(
            subject,
            "it is read-only",
            "nothing can be recorded: mount it for writing, and look at its log",
        ));
    }
    let found = format!("{} MiB free", number(free / MIB));
    let advice = "make space: a server goes on by itself once there is some";
    checks.push(match free {
        ..FREE_BYTES_MIN => Check::wrong(subject, found, advice),
        FREE_BYTES_MIN..FREE_BYTES_LOW => Check::warning(subject, found, advice),
        _ => Check::ok(subject, found),
    });
    // Some file systems have no fixed number of them.
    if disk.f_files > 0 {
        let found = format!("{} files can be made", number(disk.f_favail));
        checks.push(match disk.f_favail {
            ..FREE_INODES_MIN => Check::wrong(subject, found, "no more files can be made: delete some"),
            FREE_INODES_MIN..FREE_INODES_LOW => {
                Check::warning(subject, found, "few more files can be made: delete some")
            }
            _ => Check::ok(subject, found),
        });
    }
    checks
}

pub(super) fn clock(patient: &Patient<'_>) -> Check {
    let (subject, now, ahead) = ("clock", patient.now, &patient.inspection.ahead);
    let looked_at = patient.inspection.looked_at;
    let set = "set the clock (chrony, systemd-timesyncd), then restart the server";
    let built = Timestamp::parse("2025-01-01").unwrap_or_default();
    let end = Timestamp::parse("2100-01-01").unwrap_or_default();
    if now < built || now > end {
        return Check::wrong(subject, format!("it is {now} here"), set);
    }
    if ahead.newest.as_millis() > now.as_millis() + AHEAD_MILLIS {
        let found = format!(
            "it is {now} here, and the newest record is of {}: the clock was set back. Ahead of it {}",
            ahead.newest,
            list_ahead(ahead)
        );
        let if_right = "if it is right now, it was ahead when these were written, and nothing has to be done: the keys are \
             replayed until they end, files of the journal go some minutes after a start, changes keep their time";
        return if ahead.is_last() {
            Check::wrong(
                subject,
                found,
                format!(
                    "if it is behind, {set}: until it has caught up, months, expiries and rates are counted from the wrong time; \
                     {if_right}"
                ),
            )
        } else {
            // Others were written by this clock since.
            Check::warning(subject, found, format!("{if_right}; if it is behind, {set}"))
        };
    }
    match patient.metric("tollbar_clock_step_milliseconds") {
        Some(step) if step.abs() >= STEP_MILLIS => Check::warning(
            subject,
            format!("it was stepped by {step} ms since the server started, which keeps its own time"),
            "restart the server when the clock is right",
        ),
        _ if looked_at.journal && looked_at.tables => Check::ok(subject, format!("it is {now}")),
        _ => Check::ok(
            subject,
            format!("it is {now}; not all records were held against it: {}", why_not(patient)),
        ),
    }
}

/// What there is of a time that has not come.
fn list_ahead(ahead: &Ahead) -> String {
    let mut parts = Vec::new();
    if ahead.changes > 0 {
        parts.push(format!("{} changes on the audit trail", number(ahead.changes)));
    }
    if ahead.keys > 0 {
        parts.push(format!(
            "{} idempotency keys, of which the last ends at {}",
            number(ahead.keys),
            ahead.keys_until
        ));
    }
    if ahead.journal_files > 0 {
        parts.push(format!("{} files of the usage journal", number(ahead.journal_files)));
    }
    format!("are {}", parts.join(", "))
}

/// The configuration as it would be read, and the certificates that it names.
pub(super) fn configuration(config: &Result<&Config, String>, now: Timestamp) -> Vec<Check> {
    let config = match config {
        Ok(config) => config,
        Err(cause) => {
            return vec![Check::wrong("configuration", cause, "`tollbar check --config FILE` says more")];
        }
    };
    let mut checks: Vec<Check> = config
        .warnings()
        .into_iter()
        .map(|warning| {
            Check::warning("configuration", warning, "`tollbar check --config FILE` shows every setting")
        })
        .collect();
    if checks.is_empty() {
        checks.push(Check::ok("configuration", "it can be used"));
    }
    let subject = "certificates";
    match crate::tls::examine(config) {
        Err(fault) => checks.push(Check::wrong(
            subject,
            format!("{fault:#}"),
            "the server would not start: mend the files",
        )),
        Ok((warnings, _)) if !warnings.is_empty() => {
            for warning in warnings {
                checks.push(Check::warning(
                    subject,
                    warning,
                    "replace the files; a running server takes them by itself",
                ));
            }
        }
        Ok((_, ends)) if ends.is_empty() => {
            checks.push(Check::ok(subject, "none is configured (--config FILE)"))
        }
        Ok((_, ends)) => {
            for (file, end) in ends {
                let days = end.saturating_sub(now.as_seconds()) / 86_400;
                checks
                    .push(Check::ok(subject, format!("{}: fits its key, {days} days left", file.display())));
            }
        }
    }
    checks
}

pub(super) fn limits(patient: &Patient<'_>) -> Check {
    let subject = "limits";
    let files = match &patient.running {
        Some(server) => open_files_of(server.pid),
        None => rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum.or(Some(u64::MAX)),
    };
    let Some(files) = files else {
        return Check::warning(
            subject,
            "the server's limit of open files cannot be read",
            "run this as the server's user, or as root",
        );
    };
    let wanted =
        patient.config.map_or(0, |config| u64::try_from(config.gateway.connections_max).unwrap_or(0));
    let needed = wanted.saturating_mul(2).saturating_add(FILES_RESERVE);
    let shown = if files == u64::MAX { "no end of".to_owned() } else { number(files) };
    let whose =
        if patient.running.is_some() { "the server may open" } else { "a server started here may open" };
    let found = format!(
        "{whose} {shown} files; {} connections (gateway.connections_max) take {}",
        number(wanted),
        number(needed)
    );
    if files < needed {
        return Check::warning(
            subject,
            found,
            "fewer connections are taken than configured: raise the limit (LimitNOFILE= in the service unit, ulimit -Hn)",
        );
    }
    Check::ok(subject, found)
}

/// The limit that a process has.
fn open_files_of(pid: u32) -> Option<u64> {
    let limits = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}
