//! From an organizer's JSON to checked terms. Shared by creating and amending.

use std::num::NonZeroU32;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::domain::booking::LatePayment;
use crate::domain::ids::{EventId, PoolId};
use crate::domain::inventory::{BookingTerms, EventTerms, PoolTerms, SaleState, SaleTerms};
use crate::domain::money::{Currency, Money};
use crate::domain::quantity::{CAPACITY_MAX, POOLS_MAX};
use crate::domain::time::{HoldLength, UnixMillis};
use crate::http::problem::{FieldErrors, Problem};

/// A new event.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventDraft {
    /// `[a-z0-9][a-z0-9-]{0,63}`; left out, one is made.
    pub id: Option<String>,
    name: String,
    /// Whose event it is, for good: `[a-z0-9][a-z0-9-]{0,63}`. For operators; an organizer's events are its own.
    pub organizer: Option<String>,
    /// RFC 3339.
    starts_at: Option<String>,
    /// Where it is, for the tickets: 1 to 200 characters.
    venue: Option<String>,
    #[serde(default)]
    sale: SaleDraft,
    /// 1 to 100, with distinct ids and one currency.
    pools: Vec<PoolDraft>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SaleDraft {
    /// RFC 3339; left out: on sale at once.
    opens_at: Option<String>,
    closes_at: Option<String>,
    /// 1 to 86,400.
    hold_seconds: Option<u32>,
    /// At least 1; null: no limit.
    per_customer_limit: Option<u32>,
    /// How long a booking may wait for its money: 1 to 86,400, by default 900.
    payment_seconds: Option<u32>,
    /// Money that comes later: `retake` the units if they are free (default), or `refund`.
    late_payment: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PoolDraft {
    id: String,
    /// Only `general` so far.
    kind: Option<String>,
    name: Option<String>,
    /// 0 to 1,000,000,000.
    capacity: u32,
    price: PriceDraft,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PriceDraft {
    /// Minor units, 0 to 1,000,000,000.
    amount: u64,
    /// ISO 4217.
    currency: String,
}

impl EventDraft {
    /// The checked event and the capacities of its pools.
    pub fn check(
        &self,
        id: &str,
        hold: HoldLength,
        now: UnixMillis,
    ) -> Result<(EventTerms, Vec<u32>), Problem> {
        let mut errors = FieldErrors::default();
        let id = errors.check("id", EventId::parse(id).map_err(|error| error.to_string()));
        let name = errors.check("name", name(&self.name));
        let starts_at = optional_instant(&mut errors, "starts_at", self.starts_at.as_deref());
        let sale = self.sale.check(&mut errors, hold);
        let booking = self.check_booking(&mut errors);
        let pools = self.check_pools(&mut errors);
        let capacities = self.pools.iter().map(|pool| pool.capacity).collect();
        let terms = (|| {
            Some(EventTerms {
                id: id?,
                name: name?,
                starts_at,
                sale: sale?,
                booking: booking?,
                pools: pools?,
                created_at: now,
                revision: 1,
            })
        })();
        Ok((errors.finish(terms)?, capacities))
    }

    fn check_booking(&self, errors: &mut FieldErrors) -> Option<BookingTerms> {
        let venue = self.venue.as_deref().map(name).transpose();
        let venue = errors.check("venue", venue)?;
        let seconds = self.sale.payment_seconds.map_or(Ok(BookingTerms::PAY_SECONDS), pay_seconds);
        let pay_seconds = errors.check("sale.payment_seconds", seconds)?;
        let late = self.sale.late_payment.as_deref().map_or(Ok(LatePayment::Retake), late_payment);
        let late_payment = errors.check("sale.late_payment", late)?;
        Some(BookingTerms { pay_seconds, late_payment, venue })
    }

    fn check_pools(&self, errors: &mut FieldErrors) -> Option<Vec<PoolTerms>> {
        if self.pools.is_empty() || POOLS_MAX < self.pools.len() {
            errors.add("pools", format!("must have 1 to {POOLS_MAX} pools"));
            return None;
        }
        let first = &self.pools[0].price.currency;
        let mut pools: Vec<PoolTerms> = Vec::with_capacity(self.pools.len());
        let mut whole = true;
        for (at, draft) in self.pools.iter().enumerate() {
            let Some(pool) = draft.check(errors, at) else {
                whole = false;
                continue;
            };
            if pools.iter().any(|other| other.id == pool.id) {
                errors.add(format!("pools[{at}].id"), "stands twice");
            }
            if draft.price.currency != *first {
                errors.add(format!("pools[{at}].price.currency"), "must be that of pools[0]");
            }
            pools.push(pool);
        }
        whole.then_some(pools)
    }
}

impl SaleDraft {
    fn check(&self, errors: &mut FieldErrors, hold: HoldLength) -> Option<SaleTerms> {
        let opens_at = optional_instant(errors, "sale.opens_at", self.opens_at.as_deref());
        let closes_at = optional_instant(errors, "sale.closes_at", self.closes_at.as_deref());
        if let (Some(opens), Some(closes)) = (opens_at, closes_at)
            && closes <= opens
        {
            errors.add("sale.closes_at", "must be after sale.opens_at");
        }
        let hold = self.hold_seconds.map_or(Ok(hold), hold_length);
        let hold = errors.check("sale.hold_seconds", hold)?;
        let limit = self.per_customer_limit.map(customer_limit).transpose();
        let customer_limit = errors.check("sale.per_customer_limit", limit)?;
        Some(SaleTerms { state: SaleState::Open, opens_at, closes_at, hold, customer_limit })
    }
}

impl PoolDraft {
    fn check(&self, errors: &mut FieldErrors, at: usize) -> Option<PoolTerms> {
        let field = |name: &str| format!("pools[{at}].{name}");
        let id =
            errors.check(field("id"), PoolId::parse(&self.id).map_err(|error| error.to_string()));
        if self.kind.as_deref().is_some_and(|kind| kind != "general") {
            errors.add(field("kind"), "must be \"general\"; other kinds do not exist yet");
        }
        let name = errors.check(field("name"), name(self.name.as_deref().unwrap_or(&self.id)));
        errors.check(field("capacity"), capacity(self.capacity));
        let currency = Currency::parse(&self.price.currency)
            .ok_or_else(|| "must be three capital letters (ISO 4217)".to_owned());
        let currency = errors.check(field("price.currency"), currency);
        if Money::PRICE_MAX < self.price.amount {
            errors.add(field("price.amount"), format!("must be 0 to {}", Money::PRICE_MAX));
        }
        let price = Money { amount: self.price.amount, currency: currency? };
        Some(PoolTerms { id: id?, name: name?, price })
    }
}

/// Changes to an event. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventChange {
    pub name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub starts_at: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub venue: Option<Option<String>>,
    #[serde(default)]
    pub sale: SaleChange,
    #[serde(default)]
    pub pools: Vec<PoolChange>,
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SaleChange {
    /// `open`, `paused` or `closed`.
    pub state: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub opens_at: Option<Option<String>>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub closes_at: Option<Option<String>>,
    pub hold_seconds: Option<u32>,
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u32>)]
    pub per_customer_limit: Option<Option<u32>>,
    pub payment_seconds: Option<u32>,
    pub late_payment: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoolChange {
    pub id: String,
    pub name: Option<String>,
    /// Not below what is held and sold.
    pub capacity: Option<u32>,
}

/// Tells a null from a field that is left out.
pub(super) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}

