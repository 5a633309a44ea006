//! One room in its host: the state, and what the host knows beside it.

use std::sync::Arc;

use super::message::RoomSubmission;
use super::pace::{Brake, Demand, Rate};
use super::snapshot::{Circumstances, OpenDraw};
use super::view::RoomView;
use super::waits::Waits;
use crate::actors::directory::EventEntry;
use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::estimate::{Pace, Rate as Expected, expected};
use crate::domain::waiting_room::{Room, RoomFact, State, Tokens, ViewChange, draw};
use crate::metrics::HostMetrics;

pub(super) struct Live {
    /// Absent while its doors are being opened.
    pub room: Option<Room>,
    /// Who asked meanwhile. They keep their places in the queue, so there are not many.
    pub parked: Vec<RoomSubmission>,
    pub entry: Arc<EventEntry>,
    pub view: Arc<RoomView>,
    /// Made in the open batch, so nobody sees it yet.
    pub is_unopened: bool,
    /// Of the open batch.
    pub changes: Vec<ViewChange>,
    /// The snapshot is to be replaced with the open batch.
    pub snapshot_due: bool,
    pub seen: Seen,
}

/// What is known of a room beside its state. Begins anew with each host.
pub(super) struct Seen {
    pub tokens: Tokens,
    pub brake: Brake,
    pub rate: Rate,
    /// The same to foretell with: begins with what was ordered, and knows its doubt.
    pub pace: Pace,
    /// How long the doors took to open, the last time since the start. Unit: milliseconds.
    pub seal_ms: Option<u32>,
    pub demand: Demand,
    /// Joins that were asked for.
    pub joins: u64,
    pub joins_demand: Demand,
    /// The shard was asked and has not answered.
    pub is_asking: bool,
    pub looked_at: UnixMillis,
    pub shown_at: UnixMillis,
    pub let_in_at: UnixMillis,
    pub shopping: u32,
    pub available_units: u64,
    pub draw: Option<Arc<OpenDraw>>,
    pub commitment: [u8; 32],
    waits: Waits,
    /// Of the room's totals, already counted.
    inversions: u64,
}

impl Live {
    pub fn new(room: Room, entry: Arc<EventEntry>, view: Arc<RoomView>, seen: Seen) -> Self {
        Self {
            room: Some(room),
            parked: Vec::new(),
            entry,
            view,
            is_unopened: false,
            changes: Vec::new(),
            snapshot_due: false,
            seen,
        }
    }

    /// Of a fact that was applied. Single fans are shown by their cells; what else such a fact changes
    /// follows with the next look.
    pub fn note(&mut self, fact: &RoomFact, metrics: &HostMetrics) {
        let (Some(room), seen) = (&self.room, &mut self.seen) else { return };
        let count = |numbers: &Vec<u32>| numbers.len() as u64;
        match fact {
            RoomFact::Joined(joined) => {
                metrics.joins_new.increment(1);
                let (number, pace) = (room.line().next_number() - 1, seen.pace_of(room));
                seen.waits.joined(number, joined.at, ahead_of(room, number), pace);
                return;
            }
            RoomFact::Promoted { .. } | RoomFact::Left { .. } | RoomFact::Returned { .. } => {
                return;
            }
            RoomFact::Arranged(_) => {
                seen.waits.began(room.line().base());
                (seen.commitment, seen.draw) = (commitment(room), open_draw(room));
            }
            RoomFact::Sealed(sealed) => {
                let pace = seen.pace_of(room);
                seen.waits.doors_opened(sealed.at, pace, |number| ahead_of(room, number));
                (seen.commitment, seen.draw) = (commitment(room), open_draw(room));
            }
            RoomFact::Admitted(admitted) => {
                let passes = count(&admitted.numbers);
                seen.tokens.take(u32::try_from(passes).unwrap_or(u32::MAX));
                seen.waits.let_in(&admitted.numbers, admitted.at, metrics);
                metrics.passes_issued.increment(passes);
                let inversions = room.totals().inversions;
                metrics.order_inversions.increment(inversions - seen.inversions);
                seen.inversions = inversions;
            }
            RoomFact::Used { numbers, .. } => metrics.passes_used.increment(count(numbers)),
            RoomFact::Lapsed { numbers, .. } => metrics.passes_lapsed.increment(count(numbers)),
            RoomFact::Drained { .. } | RoomFact::Woken { .. } | RoomFact::Rested { .. } => {}
        }
        self.snapshot_due = true;
    }
}

impl Seen {
    pub fn of(room: &Room, now: UnixMillis) -> Self {
        Self {
            tokens: Tokens::default(),
            brake: Brake::released(),
            rate: Rate::default(),
            pace: Pace::ordered(ordered(room)),
            seal_ms: None,
            demand: Demand::default(),
            joins: 0,
            joins_demand: Demand::default(),
            is_asking: false,
            looked_at: UnixMillis::default(),
            shown_at: now,
            let_in_at: now,
            shopping: 0,
            available_units: 0,
            draw: open_draw(room),
            commitment: commitment(room),
            waits: Waits::default(),
            inversions: room.totals().inversions,
        }
    }

    /// What fans are told, see [`RoomSnapshot::expected_rate`](super::RoomSnapshot::expected_rate).
    fn pace_of(&self, room: &Room) -> Expected {
        let active = room.line().passes_out().saturating_add(self.shopping);
        let is_full = room.terms().active_max <= active;
        expected(ordered(room) * self.brake.pace(), is_full, self.pace.rate())
    }

    pub fn circumstances(&self) -> Circumstances {
        Circumstances {
            shopping: self.shopping,
            available_units: self.available_units,
            rate_mean: self.rate.mean(),
            rate: self.pace.rate(),
            waited: self.waits.lately(),
            seal_ms: self.seal_ms,
            pace: self.brake.pace(),
            joins_per_second: self.joins_demand.per_second,
            commitment: self.commitment,
            draw: self.draw.clone(),
        }
    }
}

fn commitment(room: &Room) -> [u8; 32] {
    draw::commitment(&room.keys().secret)
}

/// Unit: passes a second.
fn ordered(room: &Room) -> f64 {
    f64::from(room.terms().rate_per_minute) / 60.0
}

fn open_draw(room: &Room) -> Option<Arc<OpenDraw>> {
    let sealed = room.sealed()?.clone();
    Some(Arc::new(OpenDraw { sealed, secret: room.keys().secret }))
}

/// Positions before that of one who waits, if it is told.
fn ahead_of(room: &Room, number: u32) -> Option<u32> {
    let line = room.line();
    let waits = line.tells_places() && line.state(number) == Some(State::Waiting);
    waits.then(|| line.slot(number).saturating_sub(line.cursor()))
}
