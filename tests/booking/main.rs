//! Random histories of purchases: the real rules against a naive sale, with crashes, checkpoints, late and
//! repeated words of the provider, and a clock that is set back. At the end the till must balance.

mod commands;
mod naive;
mod steps;

use std::num::NonZeroU32;
use std::sync::Arc;

use commands::{book_command, hear_command, id, reserve_command, told};
use naive::{Answer, Done, Naive};
use onsale::domain::booking::{FailReason, LatePayment, Owed, Redeem};
use onsale::domain::ids::{EventId, EventNumber, PoolId, ShardId};
use onsale::domain::inventory::{
    Amend, BookingTerms, Change, Command, Create, Created, Decision, EventTerms, Fact, Inventory,
    PoolTerms, SaleState, SaleTerms, apply, create, decide,
};
use onsale::domain::money::{Currency, Money};
use onsale::domain::time::{HoldLength, UnixMillis};
use onsale::storage::books::Books;
use onsale::storage::frame::read_frames;
use onsale::storage::record::{CheckpointPart, decode, decode_entry, encode_created, encode_fact};
use proptest::prelude::*;
use steps::{DAY_MS, Heard, Step, Told, steps};

const EVENT: EventNumber = EventNumber(1);

struct World {
    inventory: Inventory,
    journal: Vec<u8>,
    naive: Naive,
    now: u64,
}

fn created() -> Created {
    let pool = |id: &str, amount| PoolTerms {
        id: PoolId::parse(id).expect("a slug"),
        name: id.into(),
        price: Money { amount, currency: Currency::parse("EUR").expect("EUR") },
    };
    let terms = EventTerms {
        id: EventId::parse("event").expect("a slug"),
        name: "Event".into(),
        starts_at: None,
        sale: SaleTerms {
            state: SaleState::Open,
            opens_at: None,
            closes_at: None,
            hold: HoldLength::from_seconds(60).expect("in bounds"),
            customer_limit: NonZeroU32::new(5),
        },
        booking: BookingTerms { pay_seconds: 100, ..BookingTerms::default() },
        pools: vec![pool("a", 100), pool("free", 0)],
        created_at: UnixMillis(1),
        revision: 1,
    };
    let ask = Create {
        event: EVENT,
        terms: Arc::new(terms),
        capacities: vec![8, 5],
        key: None,
        organizer: None,
    };
    create(None, &ask).expect("not refused").expect("new")
}

impl World {
    fn new() -> Self {
        let (created, mut journal) = (created(), Vec::new());
        encode_created(&mut journal, ShardId(0), &created);
        let inventory = Inventory::created(&created);
        Self { inventory, journal, naive: Naive::new(), now: 1_000 }
    }

    /// What the rules take for now: time does not run backwards in a journal.
    fn time(&self) -> u64 {
        self.inventory.not_before_latest(UnixMillis(self.now)).0
    }

    fn ask(&mut self, command: &Command) -> Answer {
        match decide(&self.inventory, command, UnixMillis(self.now)) {
            Err(refusal) => Err(refusal.code()),
            Ok(Decision::Unchanged) => Ok(Done::Unchanged),
            Ok(Decision::Repeats { sequence }) => Ok(Done::Repeats(sequence)),
            Ok(Decision::Happens(fact)) => {
                self.happen(&fact);
                Ok(Done::Happens)
            }
        }
    }

    fn happen(&mut self, fact: &Fact) {
        let names = self.inventory.names(fact);
        apply(&mut self.inventory, fact);
        encode_fact(&mut self.journal, &self.inventory, fact, &names);
    }

    fn notice(&mut self) {
        let time = self.time();
        while self.ask(&Command::ExpireDue) != Ok(Done::Unchanged) {}
        self.naive.expire(time);
        self.naive.flush();
        // No unit is stuck.
        let next = self.inventory.next_release_at();
        assert!(next.is_none_or(|next| time < next.0), "{next:?} at {time}");
    }

