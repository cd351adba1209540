//! Looking for secrets where none may be.

use std::path::Path;

use base64::{Engine, engine::general_purpose};

use super::{Platform, wire};

impl Platform {
    /// Where a secret can be found: every file of the platform's folder, its log, its metrics. Looks for the value
    /// itself, for its random part alone, and for encodings that hide it from nobody.
    pub(crate) fn places_of(&self, secret: &str) -> Vec<String> {
        let random = secret.rsplit('_').next().unwrap();
        let hex: String = random.bytes().map(|byte| format!("{byte:02x}")).collect();
        let needles = [
            random.to_owned(),
            hex.to_uppercase(),
            hex,
            general_purpose::STANDARD_NO_PAD.encode(secret),
            general_purpose::URL_SAFE_NO_PAD.encode(secret),
        ];
        let mut places = Vec::new();
        visit(self.folder(), &mut |path, bytes| {
            if needles.iter().any(|needle| contains(bytes, needle.as_bytes())) {
                places.push(path.display().to_string());
            }
        });
        let metrics = wire::get(self.ops, "/metrics", &[]);
        assert_eq!(metrics.status, 200, "{metrics:?}");
        if needles.iter().any(|needle| contains(&metrics.body, needle.as_bytes())) {
            places.push("/metrics".to_owned());
        }
        places
    }
}

fn visit(folder: &Path, look: &mut impl FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, look);
        } else if let Ok(bytes) = std::fs::read(&path) {
            // A file may end between listing and reading: a journal that was folded, say.
            look(&path, &bytes);
        }
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    let first = wanted[0];
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == first) {
        if bytes[from + at..].starts_with(wanted) {
            return true;
        }
        from += at + 1;
    }
    false
}
