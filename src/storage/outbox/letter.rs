//! An entry that was not taken at its first try, and how it is written down.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::OutboxError;
use crate::domain::ids::EventNumber;
use crate::domain::time::UnixMillis;
use crate::storage::codec;

/// Most characters of [`Letter::reason`].
pub const REASON_CHARS_MAX: usize = 200;

/// Which entry of which event. Written `w<event>-<entry>`, which is also the id that receivers see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LetterId {
    pub event: EventNumber,
    pub entry: u64,
}

impl LetterId {
    pub(super) const KEY_BYTES: usize = 16;

    /// `None` when the text is not what [`LetterId`] writes: no such letter exists.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (event, entry) = text.strip_prefix('w')?.split_once('-')?;
        let number = |digits: &str| {
            let is_plain = digits == "0" || !digits.starts_with(['0', '+']);
            digits.parse::<u64>().ok().filter(|_| is_plain)
        };
        Some(Self { event: EventNumber(number(event)?), entry: number(entry)? })
    }

    pub(super) fn key(self) -> [u8; Self::KEY_BYTES] {
        let mut key = [0; Self::KEY_BYTES];
        key[..8].copy_from_slice(&self.event.0.to_be_bytes());
        key[8..].copy_from_slice(&self.entry.to_be_bytes());
        key
    }

    pub(super) fn from_key(key: &[u8]) -> Result<Self, OutboxError> {
        let damaged = || OutboxError::Damaged { what: "the letters".to_owned() };
        let (event, entry) = key.split_at_checked(8).ok_or_else(damaged)?;
        let number = |bytes: &[u8]| Some(u64::from_be_bytes(bytes.try_into().ok()?));
        let event = EventNumber(number(event).ok_or_else(damaged)?);
        Ok(Self { event, entry: number(entry).ok_or_else(damaged)? })
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "w{}-{}", self.event.0, self.entry)
    }
}

/// What is known of a letter besides its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The event as the organizer calls it, for people.
    pub event: String,
    /// Type of the entry, such as `booking.confirmed`.
    pub kind: String,
    pub body_bytes: u32,
    /// Tries so far, since it was last sent again by hand.
    pub tries: u32,
    /// Why the last one failed; at most [`REASON_CHARS_MAX`] characters.
    pub reason: String,
    pub state: LetterState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LetterState {
    Resting { not_before: UnixMillis },
    Dead { given_up_at: UnixMillis },
}

impl Letter {
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(self.state, LetterState::Dead { .. })
    }

    /// For people.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self.state {
            LetterState::Resting { .. } => "WAITING",
            LetterState::Dead { .. } => "DEAD",
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let (is_dead, at) = match self.state {
            LetterState::Resting { not_before } => (false, not_before),
            LetterState::Dead { given_up_at } => (true, given_up_at),
        };
        let shape = LetterV1 {
            event: self.event.clone(),
            kind: self.kind.clone(),
            body_bytes: self.body_bytes,
            tries: self.tries,
            reason: self.reason.chars().take(REASON_CHARS_MAX).collect(),
            is_dead,
            at: at.0,
        };
        let mut out = vec![VERSION];
        codec::encode_into(&mut out, &shape);
        out
    }

    pub(super) fn decode(id: LetterId, bytes: &[u8]) -> Result<Self, OutboxError> {
        let damaged = || OutboxError::Damaged { what: id.to_string() };
        let Some((&VERSION, payload)) = bytes.split_first() else { return Err(damaged()) };
        let shape: LetterV1 = codec::decode(payload).map_err(|_| damaged())?;
        let LetterV1 { event, kind, body_bytes, tries, reason, is_dead, at } = shape;
        let at = UnixMillis(at);
        let state = if is_dead {
            LetterState::Dead { given_up_at: at }
        } else {
            LetterState::Resting { not_before: at }
        };
        Ok(Self { event, kind, body_bytes, tries, reason, state })
    }
}

const VERSION: u8 = 1;

/// On disk: never edited, a new shape is a new version.
#[derive(Serialize, Deserialize)]
struct LetterV1 {
    event: String,
    kind: String,
    body_bytes: u32,
    tries: u32,
    reason: String,
    is_dead: bool,
    at: u64,
}
