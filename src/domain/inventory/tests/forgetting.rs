//! What is kept, what is forgotten, and what is told before.

use super::*;

/// Nothing is forgotten but with a fact.
fn a_day_passes(sale: &mut Sale) {
    sale.wait(WINDOW_MS);
    let id = sale.reserve_lines("passer-by", &[(1, 1)]);
    sale.must(&Command::Release { reservation: id });
}

fn told(sale: &mut Sale, delivery: &Delivery) {
    for (message, _) in sale.messages() {
        sale.must(&Command::Told { message, delivery: delivery.clone() });
    }
}

fn is_known(sale: &Sale, id: ReservationId) -> bool {
    let known = sale.inventory.receipt(id).is_some();
    assert_eq!(known, sale.inventory.booking_receipt(id).is_some());
    known
}

#[test]
fn a_failed_booking_is_forgotten_a_day_later_but_not_before_its_money_is_settled() {
    let mut sale = Sale::open(LatePayment::Refund);
    let id = sale.reserve("fan", 1);
    sale.must(&book_command(id, key("k", "x")));
    sale.wait(PAY_MS);
    told(&mut sale, &Delivery::Sent);
    for _ in 0..3 {
        a_day_passes(&mut sale);
        assert!(is_known(&sale, id), "its payment may still have been taken");
    }
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    for _ in 0..3 {
        a_day_passes(&mut sale);
        assert!(is_known(&sale, id), "its refund is owed");
    }
    sale.must(&Command::Refunded { booking: id });
    a_day_passes(&mut sale);
    sale.inventory = sale.restored();
    a_day_passes(&mut sale);
    assert!(!is_known(&sale, id));
    assert_eq!(sale.ask(&hear(id, PaymentOutcome::Succeeded)), Err(Refusal::NoSuchBooking));
    assert!(!sale.inventory.owes());
}

/// It was forgotten by the very fact that settled it, a day after it failed.
#[test]
fn a_provider_that_says_no_and_then_yes_is_heard_for_a_day() {
    let mut sale = Sale::open(LatePayment::Refund);
    let id = sale.reserve("fan", 1);
    sale.book(id);
    sale.wait(PAY_MS);
    told(&mut sale, &Delivery::Sent);
    for _ in 0..2 {
        a_day_passes(&mut sale);
    }
    sale.must(&hear(id, PaymentOutcome::Nothing));
    sale.wait(WINDOW_MS - 1);
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    for _ in 0..2 {
        a_day_passes(&mut sale);
    }
    assert_eq!(sale.inventory.owing(0).count(), 1);
    sale.must(&Command::Refunded { booking: id });
    assert!(is_known(&sale, id));
    a_day_passes(&mut sale);
    assert!(!is_known(&sale, id));
}

#[test]
fn what_was_sold_is_never_forgotten_also_when_it_was_paid_late_or_cancelled() {
    let mut sale = Sale::open(LatePayment::Retake);
    let (sold, cancelled) = (sale.buy("fan", 1), sale.buy("other", 1));
    sale.must(&cancel(cancelled));
    sale.must(&Command::Refunded { booking: cancelled });
    let late = [(); 2].map(|()| {
        let id = sale.reserve("late", 1);
        sale.book(id);
        id
    });
    sale.wait(PAY_MS);
    for id in late {
        sale.must(&hear(id, PaymentOutcome::Succeeded));
    }
    sale.must(&cancel(late[1]));
    sale.must(&Command::Refunded { booking: late[1] });
    told(&mut sale, &Delivery::Sent);
    for _ in 0..3 {
        a_day_passes(&mut sale);
        sale.inventory = sale.restored();
    }
    for id in [sold, cancelled, late[0], late[1]] {
        assert!(is_known(&sale, id));
    }
    assert_eq!(sale.units(), (6, 0, 2));
    assert_eq!(sale.ask(&redeem(late[1], 1, "n")), Err(Refusal::TicketRevoked));
}

/// It was forgotten with its booking: owed for ever, and never found by whoever sends.
#[test]
fn a_buyer_is_told_before_the_booking_is_forgotten() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve("fan", 1);
    sale.book(id);
    sale.must(&hear(id, PaymentOutcome::Declined));
    for _ in 0..3 {
        a_day_passes(&mut sale);
        assert_eq!(sale.messages().len(), 1);
    }
    told(&mut sale, &Delivery::Sent);
    a_day_passes(&mut sale);
    assert!(!is_known(&sale, id) && !sale.inventory.owes());
}

#[test]
fn a_message_that_nobody_takes_goes_with_its_booking() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve("fan", 1);
    sale.book(id);
    sale.must(&hear(id, PaymentOutcome::Declined));
    told(&mut sale, &Delivery::GivenUp { reason: "no such box".into() });
    sale.inventory = sale.restored();
    // It can be seen until then.
    assert!(sale.messages()[0].1.is_dead && !sale.inventory.owes());
    a_day_passes(&mut sale);
    assert!(!is_known(&sale, id) && sale.messages().is_empty());
}

/// All of one fact had one number, so that only the last buyer was told.
#[test]
fn each_buyer_is_told_when_many_bookings_end_in_one_fact() {
    let mut sale = Sale::open(LatePayment::Retake);
    let ids = ["a", "b", "c"].map(|fan| sale.reserve(fan, 1));
    for id in ids {
        sale.book(id);
    }
    sale.now += PAY_MS;
    let fact = sale.must(&Command::ExpireDue);
    assert!(matches!(&fact, Fact::Expired { sequences, .. } if sequences.len() == 3));
    let told: Vec<u64> = sale.messages().iter().map(|(_, message)| message.sequence).collect();
    assert_eq!(told, ids.map(|id| id.sequence));
    let first = sale.messages()[0].0;
    let sent = Command::Told { message: first, delivery: Delivery::Sent };
    sale.must(&sent);
    let again = sale.ask(&sent);
    assert_eq!(again, Ok(Decision::Unchanged));
    // Numbers do not depend on what was sent since, nor on a checkpoint.
    assert_eq!(sale.restored().messages(0).count(), 2);
    let next = sale.buy("d", 1);
    let newest = sale.messages().pop().unwrap();
    assert_eq!(newest.1.sequence, next.sequence);
    assert!(first < newest.0);
}
