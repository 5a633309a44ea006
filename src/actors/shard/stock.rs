//! The inventories that one shard owns. Synchronous: the domain's rules with the encoding of facts
//! around them, and nothing that waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::batch::Batch;
use super::message::{Answer, Ask, Unsent};
use super::purchases::{Debt, Debts};
use crate::actors::committer::Publication;
use crate::actors::directory::{EventEntry, Published};
use crate::actors::mailbox::SubmitError;
use crate::domain::ids::{EventId, EventNumber, ReservationId, ShardId};
use crate::domain::inventory::{
    Command, Create, Decision, EXPIRED_PER_FACT_MAX, Fact, Inventory, Refusal, apply, create,
    decide,
};
use crate::domain::time::UnixMillis;
use crate::faults;

pub(crate) struct Stock {
    shard: ShardId,
    events: HashMap<EventNumber, Live>,
    by_id: BTreeMap<EventId, EventNumber>,
    /// Next end of a hold of each event that has one.
    due: BTreeSet<(UnixMillis, EventNumber)>,
    pub(super) debts: Debts,
}

pub(super) struct Live {
    pub(super) inventory: Inventory,
    entry: Arc<EventEntry>,
    /// What `due` holds for this event.
    due: Option<UnixMillis>,
    /// Created in the open batch, so not in the directory yet.
    unpublished: bool,
}

impl Stock {
    pub fn new(shard: ShardId) -> Self {
        let (events, by_id) = (HashMap::new(), BTreeMap::new());
        Self { shard, events, by_id, due: BTreeSet::new(), debts: Debts::default() }
    }

    /// Takes in an event that was recovered; `entry` is the one that readers know.
    pub fn adopt(&mut self, inventory: Inventory, entry: Arc<EventEntry>) {
        self.insert(inventory, entry, false);
    }

    pub(super) fn answer(
        &mut self,
        ask: Ask,
        now: UnixMillis,
        batch: &mut Batch,
    ) -> Result<Answer, SubmitError> {
        match ask {
            Ask::Create(ask) => self.create(&ask, batch),
            Ask::Command { event, command } => self.command(event, &command, now, batch),
            Ask::Read { event, reservation } => self.receipt(event, reservation),
            Ask::ReadBooking { event, booking } => self.booking(event, booking),
            Ask::Owing { after } => Ok(self.owing_page(after)),
            Ask::Messages { channel, after } => Ok(self.message_page(channel, after)),
            Ask::DeadMessages { after, limit } => Ok(self.dead_message_page(after, limit)),
            Ask::Passes { event, after } => self.passes(event, after, now, batch),
        }
    }

    pub(super) fn expire_due(&mut self, now: UnixMillis, batch: &mut Batch) {
        // Bounded per tick, so that buyers are served between a hall's worth of lapsed holds.
        for _ in 0..EXPIRY_FACTS_PER_TICK {
            match self.due.first() {
                Some((at, event)) if *at <= now => self.expire(*event, now, batch),
                Some(_) | None => return,
            }
        }
    }

    pub(super) fn publication(&mut self, event: EventNumber) -> Option<Publication> {
        let live = self.events.get_mut(&event)?;
        let state = Arc::new(Published::of(&live.inventory));
        let entry = Arc::clone(&live.entry);
        if std::mem::take(&mut live.unpublished) {
            entry.publish(state);
            return Some(Publication::New(entry));
        }
        Some(Publication::State(entry, state))
    }

    fn create(&mut self, ask: &Create, batch: &mut Batch) -> Result<Answer, SubmitError> {
        let existing = self.by_id.get(&ask.terms.id).and_then(|number| self.events.get(number));
        if let Some(created) = create(existing.map(|live| &live.inventory), ask)? {
            batch.create(self.shard, &created);
            let inventory = Inventory::created(&created);
            let state = Arc::new(Published::of(&inventory));
            let entry = Arc::new(EventEntry::new(self.shard, &inventory));
            self.insert(inventory, entry, true);
            return Ok(Answer::Event { state, replayed: false });
        }
        let state = existing.map(|live| Arc::new(Published::of(&live.inventory)));
        Ok(state.map_or(Answer::Done, |state| Answer::Event { state, replayed: true }))
    }

    fn command(
        &mut self,
        event: EventNumber,
        command: &Command,
        now: UnixMillis,
        batch: &mut Batch,
    ) -> Result<Answer, SubmitError> {
        // Lapsed holds go first, else a full pool refuses units that are already free.
        self.expire(event, now, batch);
        let live = self.live(event)?;
        match (decide(&live.inventory, command, now)?, command) {
            (Decision::Happens(fact), command) => {
                self.apply(event, &fact, batch);
                self.tell(event, command, &fact)
            }
            (Decision::Repeats { .. }, Command::Book(ask)) => {
                let receipt = live.inventory.first_booking_receipt(ask.reservation);
                let receipt = Box::new(receipt.ok_or(Refusal::NoSuchBooking)?);
                Ok(Answer::Booking { receipt, replayed: true })
            }
            (Decision::Repeats { sequence }, _) => {
                let receipt = live.inventory.first_receipt(sequence);
                let receipt = receipt.ok_or(Refusal::NoSuchReservation)?;
                Ok(Answer::Reservation { receipt, replayed: true })
            }
            (Decision::Unchanged, Command::Release { reservation }) => {
                self.receipt(event, *reservation)
            }
            (Decision::Unchanged, Command::Amend(_)) => self.event(event),
            (Decision::Unchanged, Command::Cancel { booking }) => self.booking(event, *booking),
            (Decision::Unchanged, Command::Redeem(ask)) => self.booking(event, ask.booking),
            (
                Decision::Unchanged,
                Command::Reserve(_)
                | Command::ExpireDue
                | Command::Book(_)
                | Command::Hear { .. }
                | Command::Refunded { .. }
                | Command::Told { .. }
                | Command::Revive { .. },
            ) => Ok(Answer::Done),
        }
    }

