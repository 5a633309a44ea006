//! What can be wrong with the directory of ticket keys. Each says which file, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::domain::ticket::KeyId;

/// Why ticket keys are not opened or not added.
#[derive(Debug, thiserror::Error)]
pub enum TicketKeysError {
    #[error("ticket keys: {}: {doing} failed", path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    #[error(
        "ticket keys: others may open {} (mode {mode:o}); if no stranger has read it, make the \
         directory mode 700 and its files 600, else rotate the keys and delete it",
        path.display()
    )]
    OpenToOthers { path: PathBuf, mode: u32 },
    #[error("ticket keys: {} is no key file; move it away", path.display())]
    Foreign { path: PathBuf },
    #[error(
        "ticket keys: {} is damaged: {reason}; restore a copy, or delete it and so revoke all \
         tickets that it signed",
        path.display()
    )]
    Damaged { path: PathBuf, reason: &'static str },
    #[error("ticket keys: another key has the id {id} already; try again with another seed")]
    IdTaken { id: KeyId },
    #[error(
        "ticket keys: {} holds {} keys, the most there may be; delete those whose tickets have \
         all expired",
        dir.display(),
        super::TicketKeys::KEYS_MAX
    )]
    TooMany { dir: PathBuf },
}

impl TicketKeysError {
    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, doing, source }
    }
}
