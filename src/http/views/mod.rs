//! The bodies that go out.

mod dead_letters;
mod purchases;
pub(in crate::http) mod waiting_room;

use serde::Serialize;
use utoipa::ToSchema;

pub(in crate::http) use self::dead_letters::{DeadLetter, DeadLetterList};
pub(in crate::http) use self::purchases::{Booking, Checkin, Tickets};
use crate::actors::Published;
use crate::documents::entry::Told;
pub(in crate::http) use crate::documents::rfc3339 as time;
use crate::domain::inventory::Receipt;
use crate::domain::money;

/// Minor units of an ISO 4217 currency.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Money<'a> {
    amount: u64,
    #[schema(example = "EUR")]
    currency: &'a str,
}

impl<'a> Money<'a> {
    fn of(money: &'a money::Money) -> Self {
        Self { amount: money.amount, currency: money.currency.as_str() }
    }
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Event<'a> {
    id: String,
    name: String,
    starts_at: Option<String>,
    venue: Option<String>,
    sale: Sale,
    pools: Vec<Pool<'a>>,
    created_at: String,
    /// One more with each change; the `ETag` is made of it.
    version: u64,
}

#[derive(Serialize, ToSchema)]
struct Sale {
    /// `open`, `paused` or `closed`, as the organizer set it, whatever the times say.
    state: &'static str,
    opens_at: Option<String>,
    closes_at: Option<String>,
    hold_seconds: u32,
    per_customer_limit: Option<u32>,
    payment_seconds: u32,
    late_payment: &'static str,
}

#[derive(Serialize, ToSchema)]
struct Pool<'a> {
    id: String,
    kind: &'static str,
    name: String,
    capacity: u32,
    price: Money<'a>,
}

impl<'a> Event<'a> {
    pub fn of(state: &'a Published) -> Self {
        let terms = &state.terms;
        let pools = terms.pools.iter().zip(&state.pools).map(|(pool, counts)| Pool {
            id: pool.id.to_string(),
            kind: "general",
            name: pool.name.to_string(),
            capacity: counts.capacity,
            price: Money::of(&pool.price),
        });
        Self {
            id: terms.id.to_string(),
            name: terms.name.to_string(),
            starts_at: terms.starts_at.map(time),
            venue: terms.booking.venue.as_deref().map(str::to_owned),
            sale: Sale {
                state: terms.sale.state.as_str(),
                opens_at: terms.sale.opens_at.map(time),
                closes_at: terms.sale.closes_at.map(time),
                hold_seconds: terms.sale.hold.seconds(),
                per_customer_limit: terms.sale.customer_limit.map(std::num::NonZeroU32::get),
                payment_seconds: terms.booking.pay_seconds,
                late_payment: terms.booking.late_payment.as_str(),
            },
            pools: pools.collect(),
            created_at: time(terms.created_at),
            version: terms.revision,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct EventList<'a> {
    pub items: Vec<Event<'a>>,
    /// Send it as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Availability {
    event: String,
    /// Facts so far; a higher one is newer.
    version: u64,
    /// Nothing can be bought now, and nothing held may come back.
    sold_out: bool,
    next_release_at: Option<String>,
    pools: Vec<PoolAvailability>,
}

/// `available + held + sold + blocked = capacity`, always.
#[derive(Serialize, ToSchema)]
struct PoolAvailability {
    id: String,
    capacity: u32,
    available: u32,
    held: u32,
    sold: u32,
    blocked: u32,
}

impl Availability {
    pub fn of(state: &Published) -> Self {
        let terms = &state.terms;
        let pools = terms.pools.iter().zip(&state.pools).map(|(pool, counts)| PoolAvailability {
            id: pool.id.to_string(),
            capacity: counts.capacity,
            available: counts.available,
            held: counts.held,
            sold: counts.sold,
            blocked: counts.blocked,
        });
        Self {
            event: terms.id.to_string(),
            version: state.version,
            sold_out: state.pools.iter().all(|pool| pool.available + pool.held == 0),
            next_release_at: state.next_release_at.map(time),
            pools: pools.collect(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct LogPage {
    /// None: there is nothing newer. Fewer than `limit` say nothing: long entries make short pages.
    pub items: Vec<Told>,
    /// Send it as `after` for what comes next.
    pub next: u64,
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Reservation<'a> {
    id: String,
    event: &'a str,
    customer: &'a str,
    /// `HELD`, `BOOKED`, `RELEASED` or `EXPIRED`.
    status: &'static str,
    lines: Vec<ReservedLine<'a>>,
    total: Money<'a>,
    created_at: String,
    expires_at: String,
}

#[derive(Serialize, ToSchema)]
struct ReservedLine<'a> {
    pool: &'a str,
    quantity: u32,
    unit_price: Money<'a>,
}

impl<'a> Reservation<'a> {
    pub fn of(receipt: &'a Receipt) -> Self {
        let terms = &receipt.terms;
        let lines = receipt.lines.as_slice();
        Self {
            id: receipt.id.to_string(),
            event: terms.id.as_str(),
            customer: receipt.customer.as_str(),
            status: receipt.status.as_str(),
            lines: lines
                .iter()
                .map(|line| ReservedLine {
                    pool: terms.pool(line.pool).id.as_str(),
                    quantity: line.quantity.units(),
                    unit_price: Money::of(&terms.pool(line.pool).price),
                })
                .collect(),
            total: Money { amount: receipt.total().amount, ..Money::of(&terms.pools[0].price) },
            created_at: time(receipt.created_at),
            expires_at: time(receipt.expires_at),
        }
    }
}
