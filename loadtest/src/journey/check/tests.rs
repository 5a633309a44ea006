//! A sale in which all is well, and the same with one wrong planted: each must be noticed.

use super::*;
use crate::journey::answers::{Line, Payment};
use crate::journey::story::Step;
use crate::ledger::Entry;

const PRICE: u64 = 4_500;
const NOW: &str = "2026-12-01T10:00:00Z";
const BEFORE: &str = "2026-12-01T09:59:59.999Z";
const LATER: &str = "2026-12-01T10:00:01Z";

/// What was told, and what the server says now.
struct Sale {
    stories: Stories,
    found: Vec<Found>,
    pool: PoolCount,
}

/// 1 confirmed, 2 declined, 3 cancelled, 4 abandoned and held, 5 abandoned and lapsed.
const CONFIRMED: usize = 0;
const DECLINED: usize = 1;
const CANCELLED: usize = 2;
const HELD: usize = 3;
const LAPSED: usize = 4;

fn money(amount: u64) -> Money {
    Money { amount, currency: "EUR".into() }
}

fn booking(id: &str, status: &str, reason: Option<&str>, payment: &str, refund: &str) -> Booking {
    Booking {
        id: id.into(),
        status: status.into(),
        reason: reason.map(Into::into),
        payment: Payment { status: payment.into() },
        refund_status: refund.into(),
        total: money(PRICE),
    }
}

fn ticket(id: &str, status: &str) -> Ticket {
    let code = (status == "VALID").then(|| "code".to_owned());
    Ticket { id: format!("{id}-1"), status: status.into(), code }
}

fn told(status: &str, reason: Option<&str>) -> Step {
    Step::Told { status: status.into(), reason: reason.map(Into::into) }
}

impl Sale {
    fn fine() -> Self {
        let mut sale = Self {
            stories: Stories::default(),
            found: Vec::new(),
            pool: PoolCount {
                id: "standing".into(),
                capacity: 10,
                available: 8,
                held: 1,
                sold: 1,
                blocked: 0,
            },
        };
        let asked = |token: &str| Step::BookAsked { token: token.into() };
        let tickets = |id: &str| Step::Tickets { ids: vec![format!("{id}-1")] };
        sale.add(
            vec![asked("tok_load"), Step::Accepted, told("CONFIRMED", None), tickets("r1")],
            "BOOKED",
            Some(booking("r1", "CONFIRMED", None, "SUCCEEDED", "none")),
            vec![ticket("r1", "VALID")],
        );
        sale.add(
            vec![asked("tok_declined"), Step::Accepted, told("FAILED", Some("declined"))],
            "RELEASED",
            Some(booking("r2", "FAILED", Some("declined"), "FAILED", "none")),
            vec![],
        );
        let mut steps = vec![asked("tok_load"), Step::Accepted, told("CONFIRMED", None)];
        steps.extend([tickets("r3"), Step::CancelAsked, told("CANCELLED", None)]);
        let cancelled = booking("r3", "CANCELLED", None, "REFUNDED", "refunded");
        sale.add(steps, "RELEASED", Some(cancelled), vec![ticket("r3", "REVOKED")]);
        sale.add(vec![], "HELD", None, vec![]);
        sale.add(vec![], "EXPIRED", None, vec![]);
        sale.stories.stories[LAPSED].entry.expires_at = Some(BEFORE.into());
        sale
    }

    fn add(
        &mut self,
        steps: Vec<Step>,
        status: &str,
        booking: Option<Booking>,
        tickets: Vec<Ticket>,
    ) {
        let number = self.found.len() + 1;
        let (key, id) = (format!("k{number}"), format!("r{number}"));
        let entry = Entry { key, id, quantity: 1, expires_at: Some(LATER.into()) };
        self.stories.stories.push(Story { entry, steps });
        let (status, lines) = (status.to_owned(), vec![Line { quantity: 1 }]);
        let reservation = Some(Reservation { status, lines });
        self.found.push(Found { reservation, booking, tickets });
    }

