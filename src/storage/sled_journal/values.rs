//! How frames lie in sled's values.
//!
//! A value is at most 4 KiB, since sled rewrites sixteen of them at a time and puts larger pages into
//! files that it never syncs: `version u8 | part u8 | crc32 u32 | bytes`, little-endian, the checksum
//! over everything but itself. Small frames share a value and never straddle two; a frame that does
//! not fit one is cut into parts.

use crate::storage::error::JournalError;
use crate::storage::frame::{read_frames, split_frame};
use crate::storage::journal::Visit;

const VALUE_BYTES_MAX: usize = 4_096;
const HEADER: usize = 6;
const ROOM: usize = VALUE_BYTES_MAX - HEADER;
const VERSION: u8 = 1;

/// What a value holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole = 0,
    First = 1,
    Middle = 2,
    Last = 3,
}

/// Packs frames into values and hands each to `put`.
#[derive(Debug, Default)]
pub(super) struct Packer {
    value: Vec<u8>,
}

type Put<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), JournalError>;

impl Packer {
    /// `frames` must be whole frames; the last value is put by [`Packer::finish`].
    pub fn pack(&mut self, frames: &[u8], put: Put<'_>) -> Result<(), JournalError> {
        let mut rest = frames;
        while let Ok((frame, after)) = split_frame(rest) {
            rest = after;
            if ROOM < frame.len() {
                self.finish(put)?;
                self.cut(frame, put)?;
                continue;
            }
            if VALUE_BYTES_MAX < self.value.len() + frame.len() {
                self.finish(put)?;
            }
            if self.value.is_empty() {
                self.value.resize(HEADER, 0);
            }
            self.value.extend_from_slice(frame);
        }
        Ok(())
    }

    pub fn finish(&mut self, put: Put<'_>) -> Result<(), JournalError> {
        if self.value.is_empty() {
            return Ok(());
        }
        self.seal(Part::Whole, put)
    }

    fn cut(&mut self, frame: &[u8], put: Put<'_>) -> Result<(), JournalError> {
        let parts = frame.len().div_ceil(ROOM);
        for (number, bytes) in frame.chunks(ROOM).enumerate() {
            self.value.resize(HEADER, 0);
            self.value.extend_from_slice(bytes);
            let part = match number {
                0 => Part::First,
                number if number + 1 == parts => Part::Last,
                _ => Part::Middle,
            };
            self.seal(part, put)?;
        }
        Ok(())
    }

    fn seal(&mut self, part: Part, put: Put<'_>) -> Result<(), JournalError> {
        self.value[0] = VERSION;
        self.value[1] = part as u8;
        let crc = checksum(&self.value);
        self.value[2..HEADER].copy_from_slice(&crc.to_le_bytes());
        put(&self.value)?;
        self.value.clear();
        Ok(())
    }
}

/// Reads values in the order of their keys, and insists that none is missing or changed.
pub(super) struct Unpacker {
    epoch: u64,
    key: u64,
    /// Parts of a frame that is not yet whole, and the key of the first.
    pending: Vec<u8>,
    pending_from: Option<u64>,
}

impl Unpacker {
    pub fn new(epoch: u64) -> Self {
        Self::starting_at(epoch, 1)
    }

    /// `first` is the key of the first value that it is given.
    pub fn starting_at(epoch: u64, first: u64) -> Self {
        Self { epoch, key: first - 1, pending: Vec::new(), pending_from: None }
    }

    /// Key of the newest value.
    pub fn key(&self) -> u64 {
        self.key
    }

    /// Where an unfinished frame begins, if the values end in one.
    pub fn torn_from(&self) -> Option<u64> {
        self.pending_from
    }

    /// The key of the value at which the next frame begins, or has begun.
    pub fn begins(&self) -> u64 {
        self.pending_from.unwrap_or(self.key + 1)
    }

    pub fn take(&mut self, key: &[u8], value: &[u8], visit: Visit<'_>) -> Result<(), JournalError> {
        self.key += 1;
        if key != self.key.to_be_bytes() {
            return Err(self.damaged("a value is missing or out of order"));
        }
        let [version, part, crc @ ..] = value.get(..HEADER).unwrap_or_default() else {
            return Err(self.damaged("a value is cut short"));
        };
        if crc != checksum(value).to_le_bytes() {
            return Err(self.damaged("a value has a wrong checksum"));
        }
        if *version != VERSION {
            return Err(self.damaged("a value has an unknown version"));
        }
        let bytes = &value[HEADER..];
        match (*part, self.pending_from) {
            (0, None) => self.visit(bytes, visit),
            (1, None) => {
                self.pending_from = Some(self.key);
                self.pending.extend_from_slice(bytes);
                Ok(())
            }
            (2, Some(_)) => {
                self.pending.extend_from_slice(bytes);
                Ok(())
            }
            (3, Some(_)) => {
                self.pending.extend_from_slice(bytes);
                let frame = std::mem::take(&mut self.pending);
                self.pending_from = None;
                self.visit(&frame, visit)
            }
            _ => Err(self.damaged("the parts of a frame are out of order")),
        }
    }

    fn visit(&self, bytes: &[u8], visit: Visit<'_>) -> Result<(), JournalError> {
        let (epoch, key) = (self.epoch, self.key);
        for frame in read_frames(bytes) {
            visit(frame.map_err(|source| JournalError::Frame { epoch, key, source })?)?;
        }
        Ok(())
    }

    fn damaged(&self, reason: &'static str) -> JournalError {
        JournalError::Damaged { epoch: self.epoch, key: self.key, reason }
    }
}

fn checksum(value: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&value[..2]);
    crc.update(&value[HEADER..]);
    crc.finalize()
}
