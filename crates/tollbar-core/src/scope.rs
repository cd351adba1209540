//! Scopes: what a credential may do at this moment.

use std::collections::BTreeSet;

/// Whether a text can be a scope: the `scope-token` of RFC 6749, section 3.3, of at most 128 characters.
pub fn scope_is_valid(scope: &str) -> bool {
    (1..=128).contains(&scope.len()) && scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

/// The first required scope that is not in force: the credential's own scopes (if it has any of its own) that
/// the client still has.
pub fn find_missing<'a>(
    required: &'a [String],
    own: Option<&BTreeSet<String>>,
    client: &BTreeSet<String>,
) -> Option<&'a str> {
    required
        .iter()
        .find(|scope| !client.contains(*scope) || own.is_some_and(|own| !own.contains(*scope)))
        .map(String::as_str)
}

/// The scopes in force.
pub fn in_force<'a>(
    own: Option<&'a BTreeSet<String>>,
    client: &'a BTreeSet<String>,
) -> impl Iterator<Item = &'a str> {
    client.iter().filter(move |scope| own.is_none_or(|own| own.contains(*scope))).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(scopes: &[&str]) -> BTreeSet<String> {
        scopes.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn a_scope_is_in_force_only_if_client_and_credential_have_it() {
        let required = ["a".to_owned(), "b".to_owned()];
        let (ab, a) = (set(&["a", "b"]), set(&["a"]));
        assert_eq!(find_missing(&required, None, &ab), None);
        assert_eq!(find_missing(&required, Some(&ab), &ab), None);
        assert_eq!(find_missing(&required, Some(&a), &ab), Some("b"));
        assert_eq!(find_missing(&required, Some(&ab), &a), Some("b"), "withdrawn from the client");
        assert_eq!(find_missing(&required, Some(&set(&[])), &ab), Some("a"), "an empty set is no wild card");
        assert_eq!(in_force(Some(&a), &ab).collect::<Vec<_>>(), ["a"]);
        assert_eq!(in_force(None, &ab).collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_scope_is_a_token_of_the_rfc() {
        for (scope, valid) in
            [("orders:read", true), ("a b", false), ("", false), ("a\"b", false), ("é", false)]
        {
            assert_eq!(scope_is_valid(scope), valid, "{scope}");
        }
        assert!(!scope_is_valid(&"x".repeat(129)));
    }
}
