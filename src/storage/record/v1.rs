//! Version 1 of every shape on disk. Frozen: a field added, removed or moved here makes old journals
//! unreadable. `tests` holds the bytes of each against golden ones.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Record, RecordError, kind};
use crate::domain::idempotency::{Fingerprint, KeyDigest, RememberedKey};
use crate::domain::ids::{CustomerId, EventId, EventNumber, PoolId, ReservationId, ShardId};
use crate::domain::inventory as domain;
use crate::domain::inventory::{Fact, Line, Lines, SaleState};
use crate::domain::money::{Currency, Money};
use crate::domain::quantity::Quantity;
use crate::domain::time::{HoldLength, UnixMillis};

#[derive(Serialize, Deserialize)]
pub(super) struct Key([u8; 16], [u8; 8]);

#[derive(Serialize, Deserialize)]
pub(super) struct Terms {
    id: String,
    name: String,
    starts_at: Option<u64>,
    /// 0 open, 1 paused, 2 closed.
    state: u8,
    opens_at: Option<u64>,
    closes_at: Option<u64>,
    hold_seconds: u32,
    customer_limit: Option<u32>,
    pools: Vec<Pool>,
    created_at: u64,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Pool {
    id: String,
    name: String,
    amount: u64,
    currency: String,
}

#[derive(Deserialize)]
pub(super) struct Created {
    event: u64,
    shard: u16,
    terms: Terms,
    capacities: Vec<u32>,
    key: Option<Key>,
}

#[derive(Deserialize)]
pub(super) struct Amended {
    event: u64,
    terms: Terms,
    capacities: Vec<u32>,
    at: u64,
}

#[derive(Deserialize)]
pub(super) struct Reserved {
    event: u64,
    sequence: u64,
    salt: u32,
    customer: String,
    lines: Vec<(u16, u32)>,
    created_at: u64,
    expires_at: u64,
    key: Option<Key>,
}

/// Writes what [`Reserved`] reads, without copying the name or the lines.
#[derive(Serialize)]
pub(super) struct ReservedOut<'a> {
    event: u64,
    sequence: u64,
    salt: u32,
    customer: &'a str,
    #[serde(serialize_with = "lines_out")]
    lines: &'a Lines,
    created_at: u64,
    expires_at: u64,
    key: Option<Key>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Released {
    pub event: u64,
    pub sequence: u64,
    pub at: u64,
}

#[derive(Deserialize)]
pub(super) struct Expired {
    event: u64,
    sequences: Vec<u64>,
    at: u64,
}

/// Writes what [`Expired`] reads.
#[derive(Serialize)]
pub(super) struct ExpiredOut<'a> {
    pub event: u64,
    pub sequences: &'a [u64],
    pub at: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Placed {
    pub event: u64,
    pub shard: u16,
}

pub(super) fn lines_out<S: serde::Serializer>(lines: &&Lines, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(lines.as_slice().iter().map(|line| (line.pool, line.quantity.units())))
}

pub(super) fn lines_in(kind: u8, lines: Vec<(u16, u32)>) -> Result<Lines, RecordError> {
    let impossible = RecordError::Impossible { kind, field: "quantity" };
    let lines = lines
        .into_iter()
        .map(|(pool, units)| Some(Line { pool, quantity: Quantity::new(units)? }))
        .collect::<Option<Lines>>();
    lines.ok_or(impossible)
}

impl Key {
    pub(super) fn from_domain(key: RememberedKey) -> Self {
        Self(key.digest.0, key.fingerprint.0)
    }

    pub(super) fn into_domain(self) -> RememberedKey {
        RememberedKey { digest: KeyDigest(self.0), fingerprint: Fingerprint(self.1) }
    }
}

impl Terms {
    pub(super) fn from_domain(terms: &domain::EventTerms) -> Self {
        let sale = &terms.sale;
        let pools = terms.pools.iter().map(|pool| Pool {
            id: pool.id.to_string(),
            name: pool.name.to_string(),
            amount: pool.price.amount,
            currency: pool.price.currency.as_str().to_owned(),
        });
        Self {
            id: terms.id.to_string(),
            name: terms.name.to_string(),
            starts_at: terms.starts_at.map(|at| at.0),
            state: match sale.state {
                SaleState::Open => 0,
                SaleState::Paused => 1,
                SaleState::Closed => 2,
            },
            opens_at: sale.opens_at.map(|at| at.0),
            closes_at: sale.closes_at.map(|at| at.0),
            hold_seconds: sale.hold.seconds(),
            customer_limit: sale.customer_limit.map(NonZeroU32::get),
            pools: pools.collect(),
            created_at: terms.created_at.0,
            revision: terms.revision,
        }
    }

