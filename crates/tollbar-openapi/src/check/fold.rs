//! Names that are one to some readers, and several to others.

use std::borrow::Cow;

/// A name as those have it who do not tell capital letters from small ones: two that come out alike are one name to them.
///
/// Beside ASCII, the two characters that fold into it count: a member whose name is written with U+017F or U+212A is
/// `s` or `k` to Go.
pub(super) fn fold(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    let folded = name.chars().map(|character| match character {
        '\u{17F}' => 's',
        '\u{212A}' => 'k',
        other => other.to_ascii_lowercase(),
    });
    Cow::Owned(folded.collect())
}

/// The same for a name in a query, where PHP has underscores for dots and blanks, too.
pub(super) fn fold_pair(name: &str) -> Cow<'_, str> {
    let folded = fold(name);
    if folded.contains(['.', ' ']) { Cow::Owned(folded.replace(['.', ' '], "_")) } else { folded }
}

/// The same for a header: who hands headers on as variables has underscores for hyphens.
pub(super) fn fold_header(name: &str) -> Cow<'_, str> {
    let folded = fold(name);
    if folded.contains('_') { Cow::Owned(folded.replace('_', "-")) } else { folded }
}
