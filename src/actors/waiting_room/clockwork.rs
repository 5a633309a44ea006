//! What the host does by itself, some times a second: open doors, wake and rest, let in.

use std::time::Duration;

use super::batch::Batch;
use super::live::Live;
use super::rooms::Rooms;
use crate::domain::ids::EventNumber;
use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::{
    Heard, Phase, RoomCommand, RoomDecision, RoomFact, RoomMode, State, TickInput, decide, tick,
};
use crate::faults;

/// Between two looks at one room. Unit: milliseconds.
const LOOK_MS: u64 = 100;
/// Between two snapshots of a room in which nothing moves.
const QUIET_MS: u64 = 1_000;

/// What a look asks for, to be done apart.
pub(super) enum Job {
    /// Ask the event's shard for the passes used after these.
    Ask { event: EventNumber, after: u64 },
    /// Put the line in order.
    Open { event: EventNumber },
}

impl Rooms {
    pub(super) fn look_at_all(&mut self, now: UnixMillis, batch: &mut Batch) -> Vec<Job> {
        let events: Vec<EventNumber> = self.live.keys().copied().collect();
        let jobs = events.into_iter().filter_map(|event| {
            let live = self.live.get_mut(&event)?;
            let wakes = live.look(now)?;
            if wakes {
                self.wake(event, now, batch);
            }
            self.live.get_mut(&event)?.next_job(event, now, batch)
        });
        jobs.collect()
    }

    /// How busy the event's shard was when it answered.
    pub(super) fn pace(&mut self, event: EventNumber, fullness: f64, waited: Duration) {
        if let Some(live) = self.live.get_mut(&event) {
            live.seen.brake.look(fullness, waited);
        }
    }

    /// Takes in what the shard said, and lets in who may come. `None`: it said nothing.
    pub(super) fn let_in(
        &mut self,
        event: EventNumber,
        heard: Option<&Heard>,
        now: UnixMillis,
        batch: &mut Batch,
    ) {
        let blind = heard.filter(|_| faults::planted("ignore_shoppers"));
        let blind = blind.map(|heard| Heard { shopping: 0, ..heard.clone() });
        let heard = blind.as_ref().or(heard);
        let Some(live) = self.live.get_mut(&event) else { return };
        live.seen.is_asking = false;
        if let Some(heard) = heard {
            live.seen.shopping = heard.shopping;
            live.seen.available_units = heard.available_units;
        }
        let elapsed_ms = now.0.saturating_sub(live.seen.let_in_at.0);
        live.seen.let_in_at = now;
        let Some(room) = &live.room else { return };
        if room.phase() == Phase::PreQueue && room.waiting_for(now).is_none() {
            // A new line since the shard was asked. It is put in order apart, not here.
            return;
        }
        let terms = room.terms();
        let pace = live.seen.brake.pace();
        live.seen.tokens.refill(elapsed_ms, terms.rate_per_minute, pace);
        let absent = |number| live.view.is_absent(number, now, terms.absent_seconds);
        let input = TickInput {
            heard,
            absent: &absent,
            tokens: live.seen.tokens.whole(),
            calm: live.seen.demand.is_calm(now),
        };
        let facts = tick(room, &input, now);
        let admitted: usize = facts.iter().map(admitted).sum();
        let moves = room.phase() == Phase::Active && !terms.paused;
        if moves {
            let admitted = u32::try_from(admitted).unwrap_or(u32::MAX);
            live.seen.rate.add(admitted, elapsed_ms);
            let waiting = room.line().count(State::Waiting) + room.line().count(State::Returning);
            if 0 < waiting {
                // An empty line says nothing about the rate.
                let elapsed_ms = u32::try_from(elapsed_ms).unwrap_or(u32::MAX);
                live.seen.pace.observe(admitted, elapsed_ms);
            }
        }
        live.snapshot_due = true;
        live.seen.shown_at = now;
        batch.touch(event);
        facts.iter().for_each(|fact| self.apply(event, fact, batch));
    }

    fn wake(&mut self, event: EventNumber, now: UnixMillis, batch: &mut Batch) {
        let room = self.live.get(&event).and_then(|live| live.room.as_ref());
        if let Some(Ok(RoomDecision::Happens(fact))) =
            room.map(|room| decide(room, &RoomCommand::Wake, now))
        {
            self.apply(event, &fact, batch);
        }
    }
}

impl Live {
    /// `None`: not its turn yet. Else whether demand asks for a line.
    fn look(&mut self, now: UnixMillis) -> Option<bool> {
        let room = self.room.as_ref()?;
        let seen = &mut self.seen;
        // A clock that was set back must not stop a room.
        if seen.looked_at <= now && now < seen.looked_at.plus_millis(LOOK_MS) {
            return None;
        }
        seen.looked_at = now;
        let terms = room.terms();
        let asked = self.view.asked() + seen.joins;
        let demand = seen.demand.look(asked, terms.auto_per_second.div_ceil(2), now);
        seen.joins_demand.look(seen.joins, 0, now);
        let dormant = terms.mode == RoomMode::Auto && room.phase() == Phase::Idle;
        Some(dormant && terms.auto_per_second < demand)
    }

    fn next_job(&mut self, event: EventNumber, now: UnixMillis, batch: &mut Batch) -> Option<Job> {
        let room = self.room.as_ref()?;
        if room.phase() == Phase::PreQueue && room.waiting_for(now).is_none() {
            return Some(Job::Open { event });
        }
        if room.phase() == Phase::Active || 0 < room.line().passes_out() {
            if self.seen.is_asking {
                return None;
            }
            self.seen.is_asking = true;
            return Some(Job::Ask { event, after: room.heard() });
        }
        let pause = if room.phase() == Phase::PreQueue { LOOK_MS } else { QUIET_MS };
        if self.seen.shown_at.plus_millis(pause) <= now || now < self.seen.shown_at {
            self.seen.shown_at = now;
            self.snapshot_due = true;
            batch.touch(event);
        }
        None
    }
}

fn admitted(fact: &RoomFact) -> usize {
    match fact {
        RoomFact::Admitted(admitted) => admitted.numbers.len(),
        _ => 0,
    }
}
