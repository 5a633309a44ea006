//! What is kept of the limits beside the journal: changes by operators, and who owes what.
//!
//! Debts are written once a second while somebody is counted, not synced: they shall survive a restart and a
//! `kill -9`, and after a power cut every window has passed before the server is back. In order means all of
//! them; else those of the last second may lack, and whoever is not among them is let in slowly at first.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::domain::limits::{Debt, Policies};

/// What operators may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub policies: Policies,
    /// Networks that are never limited.
    pub exempt: Vec<IpNet>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    policies: String,
    exempt: Vec<String>,
}

/// Who owed what at one time. Keys and debts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// Unit: ticks since 1970.
    pub at: u64,
    /// Whether all are there.
    pub is_whole: bool,
    pub seed: [u8; 32],
    pub strangers: Vec<(u64, Debt)>,
    pub known: Vec<(u64, Debt)>,
}

/// The directory.
pub(super) struct Shelf(PathBuf);

const CHANGE: &str = "limits.json";
const CELLS: &str = "cells";
/// First bytes of the file of debts.
const MAGIC: &[u8; 16] = b"onsale limits 1\n";
const HEAD_BYTES: usize = 16 + 8 + 1 + 32 + 4;
const CELL_BYTES: usize = 16;
const CHECK_BYTES: usize = 4;

impl Shelf {
    pub fn new(directory: PathBuf) -> Self {
        Self(directory)
    }

    /// The change that holds, if there is one. One that can not be read is as good as none, and said so.
    pub fn change(&self) -> Option<Change> {
        let path = self.0.join(CHANGE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return complain(&path, &error.to_string()),
        };
        let written: Written = match serde_json::from_slice(&text) {
            Ok(written) => written,
            Err(error) => return complain(&path, &error.to_string()),
        };
        let exempt = written.exempt.iter().map(|net| net.parse()).collect::<Result<_, _>>();
        match (Policies::parse(&written.policies), exempt) {
            (Ok(policies), Ok(exempt)) => Some(Change { policies, exempt }),
            (Err(error), _) => complain(&path, &error.to_string()),
            (_, Err(error)) => complain(&path, &error.to_string()),
        }
    }

    /// `None` forgets it. On the disk when this returns.
    pub fn keep_change(&self, change: Option<&Change>) -> io::Result<()> {
        let Some(change) = change else {
            return match fs::remove_file(self.0.join(CHANGE)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            };
        };
        let policies = change.policies.to_string();
        let exempt = change.exempt.iter().map(ToString::to_string).collect();
        let written = Written { policies, exempt };
        self.replace(CHANGE, &serde_json::to_vec_pretty(&written)?, true)
    }

    pub fn cells(&self) -> Option<Kept> {
        let path = self.0.join(CELLS);
        match fs::read(&path) {
            Ok(bytes) => Kept::read(&bytes).or_else(|| complain(&path, "it is damaged")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => complain(&path, &error.to_string()),
        }
    }

    pub fn keep_cells(&self, kept: &Kept) -> io::Result<()> {
        self.replace(CELLS, &kept.bytes(), false)
    }

    /// The file has the old bytes or the new ones, never half of them.
    fn replace(&self, name: &str, bytes: &[u8], is_synced: bool) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let (path, unfinished) = (self.0.join(name), self.0.join(format!("{name}-unfinished")));
        let mut options = fs::OpenOptions::new();
        // The seed is for nobody: with it one could choose whose cell one shares.
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&unfinished)?;
        file.write_all(bytes)?;
        if is_synced {
            file.sync_all()?;
        }
        fs::rename(&unfinished, &path)?;
        if is_synced { fs::File::open(&self.0)?.sync_all() } else { Ok(()) }
    }
}

fn complain<T>(path: &Path, reason: &str) -> Option<T> {
    tracing::error!(path = %path.display(), reason, "what was kept of the limits is not used");
    None
}

impl Kept {
    fn bytes(&self) -> Vec<u8> {
        let cells = self.strangers.len() + self.known.len();
        let mut bytes = Vec::with_capacity(HEAD_BYTES + cells * CELL_BYTES + CHECK_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(self.at.to_be_bytes());
        bytes.push(u8::from(self.is_whole));
        bytes.extend(self.seed);
        let strangers = u32::try_from(self.strangers.len()).unwrap_or(u32::MAX);
        bytes.extend(strangers.to_be_bytes());
        for (key, debt) in self.strangers.iter().chain(&self.known) {
            bytes.extend(key.to_be_bytes());
            bytes.extend(debt.bits().to_be_bytes());
        }
        bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (body, check) = bytes.split_last_chunk::<CHECK_BYTES>()?;
        if crc32fast::hash(body) != u32::from_be_bytes(*check) {
            return None;
        }
        let (magic, body) = body.split_first_chunk::<16>()?;
        let (at, body) = body.split_first_chunk::<8>()?;
        let (is_whole, body) = body.split_first_chunk::<1>()?;
        let (seed, body) = body.split_first_chunk::<32>()?;
        let (strangers, body) = body.split_first_chunk::<4>()?;
        let (cells, []) = body.as_chunks::<CELL_BYTES>() else { return None };
        let strangers = u32::from_be_bytes(*strangers) as usize;
        if magic != MAGIC || cells.len() < strangers {
            return None;
        }
        let cell = |cell: &[u8; CELL_BYTES]| {
            let bits = u128::from_be_bytes(*cell);
            ((bits >> 64) as u64, Debt::from_bits(bits as u64))
        };
        let (first, rest) = cells.split_at(strangers);
        Some(Self {
            at: u64::from_be_bytes(*at),
            is_whole: is_whole[0] == 1,
            seed: *seed,
            strangers: first.iter().map(cell).collect(),
            known: rest.iter().map(cell).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        let debt = |n| (n, Debt::unknown_since(n * 7));
        let (strangers, known) = (vec![debt(1), debt(2)], vec![debt(u64::MAX >> 8)]);
        Kept { at: 5, is_whole: true, seed: [7; 32], strangers, known }
    }

    #[test]
    fn debts_are_read_as_they_were_written_and_no_cut_or_changed_file_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(dir.path().join("limits"));
        assert_eq!(shelf.cells(), None);
        shelf.keep_cells(&kept()).unwrap();
        assert_eq!(shelf.cells(), Some(kept()));
        let whole = kept().bytes();
        for cut in 0..whole.len() {
            assert_eq!(Kept::read(&whole[..cut]), None, "cut at {cut}");
        }
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Kept::read(&changed), None, "bit {bit}");
        }
    }

    #[test]
    fn a_change_is_kept_until_it_is_taken_back_and_a_spoilt_file_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(dir.path().join("limits"));
        assert_eq!(shelf.change(), None);
        shelf.keep_change(None).unwrap();
        let change = Change {
            policies: Policies::parse("read-address;q=5;w=60").unwrap(),
            exempt: vec!["192.0.2.0/24".parse().unwrap()],
        };
        shelf.keep_change(Some(&change)).unwrap();
        assert_eq!(shelf.change(), Some(change));
        for spoilt in ["", "{}", r#"{"policies":"read-address","exempt":[]}"#] {
            fs::write(dir.path().join("limits/limits.json"), spoilt).unwrap();
            assert_eq!(shelf.change(), None, "{spoilt}");
        }
        shelf.keep_change(None).unwrap();
        assert_eq!(shelf.change(), None);
    }
}
