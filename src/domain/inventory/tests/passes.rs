//! Passes of the waiting room: used once, and counted while whoever used one still shops.

use super::*;
use crate::domain::inventory::{Pass, Reserve};

fn pass(number: u32) -> Pass {
    Pass { number, ends_at: UnixMillis(u64::MAX) }
}

fn with_pass(customer: &str, pass: Option<Pass>, key: Option<RememberedKey>) -> Command {
    match reserve_command(customer, &[(0, 1)], key) {
        Command::Reserve(ask) => Command::Reserve(Reserve { pass, ..ask }),
        command => panic!("{command:?}"),
    }
}

fn shop(sale: &mut Sale, customer: &str, number: u32) -> ReservationId {
    match sale.must(&with_pass(customer, Some(pass(number)), None)) {
        Fact::Reserved(reserved) => {
            assert_eq!(reserved.pass, Some(number));
            reserved.id
        }
        fact => panic!("{fact:?}"),
    }
}

fn shopping(sale: &Sale) -> u32 {
    sale.inventory.passes().shopping()
}

#[test]
fn a_pass_is_good_for_one_reservation_and_a_repeated_key_for_the_first_answer() {
    let mut sale = Sale::open(LatePayment::Retake);
    let first = with_pass("fan", Some(pass(7)), key("key-1", "one"));
    sale.must(&first);
    assert!(matches!(sale.ask(&first), Ok(Decision::Repeats { .. })), "a retry is no second use");
    let second = with_pass("fan", Some(pass(7)), key("key-2", "one"));
    assert_eq!(sale.ask(&second), Err(Refusal::PassUsed));
    assert_eq!(sale.ask(&with_pass("other", Some(pass(7)), None)), Err(Refusal::PassUsed));
    sale.must(&with_pass("other", Some(pass(8)), None));
    sale.must(&with_pass("nobody asked", None, None));
    assert_eq!(sale.inventory.passes().used_after(0), [7, 8]);
    assert_eq!(sale.inventory.passes().used_after(1), [8]);
    assert_eq!(sale.inventory.passes().used_after(9), [0; 0]);
}

#[test]
fn a_pass_ends_at_its_instant_but_not_the_answer_that_it_bought() {
    let mut sale = Sale::open(LatePayment::Retake);
    let ends_at = UnixMillis(sale.now + 10);
    let ask = with_pass("fan", Some(Pass { number: 1, ends_at }), key("key", "one"));
    let late = with_pass("late", Some(Pass { number: 2, ends_at }), None);
    sale.now += 9;
    sale.must(&ask);
    sale.now += 1;
    assert_eq!(sale.ask(&late), Err(Refusal::PassEnded));
    assert!(matches!(sale.ask(&ask), Ok(Decision::Repeats { .. })));
    assert_eq!(sale.inventory.passes().used_after(0), [1], "a refusal uses nothing");
}

#[test]
fn a_refused_reservation_does_not_use_the_pass() {
    let mut sale = Sale::open(LatePayment::Retake);
    sale.reserve("others", 5);
    sale.reserve("more", 3);
    assert!(sale.ask(&with_pass("fan", Some(pass(1)), None)).is_err());
    sale.wait(200_000);
    shop(&mut sale, "fan", 1);
}

#[test]
fn who_used_a_pass_shops_until_the_hold_ends_or_is_paid() {
    let mut sale = Sale::open(LatePayment::Retake);
    let released = shop(&mut sale, "released", 1);
    let paid = shop(&mut sale, "paid", 2);
    let declined = shop(&mut sale, "declined", 3);
    let cancelled = shop(&mut sale, "cancelled", 4);
    let late = shop(&mut sale, "late", 5);
    shop(&mut sale, "expires", 6);
    sale.reserve("without", 1);
    assert_eq!(shopping(&sale), 6);
    sale.must(&Command::Release { reservation: released });
    assert_eq!(shopping(&sale), 5);
    for id in [paid, declined, cancelled, late] {
        sale.book(id);
    }
    assert_eq!(shopping(&sale), 5, "who has not paid shops");
    sale.must(&hear(paid, PaymentOutcome::Succeeded));
    assert_eq!(shopping(&sale), 4);
    sale.must(&hear(declined, PaymentOutcome::Declined));
    assert_eq!(shopping(&sale), 3);
    sale.must(&Command::Cancel { booking: cancelled });
    assert_eq!(shopping(&sale), 2);
    sale.wait(200_000);
    assert_eq!(shopping(&sale), 0, "lapsed holds and unpaid bookings");
    // Late money buys the units again; whoever paid it is not in the shop again.
    sale.must(&hear(late, PaymentOutcome::Succeeded));
    assert_eq!(shopping(&sale), 0);
    sale.must(&Command::Cancel { booking: paid });
    assert_eq!((shopping(&sale), sale.inventory.passes().used_len()), (0, 6));
}

#[test]
fn a_checkpoint_keeps_passes_and_who_shops() {
    let mut sale = Sale::open(LatePayment::Retake);
    let first = shop(&mut sale, "a", 5);
    shop(&mut sale, "b", 3);
    sale.must(&Command::Release { reservation: first });
    let was = &sale.inventory;
    let mut restored = Inventory::restore(was.snapshot());
    was.reservation_snapshots().for_each(|piece| restored.restore_reservation(piece));
    was.passes_snapshots().for_each(|piece| restored.restore_passes(piece));
    assert_eq!((restored.digest(), restored.audit()), (was.digest(), vec![]));
    assert_eq!(restored.passes().used_after(0), [5, 3]);
    assert_eq!(restored.passes().shopping(), 1);
    let mut without = Inventory::restore(was.snapshot());
    was.reservation_snapshots().for_each(|piece| without.restore_reservation(piece));
    assert_ne!(without.digest(), was.digest(), "the digest sees passes");
}
