//! The URLs of an upstream, as they are stored: nothing, one text, or a list of them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    None,
    One(String),
    Several(Vec<String>),
}

pub(super) fn serialize<S: Serializer>(upstreams: &[Vec<String>; 2], to: S) -> Result<S::Ok, S::Error> {
    upstreams
        .each_ref()
        .map(|urls| match urls.as_slice() {
            [] => Stored::None,
            [url] => Stored::One(url.clone()),
            several => Stored::Several(several.to_vec()),
        })
        .serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[Vec<String>; 2], D::Error> {
    Ok(<[Stored; 2]>::deserialize(from)?.map(|stored| match stored {
        Stored::None => Vec::new(),
        Stored::One(url) => vec![url],
        Stored::Several(urls) => urls,
    }))
}

#[cfg(test)]
mod tests {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Record(#[serde(with = "super")] [Vec<String>; 2]);

    #[test]
    fn one_url_is_stored_as_it_always_was() {
        for (urls, stored) in [
            ([&["http://a"][..], &[]], r#"["http://a",null]"#),
            ([&["http://a"][..], &["http://b"]], r#"["http://a","http://b"]"#),
            ([&["http://a", "http://b"][..], &["http://c"]], r#"[["http://a","http://b"],"http://c"]"#),
        ] {
            let record = Record(urls.map(|urls| urls.iter().map(|url| (*url).to_owned()).collect()));
            assert_eq!(serde_json::to_string(&record).unwrap(), stored);
            assert_eq!(serde_json::from_str::<Record>(stored).unwrap(), record);
        }
    }
}
