//! The rooms of one host. Synchronous: the domain's rules with the encoding of facts around them, and
//! nothing that waits.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::batch::Batch;
use super::live::{Live, Seen};
use super::message::{Entrant, PlaceAnswer, RoomAnswer, RoomAsk, RoomError, RoomSubmission};
use super::seal::{Opened, Opening};
use super::snapshot::RoomSnapshot;
use super::view::RoomView;
use crate::actors::directory::EventEntry;
use crate::domain::ids::EventNumber;
use crate::domain::time::UnixMillis;
use crate::domain::waiting_room::{
    Arrange, Room, RoomCommand, RoomDecision, RoomFact, RoomRefusal, ViewChange, apply, create,
    decide,
};
use crate::faults;
use crate::metrics::HostMetrics;

/// Rooms by the number of their event.
#[derive(Default)]
pub(crate) struct Rooms {
    pub(super) live: BTreeMap<EventNumber, Live>,
    metrics: HostMetrics,
}

/// What the committer shows of a room once a batch is durable.
pub(crate) struct RoomNews {
    /// Of a room that was made in this batch.
    pub opens: Option<Arc<EventEntry>>,
    pub view: Arc<RoomView>,
    pub changes: Vec<ViewChange>,
    pub at: UnixMillis,
    pub snapshot: Option<Arc<RoomSnapshot>>,
}

impl Rooms {
    /// Takes in a room that was recovered. Readers keep the view that they know.
    pub fn adopt(&mut self, room: Room, entry: Arc<EventEntry>, now: UnixMillis) -> Arc<RoomView> {
        let seen = Seen::of(&room, now);
        let snapshot = RoomSnapshot::of(&room, now, &seen.circumstances());
        let view = match entry.room() {
            Some(known) => {
                known.show_all(&room);
                known.show(Arc::new(snapshot));
                Arc::clone(known)
            }
            None => Arc::new(RoomView::of(&room, now, snapshot)),
        };
        self.insert(room, entry, Arc::clone(&view), seen);
        view
    }

    pub(super) fn answer(
        &mut self,
        event: &Arc<EventEntry>,
        ask: RoomAsk,
        now: UnixMillis,
        batch: &mut Batch,
    ) -> Result<RoomAnswer, RoomError> {
        let command = match ask {
            RoomAsk::Command(command) => command,
            RoomAsk::Entrants { from, limit } => {
                let room = self.room(event.number)?;
                return Ok(RoomAnswer::Entrants(entrants(room, from, limit)));
            }
        };
        if let RoomCommand::Arrange(ask) = &command
            && !self.live.contains_key(&event.number)
        {
            return self.create(event, ask, now, batch);
        }
        if let (RoomCommand::Join(_), Some(live)) = (&command, self.live.get_mut(&event.number)) {
            live.seen.joins += 1;
        }
        let is_join = matches!(command, RoomCommand::Join(_));
        let room = self.room(event.number)?;
        let decision = decide(room, &command, now);
        if decision.is_err() && is_join {
            self.metrics.joins_refused.increment(1);
        }
        match decision? {
            RoomDecision::Happens(fact) => {
                self.apply(event.number, &fact, batch);
                self.tell(event.number, &fact, now)
            }
            RoomDecision::Repeats { number } => {
                self.metrics.joins_repeated.increment(1);
                place(room, number, now, true)
            }
            RoomDecision::Unchanged => match command {
                RoomCommand::Arrange(_) => Ok(arranged(room, false)),
                RoomCommand::Leave { number, .. } | RoomCommand::Return { number } => {
                    place(room, number, now, true)
                }
                RoomCommand::Join(_) | RoomCommand::Wake => Ok(RoomAnswer::Done),
            },
        }
    }

    /// Keeps what is asked of a room whose doors are being opened; gives back all other.
    pub(super) fn park(&mut self, submission: RoomSubmission) -> Option<RoomSubmission> {
        match self.live.get_mut(&submission.event.number) {
            Some(live) if live.room.is_none() => {
                live.parked.push(submission);
                None
            }
            Some(_) | None => Some(submission),
        }
    }

    /// Hands out a room to be opened; until it is back, what is asked of it waits.
    pub(super) fn take_out(&mut self, event: EventNumber, now: UnixMillis) -> Option<Opening> {
        let room = self.live.get_mut(&event)?.room.take()?;
        Some(Opening { room, now })
    }

    /// Takes it back, with who asked meanwhile.
    pub(super) fn take_back(&mut self, opened: Opened, batch: &mut Batch) -> Vec<RoomSubmission> {
        let Opened { room, facts, changes, took } = opened;
        let event = room.event();
        let Some(live) = self.live.get_mut(&event) else { return Vec::new() };
        // Nobody reads positions while the snapshot says PRE_QUEUE; it says ACTIVE after the commit.
        live.view.show_all(&room);
        live.room = Some(room);
        live.changes.extend(changes);
        live.seen.looked_at = UnixMillis::default();
        for fact in &facts {
            live.note(fact, &self.metrics);
            batch.fact(event, fact);
        }
        live.seen.seal_ms = u32::try_from(took.as_millis()).ok();
        self.metrics.seal_seconds.record(took);
        tracing::info!(event = event.0, ?took, "the doors of a waiting room are open");
        std::mem::take(&mut live.parked)
    }

