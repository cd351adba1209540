//! Names of files, as references give them: relative to the file in which they stand, and never above the first one's
//! folder.

use percent_encoding::percent_decode_str;

/// How long a name may be.
const NAME_LIMIT_BYTES: usize = 1_024;

/// The folder of a file, without a slash at its end; empty for that of the first file.
pub(super) fn folder_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The file that a reference means, named from the folder of the first file; or why it can be none.
pub(super) fn resolve(folder: &str, target: &str) -> Result<String, String> {
    let wrong = |reason: &str| Err(format!("the reference \"{target}\" {reason}"));
    let has_scheme = target.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    if has_scheme || target.starts_with("//") {
        return wrong("leads out of the files, and nothing is fetched; put a copy beside the document");
    }
    let decoded = percent_decode_str(target).decode_utf8();
    let Some(path) =
        decoded.ok().filter(|path| !path.contains(['\\', '\0']) && path.len() <= NAME_LIMIT_BYTES)
    else {
        return wrong("is no name of a file");
    };
    if path.starts_with('/') {
        return wrong("must be relative to the file in which it stands");
    }
    let mut steps: Vec<&str> = folder.split('/').filter(|step| !step.is_empty()).collect();
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." if steps.pop().is_none() => {
                return wrong("leads out of the folder of the document, where nothing is read");
            }
            ".." => {}
            step => steps.push(step),
        }
    }
    if steps.is_empty() || path.ends_with('/') {
        return wrong("is no name of a file");
    }
    Ok(steps.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_relative_and_stay_below() {
        for (folder, target, expected) in [
            ("", "a.yaml", Ok("a.yaml")),
            ("", "./a/b.yaml", Ok("a/b.yaml")),
            ("a/b", "../c.yaml", Ok("a/c.yaml")),
            ("a/b", "../../c.yaml", Ok("c.yaml")),
            ("a", "b%20c.yaml", Ok("a/b c.yaml")),
            ("a", "../../c.yaml", Err("leads out of the folder of the document, where nothing is read")),
            (
                "a",
                "%2e%2e/%2e%2e/c.yaml",
                Err("leads out of the folder of the document, where nothing is read"),
            ),
            ("", "x/../../c.yaml", Err("leads out of the folder of the document, where nothing is read")),
            ("", "/etc/passwd", Err("must be relative to the file in which it stands")),
            ("", "%2fetc/passwd", Err("must be relative to the file in which it stands")),
            ("", "a\\b.yaml", Err("is no name of a file")),
            ("", "a%00", Err("is no name of a file")),
            ("a", "b/", Err("is no name of a file")),
            ("a", "..", Err("is no name of a file")),
            (
                "",
                "http://e/a.yaml",
                Err("leads out of the files, and nothing is fetched; put a copy beside the document"),
            ),
            (
                "",
                "file:///a",
                Err("leads out of the files, and nothing is fetched; put a copy beside the document"),
            ),
            (
                "",
                "//e/a.yaml",
                Err("leads out of the files, and nothing is fetched; put a copy beside the document"),
            ),
        ] {
            let expected =
                expected.map(str::to_owned).map_err(|reason| format!("the reference \"{target}\" {reason}"));
            assert_eq!(resolve(folder, target), expected, "{folder} {target}");
        }
    }
}
