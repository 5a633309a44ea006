//! What has happened in a waiting room. Facts carry results; they are all that the journal holds.

use std::sync::Arc;

use super::terms::{Method, RoomTerms, Tier};
use crate::domain::time::UnixMillis;

/// Most numbers that one fact names in one list, so that no fact is long.
pub const NUMBERS_PER_FACT_MAX: usize = 16_384;

/// Something that happened in one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomFact {
    /// The operator said something. Carries the whole result.
    Arranged(Box<Arranged>),
    /// The next number was given out.
    Joined(Joined),
    /// One who came before the doors brought a code later.
    Promoted {
        number: u32,
        /// Index in the terms' list.
        code: u16,
        at: UnixMillis,
    },
    Left {
        number: u32,
        /// From when on a pass that was given back counts as out no more.
        frees_at: UnixMillis,
        at: UnixMillis,
    },
    Sealed(Sealed),
    Admitted(Admitted),
    /// Passes were used, says the event's shard.
    Used {
        /// In the order of the shard.
        numbers: Vec<u32>,
        /// How many used passes of the event the room has heard of.
        heard: u64,
        at: UnixMillis,
    },
    /// Passes ran out unused, says the event's shard.
    Lapsed {
        numbers: Vec<u32>,
        /// Until when those may come back who may.
        return_until: UnixMillis,
        at: UnixMillis,
    },
    Returned {
        number: u32,
        at: UnixMillis,
    },
    /// Nobody waits any more in a room that was to be drained.
    Drained {
        at: UnixMillis,
    },
    /// Demand woke a room in the mode `auto`.
    Woken {
        at: UnixMillis,
    },
    /// Nobody waits any more in a room in the mode `auto`, and demand is low.
    Rested {
        at: UnixMillis,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arranged {
    pub terms: Arc<RoomTerms>,
    /// Of a new room and of a new line; absent: as before.
    pub keys: Option<RoomKeys>,
    pub at: UnixMillis,
}

/// Somebody stands in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined {
    pub fingerprint: u64,
    pub tier: Tier,
    /// Index in the terms' list of the code that was used.
    pub code: Option<u16>,
    pub at: UnixMillis,
}

/// The doors opened: whoever waits is an entrant, and their order is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// How the entrants were put in order; one that orders.
    pub method: Method,
    /// Over the entrants, of a draw or a line in order of arrival; zeros otherwise.
    pub root: [u8; 32],
    /// Entrants.
    pub count: u32,
    /// The public randomness that went in.
    pub beacon: Option<Arc<str>>,
    pub at: UnixMillis,
}

/// Passes were given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// In the order in which they were let in, returned ones first.
    pub numbers: Vec<u32>,
    /// Whose turn came while they were gone.
    pub skipped: Vec<u32>,
    /// Fans who shopped with a pass by the shard's newest word; with the passes that are out, never more
    /// than the terms allow (INV-11).
    pub shopping: u32,
    /// When these passes end; a whole second.
    pub expires_at: UnixMillis,
    /// Until when the skipped may come back who may; a whole second.
    pub return_until: UnixMillis,
    pub at: UnixMillis,
}

/// What a room keeps secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RoomKeys {
    /// Place tokens, passes and fingerprints are keyed with it, for the life of the room.
    pub token: [u8; 32],
    /// What the draw is seeded with; revealed after the seal. One for each line.
    pub secret: [u8; 32],
}

impl std::fmt::Debug for RoomKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RoomKeys(..)")
    }
}

impl RoomFact {
    /// When it happened; never earlier than the fact before it.
    #[must_use]
    pub fn at(&self) -> UnixMillis {
        match self {
            Self::Arranged(arranged) => arranged.at,
            Self::Joined(joined) => joined.at,
            Self::Sealed(sealed) => sealed.at,
            Self::Admitted(admitted) => admitted.at,
            Self::Promoted { at, .. }
            | Self::Left { at, .. }
            | Self::Used { at, .. }
            | Self::Lapsed { at, .. }
            | Self::Returned { at, .. }
            | Self::Drained { at }
            | Self::Woken { at }
            | Self::Rested { at } => *at,
        }
    }
}
