//! Requests with an `Idempotency-Key`: at most one execution, and every repeat gets its answer.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use tokio::sync::{mpsc, oneshot};
use tollbar_contract::{Code, RequestId, Stage};
use tollbar_core::{
    Rejection, Timestamp,
    admission::{Admitted, Operation},
    idempotency::{Answer as Kept, Fingerprint, Record, RecordState, Slot, releases_key},
    outcome::WhyUnknown,
};

use crate::{
    answer::{Answer, AnswerBody, Cut, UpstreamBody},
    body::{Body, Pace},
    charge::{Charged, cannot_store},
    exchange::Exchange,
    forward::{ForwardFailure, Outgoing, Place, forward},
    inflight::{Busy, Held},
    memory_budget::Reserved,
    shared::bounded,
    worker::Worker,
};

mod expiry;
mod refusals;
mod replay;

pub(crate) use refusals::lost_outcome;
use refusals::{conflict, executed, unknown_outcome, waited_in_vain};
use replay::{replay, stored};

/// A slot that is ours, to execute in.
pub(crate) struct Claim {
    held: Held,
    fingerprint: Fingerprint,
}

/// What a key leads to.
pub(crate) enum Claimed {
    /// Nobody has used it: go on.
    Fresh(Claim),
    /// It was executed: this is the answer.
    Replay(Answer<'static>),
}

/// How often a key that a failing store did not release is tried again, and after how long.
const RELEASE_TRIES: u32 = 30;
/// How often while this server ends.
const RELEASE_TRIES_AT_END: u32 = 2;
const RELEASE_REST: Duration = Duration::from_secs(1);
/// Pieces of a large answer that wait for a slow client.
const RELAY_PIECES: usize = 16;

/// Stage 14: takes the slot, waiting for whoever has it; or replays, or says why neither can be.
pub(crate) async fn claim(
    worker: &Worker,
    exchange: &mut Exchange,
    operation: &Operation,
    slot: Slot,
    fingerprint: Fingerprint,
) -> Result<Claimed, Rejection> {
    let wait = worker.shared.settings.idempotency.wait;
    let deadline = tokio::time::Instant::now() + wait;
    let until_free = async |busy: Busy| {
        let told = tokio::time::timeout_at(deadline, busy.wait()).await.map_err(|_| waited_in_vain(wait))?;
        told.map_or(Ok(()), |first| Err(unknown_outcome(first)))
    };
    loop {
        let (mut held, mut other) = (None, None);
        match worker.shared.inflight.hold(&slot, fingerprint) {
            Ok(taken) => held = Some(taken),
            Err(busy) if busy.fingerprint.is_none_or(|theirs| theirs == fingerprint) => {
                until_free(busy).await?;
            }
            Err(busy) => other = Some(busy),
        }
        let found = bounded(worker.shared.idempotency.find(slot.clone(), worker.shared.clock.now())).await;
        match (found.map_err(|failure| cannot_store(&failure))?, held) {
            (Some(record), _) if record.fingerprint != fingerprint => {
                return Err(conflict(&slot, Some(record.request_id)));
            }
            (Some(Record { state: RecordState::Answered(kept), request_id, .. }), _) => {
                return replay(worker, exchange, &slot, request_id, kept).map(Claimed::Replay);
            }
            (Some(Record { state: RecordState::Executed, request_id, .. }), _) => {
                return Err(executed(request_id));
            }
            (Some(record), Some(held)) if operation.endpoint().resend_unknown => {
                tracing::info!(request = %record.request_id, "an execution of unknown outcome is sent again, as its endpoint permits");
                return Ok(Claimed::Fresh(Claim { held: held.executes(), fingerprint }));
            }
            (Some(record), Some(held)) => {
                held.tell_unknown(record.request_id);
                return Err(unknown_outcome(record.request_id));
            }
            (None, Some(held)) => return Ok(Claimed::Fresh(Claim { held: held.executes(), fingerprint })),
            (found, None) => match (found, other) {
                // Another request only looks at what is ours: it is about to hear of the conflict.
                (Some(_), Some(busy)) => until_free(busy).await?,
                (None, Some(_)) => return Err(conflict(&slot, None)),
                // It was let go: try to take it.
                (_, None) => {}
            },
        }
    }
}

/// Everything an execution needs, none of it tied to the client's connection.
pub(crate) struct Execution {
    pub(crate) claim: Claim,
    pub(crate) exchange: Exchange,
    pub(crate) outgoing: Outgoing,
    pub(crate) body: Body<'static>,
    pub(crate) place: Place,
    pub(crate) admitted: Admitted,
    pub(crate) charged: Charged,
}

/// What came of it, with the facts for the log.
pub(crate) struct Executed {
    pub(crate) answer: Result<Answer<'static>, Rejection>,
    pub(crate) upstream_status: Option<u16>,
    pub(crate) upstream_millis: Option<u64>,
    pub(crate) upstream_connect_millis: Option<u64>,
    pub(crate) upstream_address: Option<SocketAddr>,
}

/// Runs an execution to its end in a task of its own, so that it ends although its client leaves.
pub(crate) async fn execute(worker: &Rc<Worker>, execution: Execution) -> Option<Executed> {
    let (done, executed) = oneshot::channel();
    let (worker, task) = (worker.clone(), worker.task());
    tokio::task::spawn_local(async move {
        run(&worker, execution, done).await;
        drop(task);
    });
    // None: the task panicked.
    executed.await.ok()
}

async fn run(worker: &Rc<Worker>, execution: Execution, done: oneshot::Sender<Executed>) {
    let Execution { claim, mut exchange, outgoing, body, place, admitted, mut charged } = execution;
    let shared = worker.shared.clone();
    let (slot, now) = (claim.held.slot().clone(), shared.clock.now());
    let body_bytes = if let Body::Whole(whole) = &body { whole.bytes.len() } else { 0 };
    let endpoint = outgoing.operation.endpoint().id;
    let started = shared.idempotency.start(
        slot.clone(),
        claim.fingerprint,
        exchange.request_id,
        endpoint,
        now,
        expiry::of_started(&shared, body_bytes),
    );
    if let Err(failure) = bounded(started).await {
        drop(charged);
        let _ = done.send(finished(Err(cannot_store(&failure)), &exchange));
        // A store that was too slow may still carry it out. The release stands behind it in the store's queue.
        return release_late(worker, claim, exchange.request_id).await;
    }
    let answer = forward(worker, &mut exchange, &outgoing, body, place, &admitted, &mut charged).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(ForwardFailure { rejection, may_have_executed, .. }) => {
            charged.settle(rejection.code.status());
            if may_have_executed {
                // The record stays as started: the outcome is unknown until it expires or is settled.
                note_no_answer(worker, &slot, exchange.request_id, &rejection).await;
                let _ = done.send(finished(Err(lost_outcome(&rejection)), &exchange));
                return;
            }
            let unreleased = release(worker, claim, exchange.request_id).await;
            let _ = done.send(finished(Err(rejection), &exchange));
            if let Some(claim) = unreleased {
                release_late(worker, claim, exchange.request_id).await;
            }
            return;
        }
    };
    let upstream_status = exchange.upstream_status.and_then(|s| StatusCode::from_u16(s).ok());
    let releases = releases_key(
        upstream_status.unwrap_or(answer.status),
        outgoing.operation.api().record.on_upstream_5xx,
    );
    keep(worker, claim, &exchange, answer, releases, charged, done).await;
}

