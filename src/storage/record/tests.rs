//! Every shape on disk reads back, and its bytes never change.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::*;
use crate::domain::booking::{
    Booking, BookingStatus, Channel, Contact, FailReason, LatePayment, Message, MessageKind,
    PaymentStatus, PaymentTerms, Redeemed,
};
use crate::domain::idempotency::{Fingerprint, KeyDigest, RememberedKey};
use crate::domain::ids::{CustomerId, EventId, PoolId, ReservationId};
use crate::domain::inventory::{
    Amended, Booked, BookingTerms, EventTerms, Inventory, Line, Lines, PassesSnapshot, PoolTerms,
    PurchaseSnapshot, Reserved, SaleState, SaleTerms,
};
use crate::domain::money::{Currency, Money};
use crate::domain::quantity::Quantity;
use crate::domain::time::{HoldLength, UnixMillis};
use crate::storage::books::Books;
use crate::storage::frame::read_frames;

fn key() -> RememberedKey {
    RememberedKey { digest: KeyDigest([7; 16]), fingerprint: Fingerprint([9; 8]) }
}

/// As version 1 knew them.
fn terms() -> EventTerms {
    EventTerms {
        id: EventId::parse("concert-a").unwrap(),
        name: "Concert A".into(),
        starts_at: Some(UnixMillis(1_800_000_000_000)),
        sale: SaleTerms {
            state: SaleState::Paused,
            opens_at: Some(UnixMillis(5)),
            closes_at: None,
            hold: HoldLength::from_seconds(600).unwrap(),
            customer_limit: NonZeroU32::new(4),
        },
        booking: BookingTerms::default(),
        pools: vec![PoolTerms {
            id: PoolId::parse("standing").unwrap(),
            name: "Standing".into(),
            price: Money { amount: 4_500, currency: Currency::parse("EUR").unwrap() },
        }],
        created_at: UnixMillis(4),
        revision: 3,
    }
}

pub(super) fn terms_with_booking() -> EventTerms {
    let late_payment = LatePayment::Refund;
    let venue = Some("Grünes Haus".into());
    EventTerms { booking: BookingTerms { pay_seconds: 120, late_payment, venue }, ..terms() }
}

fn reserved() -> Fact {
    let line = |pool, units| Line { pool, quantity: Quantity::new(units).unwrap() };
    Fact::Reserved(Reserved {
        id: ReservationId { sequence: 300, salt: 0xdead_beef },
        customer: CustomerId::parse("fan-123").unwrap(),
        lines: [line(0, 2), line(1, 10_000)].into_iter().collect(),
        created_at: UnixMillis(1_700_000_000_000),
        expires_at: UnixMillis(1_700_000_600_000),
        key: Some(key()),
        pass: None,
    })
}

/// `None`: today it is written in another version.
fn encoded(record: &Record) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    match record {
        Record::Created { shard, created } => encode_created(&mut out, *shard, created),
        Record::Placed { event, shard } => encode_placed(&mut out, *event, *shard),
        Record::Happened { .. } => return None,
        Record::Room { .. } | Record::Audit(_) => return None,
    }
    Some(out)
}

pub(super) fn read_back(bytes: &[u8]) -> Record {
    decode(&read_frames(bytes).next().unwrap().unwrap()).unwrap()
}

pub(super) fn in_hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}

