//! Version 2 of what an event's terms are on disk: version 1 and what a purchase has to keep to.
//! Frozen, like version 1.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Record, RecordError, kind, v1};
use crate::domain::booking::LatePayment;
use crate::domain::ids::{EventNumber, OrganizerId, ShardId};
use crate::domain::inventory as domain;
use crate::domain::inventory::Fact;
use crate::domain::time::UnixMillis;

#[derive(Serialize, Deserialize)]
pub(super) struct Terms {
    base: v1::Terms,
    pay_seconds: u32,
    /// 0 retake, 1 refund.
    late_payment: u8,
    venue: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Created {
    event: u64,
    shard: u16,
    terms: Terms,
    capacities: Vec<u32>,
    key: Option<v1::Key>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Amended {
    event: u64,
    terms: Terms,
    capacities: Vec<u32>,
    at: u64,
}

impl Terms {
    pub(super) fn from_domain(terms: &domain::EventTerms) -> Self {
        Self {
            base: v1::Terms::from_domain(terms),
            pay_seconds: terms.booking.pay_seconds,
            late_payment: match terms.booking.late_payment {
                LatePayment::Retake => 0,
                LatePayment::Refund => 1,
            },
            venue: terms.booking.venue.as_deref().map(str::to_owned),
        }
    }

    pub(super) fn into_domain(self, kind: u8) -> Result<Arc<domain::EventTerms>, RecordError> {
        let mut terms = Arc::unwrap_or_clone(self.base.into_domain(kind)?);
        terms.booking = domain::BookingTerms {
            pay_seconds: self.pay_seconds,
            late_payment: match self.late_payment {
                0 => LatePayment::Retake,
                1 => LatePayment::Refund,
                _ => return Err(RecordError::Impossible { kind, field: "late payment" }),
            },
            venue: self.venue.map(Arc::from),
        };
        Ok(Arc::new(terms))
    }
}

impl Created {
    pub(super) fn from_domain(shard: ShardId, created: &domain::Created) -> Self {
        Self {
            event: created.event.0,
            shard: shard.0,
            terms: Terms::from_domain(&created.terms),
            capacities: created.capacities.clone(),
            key: created.key.map(v1::Key::from_domain),
        }
    }

    pub(super) fn into_domain(self, organizer: Option<OrganizerId>) -> Result<Record, RecordError> {
        let terms = self.terms.into_domain(kind::CREATED)?;
        if self.capacities.len() != terms.pools.len() {
            return Err(RecordError::Impossible { kind: kind::CREATED, field: "capacities" });
        }
        let created = domain::Created {
            event: EventNumber(self.event),
            terms,
            capacities: self.capacities,
            key: self.key.map(v1::Key::into_domain),
            organizer,
        };
        Ok(Record::Created { shard: ShardId(self.shard), created })
    }
}

impl Amended {
    pub(super) fn from_domain(event: EventNumber, amended: &domain::Amended) -> Self {
        Self {
            event: event.0,
            terms: Terms::from_domain(&amended.terms),
            capacities: amended.capacities.clone(),
            at: amended.at.0,
        }
    }

    pub(super) fn into_domain(self) -> Result<Record, RecordError> {
        let amended = domain::Amended {
            terms: self.terms.into_domain(kind::AMENDED)?,
            capacities: self.capacities,
            at: UnixMillis(self.at),
        };
        Ok(Record::Happened { event: EventNumber(self.event), fact: Fact::Amended(amended) })
    }
}
