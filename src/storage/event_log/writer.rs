//! Writes a segment: see `segment` for what stands in it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::LogError;
use super::segment::{HEADER_BYTES, Indexed, footer, header, io_error};
use crate::domain::ids::EventNumber;
use crate::faults;
use crate::storage::frame::Frame;
use crate::storage::record::{decode_entry, event_told, keep_told};

/// A block of one event is written when it has so much: few reads for a page, and none that is much
/// longer than the page. Unit: bytes.
const BLOCK_BYTES: usize = 64 << 10;
/// All that waits is written when it is so much together, however many events it is about. Unit: bytes.
const RUN_BYTES: usize = 4 << 20;

pub(super) struct SegmentWriter {
    epoch: u64,
    file: BufWriter<File>,
    /// Where the next block goes.
    at: u64,
    index: Vec<Indexed>,
    waiting: BTreeMap<EventNumber, Block>,
    waiting_bytes: usize,
    /// For a planted bug.
    taken: u64,
}

struct Block {
    first: u64,
    frames: Vec<u8>,
}

impl SegmentWriter {
    /// # Errors
    /// [`LogError::Io`]
    pub fn create(path: &Path, epoch: u64) -> Result<Self, LogError> {
        let file = File::create(path).map_err(io_error("making a segment"))?;
        let mut file = BufWriter::with_capacity(BLOCK_BYTES, file);
        file.write_all(&header(epoch)).map_err(io_error("writing a segment"))?;
        let (index, waiting, at) = (Vec::new(), BTreeMap::new(), HEADER_BYTES as u64);
        Ok(Self { epoch, file, at, index, waiting, waiting_bytes: 0, taken: 0 })
    }

    /// Takes the next frame of the epoch; those that are in no event's log are passed over.
    ///
    /// # Errors
    /// [`LogError::Io`], [`LogError::Record`].
    pub fn take(&mut self, frame: &Frame<'_>) -> Result<(), LogError> {
        let Some(event) = event_told(frame)? else { return Ok(()) };
        self.taken += 1;
        if self.taken.is_multiple_of(100) && faults::planted("log_skips_frame") {
            return Ok(());
        }
        let block = match self.waiting.entry(event) {
            Entry::Occupied(block) => block.into_mut(),
            Entry::Vacant(place) => {
                let Some(first) = decode_entry(frame)? else { return Ok(()) };
                place.insert(Block { first: first.number, frames: Vec::new() })
            }
        };
        let before = block.frames.len();
        keep_told(&mut block.frames, event, frame)?;
        self.waiting_bytes += block.frames.len() - before;
        if BLOCK_BYTES <= block.frames.len()
            && let Some(block) = self.waiting.remove(&event)
        {
            self.waiting_bytes -= block.frames.len();
            self.write(event, &block)?;
        }
        if RUN_BYTES <= self.waiting_bytes {
            self.write_waiting()?;
        }
        Ok(())
    }

    /// Writes the rest, and syncs. Gives the length of the file. Unit: bytes.
    ///
    /// # Errors
    /// [`LogError::Io`]
    pub fn finish(mut self) -> Result<u64, LogError> {
        self.write_waiting()?;
        self.index.sort_unstable_by_key(|block| (block.event, block.first));
        for block in &self.index {
            self.file.write_all(&block.written()).map_err(io_error("writing a segment"))?;
        }
        let footer = footer(self.epoch, self.at, self.index.len() as u64);
        self.file.write_all(&footer).map_err(io_error("writing a segment"))?;
        let file = self.file.into_inner().map_err(|error| error.into_error());
        let file = file.map_err(io_error("writing a segment"))?;
        file.sync_all().map_err(io_error("syncing a segment"))?;
        Ok(file.metadata().map_err(io_error("writing a segment"))?.len())
    }

    fn write_waiting(&mut self) -> Result<(), LogError> {
        for (event, block) in std::mem::take(&mut self.waiting) {
            self.write(event, &block)?;
        }
        self.waiting_bytes = 0;
        Ok(())
    }

    fn write(&mut self, event: EventNumber, block: &Block) -> Result<(), LogError> {
        self.file.write_all(&block.frames).map_err(io_error("writing a segment"))?;
        // A block has little more than BLOCK_BYTES and one frame, which is far below 4 GiB.
        let length = u32::try_from(block.frames.len()).unwrap_or(u32::MAX);
        let (offset, crc) = (self.at, crc32fast::hash(&block.frames));
        self.index.push(Indexed { event, first: block.first, offset, length, crc });
        self.at += u64::from(length);
        Ok(())
    }
}
