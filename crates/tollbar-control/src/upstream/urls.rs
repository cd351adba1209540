//! Several URLs of one upstream: the same API on several servers.

use std::{fmt, net::SocketAddr};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use tollbar_core::UPSTREAM_URLS_MAX;

use super::check_upstream;
use crate::fault::Fault;

/// The URLs of an upstream as they were given: one text, with commas between several, or a list.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Urls(Vec<String>);

/// Checks each URL by itself, and that they can stand for one another; gives them back without slashes at their ends.
pub(crate) async fn check_upstreams(
    field: &str,
    urls: &Urls,
    own: &[SocketAddr],
    authorities_are_known: bool,
    warnings: &mut Vec<String>,
) -> Result<Vec<String>, Fault> {
    let Urls(urls) = urls;
    if urls.is_empty() || urls.len() > UPSTREAM_URLS_MAX {
        let count = urls.len();
        return Err(Fault::bad(format!("{field}: {count} URLs; an upstream has 1 to {UPSTREAM_URLS_MAX}")));
    }
    let mut checked: Vec<String> = Vec::new();
    for url in urls {
        let url = check_upstream(field, url, own, authorities_are_known, warnings).await?;
        if let Some(first) = checked.first() {
            check_alike(first, &url).map_err(|why| Fault::bad(format!("{field}: {why}")))?;
        }
        if checked.contains(&url) {
            return Err(Fault::bad(format!("{field}: `{url}` is there twice; name each server once")));
        }
        checked.push(url);
    }
    Ok(checked)
}

/// A request may go to either: so it must reach the same thing, and be as well protected on its way.
fn check_alike(first: &str, other: &str) -> Result<(), String> {
    let ([first_scheme, first_path], [scheme, path]) = (parts(first), parts(other));
    if !first_scheme.eq_ignore_ascii_case(scheme) {
        return Err(format!(
            "`{other}` does not begin with {first_scheme}:// as `{first}` does; use the same for all"
        ));
    }
    if first_path != path {
        return Err(format!("`{other}` does not have the path of `{first}`; give all servers the same path"));
    }
    Ok(())
}

/// Scheme and path.
fn parts(url: &str) -> [&str; 2] {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    [scheme, rest.find('/').map_or("", |at| &rest[at..])]
}

/// A comma may stand in a path: it is between two URLs only where one begins behind it.
fn split(text: &str) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for piece in text.split(',') {
        match urls.last_mut() {
            Some(last) if !piece.contains("://") => {
                last.push(',');
                last.push_str(piece);
            }
            _ => urls.push(piece.trim_start().to_owned()),
        }
    }
    urls.into_iter().map(|url| url.trim_end().to_owned()).collect()
}

impl<'de> Deserialize<'de> for Urls {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Given;

        impl<'de> Visitor<'de> for Given {
            type Value = Urls;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a URL or a list of URLs")
            }

            fn visit_str<E>(self, text: &str) -> Result<Urls, E> {
                Ok(Urls(split(text)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Urls, A::Error> {
                let mut urls = Vec::new();
                while let Some(text) = list.next_element::<String>()? {
                    urls.extend(split(&text));
                }
                Ok(Urls(urls))
            }
        }

        from.deserialize_any(Given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(json: &str) -> Vec<String> {
        let Urls(urls) = serde_json::from_str(json).unwrap();
        urls
    }

    #[test]
    fn urls_come_as_one_text_or_as_a_list() {
        for (json, expected) in [
            (r#""http://a""#, vec!["http://a"]),
            (r#""http://a:1/x, http://b:2/x""#, vec!["http://a:1/x", "http://b:2/x"]),
            (r#"["http://a","https://b"]"#, vec!["http://a", "https://b"]),
            (r#"["http://a,http://b","http://c"]"#, vec!["http://a", "http://b", "http://c"]),
            (r#""http://a/x,y""#, vec!["http://a/x,y"]),
            (r#""http://a/x,y,http://b/x,y""#, vec!["http://a/x,y", "http://b/x,y"]),
            (r#""http://a,""#, vec!["http://a,"]),
            (r#""""#, vec![""]),
            ("[]", vec![]),
        ] {
            assert_eq!(urls(json), expected, "{json}");
        }
        let refused = serde_json::from_str::<Urls>("7").unwrap_err().to_string();
        assert!(refused.contains("a URL or a list of URLs"), "{refused}");
    }

    #[tokio::test]
    async fn servers_of_one_upstream_are_alike() {
        let own: Vec<SocketAddr> = vec!["127.0.0.1:9901".parse().unwrap()];
        let many = (1..=17).map(|n| format!("http://192.0.2.{n}")).collect::<Vec<_>>();
        for (given, words) in [
            (vec![], "0 URLs"),
            (many.clone(), "17 URLs; an upstream has 1 to 16"),
            (
                vec!["http://192.0.2.1/a".into(), "http://192.0.2.2/b".into()],
                "the path of `http://192.0.2.1/a`",
            ),
            (vec!["http://192.0.2.1/a".into(), "http://192.0.2.2".into()], "same path"),
            (vec!["http://192.0.2.1".into(), "http://192.0.2.1/".into()], "twice"),
            (vec!["http://192.0.2.1".into(), "http://127.0.0.1:9901".into()], "Tollbar itself"),
            (vec!["http://192.0.2.1".into(), "b:80".into()], "`b:80`"),
        ] {
            let refused =
                check_upstreams("upstream", &Urls(given), &own, true, &mut Vec::new()).await.unwrap_err();
            assert!(
                refused.message.starts_with("upstream: ") && refused.message.contains(words),
                "{refused:?}"
            );
        }
        let alike = Urls(vec!["http://192.0.2.1/a".into(), "http://192.0.2.2:81/a/".into()]);
        let checked = check_upstreams("upstream", &alike, &own, true, &mut Vec::new()).await.unwrap();
        assert_eq!(checked, ["http://192.0.2.1/a", "http://192.0.2.2:81/a"]);
        assert!(
            check_upstreams("upstream", &Urls(many[1..].to_vec()), &own, true, &mut Vec::new()).await.is_ok()
        );
        assert!(check_alike("http://a/x", "https://b/x").unwrap_err().contains("http://"));
        assert!(check_alike("http://a", "HTTP://b").is_ok());
    }
}
