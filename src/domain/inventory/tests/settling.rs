//! How the money comes and goes: late, repeated and out of order.

use super::*;

/// A booking that expired unpaid, of two units.
fn expired(late_payment: LatePayment) -> (Sale, ReservationId) {
    let mut sale = Sale::open(late_payment);
    let id = sale.reserve("fan", 2);
    sale.book(id);
    sale.wait(PAY_MS);
    assert_eq!(sale.status(id), (BookingStatus::Failed, PaymentStatus::Created));
    assert_eq!(sale.inventory.owing(0).count(), 1);
    (sale, id)
}

const SOLD: (BookingStatus, PaymentStatus) = (BookingStatus::Confirmed, PaymentStatus::Succeeded);
const TO_REFUND: (BookingStatus, PaymentStatus) =
    (BookingStatus::Failed, PaymentStatus::RefundPending);

#[test]
fn a_payment_confirms_once_and_what_comes_later_changes_nothing() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.buy("fan", 2);
    for outcome in [
        PaymentOutcome::Processing,
        PaymentOutcome::Succeeded,
        PaymentOutcome::Declined,
        PaymentOutcome::Nothing,
    ] {
        assert_eq!(sale.ask(&hear(id, outcome)), Ok(Decision::Unchanged));
    }
    assert_eq!(sale.ask(&Command::Refunded { booking: id }), Ok(Decision::Unchanged));
    assert_eq!((sale.status(id), sale.units()), (SOLD, (6, 0, 2)));
    assert_eq!(sale.inventory.owing_len(), 0);
}

#[test]
fn a_declined_payment_gives_the_units_back_at_once() {
    for outcome in [PaymentOutcome::Declined, PaymentOutcome::Nothing] {
        let mut sale = Sale::open(LatePayment::Retake);
        let id = sale.reserve("fan", 2);
        sale.book(id);
        sale.must(&hear(id, outcome.clone()));
        assert_eq!(sale.booking(id).fail_reason, Some(FailReason::Declined));
        assert_eq!((sale.units(), sale.inventory.owing_len()), ((8, 0, 0), 0));
        assert_eq!(sale.ask(&hear(id, outcome)), Ok(Decision::Unchanged));
        assert_eq!(sale.ask(&hear(id, PaymentOutcome::Processing)), Ok(Decision::Unchanged));
        // The provider changed its mind. The buyer was told no, so the money goes back.
        sale.must(&hear(id, PaymentOutcome::Succeeded));
        assert_eq!((sale.status(id), sale.units()), (TO_REFUND, (8, 0, 0)));
    }
}

#[test]
fn a_success_at_the_deadline_counts_until_the_booking_has_failed() {
    let mut sale = Sale::open(LatePayment::Refund);
    let id = sale.reserve("fan", 2);
    sale.book(id);
    sale.now += PAY_MS;
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    assert_eq!((sale.status(id), sale.units()), (SOLD, (6, 0, 2)));
    assert_eq!(sale.ask(&Command::ExpireDue), Ok(Decision::Unchanged));
}

#[test]
fn late_money_takes_the_units_again_if_they_are_free() {
    let (mut sale, id) = expired(LatePayment::Retake);
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    assert_eq!((sale.status(id), sale.units()), (SOLD, (6, 0, 2)));
    assert_eq!(sale.booking(id).fail_reason, None);
    assert_eq!(sale.inventory.owned_by(&CustomerId::parse("fan").unwrap()), 2);
    // Once retaken it is a sale like any other: cancelled it frees the units once.
    sale.must(&cancel(id));
    assert_eq!(sale.units(), (8, 0, 0));
}

#[test]
fn late_money_is_retaken_also_after_the_provider_had_said_no() {
    let (mut sale, id) = expired(LatePayment::Retake);
    sale.must(&hear(id, PaymentOutcome::Nothing));
    assert_eq!(sale.inventory.owing_len(), 0);
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    assert_eq!(sale.status(id), SOLD);
}

#[test]
fn late_money_goes_back_if_the_units_are_gone() {
    let (mut sale, id) = expired(LatePayment::Retake);
    sale.buy("other", 4);
    sale.must(&resize(5));
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    assert_eq!((sale.status(id), sale.units()), (TO_REFUND, (1, 0, 4)));
    // Not even when they are free again by the time of a repeat.
    sale.must(&resize(8));
    assert_eq!(sale.ask(&hear(id, PaymentOutcome::Succeeded)), Ok(Decision::Unchanged));
}

