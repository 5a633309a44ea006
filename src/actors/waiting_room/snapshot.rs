//! A room as it is published: everything but the single fans. Replaced as a whole some times a second.

use std::sync::Arc;

use super::waits::Waited;
use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::estimate::{Rate, expected};
use crate::domain::waiting_room::{Phase, Room, RoomTerms, Sealed, State, Totals, WaitingFor};

/// What is published of a room.
#[derive(Debug, Clone)]
pub struct RoomSnapshot {
    pub as_of: UnixMillis,
    pub phase: Phase,
    /// What keeps the doors shut; absent in other phases than PRE_QUEUE.
    pub waiting_for: Option<WaitingFor>,
    pub terms: Arc<RoomTerms>,
    /// Whether reservations need a pass.
    pub asks_pass: bool,
    /// First number of the line; those before have expired.
    pub base: u32,
    /// The number that the next one will get.
    pub next_number: u32,
    /// Positions given out; 0 before the doors.
    pub positions: u32,
    /// All positions before this one have had their turn.
    pub cursor: u32,
    /// Whether fans are told their position.
    pub tells_places: bool,
    /// Fans of this line by state, in the order of [`State::ALL`].
    pub counts: [u32; State::COUNT],
    /// Passes that may still be used.
    pub passes_out: u32,
    /// Live reservations made with a pass, by the shard's newest word.
    pub shopping: u32,
    /// Unit: units, over all pools; by the same word.
    pub available_units: u64,
    pub totals: Totals,
    /// Passes a second, over about 30 seconds.
    pub rate_mean: f64,
    /// The same to foretell with.
    pub rate: Rate,
    /// How long the fans waited who were let in last, and how well that was foretold.
    pub waited: Waited,
    /// How long the doors took to open, the last time since the start. Unit: milliseconds.
    pub seal_ms: Option<u32>,
    /// The brake: 1 lets in as fast as the terms allow, less while the event's shard is busy.
    pub pace: f64,
    /// Joins in the last whole second, for the difficulty of challenges.
    pub joins_per_second: u32,
    /// SHA-256 of the secret that the draw is seeded with.
    pub commitment: [u8; 32],
    /// Once the doors have opened.
    pub draw: Option<Arc<OpenDraw>>,
    /// Facts so far; equal versions mean equal states.
    pub version: u64,
}

/// What everybody may know of a draw after its seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenDraw {
    pub sealed: Sealed,
    /// What the commitment was about.
    pub secret: [u8; 32],
}

/// What the host knows of a room beside its state.
#[derive(Debug, Clone)]
pub(super) struct Circumstances {
    pub shopping: u32,
    pub available_units: u64,
    pub rate_mean: f64,
    pub rate: Rate,
    pub waited: Waited,
    pub seal_ms: Option<u32>,
    pub pace: f64,
    pub joins_per_second: u32,
    pub commitment: [u8; 32],
    pub draw: Option<Arc<OpenDraw>>,
}

impl RoomSnapshot {
    pub(super) fn of(room: &Room, now: UnixMillis, about: &Circumstances) -> Self {
        let (line, phase) = (room.line(), room.phase());
        let waiting_for = if phase == Phase::PreQueue { room.waiting_for(now) } else { None };
        Self {
            as_of: now,
            phase,
            waiting_for,
            terms: Arc::clone(room.terms()),
            asks_pass: room.asks_pass(),
            base: line.base(),
            next_number: line.next_number(),
            positions: line.positions(),
            cursor: line.cursor(),
            tells_places: line.tells_places(),
            counts: State::ALL.map(|state| line.count(state)),
            passes_out: line.passes_out(),
            shopping: about.shopping,
            available_units: about.available_units,
            totals: *room.totals(),
            rate_mean: about.rate_mean,
            rate: about.rate,
            waited: about.waited,
            seal_ms: about.seal_ms,
            pace: about.pace,
            joins_per_second: about.joins_per_second,
            commitment: about.commitment,
            draw: about.draw.clone(),
            version: room.version(),
        }
    }

    /// Fans of this line in this state.
    #[must_use]
    pub fn count(&self, state: State) -> u32 {
        self.counts[state as usize]
    }

    /// Passes a second that those who wait may expect.
    #[must_use]
    pub fn expected_rate(&self) -> Rate {
        let ordered = f64::from(self.terms.rate_per_minute) / 60.0 * self.pace;
        let active = self.passes_out.saturating_add(self.shopping);
        expected(ordered, self.terms.active_max <= active, self.rate)
    }

    /// Who waits for a pass: WAITING and RETURNING.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.count(State::Waiting) + self.count(State::Returning)
    }

    /// The part of those whose turn came who did not use it, from 0 to 1; 0 before anybody's turn.
    #[must_use]
    pub fn no_show_ratio(&self) -> f64 {
        let missed = self.totals.lapsed + self.totals.skipped;
        let decided = missed + self.totals.used;
        if decided == 0 { 0.0 } else { missed as f64 / decided as f64 }
    }

    /// The part of the living whose turn comes who will use it. The absent are not counted among the living,
    /// so those who were passed over do not count here; and some uses are taken for granted, else the first
    /// that lapse would say that nobody buys, and promise everybody something.
    #[must_use]
    pub fn conversion(&self) -> f64 {
        const USES_ASSUMED: u64 = 20;
        let used = self.totals.used + USES_ASSUMED;
        used as f64 / (used + self.totals.lapsed) as f64
    }
}
