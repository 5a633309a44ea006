//! One closed epoch's facts in a file of their own, grouped by event, never changed once it has its name.
//!
//! ```text
//! header   "onsalelg" | version u32 | epoch u64 | crc32 u32
//! blocks   frames as in the journal, of one event each
//! index    event u64 | first number u64 | offset u64 | length u32 | crc32 of the block u32 | crc32 u32,
//!          by event and first number
//! footer   offset of the index u64 | entries of the index u64 | epoch u64 | crc32 u32 | "onsaleix"
//! ```
//!
//! Integers are little-endian. Every byte is under a checksum, which is looked at when the byte is read.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::LogError;
use crate::domain::ids::EventNumber;

pub(super) const HEADER_BYTES: usize = 24;
const INDEXED_BYTES: usize = 36;
const FOOTER_BYTES: usize = 36;
const HEAD: &[u8; 8] = b"onsalelg";
const TAIL: &[u8; 8] = b"onsaleix";
const VERSION: u32 = 1;

/// Where a block stands, and what it begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Indexed {
    pub event: EventNumber,
    /// Number of its first entry.
    pub first: u64,
    pub offset: u64,
    /// Unit: bytes.
    pub length: u32,
    pub crc: u32,
}

/// A segment that is open for reading. Its file may lose its name meanwhile and reads on.
#[derive(Debug)]
pub(super) struct Segment {
    epoch: u64,
    file: File,
    index_at: u64,
    blocks: u64,
}

impl Segment {
    /// # Errors
    /// [`LogError::Segment`] when it is not whole, [`LogError::Io`].
    pub fn open(path: &Path, epoch: u64) -> Result<Self, LogError> {
        let file = File::open(path).map_err(io_error("opening a segment"))?;
        let length = file.metadata().map_err(io_error("opening a segment"))?.len();
        let mut segment = Self { epoch, file, index_at: 0, blocks: 0 };
        let header: [u8; HEADER_BYTES] = segment.read_at(0)?;
        if header != self::header(epoch) {
            return Err(segment.damaged("the header is not that of this epoch"));
        }
        let footer_at = length.saturating_sub(FOOTER_BYTES as u64);
        let footer: [u8; FOOTER_BYTES] = segment.read_at(footer_at)?;
        let (index_at, blocks) = (number(&footer, 0), number(&footer, 8));
        if footer != self::footer(epoch, index_at, blocks) {
            return Err(segment.damaged("the footer is not whole"));
        }
        let index_bytes = blocks.checked_mul(INDEXED_BYTES as u64);
        if index_bytes.and_then(|bytes| index_at.checked_add(bytes)) != Some(footer_at) {
            return Err(segment.damaged("the index is not where the footer says"));
        }
        (segment.index_at, segment.blocks) = (index_at, blocks);
        Ok(segment)
    }

    /// Where to begin to read the event's entries from `number` on: the last block that begins no later,
    /// or else the event's first.
    pub fn seek(
        &self,
        event: EventNumber,
        number: u64,
    ) -> Result<Option<(u64, Indexed)>, LogError> {
        let (mut low, mut high) = (0, self.blocks);
        while low < high {
            let middle = low + (high - low) / 2;
            let found = self.indexed(middle)?;
            if (found.event, found.first) <= (event, number) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        for at in [low.checked_sub(1), Some(low)].into_iter().flatten() {
            if let Some(found) = self.block_of(event, at)? {
                return Ok(Some((at, found)));
            }
        }
        Ok(None)
    }

    /// The block at this place of the index, if there is one and it is the event's.
    pub fn block_of(&self, event: EventNumber, at: u64) -> Result<Option<Indexed>, LogError> {
        if self.blocks <= at {
            return Ok(None);
        }
        Ok(Some(self.indexed(at)?).filter(|found| found.event == event))
    }

    /// The frames of a block.
    pub fn frames(&self, block: &Indexed) -> Result<Vec<u8>, LogError> {
        let end = block.offset.checked_add(u64::from(block.length));
        if end.is_none_or(|end| self.index_at < end) {
            return Err(self.damaged("a block reaches into the index"));
        }
        let mut bytes = vec![0; block.length as usize];
        let read = self.file.read_exact_at(&mut bytes, block.offset);
        read.map_err(io_error("reading a segment"))?;
        if crc32fast::hash(&bytes) != block.crc {
            return Err(self.damaged("a block has a wrong checksum"));
        }
        Ok(bytes)
    }

    pub fn damaged(&self, reason: &'static str) -> LogError {
        LogError::Segment { epoch: self.epoch, reason }
    }

    fn indexed(&self, at: u64) -> Result<Indexed, LogError> {
        let bytes: [u8; INDEXED_BYTES] = self.read_at(self.index_at + at * INDEXED_BYTES as u64)?;
        let found = Indexed {
            event: EventNumber(number(&bytes, 0)),
            first: number(&bytes, 8),
            offset: number(&bytes, 16),
            length: word(&bytes, 24),
            crc: word(&bytes, 28),
        };
        if bytes != found.written() {
            return Err(self.damaged("the index has a wrong checksum"));
        }
        Ok(found)
    }

    fn read_at<const BYTES: usize>(&self, offset: u64) -> Result<[u8; BYTES], LogError> {
        let mut bytes = [0; BYTES];
        match self.file.read_exact_at(&mut bytes, offset) {
            Ok(()) => Ok(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(self.damaged("the file is cut short"))
            }
            Err(error) => Err(io_error("reading a segment")(error)),
        }
    }
}

impl Indexed {
    pub fn written(&self) -> [u8; INDEXED_BYTES] {
        let mut bytes = [0; INDEXED_BYTES];
        bytes[..8].copy_from_slice(&self.event.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.first.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.offset.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.length.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.crc.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..32]);
        bytes[32..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }
}

pub(super) fn header(epoch: u64) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    bytes[..8].copy_from_slice(HEAD);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..20].copy_from_slice(&epoch.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..20]);
    bytes[20..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

pub(super) fn footer(epoch: u64, index_at: u64, blocks: u64) -> [u8; FOOTER_BYTES] {
    let mut bytes = [0; FOOTER_BYTES];
    bytes[..8].copy_from_slice(&index_at.to_le_bytes());
    bytes[8..16].copy_from_slice(&blocks.to_le_bytes());
    bytes[16..24].copy_from_slice(&epoch.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..24]);
    bytes[24..28].copy_from_slice(&crc.to_le_bytes());
    bytes[28..].copy_from_slice(TAIL);
    bytes
}

pub(super) fn io_error(doing: &'static str) -> impl Fn(io::Error) -> LogError {
    move |source| LogError::Io { doing, source }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}