    fn booking(&mut self, number: usize) -> &mut Booking {
        self.found[number].booking.as_mut().expect("it is booked")
    }

    fn judge(&self) -> (Balance, Vec<String>) {
        let heading = Heading {
            event: "e".into(),
            pool: "standing".into(),
            capacity: 10,
            price: Some(money(PRICE)),
        };
        let now = NOW.parse().expect("a time");
        judge(&heading, &self.stories, &self.found, &self.pool, now)
    }
}

/// Whether the wrong is among the complaints.
#[track_caller]
fn noticed(sale: &Sale, what: &str) {
    let (_, complaints) = sale.judge();
    assert!(complaints.iter().any(|complaint| complaint.contains(what)), "{what}: {complaints:?}");
}

#[test]
fn a_sale_in_which_all_is_well_has_no_complaints_and_its_sums_are_right() {
    let (balance, complaints) = Sale::fine().judge();
    assert_eq!(complaints, [""; 0]);
    assert_eq!((balance.captured, balance.refunded, balance.earned), (9_000, 4_500, 4_500));
    assert_eq!((balance.confirmed, balance.failed, balance.cancelled), (1, 1, 1));
    assert_eq!((balance.units_sold, balance.units_held, balance.tickets), (1, 1, 1));
}

#[test]
fn a_confirmed_booking_without_its_ticket_is_noticed() {
    let mut sale = Sale::fine();
    sale.found[CONFIRMED].tickets.clear();
    noticed(&sale, "with 0 tickets, should be 1");
    noticed(&sale, "were told, now []");
    let mut sale = Sale::fine();
    sale.found[CONFIRMED].tickets.push(ticket("another", "VALID"));
    noticed(&sale, "with 2 tickets, should be 1");
    let mut sale = Sale::fine();
    sale.found[CONFIRMED].tickets[0].code = None;
    noticed(&sale, "its ticket r1-1 VALID");
    let mut sale = Sale::fine();
    sale.found[CANCELLED].tickets[0] = ticket("r3", "VALID");
    noticed(&sale, "is CANCELLED, its ticket r3-1 VALID");
    let mut sale = Sale::fine();
    sale.found[DECLINED].tickets.push(ticket("r2", "VALID"));
    noticed(&sale, "is FAILED with 1 tickets");
}

#[test]
fn one_ticket_for_two_bookings_is_noticed() {
    let mut sale = Sale::fine();
    sale.found[CANCELLED].tickets[0].id = "r1-1".into();
    noticed(&sale, "ticket r1-1 is in the sale twice");
}

#[test]
fn money_that_does_not_balance_is_noticed() {
    let mut sale = Sale::fine();
    sale.booking(DECLINED).payment.status = "SUCCEEDED".into();
    noticed(&sale, "captured 13500 - refunded 4500 is not the 4500");
    noticed(&sale, "is FAILED with payment SUCCEEDED");
    noticed(&sale, "was paid with a card that is always declined");
    let mut sale = Sale::fine();
    sale.booking(CANCELLED).payment.status = "REFUND_PENDING".into();
    noticed(&sale, "captured 9000 - refunded 0 is not the 4500");
    noticed(&sale, "refund_status refunded");
    let mut sale = Sale::fine();
    sale.booking(CONFIRMED).total = money(4_400);
    noticed(&sale, "costs 4400 EUR, should 4500 EUR");
    let mut sale = Sale::fine();
    sale.booking(CONFIRMED).payment.status = "FAILED".into();
    noticed(&sale, "money: captured 4500 - refunded 4500");
}

#[test]
fn a_lost_booking_or_reservation_is_noticed() {
    let mut sale = Sale::fine();
    sale.found[CONFIRMED].booking = None;
    noticed(&sale, "its booking is lost");
    noticed(&sale, "1 units are sold, CONFIRMED have 0");
    let mut sale = Sale::fine();
    sale.found[HELD].reservation = None;
    noticed(&sale, "was promised and is gone");
    let mut sale = Sale::fine();
    sale.stories.strays.push("r9".into());
    noticed(&sale, "no reservation before it");
}

