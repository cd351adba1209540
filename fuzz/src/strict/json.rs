//! JSON by the grammar of RFC 8259, one byte at a time; and what the grammar leaves open is refused: a member that is
//! given twice, half a character, a number that is no double.

/// A value. Members stand in the text's order.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// As the nearest double.
    Number(f64),
    /// What it means, with nothing escaped.
    Text(String),
    /// `[...]`
    List(Vec<Json>),
    /// `{...}`
    Object(Vec<(String, Json)>),
}

/// Reads exactly one value, nested no deeper than so many lists and objects.
pub fn read_json(bytes: &[u8], depth: usize) -> Option<Json> {
    let mut rest = std::str::from_utf8(bytes).ok()?.as_bytes();
    let value = read_value(&mut rest, depth)?;
    skip_white_space(&mut rest);
    rest.is_empty().then_some(value)
}

fn read_value(rest: &mut &[u8], depth: usize) -> Option<Json> {
    skip_white_space(rest);
    match rest.first()? {
        b'n' => take(rest, b"null").then_some(Json::Null),
        b't' => take(rest, b"true").then_some(Json::Bool(true)),
        b'f' => take(rest, b"false").then_some(Json::Bool(false)),
        b'"' => read_text(rest).map(Json::Text),
        b'[' => read_list(rest, depth.checked_sub(1)?).map(Json::List),
        b'{' => read_object(rest, depth.checked_sub(1)?).map(Json::Object),
        _ => read_number(rest).map(Json::Number),
    }
}

fn read_list(rest: &mut &[u8], depth: usize) -> Option<Vec<Json>> {
    let mut items = Vec::new();
    take(rest, b"[");
    skip_white_space(rest);
    if take(rest, b"]") {
        return Some(items);
    }
    loop {
        items.push(read_value(rest, depth)?);
        skip_white_space(rest);
        if take(rest, b"]") {
            return Some(items);
        }
        take(rest, b",").then_some(())?;
    }
}

fn read_object(rest: &mut &[u8], depth: usize) -> Option<Vec<(String, Json)>> {
    let mut members: Vec<(String, Json)> = Vec::new();
    take(rest, b"{");
    skip_white_space(rest);
    if take(rest, b"}") {
        return Some(members);
    }
    loop {
        skip_white_space(rest);
        let name = read_text(rest)?;
        if members.iter().any(|(other, _)| *other == name) {
            return None;
        }
        skip_white_space(rest);
        take(rest, b":").then_some(())?;
        members.push((name, read_value(rest, depth)?));
        skip_white_space(rest);
        if take(rest, b"}") {
            return Some(members);
        }
        take(rest, b",").then_some(())?;
    }
}

/// Escapes are read as UTF-16, and half a pair is none.
fn read_text(rest: &mut &[u8]) -> Option<String> {
    take(rest, b"\"").then_some(())?;
    let mut text = Vec::new();
    loop {
        match next(rest)? {
            b'"' => return String::from_utf8(text).ok(),
            b'\\' => {
                let character = match next(rest)? {
                    byte @ (b'"' | b'\\' | b'/') => char::from(byte),
                    b'b' => '\u{8}',
                    b'f' => '\u{c}',
                    b'n' => '\n',
                    b'r' => '\r',
                    b't' => '\t',
                    b'u' => read_escaped(rest)?,
                    _ => return None,
                };
                text.extend(character.encode_utf8(&mut [0; 4]).bytes());
            }
            0..=0x1f => return None,
            byte => text.push(byte),
        }
    }
}

fn read_escaped(rest: &mut &[u8]) -> Option<char> {
    let first = read_unit(rest)?;
    let mut units = vec![first];
    if (0xd800..0xdc00).contains(&first) {
        take(rest, b"\\u").then_some(())?;
        units.push(read_unit(rest)?);
    }
    let mut characters = char::decode_utf16(units);
    characters.next()?.ok().filter(|_| characters.next().is_none())
}

fn read_unit(rest: &mut &[u8]) -> Option<u16> {
    let mut unit = 0;
    for _ in 0..4 {
        unit = unit * 16 + u16::try_from(char::from(next(rest)?).to_digit(16)?).ok()?;
    }
    Some(unit)
}

/// `-`? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
fn read_number(rest: &mut &[u8]) -> Option<f64> {
    let start = *rest;
    take(rest, b"-");
    if !take(rest, b"0") {
        take_digits(rest)?;
    }
    if take(rest, b".") {
        take_digits(rest)?;
    }
    if take(rest, b"e") || take(rest, b"E") {
        let _ = take(rest, b"+") || take(rest, b"-");
        take_digits(rest)?;
    }
    let text = std::str::from_utf8(&start[..start.len() - rest.len()]).ok()?;
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn take_digits(rest: &mut &[u8]) -> Option<()> {
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    *rest = &rest[count..];
    (count > 0).then_some(())
}

fn skip_white_space(rest: &mut &[u8]) {
    while let Some(after) = rest.strip_prefix(b" ").or_else(|| {
        rest.strip_prefix(b"\t").or_else(|| rest.strip_prefix(b"\n")).or_else(|| rest.strip_prefix(b"\r"))
    }) {
        *rest = after;
    }
}

fn take(rest: &mut &[u8], word: &[u8]) -> bool {
    let after = rest.strip_prefix(word);
    if let Some(after) = after {
        *rest = after;
    }
    after.is_some()
}

fn next(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}
