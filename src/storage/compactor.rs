//! Folds closed epochs into checkpoints in the background, so that a restart reads little. It builds
//! its own copy of the state by replay: no live shard pauses for it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use super::journal::JournalReader;
use super::recovery::{RecoveryError, recover_until};

/// Asks the compactor for work; cheap to keep.
pub struct Compactor {
    closed: SyncSender<u64>,
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
        on_fault: OnFault,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (closed, epochs) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("compactor".to_owned())
            .spawn(move || run(&*reader, &epochs, &on_fault))?;
        Ok((Self { closed }, thread))
    }

    /// Says that `epoch` is closed. `false`: still busy with earlier ones; say so again later.
    #[must_use]
    pub fn fold(&self, epoch: u64) -> bool {
        match self.closed.try_send(epoch) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

fn run(reader: &dyn JournalReader, epochs: &Receiver<u64>, on_fault: &OnFault) {
    while let Ok(epoch) = epochs.recv() {
        if let Err(error) = checkpoint(reader, epoch) {
            on_fault(error);
        }
    }
}

/// Writes the checkpoint as of the end of `epoch`, and drops what it replaces.
///
/// # Errors
/// When the journal does not read back, or the disk fails; older checkpoints and epochs still stand.
pub fn checkpoint(reader: &dyn JournalReader, epoch: u64) -> Result<(), RecoveryError> {
    let books = recover_until(reader, epoch)?;
    let mut frames = books.checkpoint_frames();
    reader.write_checkpoint(epoch, &mut frames)?;
    tracing::info!(epoch, reservations = books.reservations(), "checkpoint written");
    Ok(())
}
