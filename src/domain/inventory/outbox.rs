//! The messages that one event owes to buyers, found by number, by booking, and by what is to be done
//! about them. Only `apply` and the restoring of a checkpoint change it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{AddAssign, Bound, SubAssign};
use std::sync::Arc;

use super::state::{BookingReceipt, EXPIRED_PER_FACT_MAX, Inventory};
use crate::domain::booking::{Channel, Message, MessageKind};
use crate::domain::ids::ReservationId;

/// Numbers that each fact has for its messages. Facts from before there were short messages ended up to a
/// thousand bookings, each with a mail.
const NUMBERS_PER_FACT: u64 = 1_024;
/// Among them, the first of a short message. Mails keep the numbers that they had before, since journals
/// close them by number.
const SMS_FROM: u64 = 512;
const _: () = assert!(EXPIRED_PER_FACT_MAX < SMS_FROM as usize);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// By number, which grows with the facts that made them.
    all: BTreeMap<u64, Message>,
    /// The same by the booking they are about: sequence, number.
    of_booking: BTreeSet<(u64, u64)>,
    /// By channel: numbers of those that are to be sent.
    waiting: [BTreeSet<u64>; Channel::ALL.len()],
    /// Numbers of those that were given up.
    dead: BTreeSet<u64>,
    depths: OutboxDepths,
}

/// How many messages there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxDepth {
    /// To be sent.
    pub waiting: usize,
    /// Given up.
    pub dead: usize,
}

/// The same by channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutboxDepths([OutboxDepth; Channel::ALL.len()]);

impl OutboxDepths {
    #[must_use]
    pub fn of(&self, channel: Channel) -> OutboxDepth {
        self.0[channel as usize]
    }

    fn count_of(&mut self, message: &Message) -> &mut usize {
        let depth = &mut self.0[message.channel as usize];
        if message.is_dead { &mut depth.dead } else { &mut depth.waiting }
    }
}

impl AddAssign for OutboxDepths {
    fn add_assign(&mut self, more: Self) {
        for (depth, more) in self.0.iter_mut().zip(more.0) {
            depth.waiting += more.waiting;
            depth.dead += more.dead;
        }
    }
}

impl SubAssign for OutboxDepths {
    fn sub_assign(&mut self, less: Self) {
        for (depth, less) in self.0.iter_mut().zip(less.0) {
            depth.waiting -= less.waiting;
            depth.dead -= less.dead;
        }
    }
}

impl Outbox {
    pub fn get(&self, number: u64) -> Option<&Message> {
        self.all.get(&number)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, &Message)> {
        self.all.iter().map(|(number, message)| (*number, message))
    }

    /// # Panics
    /// INV-3, when the number was used before.
    pub fn insert(&mut self, number: u64, message: Message) {
        self.list(number, &message);
        self.of_booking.insert((message.sequence, number));
        let other = self.all.insert(number, message);
        assert!(other.is_none(), "INV-3: message {number} was used before");
    }

    pub fn remove(&mut self, number: u64) {
        if let Some(message) = self.all.remove(&number) {
            self.unlist(number, &message);
            self.of_booking.remove(&(message.sequence, number));
        }
    }

    pub fn change(&mut self, number: u64, change: impl FnOnce(&mut Message)) {
        let Some(mut message) = self.all.remove(&number) else { return };
        self.unlist(number, &message);
        change(&mut message);
        self.list(number, &message);
        self.all.insert(number, message);
    }

    /// Whether the buyer is still to be told something.
    pub fn has_waiting(&self, sequence: u64) -> bool {
        let mut numbers = self.of_booking.range((sequence, 0)..=(sequence, u64::MAX));
        numbers.any(|(_, number)| self.all.get(number).is_some_and(|found| !found.is_dead))
    }

    pub fn forget_booking(&mut self, sequence: u64) {
        while let Some(of) = self.of_booking.range((sequence, 0)..=(sequence, u64::MAX)).next() {
            let number = of.1;
            self.remove(number);
        }
    }

    pub fn is_waiting(&self) -> bool {
        self.waiting.iter().any(|numbers| !numbers.is_empty())
    }

    fn list(&mut self, number: u64, message: &Message) {
        *self.depths.count_of(message) += 1;
        self.list_of(message).insert(number);
    }

    fn unlist(&mut self, number: u64, message: &Message) {
        *self.depths.count_of(message) -= 1;
        self.list_of(message).remove(&number);
    }