pub(super) fn golden(lines: &'static str) -> Vec<&'static str> {
    lines.lines().collect()
}

/// What the first line of a golden file is: the event comes onto the books. And its last: an amendment.
pub(super) fn created_and_amended(terms: EventTerms) -> [Record; 2] {
    let (event, terms, organizer) = (EventNumber(77), Arc::new(terms), None);
    let amended = Amended { terms: Arc::clone(&terms), capacities: vec![9], at: UnixMillis(8) };
    let created = Created { event, terms, capacities: vec![10_000], key: Some(key()), organizer };
    let fact = Fact::Amended(amended);
    [Record::Created { shard: ShardId(3), created }, Record::Happened { event, fact }]
}

fn in_version_1() -> Vec<Record> {
    let event = EventNumber(77);
    let happened = |fact| Record::Happened { event, fact };
    let [created, amended] = created_and_amended(terms());
    vec![
        created,
        Record::Placed { event, shard: ShardId(1_000) },
        happened(reserved()),
        happened(Fact::Released { sequence: 300, at: UnixMillis(6) }),
        happened(Fact::Expired { sequences: vec![1, 300], at: UnixMillis(7) }),
        amended,
    ]
}

#[test]
fn records_of_version_1_read_for_ever_and_what_is_still_written_so_keeps_its_bytes() {
    let golden = golden(include_str!("golden_v1.txt"));
    let records = in_version_1();
    assert_eq!(golden.len(), records.len());
    for (record, golden) in records.iter().zip(golden) {
        // With the terms of bookings that events without any have.
        assert_eq!(read_back(&hex::decode(golden).unwrap()), *record);
        if let Record::Placed { .. } = record {
            let written = encoded(record).unwrap();
            assert_eq!(in_hex(&written), golden, "old journals would not read");
        }
    }
}

#[test]
fn a_reservation_made_with_a_pass_has_a_version_of_its_own() {
    let Fact::Reserved(without) = reserved() else { unreachable!() };
    let fact = Fact::Reserved(Reserved { pass: Some(70_000), ..without });
    let mut bytes = Vec::new();
    encode_told(&mut bytes, EventNumber(77), &fact, 300, &[]);
    let record = Record::Happened { event: EventNumber(77), fact };
    assert_eq!(read_back(&bytes), record);
    let frame = read_frames(&bytes).next().unwrap().unwrap();
    assert_eq!(decode_entry(&frame).unwrap().unwrap().number, 300);
    assert_eq!(in_hex(&bytes), include_str!("golden_v4.txt").trim(), "old journals would not read");
}

#[test]
fn passes_of_a_checkpoint_keep_their_bytes() {
    let snapshot = PassesSnapshot { used: vec![7, 70_000], live: vec![(300, 7)] };
    let mut bytes = Vec::new();
    encode_passes(&mut bytes, &snapshot);
    let frame = read_frames(&bytes).next().unwrap().unwrap();
    let CheckpointPart::Passes(read) = CheckpointPart::decode(&frame).unwrap() else { panic!() };
    assert_eq!(read, snapshot);
    assert_eq!(in_hex(&bytes[crate::storage::frame::HEADER..]), "0207fc7011010001fb2c0107");
}

fn contact() -> Contact {
    let (email, name) = (Some("a@example.org".into()), Some("Ада".into()));
    Contact { email, phone: None, name }
}

fn paid_with() -> PaymentTerms {
    PaymentTerms { method: "card".into(), token: "tok_1".into() }
}

fn steps_of_a_booking() -> Vec<Fact> {
    let (sequence, at) = (300, UnixMillis(1_700_000_000_000));
    let provider_id = || Some("pi_1".into());
    let failed = |reason| Fact::BookingFailed { sequence, reason, at };
    let pay_until = UnixMillis(1_700_000_900_000);
    let (payment, contact, key) = (paid_with(), contact(), Some(key()));
    vec![
        Fact::Booked(Booked { sequence, payment, contact, key, at, pay_until }),
        Fact::PaymentProcessing { sequence, provider_id: None, at },
        Fact::Confirmed { sequence, provider_id: provider_id(), at },
        failed(FailReason::Declined),
        failed(FailReason::Expired),
        failed(FailReason::Cancelled),
        Fact::PaymentFailed { sequence, at },
        Fact::RefundOwed { sequence, provider_id: provider_id(), at },
        Fact::Cancelled { sequence, at },
        Fact::Refunded { sequence, at },
        Fact::Redeemed { sequence, ticket: 2, nonce: "n-1".into(), occurred_at: UnixMillis(9), at },
        Fact::MessageSent { message: 1_024, at },
        Fact::MessageFailed { message: 1_024, dead: true, at },
        Fact::MessageSkipped { message: 1_024, at },
        Fact::MessageGivenUp { message: 1_024, reason: "no such box, ящик".into(), at },
        Fact::MessageRevived { message: 1_024, at },
    ]
}

#[test]
fn records_of_version_2_and_of_purchases_read_for_ever() {
    let event = EventNumber(77);
    let mut records: Vec<Record> = created_and_amended(terms_with_booking()).into();
    let steps = steps_of_a_booking();
    records.extend(steps.into_iter().map(|fact| Record::Happened { event, fact }));
    let golden = golden(include_str!("golden_v2.txt"));
    assert_eq!(golden.len(), records.len());
    for (record, golden) in records.iter().zip(golden) {
        assert_eq!(read_back(&hex::decode(golden).unwrap()), *record);
        if let Some(written) = encoded(record) {
            assert_eq!(in_hex(&written), golden, "old journals would not read");
        }
    }
}

fn name(sequence: u64, is_booking: bool, lines: Option<Lines>) -> ReservationName {
    ReservationName { id: ReservationId { sequence, salt: 0xdead_beef }, is_booking, lines }
}

/// Every fact with the names that are told with it.
fn entries() -> Vec<Entry> {
    let Fact::Reserved(Reserved { lines, .. }) = reserved() else { unreachable!() };
    let [_, Record::Happened { fact: amended, .. }] = created_and_amended(terms_with_booking())
    else {
        unreachable!()
    };
    let others = [
        reserved(),
        Fact::Released { sequence: 300, at: UnixMillis(6) },
        Fact::Expired { sequences: vec![1, 300], at: UnixMillis(7) },
        amended,
    ];
    let facts = others.into_iter().chain(steps_of_a_booking());
    let entries = (300..).zip(facts).map(|(number, fact)| {
        let with_lines = matches!(fact, Fact::Booked(_) | Fact::Confirmed { .. });
        let names = fact
            .sequences()
            .iter()
            .map(|sequence| name(*sequence, *sequence == 300, with_lines.then(|| lines.clone())));
        let names = names.collect();
        Entry { number, happened: Happened::Fact(fact), names }
    });
    entries.collect()
}

fn told(entry: &Entry) -> Vec<u8> {
    let Happened::Fact(fact) = &entry.happened else { unreachable!() };
    let mut out = Vec::new();
    encode_told(&mut out, EventNumber(77), fact, entry.number, &entry.names);
    out
}

#[test]
fn the_bytes_of_facts_that_are_told_never_change() {
    let mut found = Vec::new();
    for entry in entries() {
        let bytes = told(&entry);
        let frame = read_frames(&bytes).next().unwrap().unwrap();
        let Happened::Fact(fact) = entry.happened.clone() else { unreachable!() };
        let told = Entry::of(entry.number, fact, entry.names.clone());
        assert_eq!(decode_entry(&frame).unwrap(), Some(told));
        assert_eq!(event_told(&frame).unwrap(), Some(EventNumber(77)));
        let Happened::Fact(fact) = entry.happened else { unreachable!() };
        let event = EventNumber(77);
        assert_eq!(decode(&frame).unwrap(), Record::Happened { event, fact });
        found.push(in_hex(&bytes));
    }
    assert_eq!(found, golden(include_str!("golden_v3.txt")), "old journals would not read");
}

#[test]
fn of_older_records_only_the_creation_is_told() {
    let lines = [include_str!("golden_v1.txt"), include_str!("golden_v2.txt")];
    for golden in lines.iter().flat_map(|lines| lines.lines()) {
        let bytes = hex::decode(golden).unwrap();
        let frame = read_frames(&bytes).next().unwrap().unwrap();
        let entry = decode_entry(&frame).unwrap();
        let is_created = frame.kind == kind::CREATED;
        assert_eq!(event_told(&frame).unwrap(), is_created.then_some(EventNumber(77)));
        assert_eq!(entry.map(|entry| entry.number), is_created.then_some(1));
    }
}

#[test]
fn a_fact_that_lacks_a_name_is_refused() {
    let mut entry = entries().remove(2);
    entry.names.pop();
    let bytes = told(&entry);
    let frame = read_frames(&bytes).next().unwrap().unwrap();
    assert!(matches!(decode_entry(&frame), Err(RecordError::Impossible { .. })));
    assert!(decode(&frame).is_ok(), "who recovers needs no names");
}

fn pieces() -> Vec<PurchaseSnapshot> {
    let booking = |status, fail_reason, payment| Booking {
        status,
        fail_reason,
        payment,
        terms: paid_with(),
        contact: contact(),
        provider_id: Some("pi_1".into()),
        created_at: UnixMillis(5),
        pay_until: UnixMillis(6),
        decided_at: Some(UnixMillis(7)),
        key: Some(key()),
        redeemed: vec![Redeemed { ticket: 2, occurred_at: UnixMillis(8), nonce: "n-1".into() }],
    };
    let bookings = [
        (BookingStatus::PendingPayment, None, PaymentStatus::Created),
        (BookingStatus::PendingPayment, None, PaymentStatus::Processing),
        (BookingStatus::Confirmed, None, PaymentStatus::Succeeded),
        (BookingStatus::Failed, Some(FailReason::Declined), PaymentStatus::Failed),
        (BookingStatus::Failed, Some(FailReason::Expired), PaymentStatus::RefundPending),
        (BookingStatus::Failed, Some(FailReason::Cancelled), PaymentStatus::Refunded),
        (BookingStatus::Cancelled, None, PaymentStatus::RefundPending),
    ];
    let bookings = (1..).zip(bookings).map(|(sequence, (status, reason, payment))| {
        PurchaseSnapshot::Booking(sequence, booking(status, reason, payment))
    });
    let kinds = [MessageKind::Confirmed, MessageKind::Failed, MessageKind::Cancelled];
    let messages = Channel::ALL.into_iter().flat_map(|channel| {
        kinds.map(|kind| Message { tries: 3, is_dead: true, ..Message::new(1, kind, channel) })
    });
    let reason = Some("no such box, ящик".into());
    let given_up = Channel::ALL.map(|channel| Message {
        tries: 10,
        is_dead: true,
        reason: reason.clone(),
        ..Message::new(1, MessageKind::Failed, channel)
    });
    let messages = (2_048..).zip(messages.chain(given_up));
    let messages = messages.map(|(number, message)| PurchaseSnapshot::Message(number, message));
    bookings.chain(messages).collect()
}

pub(super) fn part_of(bytes: &[u8]) -> CheckpointPart {
    CheckpointPart::decode(&read_frames(bytes).next().unwrap().unwrap()).unwrap()
}

#[test]
fn the_bytes_of_purchases_in_checkpoints_never_change() {
    let [Record::Created { created, .. }, _] = created_and_amended(terms_with_booking()) else {
        unreachable!()
    };
    let (snapshot, mut out) = (Inventory::created(&created).snapshot(), Vec::new());
    encode_event(&mut out, ShardId(3), &snapshot);
    let CheckpointPart::Event { shard, snapshot: back } = part_of(&out) else { unreachable!() };
    assert_eq!((shard, back), (ShardId(3), snapshot));
    let mut found = vec![in_hex(&out)];
    for piece in pieces() {
        let mut out = Vec::new();
        encode_purchase(&mut out, &piece);
        let CheckpointPart::Purchase(back) = part_of(&out) else { unreachable!() };
        assert_eq!(back, piece);
        found.push(in_hex(&out));
    }
    let golden = golden(include_str!("golden_checkpoint_v2.txt"));
    assert_eq!(found, golden, "old checkpoints would not read");
}

/// The digest that stands in it must be the one of today, or no server could be renewed.
#[test]
fn a_checkpoint_from_before_there_were_bookings_is_restored() {
    let bytes = hex::decode(include_str!("golden_checkpoint_v1.txt").trim()).unwrap();
    let mut books = Books::default();
    for frame in read_frames(&bytes) {
        books.restore(CheckpointPart::decode(&frame.unwrap()).unwrap()).unwrap();
    }
    let inventory = &books.events[&EventNumber(77)].inventory;
    assert_eq!(**inventory.terms(), terms());
    assert_eq!((inventory.reservations(), inventory.pools()[0].held), (2, 2));
    assert_eq!(books.audit(), []);
}

#[test]
fn numbers_that_mean_nothing_are_refused() {
    let fact = Fact::BookingFailed { sequence: 1, reason: FailReason::Declined, at: UnixMillis(2) };
    let mut out = Vec::new();
    encode_told(&mut out, EventNumber(1), &fact, 5, &[]);
    // Event, kind of step, sequence, reason, time; then the number, and no names.
    let mut payload = out[crate::storage::frame::HEADER..].to_vec();
    assert_eq!(payload, [1, 3, 1, 0, 2, 5, 0]);
    payload[3] = 9;
    let frame = Frame { kind: kind::PURCHASE, version: V3, payload: &payload };
    assert!(matches!(decode(&frame), Err(RecordError::Impossible { field: "fail reason", .. })));
    payload[1] = 200;
    let frame = Frame { kind: kind::PURCHASE, version: V3, payload: &payload };
    assert!(matches!(decode(&frame), Err(RecordError::Malformed { .. })));
}

#[test]
fn an_unknown_kind_or_version_is_refused() {
    for (kind, version) in [(200, 1), (kind::RESERVED, 2), (kind::CHECKPOINT_EVENT, 1)] {
        let frame = Frame { kind, version, payload: b"" };
        assert!(matches!(decode(&frame), Err(RecordError::Unknown { .. })), "{kind} {version}");
    }
}

#[test]
fn trailing_and_missing_bytes_are_refused() {
    let mut out = Vec::new();
    encode_told(&mut out, EventNumber(1), &reserved(), 5, &[]);
    let payload = &out[crate::storage::frame::HEADER..];
    let longer = [payload, b"x"].concat();
    for bad in [&longer[..], &payload[..payload.len() - 1]] {
        let frame = Frame { kind: kind::RESERVED, version: V3, payload: bad };
        assert!(matches!(decode(&frame), Err(RecordError::Malformed { .. })));
    }
}
