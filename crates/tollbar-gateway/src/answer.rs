//! What goes back to the client: made here, or streamed from the upstream.

use std::{future::Future, pin::Pin};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use tokio::sync::mpsc;
use tollbar_contract::{Code, Stage};
use tollbar_core::{Cause, ChangeId, Rejection};
use tollbar_http::{Framing, ReadError};

use crate::{body::Pace, memory_budget::Reserved, observe::Watch, respond, upstream::Connection};

/// An answer. `'r` is the request body that may still be on its way up.
pub(crate) struct Answer<'r> {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: AnswerBody<'r>,
    /// What the log says of it, if it is an error.
    pub(crate) error: Option<AnsweredError>,
    /// Its share of the memory for bodies.
    pub(crate) held: Option<Reserved>,
    /// What the upstream answered, to be looked at when this has been delivered; that of a body which is still to come is
    /// with the body.
    pub(crate) watch: Option<Box<Watch>>,
    /// The connection cannot go on: nobody knows where the next request would begin.
    pub(crate) closes: bool,
}

/// A refusal, and what it means for the connection.
pub(crate) struct Refused {
    pub(crate) rejection: Rejection,
    /// As in [`Answer::closes`].
    pub(crate) closes: bool,
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        Self { rejection, closes: false }
    }
}

/// The body of an answer.
pub(crate) enum AnswerBody<'r> {
    /// In memory.
    Whole(Bytes),
    /// From the upstream, as it comes.
    Upstream(Box<UpstreamBody<'r>>),
    /// From a keyed execution, which goes on by itself; an error is a cut.
    Relayed { framing: Framing, pieces: mpsc::Receiver<Result<Bytes, Cut>> },
    /// `101 Switching Protocols`: from here on the connections carry another protocol.
    Tunnel(Box<Tunnel>),
}

/// A connection to an upstream that has switched protocols.
pub(crate) struct Tunnel {
    pub(crate) connection: Connection,
    pub(crate) protocol: HeaderValue,
}

/// The body broke off: the client must see it as broken off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut;

/// A response body from the upstream.
pub(crate) struct UpstreamBody<'r> {
    pub(crate) connection: Connection,
    /// Its first piece, where that was there with the head.
    pub(crate) first: Option<Bytes>,
    pub(crate) framing: Framing,
    /// For an answer to HEAD.
    pub(crate) declared_length: Option<u64>,
    /// Whether what stands behind the body goes on.
    pub(crate) accepts_trailers: bool,
    /// The rest of the request body, still being sent.
    pub(crate) upload: Option<Upload<'r>>,
    /// Who looks at it from aside, as [`UpstreamBody::piece`] gives it.
    pub(crate) watch: Option<Box<Watch>>,
}

/// A request body on its way up. False: it broke. Where the upstream takes no more of it, its answer is still good.
pub(crate) type Upload<'r> = Pin<Box<dyn Future<Output = bool> + 'r>>;

/// What the log says of an error answer.
pub(crate) struct AnsweredError {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) stage: Option<Stage>,
    pub(crate) cause: Option<Cause>,
    pub(crate) change: Option<ChangeId>,
}

impl UpstreamBody<'_> {
    /// What stood behind the body, without what an upstream cannot say for us; empty if the client takes none.
    pub(crate) fn take_trailers(&mut self) -> HeaderMap {
        let mut trailers = self.connection.reader.take_trailers();
        if !self.accepts_trailers {
            trailers.clear();
        }
        respond::remove_ours(&mut trailers);
        trailers
    }

    /// The next piece of the answer.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, ReadError> {
        let piece = match self.first.take() {
            Some(piece) => Some(piece),
            None => self.connection.reader.body_chunk().await?,
        };
        if let Some(watch) = &mut self.watch {
            watch.pass(piece.as_ref());
        }
        Ok(piece)
    }

    /// The next piece of the answer, while the rest of the request goes up.
    pub(crate) async fn next_piece(&mut self, pace: &mut Pace) -> Result<Option<Bytes>, Rejection> {
        if let Some(piece) = self.first.take() {
            return Ok(Some(piece));
        }
        let Self { connection, upload, .. } = self;
        let mut piece = std::pin::pin!(pace.next(connection.reader.body_chunk()));
        if let Some(sending) = upload {
            tokio::select! {
                biased;
                _ = sending => {}
                piece = &mut piece => return piece,
            }
        }
        *upload = None;
        piece.await
    }
}

impl AnsweredError {
    pub(crate) fn of_code(code: Code) -> Self {
        Self { code, message: code.description().to_owned(), stage: None, cause: None, change: None }
    }
}

impl<'r> Answer<'r> {
    /// The answer by itself, and the rest of the request body if that is still on its way.
    pub(crate) fn split(self) -> (Answer<'static>, Option<Upload<'r>>) {
        let Answer { status, headers, body, error, held, watch, closes } = self;
        let (body, upload) = match body {
            AnswerBody::Whole(bytes) => (AnswerBody::Whole(bytes), None),
            AnswerBody::Relayed { framing, pieces } => (AnswerBody::Relayed { framing, pieces }, None),
            AnswerBody::Tunnel(tunnel) => (AnswerBody::Tunnel(tunnel), None),
            AnswerBody::Upstream(body) => {
                let UpstreamBody {
                    connection,
                    first,
                    framing,
                    declared_length,
                    accepts_trailers,
                    upload,
                    watch,
                } = *body;
                let body = UpstreamBody {
                    connection,
                    first,
                    framing,
                    declared_length,
                    accepts_trailers,
                    upload: None,
                    watch,
                };
                (AnswerBody::Upstream(Box::new(body)), upload)
            }
        };
        (Answer { status, headers, body, error, held, watch, closes }, upload)
    }

    pub(crate) fn whole(status: StatusCode, headers: HeaderMap, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers,
            body: AnswerBody::Whole(body.into()),
            error: None,
            held: None,
            watch: None,
            closes: false,
        }
    }
}