    fn list_of(&mut self, message: &Message) -> &mut BTreeSet<u64> {
        if message.is_dead { &mut self.dead } else { &mut self.waiting[message.channel as usize] }
    }

    /// The number after the newest one from `from` to before `until`.
    fn next_number(&self, from: u64, until: u64) -> u64 {
        self.all.range(from..until).next_back().map_or(from, |(newest, _)| newest + 1)
    }

    /// What is wrong with the lists.
    pub fn audit(&self, bookings: &BTreeMap<u64, impl Sized>) -> Vec<String> {
        let mut broken = Vec::new();
        let mut depths = OutboxDepths::default();
        for (number, message) in &self.all {
            *depths.count_of(message) += 1;
            let of = (message.sequence, *number);
            if !bookings.contains_key(&of.0) || !self.of_booking.contains(&of) {
                broken.push(format!("message {number} is about nothing"));
            }
            let waits = self.waiting[message.channel as usize].contains(number);
            if waits == message.is_dead || self.dead.contains(number) != message.is_dead {
                broken.push(format!("message {number} is not where it is looked for"));
            }
        }
        let listed = self.waiting.iter().map(BTreeSet::len).sum::<usize>() + self.dead.len();
        if depths != self.depths || [self.of_booking.len(), listed] != [self.all.len(); 2] {
            let (all, of_booking) = (self.all.len(), self.of_booking.len());
            broken.push(format!("{all} messages, {of_booking} known by booking, {listed} listed"));
        }
        broken
    }
}

/// A message with the booking that it is about.
pub type Letter = (u64, Message, BookingReceipt);

impl Inventory {
    /// One message for each way in which the buyer can be told. `by_sms`: whether the fact is of a time
    /// in which short messages were sent.
    pub(super) fn owe_messages(&mut self, sequence: u64, kind: MessageKind, by_sms: bool) {
        let Some(booking) = self.bookings.get(&sequence) else { return };
        let (mail, sms) = (booking.contact.email.is_some(), booking.contact.phone.is_some());
        // One fact may end many bookings, so the number of the fact alone is not unique.
        let first = (self.version + 1) * NUMBERS_PER_FACT;
        let after = first + NUMBERS_PER_FACT;
        let sms_from = if by_sms { first + SMS_FROM } else { after };
        if mail {
            let number = self.outbox.next_number(first, sms_from);
            self.outbox.insert(number, Message::new(sequence, kind, Channel::Mail));
        }
        if sms && by_sms {
            let number = self.outbox.next_number(sms_from, after);
            self.outbox.insert(number, Message::new(sequence, kind, Channel::Sms));
        }
    }

    pub(super) fn message_failed(&mut self, number: u64, dead: bool, reason: Option<&Arc<str>>) {
        self.outbox.change(number, |message| {
            message.tries += 1;
            message.is_dead = dead;
            message.reason = reason.cloned();
        });
    }

    /// It begins anew, as if it had never been tried.
    pub(super) fn revive_message(&mut self, number: u64) {
        self.outbox.change(number, |message| {
            *message = Message::new(message.sequence, message.kind, message.channel);
        });
    }

    /// All messages after the number `after`, oldest first.
    pub fn messages(&self, after: u64) -> impl Iterator<Item = Letter> {
        let after = (Bound::Excluded(after), Bound::Unbounded);
        self.outbox.all.range(after).filter_map(|(number, _)| self.letter(*number))
    }

    /// Those that are to be sent by a channel.
    pub fn waiting_messages(&self, channel: Channel, after: u64) -> impl Iterator<Item = Letter> {
        let after = (Bound::Excluded(after), Bound::Unbounded);
        let numbers = self.outbox.waiting[channel as usize].range(after);
        numbers.filter_map(|number| self.letter(*number))
    }

    /// Those that were given up.
    pub fn dead_messages(&self, after: u64) -> impl Iterator<Item = Letter> {
        let numbers = self.outbox.dead.range((Bound::Excluded(after), Bound::Unbounded));
        numbers.filter_map(|number| self.letter(*number))
    }

    /// One message.
    #[must_use]
    pub fn letter(&self, number: u64) -> Option<Letter> {
        let message = self.outbox.get(number)?.clone();
        let salt = self.book.get(message.sequence)?.salt;
        let receipt = self.booking_receipt(ReservationId { sequence: message.sequence, salt })?;
        Some((number, message, receipt))
    }

    /// How many messages were not sent.
    #[must_use]
    pub fn outbox_depths(&self) -> OutboxDepths {
        self.outbox.depths
    }
}
