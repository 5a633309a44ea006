//! Joining: one place for each fan, codes and suspects, and who is not taken in.

use super::*;

#[test]
fn numbers_are_given_in_order_and_a_repeated_join_finds_the_same_place() {
    let mut hall = Hall::made(&with_doors(Method::Draw));
    assert_eq!((hall.join(1), hall.join(2)), (0, 1));
    let version = hall.room.version();
    assert_eq!(hall.ask(&join(1)), Ok(RoomDecision::Repeats { number: 0 }));
    assert_eq!((hall.room.version(), hall.room.totals().joined), (version, 2));
    // In the line, while shut, and when nobody new is taken in.
    hall.wait(10_000);
    hall.tick();
    assert_eq!(hall.ask(&join(2)), Ok(RoomDecision::Repeats { number: 1 }));
    hall.set(|ask| ask.ending = Some(Ending::Close));
    assert_eq!(hall.ask(&join(2)), Ok(RoomDecision::Repeats { number: 1 }));
    assert_eq!(hall.ask(&join(3)), Err(RoomRefusal::Closed));
}

#[test]
fn after_a_used_left_or_expired_place_one_joins_anew_at_the_end() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join_all(0..4);
    let (in_, _) = hall.admitted();
    assert_eq!(in_, [0, 1, 2, 3]);
    hall.shop(0);
    hall.tick();
    hall.leave(1).unwrap();
    assert_eq!((hall.join(0), hall.join(1)), (4, 5));
    // 2 does not use their pass, and then does not come back in time.
    hall.wait(PASS_MS);
    hall.tick();
    assert_eq!(hall.ask(&join(2)), Ok(RoomDecision::Repeats { number: 2 }));
    hall.wait(RETURN_MS);
    assert_eq!(hall.state(2), State::Expired);
    assert_eq!(hall.join(2), 6);
    assert_eq!(hall.room.line().find(fingerprint(2)), Some(6));
}

#[test]
fn a_code_that_is_known_and_not_used_up_brings_forward_before_the_doors() {
    let codes = vec![code(9, None), code(3, Some(1))];
    let mut hall = Hall::made(&Arrange { codes: Some(codes), ..with_doors(Method::Fifo) });
    assert_eq!(hall.ask(&join_with(1, 4)), Err(RoomRefusal::UnknownCode));
    hall.must(&join_with(1, 3));
    assert_eq!(hall.room.line().tier(0), Some(Tier::Priority));
    assert_eq!(hall.ask(&join_with(2, 3)), Err(RoomRefusal::CodeUsedUp));
    // The same fan again is no second use.
    assert_eq!(hall.ask(&join_with(1, 3)), Ok(RoomDecision::Repeats { number: 0 }));
    hall.must(&join_with(2, 9));
    hall.must(&join_with(3, 9));
    assert_eq!(hall.room.codes_used(), [1, 2]);
    // Who gives up before the doors gives the code back.
    hall.leave(0).unwrap();
    assert_eq!(hall.room.codes_used(), [0, 2]);
    hall.must(&join_with(4, 3));
}

#[test]
fn a_code_may_be_brought_later_until_the_doors_open() {
    let codes = vec![code(3, Some(2))];
    let mut hall = Hall::made(&Arrange { codes: Some(codes), ..with_doors(Method::Fifo) });
    hall.join_all(0..2);
    hall.must(&suspect(2));
    assert!(matches!(hall.must(&join_with(1, 3)), RoomFact::Promoted { number: 1, .. }));
    assert_eq!(hall.ask(&join_with(1, 3)), Ok(RoomDecision::Repeats { number: 1 }));
    // The organizer vouches for them.
    hall.must(&join_with(2, 3));
    assert_eq!(hall.ask(&join_with(0, 3)), Err(RoomRefusal::CodeUsedUp));
    hall.wait(10_000);
    hall.tick();
    let order: Vec<u32> = (0..3).filter_map(|place| hall.room.line().number_at(place)).collect();
    assert_eq!(order, [1, 2, 0]);
    assert_eq!(hall.ask(&join_with(0, 3)), Ok(RoomDecision::Repeats { number: 0 }));
}

