//! The rules of bookings, one law or refusal each, in an event of two pools: `a` with 8 units at 1.00
//! and `free` with 5 units at nothing.

mod buying;
mod forgetting;
mod messages;
mod passes;
mod settling;
mod tickets;

use std::num::NonZeroU32;
use std::sync::Arc;

use super::*;
use crate::domain::booking::{
    Book, Booking, BookingStatus, Channel, Contact, Delivery, FailReason, LatePayment, Message,
    MessageKind, PaymentOutcome, PaymentStatus, PaymentTerms, REASON_CHARS_MAX, Redeem,
};
use crate::domain::idempotency::{Fingerprint, KeyDigest, RememberedKey, WINDOW_MS};
use crate::domain::ids::{CustomerId, EventId, EventNumber, PoolId, ReservationId};
use crate::domain::money::{Currency, Money};
use crate::domain::quantity::Quantity;
use crate::domain::time::{HoldLength, UnixMillis};

const HOLD_MS: u64 = 60_000;
const PAY_MS: u64 = 100_000;
const LIMIT: u32 = 5;

/// An event, its clock, and what was decided of it.
struct Sale {
    inventory: Inventory,
    now: u64,
}

impl Sale {
    fn open(late_payment: LatePayment) -> Self {
        let pool = |id: &str, amount| PoolTerms {
            id: PoolId::parse(id).unwrap(),
            name: id.into(),
            price: Money { amount, currency: Currency::parse("EUR").unwrap() },
        };
        let terms = EventTerms {
            id: EventId::parse("event").unwrap(),
            name: "Event".into(),
            starts_at: None,
            sale: SaleTerms {
                state: SaleState::Open,
                opens_at: None,
                closes_at: None,
                hold: HoldLength::from_seconds(60).unwrap(),
                customer_limit: NonZeroU32::new(LIMIT),
            },
            booking: BookingTerms { pay_seconds: 100, late_payment, venue: None },
            pools: vec![pool("a", 100), pool("free", 0)],
            created_at: UnixMillis(1),
            revision: 1,
        };
        let (event, terms) = (EventNumber(1), Arc::new(terms));
        let ask = Create { event, terms, capacities: vec![8, 5], key: None, organizer: None };
        let inventory = Inventory::created(&create(None, &ask).unwrap().unwrap());
        Self { inventory, now: 1_000 }
    }

    /// Nothing is ended first: the deadline may have passed unnoticed.
    fn ask(&mut self, command: &Command) -> Result<Decision, Refusal> {
        let decision = decide(&self.inventory, command, UnixMillis(self.now))?;
        if let Decision::Happens(fact) = &decision {
            apply(&mut self.inventory, fact);
        }
        assert_eq!(self.inventory.audit(), []);
        Ok(decision)
    }

    fn must(&mut self, command: &Command) -> Fact {
        match self.ask(command) {
            Ok(Decision::Happens(fact)) => fact,
            other => panic!("{command:?}: {other:?}"),
        }
    }

    fn wait(&mut self, ms: u64) {
        self.now += ms;
        while let Ok(Decision::Happens(_)) = self.ask(&Command::ExpireDue) {}
    }

    fn reserve(&mut self, customer: &str, units: u32) -> ReservationId {
        self.reserve_lines(customer, &[(0, units)])
    }

    fn reserve_lines(&mut self, customer: &str, lines: &[(u16, u32)]) -> ReservationId {
        match self.must(&reserve_command(customer, lines, None)) {
            Fact::Reserved(reserved) => reserved.id,
            fact => panic!("{fact:?}"),
        }
    }

    fn book(&mut self, id: ReservationId) -> Fact {
        self.must(&book_command(id, None))
    }

    /// A booking that is paid.
    fn buy(&mut self, customer: &str, units: u32) -> ReservationId {
        let id = self.reserve(customer, units);
        self.book(id);
        self.must(&hear(id, PaymentOutcome::Succeeded));
        id
    }

    fn booking(&self, id: ReservationId) -> Booking {
        self.inventory.booking_receipt(id).unwrap().booking
    }

    /// Where the booking and its payment are.
    fn status(&self, id: ReservationId) -> (BookingStatus, PaymentStatus) {
        let booking = self.booking(id);
        (booking.status, booking.payment)
    }

    /// Available, held, sold of the first pool.
    fn units(&self) -> (u32, u32, u32) {
        let pool = self.inventory.pools()[0];
        (pool.available, pool.held, pool.sold)
    }

    fn messages(&self) -> Vec<(u64, Message)> {
        self.inventory.messages(0).map(|(number, message, _)| (number, message)).collect()
    }

    /// The state that a checkpoint would bring back.
    fn restored(&self) -> Inventory {
        let mut inventory = Inventory::restore(self.inventory.snapshot());
        for reservation in self.inventory.reservation_snapshots() {
            inventory.restore_reservation(reservation);
        }
        for purchase in self.inventory.purchase_snapshots() {
            inventory.restore_purchase(purchase).unwrap();
        }
        assert_eq!(inventory.audit(), []);
        assert_eq!(inventory.digest(), self.inventory.digest());
        inventory
    }
}

fn reserve_command(customer: &str, lines: &[(u16, u32)], key: Option<RememberedKey>) -> Command {
    let line = |(pool, units): &(u16, u32)| Line { pool: *pool, quantity: quantity(*units) };
    Command::Reserve(Reserve {
        customer: CustomerId::parse(customer).unwrap(),
        lines: lines.iter().map(line).collect(),
        key,
        salt: 7,
        pass: None,
    })
}

fn quantity(units: u32) -> Quantity {
    Quantity::new(units).unwrap()
}

fn key(name: &str, meaning: &str) -> Option<RememberedKey> {
    let (digest, fingerprint) = (KeyDigest::of(name), Fingerprint::of([meaning.as_bytes()]));
    Some(RememberedKey { digest, fingerprint })
}

fn book_command(reservation: ReservationId, key: Option<RememberedKey>) -> Command {
    let payment = PaymentTerms { method: "card".into(), token: "tok".into() };
    let contact = Contact { email: Some("a@example.org".into()), ..Contact::default() };
    Command::Book(Box::new(Book { reservation, payment, contact, key }))
}

/// By a buyer who left these.
fn book_by(reservation: ReservationId, email: bool, phone: bool) -> Command {
    let Command::Book(mut ask) = book_command(reservation, None) else { unreachable!() };
    ask.contact.email = ask.contact.email.filter(|_| email);
    ask.contact.phone = phone.then(|| "+4930123456".into());
    Command::Book(ask)
}

fn hear(booking: ReservationId, outcome: PaymentOutcome) -> Command {
    Command::Hear { booking, outcome, provider_id: Some("pi".into()) }
}

fn cancel(booking: ReservationId) -> Command {
    Command::Cancel { booking }
}

fn redeem(booking: ReservationId, ticket: u32, nonce: &str) -> Command {
    Command::Redeem(Redeem { booking, ticket, nonce: nonce.into(), occurred_at: None })
}

fn resize(capacity: u32) -> Command {
    Command::Amend(Amend { capacities: vec![(0, capacity)], ..Amend::default() })
}
