//! What has happened. Facts carry results (`expires_at`), never inputs to compute again at replay;
//! they are all that the journal holds.

use std::sync::Arc;

use super::Lines;
use super::terms::EventTerms;
use crate::domain::idempotency::RememberedKey;
use crate::domain::ids::{CustomerId, EventNumber, ReservationId};
use crate::domain::time::UnixMillis;

/// Something that happened to one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    Amended(Amended),
    Reserved(Reserved),
    Released {
        sequence: u64,
        at: UnixMillis,
    },
    /// In the order in which the holds ended. Bounds: 1 to [`super::state::EXPIRED_PER_FACT_MAX`].
    Expired {
        sequences: Vec<u64>,
        at: UnixMillis,
    },
}

/// An event came onto the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    pub event: EventNumber,
    pub terms: Arc<EventTerms>,
    pub capacities: Vec<u32>,
    pub key: Option<RememberedKey>,
}

/// The organizer changed something. Carries the whole result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amended {
    pub terms: Arc<EventTerms>,
    pub capacities: Vec<u32>,
    pub at: UnixMillis,
}

/// Units were kept for a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    pub id: ReservationId,
    pub customer: CustomerId,
    pub lines: Lines,
    pub created_at: UnixMillis,
    pub expires_at: UnixMillis,
    pub key: Option<RememberedKey>,
}

impl Fact {
    /// When it happened; never earlier than the fact before it.
    #[must_use]
    pub fn at(&self) -> UnixMillis {
        match self {
            Self::Amended(amended) => amended.at,
            Self::Reserved(reserved) => reserved.created_at,
            Self::Released { at, .. } | Self::Expired { at, .. } => *at,
        }
    }
}
