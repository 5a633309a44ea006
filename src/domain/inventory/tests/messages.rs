//! Who is told what, by which way, and what becomes of what cannot be delivered.

use super::*;

fn given_up(message: u64, reason: &str) -> Command {
    Command::Told { message, delivery: Delivery::GivenUp { reason: reason.into() } }
}

fn failed(message: u64) -> Command {
    Command::Told { message, delivery: Delivery::Failed }
}

/// Waiting and dead, by mail and by short message.
fn depths(sale: &Sale) -> [(usize, usize); 2] {
    let depths = sale.inventory.outbox_depths();
    Channel::ALL.map(|channel| (depths.of(channel).waiting, depths.of(channel).dead))
}

#[test]
fn a_buyer_is_told_by_each_way_that_they_left() {
    for (email, phone) in [(true, false), (false, true), (true, true), (false, false)] {
        let mut sale = Sale::open(LatePayment::Retake);
        let id = sale.reserve("fan", 1);
        sale.must(&book_by(id, email, phone));
        sale.must(&hear(id, PaymentOutcome::Succeeded));
        let told: Vec<(MessageKind, Channel)> =
            sale.messages().into_iter().map(|(_, found)| (found.kind, found.channel)).collect();
        let ways = [(email, Channel::Mail), (phone, Channel::Sms)];
        let expected = ways.iter().filter(|(left, _)| *left);
        let expected: Vec<_> = expected.map(|(_, way)| (MessageKind::Confirmed, *way)).collect();
        assert_eq!(told, expected);
        assert_eq!(depths(&sale), [(usize::from(email), 0), (usize::from(phone), 0)]);
        assert_eq!(sale.inventory.owes(), email || phone);
    }
}

#[test]
fn each_way_has_its_own_tries_and_its_own_death() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.reserve("fan", 1);
    sale.must(&book_by(id, true, true));
    sale.must(&hear(id, PaymentOutcome::Succeeded));
    let [(mail, _), (sms, _)] = sale.messages()[..] else { panic!("two ways") };
    sale.must(&failed(sms));
    sale.must(&given_up(sms, "no such number"));
    sale.must(&failed(mail));
    let restored = sale.restored();
    sale.inventory = restored;
    let told = |sale: &Sale, number| sale.inventory.letter(number).unwrap().1;
    let (of_mail, of_sms) = (told(&sale, mail), told(&sale, sms));
    assert_eq!((of_mail.tries, of_mail.is_dead, of_mail.reason), (1, false, None));
    assert_eq!((of_sms.tries, of_sms.is_dead), (2, true));
    assert_eq!(of_sms.reason.as_deref(), Some("no such number"));
    assert_eq!(depths(&sale), [(1, 0), (0, 1)]);
    let waiting = |channel| sale.inventory.waiting_messages(channel, 0).count();
    assert_eq!((waiting(Channel::Mail), waiting(Channel::Sms)), (1, 0));
    assert_eq!(sale.inventory.dead_messages(0).map(|letter| letter.0).collect::<Vec<_>>(), [sms]);
    // What was not to be sent is closed without a lie.
    let skipped = Command::Told { message: mail, delivery: Delivery::Skipped };
    assert!(matches!(sale.must(&skipped), Fact::MessageSkipped { .. }));
    assert_eq!((depths(&sale), sale.inventory.owes()), ([(0, 0), (0, 1)], false));
}

