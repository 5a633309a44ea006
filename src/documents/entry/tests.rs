//! What entries say, held against the JSON that readers depend on.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::domain::booking::{Contact, PaymentTerms};
use crate::domain::idempotency::{Fingerprint, KeyDigest, RememberedKey};
use crate::domain::ids::{CustomerId, EventNumber, PoolId};
use crate::domain::inventory::{
    Amended, BookingTerms, Created, Lines, PoolTerms, SaleState, SaleTerms,
};
use crate::domain::money::Currency;
use crate::domain::quantity::Quantity;
use crate::domain::time::{HoldLength, UnixMillis};

const AT: UnixMillis = UnixMillis(1_800_000_000_000);

fn terms() -> EventTerms {
    let currency = Currency::parse("EUR").unwrap();
    let pool = |id: &str, amount| PoolTerms {
        id: PoolId::parse(id).unwrap(),
        name: id.into(),
        price: money::Money { amount, currency },
    };
    EventTerms {
        id: EventId::parse("concert-a").unwrap(),
        name: "Concert A".into(),
        starts_at: None,
        sale: SaleTerms {
            state: SaleState::Open,
            opens_at: Some(AT),
            closes_at: None,
            hold: HoldLength::from_seconds(600).unwrap(),
            customer_limit: None,
        },
        booking: BookingTerms::default(),
        pools: vec![pool("standing", 4_500), pool("balcony", 100)],
        created_at: AT,
        revision: 3,
    }
}

fn lines(pool: u16) -> Lines {
    let line = |pool, units| Line { pool, quantity: Quantity::new(units).unwrap() };
    [line(0, 2), line(pool, 1)].into_iter().collect()
}

fn name(sequence: u64, is_booking: bool, lines: Option<Lines>) -> ReservationName {
    ReservationName { id: ReservationId { sequence, salt: 0xab }, is_booking, lines }
}

fn body(happened: Happened, names: Vec<ReservationName>) -> Option<Value> {
    let (terms, entry) = (terms(), Entry { number: 17, happened, names });
    let told = Told::of(&terms.id, &terms, &entry)?;
    assert_eq!(told.number(), 17);
    assert!(KINDS.contains(&told.kind()), "{}", told.kind());
    let body = serde_json::to_value(&told).unwrap();
    assert_eq!((&body["number"], &body["event"]), (&json!(17), &json!("concert-a")));
    assert_eq!((&body["type"], &body["at"]), (&json!(told.kind()), &json!(rfc3339(AT))));
    Some(body)
}

fn key() -> Option<RememberedKey> {
    Some(RememberedKey { digest: KeyDigest([7; 16]), fingerprint: Fingerprint([9; 8]) })
}

fn held(pool: u16) -> Fact {
    Fact::Reserved(Reserved {
        id: ReservationId { sequence: 5, salt: 0xab },
        customer: CustomerId::parse("fan").unwrap(),
        lines: lines(pool),
        created_at: AT,
        expires_at: AT.plus_seconds(600),
        key: key(),
        pass: None,
    })
}

fn booked() -> Fact {
    let payment = PaymentTerms { method: "card".into(), token: "secret".into() };
    let email = Some("secret@example.org".into());
    let contact = Contact { email, ..Contact::default() };
    let pay_until = AT.plus_seconds(900);
    Fact::Booked(Booked { sequence: 5, payment, contact, key: key(), at: AT, pay_until })
}

const ID: &str = "0000000000000005000000ab";

/// Each fact is told so, and tells no secret.
fn check<const CASES: usize>(cases: [(Fact, &str, Value); CASES]) {
    for (fact, kind, data) in cases {
        let of = |sequence: &u64| name(*sequence, true, Some(lines(1)));
        let names = fact.sequences().iter().map(of).collect();
        let body = body(Happened::Fact(fact), names).expect("it makes sense");
        assert_eq!((&body["type"], &body["data"]), (&json!(kind), &data));
        assert!(!body.to_string().contains("secret"), "{body}");
    }
}