pub(super) fn name(text: &str) -> Result<Arc<str>, String> {
    let printable = text.chars().all(|c| !c.is_control());
    if printable && (1..=200).contains(&text.chars().take(201).count()) {
        Ok(text.into())
    } else {
        Err("must have 1 to 200 printable characters".to_owned())
    }
}

pub(super) fn instant(text: &str) -> Result<UnixMillis, String> {
    let at = text.parse::<jiff::Timestamp>().ok();
    let at = at.and_then(|at| u64::try_from(at.as_millisecond()).ok()).map(UnixMillis);
    at.filter(|at| *at <= UnixMillis::MAX)
        .ok_or_else(|| "must be a time as in RFC 3339, from 1970 to 9999".to_owned())
}

fn optional_instant(
    errors: &mut FieldErrors,
    field: &str,
    text: Option<&str>,
) -> Option<UnixMillis> {
    errors.check(field, text.map(instant).transpose()).flatten()
}

pub(super) fn hold_length(seconds: u32) -> Result<HoldLength, String> {
    let bounds = (HoldLength::SECONDS_MIN, HoldLength::SECONDS_MAX);
    HoldLength::from_seconds(seconds).ok_or_else(|| format!("must be {} to {}", bounds.0, bounds.1))
}

pub(super) fn pay_seconds(seconds: u32) -> Result<u32, String> {
    let (min, max) = (BookingTerms::PAY_SECONDS_MIN, BookingTerms::PAY_SECONDS_MAX);
    let within = (min..=max).contains(&seconds).then_some(seconds);
    within.ok_or_else(|| format!("must be {min} to {max}"))
}

pub(super) fn late_payment(word: &str) -> Result<LatePayment, String> {
    let known = [LatePayment::Retake, LatePayment::Refund];
    let found = known.into_iter().find(|known| known.as_str() == word);
    found.ok_or_else(|| "must be retake or refund".to_owned())
}

pub(super) fn customer_limit(limit: u32) -> Result<NonZeroU32, String> {
    NonZeroU32::new(limit).ok_or_else(|| "must be at least 1, or null for no limit".to_owned())
}

pub(super) fn capacity(units: u32) -> Result<u32, String> {
    if units <= CAPACITY_MAX { Ok(units) } else { Err(format!("must be 0 to {CAPACITY_MAX}")) }
}