/// Makes the answer durable, then lets the client have it.
async fn keep(
    worker: &Rc<Worker>,
    claim: Claim,
    exchange: &Exchange,
    mut answer: Answer<'static>,
    releases: bool,
    charged: Charged,
    done: oneshot::Sender<Executed>,
) {
    let limit = worker.shared.settings.idempotency.answer_limit_bytes;
    let mut rest = None;
    if let AnswerBody::Upstream(upstream) = &mut answer.body {
        answer.watch = upstream.watch.take();
    }
    answer.body = match answer.body {
        AnswerBody::Upstream(upstream) => match collect(worker, *upstream, limit).await {
            Ok((body, held, more)) => {
                answer.held = held;
                if let Some(watch) = answer.watch.as_mut().filter(|_| more.is_none()) {
                    watch.have(&body);
                }
                rest = more.map(|upstream| (body.clone(), upstream));
                AnswerBody::Whole(body)
            }
            Err(cause) => {
                let broken = Rejection::new(Code::InternalError, Stage::Upstream, cause);
                charged.settle(broken.code.status());
                note_no_answer(worker, claim.held.slot(), exchange.request_id, &broken).await;
                let _ = done.send(finished(Err(lost_outcome(&broken)), exchange));
                return;
            }
        },
        other => other,
    };
    charged.settle(answer.status.as_u16());
    let (mut unreleased, mut unstored) = (None, None);
    if releases {
        unreleased = release(worker, claim, exchange.request_id).await;
    } else {
        let slot = claim.held.slot();
        let kept = match &answer.body {
            AnswerBody::Whole(body) if rest.is_none() => {
                let plain = stored(&answer, body).encode(body);
                Kept::Stored { sealed: worker.shared.directory.secrets.seal(&slot.sealing_context(), &plain) }
            }
            _ => Kept::TooLarge,
        };
        let expires_at = expiry::of_ended(&worker.shared);
        let keeping = worker.shared.idempotency.answer(slot.clone(), exchange.request_id, kept, expires_at);
        if let Err(failure) = bounded(keeping).await {
            tracing::error!(%failure, request = %exchange.request_id, "an answer could not be stored; it is delivered, and the record stays unknown");
            let why = WhyUnknown::NotStored { cause: failure.reason().to_owned() };
            unstored = Some((claim.held.slot().clone(), why, expires_at));
        }
        // What is kept is kept: repeats need not wait until a large answer has gone out.
        drop(claim);
    }
    if let Some((first, upstream)) = rest {
        let (pieces, relayed) = mpsc::channel(RELAY_PIECES);
        answer.body = AnswerBody::Relayed { framing: upstream.framing, pieces: relayed };
        let _ = done.send(finished(Ok(answer), exchange));
        // Where the store is not needed any more, a hand-over need not wait for a slow reader.
        let _delivering = (unreleased.is_none() && unstored.is_none()).then(|| worker.delivering());
        relay(worker, first, upstream, &pieces).await;
    } else {
        let _ = done.send(finished(Ok(answer), exchange));
    }
    if let Some(claim) = unreleased {
        release_late(worker, claim, exchange.request_id).await;
    }
    if let Some((slot, why, expires_at)) = unstored {
        note_late(worker, slot, exchange.request_id, why, expires_at).await;
    }
}

