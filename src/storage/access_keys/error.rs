//! What can be wrong with the file of API keys, or with what is asked of it.

use std::io;
use std::path::{Path, PathBuf};

use crate::domain::access::Role;

/// Why keys are not read or not changed.
#[derive(Debug, thiserror::Error)]
pub enum AccessKeysError {
    #[error("access keys: {}: {doing} failed", path.display())]
    Io {
        path: PathBuf,
        doing: &'static str,
        #[source]
        source: io::Error,
    },
    #[error(
        "access keys: others may open {} (mode {mode:o}); make it mode 600",
        path.display()
    )]
    OpenToOthers { path: PathBuf, mode: u32 },
    #[error("access keys: {} is not a file of keys: {reason}; restore a copy", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("a key of the role {} {}", role.as_str(), needs(*role))]
    Organizer { role: Role },
    #[error("a key's name must have 1 to 100 printable characters")]
    Name,
    #[error("there is no key {id}")]
    NoSuchKey { id: String },
    #[error("another key has this id; try again")]
    IdTaken,
    #[error("there are {} keys, the most there may be", super::AccessKeys::KEYS_MAX)]
    TooMany,
}

fn needs(role: Role) -> &'static str {
    if role.has_organizer() { "needs an organizer" } else { "belongs to no organizer" }
}

impl AccessKeysError {
    pub(super) fn io(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, doing, source }
    }
}
