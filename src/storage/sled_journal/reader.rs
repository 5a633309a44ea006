//! Reading the journal and replacing its past, from any thread.

use std::fs::File;
use std::sync::Arc;

use super::values::{Packer, Unpacker};
use super::{CHECKPOINT, COMPLETE, WAL, store_error};
use crate::storage::error::JournalError;
use crate::storage::journal::{Hold, JournalReader, Past, Position, Visit, VisitAt};

pub(super) struct SledReader {
    pub store: sled::Db,
    /// sled's file, for the barrier.
    pub file: File,
    pub past: Arc<Past>,
}

impl SledReader {
    /// Numbers of all trees of this kind, ascending.
    pub fn numbers(&self, prefix: &str) -> Vec<u64> {
        let names = self.store.tree_names();
        let numbers = names.iter().filter_map(|name| {
            let hex = std::str::from_utf8(name).ok()?.strip_prefix(prefix)?;
            u64::from_str_radix(hex, 16).ok()
        });
        let mut numbers: Vec<u64> = numbers.collect();
        numbers.sort_unstable();
        numbers
    }

    pub fn tree(&self, prefix: &str, number: u64) -> Result<sled::Tree, JournalError> {
        let name = format!("{prefix}{number:016x}");
        self.store.open_tree(name).map_err(store_error("opening a tree of the store"))
    }

    /// Reads an epoch and says how it ends.
    pub fn scan(&self, epoch: u64, visit: Visit<'_>) -> Result<Unpacker, JournalError> {
        let mut unpacker = Unpacker::new(epoch);
        for entry in &self.tree(WAL, epoch)? {
            let (key, value) = entry.map_err(store_error("reading an epoch"))?;
            unpacker.take(&key, &value, visit)?;
        }
        Ok(unpacker)
    }

    /// Written, flushed, and on stable storage: sled's flush alone only starts the writing.
    pub fn sync(&self) -> Result<(), JournalError> {
        self.store.flush().map_err(store_error("flushing the store"))?;
        let synced = self.file.sync_data();
        synced.map_err(|source| JournalError::Io { doing: "syncing the store", source })
    }

    fn is_complete(&self, checkpoint: u64) -> Result<bool, JournalError> {
        let tree = self.tree(CHECKPOINT, checkpoint)?;
        tree.contains_key(COMPLETE).map_err(store_error("reading a checkpoint"))
    }

    /// Drops every epoch and checkpoint that `newest` replaces, and checkpoints that no crash let
    /// finish.
    pub fn drop_before(&self, newest: Option<u64>) -> Result<(), JournalError> {
        let drop_tree = |prefix: &str, number: u64| {
            let name = format!("{prefix}{number:016x}");
            self.store.drop_tree(name).map_err(store_error("dropping a tree of the store"))
        };
        for checkpoint in self.numbers(CHECKPOINT) {
            if Some(checkpoint) != newest {
                drop_tree(CHECKPOINT, checkpoint)?;
            }
        }
        for epoch in self.numbers(WAL) {
            if newest.is_some_and(|newest| epoch <= newest) {
                drop_tree(WAL, epoch)?;
            }
        }
        self.sync()
    }
}

impl JournalReader for SledReader {
    fn hold(&self) -> Hold {
        self.past.hold()
    }

    fn checkpoint_epoch(&self) -> Result<Option<u64>, JournalError> {
        for checkpoint in self.numbers(CHECKPOINT).into_iter().rev() {
            if self.is_complete(checkpoint)? {
                return Ok(Some(checkpoint));
            }
        }
        Ok(None)
    }

    fn read_checkpoint(&self, epoch: u64, visit: Visit<'_>) -> Result<(), JournalError> {
        let mut unpacker = Unpacker::new(epoch);
        for entry in &self.tree(CHECKPOINT, epoch)? {
            let (key, value) = entry.map_err(store_error("reading a checkpoint"))?;
            if *key == COMPLETE {
                if *value != unpacker.key().to_be_bytes() {
                    break;
                }
                return Ok(());
            }
            unpacker.take(&key, &value, visit)?;
        }
        Err(JournalError::Damaged { epoch, key: unpacker.key(), reason: "the checkpoint is short" })
    }

    fn epochs(&self) -> Result<Vec<u64>, JournalError> {
        let newest = self.checkpoint_epoch()?;
        let mut epochs = self.numbers(WAL);
        epochs.retain(|epoch| newest.is_none_or(|newest| newest < *epoch));
        let first = newest.map_or(1, |newest| newest + 1);
        for (wanted, found) in (first..).zip(&epochs) {
            if wanted != *found {
                return Err(JournalError::EpochMissing { epoch: wanted });
            }
        }
        Ok(epochs)
    }

    fn read_epoch(&self, epoch: u64, visit: Visit<'_>) -> Result<(), JournalError> {
        // A frame still being written at the end is not durable yet, and so not ours to see.
        self.scan(epoch, visit).map(|_| ())
    }

    fn read_epoch_from(&self, from: Position, visit: VisitAt<'_>) -> Result<u64, JournalError> {
        let first = from.key.max(1);
        let mut unpacker = Unpacker::starting_at(from.epoch, first);
        for entry in self.tree(WAL, from.epoch)?.range(first.to_be_bytes()..) {
            let (key, value) = entry.map_err(store_error("reading an epoch"))?;
            let (begins, mut enough) = (unpacker.begins(), false);
            unpacker.take(&key, &value, &mut |frame| {
                enough = enough || visit(begins, frame)?.is_break();
                Ok(())
            })?;
            if enough {
                return Ok(begins);
            }
        }
        Ok(unpacker.begins())
    }

    fn write_checkpoint(
        &self,
        epoch: u64,
        frames: &mut dyn FnMut(&mut Vec<u8>) -> bool,
    ) -> Result<u64, JournalError> {
        let tree = self.tree(CHECKPOINT, epoch)?;
        tree.clear().map_err(store_error("clearing an unfinished checkpoint"))?;
        let mut key = 0_u64;
        let mut put = |value: &[u8]| {
            key += 1;
            let put = tree.insert(key.to_be_bytes(), value);
            put.map(|_| ()).map_err(store_error("writing a checkpoint"))
        };
        let (mut packer, mut buffer) = (Packer::default(), Vec::new());
        let (mut more, mut bytes) = (true, 0);
        while more {
            buffer.clear();
            more = frames(&mut buffer);
            bytes += buffer.len() as u64;
            packer.pack(&buffer, &mut put)?;
        }
        packer.finish(&mut put)?;
        self.sync()?;
        let marked = tree.insert(COMPLETE, &key.to_be_bytes());
        marked.map_err(store_error("completing a checkpoint"))?;
        self.sync()?;
        self.past.drop_with(|| self.drop_before(Some(epoch)))?;
        Ok(bytes)
    }

    fn disk_bytes(&self) -> u64 {
        self.store.size_on_disk().unwrap_or(0)
    }
}
