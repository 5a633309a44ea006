//! The segments of a data directory: `log/EPOCH.segment`, as many as there is room for.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::LogError;
use super::page::Page;
use super::segment::{Segment, io_error};
use super::writer::SegmentWriter;
use crate::storage::error::JournalError;
use crate::storage::frame::read_frames;
use crate::storage::journal::JournalReader;

pub(super) struct Segments {
    dir: PathBuf,
    /// 0: none are kept. Unit: bytes.
    bytes_max: u64,
    /// Length of each by its epoch.
    kept: Mutex<BTreeMap<u64, u64>>,
}

const ENDING: &str = ".segment";
/// Of one that a crash did not let finish.
const UNFINISHED: &str = "unfinished";

impl Segments {
    /// # Errors
    /// When the directory cannot be made or listed.
    pub fn open(dir: PathBuf, bytes_max: u64) -> io::Result<Self> {
        let mut kept = BTreeMap::new();
        if 0 < bytes_max {
            fs::create_dir_all(&dir)?;
            dir.parent().map_or(Ok(()), sync_directory)?;
        }
        let entries = if dir.try_exists()? { Some(fs::read_dir(&dir)?) } else { None };
        for entry in entries.into_iter().flatten() {
            let entry = entry?;
            let name = entry.file_name();
            let epoch = name.to_str().and_then(|name| name.strip_suffix(ENDING));
            if let Some(epoch) = epoch.and_then(|epoch| u64::from_str_radix(epoch, 16).ok()) {
                kept.insert(epoch, entry.metadata()?.len());
            }
        }
        // It was to be made anew in any case.
        remove(&dir.join(UNFINISHED))?;
        let segments = Self { dir, bytes_max, kept: Mutex::new(kept) };
        segments.make_room();
        Ok(segments)
    }

    /// Unit: bytes.
    pub fn bytes(&self) -> u64 {
        self.lock().values().sum()
    }

    pub fn are_kept(&self) -> bool {
        0 < self.bytes_max
    }

    /// Copies what a closed epoch tells into its segment, durably, and deletes the oldest ones if they are
    /// too much together.
    ///
    /// # Errors
    /// [`LogError`]: there is no segment of this epoch then.
    pub fn write(&self, reader: &dyn JournalReader, epoch: u64) -> Result<(), LogError> {
        let path = self.path(epoch);
        self.lock().remove(&epoch);
        // One that a crash left, or an older copy of the directory: what is written now is right.
        remove(&path).map_err(io_error("removing a segment"))?;
        let unfinished = self.dir.join(UNFINISHED);
        let written = copy(reader, epoch, &unfinished).and_then(|bytes| {
            fs::rename(&unfinished, &path).map_err(io_error("naming a segment"))?;
            sync_directory(&self.dir).map_err(io_error("syncing the names of segments"))?;
            Ok(bytes)
        });
        if written.is_err() {
            // What is left of it only takes room.
            drop(fs::remove_file(&unfinished));
        }
        self.lock().insert(epoch, written?);
        self.make_room();
        Ok(())
    }

    /// Reads on for `page` in the segments of epochs before `epoch`, if its next entry is there.
    ///
    /// # Errors
    /// [`LogError::Segment`] when one that is looked at is damaged, [`LogError::Io`].
    pub fn read(&self, epoch: u64, page: &mut Page) -> Result<(), LogError> {
        let epochs: Vec<u64> = self.lock().range(..epoch).map(|(epoch, _)| *epoch).collect();
        // Who follows is near the end.
        let mut begin = 0;
        for (place, epoch) in epochs.iter().enumerate().rev() {
            let Some(segment) = self.open_segment(*epoch)? else { continue };
            let found = segment.seek(page.event(), page.next())?;
            if found.is_some_and(|(_, block)| block.first <= page.next()) {
                begin = place;
                break;
            }
        }
        for epoch in epochs.into_iter().skip(begin) {
            if page.is_done() {
                break;
            }
            if let Some(segment) = self.open_segment(epoch)? {
                read_on(&segment, page)?;
            }
        }
        Ok(())
    }

    /// `None`: it was deleted meanwhile, to make room.
    fn open_segment(&self, epoch: u64) -> Result<Option<Segment>, LogError> {
        match Segment::open(&self.path(epoch), epoch) {
            Ok(segment) => Ok(Some(segment)),
            Err(LogError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes the oldest until the rest is within bounds.
    fn make_room(&self) {
        let mut kept = self.lock();
        while self.bytes_max < kept.values().sum()
            && let Some((epoch, _)) = kept.pop_first()
        {
            if let Err(error) = remove(&self.path(epoch)) {
                tracing::error!(epoch, %error, "a segment of the log cannot be deleted");
            }
        }
    }

    fn path(&self, epoch: u64) -> PathBuf {
        self.dir.join(format!("{epoch:016x}{ENDING}"))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, u64>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_on(segment: &Segment, page: &mut Page) -> Result<(), LogError> {
    let mut found = segment.seek(page.event(), page.next())?;
    while let Some((at, block)) = found {
        for frame in read_frames(&segment.frames(&block)?) {
            let frame = frame.map_err(|_| segment.damaged("a frame is damaged"))?;
            if page.take(&frame)?.is_break() {
                return Ok(());
            }
        }
        found = segment.block_of(page.event(), at + 1)?.map(|block| (at + 1, block));
    }
    Ok(())
}

fn copy(reader: &dyn JournalReader, epoch: u64, path: &Path) -> Result<u64, LogError> {
    let mut writer = SegmentWriter::create(path, epoch)?;
    let mut failed = None;
    reader.read_epoch(epoch, &mut |frame| {
        if failed.is_none() {
            failed = writer.take(&frame).err();
        }
        Ok::<_, JournalError>(())
    })?;
    failed.map_or(Ok(()), Err)?;
    writer.finish()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync_directory(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
