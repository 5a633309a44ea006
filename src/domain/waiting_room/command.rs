//! What may be asked of a waiting room. Imperatives; nothing here has happened yet.

use std::sync::Arc;

use super::terms::{CodeTerms, Ending, Method, RoomMode};
use crate::domain::inventory::Change;
use crate::domain::time::UnixMillis;

/// What may be asked of a room. Its clockwork is [`super::tick`], which borrows what it looks at.
#[derive(Debug, Clone)]
pub enum RoomCommand {
    /// Makes the room, or changes what its operator said.
    Arrange(Box<Arrange>),
    Join(Join),
    /// Gives a place, or a pass, back.
    Leave {
        number: u32,
        /// How long a reservation that passed the door may wait for its turn. A pass that is given
        /// back counts as out for as long, since it may be on its way to be used.
        in_flight_ms: u32,
    },
    /// One who missed their turn is back.
    Return {
        number: u32,
    },
    /// Demand asks for a line.
    Wake,
}

/// `None` leaves a field as it is, and a new room at its default.
#[derive(Debug, Clone)]
pub struct Arrange {
    /// Change only this revision (`If-Match`).
    pub expected_revision: Option<u64>,
    pub mode: Option<RoomMode>,
    pub method: Option<Method>,
    pub doors_at: Option<Change<UnixMillis>>,
    pub rate_per_minute: Option<u32>,
    pub active_max: Option<u32>,
    pub pass_seconds: Option<u32>,
    pub return_seconds: Option<u32>,
    pub absent_seconds: Option<u32>,
    pub units_per_pass_hundredths: Option<u32>,
    pub auto_per_second: Option<u32>,
    pub paused: Option<bool>,
    pub ending: Option<Ending>,
    pub message: Option<Change<Arc<str>>>,
    pub challenge: Option<bool>,
    pub beacon: Option<Change<Arc<str>>>,
    pub beacon_value: Option<Change<Arc<str>>>,
    /// All codes from now on, in any order, each once. How often one was used goes with its digest.
    pub codes: Option<Vec<CodeTerms>>,
    /// Chosen at the edge, since the rules know no randomness: the token key of a new room, and the
    /// secret of a new line. Unused otherwise.
    pub random: Random,
}

impl Arrange {
    /// Changes nothing yet. `random`: 64 bytes that nobody can guess.
    #[must_use]
    pub fn nothing(random: [u8; 64]) -> Self {
        Self {
            expected_revision: None,
            mode: None,
            method: None,
            doors_at: None,
            rate_per_minute: None,
            active_max: None,
            pass_seconds: None,
            return_seconds: None,
            absent_seconds: None,
            units_per_pass_hundredths: None,
            auto_per_second: None,
            paused: None,
            ending: None,
            message: None,
            challenge: None,
            beacon: None,
            beacon_value: None,
            codes: None,
            random: Random(random),
        }
    }
}

/// 64 bytes that nobody can guess, and that no log shows.
#[derive(Clone, Copy)]
pub struct Random(pub(super) [u8; 64]);

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random(..)")
    }
}

/// Asks for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Join {
    /// Who, keyed by the room: one place for each.
    pub fingerprint: u64,
    /// Digest of the code, if one was given.
    pub code: Option<[u8; 16]>,
    /// Looks like a bot.
    pub suspect: bool,
}
