//! A journal in memory for tests: what was appended survives a restart of the engine, and faults come
//! as scripted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::error::JournalError;
use super::frame::read_frames;
use super::journal::{Hold, Journal, JournalReader, Past, Position, Visit, VisitAt};

/// The "disk": outlives the journals that are opened on it.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    disk: Arc<Mutex<Disk>>,
    past: Arc<Past>,
}

#[derive(Debug, Default)]
struct Disk {
    /// Appended groups by epoch.
    epochs: BTreeMap<u64, Vec<Vec<u8>>>,
    checkpoints: BTreeMap<u64, Vec<u8>>,
    appends: u64,
    fail_append: Option<u64>,
}

impl MemoryStore {
    #[must_use]
    pub fn open(&self) -> MemoryJournal {
        let mut disk = self.lock();
        let checkpoint = disk.checkpoints.last_key_value().map_or(0, |(epoch, _)| *epoch);
        let newest = disk.epochs.last_key_value().map_or(checkpoint + 1, |(epoch, _)| *epoch);
        let groups = disk.epochs.entry(newest).or_default();
        let epoch_bytes = groups.iter().map(|group| group.len() as u64).sum();
        drop(disk);
        MemoryJournal { store: self.clone(), epoch: newest, epoch_bytes }
    }

    /// The append with this number (1, 2, 3… since the store was made) fails, and so do all after it;
    /// none of them is kept.
    pub fn fail_from_append(&self, number: u64) {
        self.lock().fail_append = Some(number);
    }

    /// Lets appends succeed again, as after a restart on a mended disk.
    pub fn mend(&self) {
        self.lock().fail_append = None;
    }

    /// Appends that succeeded.
    #[must_use]
    pub fn appends(&self) -> u64 {
        self.lock().appends
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module.
#[derive(Debug)]
pub struct MemoryJournal {
    store: MemoryStore,
    epoch: u64,
    epoch_bytes: u64,
}

impl Journal for MemoryJournal {
    fn append(&mut self, groups: &[&[u8]]) -> Result<Position, JournalError> {
        let mut disk = self.store.lock();
        if disk.fail_append.is_some_and(|from| from <= disk.appends + 1) {
            return Err(JournalError::Scripted);
        }
        disk.appends += 1;
        let epoch = disk.epochs.entry(self.epoch).or_default();
        epoch.push(groups.concat());
        self.epoch_bytes += epoch.last().map_or(0, |group| group.len() as u64);
        Ok(Position { epoch: self.epoch, key: epoch.len() as u64 })
    }

    fn epoch_bytes(&self) -> u64 {
        self.epoch_bytes
    }

    fn rotate(&mut self) -> Result<u64, JournalError> {
        self.epoch += 1;
        self.epoch_bytes = 0;
        self.store.lock().epochs.entry(self.epoch).or_default();
        Ok(self.epoch)
    }

    fn close(&mut self) -> Result<(), JournalError> {
        Ok(())
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::new(self.store.clone())
    }
}

impl JournalReader for MemoryStore {
    fn hold(&self) -> Hold {
        self.past.hold()
    }

    fn checkpoint_epoch(&self) -> Result<Option<u64>, JournalError> {
        Ok(self.lock().checkpoints.last_key_value().map(|(epoch, _)| *epoch))
    }

    fn read_checkpoint(&self, epoch: u64, visit: Visit<'_>) -> Result<(), JournalError> {
        let bytes = self.lock().checkpoints.get(&epoch).cloned().unwrap_or_default();
        visit_all(epoch, &bytes, visit)
    }

    fn epochs(&self) -> Result<Vec<u64>, JournalError> {
        let disk = self.lock();
        let newest = disk.checkpoints.last_key_value().map_or(0, |(epoch, _)| *epoch);
        Ok(disk.epochs.range(newest + 1..).map(|(epoch, _)| *epoch).collect())
    }

    fn read_epoch(&self, epoch: u64, visit: Visit<'_>) -> Result<(), JournalError> {
        let groups = self.lock().epochs.get(&epoch).cloned().unwrap_or_default();
        groups.iter().try_for_each(|group| visit_all(epoch, group, visit))
    }

    fn read_epoch_from(&self, from: Position, visit: VisitAt<'_>) -> Result<u64, JournalError> {
        let groups = self.lock().epochs.get(&from.epoch).cloned().unwrap_or_default();
        let first = from.key.max(1);
        let mut next = first;
        for (key, group) in (1..).zip(&groups).skip_while(|(key, _)| *key < first) {
            let mut enough = false;
            visit_all(from.epoch, group, &mut |frame| {
                enough = enough || visit(key, frame)?.is_break();
                Ok(())
            })?;
            if enough {
                return Ok(key);
            }
            next = key + 1;
        }
        Ok(next)
    }

    fn write_checkpoint(
        &self,
        epoch: u64,
        frames: &mut dyn FnMut(&mut Vec<u8>) -> bool,
    ) -> Result<u64, JournalError> {
        let mut bytes = Vec::new();
        while frames(&mut bytes) {}
        let written = bytes.len() as u64;
        self.past.drop_with(|| {
            let mut disk = self.lock();
            disk.checkpoints.clear();
            disk.checkpoints.insert(epoch, bytes);
            disk.epochs.retain(|old, _| epoch < *old);
        });
        Ok(written)
    }

    fn disk_bytes(&self) -> u64 {
        let disk = self.lock();
        let epochs = disk.epochs.values().flatten().map(Vec::len).sum::<usize>();
        (epochs + disk.checkpoints.values().map(Vec::len).sum::<usize>()) as u64
    }
}

fn visit_all(epoch: u64, bytes: &[u8], visit: Visit<'_>) -> Result<(), JournalError> {
    for frame in read_frames(bytes) {
        visit(frame.map_err(|source| JournalError::Frame { epoch, key: 0, source })?)?;
    }
    Ok(())
}
