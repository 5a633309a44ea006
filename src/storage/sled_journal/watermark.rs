//! How far the journal was durable when last heard of, in a file beside it.
//!
//! sled drops the end of its log when it does not read back, which is right for a torn write and wrong
//! for damage. This file tells the two apart: it is written after each sync, so it never runs ahead of
//! the data, and a journal that ends before it has lost what was acknowledged. It is not synced
//! itself: after a power cut it may lag, and then only knows less.
//!
//! Two slots, 4,096 bytes apart and written in turn, so that one is whole whatever happens:
//! `serial u64 | epoch u64 | key u64 | crc32 u32`, little-endian.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::storage::journal::Position;

const NAME: &str = "watermark";
const SLOT_BYTES: usize = 28;
const SLOT_DISTANCE: u64 = 4_096;

pub(super) struct Watermark {
    file: File,
    serial: u64,
}

/// What the file said.
pub(super) enum Found {
    /// No file: a new directory, or somebody deleted it to say that the journal is whole.
    Nothing,
    At(Position),
    Damaged,
}

impl Watermark {
    pub fn path(dir: &Path) -> std::path::PathBuf {
        dir.join(NAME)
    }

    pub fn open(dir: &Path) -> io::Result<(Self, Found)> {
        let path = Self::path(dir);
        let is_new = !path.try_exists()?;
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        let mut mark = Self { file, serial: 0 };
        if is_new {
            // Both slots, synced, so that an empty file can only be damage.
            mark.write(Position::default())?;
            mark.write(Position::default())?;
            mark.file.sync_all()?;
            File::open(dir)?.sync_all()?;
            return Ok((mark, Found::Nothing));
        }
        let newest = [0, 1].into_iter().filter_map(|slot| mark.read(slot)).max();
        let Some((serial, position)) = newest else { return Ok((mark, Found::Damaged)) };
        mark.serial = serial;
        Ok((mark, Found::At(position)))
    }

    pub fn write(&mut self, position: Position) -> io::Result<()> {
        self.serial += 1;
        let mut slot = [0_u8; SLOT_BYTES];
        slot[..8].copy_from_slice(&self.serial.to_le_bytes());
        slot[8..16].copy_from_slice(&position.epoch.to_le_bytes());
        slot[16..24].copy_from_slice(&position.key.to_le_bytes());
        let crc = crc32fast::hash(&slot[..24]);
        slot[24..].copy_from_slice(&crc.to_le_bytes());
        self.file.write_all_at(&slot, self.serial % 2 * SLOT_DISTANCE)
    }

    fn read(&self, slot: u64) -> Option<(u64, Position)> {
        let mut bytes = [0_u8; SLOT_BYTES];
        self.file.read_exact_at(&mut bytes, slot * SLOT_DISTANCE).ok()?;
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight"));
        let crc = u32::from_le_bytes(bytes[24..].try_into().expect("four bytes"));
        let whole = crc32fast::hash(&bytes[..24]) == crc;
        whole.then(|| (number(0), Position { epoch: number(8), key: number(16) }))
    }
}
