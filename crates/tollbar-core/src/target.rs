//! Paths that two readers could understand differently are refused, never repaired (stage 0).

/// What is wrong with a path, if anything. What passes is matched and forwarded byte for byte.
pub fn find_path_fault(path: &str) -> Option<&'static str> {
    if path.contains('\\') {
        return Some("the path has a backslash");
    }
    let mut decoded = Vec::with_capacity(path.len());
    let segments = path.strip_prefix('/').unwrap_or(path).split('/');
    let count = segments.clone().count();
    for (position, segment) in segments.enumerate() {
        if segment.is_empty() && position + 1 < count {
            return Some("the path has an empty segment (`//`)");
        }
        decoded.clear();
        decoded.extend(percent_encoding::percent_decode_str(segment));
        if std::str::from_utf8(&decoded).is_err() {
            return Some("the path has percent-encoded bytes that are not UTF-8");
        }
        if decoded.iter().any(|byte| byte.is_ascii_control()) {
            return Some("the path has an encoded control character");
        }
        if decoded.contains(&b'\\') {
            return Some("the path has an encoded backslash");
        }
        // `..;x` is `..` to some servers, and `a%2f..` to some others.
        let is_dots = |part: &[u8]| part == b"." || part == b"..";
        if decoded
            .split(|b| *b == b'/')
            .any(|part| is_dots(part.split(|b| *b == b';').next().unwrap_or(part)))
        {
            return Some("the path has a `.` or `..` segment");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_paths_are_named_and_plain_ones_pass() {
        for path in [
            "/",
            "/v1/orders/1",
            "/v1/orders/",
            "/v1/a%2Fb",
            "/v1/a.b",
            "/v1/a..b",
            "/v1/...",
            "/v1/%C3%A9",
            "/v1/x;y=1",
            "/v1/compare/a...b",
            "/v1/%41",
        ] {
            assert_eq!(find_path_fault(path), None, "{path}");
        }
        for (path, word) in [
            ("/v1/../x", "`..`"),
            ("/v1/..", "`..`"),
            ("/./v1", "`..`"),
            ("/v1/%2e%2e/x", "`..`"),
            ("/v1/.%2E/x", "`..`"),
            ("/v1/..;a=b/x", "`..`"),
            ("/v1/a%2f..%2fb", "`..`"),
            ("/v1//x", "empty segment"),
            ("//v1/x", "empty segment"),
            ("/v1/a\\b", "backslash"),
            ("/v1/a%5cb", "backslash"),
            ("/v1/%00", "control"),
            ("/v1/%0d%0a", "control"),
            ("/v1/%7f", "control"),
            ("/v1/%c0%ae", "UTF-8"),
            ("/v1/%ff", "UTF-8"),
        ] {
            assert!(find_path_fault(path).is_some_and(|fault| fault.contains(word)), "{path}");
        }
    }
}
