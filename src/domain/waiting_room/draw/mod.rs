//! The draw that anybody can check: who entered before the doors is sealed as one hash, a seed is made from
//! it and from a secret that was committed to long before, and the seed alone orders the line.
//! `docs/waiting-room-draw.md` gives every byte, so that a verifier can be written without reading this.
//!
//! Nothing here may ever change: draws that were published must stay checkable. Another way of drawing is
//! another [`proof::FORMAT`].

pub mod check;
pub mod merkle;
pub mod proof;
mod sha256;
mod stream;
#[cfg(test)]
mod tests;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

pub use stream::Stream;

/// 32 bytes that SHA-256 gave.
pub type Hash = [u8; 32];

/// Tiers of the line: 0 priority, 1 general, 2 suspect. All of one tier stand before all of the next.
pub const TIERS: usize = 3;

/// One who stood in the line when the doors opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// In order of joining; each number of a room is given once.
    pub number: u32,
    /// Bounds: below [`TIERS`].
    pub tier: u8,
    /// Who it is, as a hash under the room's key: published, yet no name can be guessed from it.
    pub fingerprint: u64,
}

/// How the line was ordered at the doors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Each tier by the seed.
    Draw,
    /// Each tier in order of joining.
    Fifo,
}

impl Method {
    /// The word for it in the proof.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Draw => "draw",
            Self::Fifo => "fifo",
        }
    }

    /// The method of this word, if there is one.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Draw, Self::Fifo].into_iter().find(|method| method.word() == word)
    }
}

/// What is published before the doors, and binds the room to its secret.
#[must_use]
pub fn commitment(secret: &[u8; 32]) -> Hash {
    Sha256::digest(secret).into()
}

/// The seed, of the secret, the public beacon's text if one was used, and the sealed entries.
#[must_use]
pub fn seed(secret: &[u8; 32], beacon: Option<&str>, root: &Hash, count: u64) -> Hash {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(b"onsale-draw-seed-v1");
    mac.update(beacon.unwrap_or_default().as_bytes());
    mac.update(root);
    mac.update(&count.to_be_bytes());
    mac.finalize().into_bytes().into()
}

/// The order of the line: position, from 0, to number.
///
/// `entrants` gives number and tier of each entry, in rising order of the numbers; it is gone through twice.
///
/// # Panics
/// If a tier is not below [`TIERS`].
#[must_use]
pub fn places(
    method: Method,
    entrants: impl Iterator<Item = (u32, u8)> + Clone,
    seed: &Hash,
) -> Vec<u32> {
    let mut counts = [0_usize; TIERS];
    entrants.clone().for_each(|(_, tier)| counts[usize::from(tier)] += 1);
    let mut numbers = vec![0; counts.iter().sum()];
    let mut next = [0, counts[0], counts[0] + counts[1]];
    for (number, tier) in entrants {
        let at = &mut next[usize::from(tier)];
        numbers[*at] = number;
        *at += 1;
    }
    if method == Method::Draw {
        let mut rest = numbers.as_mut_slice();
        for (tier, count) in (0_u8..).zip(counts) {
            let (ours, others) = rest.split_at_mut(count);
            shuffle(ours, &mut Stream::new(seed, tier));
            rest = others;
        }
    }
    numbers
}

/// Fisher and Yates, from the end: each order is equally likely.
fn shuffle(numbers: &mut [u32], stream: &mut Stream) {
    for last in (1..numbers.len()).rev() {
        let chosen = stream.below(last as u64 + 1);
        numbers.swap(last, usize::try_from(chosen).expect("not above last"));
    }
}
