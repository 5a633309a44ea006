//! What a shard tells those who work off what its events owe: payments and messages. They run apart,
//! since no provider may be waited for where inventory is owned.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::message::{Answer, Owed, Owing, PAGE, Page, Place, Unsent};
use super::stock::Stock;
use crate::domain::booking::Channel;
use crate::domain::ids::EventNumber;
use crate::domain::inventory::{Inventory, Letter, OutboxDepths};

/// How much the events of a shard owe; kept as they change, so that nobody has to walk them.
#[derive(Debug, Default)]
pub(super) struct Debts {
    /// Events that owe somebody outside something.
    owing: BTreeSet<EventNumber>,
    /// Events with messages that were given up.
    with_dead: BTreeSet<EventNumber>,
    payments: usize,
    outbox: OutboxDepths,
}

/// What one event owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Debt {
    payments: usize,
    outbox: OutboxDepths,
}

impl Debt {
    pub fn of(inventory: &Inventory) -> Self {
        Self { payments: inventory.owing_len(), outbox: inventory.outbox_depths() }
    }

    fn is_owed(&self) -> bool {
        let waits = |channel: &Channel| 0 < self.outbox.of(*channel).waiting;
        0 < self.payments || Channel::ALL.iter().any(waits)
    }

    fn has_dead(&self) -> bool {
        Channel::ALL.iter().any(|channel| 0 < self.outbox.of(*channel).dead)
    }
}

impl Debts {
    /// Takes in what an event owes now, that owed `before`.
    pub fn update(&mut self, event: EventNumber, before: Debt, now: Debt) {
        if before == now {
            return;
        }
        self.payments = self.payments + now.payments - before.payments;
        self.outbox += now.outbox;
        self.outbox -= before.outbox;
        put(&mut self.owing, event, now.is_owed());
        put(&mut self.with_dead, event, now.has_dead());
    }
}

fn put(events: &mut BTreeSet<EventNumber>, event: EventNumber, belongs: bool) {
    if belongs {
        events.insert(event);
    } else {
        events.remove(&event);
    }
}

impl Unsent {
    pub(super) fn of(event: EventNumber, (number, message, receipt): Letter) -> Self {
        Self { event, number, message, receipt }
    }
}

impl Stock {
    pub(super) fn owing_page(&self, after: Place) -> Answer {
        let pages = self.events_from(&self.debts.owing, after);
        let pages = pages.flat_map(|(event, inventory, after)| {
            inventory.owing(after).map(move |receipt| Owing { event, receipt })
        });
        let owed = Owed { waiting: self.debts.payments, dead: 0 };
        Answer::Owing(Page { entries: pages.take(PAGE).collect(), owed })
    }

    pub(super) fn message_page(&self, channel: Channel, after: Place) -> Answer {
        let pages = self.events_from(&self.debts.owing, after);
        let pages = pages.flat_map(|(event, inventory, after)| {
            let letters = inventory.waiting_messages(channel, after);
            letters.map(move |letter| Unsent::of(event, letter))
        });
        let depth = self.debts.outbox.of(channel);
        let owed = Owed { waiting: depth.waiting, dead: depth.dead };
        Answer::Messages(Page { entries: pages.take(PAGE).collect(), owed })
    }

    pub(super) fn dead_message_page(&self, after: Place, limit: usize) -> Answer {
        let pages = self.events_from(&self.debts.with_dead, after);
        let pages = pages.flat_map(|(event, inventory, after)| {
            inventory.dead_messages(after).map(move |letter| Unsent::of(event, letter))
        });
        let depths = Channel::ALL.map(|channel| self.debts.outbox.of(channel));
        let owed = Owed { waiting: 0, dead: depths.iter().map(|depth| depth.dead).sum() };
        Answer::Messages(Page { entries: pages.take(limit).collect(), owed })
    }

    fn events_from(
        &self,
        events: &BTreeSet<EventNumber>,
        after: Place,
    ) -> impl Iterator<Item = (EventNumber, &Inventory, u64)> {
        let (first, number) = after;
        let events = events.range((Bound::Included(first), Bound::Unbounded));
        events.filter_map(move |event| {
            let inventory = &self.live(*event).ok()?.inventory;
            Some((*event, inventory, if *event == first { number } else { 0 }))
        })
    }
}
