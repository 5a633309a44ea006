//! From a booking to its tickets, as they are shown, sent and printed. The same booking and key give the
//! same codes, so a ticket that is fetched twice is one ticket.

use super::booking::{BookingDocument, TicketFace};
use crate::domain::booking::BookingStatus;
use crate::domain::ids::TicketId;
use crate::domain::inventory::BookingReceipt;
use crate::domain::ticket::{SigningKey, TicketCode, UnitLabel, Validity};
use crate::domain::time::UnixMillis;

/// How long a ticket admits after its event began: long enough for any festival. Unit: milliseconds.
const VALID_AFTER_START_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// The booking with a ticket for each unit; without tickets while it is not confirmed.
#[must_use]
pub fn document(receipt: &BookingReceipt, signer: &SigningKey) -> BookingDocument {
    let (reservation, booking) = (&receipt.reservation, &receipt.booking);
    let terms = &reservation.terms;
    let until = terms.starts_at.map_or(UnixMillis::MAX, |at| at.plus_millis(VALID_AFTER_START_MS));
    let until = until.max(booking.created_at.plus_seconds(1));
    let validity = Validity::between(booking.created_at, until);
    let pools = reservation.lines.as_slice().iter().flat_map(|line| {
        let pool = terms.pool(line.pool);
        std::iter::repeat_n(pool, line.quantity.units() as usize)
    });
    let tickets = (1..).zip(pools).filter_map(|(number, pool)| {
        let ticket = TicketId { reservation: reservation.id, number };
        let unit = UnitLabel::parse(pool.id.as_str())?;
        let code = TicketCode { event: terms.id.clone(), ticket, unit, validity: validity? };
        Some(TicketFace {
            id: ticket.to_string(),
            pool_name: pool.name.to_string(),
            unit: None,
            price: Some(pool.price),
            code: code.sign(signer),
        })
    });
    let is_confirmed = booking.status == BookingStatus::Confirmed;
    BookingDocument {
        event_name: terms.name.to_string(),
        venue: terms.booking.venue.as_deref().map(str::to_owned),
        starts_at: terms.starts_at,
        time_zone: None,
        booking: reservation.id.to_string(),
        holder_name: booking.contact.name.as_deref().map(str::to_owned),
        holder_email: booking.contact.email.as_deref().map(str::to_owned),
        tickets: if is_confirmed { tickets.collect() } else { Vec::new() },
        total: Some(receipt.total()),
    }
}
