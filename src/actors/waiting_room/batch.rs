//! Facts that are staged, and the replies that wait for them.

use super::rooms::Rooms;
use crate::actors::committer::{Group, Publication, Reply, Work};
use crate::domain::ids::EventNumber;
use crate::domain::waiting_room::RoomFact;
use crate::storage::record::encode_room;

#[derive(Default)]
pub(super) struct Batch {
    group: Group,
    /// Events whose room changed, in the order in which they first did.
    touched: Vec<EventNumber>,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.group.replies.is_empty() && self.group.records == 0 && self.touched.is_empty()
    }

    pub fn is_full(&self, records_max: u32) -> bool {
        records_max <= self.group.records || records_max as usize <= self.group.replies.len()
    }

    pub fn fact(&mut self, event: EventNumber, fact: &RoomFact) {
        encode_room(&mut self.group.frames, event, fact);
        self.group.records += 1;
        self.touch(event);
    }

    /// Something is to be shown, even if nothing happened.
    pub fn touch(&mut self, event: EventNumber) {
        if self.touched.last() != Some(&event) {
            self.touched.push(event);
        }
    }

    pub fn reply(&mut self, reply: Reply) {
        self.group.replies.push(reply);
    }

    /// The group for the committer, with what is new of every touched room.
    pub fn close(&mut self, rooms: &mut Rooms) -> Work {
        self.touched.sort_unstable();
        self.touched.dedup();
        let news = self.touched.drain(..).filter_map(|event| rooms.news(event));
        self.group.publications.extend(news.map(|news| Publication::Room(Box::new(news))));
        let next = Group {
            frames: Vec::with_capacity(self.group.frames.len()),
            replies: Vec::with_capacity(self.group.replies.len()),
            ..Group::default()
        };
        Work::Group(std::mem::replace(&mut self.group, next))
    }
}
