//! One hash that stands for all entries, and the proof that an entry is among them.
//!
//! The shape is that of RFC 6962 (Certificate Transparency): the left half of a tree is the largest power of
//! two that is smaller than the whole. Built from below, this is: join neighbours, and hand a last one without
//! a neighbour up as it is. Leaves and inner nodes begin with different bytes, so that neither can pass for
//! the other.
//!
//! A tree can grow while people join, so that at the doors only its top is left to do. Kept are only the
//! roots of blocks of [`BLOCK`] entries and what is above, about half a byte for each entry; the rest is
//! hashed again when a path is asked for.

use sha2::{Digest, Sha256};

use super::{Entry, Hash, sha256};

/// Entries below one kept node: a power of two. A path costs twice as many hashes, some 20 microseconds.
const BLOCK: usize = 128;

impl Entry {
    /// `SHA-256(0x00 || "onsale-entry-v1" || number || tier || fingerprint)`, numbers big-endian.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        let mut message = [0; 29];
        message[1..16].copy_from_slice(b"onsale-entry-v1");
        message[16..20].copy_from_slice(&self.number.to_be_bytes());
        message[20] = self.tier;
        message[21..].copy_from_slice(&self.fingerprint.to_be_bytes());
        sha256::of_blocks(&sha256::padded::<1>(&message))
    }
}

/// `SHA-256(0x01 || left || right)`.
fn node(left: &Hash, right: &Hash) -> Hash {
    let mut message = [0; 65];
    message[0] = 1;
    message[1..33].copy_from_slice(left);
    message[33..].copy_from_slice(right);
    sha256::of_blocks(&sha256::padded::<2>(&message))
}

/// A tree that is still open: entries can be added, in rising order of their numbers.
#[derive(Debug, Clone, Default)]
pub struct Growing {
    /// Roots of the whole blocks.
    blocks: Vec<Hash>,
    /// The block that is not yet whole: roots of whole trees, larger ones first, one for each bit of `open`.
    peaks: Vec<Hash>,
    /// Entries in the block that is not yet whole. Bounds: below [`BLOCK`].
    open: usize,
}

impl Growing {
    /// Adds an entry behind all others.
    pub fn push(&mut self, entry: &Entry) {
        let mut hash = entry.leaf();
        // As in adding one to a binary number: each one-bit at the end carries.
        for _ in 0..self.open.trailing_ones() {
            let left = self.peaks.pop().expect("one peak for each bit");
            hash = node(&left, &hash);
        }
        self.open += 1;
        if self.open == BLOCK {
            self.blocks.push(hash);
            self.open = 0;
        } else {
            self.peaks.push(hash);
        }
    }

    /// How many entries it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        (self.blocks.len() * BLOCK + self.open) as u64
    }

    /// The tree of all that was added. A million entries take half a millisecond.
    #[must_use]
    pub fn close(mut self) -> Tree {
        let count = self.count();
        let last = self.peaks.iter().rev().copied().reduce(|right, left| node(&left, &right));
        self.blocks.extend(last);
        let mut levels = vec![self.blocks];
        while let Some(below) = levels.last()
            && 1 < below.len()
        {
            let above = level_above(below);
            levels.push(above);
        }
        Tree { count, levels }
    }
}

fn level_above(below: &[Hash]) -> Vec<Hash> {
    let join = |pair: &[Hash]| match pair {
        [left, right] => node(left, right),
        _ => pair[0],
    };
    below.chunks(2).map(join).collect()
}

/// A tree that nothing can be added to.
#[derive(Debug, Clone)]
pub struct Tree {
    count: u64,
    /// From the roots of the blocks up to the root of all; the lowest is empty if there is no entry.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// The tree of these entries, which come in rising order of their numbers.
    #[must_use]
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut growing = Growing::default();
        entries.into_iter().for_each(|entry| growing.push(&entry));
        growing.close()
    }

    /// How many entries it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The hash that stands for all entries: of no bytes if there is none, as RFC 6962 has it.
    #[must_use]
    pub fn root(&self) -> Hash {
        let top = self.levels.last().and_then(|level| level.first());
        top.copied().unwrap_or_else(|| Sha256::digest(b"").into())
    }

    /// What one needs besides an entry's leaf to reach the root: its neighbours, from below.
    ///
    /// `index` counts entries from 0 as they were added; `entry_at` gives those around it again. `None` if
    /// there is no such entry.
    #[must_use]
    pub fn path(&self, index: u64, entry_at: impl Fn(u64) -> Entry) -> Option<Vec<Hash>> {
        if self.count <= index {
            return None;
        }
        let block = index / BLOCK as u64;
        let first = block * BLOCK as u64;
        let after = self.count.min(first + BLOCK as u64);
        let mut level: Vec<Hash> = (first..after).map(|at| entry_at(at).leaf()).collect();
        let mut at = usize::try_from(index - first).expect("below BLOCK");
        let mut path = Vec::new();
        while 1 < level.len() {
            path.extend(level.get(at ^ 1));
            level = level_above(&level);
            at /= 2;
        }
        let mut at = usize::try_from(block).expect("as many blocks are in memory");
        for level in &self.levels {
            path.extend(level.get(at ^ 1));
            at /= 2;
        }
        Some(path)
    }
}

/// Whether `path` leads from `entry`, which is the one at `index` of `count`, to `root`.
#[must_use]
pub fn leads_to_root(entry: &Entry, index: u64, count: u64, path: &[Hash], root: &Hash) -> bool {
    if count <= index {
        return false;
    }
    let (mut hash, mut at, mut last) = (entry.leaf(), index, count - 1);
    for beside in path {
        // The last of a level without a neighbour goes up as it is.
        while at == last && at.is_multiple_of(2) && last != 0 {
            (at, last) = (at / 2, last / 2);
        }
        if last == 0 {
            return false;
        }
        hash = if at.is_multiple_of(2) { node(&hash, beside) } else { node(beside, &hash) };
        (at, last) = (at / 2, last / 2);
    }
    last == 0 && hash == *root
}
