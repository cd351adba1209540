//! The one way in which policy changes: durable first, then in memory, then the answer.

use std::{future::Future, sync::Arc};

use tokio::sync::OwnedMutexGuard;
use tollbar_core::{Api, ApiRecord, AuditEntry, ChangeId, PolicyChange, Timestamp};

use crate::{control::Control, fault::Fault};

/// The right to change policy, held by one at a time. What is read of the directory while holding it stays
/// true until the change is made.
pub(crate) struct Change {
    pub(crate) control: Arc<Control>,
    /// The number that changed records refer to.
    pub(crate) id: ChangeId,
    /// When the change happens.
    pub(crate) now: Timestamp,
    last_change: OwnedMutexGuard<u64>,
}

/// What the audit trail says of a change. Never a secret.
pub(crate) struct Note {
    pub(crate) action: &'static str,
    pub(crate) subject: String,
    pub(crate) detail: String,
    is_by_platform: bool,
}

impl Note {
    pub(crate) fn new(action: &'static str, subject: &impl ToString, detail: impl Into<String>) -> Self {
        Self { action, subject: subject.to_string(), detail: detail.into(), is_by_platform: false }
    }

    /// The platform did it by itself.
    pub(crate) fn by_platform(self) -> Self {
        Self { is_by_platform: true, ..self }
    }
}

impl Control {
    /// Runs a change to its end, although its client leaves: a change that is durable and not in memory would
    /// be in force only after the next restart.
    ///
    /// A handler is dropped when its connection ends, so the work is done in a task of its own. The task owns the
    /// lock, which is taken before it starts: whoever takes the lock after it ([`Control::settle`]) knows
    /// that it has ended.
    pub(crate) async fn change<T, F, W>(self: &Arc<Self>, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
        W: FnOnce(Change) -> F,
    {
        let last_change = self.last_change.clone().lock_owned().await;
        let id = ChangeId(*last_change + 1);
        let change = Change { control: self.clone(), id, now: self.now(), last_change };
        let work = work(change);
        #[expect(clippy::disallowed_methods, reason = "one policy change; settle() waits for it by its lock")]
        let task = tokio::task::spawn(work);
        task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "a policy change broke off");
            Err(Fault::internal("the change broke off; look at the audit trail to see whether it was made"))
        })
    }

    /// Waits until every change that has begun has ended.
    pub(crate) async fn settle(&self) {
        drop(self.last_change.lock().await);
    }
}

impl Change {
    /// Makes the changes durable with one audit entry, then takes them into memory.
    pub(crate) async fn commit(&mut self, changes: Vec<PolicyChange>, note: Note) -> Result<(), Fault> {
        self.make_durable(changes.clone(), note, None).await?;
        for change in changes {
            self.control.directory.apply(change).map_err(|error| {
                tracing::error!(%error, change = self.id.0, "a durable change could not be taken into memory");
                Fault::internal(format!("the change is stored, but not in force before a restart: {error}"))
            })?;
        }
        Ok(())
    }

    /// The same for an API that is built already, with the document that it was made of.
    pub(crate) async fn commit_api(&mut self, api: &Api, note: Note, document: Vec<u8>) -> Result<(), Fault> {
        let put = PolicyChange::PutApi(Box::new(ApiRecord::clone(&api.record)));
        self.make_durable(vec![put], note, Some(document)).await?;
        self.control.directory.put_api(api);
        Ok(())
    }

    async fn make_durable(
        &mut self,
        changes: Vec<PolicyChange>,
        note: Note,
        document: Option<Vec<u8>>,
    ) -> Result<(), Fault> {
        let audit = self.entry(note);
        Ok(self.control.policy.apply(changes, audit, document).await?)
    }

    /// The audit entry of what is made durable together with it, by whichever port.
    pub(crate) fn entry(&mut self, note: Note) -> AuditEntry {
        let Note { action, subject, detail, is_by_platform } = note;
        // Used up even if the store refuses: a number is never given twice, whatever happened there.
        *self.last_change = self.id.0;
        tracing::info!(change = self.id.0, action, subject, "policy change");
        let actor = if is_by_platform { "tollbar" } else { "operator" }.to_owned();
        AuditEntry { id: self.id, at: self.now, actor, action: action.to_owned(), subject, detail }
    }
}
