//! Keys of ticket codes. The only place that knows the signature scheme: Ed25519.

use std::collections::BTreeMap;
use std::fmt;

use ed25519_dalek::Signer;

/// Bytes of a signature.
pub(super) const SIGNATURE_BYTES: usize = 64;

/// A key's name in codes and in the public key set: the first four bytes of BLAKE3 over the public
/// key, written as 8 hexadecimal digits. It only picks the key; the signature convinces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", u32::from_be_bytes(self.0))
    }
}

/// Makes codes. Whoever has it can admit anybody, so it prints nothing of itself.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// The key of 32 bytes from a secure random source; the same bytes always give the same key.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    #[must_use]
    pub fn id(&self) -> KeyId {
        self.public().id()
    }

    pub(super) fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.id())
    }
}

/// Checks codes; for everybody to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// The key's 32 bytes as RFC 8032 writes them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    #[must_use]
    pub fn id(&self) -> KeyId {
        let digest = blake3::hash(self.as_bytes());
        let [a, b, c, d, ..] = *digest.as_bytes();
        KeyId([a, b, c, d])
    }

    /// Strict: no second spelling of a signature passes.
    pub(super) fn accepts(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        self.0.verify_strict(message, &signature).is_ok()
    }
}

/// The keys whose codes are good.
#[derive(Debug, Clone, Default)]
pub struct KeyRing(BTreeMap<KeyId, PublicKey>);

impl KeyRing {
    /// Adds a key; `false`, and nothing changes, when another key has its id already.
    pub fn add(&mut self, key: PublicKey) -> bool {
        *self.0.entry(key.id()).or_insert(key) == key
    }

    #[must_use]
    pub fn get(&self, id: KeyId) -> Option<&PublicKey> {
        self.0.get(&id)
    }
}
