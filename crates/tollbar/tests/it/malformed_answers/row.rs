//! What a row of the table is, and the shapes that most rows have.

/// An upstream's answer, and all that may come of it.
pub(super) struct Row {
    /// The rule, and what is done about it.
    pub(super) name: String,
    /// Of the requests that are answered so. A GET could be sent again, and is not.
    pub(super) methods: &'static [&'static str],
    pub(super) bytes: Vec<u8>,
    pub(super) expected: Expected,
    /// The upstream's connection may carry the next request.
    pub(super) keeps: bool,
    /// Whether the upstream stays, closes, or is tried with both.
    then: Then,
}

#[derive(Clone, Copy, PartialEq)]
enum Then {
    Both,
    Stays,
    Closes,
}

/// What the client gets.
#[derive(Clone)]
pub(super) enum Expected {
    /// An internal error in the envelope: nothing was passed on.
    Failed,
    /// Another error in the envelope.
    Error(u16, &'static str),
    /// This much of the body, and then the end of the connection.
    Cut(Vec<u8>),
    /// The answer, whole.
    Whole(u16, Vec<u8>),
}

/// A name and what the upstream sends.
pub(super) type Answer = (&'static str, &'static [u8]);

impl Row {
    fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>, expected: Expected) -> Self {
        Self {
            name: name.into(),
            methods: &["GET", "POST"],
            bytes: bytes.into(),
            expected,
            keeps: false,
            then: Then::Both,
        }
    }

    pub(super) fn failed(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(name, bytes, Expected::Failed)
    }

    pub(super) fn error(name: &str, bytes: impl Into<Vec<u8>>, status: u16, code: &'static str) -> Self {
        Self::new(name, bytes, Expected::Error(status, code))
    }

    pub(super) fn cut(name: impl Into<String>, bytes: impl Into<Vec<u8>>, body: &[u8]) -> Self {
        Self::new(name, bytes, Expected::Cut(body.to_vec()))
    }

    pub(super) fn whole(
        name: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
        status: u16,
        body: &[u8],
    ) -> Self {
        Self::new(name, bytes, Expected::Whole(status, body.to_vec()))
    }

    /// Nothing was odd enough to give the connection up.
    pub(super) fn keeping(self) -> Self {
        Self { keeps: true, then: Then::Stays, ..self }
    }

    /// Only the close tells that nothing more comes.
    pub(super) fn closing(self) -> Self {
        Self { then: Then::Closes, ..self }
    }

    pub(super) fn to(self, methods: &'static [&'static str]) -> Self {
        Self { methods, ..self }
    }

    /// Whether it is tried with an upstream that then closes, or does not.
    pub(super) fn is_sent_so(&self, closes: bool) -> bool {
        self.then == Then::Both || (self.then == Then::Closes) == closes
    }
}

/// Answers that are not passed on.
pub(super) fn failures(table: &[Answer], shape: impl Fn(&[u8]) -> Vec<u8>) -> impl Iterator<Item = Row> {
    table.iter().map(move |(name, bytes)| Row::failed(*name, shape(bytes)))
}

pub(super) fn raw(bytes: &[u8]) -> Vec<u8> {
    bytes.to_vec()
}

/// A status line, with a sound rest behind it.
pub(super) fn line(line: &[u8]) -> Vec<u8> {
    [line, b"\r\nContent-Length: 2\r\n\r\n{}"].concat()
}

/// Fields before a sound length and body.
pub(super) fn fields(fields: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\n", fields, b"\r\nContent-Length: 2\r\n\r\n{}"].concat()
}

/// The fields that frame a body, and the body.
pub(super) fn framed(fields_and_body: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\n", fields_and_body].concat()
}

/// A chunked body, with a sound head before it.
pub(super) fn chunked(body: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", body].concat()
}
