//! Shelves beside the journal, in the same store. Their writes go through the same log as the journal's, so
//! that after a crash they are back as they were at one moment; nobody waits for a disk because of them.

use std::sync::Arc;

use super::reader::SledReader;
use super::{OUTBOX, store_error};
use crate::storage::error::JournalError;
use crate::storage::outbox::{Board, Shelf};

/// See the module.
pub(super) struct SledShelf {
    reader: Arc<SledReader>,
    cursors: sled::Tree,
    letters: sled::Tree,
    bodies: sled::Tree,
}

impl SledShelf {
    pub fn open(reader: Arc<SledReader>, receiver: u32) -> Result<Self, JournalError> {
        let tree = |board| {
            let tree = reader.store.open_tree(name(receiver, board));
            tree.map_err(store_error("opening a tree of the outbox"))
        };
        let (cursors, letters, bodies) = (tree(CURSORS)?, tree("letters")?, tree("bodies")?);
        Ok(Self { reader, cursors, letters, bodies })
    }

    pub fn is_there(reader: &SledReader, receiver: u32) -> bool {
        let cursors = name(receiver, CURSORS);
        reader.store.tree_names().iter().any(|name| *name == cursors.as_bytes())
    }

    fn tree(&self, board: Board) -> &sled::Tree {
        match board {
            Board::Cursors => &self.cursors,
            Board::Letters => &self.letters,
            Board::Bodies => &self.bodies,
        }
    }
}

const CURSORS: &str = "cursors";

fn name(receiver: u32, board: &str) -> String {
    format!("{OUTBOX}{receiver:08x}-{board}")
}

impl Shelf for SledShelf {
    fn get(&self, board: Board, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        let value = self.tree(board).get(key).map_err(store_error("reading the outbox"))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn put(&self, board: Board, key: &[u8], value: &[u8]) -> Result<(), JournalError> {
        let put = self.tree(board).insert(key, value);
        put.map(|_| ()).map_err(store_error("writing the outbox"))
    }

    fn remove(&self, board: Board, key: &[u8]) -> Result<(), JournalError> {
        let removed = self.tree(board).remove(key);
        removed.map(|_| ()).map_err(store_error("writing the outbox"))
    }

    fn scan(
        &self,
        board: Board,
        from: &[u8],
        visit: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), JournalError> {
        for entry in self.tree(board).range(from..) {
            let (key, value) = entry.map_err(store_error("reading the outbox"))?;
            if !visit(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), JournalError> {
        self.reader.sync()
    }
}
