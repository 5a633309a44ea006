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
mod tests {
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
            (
                failed(FailReason::Declined),
                "booking.failed",
                json!({"id": id, "reason": "declined"}),
            ),
            (
                failed(FailReason::Cancelled),
                "booking.failed",
                json!({"id": id, "reason": "cancelled"}),
            ),
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
        let created =
            Created { event: EventNumber(1), terms, capacities, key: key(), organizer: None };
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
        assert_eq!(
            body(Happened::Fact(booked()), vec![name(5, true, None)]),
            None,
            "without lines"
        );
    }
}
