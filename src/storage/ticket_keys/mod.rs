//! The keys that sign tickets: a directory with one small text file each, apart from the journal, since
//! they are secrets and the journal is copied around. The newest key signs, all of them verify, so a
//! rotation invalidates no ticket. Deleting a file revokes all tickets that it signed.
//!
//! A door that trusts one planted key admits anybody; therefore whatever is not exactly as this module
//! leaves it is refused, by the name of the file: other files, a directory or a file that others may
//! open, a damaged key.

mod error;
mod file;
mod jwk;

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

pub use error::TicketKeysError;
pub use jwk::{Jwk, JwkSet};

use crate::domain::ticket::{KeyId, KeyRing, SigningKey};
use crate::domain::time::UnixMillis;
use file::StoredKey;

/// The directory's name in the data directory.
const NAME: &str = "ticket-keys";

/// All keys of one data directory.
#[derive(Debug)]
pub struct TicketKeys {
    dir: PathBuf,
    /// Oldest first, never empty.
    keys: Vec<StoredKey>,
    is_new: bool,
}

impl TicketKeys {
    /// Most keys in one directory: one a month for five years. Each is tried nowhere but found by its
    /// id; the bound is for the public set, which every door downloads.
    pub const KEYS_MAX: usize = 64;

    /// Reads the keys in `data_dir`; makes the first one of `seed` when there is none yet. `seed` must
    /// be 32 bytes from a secure random source, and is left alone when there is a key.
    ///
    /// # Errors
    /// All name the file. Nothing is mended by itself: see [`TicketKeysError`] for what to do.
    pub fn open(data_dir: &Path, seed: [u8; 32], now: UnixMillis) -> Result<Self, TicketKeysError> {
        let dir = data_dir.join(NAME);
        make_dir(&dir)?;
        let keys = read_all(&dir)?;
        let is_new = keys.is_empty();
        let mut keys = Self { dir, keys, is_new };
        if is_new {
            keys.rotate(seed, now)?;
        }
        Ok(keys)
    }

    /// Whether [`TicketKeys::open`] made the first key. In a data directory with tickets this is an
    /// alarm: the keys that signed them are gone, and no door will accept them.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Adds the key of `seed`, which signs from now on; it is on stable storage when this returns. Doors
    /// that hold the public set must fetch it anew before they meet the first new ticket.
    ///
    /// # Errors
    /// [`TicketKeysError::TooMany`], [`TicketKeysError::IdTaken`] (try again with another seed) and
    /// [`TicketKeysError::Io`]: the keys are as before.
    pub fn rotate(&mut self, seed: [u8; 32], now: UnixMillis) -> Result<KeyId, TicketKeysError> {
        if Self::KEYS_MAX <= self.keys.len() {
            return Err(TicketKeysError::TooMany { dir: self.dir.clone() });
        }
        // A clock that was set back must not leave the old key signing.
        let after_newest = self.keys.last().map_or(0, |newest| newest.created.0 + 1);
        let created = UnixMillis(now.0.max(after_newest)).min(UnixMillis::MAX);
        let key = StoredKey::new(seed, created);
        let id = key.signing().id();
        if self.keys.iter().any(|known| known.signing().id() == id) {
            return Err(TicketKeysError::IdTaken { id });
        }
        key.store(&self.dir)?;
        self.keys.push(key);
        Ok(id)
    }

    /// The key that signs new tickets.
    #[must_use]
    pub fn signing(&self) -> &SigningKey {
        self.keys.last().expect("open leaves no directory without a key").signing()
    }

    /// The keys whose tickets are good.
    #[must_use]
    pub fn ring(&self) -> KeyRing {
        let mut ring = KeyRing::default();
        for key in &self.keys {
            assert!(ring.add(key.signing().public()), "ids differ by construction");
        }
        ring
    }

    /// What everybody may know, newest first.
    #[must_use]
    pub fn public_set(&self) -> JwkSet {
        let jwk = |key: &StoredKey| Jwk::new(&key.signing().public(), key.created);
        JwkSet { keys: self.keys.iter().rev().map(jwk).collect() }
    }
}

fn make_dir(dir: &Path) -> Result<(), TicketKeysError> {
    if !dir.try_exists().map_err(TicketKeysError::io(dir, "looking for it"))? {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
        made.map_err(TicketKeysError::io(dir, "making it"))?;
        if let Some(above) = dir.parent() {
            let synced = File::open(above).and_then(|above| above.sync_all());
            synced.map_err(TicketKeysError::io(above, "syncing it"))?;
        }
    }
    let found = fs::symlink_metadata(dir).map_err(TicketKeysError::io(dir, "looking at it"))?;
    if !found.is_dir() {
        return Err(TicketKeysError::Foreign { path: dir.to_owned() });
    }
    check_private(dir, found.mode())
}

/// Who may write here may plant a key, who may read here may sign.
fn check_private(path: &Path, mode: u32) -> Result<(), TicketKeysError> {
    let mode = mode & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(TicketKeysError::OpenToOthers { path: path.to_owned(), mode })
}

fn read_all(dir: &Path) -> Result<Vec<StoredKey>, TicketKeysError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(TicketKeysError::io(dir, "listing it"))? {
        let path = entry.map_err(TicketKeysError::io(dir, "listing it"))?.path();
        if file::is_unfinished(&path) {
            // A crash before it had its name: the key was never used.
            fs::remove_file(&path).map_err(TicketKeysError::io(&path, "removing it"))?;
            continue;
        }
        if paths.len() == TicketKeys::KEYS_MAX {
            return Err(TicketKeysError::TooMany { dir: dir.to_owned() });
        }
        paths.push(path);
    }
    let mut keys: Vec<StoredKey> =
        paths.iter().map(|path| StoredKey::read(path)).collect::<Result<_, _>>()?;
    keys.sort_by_key(|key| (key.created, key.signing().id()));
    Ok(keys)
}

#[cfg(test)]
mod tests;
