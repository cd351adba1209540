//! What the operator's metrics say of TLS.

use std::{
    fmt::Write,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::expiry::Expiries;

/// How the text of all metrics ends.
const END: &str = "# EOF\n";

/// Counts and gauges.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    pub(super) reloads: AtomicU64,
    pub(super) reload_failures: AtomicU64,
    /// Lines of the gauge, finished.
    ends: Mutex<String>,
}

impl Meters {
    /// Notes when the certificates in force end.
    pub(super) fn set_ends(&self, expiries: &Expiries) {
        let mut lines = String::new();
        for (file, end) in expiries.ends() {
            let file =
                file.display().to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = writeln!(lines, "tollbar_tls_certificate_end_seconds{{file=\"{file}\"}} {end}");
        }
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = lines;
    }

    /// Puts them before the end of an OpenMetrics text.
    pub(crate) fn add_to(&self, mut text: String) -> String {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if ends.is_empty() {
            return text;
        }
        text.truncate(text.strip_suffix(END).unwrap_or(&text).len());
        for (name, help, count) in [
            ("reloads", "Times that changed TLS files were taken", &self.reloads),
            (
                "reload_failures",
                "Times that they could not be used, and what was in force stayed",
                &self.reload_failures,
            ),
        ] {
            let name = format!("tollbar_tls_{name}");
            let count = count.load(Relaxed);
            let _ = write!(text, "# HELP {name} {help}.\n# TYPE {name} counter\n{name}_total {count}\n");
        }
        let name = "tollbar_tls_certificate_end_seconds";
        let help = "When each certificate in force ends, in seconds since 1970";
        let _ = write!(text, "# HELP {name} {help}.\n# TYPE {name} gauge\n# UNIT {name} seconds\n{ends}");
        text + END
    }
}
