//! Reading an OpenAPI document from disk: one file, or a tree of files that refer to each other.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow};
use tollbar_openapi::{Bundle, DOCUMENT_LIMIT_BYTES, Document};

/// The document as one text, whatever files it is made of; `-` is standard input, which has none beside it.
pub(super) fn read_document(file: &Path) -> Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text).context("standard input cannot be read")?;
        return Ok(text);
    }
    let cannot_be_read = || format!("{} cannot be read", file.display());
    let text = File::open(file).and_then(read_bounded).with_context(cannot_be_read)?;
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("the document").to_owned();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().with_context(cannot_be_read)?;
    let mut root = Some(text);
    let bundle = Bundle::read(&name, |name| match root.take() {
        Some(text) => Ok(text),
        None => read_beside(&folder, name),
    })?;
    // What is wrong is told with the file that it is in, which a server could not know.
    if bundle.is_rewritten() {
        Document::parse(bundle.text()).map_err(|error| bundle.locate(&error))?;
    }
    String::from_utf8(bundle.into_text()).map_err(|_| anyhow!("{} must be UTF-8", file.display()))
}

/// A file below the folder, wherever links lead.
fn read_beside(folder: &Path, name: &str) -> Result<Vec<u8>, String> {
    let path: PathBuf = folder.join(name).canonicalize().map_err(|error| error.to_string())?;
    if !path.starts_with(folder) {
        return Err("it is a link out of the folder of the document".to_owned());
    }
    // A pipe or a device would keep us waiting.
    if !path.is_file() {
        return Err("it is no file".to_owned());
    }
    File::open(path).and_then(read_bounded).map_err(|error| error.to_string())
}

/// One byte more than is allowed is enough to be refused.
fn read_bounded(file: File) -> std::io::Result<Vec<u8>> {
    let limit = u64::try_from(DOCUMENT_LIMIT_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut text = Vec::new();
    file.take(limit).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;

    use super::*;

    #[test]
    fn files_below_the_folder_are_read_and_no_others() {
        let all = tempfile::tempdir().unwrap();
        let folder = all.path().join("api");
        fs::create_dir_all(folder.join("paths")).unwrap();
        fs::write(all.path().join("secret.yaml"), "get: {}").unwrap();
        fs::write(folder.join("paths/a.yaml"), "get: {}").unwrap();
        std::os::unix::fs::symlink("../secret.yaml", folder.join("link.yaml")).unwrap();
        std::os::unix::fs::symlink("..", folder.join("up")).unwrap();
        std::os::unix::fs::symlink("paths/a.yaml", folder.join("inside.yaml")).unwrap();
        let root = folder.join("api.yaml");
        let read = |target: &str| {
            fs::write(&root, format!("openapi: 3.0.0\npaths:\n  /a:\n    $ref: {target}\n")).unwrap();
            read_document(&root).map_err(|error| format!("{error:#}"))
        };
        for target in ["paths/a.yaml", "inside.yaml"] {
            let text = read(target).unwrap();
            assert_eq!(Document::parse(text.as_bytes()).unwrap().operations().len(), 1, "{target}");
        }
        let here = "api.yaml: line 4, column 11: /paths/~1a/$ref:";
        for (target, reason) in [
            ("link.yaml", "link.yaml cannot be read: it is a link out of the folder of the document"),
            (
                "up/secret.yaml",
                "up/secret.yaml cannot be read: it is a link out of the folder of the document",
            ),
            ("paths", "paths cannot be read: it is no file"),
            ("b.yaml", "b.yaml cannot be read: No such file or directory (os error 2)"),
        ] {
            assert_eq!(read(target).unwrap_err(), format!("{here} {reason}"));
        }
        // What only shows in the whole is told with its file, too.
        fs::write(folder.join("paths/a.yaml"), "get:\n  security: 1\n").unwrap();
        assert_eq!(
            read("paths/a.yaml").unwrap_err(),
            "paths/a.yaml: line 2, column 13: /get/security: security must be a list"
        );
    }
}
