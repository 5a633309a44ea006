//! Folds closed epochs into checkpoints in the background, so that a restart reads little. It builds
//! its own copy of the state by replay: no live shard pauses for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::event_log::EventLog;
use super::journal::JournalReader;
use super::recovery::{RecoveryError, recover_until};

/// Asks the compactor for work; cheap to keep.
pub struct Compactor {
    closed: SyncSender<u64>,
    checkpoint_bytes: Arc<AtomicU64>,
}

/// What to do when an epoch cannot be folded: the journal is then not what was written.
pub type OnFault = Box<dyn Fn(RecoveryError) + Send>;

impl Compactor {
    /// Starts the thread. It ends when the `Compactor` is dropped and its work is done.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        reader: Arc<dyn JournalReader>,
        log: Arc<EventLog>,
        on_fault: OnFault,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (closed, epochs) = sync_channel(1);
        let checkpoint_bytes = Arc::new(AtomicU64::new(0));
        let written = Arc::clone(&checkpoint_bytes);
        let thread = std::thread::Builder::new()
            .name("compactor".to_owned())
            .spawn(move || run(&*reader, &log, &epochs, &on_fault, &written))?;
        Ok((Self { closed, checkpoint_bytes }, thread))
    }

    /// Says that `epoch` is closed. `false`: still busy with earlier ones; say so again later.
    #[must_use]
    pub fn fold(&self, epoch: u64) -> bool {
        match self.closed.try_send(epoch) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }

    /// Size of the newest checkpoint that this process wrote; 0 before the first. Unit: bytes of
    /// frames.
    #[must_use]
    pub fn checkpoint_bytes(&self) -> u64 {
        self.checkpoint_bytes.load(Ordering::Relaxed)
    }
}

fn run(
    reader: &dyn JournalReader,
    log: &EventLog,
    epochs: &Receiver<u64>,
    on_fault: &OnFault,
    written: &AtomicU64,
) {
    while let Ok(epoch) = epochs.recv() {
        // After the fold its facts are nowhere else.
        log.keep(epoch);
        match checkpoint(reader, epoch) {
            Ok(bytes) => written.store(bytes, Ordering::Relaxed),
            Err(error) => on_fault(error),
        }
    }
}

/// Writes the checkpoint as of the end of `epoch`, and drops what it replaces. Gives its size in bytes
/// of frames.
///
/// # Errors
/// When the journal does not read back, or the disk fails; older checkpoints and epochs still stand.
pub fn checkpoint(reader: &dyn JournalReader, epoch: u64) -> Result<u64, RecoveryError> {
    let books = recover_until(reader, epoch)?;
    let mut frames = books.checkpoint_frames();
    let bytes = reader.write_checkpoint(epoch, &mut frames)?;
    tracing::info!(epoch, reservations = books.reservations(), "checkpoint written");
    Ok(bytes)
}
