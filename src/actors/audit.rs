//! The audit log while the server runs: entries go through the committer like every fact, so whoever hears
//! of a privileged change finds its entry after any crash. Not an actor: there is nothing to decide.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::committer::{Group, Intake, Publication, Reply, Work};
use super::mailbox::SubmitError;
use crate::clock::Clock;
use crate::domain::audit::{AuditEntry, AuditFact, AuditLog};
use crate::faults;
use crate::storage::record::encode_audit;

/// Who wants to change what, and from where.
#[derive(Debug, Clone)]
pub struct AuditNote {
    /// At most 400 bytes are kept of each.
    pub who: Arc<str>,
    pub from: Arc<str>,
    pub action: &'static str,
    pub object: Arc<str>,
}

/// The audit log: what is durable of it, and the way to add to it.
pub struct Audit {
    /// Shared with the committer, which publishes here.
    published: Arc<Mutex<AuditLog>>,
    pen: tokio::sync::Mutex<Pen>,
    clock: Arc<dyn Clock>,
    storage_full: Arc<AtomicBool>,
}

/// Held from taking a number until its record is in the committer's hands, so that numbers ascend in the
/// journal.
struct Pen {
    next: u64,
    /// Absent when the engine has ended: the committer goes on while anybody has one.
    intake: Option<Intake>,
}

/// What the committer publishes of the audit log.
pub(super) struct AuditNews {
    fact: AuditFact,
    log: Arc<Mutex<AuditLog>>,
}

impl AuditNews {
    pub fn show(self) {
        lock(&self.log).apply(&self.fact);
    }
}

impl Audit {
    /// `storage_full`: while it is set nothing is begun.
    pub(super) fn new(
        log: AuditLog,
        intake: Intake,
        clock: Arc<dyn Clock>,
        storage_full: Arc<AtomicBool>,
    ) -> Self {
        let pen = Pen { next: log.next_number(), intake: Some(intake) };
        let (published, pen) = (Arc::new(Mutex::new(log)), tokio::sync::Mutex::new(pen));
        Self { published, pen, clock, storage_full }
    }

    /// Notes that somebody is about to make a privileged change; on the disk when it returns. Gives the
    /// entry's number, for [`Audit::end`].
    ///
    /// # Errors
    /// - `StorageFull`: the disk is short of space.
    /// - `ShardDown`: the server is ending.
    ///
    /// The change must not be made then.
    pub async fn begin(&self, note: AuditNote) -> Result<u64, SubmitError> {
        if self.storage_full.load(Ordering::Relaxed) {
            return Err(SubmitError::StorageFull);
        }
        let mut pen = self.pen.lock().await;
        let number = pen.next;
        let fact = AuditFact::Begun(AuditEntry {
            number,
            at: self.clock.now(),
            who: bounded(&note.who),
            from: bounded(&note.from),
            action: note.action.into(),
            object: bounded(&note.object),
            outcome: None,
        });
        let written = self.write(&pen, fact).await?;
        pen.next += 1;
        drop(pen);
        durable(written).await?;
        Ok(number)
    }

    /// Notes how it ended: `done`, or the code of a refusal; on the disk when it returns.
    ///
    /// # Errors
    /// The entry stays without an outcome.
    pub async fn end(&self, number: u64, outcome: &str) -> Result<(), SubmitError> {
        let pen = self.pen.lock().await;
        let fact = AuditFact::Ended { number, outcome: bounded(outcome) };
        let written = self.write(&pen, fact).await?;
        drop(pen);
        durable(written).await
    }

    /// Up to `limit` entries after this number, and the number of the oldest that is kept. All of them are
    /// durable (P8).
    #[must_use]
    pub fn page(&self, after: u64, limit: usize) -> (Vec<AuditEntry>, Option<u64>) {
        let log = lock(&self.published);
        (log.page(after, limit), log.oldest())
    }

    /// Takes nothing more, so that the committer can end.
    pub(super) async fn close(&self) {
        self.pen.lock().await.intake = None;
    }

    async fn write(
        &self,
        pen: &Pen,
        fact: AuditFact,
    ) -> Result<oneshot::Receiver<()>, SubmitError> {
        let intake = pen.intake.as_ref().ok_or(SubmitError::ShardDown)?;
        let (written, told) = oneshot::channel();
        let mut group = Group { records: 1, ..Group::default() };
        encode_audit(&mut group.frames, &fact);
        group
            .publications
            .push(Publication::Audit(AuditNews { fact, log: Arc::clone(&self.published) }));
        if faults::planted("audit_late") {
            let intake = intake.clone();
            tokio::spawn(async move {
                tokio::time::sleep(LATE).await;
                drop(intake.send(Work::Group(group)).await);
            });
            written.send(()).ok();
            return Ok(told);
        }
        group.replies.push(Reply::Audit(written));
        let sent = intake.send(Work::Group(group)).await;
        sent.map_err(|_| SubmitError::ShardDown)?;
        Ok(told)
    }
}

/// How late the planted bug is.
const LATE: std::time::Duration = std::time::Duration::from_millis(100);

async fn durable(written: oneshot::Receiver<()>) -> Result<(), SubmitError> {
    written.await.map_err(|_| SubmitError::OutcomeUnknown)
}

/// Long enough for a customer's name with its prefix, and for the longest path of ids.
const BYTES_MAX: usize = 400;

fn bounded(text: &str) -> Arc<str> {
    let mut end = text.len().min(BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].into()
}

fn lock(log: &Mutex<AuditLog>) -> MutexGuard<'_, AuditLog> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