#[test]
fn after_the_doors_a_code_counts_no_more_and_costs_no_place() {
    let codes = vec![code(3, Some(1))];
    let mut hall = Hall::made(&Arrange { codes: Some(codes), ..terms(Method::Draw) });
    hall.tick();
    // Known, unknown, used up: all the same.
    for who in 0..3 {
        hall.must(&join_with(who, 3 + u8::try_from(who).unwrap()));
    }
    assert_eq!(hall.room.line().tier(0), Some(Tier::General));
    assert_eq!(hall.room.codes_used(), [0]);
}

#[test]
fn uses_go_with_the_code_when_the_list_is_changed() {
    let codes = vec![code(3, Some(1)), code(7, None)];
    let mut hall = Hall::made(&Arrange { codes: Some(codes), ..with_doors(Method::Fifo) });
    hall.must(&join_with(1, 7));
    hall.must(&join_with(2, 3));
    let codes = vec![code(9, None), code(7, Some(1)), code(1, None)];
    hall.set(|ask| ask.codes = Some(codes));
    assert_eq!(hall.room.codes_used(), [0, 1, 0]);
    assert_eq!(hall.ask(&join_with(3, 7)), Err(RoomRefusal::CodeUsedUp));
    assert_eq!(hall.ask(&join_with(3, 3)), Err(RoomRefusal::UnknownCode));
    // The one whose code is gone stays in front, and gives back nothing; the other does.
    assert_eq!(hall.room.line().tier(1), Some(Tier::Priority));
    hall.leave(1).unwrap();
    hall.leave(0).unwrap();
    assert_eq!(hall.room.codes_used(), [0, 0, 0]);
}

#[test]
fn suspects_are_taken_in_counted_and_stand_last_at_the_doors() {
    let mut hall = Hall::made(&with_doors(Method::Draw));
    hall.must(&suspect(0));
    hall.join_all(1..6);
    hall.must(&suspect(6));
    hall.wait(10_000);
    hall.tick();
    assert_eq!(hall.room.totals().suspects, 2);
    let mut last: Vec<u32> = (5..7).filter_map(|place| hall.room.line().number_at(place)).collect();
    last.sort_unstable();
    assert_eq!(last, [0, 6]);
    let (in_, _) = hall.admitted();
    assert_eq!(in_.len(), 7, "late, and not dropped");
}

#[test]
fn nobody_new_is_taken_in_where_nobody_has_to_wait_or_may() {
    let gates_open = |state| Err(RoomRefusal::GatesOpen { state });
    let mut hall = Hall::open(Method::Fifo);
    for (method, refusal) in [
        (Method::Passthrough, gates_open("passthrough")),
        (Method::Reject, Err(RoomRefusal::Reject)),
    ] {
        hall.set(|ask| ask.method = Some(method));
        assert_eq!(hall.ask(&join(1)), refusal);
        assert_eq!(hall.room.asks_pass(), method == Method::Reject);
    }
    hall.set(|ask| ask.mode = Some(RoomMode::Off));
    assert_eq!(hall.ask(&join(1)), gates_open("idle"));
    let auto = Arrange { mode: Some(RoomMode::Auto), ..terms(Method::Fifo) };
    assert_eq!(Hall::made(&auto).ask(&join(1)), gates_open("idle"));
}

#[test]
fn a_place_that_nobody_has_is_not_found() {
    let mut hall = Hall::open(Method::Fifo);
    hall.join(1);
    assert_eq!(hall.leave(1), Err(RoomRefusal::NoSuchPlace));
    assert_eq!(hall.ask(&RoomCommand::Return { number: 1 }), Err(RoomRefusal::NoSuchPlace));
    assert_eq!(hall.leave(u32::MAX), Err(RoomRefusal::NoSuchPlace));
}
