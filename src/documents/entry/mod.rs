//! The body that tells of one entry of an event's log: what shops follow, and what webhooks carry. Holds
//! no contact, no payment token and no key: who may know those reads the booking.

use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use crate::domain::booking::FailReason;
use crate::domain::ids::{EventId, ReservationId};
use crate::domain::inventory::{
    Booked, Entry, EventTerms, Fact, Happened, Line, ReservationName, Reserved,
};
use crate::domain::money;

/// One thing that happened to an event.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogEntry)]
pub struct Told {
    /// 1, 2, 3… within the event, without a gap.
    number: u64,
    /// Such as `reservation.held`; more may be added.
    #[serde(rename = "type")]
    kind: &'static str,
    /// When it happened.
    at: String,
    event: String,
    data: Data,
}

/// Every type of an entry.
pub const KINDS: [&str; 18] = [
    "event.created",
    "event.changed",
    "reservation.held",
    "reservation.released",
    "reservation.expired",
    "booking.created",
    "booking.confirmed",
    "booking.failed",
    "booking.cancelled",
    "payment.processing",
    "payment.failed",
    "payment.refund_pending",
    "payment.refunded",
    "ticket.redeemed",
    "message.sent",
    "message.skipped",
    "message.failed",
    "message.revived",
];

/// What belongs to the type.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = LogData)]
enum Data {
    Event(EventData),
    Held(Held),
    Ended(Ended),
    Lapsed(Lapsed),
    Bought(Bought),
    Confirmed(Confirmed),
    Failed(Failed),
    Payment(Payment),
    Redeemed(Redeemed),
    Message(Message),
}

/// Of `event.created` and `event.changed`: all that the organizer said.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogEvent)]
struct EventData {
    id: String,
    name: String,
    starts_at: Option<String>,
    venue: Option<String>,
    /// `open`, `paused` or `closed`.
    sale_state: &'static str,
    opens_at: Option<String>,
    closes_at: Option<String>,
    hold_seconds: u32,
    per_customer_limit: Option<u32>,
    payment_seconds: u32,
    late_payment: &'static str,
    pools: Vec<PoolData>,
    /// One more with each change.
    version: u64,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogPool)]
struct PoolData {
    id: String,
    name: String,
    capacity: u32,
    price: Money,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogMoney)]
struct Money {
    amount: u64,
    currency: String,
}

/// Of `reservation.held`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogHeld)]
struct Held {
    id: String,
    customer: String,
    lines: Vec<LineData>,
    total: Money,
    created_at: String,
    expires_at: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogLine)]
struct LineData {
    pool: String,
    quantity: u32,
    unit_price: Money,
}

/// Of `reservation.released`, and of `booking.cancelled`, after which its tickets are REVOKED.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogEnded)]
struct Ended {
    id: String,
}

/// Of `reservation.expired`: holds and bookings whose time was over, in the order in which they ended.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogExpired)]
struct Lapsed {
    /// EXPIRED from here on.
    reservations: Vec<String>,
    /// Not paid in time: FAILED with the reason `expired` from here on.
    bookings: Vec<String>,
}

/// Of `booking.created`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogBookingCreated)]
struct Bought {
    /// That of its reservation.
    id: String,
    lines: Vec<LineData>,
    total: Money,
    pay_until: String,
}

/// Of `booking.confirmed`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogBookingConfirmed)]
struct Confirmed {
    id: String,
    /// Ids of its tickets.
    tickets: Vec<String>,
}

/// Of `booking.failed`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogBookingFailed)]
struct Failed {
    id: String,
    /// `declined` or `cancelled`; those that expired are in `reservation.expired`.
    reason: &'static str,
}

/// Of `payment.processing`, `payment.failed`, `payment.refund_pending` and `payment.refunded`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogPayment)]
struct Payment {
    booking: String,
}

/// Of `ticket.redeemed`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogRedeemed)]
struct Redeemed {
    ticket: String,
    booking: String,
    /// When its holder went in.
    occurred_at: String,
}

/// Of `message.sent`, `message.skipped`, `message.failed` and `message.revived`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = LogMessage)]
struct Message {
    /// Within the event.
    message: u64,
    /// Of one that failed: whether it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_dead: Option<bool>,
}

impl Told {
    /// `None`: the entry is about pools that the event does not have, or lacks a name; it is damaged.
    /// `terms` may be newer than the entry, since pools and prices are fixed.
    #[must_use]
    pub fn of(event_id: &EventId, terms: &EventTerms, entry: &Entry) -> Option<Self> {
        let (kind, data) = match &entry.happened {
            Happened::Created(created) => {
                ("event.created", Data::Event(EventData::of(&created.terms, &created.capacities)))
            }
            Happened::Fact(fact) => told(terms, fact, &entry.names)?,
        };
        let (number, at) = (entry.number, rfc3339(entry.at()));
        Some(Self { number, kind, at, event: event_id.to_string(), data })
    }

    /// The entry's number in its event.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Its type, such as `reservation.held`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }
}