#[test]
fn what_happens_to_reservations_and_bookings_has_its_type_and_its_data() {
    let (id, at, sequence) = (ID, AT, 5);
    let priced = json!([
        {"pool": "standing", "quantity": 2, "unit_price": {"amount": 4500, "currency": "EUR"}},
        {"pool": "balcony", "quantity": 1, "unit_price": {"amount": 100, "currency": "EUR"}},
    ]);
    let total = json!({"amount": 9100, "currency": "EUR"});
    let failed = |reason| Fact::BookingFailed { sequence, reason, at };
    let tickets = [format!("{id}-1"), format!("{id}-2"), format!("{id}-3")];
    check([
        (
            held(1),
            "reservation.held",
            json!({"id": id, "customer": "fan", "lines": priced, "total": total,
                "created_at": rfc3339(AT), "expires_at": rfc3339(AT.plus_seconds(600))}),
        ),
        (Fact::Released { sequence, at }, "reservation.released", json!({"id": id})),
        (
            booked(),
            "booking.created",
            json!({"id": id, "lines": priced, "total": total,
                "pay_until": rfc3339(AT.plus_seconds(900))}),
        ),
        (
            Fact::Confirmed { sequence, provider_id: Some("pi_secret".into()), at },
            "booking.confirmed",
            json!({"id": id, "tickets": tickets}),
        ),
        (failed(FailReason::Declined), "booking.failed", json!({"id": id, "reason": "declined"})),
        (failed(FailReason::Cancelled), "booking.failed", json!({"id": id, "reason": "cancelled"})),
        (Fact::Cancelled { sequence, at }, "booking.cancelled", json!({"id": id})),
    ]);
}

#[test]
fn what_happens_to_payments_tickets_and_messages_has_its_type_and_its_data() {
    let (id, at, sequence) = (ID, AT, 5);
    let provider_id = Some(Arc::from("pi_secret"));
    let processing = Fact::PaymentProcessing { sequence, provider_id: provider_id.clone(), at };
    let redeemed =
        Fact::Redeemed { sequence, ticket: 2, nonce: "secret".into(), occurred_at: at, at };
    let payment = || json!({"booking": id});
    check([
        (processing, "payment.processing", payment()),
        (Fact::PaymentFailed { sequence, at }, "payment.failed", payment()),
        (Fact::RefundOwed { sequence, provider_id, at }, "payment.refund_pending", payment()),
        (Fact::Refunded { sequence, at }, "payment.refunded", payment()),
        (
            redeemed,
            "ticket.redeemed",
            json!({"ticket": format!("{id}-2"), "booking": id, "occurred_at": rfc3339(AT)}),
        ),
        (Fact::MessageSent { message: 9, at }, "message.sent", json!({"message": 9})),
        (
            Fact::MessageFailed { message: 9, dead: true, at },
            "message.failed",
            json!({"message": 9, "is_dead": true}),
        ),
        (Fact::MessageSkipped { message: 9, at }, "message.skipped", json!({"message": 9})),
        (
            Fact::MessageGivenUp { message: 9, reason: "no box: secret".into(), at },
            "message.failed",
            json!({"message": 9, "is_dead": true}),
        ),
        (Fact::MessageRevived { message: 9, at }, "message.revived", json!({"message": 9})),
    ]);
}

#[test]
fn what_lapsed_is_told_as_reservations_and_as_bookings() {
    let fact = Fact::Expired { sequences: vec![5, 6, 7], at: AT };
    let names = vec![name(5, false, None), name(6, true, None), name(7, false, None)];
    let body = body(Happened::Fact(fact), names).expect("it makes sense");
    let id = |n| format!("{n:016x}000000ab");
    assert_eq!(body["data"], json!({"reservations": [id(5), id(7)], "bookings": [id(6)]}));
}

#[test]
fn an_event_is_told_as_it_was_then() {
    let (terms, capacities) = (Arc::new(terms()), vec![10, 20]);
    let amended = Amended { terms: Arc::clone(&terms), capacities: capacities.clone(), at: AT };
    let changed = body(Happened::Fact(Fact::Amended(amended)), vec![]).expect("it makes sense");
    let created = Created { event: EventNumber(1), terms, capacities, key: key(), organizer: None };
    let created = body(Happened::Created(created), vec![]).expect("it makes sense");
    assert_eq!(changed["type"], "event.changed");
    assert_eq!(created["type"], "event.created");
    assert_eq!(changed["data"], created["data"]);
    assert_eq!(created["data"]["pools"][1]["capacity"], 20);
    assert_eq!(created["data"]["opens_at"], json!(rfc3339(AT)));
}

#[test]
fn what_makes_no_sense_is_not_told() {
    let no_such_pool = Happened::Fact(held(2));
    assert_eq!(body(no_such_pool, vec![]), None);
    assert_eq!(body(Happened::Fact(booked()), vec![]), None, "without a name");
    assert_eq!(body(Happened::Fact(booked()), vec![name(5, true, None)]), None, "without lines");
}
