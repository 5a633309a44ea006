//! Tickets at the door.

use super::*;

#[test]
fn a_ticket_is_redeemed_once_and_the_scanner_may_repeat_itself() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.buy("fan", 2);
    let at = UnixMillis(sale.now);
    sale.must(&redeem(id, 1, "n-1"));
    assert_eq!(sale.ask(&redeem(id, 1, "n-1")), Ok(Decision::Unchanged));
    sale.wait(5);
    assert_eq!(sale.ask(&redeem(id, 1, "n-2")), Err(Refusal::AlreadyRedeemed { at }));
    sale.must(&redeem(id, 2, "n-1"));
    let used: Vec<u32> = sale.booking(id).redeemed.iter().map(|r| r.ticket).collect();
    assert_eq!(used, [1, 2]);
}

#[test]
fn an_offline_scanner_tells_when_it_was_but_never_of_the_future() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.buy("fan", 2);
    for (ticket, told, kept) in [(1, 5, 5), (2, u64::MAX, sale.now)] {
        let occurred_at = Some(UnixMillis(told));
        sale.must(&Command::Redeem(Redeem { booking: id, ticket, nonce: "n".into(), occurred_at }));
        assert_eq!(sale.booking(id).redeemed(ticket).unwrap().occurred_at, UnixMillis(kept));
    }
}

#[test]
fn there_are_as_many_tickets_as_units_and_only_once_they_are_paid() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve_lines("fan", &[(0, 1), (1, 2)]);
    let none = Err(Refusal::NoSuchTicket);
    assert_eq!(sale.ask(&redeem(id, 1, "n")), none);
    sale.book(id);
    assert_eq!(sale.ask(&redeem(id, 1, "n")), none);
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    for ticket in [0, 4, u32::MAX] {
        assert_eq!(sale.ask(&redeem(id, ticket, "n")), none);
    }
    sale.must(&redeem(id, 3, "n"));
    let failed = sale.reserve("other", 1);
    sale.book(failed);
    sale.must(&hear(failed, PaymentOutcome::Declined));
    assert_eq!(sale.ask(&redeem(failed, 1, "n")), none);
}

#[test]
fn who_went_in_gets_no_money_back_and_who_got_it_back_does_not_go_in() {
    let mut sale = Sale::open(LatePayment::Retake);
    let (inside, outside) = (sale.buy("fan", 2), sale.buy("other", 2));
    sale.must(&redeem(inside, 2, "n"));
    assert_eq!(sale.ask(&cancel(inside)), Err(Refusal::BookingIs { status: "REDEEMED" }));
    sale.must(&cancel(outside));
    assert_eq!(sale.ask(&redeem(outside, 1, "n")), Err(Refusal::TicketRevoked));
    sale.must(&Command::Refunded { booking: outside });
    assert_eq!(sale.ask(&redeem(outside, 1, "n")), Err(Refusal::TicketRevoked));
}
