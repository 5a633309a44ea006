//! What the engine asks of a store: append durably, read back in order, replace the past by a
//! checkpoint. Bytes only.

use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::error::JournalError;
use super::frame::Frame;

/// Where a durable record stands: the epoch, then the key in it (1, 2, 3… dense).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    pub epoch: u64,
    pub key: u64,
}

/// Takes one frame after the other.
pub type Visit<'a> = &'a mut dyn FnMut(Frame<'_>) -> Result<(), JournalError>;

/// Takes one frame after the other, each with the key at which it begins, until it breaks.
pub type VisitAt<'a> = &'a mut dyn FnMut(u64, Frame<'_>) -> Result<ControlFlow<()>, JournalError>;

/// The single writer. Owned by the committer.
pub trait Journal: Send + 'static {
    /// Appends groups of whole frames, and returns only when they are on stable storage.
    ///
    /// # Errors
    /// Nothing of this may be acknowledged, and nothing more after it: end the process.
    fn append(&mut self, groups: &[&[u8]]) -> Result<Position, JournalError>;

    /// Unit: bytes of frames in the current epoch, before the store's amplification.
    fn epoch_bytes(&self) -> u64;

    /// Starts the next epoch, durably, and gives its number. The one before is never written again.
    ///
    /// # Errors
    /// As [`Journal::append`].
    fn rotate(&mut self) -> Result<u64, JournalError>;

    /// Last flush and sync.
    ///
    /// # Errors
    /// As [`Journal::append`].
    fn close(&mut self) -> Result<(), JournalError>;

    /// A second handle, for any thread, while the writer goes on.
    fn reader(&self) -> Arc<dyn JournalReader>;
}

/// Reads what is durable, and replaces closed epochs by checkpoints.
pub trait JournalReader: Send + Sync + 'static {
    /// While the guard lives, no checkpoint or epoch is dropped. Waits while somebody waits to drop
    /// some, so a thread must not take a second one.
    fn hold(&self) -> Hold;

    /// The newest complete checkpoint.
    ///
    /// # Errors
    /// When the store does not answer.
    fn checkpoint_epoch(&self) -> Result<Option<u64>, JournalError>;

    /// Every frame of the checkpoint, in order.
    ///
    /// # Errors
    /// When it is damaged, or `visit` fails.
    fn read_checkpoint(&self, epoch: u64, visit: Visit<'_>) -> Result<(), JournalError>;

    /// Epochs after the newest checkpoint, ascending and without a gap.
    ///
    /// # Errors
    /// When one is missing.
    fn epochs(&self) -> Result<Vec<u64>, JournalError>;

    /// Every frame of the epoch that was durable when called, in order.
    ///
    /// # Errors
    /// When it is damaged, or `visit` fails.
    fn read_epoch(&self, epoch: u64, visit: Visit<'_>) -> Result<(), JournalError>;

    /// Frames of the epoch in order, from the value `from.key` on, at which one must begin (0: from the
    /// first), until `visit` breaks. Gives the key from which the next call sees what this one did not,
    /// unless it broke. In the newest epoch frames may come that are not durable yet.
    ///
    /// # Errors
    /// When it is damaged, or `visit` fails.
    fn read_epoch_from(&self, from: Position, visit: VisitAt<'_>) -> Result<u64, JournalError>;

    /// Writes the checkpoint as of the end of the closed epoch `epoch`, durably, then drops what it
    /// replaces. Each call of `frames` appends some and says whether more follow. Gives its size.
    /// Unit: bytes of frames.
    ///
    /// # Errors
    /// The checkpoints and epochs before still stand.
    fn write_checkpoint(
        &self,
        epoch: u64,
        frames: &mut dyn FnMut(&mut Vec<u8>) -> bool,
    ) -> Result<u64, JournalError>;

    /// Unit: bytes on disk.
    fn disk_bytes(&self) -> u64;
}

/// Keeps the past from being dropped while somebody reads it. Whoever wants to drop it gets a turn, however
/// many come to read.
#[derive(Debug, Default)]
pub struct Past {
    readers: Mutex<Readers>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Readers {
    reading: usize,
    drop_waits: bool,
}

/// See [`JournalReader::hold`].
#[derive(Debug)]
pub struct Hold(Arc<Past>);

impl Past {
    pub fn hold(self: &Arc<Self>) -> Hold {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let readers = self.changed.wait_while(readers, |readers| readers.drop_waits);
        readers.unwrap_or_else(PoisonError::into_inner).reading += 1;
        Hold(Arc::clone(self))
    }

    /// Runs `drop_it` while nobody reads; waits for those who do.
    pub fn drop_with<T>(&self, drop_it: impl FnOnce() -> T) -> T {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.drop_waits = true;
        let readers = self.changed.wait_while(readers, |readers| readers.reading > 0);
        let mut alone = readers.unwrap_or_else(PoisonError::into_inner);
        alone.drop_waits = false;
        self.changed.notify_all();
        // Nobody comes in before this lets go of the lock.
        let dropped = drop_it();
        drop(alone);
        dropped
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut readers = self.0.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.reading -= 1;
        if readers.reading == 0 {
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With a count alone, readers that came one after the other kept the past for ever.
    #[test]
    fn who_wants_to_drop_goes_before_those_who_come_to_read() {
        let past = Arc::new(Past::default());
        let order: Mutex<Vec<&str>> = Mutex::default();
        let note = |word| order.lock().expect("nobody panics").push(word);
        let first = past.hold();
        std::thread::scope(|scope| {
            scope.spawn(|| past.drop_with(|| note("dropped")));
            while !past.readers.lock().expect("nobody panics").drop_waits {
                std::thread::yield_now();
            }
            let second = scope.spawn(|| {
                let _hold = past.hold();
                note("read");
            });
            // If it could read now, it would.
            std::thread::sleep(std::time::Duration::from_millis(20));
            drop(first);
            second.join().expect("it reads at last");
        });
        assert_eq!(*order.lock().expect("nobody panics"), ["dropped", "read"]);
    }
}
