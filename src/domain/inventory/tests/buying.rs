//! Who may book what, once.

use super::*;

#[test]
fn a_booking_keeps_the_units_until_its_own_deadline() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve("fan", 2);
    sale.book(id);
    sale.wait(PAY_MS - 1);
    assert_eq!(sale.units(), (6, 2, 0));
    assert_eq!(sale.status(id), (BookingStatus::PendingPayment, PaymentStatus::Created));
    sale.wait(1);
    assert_eq!(sale.units(), (8, 0, 0));
    assert_eq!(sale.booking(id).fail_reason, Some(FailReason::Expired));
}

#[test]
fn an_unknown_or_foreign_reservation_is_no_reservation() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve("fan", 1);
    for wrong in [ReservationId { salt: 8, ..id }, ReservationId { sequence: 2, ..id }] {
        let no_booking = Err(Refusal::NoSuchBooking);
        assert_eq!(sale.ask(&book_command(wrong, None)), Err(Refusal::NoSuchReservation));
        assert_eq!(sale.ask(&hear(wrong, PaymentOutcome::Succeeded)), no_booking);
        assert_eq!(sale.ask(&cancel(wrong)), no_booking);
        assert_eq!(sale.ask(&Command::Refunded { booking: wrong }), no_booking);
        assert_eq!(sale.ask(&redeem(wrong, 1, "n")), Err(Refusal::NoSuchTicket));
        assert!(sale.inventory.booking_receipt(wrong).is_none());
    }
    // A reservation that is not booked is no booking either.
    assert_eq!(sale.ask(&hear(id, PaymentOutcome::Succeeded)), Err(Refusal::NoSuchBooking));
    assert_eq!(sale.ask(&cancel(id)), Err(Refusal::NoSuchBooking));
    // Nor is somebody else's salt helped by a key that was answered.
    sale.must(&book_command(id, key("k", "x")));
    let foreign = ReservationId { salt: 8, ..id };
    assert_eq!(sale.ask(&book_command(foreign, key("k", "x"))), Err(Refusal::KeyReused));
}

#[test]
fn a_lapsed_or_released_reservation_is_not_booked() {
    let mut sale = Sale::open(LatePayment::Retake);
    let lapsed = sale.reserve("fan", 1);
    let released = sale.reserve("fan", 1);
    sale.must(&Command::Release { reservation: released });
    let status = Status::Released;
    assert_eq!(sale.ask(&book_command(released, None)), Err(Refusal::NotHeld { status }));
    // Due, whether or not somebody noticed.
    sale.now += HOLD_MS;
    assert_eq!(sale.ask(&book_command(lapsed, None)), Err(Refusal::ReservationExpired));
    sale.wait(0);
    assert_eq!(sale.ask(&book_command(lapsed, None)), Err(Refusal::ReservationExpired));
}

#[test]
fn a_booked_reservation_is_not_released() {
    let mut sale = Sale::open(LatePayment::Retake);
    let reservation = sale.buy("fan", 1);
    let status = Status::Booked;
    assert_eq!(sale.ask(&Command::Release { reservation }), Err(Refusal::NotHeld { status }));
}

#[test]
fn a_reservation_is_booked_once() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve("fan", 1);
    sale.must(&book_command(id, key("k", "x")));
    // The same words without a key, and the same key, are the same request.
    let repeats = Ok(Decision::Repeats { sequence: id.sequence });
    assert_eq!(sale.ask(&book_command(id, None)), repeats);
    assert_eq!(sale.ask(&book_command(id, key("k", "x"))), repeats);
    assert_eq!(sale.ask(&book_command(id, key("k", "y"))), Err(Refusal::KeyReused));
    let status = "PENDING_PAYMENT";
    let booked = Err(Refusal::AlreadyBooked { status });
    assert_eq!(sale.ask(&book_command(id, key("other", "x"))), booked);
    let Command::Book(mut other_words) = book_command(id, None) else { unreachable!() };
    other_words.payment.token = "tok_2".into();
    assert_eq!(sale.ask(&Command::Book(other_words)), booked);
    sale.must(&hear(id, PaymentOutcome::Declined));
    let status = "FAILED";
    let again = sale.ask(&book_command(id, key("other", "x")));
    assert_eq!(again, Err(Refusal::AlreadyBooked { status }));
}

#[test]
fn the_first_answer_to_a_booking_stays_the_same() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve("fan", 2);
    sale.book(id);
    let shown = |sale: &Sale| {
        let first = sale.inventory.first_booking_receipt(id).unwrap();
        (first.reservation.status, first.booking)
    };
    let first = shown(&sale);
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    sale.must(&redeem(id, 1, "n"));
    assert_eq!(shown(&sale), first);
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve("fan", 2);
    sale.book(id);
    sale.must(&cancel(id));
    assert_eq!(shown(&sale), first);
}

#[test]
fn a_key_has_one_effect_over_reservations_and_bookings() {
    let mut sale = Sale::open(LatePayment::Retake);
    let with_key = reserve_command("fan", &[(0, 1)], key("r", "x"));
    let Fact::Reserved(reserved) = sale.must(&with_key) else { unreachable!() };
    assert_eq!(sale.ask(&book_command(reserved.id, key("r", "x"))), Err(Refusal::KeyReused));
    sale.must(&book_command(reserved.id, key("b", "x")));
    // This made a reservation under the key of a booking.
    let again = reserve_command("fan", &[(0, 1)], key("b", "x"));
    assert_eq!(sale.ask(&again), Err(Refusal::KeyReused));
    let other = sale.reserve("fan", 1);
    assert_eq!(sale.ask(&book_command(other, key("b", "x"))), Err(Refusal::KeyReused));
}

#[test]
fn a_key_is_free_again_after_a_day_and_stays_with_its_newest_booking() {
    let mut sale = Sale::open(LatePayment::Retake);
    let first = sale.reserve("fan", 1);
    sale.must(&book_command(first, key("k", "x")));
    sale.must(&hear(first, PaymentOutcome::Succeeded));
    sale.wait(WINDOW_MS - 1);
    let second = sale.reserve("fan", 1);
    assert_eq!(sale.ask(&book_command(second, key("k", "y"))), Err(Refusal::KeyReused));
    sale.wait(1);
    sale.must(&book_command(second, key("k", "y")));
    let repeats = Ok(Decision::Repeats { sequence: second.sequence });
    assert_eq!(sale.ask(&book_command(second, key("k", "y"))), repeats);
    sale.inventory = sale.restored();
    assert_eq!(sale.ask(&book_command(second, key("k", "y"))), repeats);
    // The older booking has the key no more, and is booked all the same.
    assert_eq!(sale.ask(&book_command(first, key("k", "x"))), Err(Refusal::KeyReused));
}

#[test]
fn a_paused_sale_still_lets_a_held_reservation_be_bought() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve("fan", 1);
    sale.must(&Command::Amend(Amend { state: Some(SaleState::Paused), ..Amend::default() }));
    sale.book(id);
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    assert_eq!(sale.units(), (7, 0, 1));
}

#[test]
fn a_clock_that_was_set_back_changes_no_deadline_and_no_order() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve("fan", 1);
    sale.now = 0;
    let Fact::Booked(booked) = sale.book(id) else { unreachable!() };
    assert_eq!(booked.at, UnixMillis(1_000), "not before the fact before it");
    assert_eq!(booked.pay_until, booked.at.plus_millis(PAY_MS));
    let Fact::Confirmed { at, .. } = sale.must(&hear(id, PaymentOutcome::Succeeded)) else {
        unreachable!()
    };
    assert!(booked.at <= at);
}
