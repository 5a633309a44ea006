//! Pause, drain, close, off and on again, and a room that wakes by itself: the table in `mod.rs`.

use super::*;

#[test]
fn a_pause_keeps_every_place_and_pass() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join_all(0..4);
    hall.tokens = 1;
    hall.admitted();
    hall.set(|ask| ask.paused = Some(true));
    hall.tokens = 10;
    assert_eq!(hall.tick(), []);
    hall.join(4);
    hall.shop(0);
    hall.tick();
    assert_eq!((hall.state(0), hall.state(1)), (State::Used, State::Waiting));
    assert!(hall.room.asks_pass());
    hall.set(|ask| ask.paused = Some(false));
    assert_eq!(hall.admitted().0, [1, 2, 3, 4]);
}

#[test]
fn a_drained_room_serves_who_waits_takes_in_nobody_and_then_opens_its_gates() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join_all(0..3);
    hall.set(|ask| ask.ending = Some(Ending::Drain));
    assert_eq!(hall.ask(&join(9)), Err(RoomRefusal::Draining));
    hall.tokens = 2;
    hall.tick();
    assert_eq!((hall.room.phase(), hall.room.asks_pass()), (Phase::Active, true));
    let facts = hall.tick();
    assert!(matches!(facts[..], [RoomFact::Admitted(_), RoomFact::Drained { .. }]), "{facts:?}");
    assert_eq!((hall.room.phase(), hall.room.asks_pass()), (Phase::Drained, false));
    assert_eq!(hall.tick(), []);
    assert_eq!(hall.ask(&join(9)), Err(RoomRefusal::GatesOpen { state: "drained" }));
    // Thought better of: the line goes on.
    hall.set(|ask| ask.ending = Some(Ending::None));
    assert_eq!(hall.room.phase(), Phase::Active);
    let late = hall.join(9);
    assert_eq!(hall.room.line().slot(late), 3);
}

#[test]
fn a_room_is_not_drained_while_one_who_came_back_waits_or_while_it_is_paused() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join_all(0..2);
    hall.gone = [0].into();
    hall.admitted();
    hall.gone.clear();
    hall.must(&RoomCommand::Return { number: 0 });
    hall.set(|ask| ask.ending = Some(Ending::Drain));
    hall.tokens = 0;
    assert_eq!(hall.tick(), []);
    hall.set(|ask| ask.paused = Some(true));
    hall.leave(0).unwrap();
    assert_eq!(hall.tick(), []);
    hall.set(|ask| ask.paused = Some(false));
    assert!(matches!(hall.tick()[..], [RoomFact::Drained { .. }]));
}

#[test]
fn a_closed_room_lets_nobody_in_and_passes_that_are_out_may_still_be_used() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join_all(0..4);
    hall.tokens = 2;
    hall.admitted();
    hall.set(|ask| ask.ending = Some(Ending::Close));
    assert_eq!((hall.room.phase(), hall.room.asks_pass()), (Phase::Closed, true));
    hall.shop(0);
    hall.tick();
    hall.wait(PASS_MS);
    hall.tick();
    assert_eq!([0, 1, 2].map(|n| hall.state(n)), [State::Used, State::Skipped, State::Waiting]);
    assert_eq!(hall.ask(&RoomCommand::Return { number: 1 }), Err(RoomRefusal::Closed));
    assert_eq!(hall.ask(&join(9)), Err(RoomRefusal::Closed));
    // Closed by mistake: nobody lost their place.
    hall.set(|ask| ask.ending = Some(Ending::None));
    assert_eq!(hall.admitted().0, [2, 3]);
}

