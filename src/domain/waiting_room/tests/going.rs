//! Missing a turn, coming back once, giving up.

use super::*;

fn back(number: u32) -> RoomCommand {
    RoomCommand::Return { number }
}

#[test]
fn one_who_was_gone_may_come_back_once_and_goes_before_the_line() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join_all(0..6);
    hall.gone = [0, 1].into();
    hall.tokens = 1;
    assert_eq!(hall.admitted(), (vec![2], vec![0, 1]));
    hall.gone.clear();
    hall.wait(RETURN_MS - 1_000);
    hall.must(&back(1));
    hall.must(&back(0));
    assert_eq!(hall.ask(&back(0)), Ok(RoomDecision::Repeats { number: 0 }));
    hall.tokens = 3;
    assert_eq!(hall.admitted().0, [1, 0, 3], "in the order of their return");
    assert_eq!((hall.room.totals().returned, hall.room.totals().inversions), (2, 0));
    // Their second miss is their last.
    hall.wait(PASS_MS);
    hall.tokens = 0;
    hall.tick();
    assert_eq!((hall.state(0), hall.state(3)), (State::Expired, State::Skipped));
    assert_eq!(hall.ask(&back(0)), Err(RoomRefusal::PlaceExpired));
}

#[test]
fn one_who_comes_back_and_is_gone_again_is_passed_over_for_good() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join_all(0..3);
    hall.gone = [0].into();
    hall.tokens = 1;
    hall.admitted();
    hall.must(&back(0));
    assert_eq!(hall.admitted(), (vec![2], vec![0]));
    assert_eq!(hall.state(0), State::Expired);
}

#[test]
fn the_time_to_come_back_ends_to_the_second() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join_all(0..2);
    hall.gone = [0].into();
    hall.wait(1);
    hall.admitted();
    hall.wait(RETURN_MS + 998);
    assert_eq!(hall.state(0), State::Skipped);
    hall.wait(1);
    assert_eq!(hall.state(0), State::Expired);
    assert_eq!(hall.ask(&back(0)), Err(RoomRefusal::PlaceExpired));
}

#[test]
fn without_time_to_come_back_nobody_does() {
    let mut hall = Hall::open(Method::Fifo);
    hall.set(|ask| ask.return_seconds = Some(0));
    hall.join_all(0..3);
    hall.gone = [0].into();
    hall.admitted();
    assert_eq!(hall.room.line().state(0), Some(State::Expired));
    hall.wait(PASS_MS);
    hall.tick();
    assert_eq!(hall.room.line().state(1), Some(State::Expired));
}

#[test]
fn who_gives_up_is_out_of_the_line_and_may_say_so_twice() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join_all(0..3);
    hall.leave(1).unwrap();
    assert_eq!(hall.leave(1), Ok(RoomDecision::Repeats { number: 1 }));
    assert_eq!(hall.room.totals().left, 1);
    assert_eq!(hall.admitted().0, [0, 2]);
    assert_eq!(hall.ask(&back(1)), Err(RoomRefusal::PlaceExpired));
}

#[test]
fn a_pass_that_is_given_back_counts_until_it_can_no_longer_be_on_its_way() {
    let mut hall = Hall::made(&Arrange { active_max: Some(2), ..terms(Method::Fifo) });
    hall.tick();
    hall.join_all(0..5);
    assert_eq!(hall.admitted().0, [0, 1]);
    hall.leave(0).unwrap();
    hall.leave(1).unwrap();
    assert_eq!((hall.state(0), hall.room.line().passes_out()), (State::Left, 2));
    hall.wait(1_999);
    assert_eq!(hall.admitted().0, [0; 0]);
    // One was on its way.
    hall.shop(1);
    hall.wait(1);
    assert_eq!(hall.admitted().0, [2]);
    assert_eq!((hall.state(0), hall.state(1)), (State::Left, State::Used));
    assert_eq!((hall.room.totals().lapsed, hall.room.totals().used), (0, 1));
}

#[test]
fn a_pass_given_back_in_its_last_moment_is_out_no_longer_than_it_was() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join(0);
    hall.admitted();
    hall.wait(PASS_MS - 1);
    hall.leave(0).unwrap();
    hall.wait(1);
    hall.tick();
    assert_eq!(hall.room.line().passes_out(), 0);
}

#[test]
fn one_who_gives_up_after_coming_back_leaves_no_hole() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join_all(0..5);
    hall.gone = [0, 1, 2].into();
    hall.tokens = 1;
    hall.admitted();
    hall.gone.clear();
    (0..3).for_each(|number| drop(hall.must(&back(number))));
    hall.leave(0).unwrap();
    hall.leave(1).unwrap();
    hall.tokens = 10;
    assert_eq!(hall.admitted().0, [2, 4]);
}

#[test]
#[should_panic(expected = "INV-12")]
fn a_fact_that_lets_somebody_in_twice_is_not_folded() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join(0);
    let facts = hall.tick();
    facts.iter().for_each(|fact| hall.happen(fact));
}

#[test]
#[should_panic(expected = "INV-12")]
fn a_fact_that_brings_somebody_back_twice_is_not_folded() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join_all(0..2);
    hall.gone = [0].into();
    hall.admitted();
    let fact = hall.must(&back(0));
    hall.happen(&fact);
}
