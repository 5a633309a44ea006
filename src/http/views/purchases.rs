//! The bodies about bookings and tickets.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Money, time};
use crate::documents::BookingDocument;
use crate::domain::booking::{BookingStatus, FailReason, PaymentStatus};
use crate::domain::inventory::BookingReceipt;
use crate::domain::ticket::TicketCode;

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Booking<'a> {
    /// That of its reservation.
    id: String,
    event: &'a str,
    reservation: String,
    customer: &'a str,
    /// `PENDING_PAYMENT`, `CONFIRMED`, `FAILED` or `CANCELLED`.
    status: &'static str,
    /// Of a FAILED one: `declined`, `expired` or `cancelled`.
    reason: Option<&'static str>,
    payment: Payment<'a>,
    /// Whether money goes back: `none`, `pending` or `refunded`.
    refund_status: &'static str,
    total: Money<'a>,
    contact: Contact<'a>,
    created_at: String,
    /// Until then its units are kept.
    pay_until: String,
    decided_at: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Payment<'a> {
    /// `CREATED`, `PROCESSING`, `SUCCEEDED`, `FAILED`, `REFUND_PENDING` or `REFUNDED`.
    status: &'static str,
    method: &'a str,
}

#[derive(Serialize, ToSchema)]
struct Contact<'a> {
    email: Option<&'a str>,
    phone: Option<&'a str>,
    name: Option<&'a str>,
}

impl<'a> Booking<'a> {
    pub fn of(receipt: &'a BookingReceipt) -> Self {
        let (reservation, booking) = (&receipt.reservation, &receipt.booking);
        let contact = &booking.contact;
        let prices = &reservation.terms.pools;
        Self {
            id: reservation.id.to_string(),
            event: reservation.terms.id.as_str(),
            reservation: reservation.id.to_string(),
            customer: reservation.customer.as_str(),
            status: booking.status.as_str(),
            reason: booking.fail_reason.map(FailReason::as_str),
            payment: Payment { status: booking.payment.as_str(), method: &booking.terms.method },
            refund_status: match booking.payment {
                PaymentStatus::RefundPending => "pending",
                PaymentStatus::Refunded => "refunded",
                PaymentStatus::Created
                | PaymentStatus::Processing
                | PaymentStatus::Succeeded
                | PaymentStatus::Failed => "none",
            },
            total: Money { amount: receipt.total().amount, ..Money::of(&prices[0].price) },
            contact: Contact {
                email: contact.email.as_deref(),
                phone: contact.phone.as_deref(),
                name: contact.name.as_deref(),
            },
            created_at: time(booking.created_at),
            pay_until: time(booking.pay_until),
            decided_at: booking.decided_at.map(time),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Tickets {
    items: Vec<Ticket>,
}

#[derive(Serialize, ToSchema)]
struct Ticket {
    id: String,
    /// `VALID`, `REDEEMED` or `REVOKED`.
    status: &'static str,
    pool: String,
    /// What the QR says; absent when it is revoked.
    code: Option<String>,
    redeemed_at: Option<String>,
}

impl Tickets {
    /// Of a CANCELLED booking all tickets are listed as REVOKED; of one that never was CONFIRMED, none.
    pub fn of(receipt: &BookingReceipt, document: &BookingDocument) -> Self {
        let (reservation, booking) = (&receipt.reservation, &receipt.booking);
        let revoked = booking.status == BookingStatus::Cancelled;
        let pools = reservation.lines.as_slice().iter().flat_map(|line| {
            let pool = reservation.terms.pool(line.pool).id.to_string();
            std::iter::repeat_n(pool, line.quantity.units() as usize)
        });
        let wanted = if revoked { usize::MAX } else { document.tickets.len() };
        let items = (1..).zip(pools).take(wanted).map(|(number, pool)| {
            let redeemed = booking.redeemed(number);
            Ticket {
                id: format!("{}-{number}", reservation.id),
                status: match redeemed {
                    _ if revoked => "REVOKED",
                    Some(_) => "REDEEMED",
                    None => "VALID",
                },
                pool,
                code: document.tickets.get(number as usize - 1).map(|face| face.code.clone()),
                redeemed_at: redeemed.map(|redeemed| time(redeemed.occurred_at)),
            }
        });
        Self { items: items.collect() }
    }
}

#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Checkin {
    ticket: String,
    booking: String,
    /// `REDEEMED`.
    status: &'static str,
    pool: String,
    holder: Option<String>,
    redeemed_at: Option<String>,
}

impl Checkin {
    pub fn of(receipt: &BookingReceipt, code: &TicketCode) -> Self {
        let redeemed = receipt.booking.redeemed(code.ticket.number);
        Self {
            ticket: code.ticket.to_string(),
            booking: receipt.reservation.id.to_string(),
            status: "REDEEMED",
            pool: code.unit.as_str().to_owned(),
            holder: receipt.booking.contact.name.as_deref().map(str::to_owned),
            redeemed_at: redeemed.map(|redeemed| time(redeemed.occurred_at)),
        }
    }
}
