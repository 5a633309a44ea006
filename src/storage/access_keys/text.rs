//! A key as its holder has it: `onsale_<id>_<secret>`, a prefix by which scanners for leaked secrets know it,
//! an id that may be shown, and 32 random bytes that may not.

use std::fmt;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};

/// Begins every key, and nothing else that is a credential here.
pub const KEY_PREFIX: &str = "onsale_";

const ID_CHARS: usize = 8;
const SECRET_CHARS: usize = 43;

/// A key with its secret. Shown once; `Debug` hides the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText {
    id: String,
    secret: [u8; 32],
}

impl KeyText {
    #[must_use]
    pub fn new(id: &[u8; 5], secret: [u8; 32]) -> Self {
        Self { id: BASE32_NOPAD.encode(id).to_ascii_lowercase(), secret }
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What the holder sends.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{KEY_PREFIX}{}_{}", self.id, BASE64URL_NOPAD.encode(&self.secret))
    }

    /// The id and the secret of what somebody sent; `None`: it is not written like a key. A secret has one
    /// spelling only. Takes nothing from the heap.
    #[must_use]
    pub fn split(text: &str) -> Option<(&str, [u8; 32])> {
        let rest = text.strip_prefix(KEY_PREFIX)?;
        let (id, secret) = rest.split_at_checked(ID_CHARS)?;
        let secret = secret.strip_prefix('_').filter(|secret| secret.len() == SECRET_CHARS)?;
        let is_id = id.bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7'));
        let mut bytes = [0; 32];
        let decoded = BASE64URL_NOPAD.decode_mut(secret.as_bytes(), &mut bytes).is_ok();
        (is_id && decoded).then_some((id, bytes))
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{KEY_PREFIX}{}_(hidden)", self.id)
    }
}

/// What is kept of a secret.
#[must_use]
pub fn secret_digest(secret: &[u8; 32]) -> [u8; 32] {
    *blake3::hash(secret).as_bytes()
}
