//! What an organizer says about an event: names, times, prices, limits. Changed only by amendment,
//! shared by everything that is published, so it sits behind an `Arc` and is replaced as a whole.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::domain::booking::LatePayment;
use crate::domain::ids::{EventId, PoolId};
use crate::domain::money::Money;
use crate::domain::time::{HoldLength, UnixMillis};

/// An event as its organizer describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventTerms {
    pub id: EventId,
    /// Bounds: 1 to 200 characters.
    pub name: Arc<str>,
    pub starts_at: Option<UnixMillis>,
    pub sale: SaleTerms,
    pub booking: BookingTerms,
    /// Bounds: 1 to 100 pools with distinct ids, in the organizer's order.
    pub pools: Vec<PoolTerms>,
    pub created_at: UnixMillis,
    /// 1 when created, one more with each amendment; what `If-Match` compares.
    pub revision: u64,
}

/// When, to whom and how the event sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaleTerms {
    pub state: SaleState,
    /// Absent: on sale at once.
    pub opens_at: Option<UnixMillis>,
    /// Absent: until closed by hand. Sales end at this instant.
    pub closes_at: Option<UnixMillis>,
    pub hold: HoldLength,
    /// Most units a customer may own in this event at one time, over all reservations; absent: any.
    pub customer_limit: Option<NonZeroU32>,
}

/// What a purchase has to keep to, and what its tickets tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookingTerms {
    /// How long a booking may wait for its money. Unit: seconds. Bounds: 1 to 86,400.
    pub pay_seconds: u32,
    pub late_payment: LatePayment,
    /// Where it is. Bounds: 1 to 200 characters.
    pub venue: Option<Arc<str>>,
}

impl BookingTerms {
    pub const PAY_SECONDS_MIN: u32 = 1;
    pub const PAY_SECONDS_MAX: u32 = 86_400;
    /// Of events that do not say, and of those from before there were bookings.
    pub const PAY_SECONDS: u32 = 900;
}

impl Default for BookingTerms {
    fn default() -> Self {
        Self { pay_seconds: Self::PAY_SECONDS, late_payment: LatePayment::Retake, venue: None }
    }
}

/// What the organizer has decided, apart from the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaleState {
    Open,
    Paused,
    Closed,
}

impl SaleState {
    /// The word in bodies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Paused => "paused",
            Self::Closed => "closed",
        }
    }
}

/// One pool of the event. Only `general` pools exist so far: a count of like units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolTerms {
    pub id: PoolId,
    /// Bounds: 1 to 200 characters.
    pub name: Arc<str>,
    /// Fixed for the life of the event: what was reserved keeps its price.
    pub price: Money,
}

impl EventTerms {
    /// The pool's place in the event, by which facts and lines name it.
    #[must_use]
    pub fn pool_index(&self, id: &str) -> Option<u16> {
        let place = self.pools.iter().position(|pool| pool.id.as_str() == id)?;
        Some(u16::try_from(place).expect("an event has at most 100 pools"))
    }

    /// # Panics
    /// When `pool` is not an index of this event; indexes come only from [`Self::pool_index`].
    #[must_use]
    pub fn pool(&self, pool: u16) -> &PoolTerms {
        &self.pools[usize::from(pool)]
    }
}