    fn nth(&self, nth: usize) -> Option<u64> {
        self.naive.reservations.keys().nth_back(nth).copied()
    }

    /// Both do the step and give the same answer.
    fn step(&mut self, step: &Step) -> Option<()> {
        let time = self.time();
        let (found, expected) = match *step {
            Step::Reserve { units: [0, 0], .. } => return None,
            Step::Reserve { customer, units, key } => {
                let next = (self.inventory.next_sequence(), time);
                let found = self.ask(&reserve_command(customer, units, key));
                (found, self.naive.reserve(next, customer, units, key))
            }
            Step::Release { nth } => {
                let sequence = self.nth(nth)?;
                let found = self.ask(&Command::Release { reservation: id(sequence) });
                (found, self.naive.release(sequence, time))
            }
            Step::Book { nth, token, key, ways } => {
                let sequence = self.nth(nth)?;
                let found = self.ask(&book_command(sequence, token, key, ways));
                let expected = self.naive.book((sequence, time), token, key, ways);
                self.first_answer(found);
                if found == Ok(Done::Happens) {
                    let first = self.inventory.booking_receipt(id(sequence))?.booking;
                    self.naive.purchase(sequence).ok()?.first = Some(first);
                }
                (found, expected)
            }
            Step::Hear { nth, outcome, named } => {
                let sequence = self.nth(nth)?;
                let found = self.ask(&hear_command(sequence, outcome, named));
                (found, self.naive.hear(sequence, outcome, named, time))
            }
            Step::Cancel { nth } => {
                let sequence = self.nth(nth)?;
                let found = self.ask(&Command::Cancel { booking: id(sequence) });
                (found, self.naive.cancel(sequence, time))
            }
            Step::Refunded { nth } => {
                let sequence = self.nth(nth)?;
                let found = self.ask(&Command::Refunded { booking: id(sequence) });
                (found, self.naive.refund(sequence, time))
            }
            Step::Redeem { nth, ticket, nonce } => {
                let sequence = self.nth(nth)?;
                let nonce_text = format!("n-{nonce}").into();
                let (booking, nonce_of) = (id(sequence), nonce_text);
                let ask = Redeem { booking, ticket, nonce: nonce_of, occurred_at: None };
                let found = self.ask(&Command::Redeem(ask));
                (found, self.naive.redeem(sequence, ticket, nonce))
            }
            _ => return self.other_step(step),
        };
        assert_eq!(found, expected, "{step:?}");
        Some(())
    }

    /// Steps that nobody is refused.
    fn other_step(&mut self, step: &Step) -> Option<()> {
        match *step {
            Step::Told { nth, how } => {
                let message = self.inventory.messages(0).nth(nth)?.0;
                assert_eq!(self.ask(&told(message, how)), Ok(Done::Happens));
                match how {
                    Told::Sent | Told::Skipped => drop(self.naive.messages.remove(nth)),
                    Told::Failed => self.naive.messages[nth].3 = false,
                    Told::GivenUp => self.naive.messages[nth].3 = true,
                }
            }
            Step::Revive { nth } => {
                let message = self.inventory.messages(0).nth(nth)?.0;
                assert_eq!(self.ask(&Command::Revive { message }), self.naive.revive(nth));
            }
            Step::Wait { ms, noticed } => {
                self.now += ms;
                if noticed {
                    self.notice();
                }
            }
            Step::ClockBack { ms } => self.now = self.now.saturating_sub(ms),
            Step::Resize { pool, capacity } => {
                let amend = Amend { capacities: vec![(pool, capacity)], ..Amend::default() };
                let place = usize::from(pool);
                let taken = self.naive.units(place, false) + self.naive.units(place, true);
                let fits = taken <= capacity;
                assert_eq!(self.ask(&Command::Amend(amend)).is_ok(), fits);
                if fits {
                    self.naive.capacity[place] = capacity;
                }
            }
            Step::Terms { limit, retake, pay_ms } => {
                let late = if retake { LatePayment::Retake } else { LatePayment::Refund };
                let amend = Amend {
                    customer_limit: NonZeroU32::new(limit).map(Change::To),
                    late_payment: Some(late),
                    pay_seconds: u32::try_from(pay_ms / 1_000).ok(),
                    ..Amend::default()
                };
                assert!(self.ask(&Command::Amend(amend)).is_ok());
                (self.naive.limit, self.naive.retake) = (limit, retake);
                self.naive.pay_ms = pay_ms;
            }
            Step::CrashAndReplay => self.inventory = inventory_of(self.replay()),
            Step::CheckpointAndRestore => self.inventory = inventory_of(restored(&self.replay())),
            _ => unreachable!("the other steps are in `step`"),
        }
        Some(())
    }

