//! The store: databases, journal, unknown outcomes, a restored copy that waits.

use tollbar_store::{DatabaseReport, Hindrance};

use super::{Check, Patient};
use crate::output::number;

/// Folding takes a second; more than this waits only when it fails.
const UNFOLDED_BYTES_MAX: u64 = 64 << 20;

pub(super) fn check(patient: &Patient<'_>) -> Vec<Check> {
    let folder = patient.data.path().display();
    let restore = format!("`tollbar restore BACKUP --replace --data {folder}` puts a backup in its place");
    let inspection = &patient.inspection;
    let mut checks: Vec<Check> =
        inspection.databases.iter().map(|report| database(report, patient, &restore)).collect();
    checks.push(journal(patient));
    if inspection.unknown_outcomes > 0 {
        checks.push(Check::warning(
            "outcomes",
            format!(
                "{} executions under an Idempotency-Key have an unknown outcome for more than an hour",
                number(inspection.unknown_outcomes)
            ),
            "their requests were sent, and no answer was recorded: find out whether they took effect, and tell the client",
        ));
    } else if inspection.looked_at.tables {
        checks.push(Check::ok("outcomes", "none is unknown for more than an hour"));
    } else {
        checks.push(not_looked_at(patient, "outcomes"));
    }
    if inspection.is_restore_pending {
        let found = if inspection.databases.is_empty() {
            "a restored copy is half in place, and waits for the next start"
        } else {
            "a restored copy waits for the next start"
        };
        checks.push(Check::warning(
            "restore",
            found,
            format!("take it with `tollbar serve --take-over --data {folder}` or a restart; `tollbar restore` replaces it"),
        ));
    }
    if inspection.has_left_restore {
        checks.push(Check::warning(
            "restore",
            "one was broken off, and left restore-staged.part/ or restore-staged.older/: they are worth nothing, and take room",
            "delete them; or restore again, which does",
        ));
    }
    if inspection.is_restore_torn {
        checks.push(Check::warning(
            "restore",
            "files of the restored copy in restore-staged/ are missing: the next start does not take it",
            "delete the rest of it; or restore again with `tollbar restore`",
        ));
    }
    if inspection.is_restore_newer {
        checks.push(Check::warning(
            "restore",
            "the restored copy in restore-staged/ is of a newer version of Tollbar: the next start of this one does not take it",
            "start the newer version; or delete the copy",
        ));
    }
    if let Some(dropped) = patient.metric("tollbar_request_log_dropped").filter(|dropped| *dropped > 0.0) {
        checks.push(Check::warning(
            "request log",
            format!("{dropped} entries were dropped since the start"),
            "the disk did not keep up, or was full: those requests cannot be looked up",
        ));
    }
    checks
}

fn database(report: &DatabaseReport, patient: &Patient<'_>, restore: &str) -> Check {
    let (name, is_main) = (report.name, report.name == "tollbar.db");
    if !report.problems.is_empty() {
        let found = format!("damaged: {}", report.problems.join("; "));
        return if is_main {
            Check::wrong(name, found, restore)
        } else {
            Check::wrong(
                name,
                found,
                "stop the server, move requests.db* out of the folder and start it: a new one is begun, and only look-ups of the \
                 past are lost (a start does so by itself where it meets the damage)",
            )
        };
    }
    if let Some(unreadable) = &report.unreadable {
        return Check::wrong(
            name,
            format!("cannot be read: {}", unreadable.cause),
            next_step(unreadable.hindrance, patient),
        );
    }
    match report.schema {
        Some(0) => {
            Check::ok(name, "it is empty: the first start was broken off, and the next one goes on with it")
        }
        None if is_main && patient.data.has_master_secret() => Check::warning(
            name,
            "there is none: nothing was ever stored here",
            "`tollbar serve` makes it at its first start; if there was one, put a backup back with `tollbar restore`",
        ),
        None => Check::ok(name, "there is none yet"),
        Some(found) if found > report.known_schema => Check::wrong(
            name,
            format!("schema {found}, and this version knows up to {}", report.known_schema),
            "it was written by a newer version of Tollbar: run that one",
        ),
        Some(found) if found < report.known_schema => Check::ok(
            name,
            format!("whole; schema {found}, which the next start brings to {}", report.known_schema),
        ),
        Some(found) => Check::ok(name, format!("whole; schema {found}")),
    }
}

