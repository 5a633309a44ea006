//! The files themselves: JSON that people can read, never half written.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{AccessKeysError, Stamp, StoredKey};
use crate::domain::access::Role;
use crate::domain::ids::OrganizerId;
use crate::domain::time::UnixMillis;

const KEYS: &str = "keys.json";
const LAST_USED: &str = "last-used.json";
const LOCK: &str = "lock";
/// Bound of what is read: 10,000 keys with long names are less than half of it.
const FILE_BYTES_MAX: u64 = 8 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    version: u32,
    keys: Vec<Key>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    id: String,
    role: String,
    organizer: Option<String>,
    name: String,
    created_at: Timestamp,
    revoked_at: Option<Timestamp>,
    blake3: String,
}

pub(super) fn stamp(dir: &Path) -> Result<Option<Stamp>, AccessKeysError> {
    let path = dir.join(KEYS);
    match fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AccessKeysError::io(&path, "looking at it")(error)),
        Ok(found) => {
            // Also another mode counts: it may be what was wrong with it.
            let changed = (found.ctime(), found.ctime_nsec());
            Ok(Some(Stamp { changed, inode: found.ino(), bytes: found.len() }))
        }
    }
}

pub(super) fn read(dir: &Path) -> Result<Vec<StoredKey>, AccessKeysError> {
    let path = dir.join(KEYS);
    let Some(text) = text_of(&path)? else { return Ok(Vec::new()) };
    let damaged = |reason: String| AccessKeysError::Damaged { path: path.clone(), reason };
    let Keys { version, keys } =
        serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    if version != 1 {
        return Err(damaged(format!("version {version}; written by a newer onsale?")));
    }
    let mut read: Vec<StoredKey> = Vec::with_capacity(keys.len());
    for key in keys {
        let id = key.id.clone();
        let key = key.into_stored().ok_or_else(|| damaged(format!("key {id:?} makes no sense")))?;
        if read.iter().any(|other| other.id == key.id) {
            return Err(damaged(format!("key {id:?} stands twice")));
        }
        read.push(key);
    }
    Ok(read)
}

/// Reads, changes and replaces the file while no other process does.
pub(super) fn change<T>(
    dir: &Path,
    change: impl FnOnce(&mut Vec<StoredKey>) -> Result<T, AccessKeysError>,
) -> Result<T, AccessKeysError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(AccessKeysError::io(dir, "making it"))?;
    let lock = dir.join(LOCK);
    let opened =
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock);
    let held = opened.and_then(|file| file.lock().map(|()| file));
    // Let go of when the file is closed, however this ends.
    let _held = held.map_err(AccessKeysError::io(&lock, "locking it"))?;
    let mut keys = read(dir)?;
    let changed = change(&mut keys)?;
    let keys = Keys { version: 1, keys: keys.iter().map(Key::of).collect() };
    replace(dir, KEYS, &keys, true)?;
    Ok(changed)
}

pub(super) fn read_last_used(dir: &Path) -> Result<BTreeMap<String, UnixMillis>, AccessKeysError> {
    let path = dir.join(LAST_USED);
    let Some(text) = text_of(&path)? else { return Ok(BTreeMap::new()) };
    let used: BTreeMap<String, Timestamp> = serde_json::from_str(&text)
        .map_err(|error| AccessKeysError::Damaged { path, reason: error.to_string() })?;
    Ok(used.into_iter().filter_map(|(id, at)| Some((id, millis(at)?))).collect())
}

pub(super) fn write_last_used(
    dir: &Path,
    used: &BTreeMap<String, UnixMillis>,
) -> Result<(), AccessKeysError> {
    let used: BTreeMap<&str, Timestamp> =
        used.iter().map(|(id, at)| (id.as_str(), timestamp(*at))).collect();
    replace(dir, LAST_USED, &used, false)
}

/// `None`: there is no such file.
fn text_of(path: &Path) -> Result<Option<String>, AccessKeysError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(AccessKeysError::io(path, "opening it")(error)),
    };
    let found = file.metadata().map_err(AccessKeysError::io(path, "looking at it"))?;
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(AccessKeysError::OpenToOthers { path: path.to_owned(), mode });
    }
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
    read.map_err(AccessKeysError::io(path, "reading it"))?;
    Ok(Some(text))
}

fn replace<T: Serialize>(
    dir: &Path,
    name: &str,
    content: &T,
    durable: bool,
) -> Result<(), AccessKeysError> {
    let (path, unfinished) = (dir.join(name), dir.join(format!("{name}.unfinished")));
    // Texts, times and numbers: nothing that JSON cannot say.
    let mut text = serde_json::to_string_pretty(content).unwrap_or_default();
    text.push('\n');
    // One that a crash left could be of another mode.
    drop(fs::remove_file(&unfinished));
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished);
    let mut file = opened.map_err(AccessKeysError::io(&unfinished, "making it"))?;
    let written = file.write_all(text.as_bytes());
    let written = written.and_then(|()| if durable { file.sync_all() } else { Ok(()) });
    written.map_err(AccessKeysError::io(&unfinished, "writing it"))?;
    fs::rename(&unfinished, &path).map_err(AccessKeysError::io(&path, "giving it its name"))?;
    if durable {
        let synced = File::open(dir).and_then(|dir| dir.sync_all());
        synced.map_err(AccessKeysError::io(dir, "syncing it"))?;
    }
    Ok(())
}

impl Key {
    fn of(key: &StoredKey) -> Self {
        Self {
            id: key.id.clone(),
            role: key.role.as_str().to_owned(),
            organizer: key.organizer.as_ref().map(ToString::to_string),
            name: key.name.clone(),
            created_at: timestamp(key.created_at),
            revoked_at: key.revoked_at.map(timestamp),
            blake3: HEXLOWER.encode(&key.digest),
        }
    }

    fn into_stored(self) -> Option<StoredKey> {
        let role = Role::parse(&self.role)?;
        let organizer = match self.organizer {
            None => None,
            Some(organizer) => Some(OrganizerId::parse(&organizer).ok()?),
        };
        let is_id =
            self.id.len() == 8 && self.id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
        let revoked_at = match self.revoked_at {
            None => None,
            Some(at) => Some(millis(at)?),
        };
        let digest = HEXLOWER.decode(self.blake3.as_bytes()).ok()?.try_into().ok()?;
        (is_id && role.has_organizer() == organizer.is_some()).then_some(StoredKey {
            id: self.id,
            role,
            organizer,
            name: self.name,
            created_at: millis(self.created_at)?,
            revoked_at,
            digest,
        })
    }
}

fn timestamp(at: UnixMillis) -> Timestamp {
    let millis = i64::try_from(at.min(UnixMillis::MAX).0).unwrap_or_default();
    Timestamp::from_millisecond(millis).unwrap_or_default()
}

fn millis(at: Timestamp) -> Option<UnixMillis> {
    u64::try_from(at.as_millisecond()).ok().map(UnixMillis)
}
