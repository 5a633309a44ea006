//! Facts that are staged, and the replies that wait for them.

use super::stock::Stock;
use crate::actors::committer::{Group, Reply, Work};
use crate::domain::ids::{EventNumber, ShardId};
use crate::domain::inventory::{Created, Fact, Inventory, ReservationName};
use crate::storage::record::{encode_created, encode_fact};

#[derive(Default)]
pub(super) struct Batch {
    group: Group,
    /// Events that changed, in the order in which they first did.
    touched: Vec<EventNumber>,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.group.replies.is_empty() && self.group.records == 0
    }

    pub fn is_full(&self, records_max: u32) -> bool {
        records_max <= self.group.records || records_max as usize <= self.group.replies.len()
    }

    pub fn create(&mut self, shard: ShardId, created: &Created) {
        encode_created(&mut self.group.frames, shard, created);
        self.group.records += 1;
        self.touched.push(created.event);
    }

    /// `state` is the event's after the fact, `names` what it had for it before.
    pub fn fact(&mut self, state: &Inventory, fact: &Fact, names: &[ReservationName]) {
        encode_fact(&mut self.group.frames, state, fact, names);
        self.group.records += 1;
        // Most batches touch one event many times; a set would cost more than it finds.
        let event = state.number();
        if self.touched.last() != Some(&event) {
            self.touched.push(event);
        }
    }

    pub fn reply(&mut self, reply: Reply) {
        self.group.replies.push(reply);
    }

    /// The group for the committer, with what every touched event now looks like.
    pub fn close(&mut self, stock: &mut Stock) -> Work {
        self.touched.sort_unstable();
        self.touched.dedup();
        let publications = self.touched.drain(..).filter_map(|event| stock.publication(event));
        self.group.publications.extend(publications);
        // The next batch will be about as large; growing by doubling costs more than the room.
        let next = Group {
            frames: Vec::with_capacity(self.group.frames.len()),
            replies: Vec::with_capacity(self.group.replies.len()),
            ..Group::default()
        };
        Work::Group(std::mem::replace(&mut self.group, next))
    }
}