    /// A repeated booking is answered as it was first.
    fn first_answer(&mut self, found: Answer) {
        let Ok(Done::Repeats(sequence)) = found else { return };
        let again = self.inventory.first_booking_receipt(id(sequence)).expect("it is there");
        assert_eq!(again.reservation.status.as_str(), "BOOKED");
        let first = self.naive.purchase(sequence).expect("it is there").first.as_ref();
        assert_eq!(Some(&again.booking), first);
    }

    fn replay(&self) -> Books {
        let mut books = Books::default();
        for (number, frame) in (1..).zip(read_frames(&self.journal).map(|f| f.expect("whole"))) {
            assert_eq!(decode_entry(&frame).expect("read").expect("told").number, number);
            books.fold(decode(&frame).expect("understood")).expect("folds");
        }
        books
    }

    /// Every number that the two could differ in.
    fn compare(&mut self) {
        assert_eq!(self.inventory.audit(), []);
        let time = self.time();
        for (pool, counts) in self.inventory.pools().iter().enumerate() {
            let (held, sold) = (self.naive.units(pool, false), self.naive.units(pool, true));
            let expected = (self.naive.available(pool), held, sold, self.naive.capacity[pool]);
            let found = (counts.available, counts.held, counts.sold, counts.capacity);
            assert_eq!(found, expected, "pool {pool}");
        }
        let sequences: Vec<u64> = self.naive.reservations.keys().copied().collect();
        for sequence in sequences {
            let Some(receipt) = self.inventory.receipt(id(sequence)) else {
                assert!(self.naive.may_forget(sequence, time), "{sequence} is forgotten");
                self.naive.forget(sequence);
                continue;
            };
            let expected = &self.naive.reservations[&sequence];
            assert_eq!(receipt.status.as_str(), expected.status, "{sequence}");
            let found = self.inventory.booking_receipt(id(sequence)).map(|found| {
                let booking = found.booking;
                let reason = booking.fail_reason.map_or("", FailReason::as_str);
                let used = booking.redeemed.len();
                (booking.status.as_str(), reason, booking.payment.as_str(), used)
            });
            let expected = expected.booking.as_ref().map(|booking| {
                (booking.status, booking.reason, booking.payment(), booking.redeemed.len())
            });
            assert_eq!(found, expected, "booking {sequence}");
        }
        let messages = self.inventory.messages(0);
        let found =
            messages.map(|(_, m, _)| (m.sequence, m.kind.as_str(), m.channel.as_str(), m.is_dead));
        let found: Vec<_> = found.collect();
        self.naive.flush();
        assert_eq!(found, self.naive.messages);
    }

