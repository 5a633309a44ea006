//! What a shard's events owe to the outside, told page by page to those who work it off. They run apart,
//! since no provider may be waited for where inventory is owned.

use std::ops::Bound;

use super::message::{Answer, Owing, PAGE, Page, Place, Unsent};
use super::stock::Stock;
use crate::domain::ids::EventNumber;
use crate::domain::inventory::Inventory;

impl Stock {
    pub(super) fn owing_page(&self, after: Place) -> Answer {
        let pages = self.owing_events(after).flat_map(|(event, inventory, after)| {
            inventory.owing(after).map(move |receipt| Owing { event, receipt })
        });
        let total = self.owed(Inventory::owing_len);
        Answer::Owing(Page { entries: pages.take(PAGE).collect(), total })
    }

    pub(super) fn message_page(&self, after: Place) -> Answer {
        let pages = self.owing_events(after).flat_map(|(event, inventory, after)| {
            let messages = inventory.messages(after);
            messages.map(move |(number, message, receipt)| Unsent {
                event,
                number,
                message,
                receipt,
            })
        });
        let entries = pages.filter(|unsent| !unsent.message.is_dead).take(PAGE).collect();
        let total = self.owed(Inventory::messages_len);
        Answer::Messages(Page { entries, total })
    }

    fn owed(&self, len: impl Fn(&Inventory) -> usize) -> usize {
        let events = self.owing.iter().filter_map(|event| self.live(*event).ok());
        events.map(|live| len(&live.inventory)).sum()
    }

    fn owing_events(&self, after: Place) -> impl Iterator<Item = (EventNumber, &Inventory, u64)> {
        let (first, number) = after;
        let events = self.owing.range((Bound::Included(first), Bound::Unbounded));
        events.filter_map(move |event| {
            let inventory = &self.live(*event).ok()?.inventory;
            Some((*event, inventory, if *event == first { number } else { 0 }))
        })
    }
}
