//! Every shape on disk reads back, and its bytes never change.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::*;
use crate::domain::idempotency::{Fingerprint, KeyDigest, RememberedKey};
use crate::domain::ids::{CustomerId, EventId, PoolId, ReservationId};
use crate::domain::inventory::{
    Amended, EventTerms, Line, PoolTerms, Reserved, SaleState, SaleTerms,
};
use crate::domain::money::{Currency, Money};
use crate::domain::quantity::Quantity;
use crate::domain::time::{HoldLength, UnixMillis};
use crate::storage::frame::read_frames;

fn key() -> RememberedKey {
    RememberedKey { digest: KeyDigest([7; 16]), fingerprint: Fingerprint([9; 8]) }
}

fn terms() -> Arc<EventTerms> {
    Arc::new(EventTerms {
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
        pools: vec![PoolTerms {
            id: PoolId::parse("standing").unwrap(),
            name: "Standing".into(),
            price: Money { amount: 4_500, currency: Currency::parse("EUR").unwrap() },
        }],
        created_at: UnixMillis(4),
        revision: 3,
    })
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
    })
}

/// The encoded record as hexadecimal digits, after checking that it reads back.
fn encoded(record: &Record) -> String {
    let mut out = Vec::new();
    match record {
        Record::Created { shard, created } => encode_created(&mut out, *shard, created),
        Record::Placed { event, shard } => encode_placed(&mut out, *event, *shard),
        Record::Happened { event, fact } => encode_fact(&mut out, *event, fact),
    }
    let frame = read_frames(&out).next().unwrap().unwrap();
    assert_eq!(decode(&frame).unwrap(), *record);
    out.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bytes_of_version_1_never_change() {
    let event = EventNumber(77);
    let happened = |fact| Record::Happened { event, fact };
    let created = Created { event, terms: terms(), capacities: vec![10_000], key: Some(key()) };
    let amended = Amended { terms: terms(), capacities: vec![9], at: UnixMillis(8) };
    let records = [
        Record::Created { shard: ShardId(3), created },
        Record::Placed { event, shard: ShardId(1_000) },
        happened(reserved()),
        happened(Fact::Released { sequence: 300, at: UnixMillis(6) }),
        happened(Fact::Expired { sequences: vec![1, 300], at: UnixMillis(7) }),
        happened(Fact::Amended(amended)),
    ];
    let found: Vec<String> = records.iter().map(encoded).collect();
    let golden: Vec<&str> = include_str!("golden_v1.txt").lines().collect();
    assert_eq!(found, golden, "bytes on disk changed: old journals would not read");
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
    encode_fact(&mut out, EventNumber(1), &reserved());
    let payload = &out[crate::storage::frame::HEADER..];
    let longer = [payload, b"x"].concat();
    for bad in [&longer[..], &payload[..payload.len() - 1]] {
        let frame = Frame { kind: kind::RESERVED, version: 1, payload: bad };
        assert!(matches!(decode(&frame), Err(RecordError::Malformed { .. })));
    }
}
