//! What a fact changes for those who only look.

use super::line::State;

/// One change, for the columns that polls read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewChange {
    /// The next number was given out; it waits at this position ([`super::NO_PLACE`] before the doors).
    Joined { number: u32, position: u32 },
    /// See [`super::Line::slot`] for what the slot says in each state.
    Slot { number: u32, state: State, slot: u32 },
    /// Everybody who waits has a position now: read them from the line.
    Sealed,
    /// A new line: numbers below have all expired.
    Begun { base: u32 },
    /// The terms are others.
    Arranged,
}
