//! Something that was done, what came back, and what should have.

use tollbar_contract::Stage;

use super::{scene::Partner, wire::Reply};

/// One thing that was done.
pub(super) struct Attempt {
    /// In one plain sentence.
    pub(super) did: &'static str,
    pub(super) reply: Reply,
    /// Who did it, where the platform should have found out.
    pub(super) client: Option<String>,
    /// Credentials that must not be found in what support reads.
    pub(super) secrets: Vec<String>,
    pub(super) outcome: Outcome,
    /// How many requests the sample API should have got.
    pub(super) sent: u64,
    /// It waited, and was checked twice: an early stage may have refused it late.
    pub(super) waited: bool,
    /// What was wrong beyond what every answer is checked for.
    pub(super) faults: Vec<String>,
}

/// How it should have ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Refused here, by one of the stages of an API route.
    Refused(Stage),
    /// Refused by a route of Tollbar's own, which counts on no meter.
    RefusedByOwnRoute(Stage),
    /// Let in; the error came from behind.
    UpstreamFailed,
    /// Answered from behind, with this status.
    Answered(u16),
    /// Answered from the record of an earlier request, with this status.
    Replayed(u16),
    /// Answered by Tollbar itself, with this status.
    AnsweredByOwnRoute(u16),
}

impl Attempt {
    pub(super) fn new(outcome: Outcome, did: &'static str, reply: Reply) -> Self {
        let sent = u64::from(matches!(
            outcome,
            Outcome::UpstreamFailed | Outcome::Answered(_) | Outcome::Replayed(_)
        ));
        Self {
            did,
            reply,
            client: None,
            secrets: Vec::new(),
            outcome,
            sent,
            waited: false,
            faults: Vec::new(),
        }
    }

    pub(super) fn refused(stage: Stage, did: &'static str, reply: Reply) -> Self {
        Self::new(Outcome::Refused(stage), did, reply)
    }

    pub(super) fn by(mut self, partner: &Partner) -> Self {
        self.client = Some(partner.id.clone());
        self.secrets.extend([partner.key.clone(), partner.sandbox_key.clone()]);
        self
    }

    pub(super) fn with_secret(mut self, secret: &str) -> Self {
        self.secrets.push(secret.to_owned());
        self
    }

    /// So many requests should have reached the sample API.
    pub(super) fn sent(mut self, count: u64) -> Self {
        self.sent = count;
        self
    }

    pub(super) fn waited(mut self) -> Self {
        self.waited = true;
        self
    }

    /// Notes a fault unless something holds.
    pub(super) fn expect(mut self, holds: bool, fault: impl Into<String>) -> Self {
        if !holds {
            self.faults.push(fault.into());
        }
        self
    }

    /// Notes a fault unless a header has this value.
    pub(super) fn header(self, name: &str, wanted: Option<&str>) -> Self {
        let found = self.reply.header(name).map(str::to_owned);
        let fault = format!("header {name} is {found:?} and not {wanted:?}");
        self.expect(found.as_deref() == wanted, fault)
    }

    /// Notes a fault unless the message has this in it.
    pub(super) fn saying(self, words: &str) -> Self {
        let message = self.reply.message();
        let fault = format!("the message does not say `{words}`: {message}");
        self.expect(message.contains(words), fault)
    }
}