    pub(super) fn into_domain(self, kind: u8) -> Result<Arc<domain::EventTerms>, RecordError> {
        let impossible = |field| RecordError::Impossible { kind, field };
        let state = match self.state {
            0 => SaleState::Open,
            1 => SaleState::Paused,
            2 => SaleState::Closed,
            _ => return Err(impossible("sale state")),
        };
        let hold = HoldLength::from_seconds(self.hold_seconds).ok_or(impossible("hold length"))?;
        let pools = self.pools.into_iter().map(|pool| pool.into_domain(kind));
        Ok(Arc::new(domain::EventTerms {
            id: EventId::parse(&self.id).map_err(|_| impossible("event id"))?,
            name: self.name.into(),
            starts_at: self.starts_at.map(UnixMillis),
            sale: domain::SaleTerms {
                state,
                opens_at: self.opens_at.map(UnixMillis),
                closes_at: self.closes_at.map(UnixMillis),
                hold,
                customer_limit: self.customer_limit.and_then(NonZeroU32::new),
            },
            booking: domain::BookingTerms::default(),
            pools: pools.collect::<Result<_, _>>()?,
            created_at: UnixMillis(self.created_at),
            revision: self.revision,
        }))
    }
}

impl Pool {
    fn into_domain(self, kind: u8) -> Result<domain::PoolTerms, RecordError> {
        let impossible = |field| RecordError::Impossible { kind, field };
        let currency = Currency::parse(&self.currency).ok_or(impossible("currency"))?;
        Ok(domain::PoolTerms {
            id: PoolId::parse(&self.id).map_err(|_| impossible("pool id"))?,
            name: self.name.into(),
            price: Money { amount: self.amount, currency },
        })
    }
}

impl Created {
    pub(super) fn into_domain(self) -> Result<Record, RecordError> {
        let created = domain::Created {
            event: EventNumber(self.event),
            terms: self.terms.into_domain(kind::CREATED)?,
            capacities: self.capacities,
            key: self.key.map(Key::into_domain),
            organizer: None,
        };
        if created.capacities.len() != created.terms.pools.len() {
            return Err(RecordError::Impossible { kind: kind::CREATED, field: "capacities" });
        }
        Ok(Record::Created { shard: ShardId(self.shard), created })
    }
}

impl Amended {
    pub(super) fn into_domain(self) -> Result<Record, RecordError> {
        let amended = domain::Amended {
            terms: self.terms.into_domain(kind::AMENDED)?,
            capacities: self.capacities,
            at: UnixMillis(self.at),
        };
        Ok(Record::Happened { event: EventNumber(self.event), fact: Fact::Amended(amended) })
    }
}

impl<'a> ReservedOut<'a> {
    pub(super) fn from_domain(event: EventNumber, reserved: &'a domain::Reserved) -> Self {
        Self {
            event: event.0,
            sequence: reserved.id.sequence,
            salt: reserved.id.salt,
            customer: reserved.customer.as_str(),
            lines: &reserved.lines,
            created_at: reserved.created_at.0,
            expires_at: reserved.expires_at.0,
            key: reserved.key.map(Key::from_domain),
        }
    }
}

impl Reserved {
    pub(super) fn into_domain(self, pass: Option<u32>) -> Result<Record, RecordError> {
        let customer = CustomerId::parse(&self.customer)
            .map_err(|_| RecordError::Impossible { kind: kind::RESERVED, field: "customer" })?;
        let fact = Fact::Reserved(domain::Reserved {
            id: ReservationId { sequence: self.sequence, salt: self.salt },
            customer,
            lines: lines_in(kind::RESERVED, self.lines)?,
            created_at: UnixMillis(self.created_at),
            expires_at: UnixMillis(self.expires_at),
            key: self.key.map(Key::into_domain),
            pass,
        });
        Ok(Record::Happened { event: EventNumber(self.event), fact })
    }
}

impl Released {
    pub(super) fn into_domain(self) -> Record {
        let fact = Fact::Released { sequence: self.sequence, at: UnixMillis(self.at) };
        Record::Happened { event: EventNumber(self.event), fact }
    }
}

impl Expired {
    pub(super) fn into_domain(self) -> Record {
        let fact = Fact::Expired { sequences: self.sequences, at: UnixMillis(self.at) };
        Record::Happened { event: EventNumber(self.event), fact }
    }
}

impl Placed {
    pub(super) fn into_domain(self) -> Record {
        Record::Placed { event: EventNumber(self.event), shard: ShardId(self.shard) }
    }
}