/// Reads an answer's body up to the limit, with its share of memory; beyond it, what was read and the rest.
async fn collect(
    worker: &Worker,
    mut upstream: UpstreamBody<'static>,
    limit_bytes: usize,
) -> Result<(Bytes, Option<Reserved>, Option<UpstreamBody<'static>>), String> {
    let mut pace = Pace::new(worker.shared.settings.upstream.idle_timeout);
    let mut body = BytesMut::new();
    let mut held = worker.shared.memory.reserve(0);
    loop {
        let piece = upstream.next_piece(&mut pace).await;
        let Some(piece) =
            piece.map_err(|fault| format!("the upstream's answer broke off: {}", fault.message))?
        else {
            upstream.connection.give_back();
            return Ok((body.freeze(), held, None));
        };
        body.extend_from_slice(&piece);
        // Without memory for it, it is too large to keep.
        let has_memory = held.as_mut().is_some_and(|held| held.grow(piece.len()));
        if body.len() > limit_bytes || !has_memory {
            return Ok((body.freeze(), held, Some(upstream)));
        }
    }
}

/// Passes a large answer on. It was executed and is recorded so: when nobody listens any more, that is the end.
async fn relay(
    worker: &Worker,
    first: Bytes,
    mut upstream: UpstreamBody<'static>,
    pieces: &mpsc::Sender<Result<Bytes, Cut>>,
) {
    let mut pace = Pace::new(worker.shared.settings.upstream.idle_timeout);
    let mut piece = Ok(first);
    loop {
        let is_cut = piece.is_err();
        if pieces.send(piece).await.is_err() || is_cut {
            return;
        }
        piece = match upstream.next_piece(&mut pace).await {
            Ok(Some(piece)) => Ok(piece),
            Ok(None) => return upstream.connection.give_back(),
            Err(_) => Err(Cut),
        };
    }
}

/// Frees a key; gives the claim back if the store could not.
async fn release(worker: &Worker, claim: Claim, request_id: RequestId) -> Option<Claim> {
    let released = bounded(worker.shared.idempotency.release(claim.held.slot().clone(), request_id)).await;
    released.is_err().then_some(claim)
}

/// Frees a key however long the store takes, a few times over, until this server ends. The slot is held meanwhile: nobody
/// shall read a record that is about to go.
async fn release_late(worker: &Worker, claim: Claim, request_id: RequestId) {
    let mut tries_at_end = 0;
    for _ in 0..RELEASE_TRIES {
        let Err(failure) = worker.shared.idempotency.release(claim.held.slot().clone(), request_id).await
        else {
            return;
        };
        tries_at_end += u32::from(worker.is_stopping());
        if tries_at_end == RELEASE_TRIES_AT_END {
            break;
        }
        tracing::error!(%failure, request = %request_id, "an idempotency key is not released yet");
        tokio::time::sleep(RELEASE_REST).await;
    }
    tracing::error!(request = %request_id, "an idempotency key was not released: its outcome may count as unknown");
}

/// For operators; and the key is kept for as long as any from here on. Nothing else depends on it: it is tried once.
async fn note_no_answer(worker: &Worker, slot: &Slot, request_id: RequestId, broken: &Rejection) {
    let why = WhyUnknown::NoAnswer { cause: broken.cause.for_support().to_owned() };
    let expires_at = expiry::of_ended(&worker.shared);
    let noting = worker.shared.idempotency.note_unknown(slot.clone(), request_id, why, expires_at);
    if let Err(failure) = bounded(noting).await {
        tracing::warn!(%failure, request = %request_id, "why an outcome is unknown could not be noted");
    }
}

/// The same where the store has just failed: until it works again, or this server ends. Nobody waits for it.
async fn note_late(
    worker: &Worker,
    slot: Slot,
    request_id: RequestId,
    why: WhyUnknown,
    expires_at: Timestamp,
) {
    for _ in 0..RELEASE_TRIES {
        let noting =
            worker.shared.idempotency.note_unknown(slot.clone(), request_id, why.clone(), expires_at);
        if noting.await.is_ok() || worker.is_stopping() {
            return;
        }
        tokio::time::sleep(RELEASE_REST).await;
    }
}

fn finished(answer: Result<Answer<'static>, Rejection>, exchange: &Exchange) -> Executed {
    Executed {
        answer,
        upstream_status: exchange.upstream_status,
        upstream_millis: exchange.upstream_millis,
        upstream_connect_millis: exchange.upstream_connect_millis,
        upstream_address: exchange.upstream_address,
    }
}