#[test]
fn what_was_given_up_is_sent_again_as_if_it_had_never_been_tried() {
    let mut sale = Sale::open(LatePayment::Retake);
    let id = sale.buy("fan", 1);
    let (message, fresh) = sale.messages().pop().unwrap();
    let revive = Command::Revive { message };
    assert_eq!(sale.ask(&revive), Err(Refusal::MessageIs { status: "WAITING" }));
    sale.must(&given_up(message, "full"));
    sale.inventory = sale.restored();
    sale.must(&revive);
    assert_eq!(sale.messages(), [(message, fresh)], "with the same number, so the same id");
    assert!(sale.inventory.owes());
    assert_eq!(sale.ask(&revive), Err(Refusal::MessageIs { status: "WAITING" }), "once");
    sale.must(&Command::Told { message, delivery: Delivery::Sent });
    assert_eq!(sale.ask(&revive), Err(Refusal::NoSuchMessage));
    assert_eq!(sale.ask(&Command::Revive { message: 7 }), Err(Refusal::NoSuchMessage));
    assert_eq!(sale.booking(id).status, BookingStatus::Confirmed);
}

#[test]
fn a_reason_is_kept_short() {
    let mut sale = Sale::open(LatePayment::Retake);
    sale.buy("fan", 1);
    let (message, _) = sale.messages().pop().unwrap();
    sale.must(&given_up(message, &"ж".repeat(10_000)));
    let reason = sale.messages().pop().unwrap().1.reason.unwrap();
    assert_eq!(reason.chars().count(), REASON_CHARS_MAX);
}

/// So many bookings, by mail and phone, that end in one fact.
fn crowd(bookings: u32) -> (Sale, Vec<ReservationId>) {
    let mut sale = Sale::open(LatePayment::Retake);
    sale.must(&resize(2_000));
    let ids = (0..bookings).map(|fan| {
        let id = sale.reserve(&format!("fan-{fan}"), 1);
        sale.must(&book_by(id, true, true));
        id
    });
    let ids = ids.collect();
    sale.now += PAY_MS;
    (sale, ids)
}

fn numbers(sale: &Sale, channel: Channel) -> Vec<u64> {
    sale.inventory.waiting_messages(channel, 0).map(|letter| letter.0).collect()
}

#[test]
fn numbers_never_meet_however_many_end_at_once() {
    let most = u32::try_from(EXPIRED_PER_FACT_MAX).unwrap();
    let (mut sale, _) = crowd(most + 2);
    let first = |sale: &Sale| (sale.inventory.version() + 1) * 1_024;
    let begins = [first(&sale), first(&sale) + 1_024];
    for count in [most, 2] {
        let fact = sale.must(&Command::ExpireDue);
        let Fact::Expired { sequences, .. } = fact else { panic!("{fact:?}") };
        assert_eq!(sequences.len(), count as usize);
    }
    let from = |start: u64, count: u32| start..start + u64::from(count);
    let mails: Vec<u64> = from(begins[0], most).chain(from(begins[1], 2)).collect();
    let short: Vec<u64> = from(begins[0] + 512, most).chain(from(begins[1] + 512, 2)).collect();
    assert_eq!((numbers(&sale, Channel::Mail), numbers(&sale, Channel::Sms)), (mails, short));
}

/// A journal from before closes its mails by the numbers that they had then.
#[test]
fn a_fact_from_before_there_were_short_messages_gives_its_mails_the_same_numbers() {
    let (mut sale, ids) = crowd(1_000);
    let first = (sale.inventory.version() + 1) * 1_024;
    let sequences = ids.iter().map(|id| id.sequence).collect();
    apply(&mut sale.inventory, &Fact::Expired { sequences, at: UnixMillis(sale.now) });
    assert_eq!(numbers(&sale, Channel::Mail), (first..first + 1_000).collect::<Vec<_>>());
    assert_eq!(numbers(&sale, Channel::Sms), [0; 0]);
    let last = Fact::MessageFailed { message: first + 999, dead: true, at: UnixMillis(sale.now) };
    apply(&mut sale.inventory, &last);
    assert_eq!(depths(&sale), [(999, 1), (0, 0)]);
    let dead = sale.inventory.dead_messages(0).next().unwrap();
    assert_eq!((dead.0, dead.1.sequence, dead.1.reason), (first + 999, ids[999].sequence, None));
    assert_eq!(sale.inventory.audit(), []);
}
