//! What can go wrong between a fact and the disk.

use std::io;
use std::path::PathBuf;

use super::frame::FrameError;

/// A fault of the journal. After any of them nothing more may be acknowledged (P5).
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{doing} failed")]
    Store {
        doing: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("{doing} failed")]
    Io {
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("the journal is damaged in epoch {epoch} at key {key}: {reason}")]
    Damaged { epoch: u64, key: u64, reason: &'static str },
    #[error("a frame in epoch {epoch} at key {key} is damaged")]
    Frame {
        epoch: u64,
        key: u64,
        #[source]
        source: FrameError,
    },
    #[error("epoch {epoch} is missing")]
    EpochMissing { epoch: u64 },
    #[error("scripted fault")]
    Scripted,
}

/// Why a data directory does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("data directory {} is in use by another process", dir.display())]
    InUse { dir: PathBuf },
    #[error("data directory {} cannot be opened: {doing}", dir.display())]
    Io {
        dir: PathBuf,
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("the store in {} is damaged: {reason}", dir.display())]
    StoreDamaged { dir: PathBuf, reason: String },
    #[error(
        "the journal in {} ends at epoch {found_epoch} key {found_key}, but records up to epoch \
         {acknowledged_epoch} key {acknowledged_key} were acknowledged; restore a copy",
        dir.display()
    )]
    AcknowledgedRecordsMissing {
        dir: PathBuf,
        found_epoch: u64,
        found_key: u64,
        acknowledged_epoch: u64,
        acknowledged_key: u64,
    },
    #[error("{} is damaged; if the journal is known to be whole, delete this file", path.display())]
    WatermarkDamaged { path: PathBuf },
    #[error("the journal cannot be read")]
    Journal(#[from] JournalError),
}
