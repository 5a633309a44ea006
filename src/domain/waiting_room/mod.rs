//! The waiting room: the line in front of one event.
//!
//! ```text
//!   Command ── decide(room, command, now) ──> Fact ── apply(room, fact) ──> room'
//!                      └──> Refusal (changes nothing, never journaled)
//!   time, the shard's news ── tick(room, input, now) ──> facts
//!
//!   a place:  WAITING ──> READY ──> USED          LEFT: gave up, from any of the four
//!                │          │
//!                └──────────┴──> SKIPPED ──> RETURNING ──> READY …, once
//!                                   └──> EXPIRED
//! ```
//!
//! A room is IDLE (off, or asleep), in PRE_QUEUE (its doors are shut), ACTIVE, DRAINED or CLOSED. What the
//! operator may do to it, and what becomes of whom:
//!
//! | | those in line | passes that are out | joins | reservations |
//! |---|---|---|---|---|
//! | pause | keep their places; nobody is let in or passed over | may be used | taken | need a pass |
//! | drain | are let in at the usual pace | may be used | refused | need a pass until nobody waits, then none |
//! | close | keep their places; nobody is let in | may be used | refused | need a pass |
//! | off | have all expired | mean nothing | not needed | need none |
//!
//! All but the last can be taken back, and the line goes on where it was. Off ends the line: when the room is
//! switched on again another begins, with a pre-queue, a secret and a draw of its own. Numbers go on, so
//! tokens of places from before hear that they have expired, and positions begin at 0. What was drawn can be
//! checked until then.
//!
//! A room in the mode `auto` sleeps until demand wakes it, and rests again when nobody waits and demand is
//! low; its line goes on when it wakes.

mod admission;
mod apply;
mod arrange;
mod column;
mod command;
mod decide;
pub mod draw;
mod entrants;
pub mod estimate;
mod fact;
mod known;
mod laws;
mod line;
mod moves;
mod refusal;
mod room;
mod snapshot;
mod terms;
mod tick;
pub mod token;
mod view;

pub use admission::{AdmissionInput, Heard, TickInput, Tokens, want};
pub use apply::apply;
pub use arrange::create;
pub use command::{Arrange, Join, RoomCommand};
pub use decide::{NUMBERS_MAX, RoomDecision, decide};
pub use fact::{Admitted, Arranged, Joined, NUMBERS_PER_FACT_MAX, RoomFact, RoomKeys, Sealed};
pub use line::{Line, NO_PLACE, State};
pub use refusal::RoomRefusal;
pub use room::{Phase, Room, Totals, WaitingFor};
pub use snapshot::{FANS_PER_PIECE, LinePiece, RoomHead};
pub use terms::{CodeTerms, Ending, Method, RoomMode, RoomTerms, Tier};
pub use tick::tick;
pub use view::ViewChange;

#[cfg(test)]
mod tests;
