//! SHA-256 of short messages of a fixed length. The same as `Sha256::digest`, which a test holds it to, at two
//! thirds of the cost: a million entries are three million blocks, and a general hasher's buffer and its
//! bookkeeping would take as long as the hashing of them.

use sha2::block_api::compress256;

use super::Hash;

/// `message` as whole blocks, ended as the standard says: one bit, zeros, and the length in bits.
///
/// # Panics
/// If the blocks are too few, or more than the message needs. Lengths here are fixed, so a test finds that.
pub fn padded<const BLOCKS: usize>(message: &[u8]) -> [[u8; 64]; BLOCKS] {
    assert_eq!((message.len() + 9).div_ceil(64), BLOCKS, "blocks for {} bytes", message.len());
    let mut blocks = [[0; 64]; BLOCKS];
    let bytes = blocks.as_flattened_mut();
    bytes[..message.len()].copy_from_slice(message);
    bytes[message.len()] = 0x80;
    let bits = 8 * message.len() as u64;
    let (_, end) = bytes.split_at_mut(BLOCKS * 64 - 8);
    end.copy_from_slice(&bits.to_be_bytes());
    blocks
}

/// The hash of what [`padded`] made.
#[inline]
pub fn of_blocks(blocks: &[[u8; 64]]) -> Hash {
    let mut state = START;
    compress256(&mut state, blocks);
    let mut hash = [0; 32];
    for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    hash
}

/// FIPS 180-4, 5.3.3: where SHA-256 begins.
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn it_is_sha_256_at_every_length_it_takes() {
        let message: Vec<u8> = (0_u8..120).map(|at| at.wrapping_mul(37)).collect();
        for length in 0..message.len() {
            let message = &message[..length];
            let ours = if length < 56 {
                of_blocks(&padded::<1>(message))
            } else {
                of_blocks(&padded::<2>(message))
            };
            assert_eq!(ours, <[u8; 32]>::from(Sha256::digest(message)), "{length} bytes");
        }
    }
}
