//! `Content-Disposition: form-data; name="..."; filename="..."`.

/// What a part's disposition says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Disposition {
    pub(super) name: String,
    pub(super) is_file: bool,
}

/// Reads a disposition; or says what is wrong, in words that follow "a part that".
///
/// Where a quoted text ends must be the same to those who unescape `\"` and to those who do not: it is refused.
pub(super) fn parse(value: &str) -> Result<Disposition, String> {
    const MALFORMED: &str = "has a malformed Content-Disposition";
    let (kind, mut rest) = value.split_at(value.find(';').unwrap_or(value.len()));
    if !kind.trim_end_matches([' ', '\t']).eq_ignore_ascii_case("form-data") {
        return Err("has a Content-Disposition other than form-data".to_owned());
    }
    let (mut name, mut file, mut wide_file) = (None, None, None);
    while let Some(after) = rest.strip_prefix(';') {
        let after = after.trim_start_matches([' ', '\t']);
        let (key, after) = after.split_once('=').ok_or(MALFORMED)?;
        let (text, after) = read_text(after).ok_or(MALFORMED)?;
        rest = after.trim_start_matches([' ', '\t']);
        let place = match key.to_ascii_lowercase().as_str() {
            "name" => &mut name,
            "filename" => &mut file,
            "filename*" => &mut wide_file,
            // A second way to say the name, that some readers know.
            "name*" => return Err("has a Content-Disposition with name*".to_owned()),
            other if is_token(other) => continue,
            _ => return Err(MALFORMED.to_owned()),
        };
        if place.replace(text).is_some() {
            return Err(format!(
                "has {} more than once in its Content-Disposition",
                key.to_ascii_lowercase()
            ));
        }
    }
    let name = name.ok_or("has no name")?;
    if !rest.is_empty() || name.contains('\\') {
        return Err(MALFORMED.to_owned());
    }
    Ok(Disposition { name: name.to_owned(), is_file: file.is_some() || wide_file.is_some() })
}

/// A token, or a text in quotes, and what follows.
fn read_text(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (inside, after) = quoted.split_once('"')?;
        return (!inside.ends_with('\\')).then_some((inside, after));
    }
    let end = text.find([';', ' ', '\t']).unwrap_or(text.len());
    let (token, after) = text.split_at(end);
    is_token(token).then_some((token, after))
}

fn is_token(text: &str) -> bool {
    // Beyond RFC 7230's tokens, what real file names without quotes are made of.
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~[]/:@".contains(&byte);
    !text.is_empty() && text.bytes().all(is_fine)
}
