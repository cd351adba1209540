//! How the library is asked to read schemas: which formats count, and what patterns may cost.

use jsonschema::{Draft, PatternOptions, Regex, ValidationOptions};

/// What one compiled pattern may take: `.{1,1023}` is common, and takes more than 1 MiB.
pub(crate) const PATTERN_LIMIT_BYTES: usize = 8 * 1024 * 1024;

/// What the engine may remember of one pattern while it matches; beyond, it is slower but still linear.
const PATTERN_CACHE_LIMIT_BYTES: usize = 256 * 1024;

/// Formats that the library knows, and that are not held against anybody: what is written in documents beside
/// these names differs from what the names mean. `int32` and `int64` are bounds, which the loader writes out.
const IGNORED_FORMATS: [&str; 12] = [
    "duration",
    "hostname",
    "idn-email",
    "idn-hostname",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "uri-reference",
    "uri-template",
    "password",
];

/// Everything but the schema: nothing is fetched, patterns run in linear time.
pub(crate) fn options() -> ValidationOptions<'static> {
    let options = jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(patterns(PATTERN_LIMIT_BYTES))
        .should_validate_formats(true)
        .with_keyword("uniqueItems", super::unique::keyword)
        .offline();
    IGNORED_FORMATS.iter().fold(options, |options, name| options.with_format(*name, |_: &str| true))
}

/// The linear-time engine, with a limit on what a pattern becomes.
pub(crate) fn patterns(limit_bytes: usize) -> PatternOptions<Regex> {
    PatternOptions::regex().size_limit(limit_bytes).dfa_size_limit(PATTERN_CACHE_LIMIT_BYTES)
}
