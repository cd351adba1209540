//! Path templates: `/repos/{owner}/compare/{base}...{head}` as segments of literal text and parameters.

use percent_encoding::percent_decode_str;

/// More segments than this in a template, or in a path to be matched, are not looked at.
pub const TEMPLATE_SEGMENT_LIMIT: usize = 256;

/// A longer template is refused: no request could be that long.
const TEMPLATE_LIMIT_BYTES: usize = 8 * 1024;

/// So many parameters in one template are more than anybody can name.
const TEMPLATE_PARAMETER_LIMIT: usize = 64;

/// Whether two templates are the same but for what their parameters are called: they match the same paths.
pub fn is_same_template(one: &str, other: &str) -> bool {
    let literal = |piece: &'_ str| piece.split_once('}').map_or(0, |(name, _)| name.len() + 1);
    let literals =
        |text| str::split(text, '{').map(move |piece| piece.get(literal(piece)..).unwrap_or(piece));
    literals(one).eq(literals(other))
}

/// A template, one entry for each segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) segments: Vec<Segment>,
}

/// One segment: `literals[0] {names[0]} literals[1] {names[1]} ... literals[n]`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// One more than there are names; percent-decoded; any of them may be empty.
    pub(crate) literals: Vec<String>,
    pub(crate) names: Vec<String>,
}

impl Template {
    /// Reads a template, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Template, &'static str> {
        if text.len() > TEMPLATE_LIMIT_BYTES {
            return Err("a path must be at most 8,192 bytes long");
        }
        let rest = text.strip_prefix('/').ok_or("a path must start with \"/\"")?;
        let segments = rest.split('/').map(parse_segment).collect::<Result<Vec<_>, _>>()?;
        if segments.len() > TEMPLATE_SEGMENT_LIMIT {
            return Err("a path must have at most 256 segments");
        }
        let template = Template { segments };
        if template.names().count() > TEMPLATE_PARAMETER_LIMIT {
            return Err("a path must have at most 64 parameters");
        }
        Ok(template)
    }

    /// The names of the parameters, from the left.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().flat_map(|segment| segment.names.iter().map(String::as_str))
    }

    /// The same for two templates that match the same paths whatever their parameters are called.
    pub(crate) fn shape(&self) -> String {
        let mut shape = String::new();
        for segment in &self.segments {
            shape.push('/');
            // A decoded literal can hold a slash or a brace; escaped, they cannot be mistaken for ours.
            let literals = segment.literals.iter().map(|literal| literal.escape_default().to_string());
            let literals = literals.map(|literal| literal.replace('/', "\\/").replace('{', "\\{"));
            shape.push_str(&literals.collect::<Vec<_>>().join("{}"));
        }
        shape
    }
}

impl Segment {
    /// Cuts a decoded segment into the values of the parameters: earlier ones as short as they can be, none empty.
    ///
    /// Taking each literal where it first occurs finds a match whenever there is one, so nothing is tried twice.
    pub(crate) fn capture<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        let (first, others) = self.literals.split_first()?;
        let mut rest = text.strip_prefix(first.as_str())?;
        let Some((last, middle)) = others.split_last() else {
            return rest.is_empty().then(Vec::new);
        };
        rest = rest.strip_suffix(last.as_str())?;
        let mut values = Vec::with_capacity(self.names.len());
        for literal in middle {
            let smallest = rest.chars().next()?.len_utf8();
            let end = smallest + rest.get(smallest..)?.find(literal.as_str())?;
            values.push(rest.get(..end)?);
            rest = rest.get(end + literal.len()..)?;
        }
        if rest.is_empty() {
            return None;
        }
        values.push(rest);
        Some(values)
    }

    /// How much of the segment is fixed.
    pub(crate) fn literal_bytes(&self) -> usize {
        self.literals.iter().map(String::len).sum()
    }
}

fn parse_segment(text: &str) -> Result<Segment, &'static str> {
    let mut segment = Segment { literals: Vec::new(), names: Vec::new() };
    let mut rest = text;
    while let Some((literal, after)) = rest.split_once('{') {
        let (name, after) =
            after.split_once('}').ok_or("a \"{\" in a path must be closed before the next \"/\"")?;
        if name.is_empty() {
            return Err("a parameter in a path must have a name");
        }
        if name.contains('{') {
            return Err("a \"{\" in a path must be closed before the next one");
        }
        segment.literals.push(decode_literal(literal)?);
        segment.names.push(name.to_owned());
        rest = after;
    }
    segment.literals.push(decode_literal(rest)?);
    Ok(segment)
}

fn decode_literal(text: &str) -> Result<String, &'static str> {
    if text.contains('}') {
        return Err("a \"}\" in a path must be opened by a \"{\" first");
    }
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| "a path must be UTF-8 when it is percent-decoded")?;
    Ok(decoded.into_owned())
}