    fn tell(
        &self,
        event: EventNumber,
        command: &Command,
        fact: &Fact,
    ) -> Result<Answer, SubmitError> {
        match (command, fact) {
            (_, Fact::Reserved(reserved)) => self.receipt(event, reserved.id),
            (Command::Release { reservation }, _) => self.receipt(event, *reservation),
            (_, Fact::Amended(_)) => self.event(event),
            (Command::Book(ask), _) => self.booking(event, ask.reservation),
            (Command::Cancel { booking }, _) => self.booking(event, *booking),
            (Command::Redeem(ask), _) => self.booking(event, ask.booking),
            (Command::Revive { message }, _) => {
                let letter = self.live(event)?.inventory.letter(*message);
                let letter = letter.ok_or(Refusal::NoSuchMessage)?;
                Ok(Answer::Message(Box::new(Unsent::of(event, letter))))
            }
            _ => Ok(Answer::Done),
        }
    }

    fn receipt(&self, event: EventNumber, id: ReservationId) -> Result<Answer, SubmitError> {
        let receipt = self.live(event)?.inventory.receipt(id);
        let receipt = receipt.ok_or(Refusal::NoSuchReservation)?;
        Ok(Answer::Reservation { receipt, replayed: false })
    }

    fn booking(&self, event: EventNumber, id: ReservationId) -> Result<Answer, SubmitError> {
        let receipt = self.live(event)?.inventory.booking_receipt(id);
        let receipt = Box::new(receipt.ok_or(Refusal::NoSuchBooking)?);
        Ok(Answer::Booking { receipt, replayed: false })
    }

    fn event(&self, event: EventNumber) -> Result<Answer, SubmitError> {
        let state = Arc::new(Published::of(&self.live(event)?.inventory));
        Ok(Answer::Event { state, replayed: false })
    }

    /// The router found the event in the directory, and events are never removed; a miss means that
    /// this shard is not the one that was asked for.
    pub(super) fn live(&self, event: EventNumber) -> Result<&Live, SubmitError> {
        self.events.get(&event).ok_or(SubmitError::ShardDown)
    }

    pub(super) fn expire(&mut self, event: EventNumber, now: UnixMillis, batch: &mut Batch) {
        let Some(live) = self.events.get(&event) else { return };
        if live.due.is_none_or(|due| now < due) {
            return;
        }
        if let Ok(Decision::Happens(fact)) = decide(&live.inventory, &Command::ExpireDue, now) {
            self.apply(event, &fact, batch);
        }
    }

    fn apply(&mut self, event: EventNumber, fact: &Fact, batch: &mut Batch) {
        let Some(live) = self.events.get_mut(&event) else { return };
        if let Fact::Reserved(reserved) = fact
            && faults::planted("panic_on_customer")
            && reserved.customer.as_str() == "panic"
        {
            panic!("INV-0: planted");
        }
        let key = match fact {
            Fact::Reserved(reserved) => reserved.key,
            // A reservation under the key of a booking is refused for the key, also when sold out.
            Fact::Booked(booked) => booked.key,
            _ => None,
        };
        if let Some(key) = key {
            live.entry.keys.learn(&key.digest, &live.inventory);
        }
        let (names, before) = (live.inventory.names(fact), Debt::of(&live.inventory));
        apply(&mut live.inventory, fact);
        batch.fact(&live.inventory, fact, &names);
        // Any fact may: with it old bookings are forgotten, and their messages.
        self.debts.update(event, before, Debt::of(&live.inventory));
        let next = live.inventory.next_release_at();
        if live.due != next {
            if let Some(old) = live.due {
                self.due.remove(&(old, event));
            }
            if let Some(next) = next {
                self.due.insert((next, event));
            }
            live.due = next;
        }
    }

    fn insert(&mut self, inventory: Inventory, entry: Arc<EventEntry>, unpublished: bool) {
        let (event, due) = (inventory.number(), inventory.next_release_at());
        if let Some(due) = due {
            self.due.insert((due, event));
        }
        self.debts.update(event, Debt::default(), Debt::of(&inventory));
        self.by_id.insert(entry.id.clone(), event);
        self.events.insert(event, Live { inventory, entry, due, unpublished });
    }
}

/// Facts that end holds, per tick: up to this many times [`EXPIRED_PER_FACT_MAX`] holds.
const EXPIRY_FACTS_PER_TICK: usize = 16_000 / EXPIRED_PER_FACT_MAX;
