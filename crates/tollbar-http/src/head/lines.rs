//! The one structural pass over a head or a trailer section: where it ends, and that its lines are lines.
//!
//! `httparse` accepts a bare LF and leaves it to its caller to find out where white space stood; this pass refuses
//! such things by position, so that a verdict does not depend on how the bytes were split into segments.

use crate::Malformed;

/// Remembers how far it came, so that each byte is looked at once.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    at: usize,
    line_start: usize,
    /// Complete lines seen, without the closing empty one.
    pub(crate) count: usize,
}

/// What a section may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) bytes: usize,
    pub(crate) fields: usize,
    /// 1 for a head, 0 for a trailer section.
    pub(crate) start_lines: usize,
}

impl Lines {
    /// Gives the length of the section, closing empty line included, once it is complete.
    pub(crate) fn find_end(&mut self, bytes: &[u8], bounds: Bounds) -> Result<Option<usize>, Malformed> {
        let too_large = Malformed::HeadTooLarge { limit_bytes: bounds.bytes };
        let window = &bytes[..bytes.len().min(bounds.bytes)];
        loop {
            if self.at == self.line_start && matches!(window.get(self.at), Some(b' ' | b'\t')) {
                return Err(if self.count < bounds.start_lines {
                    Malformed::LeadingSpace
                } else {
                    Malformed::FoldedField
                });
            }
            let rest = window.get(self.at..).unwrap_or_default();
            let ordinary = rest.iter().position(u8::is_ascii_control).unwrap_or(rest.len());
            self.at += ordinary;
            match rest.get(ordinary) {
                None if window.len() < bounds.bytes => return Ok(None),
                None => return Err(too_large),
                Some(b'\t') => self.at += 1,
                Some(b'\n') => return Err(Malformed::BareLf),
                Some(b'\r') => match bytes.get(self.at + 1) {
                    None => return Ok(None),
                    Some(b'\n') if self.at + 2 > bounds.bytes => return Err(too_large),
                    Some(b'\n') if self.at > self.line_start => self.end_line(bounds)?,
                    Some(b'\n') if self.count < bounds.start_lines => return Err(Malformed::EmptyStartLine),
                    Some(b'\n') => return Ok(Some(self.at + 2)),
                    Some(_) => return Err(Malformed::BareCr),
                },
                Some(&byte) => return Err(Malformed::ControlByte { byte }),
            }
        }
    }

    fn end_line(&mut self, bounds: Bounds) -> Result<(), Malformed> {
        self.at += 2;
        self.line_start = self.at;
        self.count += 1;
        if self.count > bounds.fields.saturating_add(bounds.start_lines) {
            return Err(Malformed::TooManyFields { limit: bounds.fields });
        }
        Ok(())
    }
}