fn told(
    terms: &EventTerms,
    fact: &Fact,
    names: &[ReservationName],
) -> Option<(&'static str, Data)> {
    let id = || names.first().map(|name| name.id.to_string());
    let ended = || Some(Data::Ended(Ended { id: id()? }));
    let payment = || Some(Data::Payment(Payment { booking: id()? }));
    Some(match fact {
        Fact::Amended(amended) => {
            ("event.changed", Data::Event(EventData::of(&amended.terms, &amended.capacities)))
        }
        Fact::Reserved(reserved) => ("reservation.held", Data::Held(Held::of(terms, reserved)?)),
        Fact::Released { .. } => ("reservation.released", ended()?),
        Fact::Expired { .. } => ("reservation.expired", Data::Lapsed(Lapsed::of(names))),
        Fact::Booked(booked) => {
            ("booking.created", Data::Bought(Bought::of(terms, booked, names.first()?)?))
        }
        Fact::PaymentProcessing { .. } => ("payment.processing", payment()?),
        Fact::Confirmed { .. } => {
            ("booking.confirmed", Data::Confirmed(Confirmed::of(names.first()?)?))
        }
        Fact::BookingFailed { reason, .. } => {
            ("booking.failed", Data::Failed(Failed::of(names.first()?.id, *reason)))
        }
        Fact::PaymentFailed { .. } => ("payment.failed", payment()?),
        Fact::RefundOwed { .. } => ("payment.refund_pending", payment()?),
        Fact::Cancelled { .. } => ("booking.cancelled", ended()?),
        Fact::Refunded { .. } => ("payment.refunded", payment()?),
        Fact::Redeemed { ticket, occurred_at, .. } => {
            let booking = id()?;
            let (ticket, occurred_at) = (format!("{booking}-{ticket}"), rfc3339(*occurred_at));
            ("ticket.redeemed", Data::Redeemed(Redeemed { ticket, booking, occurred_at }))
        }
        Fact::MessageSent { message, .. } => {
            ("message.sent", Data::Message(Message { message: *message, is_dead: None }))
        }
        Fact::MessageSkipped { message, .. } => {
            ("message.skipped", Data::Message(Message { message: *message, is_dead: None }))
        }
        Fact::MessageFailed { message, dead, .. } => {
            ("message.failed", Data::Message(Message { message: *message, is_dead: Some(*dead) }))
        }
        // Not why: that is what a mail server or a gateway said, perhaps with the address.
        Fact::MessageGivenUp { message, .. } => {
            ("message.failed", Data::Message(Message { message: *message, is_dead: Some(true) }))
        }
        Fact::MessageRevived { message, .. } => {
            ("message.revived", Data::Message(Message { message: *message, is_dead: None }))
        }
    })
}

impl EventData {
    fn of(terms: &EventTerms, capacities: &[u32]) -> Self {
        let pools = terms.pools.iter().zip(capacities).map(|(pool, capacity)| PoolData {
            id: pool.id.to_string(),
            name: pool.name.to_string(),
            capacity: *capacity,
            price: Money::of(pool.price),
        });
        Self {
            id: terms.id.to_string(),
            name: terms.name.to_string(),
            starts_at: terms.starts_at.map(rfc3339),
            venue: terms.booking.venue.as_deref().map(str::to_owned),
            sale_state: terms.sale.state.as_str(),
            opens_at: terms.sale.opens_at.map(rfc3339),
            closes_at: terms.sale.closes_at.map(rfc3339),
            hold_seconds: terms.sale.hold.seconds(),
            per_customer_limit: terms.sale.customer_limit.map(std::num::NonZeroU32::get),
            payment_seconds: terms.booking.pay_seconds,
            late_payment: terms.booking.late_payment.as_str(),
            pools: pools.collect(),
            version: terms.revision,
        }
    }
}

impl Money {
    fn of(money: money::Money) -> Self {
        Self { amount: money.amount, currency: money.currency.as_str().to_owned() }
    }
}

impl Held {
    fn of(terms: &EventTerms, reserved: &Reserved) -> Option<Self> {
        let (lines, total) = priced(terms, reserved.lines.as_slice())?;
        Some(Self {
            id: reserved.id.to_string(),
            customer: reserved.customer.as_str().to_owned(),
            lines,
            total,
            created_at: rfc3339(reserved.created_at),
            expires_at: rfc3339(reserved.expires_at),
        })
    }
}

impl Lapsed {
    fn of(names: &[ReservationName]) -> Self {
        let ids = |bookings: bool| {
            let those = names.iter().filter(|name| name.is_booking == bookings);
            those.map(|name| name.id.to_string()).collect()
        };
        Self { reservations: ids(false), bookings: ids(true) }
    }
}

impl Bought {
    fn of(terms: &EventTerms, booked: &Booked, name: &ReservationName) -> Option<Self> {
        let (lines, total) = priced(terms, name.lines.as_ref()?.as_slice())?;
        let pay_until = rfc3339(booked.pay_until);
        Some(Self { id: name.id.to_string(), lines, total, pay_until })
    }
}

impl Confirmed {
    fn of(name: &ReservationName) -> Option<Self> {
        let units = name.lines.as_ref()?.units();
        let tickets = (1..=units).map(|number| format!("{}-{number}", name.id));
        Some(Self { id: name.id.to_string(), tickets: tickets.collect() })
    }
}

impl Failed {
    fn of(id: ReservationId, reason: FailReason) -> Self {
        Self { id: id.to_string(), reason: reason.as_str() }
    }
}

/// The lines with the prices of their pools, and what they cost together.
fn priced(terms: &EventTerms, lines: &[Line]) -> Option<(Vec<LineData>, Money)> {
    let (mut priced, mut total) = (Vec::with_capacity(lines.len()), 0);
    for line in lines {
        let pool = terms.pools.get(usize::from(line.pool))?;
        let quantity = line.quantity.units();
        total += pool.price.times(quantity).amount;
        let unit_price = Money::of(pool.price);
        priced.push(LineData { pool: pool.id.to_string(), quantity, unit_price });
    }
    // All pools of an event have one currency; the door checks it.
    let currency = terms.pools.first()?.price.currency;
    Some((priced, Money::of(money::Money { amount: total, currency })))
}

#[cfg(test)]
mod tests;