#[test]
fn late_money_of_many_lines_is_retaken_whole_or_not_at_all() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve_lines("fan", &[(0, 1), (1, 3)]);
    sale.book(id);
    sale.wait(PAY_MS);
    sale.reserve_lines("other", &[(1, 3)]);
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    assert_eq!((sale.status(id), sale.units()), (TO_REFUND, (8, 0, 0)));
}

#[test]
fn late_money_goes_back_if_the_customer_has_enough_by_now() {
    let (mut sale, id) = expired(LatePayment::Retake);
    sale.reserve("fan", LIMIT - 1);
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    assert_eq!((sale.status(id), sale.units()), (TO_REFUND, (4, 4, 0)));
}

#[test]
fn late_money_goes_back_where_the_organizer_wants_it_so() {
    let (mut sale, id) = expired(LatePayment::Refund);
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    assert_eq!((sale.status(id), sale.units()), (TO_REFUND, (8, 0, 0)));
    assert_eq!(sale.booking(id).provider_id.as_deref(), Some("pi"));
    sale.must(&Command::Refunded { booking: id });
    assert_eq!(sale.status(id), (BookingStatus::Failed, PaymentStatus::Refunded));
    assert_eq!(sale.ask(&Command::Refunded { booking: id }), Ok(Decision::Unchanged));
    assert_eq!(sale.ask(&hear(id, PaymentOutcome::Succeeded)), Ok(Decision::Unchanged));
    assert_eq!(sale.inventory.owing_len(), 0);
}

#[test]
fn a_booking_cancelled_while_it_is_paid_for_is_refunded_when_the_money_comes() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve("fan", 2);
    sale.book(id);
    sale.must(&hear(id, PaymentOutcome::Processing));
    sale.must(&cancel(id));
    assert_eq!(sale.units(), (8, 0, 0));
    assert_eq!(sale.status(id), (BookingStatus::Failed, PaymentStatus::Processing));
    assert_eq!(sale.ask(&cancel(id)), Ok(Decision::Unchanged));
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    assert_eq!((sale.status(id), sale.units()), (TO_REFUND, (8, 0, 0)));
}

#[test]
fn a_cancelled_sale_returns_the_units_at_once_and_the_money_later() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.buy("fan", LIMIT);
    sale.must(&cancel(id));
    assert_eq!(sale.status(id), (BookingStatus::Cancelled, PaymentStatus::RefundPending));
    assert_eq!((sale.units(), sale.inventory.owing_len()), ((8, 0, 0), 1));
    assert_eq!(sale.ask(&cancel(id)), Ok(Decision::Unchanged));
    // Neither does the limit count them, nor do they come back with the money.
    sale.buy("fan", LIMIT);
    sale.must(&Command::Refunded { booking: id });
    assert_eq!((sale.units(), sale.inventory.owing_len()), ((3, 0, 5), 0));
}

#[test]
fn a_failed_booking_is_not_cancelled() {
    let (mut sale, id) = expired(LatePayment::Retake);
    assert_eq!(sale.ask(&cancel(id)), Err(Refusal::BookingIs { status: "FAILED" }));
}

#[test]
fn a_payment_under_way_gets_the_name_that_the_provider_tells_late() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve("fan", 1);
    sale.book(id);
    let nameless =
        Command::Hear { booking: id, outcome: PaymentOutcome::Processing, provider_id: None };
    sale.must(&nameless);
    // It was lost: after a restart nobody could have asked for the payment by name.
    sale.must(&hear(id, PaymentOutcome::Processing));
    assert_eq!(sale.booking(id).provider_id.as_deref(), Some("pi"));
    assert_eq!(sale.ask(&hear(id, PaymentOutcome::Processing)), Ok(Decision::Unchanged));
    assert_eq!(sale.ask(&nameless), Ok(Decision::Unchanged));
}

#[test]
fn what_costs_nothing_is_bought_like_the_rest() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve_lines("fan", &[(1, 5)]);
    sale.book(id);
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    sale.must(&cancel(id));
    sale.must(&Command::Refunded { booking: id });
    assert_eq!(sale.inventory.pools()[1].available, 5);
}

#[test]
fn a_smaller_capacity_takes_nothing_from_those_who_bought_or_pay() {
    let mut sale = Sale::open(LatePayment::Retake);
    sale.buy("fan", 3);
    let paying = sale.reserve("other", 2);
    sale.book(paying);
    let pool = PoolId::parse("a").unwrap();
    assert_eq!(sale.ask(&resize(4)), Err(Refusal::BelowTaken { pool, asked: 4, taken: 5 }));
    sale.must(&resize(5));
    sale.must(&hear(paying, PaymentOutcome::Succeeded));
    assert_eq!(sale.units(), (0, 0, 5));
}