    /// What is owed is worked off; the provider took the money of every second open payment.
    fn settle(&mut self) {
        for owing in self.inventory.owing(0).collect::<Vec<_>>() {
            let sequence = owing.reservation.id.sequence;
            let outcome = if sequence % 2 == 0 { Heard::Succeeded } else { Heard::Nothing };
            let time = self.time();
            match owing.booking.owed().expect("listed as owing") {
                Owed::Charge | Owed::Settle => {
                    let found = self.ask(&hear_command(sequence, outcome, true));
                    assert_eq!(found, self.naive.hear(sequence, outcome, true, time));
                    self.naive.flush();
                }
                Owed::Refund => {}
            }
            let found = self.ask(&Command::Refunded { booking: id(sequence) });
            assert_eq!(found, self.naive.refund(sequence, time));
        }
        assert_eq!(self.inventory.owing_len(), 0);
    }

    /// INV-9, from the outside: what is in the till is the price of what was sold.
    fn balance(&self) {
        let sold = self.naive.reservations.iter();
        let sold = sold.filter(|(_, r)| {
            r.booking.as_ref().is_some_and(|booking| booking.status == "CONFIRMED")
        });
        let price: u64 = sold.map(|(sequence, _)| self.naive.price(*sequence)).sum();
        assert_eq!(self.naive.captured - self.naive.refunded, price);
        let taken: Vec<_> =
            self.naive.reservations.values().filter_map(|r| r.booking.as_ref()).collect();
        for booking in taken.into_iter().filter(|booking| booking.taken) {
            assert!(booking.status == "CONFIRMED" || booking.given_back, "{booking:?}");
        }
    }

    /// Days later only what was sold is remembered, and that with all its tickets.
    fn grow_old(&mut self) {
        let messages = self.inventory.messages(0).map(|(number, m, _)| (number, m.sequence));
        for (message, sequence) in messages.collect::<Vec<_>>() {
            if self.inventory.receipt(id(sequence)).is_none() {
                // A fact brings forgetting along: the one before took a failed booking and its messages.
                assert!(self.naive.may_forget(sequence, self.time()), "{sequence} is forgotten");
                assert_eq!(self.ask(&told(message, Told::Sent)), Ok(Done::Unchanged));
                continue;
            }
            assert_eq!(self.ask(&told(message, Told::Sent)), Ok(Done::Happens));
            let place = self.naive.messages.iter().position(|(of, ..)| *of == sequence);
            self.naive.messages.remove(place.expect("as many as there are"));
        }
        self.naive.messages.clear();
        for _ in 0..3 {
            self.now = self.time() + DAY_MS;
            self.notice();
            for turn in 0..16 {
                // A fact brings forgetting along.
                let name = Some(format!("Event {turn}").into());
                let amend = Amend { name, ..Amend::default() };
                assert_eq!(self.ask(&Command::Amend(amend)), Ok(Done::Happens));
            }
        }
        self.compare();
        let sold = self.naive.reservations.values().filter_map(|r| r.booking.as_ref());
        let sold = sold.filter(|booking| matches!(booking.status, "CONFIRMED" | "CANCELLED"));
        assert_eq!(self.inventory.reservations(), sold.count());
        assert!(!self.inventory.owes());
    }
}

fn restored(books: &Books) -> Books {
    let (mut frames, mut bytes) = (books.checkpoint_frames(), Vec::new());
    while frames(&mut bytes) {}
    let mut restored = Books::default();
    for frame in read_frames(&bytes) {
        let part = CheckpointPart::decode(&frame.expect("whole")).expect("understood");
        restored.restore(part).expect("adds up");
    }
    restored
}

fn inventory_of(mut books: Books) -> Inventory {
    books.events.remove(&EVENT).expect("the event").inventory
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn money_and_units_balance_whatever_happens_and_in_whatever_order(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
            world.compare();
            let (digest, books) = (world.inventory.digest(), world.replay());
            prop_assert_eq!(books.events[&EVENT].inventory.digest(), digest, "INV-6");
            prop_assert_eq!(inventory_of(restored(&books)).digest(), digest, "INV-6");
        }
        world.notice();
        world.settle();
        world.compare();
        world.balance();
        world.grow_old();
        world.balance();
    }
}