#[test]
fn a_booking_that_does_not_end_is_noticed() {
    let mut sale = Sale::fine();
    let pending = booking("r1", "PENDING_PAYMENT", None, "PROCESSING", "none");
    sale.found[CONFIRMED].booking = Some(pending);
    noticed(&sale, "is PENDING_PAYMENT with payment PROCESSING");
}

#[test]
fn what_was_told_and_taken_back_is_noticed() {
    let mut sale = Sale::fine();
    let failed = booking("r1", "FAILED", Some("expired"), "REFUNDED", "refunded");
    sale.found[CONFIRMED].booking = Some(failed);
    noticed(&sale, "was told CONFIRMED, then is FAILED");
    let mut sale = Sale::fine();
    sale.stories.stories[DECLINED].steps.push(told("CONFIRMED", None));
    noticed(&sale, "was told FAILED, then is CONFIRMED");
    noticed(&sale, "was told CONFIRMED, then is FAILED");
    // Taken back while the sale went on, whatever it is in the end.
    let mut sale = Sale::fine();
    let steps = &mut sale.stories.stories[CONFIRMED].steps;
    steps.extend([told("FAILED", Some("declined")), told("CONFIRMED", None)]);
    noticed(&sale, "was told CONFIRMED, then is FAILED");
}

#[test]
fn what_nobody_asked_for_is_noticed() {
    let mut sale = Sale::fine();
    sale.stories.stories[CANCELLED].steps.retain(|step| *step != Step::CancelAsked);
    noticed(&sale, "was cancelled and nobody asked for it");
    let mut sale = Sale::fine();
    sale.stories.stories[CONFIRMED].steps.clear();
    noticed(&sale, "is booked and nobody asked for it");
}

#[test]
fn late_money_may_turn_expired_into_confirmed_and_nothing_else() {
    let mut sale = Sale::fine();
    let steps = &mut sale.stories.stories[CONFIRMED].steps;
    steps.insert(2, told("FAILED", Some("expired")));
    assert_eq!(sale.judge().1, [""; 0]);
}

#[test]
fn a_hold_that_lapses_too_early_or_is_given_away_is_noticed() {
    let mut sale = Sale::fine();
    sale.stories.stories[LAPSED].entry.expires_at = Some(LATER.into());
    noticed(&sale, "it is EXPIRED");
    for status in ["RELEASED", "BOOKED"] {
        let mut sale = Sale::fine();
        let reservation = sale.found[HELD].reservation.as_mut().expect("it is there");
        reservation.status = status.into();
        noticed(&sale, &format!("it is {status}"));
    }
    let mut sale = Sale::fine();
    sale.found[DECLINED].reservation.as_mut().expect("it is there").status = "BOOKED".into();
    noticed(&sale, "its booking is FAILED, the reservation BOOKED");
}

#[test]
fn units_that_do_not_add_up_are_noticed() {
    let mut sale = Sale::fine();
    (sale.pool.sold, sale.pool.available) = (2, 7);
    noticed(&sale, "2 units are sold, CONFIRMED have 1");
    let mut sale = Sale::fine();
    (sale.pool.held, sale.pool.available) = (2, 7);
    noticed(&sale, "2 units are held, live holds have 1");
    // Somebody gave up and may own it.
    sale.stories.unknown = 1;
    assert_eq!(sale.judge().1, [""; 0]);
    let mut sale = Sale::fine();
    sale.pool.available = 9;
    noticed(&sale, "do not add up");
}

#[test]
fn an_entry_that_was_told_twice_is_noticed() {
    let mut sale = Sale::fine();
    let (story, found) = (sale.stories.stories[HELD].clone(), sale.found[HELD].clone());
    sale.stories.stories.push(story);
    sale.found.push(found);
    noticed(&sale, "was told twice");
}
