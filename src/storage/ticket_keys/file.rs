//! One key as a file: five lines of text, `<id>.key`, mode 600. It appears whole or not at all.
//!
//! ```text
//! onsale ticket key 1
//! id 1a2b3c4d
//! created 1811872800000
//! seed <64 hexadecimal digits>
//! check <8 hexadecimal digits: CRC-32 of the lines above>
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use data_encoding::HEXLOWER;

use super::check_private;
use super::error::TicketKeysError;
use crate::domain::ticket::SigningKey;
use crate::domain::time::UnixMillis;

const FIRST_LINE: &str = "onsale ticket key 1";
const ENDING: &str = ".key";
/// What a file is called until it is whole. Such a one is left only by a crash.
const ENDING_UNFINISHED: &str = ".key-unfinished";
/// Bound of what is read; a whole file has 150 bytes or so.
const FILE_BYTES_MAX: u64 = 1_024;

pub(super) struct StoredKey {
    pub created: UnixMillis,
    seed: [u8; 32],
    signing: SigningKey,
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} of {}", self.signing, self.created.0)
    }
}

impl StoredKey {
    pub fn new(seed: [u8; 32], created: UnixMillis) -> Self {
        Self { created, seed, signing: SigningKey::from_seed(&seed) }
    }

    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// Writes the file; it survives a power cut once this returns.
    pub fn store(&self, dir: &Path) -> Result<(), TicketKeysError> {
        let unfinished = dir.join(format!("{}{ENDING_UNFINISHED}", self.signing.id()));
        let path = dir.join(format!("{}{ENDING}", self.signing.id()));
        let mut options = OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(0o600).open(&unfinished);
        let mut file = opened.map_err(TicketKeysError::io(&unfinished, "making it"))?;
        let written = file.write_all(self.text().as_bytes()).and_then(|()| file.sync_all());
        written.map_err(TicketKeysError::io(&unfinished, "writing it"))?;
        // A hard link, since a rename would put it over a file of that name.
        let linked = fs::hard_link(&unfinished, &path);
        linked.map_err(TicketKeysError::io(&path, "giving it its name"))?;
        let synced = fs::remove_file(&unfinished)
            .and_then(|()| File::open(dir))
            .and_then(|dir| dir.sync_all());
        synced.map_err(TicketKeysError::io(dir, "syncing it"))
    }

    pub fn read(path: &Path) -> Result<Self, TicketKeysError> {
        let foreign = || TicketKeysError::Foreign { path: path.to_owned() };
        let damaged = |reason| TicketKeysError::Damaged { path: path.to_owned(), reason };
        // Looked at before it is opened: a pipe would block, a link may lead elsewhere.
        let found =
            fs::symlink_metadata(path).map_err(TicketKeysError::io(path, "looking at it"))?;
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let id = name.strip_suffix(ENDING).filter(|_| found.is_file()).ok_or_else(foreign)?;
        if id.len() != 8 || !id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(foreign());
        }
        check_private(path, found.mode())?;
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
            .map_err(TicketKeysError::io(path, "reading it"))?;
        let key = Self::parse(&text).ok_or_else(|| damaged("not the five lines of a key"))?;
        if key.text() != text {
            return Err(damaged("its id or its check does not fit its seed"));
        }
        if key.signing.id().to_string() != id {
            return Err(damaged("its name is not its id"));
        }
        Ok(key)
    }

    fn text(&self) -> String {
        let (id, created, seed) = (self.signing.id(), self.created.0, HEXLOWER.encode(&self.seed));
        let lines = format!("{FIRST_LINE}\nid {id}\ncreated {created}\nseed {seed}\n");
        format!("{lines}check {:08x}\n", crc32fast::hash(lines.as_bytes()))
    }

    /// Takes what it needs; [`StoredKey::read`] compares the rest.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().skip(2);
        let created = lines.next()?.strip_prefix("created ")?.parse().ok().map(UnixMillis)?;
        let seed = HEXLOWER.decode(lines.next()?.strip_prefix("seed ")?.as_bytes()).ok()?;
        let fits = created <= UnixMillis::MAX;
        fits.then(|| Some(Self::new(seed.try_into().ok()?, created)))?
    }
}

pub(super) fn is_unfinished(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.ends_with(ENDING_UNFINISHED))
}
