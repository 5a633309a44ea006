//! The journal on sled 0.34.
//!
//! sled's `flush` returns when the kernel has the bytes, not when the disk has them. So this journal
//! opens sled's file itself and calls `fdatasync` on it after each flush and before anything is
//! acknowledged (docs/decisions/0002). One tree per epoch, one per checkpoint; keys are 1, 2, 3…
//! Outboxes have trees of their own (`shelf`).

mod open;
mod reader;
mod shelf;
mod values;
mod watermark;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::open::open_store;
use self::reader::SledReader;
use self::shelf::SledShelf;
use self::values::Packer;
use self::watermark::{Found, Watermark};
use super::error::{JournalError, OpenError};
use super::frame::HEADER;
use super::journal::{Journal, JournalReader, Position};
use super::outbox::Outbox;
use crate::faults;

const WAL: &str = "wal-";
const CHECKPOINT: &str = "checkpoint-";
/// Trees of these names are none of the journal's business: neither its past nor in its digest.
const OUTBOX: &str = "outbox-";
/// The last key of a complete checkpoint; its value is the number of values before it.
const COMPLETE: [u8; 8] = u64::MAX.to_be_bytes();

/// See the module.
pub struct SledJournal {
    reader: Arc<SledReader>,
    tree: sled::Tree,
    position: Position,
    epoch_bytes: u64,
    packer: Packer,
    watermark: Watermark,
}

/// What was done to the directory while opening it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// Values of a torn record that nobody was told of, now dropped.
    pub torn_values_dropped: u64,
}

impl SledJournal {
    /// Opens the directory, and creates it when it is missing.
    ///
    /// # Errors
    /// [`OpenError`]: nothing was dropped that may have been acknowledged.
    pub fn open(dir: &Path) -> Result<(Self, OpenReport), OpenError> {
        let store = open_store(dir)?;
        let io = |doing| move |source| OpenError::Io { dir: dir.into(), doing, source };
        let file = File::open(dir.join("db")).map_err(io("opening the store's file"))?;
        sync_names(dir).map_err(io("syncing its names"))?;
        let (watermark, found) = Watermark::open(dir).map_err(io("opening the watermark"))?;
        let reader = Arc::new(SledReader { store, file, past: Arc::default() });
        let newest = reader.checkpoint_epoch()?;
        reader.drop_before(newest)?;
        let epochs = reader.epochs()?;
        let first = newest.map_or(1, |newest| newest + 1);
        let epoch = epochs.last().copied().unwrap_or(first);
        let tree = reader.tree(WAL, epoch)?;
        let Tail { position, epoch_bytes, report } = settle_tail(&reader, &tree, epoch)?;
        check_watermark(dir, &found, position, newest)?;
        reader.sync()?;
        let packer = Packer::default();
        let journal = Self { reader, tree, position, epoch_bytes, packer, watermark };
        Ok((journal, report))
    }

    /// The outbox of the receiver with this number, made when it is missing.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn outbox(&self, receiver: u32) -> Result<Outbox, JournalError> {
        let shelf = SledShelf::open(Arc::clone(&self.reader), receiver)?;
        Ok(Outbox::new(Arc::new(shelf)))
    }

    /// The same, or `None` when there never was one.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn outbox_if_any(&self, receiver: u32) -> Result<Option<Outbox>, JournalError> {
        let is_there = SledShelf::is_there(&self.reader, receiver);
        is_there.then(|| self.outbox(receiver)).transpose()
    }

    fn put(&mut self, groups: &[&[u8]]) -> Result<(), JournalError> {
        let Self { tree, position, packer, .. } = self;
        let mut put = |value: &[u8]| {
            position.key += 1;
            let put = tree.insert(position.key.to_be_bytes(), value);
            put.map(|_| ()).map_err(store_error("writing to the journal"))
        };
        for frames in groups {
            packer.pack(frames, &mut put)?;
        }
        packer.finish(&mut put)
    }

    fn barrier(&mut self) -> Result<(), JournalError> {
        if faults::planted("skip_flush") {
            return Ok(());
        }
        if faults::planted("skip_fdatasync") {
            self.reader.store.flush().map_err(store_error("flushing the store"))?;
        } else {
            self.reader.sync()?;
        }
        let marked = self.watermark.write(self.position);
        marked.map_err(|source| JournalError::Io { doing: "writing the watermark", source })
    }
}

