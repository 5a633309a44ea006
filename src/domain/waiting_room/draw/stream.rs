//! Numbers from a seed: the same everywhere, and none likelier than another.

use super::{Hash, sha256};

/// 64-bit words of `SHA-256(seed || tier || counter)`, four from each hash, for counters from 0 on.
#[derive(Debug, Clone)]
pub struct Stream {
    /// The message with its padding; only the counter changes.
    block: [u8; 64],
    counter: u64,
    words: [u64; 4],
    /// Words already taken out of `words`.
    taken: usize,
}

impl Stream {
    /// The stream of one tier.
    #[must_use]
    pub fn new(seed: &Hash, tier: u8) -> Self {
        let mut message = [0; MESSAGE];
        message[..32].copy_from_slice(seed);
        message[32] = tier;
        let [block] = sha256::padded(&message);
        Self { block, counter: 0, words: [0; 4], taken: 4 }
    }

    /// The next word, from 0 to 2^64 - 1.
    pub fn next_word(&mut self) -> u64 {
        if self.taken == self.words.len() {
            self.block[33..MESSAGE].copy_from_slice(&self.counter.to_be_bytes());
            self.counter += 1;
            let hash = sha256::of_blocks(&[self.block]);
            let (words, _) = hash.as_chunks();
            self.words = std::array::from_fn(|at| u64::from_be_bytes(words[at]));
            self.taken = 0;
        }
        self.taken += 1;
        self.words[self.taken - 1]
    }

    /// A number below `end`, each equally likely.
    ///
    /// # Panics
    /// If `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        loop {
            let word = self.next_word();
            // Words are as many as `end` goes into 2^64, times `end`; those beyond would favour the small
            // numbers. They are all above 2^64 - end, so that most words need no second division.
            let is_surely_fair = word <= u64::MAX - end;
            if is_surely_fair || word <= u64::MAX - (u64::MAX % end + 1) % end {
                return word % end;
            }
        }
    }
}

/// Length of what is hashed for four words. Unit: bytes.
const MESSAGE: usize = 32 + 1 + 8;
