//! One buyer's story against what the server says of it.

use super::Found;
use crate::journey::answers::{Booking, Ticket};
use crate::journey::roles::is_declined;
use crate::journey::story::{Step, Story};
use crate::ledger::Money;

/// Everything that is wrong with it.
pub(super) fn judge_one(
    story: &Story,
    found: &Found,
    price: &Money,
    now: jiff::Timestamp,
) -> impl Iterator<Item = String> + use<> {
    let mut wrongs = Vec::new();
    match &found.reservation {
        None => wrongs.push("was promised and is gone".to_owned()),
        Some(reservation) => {
            let units: u64 = reservation.lines.iter().map(|line| line.quantity).sum();
            if units != story.entry.quantity {
                wrongs.push(format!("{} units promised, has {units}", story.entry.quantity));
            }
            let status = reservation.status.as_str();
            wrongs.extend(standing(story, found.booking.as_ref(), status, now));
        }
    }
    match &found.booking {
        None if story.has(&Step::Accepted) => wrongs.push("its booking is lost".to_owned()),
        None => {}
        Some(booking) => {
            wrongs.extend(asked(story, booking));
            wrongs.extend(money(story, booking, price));
            wrongs.extend(told(story, booking));
            wrongs.extend(tickets(story, booking, &found.tickets));
        }
    }
    wrongs.into_iter()
}

/// The reservation's status must be that of its booking, and a hold may lapse only when its time is over.
fn standing(
    story: &Story,
    booking: Option<&Booking>,
    reservation: &str,
    now: jiff::Timestamp,
) -> Option<String> {
    let Some(booking) = booking else {
        let until = story.entry.expires_at.as_deref().and_then(|until| until.parse().ok());
        let is_over = until.is_some_and(|until: jiff::Timestamp| until <= now);
        return match reservation {
            "HELD" => None,
            "EXPIRED" if is_over => None,
            other => Some(format!("nobody booked it or gave it back, and it is {other}")),
        };
    };
    let fits = match booking.status.as_str() {
        "PENDING_PAYMENT" | "CONFIRMED" => reservation == "BOOKED",
        _ => matches!(reservation, "RELEASED" | "EXPIRED"),
    };
    (!fits).then(|| format!("its booking is {}, the reservation {reservation}", booking.status))
}

/// Nothing happens that the buyer did not ask for.
fn asked(story: &Story, booking: &Booking) -> Vec<String> {
    let mut wrongs = Vec::new();
    if story.token().is_none() {
        wrongs.push("is booked and nobody asked for it".to_owned());
    }
    let cancelled = booking.status == "CANCELLED" || booking.reason.as_deref() == Some("cancelled");
    if cancelled && !story.has(&Step::CancelAsked) {
        wrongs.push("was cancelled and nobody asked for it".to_owned());
    }
    let declined = story.token().is_some_and(is_declined);
    if declined && booking.was_captured() {
        wrongs.push("was paid with a card that is always declined".to_owned());
    }
    wrongs
}

/// Every booking ended, and its money is where its status says.
fn money(story: &Story, booking: &Booking, price: &Money) -> Vec<String> {
    let Booking { status, payment, refund_status, total, .. } = booking;
    let payment = payment.status.as_str();
    let mut wrongs = Vec::new();
    let fits = match status.as_str() {
        "CONFIRMED" => payment == "SUCCEEDED",
        "FAILED" => matches!(payment, "FAILED" | "REFUNDED"),
        "CANCELLED" => payment == "REFUNDED",
        _ => false,
    };
    if !fits {
        wrongs.push(format!("is {status} with payment {payment}"));
    }
    let expected = match payment {
        "REFUND_PENDING" => "pending",
        "REFUNDED" => "refunded",
        _ => "none",
    };
    if refund_status != expected {
        wrongs.push(format!("payment {payment} with refund_status {refund_status}"));
    }
    let costs = story.entry.quantity * price.amount;
    if (total.amount, &total.currency) != (costs, &price.currency) {
        let (amount, currency) = (total.amount, &total.currency);
        wrongs.push(format!("costs {amount} {currency}, should {costs} {}", price.currency));
    }
    wrongs
}

/// What was told last still holds, and nothing that was told was taken back.
fn told(story: &Story, booking: &Booking) -> Vec<String> {
    let mut heard: Vec<(&str, Option<&str>)> = Vec::new();
    for step in &story.steps {
        if let Step::Told { status, reason } = step {
            heard.push((status, reason.as_deref()));
        }
    }
    heard.push((&booking.status, booking.reason.as_deref()));
    let taken_back = heard.windows(2).filter(|pair| !may_follow(pair[0], pair[1]));
    taken_back.map(|pair| format!("was told {}, then is {}", pair[0].0, pair[1].0)).collect()
}

/// A booking out of time may still get its units, when its money came late.
fn may_follow(first: (&str, Option<&str>), then: (&str, Option<&str>)) -> bool {
    match (first.0, then.0) {
        _ if first == then => true,
        ("CONFIRMED", "CANCELLED") => true,
        ("FAILED", "CONFIRMED" | "CANCELLED") => first.1 == Some("expired"),
        _ => false,
    }
}

fn tickets(story: &Story, booking: &Booking, tickets: &[Ticket]) -> Vec<String> {
    let mut wrongs = Vec::new();
    let (expected, status, coded) = match booking.status.as_str() {
        "CONFIRMED" => (story.entry.quantity, "VALID", true),
        "CANCELLED" => (story.entry.quantity, "REVOKED", false),
        _ => (0, "", false),
    };
    if tickets.len() as u64 != expected {
        let has = tickets.len();
        wrongs.push(format!("is {} with {has} tickets, should be {expected}", booking.status));
    }
    let odd = |ticket: &&Ticket| ticket.status != status || ticket.code.is_some() != coded;
    for ticket in tickets.iter().filter(odd) {
        wrongs.push(format!("is {}, its ticket {} {}", booking.status, ticket.id, ticket.status));
    }
    let now: Vec<&str> = tickets.iter().map(|ticket| ticket.id.as_str()).collect();
    for step in &story.steps {
        if let Step::Tickets { ids } = step
            && *ids != now
        {
            wrongs.push(format!("tickets {ids:?} were told, now {now:?}"));
        }
    }
    wrongs
}
