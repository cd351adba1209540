//! What a row of the table is, and the shapes that most rows have.

/// A request, and all that may come of it.
///
/// In the bytes `$H` stands for a sound Host line, `$K` for the line with the client's key, both with their line end.
pub(super) struct Row {
    /// The rule, and what is done about it.
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
    /// In order; each to one request.
    pub(super) answers: Vec<Answer>,
    /// Nobody can know where the next request would begin: the connection ends.
    pub(super) closes: bool,
    /// What the upstream gets, and nothing else.
    pub(super) seen: Vec<Seen>,
    /// Fields that the upstream gets with this value, or does not get.
    pub(super) fields: &'static [(&'static str, Option<&'static str>)],
    /// The client sends nothing more after the bytes.
    pub(super) ends: bool,
}

/// One answer.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The envelope's code; `None`: the upstream's own answer.
    pub(super) code: Option<&'static str>,
    /// A part of the envelope's message: a row must be refused for its own fault, not for another.
    pub(super) says: &'static str,
}

/// A request at the upstream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) body: Vec<u8>,
    pub(super) complete: bool,
}

/// A name, what is sent, and what the refusal says.
pub(super) type Refusal = (&'static str, &'static [u8], &'static str);

pub(super) const SERVED: Answer = Answer { status: 200, code: None, says: "" };

pub(super) const fn invalid(says: &'static str) -> Answer {
    Answer { status: 400, code: Some("invalid_request"), says }
}

impl Row {
    /// Refused in the envelope, and the end of the connection; the upstream sees nothing.
    pub(super) fn refused(name: impl Into<String>, bytes: impl Into<Vec<u8>>, says: &'static str) -> Self {
        Self { closes: true, ..Self::answered(name, bytes, invalid(says)) }
    }

    /// Answered by us; its end is beyond doubt, so that the connection goes on.
    pub(super) fn answered(name: impl Into<String>, bytes: impl Into<Vec<u8>>, answer: Answer) -> Self {
        let (name, bytes) = (name.into(), bytes.into());
        Self { name, bytes, answers: vec![answer], closes: false, seen: Vec::new(), fields: &[], ends: false }
    }

    /// Odd and legal: the upstream gets exactly this one request.
    pub(super) fn served(name: impl Into<String>, bytes: impl Into<Vec<u8>>, seen: Seen) -> Self {
        Self { seen: vec![seen], ..Self::answered(name, bytes, SERVED) }
    }

    pub(super) fn closing(self) -> Self {
        Self { closes: true, ..self }
    }

    /// Cut off here: the client has no more to say.
    pub(super) fn ending(self) -> Self {
        Self { ends: true, ..self }
    }

    pub(super) fn with_answers(self, answers: &[Answer]) -> Self {
        Self { answers: answers.to_vec(), ..self }
    }

    pub(super) fn seen_as(self, seen: impl IntoIterator<Item = Seen>) -> Self {
        Self { seen: seen.into_iter().collect(), ..self }
    }

    pub(super) fn with_fields(self, fields: &'static [(&'static str, Option<&'static str>)]) -> Self {
        Self { fields, ..self }
    }
}

/// A GET of this target, complete.
pub(super) fn got(target: &str) -> Seen {
    seen("GET", target, b"")
}

/// A POST to the orders with this body, complete.
pub(super) fn posted(body: &[u8]) -> Seen {
    seen("POST", "/orders", body)
}

pub(super) fn seen(method: &str, target: &str, body: &[u8]) -> Seen {
    Seen { method: method.to_owned(), target: target.to_owned(), body: body.to_vec(), complete: true }
}

/// Rows that are refused, each made into a request by its theme's shape.
pub(super) fn refusals(table: &[Refusal], shape: impl Fn(&[u8]) -> Vec<u8>) -> impl Iterator<Item = Row> {
    table.iter().map(move |(name, bytes, says)| Row::refused(*name, shape(bytes), says))
}

/// The whole request as it is.
pub(super) fn whole(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

/// A first line, with sound fields behind it.
pub(super) fn line(line: &[u8]) -> Vec<u8> {
    [line, b"\r\n$H$K\r\n"].concat()
}

/// Fields behind sound ones, and a body that may be taken for one or not.
pub(super) fn fields(fields: &[u8]) -> Vec<u8> {
    [b"POST /v1/orders HTTP/1.1\r\n$H$K", fields, b"\r\n\r\n{}"].concat()
}

/// A chunked body, with a sound head before it.
pub(super) fn chunked(body: &[u8]) -> Vec<u8> {
    [b"POST /v1/orders HTTP/1.1\r\n$H$KTransfer-Encoding: chunked\r\n\r\n", body].concat()
}