impl Journal for SledJournal {
    fn append(&mut self, groups: &[&[u8]]) -> Result<Position, JournalError> {
        self.put(groups)?;
        self.barrier()?;
        self.epoch_bytes += groups.iter().map(|frames| frames.len() as u64).sum::<u64>();
        Ok(self.position)
    }

    fn epoch_bytes(&self) -> u64 {
        self.epoch_bytes
    }

    fn rotate(&mut self) -> Result<u64, JournalError> {
        let epoch = self.position.epoch + 1;
        self.tree = self.reader.tree(WAL, epoch)?;
        self.position = Position { epoch, key: 0 };
        self.epoch_bytes = 0;
        self.barrier()?;
        Ok(epoch)
    }

    fn close(&mut self) -> Result<(), JournalError> {
        self.reader.sync()
    }

    fn reader(&self) -> Arc<dyn JournalReader> {
        Arc::clone(&self.reader) as Arc<dyn JournalReader>
    }
}

/// How the newest epoch ends.
struct Tail {
    position: Position,
    /// Of the whole frames in it. A server that restarts often would else never fill an epoch.
    epoch_bytes: u64,
    report: OpenReport,
}

/// Walks the newest epoch, and drops the parts of a record that its writer did not finish.
fn settle_tail(reader: &SledReader, tree: &sled::Tree, epoch: u64) -> Result<Tail, JournalError> {
    let mut epoch_bytes = 0;
    let scanned = reader.scan(epoch, &mut |frame| {
        epoch_bytes += (HEADER + frame.payload.len()) as u64;
        Ok(())
    })?;
    let last = scanned.key();
    let Some(torn_from) = scanned.torn_from() else {
        let (position, report) = (Position { epoch, key: last }, OpenReport::default());
        return Ok(Tail { position, epoch_bytes, report });
    };
    for key in torn_from..=last {
        tree.remove(key.to_be_bytes()).map_err(store_error("dropping a torn record"))?;
    }
    let report = OpenReport { torn_values_dropped: last + 1 - torn_from };
    Ok(Tail { position: Position { epoch, key: torn_from - 1 }, epoch_bytes, report })
}

fn check_watermark(
    dir: &Path,
    found: &Found,
    end: Position,
    checkpoint: Option<u64>,
) -> Result<(), OpenError> {
    let acknowledged = match found {
        Found::At(position) => *position,
        Found::Damaged => {
            return Err(OpenError::WatermarkDamaged { path: Watermark::path(dir) });
        }
        Found::Nothing => return Ok(()),
    };
    // What a checkpoint holds needs no epoch any more.
    let folded = checkpoint.is_some_and(|checkpoint| acknowledged.epoch <= checkpoint);
    if folded || acknowledged <= end || faults::planted("ignore_watermark") {
        return Ok(());
    }
    Err(OpenError::AcknowledgedRecordsMissing {
        dir: PathBuf::from(dir),
        found_epoch: end.epoch,
        found_key: end.key,
        acknowledged_epoch: acknowledged.epoch,
        acknowledged_key: acknowledged.key,
    })
}

/// sled never syncs its settings, its directory, or the directory above.
fn sync_names(dir: &Path) -> std::io::Result<()> {
    File::open(dir.join("conf"))?.sync_all()?;
    File::open(dir)?.sync_all()?;
    let above = dir.canonicalize()?;
    above.parent().map_or(Ok(()), |above| File::open(above)?.sync_all())
}

fn store_error(doing: &'static str) -> impl Fn(sled::Error) -> JournalError {
    move |source| JournalError::Store { doing, source: Box::new(source) }
}

#[cfg(test)]
mod tests;
