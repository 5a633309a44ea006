//! API keys in memory: looked up without a lock, compared in constant time.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::{Denied, KeyCaller};
use crate::domain::time::UnixMillis;
use crate::storage::access_keys::{KeyText, StoredKey, secret_digest};

/// Unit: milliseconds. When a key was used is known to a minute: finer would be a write for each request.
const MINUTE: u64 = 60_000;

/// The keys that are good now, as the file has them.
#[derive(Default)]
pub struct KeyRing {
    keys: ArcSwap<HashMap<Box<str>, Arc<Held>>>,
}

struct Held {
    caller: Arc<KeyCaller>,
    digest: blake3::Hash,
    is_revoked: bool,
    /// Unit: milliseconds since 1970; 0: not since the server knows it.
    used_at: AtomicU64,
}

impl KeyRing {
    /// Takes the place of what was known before; when keys were last used stays known.
    pub fn replace(&self, stored: Vec<StoredKey>) {
        let before = self.keys.load();
        let keys = stored.into_iter().map(|key| {
            let used_at = before.get(key.id.as_str()).map_or(0, |held| held.used_at());
            let caller =
                KeyCaller { id: key.id, role: key.role, organizer: key.organizer, name: key.name };
            let held = Held {
                digest: blake3::Hash::from_bytes(key.digest),
                is_revoked: key.revoked_at.is_some(),
                used_at: AtomicU64::new(used_at),
                caller: Arc::new(caller),
            };
            (held.caller.id.as_str().into(), Arc::new(held))
        });
        self.keys.store(Arc::new(keys.collect()));
    }

    /// Keys, revoked ones too.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.load().len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whose key `text` is.
    ///
    /// # Errors
    /// [`Denied::Malformed`], [`Denied::UnknownKey`] or [`Denied::Revoked`]; callers hear the same of all.
    pub fn check(&self, text: &str, now: UnixMillis) -> Result<Arc<KeyCaller>, Denied> {
        let (id, secret) = KeyText::split(text).ok_or(Denied::Malformed)?;
        let keys = self.keys.load();
        let held = keys.get(id);
        // Also of an id that is none, so that the time does not tell which ids there are.
        let digest = blake3::Hash::from_bytes(secret_digest(&secret));
        let known = held.map_or(blake3::Hash::from_bytes([0; 32]), |held| held.digest);
        // `blake3::Hash` compares in constant time.
        let is_right = digest == known;
        let held = held.filter(|_| is_right).ok_or(Denied::UnknownKey)?;
        if held.is_revoked {
            return Err(Denied::Revoked);
        }
        // Read far more often than written, so that the line stays with every core.
        if MINUTE <= now.0.saturating_sub(held.used_at()) {
            held.used_at.store(now.0 / MINUTE * MINUTE, Ordering::Relaxed);
        }
        Ok(Arc::clone(&held.caller))
    }

    /// When each key was last used; absent: not since the server knows it.
    #[must_use]
    pub fn last_used(&self) -> BTreeMap<String, UnixMillis> {
        let keys = self.keys.load();
        let mut held: Vec<&Arc<Held>> = keys.values().collect();
        held.sort_by(|a, b| a.caller.id.cmp(&b.caller.id));
        let used = held.into_iter().filter(|held| held.used_at() != 0);
        used.map(|held| (held.caller.id.clone(), UnixMillis(held.used_at()))).collect()
    }
}

impl Held {
    fn used_at(&self) -> u64 {
        self.used_at.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::Role;

    fn stored(text: &KeyText, secret: [u8; 32]) -> StoredKey {
        StoredKey {
            id: text.id().to_owned(),
            role: Role::Operator,
            organizer: None,
            name: "x".into(),
            created_at: UnixMillis(1),
            revoked_at: None,
            digest: secret_digest(&secret),
        }
    }

    #[test]
    fn the_right_secret_is_taken_until_it_is_revoked() {
        let (ring, text) = (KeyRing::default(), KeyText::new(&[1; 5], [2; 32]));
        let sent = text.reveal();
        assert_eq!(ring.check(&sent, UnixMillis(1)), Err(Denied::UnknownKey));
        ring.replace(vec![stored(&text, [2; 32])]);
        assert_eq!(ring.check(&sent, UnixMillis(150_000)).unwrap().id, text.id());
        assert_eq!(ring.last_used()[text.id()], UnixMillis(120_000));
        let other = KeyText::new(&[1; 5], [3; 32]).reveal();
        assert_eq!(ring.check(&other, UnixMillis(1)), Err(Denied::UnknownKey));
        let zero = KeyText::new(&[9; 5], [0; 32]).reveal();
        assert_eq!(ring.check(&zero, UnixMillis(1)), Err(Denied::UnknownKey));
        let revoked = StoredKey { revoked_at: Some(UnixMillis(2)), ..stored(&text, [2; 32]) };
        ring.replace(vec![revoked]);
        assert_eq!(ring.check(&sent, UnixMillis(3)), Err(Denied::Revoked));
        assert_eq!(ring.last_used()[text.id()], UnixMillis(120_000));
        ring.replace(vec![]);
        assert_eq!(ring.check(&sent, UnixMillis(3)), Err(Denied::UnknownKey));
    }
}
