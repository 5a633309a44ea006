//! API keys as they are kept: `access/keys.json` in the data directory, which `onsale keys` changes while
//! the server runs. Of a secret only its digest is kept: 32 random bytes need no slow hash.
//!
//! The file is replaced as a whole by a rename, under a lock file, so that two commands do not lose each
//! other's key and a reader sees the old file or the new one. When a key was last used is the server's to
//! write, and so stands in a file of its own, `access/last-used.json`.

mod error;
mod file;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use error::AccessKeysError;
pub use text::{KEY_PREFIX, KeyText, secret_digest};

use crate::domain::access::Role;
use crate::domain::ids::OrganizerId;
use crate::domain::time::UnixMillis;

/// One key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// 8 characters of lower-case base32.
    pub id: String,
    pub role: Role,
    /// Absent only of an operator.
    pub organizer: Option<OrganizerId>,
    /// For people: 1 to 100 printable characters.
    pub name: String,
    pub created_at: UnixMillis,
    pub revoked_at: Option<UnixMillis>,
    /// BLAKE3 of the secret's 32 bytes.
    pub digest: [u8; 32],
}

/// What is asked for when a key is made.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub role: Role,
    pub organizer: Option<OrganizerId>,
    pub name: String,
}

/// Tells one state of the file from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Seconds and nanoseconds.
    pub(super) changed: (i64, i64),
    pub(super) inode: u64,
    pub(super) bytes: u64,
}

/// The directory in which the keys are.
#[derive(Debug, Clone)]
pub struct AccessKeys {
    dir: PathBuf,
}

impl AccessKeys {
    /// Keys that may be there, revoked ones too.
    pub const KEYS_MAX: usize = 10_000;
    /// Characters of a key's name.
    pub const NAME_MAX: usize = 100;

    /// Of the data directory `data_dir`; makes nothing.
    #[must_use]
    pub fn of(data_dir: &Path) -> Self {
        Self { dir: data_dir.join("access") }
    }

    /// What the file is like now; `None`: there is none.
    ///
    /// # Errors
    /// [`AccessKeysError::Io`].
    pub fn stamp(&self) -> Result<Option<Stamp>, AccessKeysError> {
        file::stamp(&self.dir)
    }

    /// All keys in the order in which they were made; none when there is no file.
    ///
    /// # Errors
    /// [`AccessKeysError`]: keep to what was read before, or do not start.
    pub fn read(&self) -> Result<Vec<StoredKey>, AccessKeysError> {
        file::read(&self.dir)
    }

    /// Makes a key from 5 random bytes for its id and 32 for its secret. Durable once this returns; the
    /// text is shown once and is nowhere else.
    ///
    /// # Errors
    /// A name or organizer that does not fit the role, an id that is taken, or a file that cannot be used.
    pub fn create(
        &self,
        new: NewKey,
        (id, secret): ([u8; 5], [u8; 32]),
        now: UnixMillis,
    ) -> Result<KeyText, AccessKeysError> {
        let NewKey { role, organizer, name } = new;
        if role.has_organizer() != organizer.is_some() {
            return Err(AccessKeysError::Organizer { role });
        }
        let printable = name.chars().all(|c| !c.is_control()) && !name.trim().is_empty();
        if !printable || Self::NAME_MAX < name.chars().count() {
            return Err(AccessKeysError::Name);
        }
        let text = KeyText::new(&id, secret);
        let digest = secret_digest(&secret);
        file::change(&self.dir, |keys| {
            if keys.iter().any(|key| key.id == text.id()) {
                return Err(AccessKeysError::IdTaken);
            }
            if Self::KEYS_MAX <= keys.len() {
                return Err(AccessKeysError::TooMany);
            }
            let id = text.id().to_owned();
            let (created_at, revoked_at) = (now, None);
            keys.push(StoredKey { id, role, organizer, name, created_at, revoked_at, digest });
            Ok(())
        })?;
        Ok(text)
    }

    /// Revokes a key for good; repeating it changes nothing. Durable once this returns.
    ///
    /// # Errors
    /// No such key, or a file that cannot be used.
    pub fn revoke(&self, id: &str, now: UnixMillis) -> Result<StoredKey, AccessKeysError> {
        file::change(&self.dir, |keys| {
            let found = keys.iter_mut().find(|key| key.id == id);
            let key = found.ok_or_else(|| AccessKeysError::NoSuchKey { id: id.to_owned() })?;
            key.revoked_at.get_or_insert(now);
            Ok(key.clone())
        })
    }

    /// When each key was last used, to a minute, as the server last wrote it.
    ///
    /// # Errors
    /// [`AccessKeysError`].
    pub fn last_used(&self) -> Result<BTreeMap<String, UnixMillis>, AccessKeysError> {
        file::read_last_used(&self.dir)
    }

    /// Writes when each key was last used. Not synced: a power cut may lose a minute of it.
    ///
    /// # Errors
    /// [`AccessKeysError`].
    pub fn write_last_used(
        &self,
        used: &BTreeMap<String, UnixMillis>,
    ) -> Result<(), AccessKeysError> {
        file::write_last_used(&self.dir, used)
    }
}

#[cfg(test)]
mod tests;
