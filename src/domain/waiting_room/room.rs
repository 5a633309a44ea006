//! The state of one event's waiting room, and the questions that may be asked of it. Only `apply` and the
//! restoring of a checkpoint change it.

use std::sync::Arc;

use super::fact::{RoomKeys, Sealed};
use super::line::{Line, State};
use super::terms::{Ending, Method, RoomMode, RoomTerms};
use crate::domain::ids::EventNumber;
use crate::domain::time::UnixMillis;

/// The waiting room of one event.
#[derive(Debug)]
pub struct Room {
    pub(super) event: EventNumber,
    pub(super) terms: Arc<RoomTerms>,
    pub(super) keys: RoomKeys,
    pub(super) line: Line,
    /// How the doors of this line opened.
    pub(super) sealed: Option<Sealed>,
    /// Asked to drain, and nobody waits any more.
    pub(super) drained: bool,
    /// Uses of each code of the terms.
    pub(super) codes_used: Vec<u32>,
    /// Facts applied so far.
    pub(super) version: u64,
    /// Time of the newest fact; time never runs backwards in a journal.
    pub(super) latest: UnixMillis,
    /// How many used passes of the event the room has taken in.
    pub(super) heard: u64,
    pub(super) totals: Totals,
}

/// What happened over the life of the room, all its lines together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub joined: u64,
    /// Of these, with a code.
    pub priority: u64,
    /// Of these, those who look like bots.
    pub suspects: u64,
    /// Passes given out.
    pub admitted: u64,
    pub used: u64,
    pub lapsed: u64,
    pub skipped: u64,
    pub returned: u64,
    pub left: u64,
    /// Passes given to somebody while one with an earlier place waited and was there.
    pub inversions: u64,
}

/// How far a room is. `paused` is a flag of the terms on top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nobody has to wait.
    Idle,
    /// The doors are shut; the order of arrival does not matter.
    PreQueue,
    Active,
    /// Nobody waits any more, and nobody has to.
    Drained,
    Closed,
}

/// What keeps the doors shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingFor {
    Doors,
    /// The value of the public randomness that was announced.
    Beacon,
    /// A method by which a line can be put in order.
    Method,
}

impl Room {
    #[must_use]
    pub fn event(&self) -> EventNumber {
        self.event
    }

    #[must_use]
    pub fn terms(&self) -> &Arc<RoomTerms> {
        &self.terms
    }

    #[must_use]
    pub fn keys(&self) -> &RoomKeys {
        &self.keys
    }

    #[must_use]
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// The seal of this line, once its doors have opened.
    #[must_use]
    pub fn sealed(&self) -> Option<&Sealed> {
        self.sealed.as_ref()
    }

    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Uses of each code, in the order of the terms.
    #[must_use]
    pub fn codes_used(&self) -> &[u32] {
        &self.codes_used
    }

    /// Facts applied so far; equal versions of one room mean equal states.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How many used passes of the event the room has taken in; what to ask the shard for is what came
    /// after.
    #[must_use]
    pub fn heard(&self) -> u64 {
        self.heard
    }

    /// `now`, but never before the newest fact: a clock that was set back must not reorder history.
    #[must_use]
    pub fn not_before_latest(&self, now: UnixMillis) -> UnixMillis {
        now.max(self.latest)
    }

    #[must_use]
    pub fn phase(&self) -> Phase {
        let dormant = self.terms.mode == RoomMode::Auto && !self.terms.awake;
        if self.terms.mode == RoomMode::Off {
            Phase::Idle
        } else if self.terms.ending == Ending::Close {
            Phase::Closed
        } else if dormant {
            Phase::Idle
        } else if self.drained {
            Phase::Drained
        } else if self.sealed.is_none() {
            Phase::PreQueue
        } else {
            Phase::Active
        }
    }

    /// Whether reservations need a pass.
    #[must_use]
    pub fn asks_pass(&self) -> bool {
        match self.phase() {
            Phase::Idle | Phase::Drained => false,
            Phase::Closed => true,
            Phase::PreQueue | Phase::Active => self.terms.method != Method::Passthrough,
        }
    }

    /// What keeps the doors of a room in the phase PRE_QUEUE shut; `None`: nothing, the next tick opens
    /// them.
    #[must_use]
    pub fn waiting_for(&self, now: UnixMillis) -> Option<WaitingFor> {
        let terms = &self.terms;
        if terms.doors_at.is_some_and(|doors| now < doors) {
            Some(WaitingFor::Doors)
        } else if terms.beacon.is_some() && terms.beacon_value.is_none() {
            Some(WaitingFor::Beacon)
        } else if !terms.method.orders() {
            Some(WaitingFor::Method)
        } else {
            None
        }
    }

    /// The state of a number as it counts now: one who may no longer come back has expired, and so has
    /// everybody when the room is off.
    #[must_use]
    pub fn state(&self, number: u32, now: UnixMillis) -> Option<State> {
        let state = self.line.state(number)?;
        let ended = self.terms.mode == RoomMode::Off && state.is_live();
        let too_late = state == State::Skipped && !self.may_return(number, now);
        Some(if ended || too_late { State::Expired } else { state })
    }

    fn may_return(&self, number: u32, now: UnixMillis) -> bool {
        now.0 < u64::from(self.line.slot(number)) * 1_000
    }
}

impl Phase {
    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "IDLE",
            Self::PreQueue => "PRE_QUEUE",
            Self::Active => "ACTIVE",
            Self::Drained => "DRAINED",
            Self::Closed => "CLOSED",
        }
    }
}

impl WaitingFor {
    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Doors => "doors",
            Self::Beacon => "beacon",
            Self::Method => "method",
        }
    }
}