    pub(super) fn apply(&mut self, event: EventNumber, fact: &RoomFact, batch: &mut Batch) {
        let Some(live) = self.live.get_mut(&event) else { return };
        let Some(room) = live.room.as_mut() else { return };
        if let RoomFact::Joined(joined) = fact
            && faults::planted("panic_on_fingerprint")
            && joined.fingerprint == u64::MAX
        {
            panic!("INV-0: planted");
        }
        apply(room, fact, |change| live.changes.push(change));
        live.note(fact, &self.metrics);
        batch.fact(event, fact);
    }

    /// What is new of a room since its last batch.
    pub(super) fn news(&mut self, event: EventNumber) -> Option<RoomNews> {
        let live = self.live.get_mut(&event)?;
        let room = live.room.as_ref()?;
        let at = room.not_before_latest(live.seen.looked_at.max(live.seen.let_in_at));
        let due = std::mem::take(&mut live.snapshot_due);
        let snapshot =
            due.then(|| Arc::new(RoomSnapshot::of(room, at, &live.seen.circumstances())));
        Some(RoomNews {
            opens: std::mem::take(&mut live.is_unopened).then(|| Arc::clone(&live.entry)),
            view: Arc::clone(&live.view),
            changes: std::mem::take(&mut live.changes),
            at,
            snapshot,
        })
    }

    fn create(
        &mut self,
        event: &Arc<EventEntry>,
        ask: &Arrange,
        now: UnixMillis,
        batch: &mut Batch,
    ) -> Result<RoomAnswer, RoomError> {
        let first = create(ask, now)?;
        let room = Room::arranged(event.number, &first).ok_or(RoomRefusal::NoRoom)?;
        let answer = arranged(&room, true);
        let seen = Seen::of(&room, now);
        let snapshot = RoomSnapshot::of(&room, now, &seen.circumstances());
        let view = Arc::new(RoomView::of(&room, now, snapshot));
        self.insert(room, Arc::clone(event), view, seen);
        if let Some(live) = self.live.get_mut(&event.number) {
            (live.is_unopened, live.snapshot_due) = (true, true);
        }
        batch.fact(event.number, &RoomFact::Arranged(Box::new(first)));
        Ok(answer)
    }

    fn tell(
        &self,
        event: EventNumber,
        fact: &RoomFact,
        now: UnixMillis,
    ) -> Result<RoomAnswer, RoomError> {
        let room = self.room(event)?;
        match fact {
            RoomFact::Joined(_) => place(room, room.line().next_number() - 1, now, false),
            RoomFact::Promoted { number, .. }
            | RoomFact::Left { number, .. }
            | RoomFact::Returned { number, .. } => place(room, *number, now, true),
            RoomFact::Arranged(_) => Ok(arranged(room, false)),
            RoomFact::Sealed(_)
            | RoomFact::Admitted(_)
            | RoomFact::Used { .. }
            | RoomFact::Lapsed { .. }
            | RoomFact::Drained { .. }
            | RoomFact::Woken { .. }
            | RoomFact::Rested { .. } => Ok(RoomAnswer::Done),
        }
    }

    fn insert(&mut self, room: Room, entry: Arc<EventEntry>, view: Arc<RoomView>, seen: Seen) {
        self.live.insert(room.event(), Live::new(room, entry, view, seen));
    }

    fn room(&self, event: EventNumber) -> Result<&Room, RoomRefusal> {
        self.live.get(&event).and_then(|live| live.room.as_ref()).ok_or(RoomRefusal::NoRoom)
    }
}

fn arranged(room: &Room, is_new: bool) -> RoomAnswer {
    RoomAnswer::Arranged { terms: Arc::clone(room.terms()), phase: room.phase(), is_new }
}

fn place(
    room: &Room,
    number: u32,
    now: UnixMillis,
    replayed: bool,
) -> Result<RoomAnswer, RoomError> {
    let line = room.line();
    let state = room.state(number, now).ok_or(RoomRefusal::NoSuchPlace)?;
    let fingerprint = line.fingerprint(number).ok_or(RoomRefusal::PlaceExpired)?;
    let tier = line.tier(number).ok_or(RoomRefusal::PlaceExpired)?;
    let slot = line.slot(number);
    Ok(RoomAnswer::Place(PlaceAnswer { number, fingerprint, tier, state, slot, replayed }))
}

fn entrants(room: &Room, from: u32, limit: u32) -> Vec<Entrant> {
    let line = room.line();
    let positions = from..line.positions().min(from.saturating_add(limit));
    let entrants = positions.filter_map(|position| {
        let number = line.number_at(position)?;
        let (tier, fingerprint) = (line.tier(number)?, line.fingerprint(number)?);
        Some(Entrant { number, tier, fingerprint })
    });
    entrants.collect()
}
