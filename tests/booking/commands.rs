//! What is asked, in the words of the rules.

use onsale::domain::booking::{Book, Contact, Delivery, PaymentOutcome, PaymentTerms};
use onsale::domain::idempotency::{Fingerprint, KeyDigest, RememberedKey};
use onsale::domain::ids::{CustomerId, ReservationId};
use onsale::domain::inventory::{Command, Line, Reserve};
use onsale::domain::quantity::Quantity;

use crate::naive::{book_meaning, reserve_meaning};
use crate::steps::{Heard, Told, Ways};

pub fn id(sequence: u64) -> ReservationId {
    ReservationId { sequence, salt: 7 }
}

fn key(key: Option<u8>, meaning: &[u8]) -> Option<RememberedKey> {
    let digest = KeyDigest::of(&format!("key-{}", key?));
    Some(RememberedKey { digest, fingerprint: Fingerprint::of([meaning]) })
}

pub fn reserve_command(customer: u8, units: [u32; 2], with: Option<u8>) -> Command {
    let lines = (0..2_u16).zip(units).filter(|(_, units)| 0 < *units);
    let line = |(pool, units)| Line { pool, quantity: Quantity::new(units).expect("in bounds") };
    Command::Reserve(Reserve {
        lines: lines.map(line).collect(),
        key: key(with, &reserve_meaning(customer, units)),
        customer: CustomerId::parse(&format!("fan-{customer}")).expect("printable"),
        salt: 7,
        pass: None,
    })
}

pub fn book_command(sequence: u64, token: u8, with: Option<u8>, ways: Ways) -> Command {
    let email = ways.email.then(|| "a@example.org".into());
    let phone = ways.phone.then(|| "+4930123456".into());
    Command::Book(Box::new(Book {
        reservation: id(sequence),
        payment: PaymentTerms { method: "card".into(), token: format!("tok-{token}").into() },
        contact: Contact { email, phone, name: None },
        key: key(with, &book_meaning(sequence, token, ways)),
    }))
}

pub fn told(message: u64, how: Told) -> Command {
    let delivery = match how {
        Told::Sent => Delivery::Sent,
        Told::Skipped => Delivery::Skipped,
        Told::Failed => Delivery::Failed,
        Told::GivenUp => Delivery::GivenUp { reason: "no such box".into() },
    };
    Command::Told { message, delivery }
}

pub fn hear_command(sequence: u64, outcome: Heard, named: bool) -> Command {
    let outcome = match outcome {
        Heard::Processing => PaymentOutcome::Processing,
        Heard::Succeeded => PaymentOutcome::Succeeded,
        Heard::Declined => PaymentOutcome::Declined,
        Heard::Nothing => PaymentOutcome::Nothing,
    };
    Command::Hear { booking: id(sequence), outcome, provider_id: named.then(|| "pi".into()) }
}