/// What lets a database be read again.
fn next_step(hindrance: Hindrance, patient: &Patient<'_>) -> String {
    let folder = patient.data.path().display();
    match hindrance {
        Hindrance::DiskFull => format!("the disk of {folder} is full: make space"),
        Hindrance::ReadOnly => {
            format!(
                "the file system of {folder} is mounted read-only: mount it for writing; the kernel's log may say why it is"
            )
        }
        Hindrance::Locked => {
            "another program has locked it: end that one (`fuser` names it), and look again".to_owned()
        }
        Hindrance::OtherUser => format!("run this as the user of {folder}, as whom the server runs"),
        Hindrance::Other => {
            "that says nothing about damage: mend what the message names, and look again".to_owned()
        }
    }
}

/// Of what the database would have told.
pub(super) fn not_looked_at(patient: &Patient<'_>, subject: &'static str) -> Check {
    Check::warning(
        subject,
        format!("not looked at: {}", why_not(patient)),
        "nothing is known of it: look again once that is mended, or after the next start",
    )
}

/// Why not everything was looked at.
pub(super) fn why_not(patient: &Patient<'_>) -> String {
    let mut reports = patient.inspection.databases.iter();
    let Some(report) = reports.find(|report| report.name == "tollbar.db") else {
        return "a restored copy is half in place, which the next start ends".to_owned();
    };
    let is = match report.schema {
        _ if !report.problems.is_empty() => "is damaged",
        _ if report.unreadable.is_some() => "cannot be read",
        Some(found) if found > report.known_schema => "is of a newer version",
        _ => "is of an earlier version, and the next start brings it up to date",
    };
    format!("tollbar.db {is}")
}

fn journal(patient: &Patient<'_>) -> Check {
    let (journal, subject) = (&patient.inspection.journal, "journal");
    if !patient.inspection.looked_at.journal {
        return not_looked_at(patient, subject);
    }
    if let Some(problem) = journal.problems.first() {
        let has_store =
            patient.inspection.databases.iter().any(|report| report.schema.is_some_and(|schema| schema > 0));
        return if has_store {
            Check::wrong(
                subject,
                problem,
                "charges since it was last added up are not counted; look at the disk",
            )
        } else {
            Check::ok(subject, "there is none yet")
        };
    }
    if !journal.damaged.is_empty() || journal.has_gaps {
        let files = journal.damaged.iter().map(|(name, records)| format!("{name} ({records} records)"));
        let files = files.collect::<Vec<_>>().join(", ");
        let found = if files.is_empty() {
            "records of it were lost since the server started".to_owned()
        } else {
            format!("damaged records in {files}")
        };
        let advice = if journal.has_gaps {
            "the server's log says when it was found. Reports lack what was lost; the next start raises counts to what was leased, \
             as corrections. Look at the disk, and at what else writes in the folder; the files go by themselves some minutes \
             after they have ended"
        } else {
            "after a power failure that is the end of what was being written, and counts were raised to be safe; else look at the \
             disk. The files go by themselves some minutes after the next start"
        };
        return Check::warning(subject, found, advice);
    }
    let found = format!(
        "{} files, {} bytes, {} of them not added up yet",
        number(journal.files),
        number(journal.bytes),
        number(journal.unfolded_bytes)
    );
    if journal.unfolded_bytes > UNFOLDED_BYTES_MAX {
        return Check::warning(
            subject,
            found,
            "a server adds it up each second: look at its log, and whether the disk is full",
        );
    }
    Check::ok(subject, found)
}