#[test]
fn off_ends_the_line_and_on_again_begins_another() {
    let mut hall = Hall::made(&with_doors(Method::Draw));
    hall.join_all(0..5);
    hall.wait(10_000);
    hall.tick();
    hall.tokens = 2;
    let (in_, _) = hall.admitted();
    let secret = hall.room.keys().secret;
    hall.set(|ask| ask.mode = Some(RoomMode::Off));
    assert_eq!((hall.room.phase(), hall.room.asks_pass()), (Phase::Idle, false));
    assert!((0..5).all(|number| hall.state(number) == State::Expired));
    assert_eq!(hall.leave(0), Ok(RoomDecision::Repeats { number: 0 }));
    assert!(hall.room.sealed().is_some(), "the draw can still be checked");
    hall.shop(in_[0]);
    hall.tick();

    let doors = UnixMillis(hall.now + 5_000);
    hall.set(|ask| (ask.mode, ask.doors_at) = (Some(RoomMode::On), Some(Change::To(doors))));
    assert_eq!((hall.room.phase(), hall.room.line().base()), (Phase::PreQueue, 5));
    assert_ne!(hall.room.keys().secret, secret);
    assert_eq!(hall.room.keys().token, [7; 32], "old tokens are still understood");
    assert!((0..5).all(|number| hall.state(number) == State::Expired));
    assert_eq!(hall.ask(&RoomCommand::Return { number: 1 }), Err(RoomRefusal::PlaceExpired));
    // Everybody begins anew; what the shard says of passes from before changes nobody.
    hall.shop(in_[1]);
    assert!(matches!(&hall.tick()[..], [RoomFact::Used { numbers, .. }] if numbers.is_empty()));
    assert_eq!(hall.join(3), 5);
    hall.wait(5_000);
    hall.tick();
    assert_eq!(hall.room.line().slot(5), 0);
    assert_eq!(hall.room.totals().joined, 6);
}

#[test]
fn a_new_line_forgets_what_was_said_about_the_old_one() {
    let codes = vec![code(1, Some(1))];
    let beacon = Some(Change::To("round 7".into()));
    let beacon_value = Some(Change::To("abc".into()));
    let ask = Arrange { codes: Some(codes), beacon, beacon_value, ..with_doors(Method::Draw) };
    let mut hall = Hall::made(&ask);
    hall.must(&join_with(1, 1));
    hall.set(|ask| ask.ending = Some(Ending::Close));
    hall.set(|ask| ask.mode = Some(RoomMode::Off));
    hall.set(|ask| ask.mode = Some(RoomMode::On));
    assert_eq!(hall.room.phase(), Phase::PreQueue);
    assert_eq!(hall.room.terms().beacon_value, None);
    hall.must(&join_with(1, 1));
    // An announcement that is changed has not come true yet.
    hall.set(|ask| ask.beacon_value = Some(Change::To("abc".into())));
    hall.set(|ask| ask.beacon = Some(Change::To("round 8".into())));
    assert_eq!(hall.room.terms().beacon_value, None);
}

#[test]
fn a_room_wakes_on_demand_and_rests_when_nobody_waits() {
    let mut hall = Hall::made(&Arrange { mode: Some(RoomMode::Auto), ..terms(Method::Fifo) });
    assert_eq!((hall.room.phase(), hall.room.asks_pass()), (Phase::Idle, false));
    assert_eq!(hall.tick(), []);
    let revision = hall.room.terms().revision;
    hall.must(&RoomCommand::Wake);
    assert_eq!(hall.ask(&RoomCommand::Wake), Ok(RoomDecision::Unchanged));
    assert_eq!(hall.room.terms().revision, revision, "waking is nothing the operator did");
    assert!(hall.room.asks_pass());
    hall.tick();
    hall.join_all(0..2);
    hall.calm = true;
    hall.tokens = 1;
    assert_eq!(hall.admitted().0, [0]);
    assert!(hall.room.asks_pass(), "one waits");
    let facts = hall.tick();
    assert!(matches!(facts[..], [RoomFact::Admitted(_), RoomFact::Rested { .. }]), "{facts:?}");
    assert_eq!(hall.room.phase(), Phase::Idle);
    // Awake again, the line goes on.
    hall.must(&RoomCommand::Wake);
    let number = hall.join(5);
    assert_eq!(hall.room.line().slot(number), 2);
}

#[test]
fn a_room_that_is_on_stays_awake_when_it_is_to_mind_itself() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join(0);
    hall.set(|ask| ask.mode = Some(RoomMode::Auto));
    assert_eq!(hall.room.phase(), Phase::Active);
    assert_eq!(hall.ask(&RoomCommand::Wake), Ok(RoomDecision::Unchanged));
}

#[test]
fn a_closed_room_is_closed_even_asleep() {
    let ask = Arrange { mode: Some(RoomMode::Auto), ..terms(Method::Fifo) };
    let mut hall = Hall::made(&ask);
    hall.set(|ask| ask.ending = Some(Ending::Close));
    assert_eq!((hall.room.phase(), hall.room.asks_pass()), (Phase::Closed, true));
    assert_eq!(hall.ask(&RoomCommand::Wake), Ok(RoomDecision::Unchanged));
}
