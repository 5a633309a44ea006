//! The texts of short messages: what became of a booking, in as few words as it takes. Each segment is
//! paid for, so a name that does not fit is cut; the booking's id is not, since it is what a buyer needs.

use unicode_segmentation::UnicodeSegmentation;

use super::wording::one_line;
use crate::domain::booking::{FailReason, MessageKind};
use crate::domain::inventory::BookingReceipt;

/// What a message of this kind says of the booking; of several texts, the longest that `fits`. If none
/// does, the shortest: without the event's name.
///
/// `Concert A: confirmed, booking 0000000000000001c3e5093b, 2 tickets.`
#[must_use]
pub fn text(receipt: &BookingReceipt, kind: MessageKind, fits: impl Fn(&str) -> bool) -> String {
    let what = match (kind, receipt.booking.fail_reason) {
        (MessageKind::Confirmed, _) => "confirmed",
        (MessageKind::Cancelled, _) | (MessageKind::Failed, Some(FailReason::Cancelled)) => {
            "cancelled"
        }
        (MessageKind::Failed, _) => "payment failed",
    };
    let units = receipt.reservation.lines.units();
    let tickets = if units == 1 { "ticket" } else { "tickets" };
    let rest = format!("{what}, booking {}, {units} {tickets}.", receipt.reservation.id);
    let name = one_line(&receipt.reservation.terms.name);
    let whole = format!("{name}: {rest}");
    if fits(&whole) {
        return whole;
    }
    // Between what people see as characters, so that no letter loses its marks.
    let ends: Vec<usize> = name.grapheme_indices(true).map(|(at, _)| at).collect();
    let cut = |end: &usize| format!("{}...: {rest}", name[..*end].trim_end());
    // Longer names never fit better, so half of the rest is ruled out with each look.
    let fitting = ends.partition_point(|end| fits(&cut(end)));
    match fitting.checked_sub(1).and_then(|last| ends.get(last)) {
        Some(end) if 0 < *end => cut(end),
        Some(_) | None => capitalized(&rest),
    }
}

/// Where no name stands before it, it begins the sentence.
fn capitalized(text: &str) -> String {
    let (first, rest) = text.split_at(1);
    first.to_uppercase() + rest
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::booking::{Booking, BookingStatus, Contact, PaymentStatus, PaymentTerms};
    use crate::domain::ids::{CustomerId, EventId, PoolId, ReservationId};
    use crate::domain::inventory::{
        BookingTerms, EventTerms, Line, PoolTerms, Receipt, SaleState, SaleTerms, Status,
    };
    use crate::domain::money::{Currency, Money};
    use crate::domain::quantity::Quantity;
    use crate::domain::time::{HoldLength, UnixMillis};

    fn receipt(name: &str, units: u32, fail_reason: Option<FailReason>) -> BookingReceipt {
        let sale = SaleTerms {
            state: SaleState::Open,
            opens_at: None,
            closes_at: None,
            hold: HoldLength::from_seconds(60).unwrap(),
            customer_limit: None,
        };
        let price = Money { amount: 1, currency: Currency::parse("EUR").unwrap() };
        let terms = EventTerms {
            id: EventId::parse("a").unwrap(),
            name: name.into(),
            starts_at: None,
            sale,
            booking: BookingTerms::default(),
            pools: vec![PoolTerms { id: PoolId::parse("p").unwrap(), name: "P".into(), price }],
            created_at: UnixMillis(1),
            revision: 1,
        };
        let line = Line { pool: 0, quantity: Quantity::new(units).unwrap() };
        let reservation = Receipt {
            id: ReservationId { sequence: 1, salt: 0xc3e5_093b },
            terms: Arc::new(terms),
            customer: CustomerId::parse("fan").unwrap(),
            lines: [line].into_iter().collect(),
            status: Status::Booked,
            created_at: UnixMillis(1),
            expires_at: UnixMillis(2),
        };
        let booking = Booking {
            status: BookingStatus::Confirmed,
            fail_reason,
            payment: PaymentStatus::Succeeded,
            terms: PaymentTerms { method: "card".into(), token: "t".into() },
            contact: Contact::default(),
            provider_id: None,
            created_at: UnixMillis(1),
            pay_until: UnixMillis(2),
            decided_at: None,
            key: None,
            redeemed: Vec::new(),
        };
        BookingReceipt { reservation, booking }
    }

    const ID: &str = "0000000000000001c3e5093b";

    #[test]
    fn a_text_says_where_what_which_and_how_many() {
        let told = |kind, units, reason| text(&receipt("Concert A", units, reason), kind, |_| true);
        for (kind, units, reason, expected) in [
            (MessageKind::Confirmed, 2, None, format!("confirmed, booking {ID}, 2 tickets.")),
            (MessageKind::Confirmed, 1, None, format!("confirmed, booking {ID}, 1 ticket.")),
            (
                MessageKind::Failed,
                2,
                Some(FailReason::Declined),
                format!("payment failed, booking {ID}, 2 tickets."),
            ),
            (
                MessageKind::Failed,
                2,
                Some(FailReason::Expired),
                format!("payment failed, booking {ID}, 2 tickets."),
            ),
            (
                MessageKind::Failed,
                2,
                Some(FailReason::Cancelled),
                format!("cancelled, booking {ID}, 2 tickets."),
            ),
            (MessageKind::Cancelled, 2, None, format!("cancelled, booking {ID}, 2 tickets.")),
        ] {
            assert_eq!(told(kind, units, reason), format!("Concert A: {expected}"));
        }
    }

    #[test]
    fn a_name_is_cut_between_characters_and_given_up_last() {
        // A letter with its mark, and a family of several signs, stay whole.
        let name = "Ze\u{301}no\n\u{202e}👨‍👩‍👧 and the others";
        let receipt = receipt(name, 2, None);
        let told = |most: usize| {
            text(&receipt, MessageKind::Confirmed, |text| text.chars().count() <= most)
        };
        let rest = format!("confirmed, booking {ID}, 2 tickets.");
        let (whole, length) =
            (format!("Ze\u{301}no 👨‍👩‍👧 and the others: {rest}"), rest.chars().count());
        assert_eq!(told(1_000), whole);
        assert_eq!(told(length + 5 + 5), format!("Ze\u{301}no...: {rest}"));
        assert_eq!(told(length + 5 + 4), format!("Ze\u{301}n...: {rest}"));
        assert_eq!(told(length + 5 + 10), format!("Ze\u{301}no...: {rest}"), "no half of a family");
        assert_eq!(told(length + 5), format!("C{}", &rest[1..]));
        assert_eq!(told(0), format!("C{}", &rest[1..]), "somebody else refuses it");
        for most in length..whole.chars().count() + 1 {
            assert!(told(most).chars().count() <= most, "{most}");
        }
    }

    /// So many tickets as a reservation can have, in sixteen bits each character.
    #[test]
    fn without_a_name_each_text_fits_one_segment() {
        let receipt = receipt("Концерт", 10_000, None);
        for kind in [MessageKind::Confirmed, MessageKind::Failed, MessageKind::Cancelled] {
            let shortest = text(&receipt, kind, |_| false);
            assert!(shortest.is_ascii() && shortest.len() <= 70 - "00".len(), "{shortest}");
        }
    }
}
