//! What is kept of an `Idempotency-Key`, so that a repeated request gives its first answer.
//!
//! Neither the key nor the body is stored, only digests: 24 bytes for each key, whatever the client
//! sends. The digests are blake3, because a collision that can be crafted would let one buyer read or
//! block another's answer.

/// How long a key is remembered. Unit: milliseconds, from the fact that answered it. P3: 24 hours.
pub const WINDOW_MS: u64 = 24 * 60 * 60 * 1_000;

/// Digest of an `Idempotency-Key` header. Scope: one event, and whoever may send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDigest(pub [u8; 16]);

impl KeyDigest {
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(truncated(blake3::hash(key.as_bytes())))
    }

    /// Of a key that is only its sender's: other senders' keys of the same text are other keys.
    #[must_use]
    pub fn within(sender: [&str; 2], key: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("onsale 2026 idempotency key of a sender");
        for part in sender {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        Self(truncated(hasher.update(key.as_bytes()).finalize()))
    }

    /// The first eight bytes as a table hash: a digest is already evenly spread.
    #[must_use]
    pub fn table_hash(&self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().expect("eight of sixteen bytes"))
    }
}

/// Digest of what a request means (not of its spelling: white space and field order do not count).
/// 64 bits suffice: whoever crafts a collision only gets an old answer to a request of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 8]);

impl Fingerprint {
    /// Digest of the parts, each preceded by its length so that parts cannot run into each other.
    #[must_use]
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(truncated(hasher.finalize()))
    }
}

/// A key together with what was asked under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RememberedKey {
    pub digest: KeyDigest,
    pub fingerprint: Fingerprint,
}

fn truncated<const N: usize>(hash: blake3::Hash) -> [u8; N] {
    hash.as_bytes()[..N].try_into().expect("N is at most 32")
}
