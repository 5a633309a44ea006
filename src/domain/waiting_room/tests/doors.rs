//! The doors: what keeps them shut, and how those who wait are put in order.

use super::*;

fn order(hall: &Hall) -> Vec<u32> {
    (0..hall.room.line().positions()).filter_map(|p| hall.room.line().number_at(p)).collect()
}

#[test]
fn the_doors_open_at_their_time_and_places_are_told_from_then_on() {
    let mut hall = Hall::made(&with_doors(Method::Draw));
    hall.join_all(0..50);
    assert_eq!((hall.room.phase(), hall.room.line().slot(0)), (Phase::PreQueue, NO_PLACE));
    hall.wait(9_999);
    assert_eq!(hall.tick(), []);
    hall.wait(1);
    let [RoomFact::Sealed(sealed)] = &hall.tick()[..] else { panic!("shut") };
    assert_eq!((sealed.count, hall.room.phase()), (50, Phase::Active));
    let mut places: Vec<u32> = (0..50).map(|number| hall.room.line().slot(number)).collect();
    assert_ne!(places, Vec::from_iter(0..50), "nobody was moved");
    places.sort_unstable();
    assert_eq!(places, Vec::from_iter(0..50));
    // Later ones stand behind, first come first served.
    let late = hall.join(50);
    assert_eq!(hall.room.line().slot(late), 50);
}

#[test]
fn who_left_before_the_doors_is_no_entrant() {
    let mut hall = Hall::made(&with_doors(Method::Draw));
    hall.join_all(0..5);
    hall.leave(2).unwrap();
    // Back again, as somebody new.
    assert_eq!(hall.join(2), 5);
    hall.leave(0).unwrap();
    hall.wait(10_000);
    hall.tick();
    let entrants: Vec<u32> = hall.room.entrants().iter().map(|entrant| entrant.number).collect();
    assert_eq!((hall.room.sealed().unwrap().count, &entrants[..]), (4, &[1, 3, 4, 5][..]));
    let places = hall.room.places();
    assert_eq!((places[0], places[2]), (NO_PLACE, NO_PLACE));
    for number in entrants {
        let place = places[number as usize];
        assert_eq!(hall.room.line().number_at(place), Some(number));
    }
}

#[test]
fn the_proof_stays_when_fans_have_moved_on() {
    let mut hall = Hall::made(&with_doors(Method::Draw));
    hall.join_all(0..20);
    hall.wait(10_000);
    hall.tick();
    let (entrants, places) = (hall.room.entrants(), hall.room.places());
    hall.join_all(20..25);
    hall.leave(3).unwrap();
    hall.admitted();
    hall.wait(PASS_MS);
    hall.tick();
    hall.set(|ask| ask.mode = Some(RoomMode::Off));
    assert_eq!(hall.room.entrants(), entrants);
    assert_eq!(hall.room.places()[..20], places);
}

#[test]
fn a_line_by_arrival_keeps_it_within_each_tier() {
    let codes = vec![code(1, None)];
    let mut hall = Hall::made(&Arrange { codes: Some(codes), ..with_doors(Method::Fifo) });
    hall.must(&suspect(0));
    hall.join_all(1..3);
    hall.must(&join_with(3, 1));
    hall.join(4);
    hall.must(&join_with(5, 1));
    hall.wait(10_000);
    hall.tick();
    assert_eq!(order(&hall), [3, 5, 1, 2, 4, 0]);
}

#[test]
fn an_announced_beacon_keeps_the_doors_shut_until_its_value_is_there() {
    let beacon = Some(Change::To("drand round 7".into()));
    let mut hall = Hall::made(&Arrange { beacon, ..with_doors(Method::Draw) });
    hall.join_all(0..3);
    hall.wait(60_000);
    assert_eq!(hall.tick(), []);
    let now = UnixMillis(hall.now);
    assert_eq!(hall.room.waiting_for(now), Some(WaitingFor::Beacon));
    hall.set(|ask| ask.beacon_value = Some(Change::To("c0ffee".into())));
    assert_eq!(hall.room.waiting_for(now), None);
    hall.tick();
    assert_eq!(hall.room.sealed().unwrap().beacon.as_deref(), Some("c0ffee"));
}

#[test]
fn the_seal_goes_by_the_secret_the_beacon_and_who_is_there() {
    let sealed = |random, beacon: &str, who: u64| {
        let ask = Arrange {
            beacon: Some(Change::To("round".into())),
            beacon_value: Some(Change::To(beacon.into())),
            ..with_doors(Method::Draw)
        };
        let mut hall = Hall::made(&Arrange { random, ..ask });
        hall.join_all(0..40);
        hall.join(who);
        hall.wait(10_000);
        hall.tick();
        order(&hall)
    };
    let other = Arrange::nothing([8; 64]).random;
    let (random, first) = (terms(Method::Draw).random, sealed(terms(Method::Draw).random, "a", 40));
    assert_eq!(sealed(random, "a", 40), first);
    assert_ne!(sealed(other, "a", 40), first);
    assert_ne!(sealed(random, "b", 40), first);
    assert_ne!(sealed(random, "a", 41), first);
}

#[test]
fn what_the_doors_settled_cannot_be_changed_after_them() {
    let mut hall = Hall::open(Method::Draw);
    let refused = |hall: &mut Hall, change: fn(&mut Arrange), field| {
        let mut ask = Arrange::nothing([1; 64]);
        change(&mut ask);
        assert_eq!(hall.arrange(ask), Err(RoomRefusal::DoorsOpen { field }));
    };
    refused(&mut hall, |ask| ask.method = Some(Method::Random), "method");
    refused(&mut hall, |ask| ask.doors_at = Some(Change::To(UnixMillis(1))), "doors_at");
    refused(&mut hall, |ask| ask.beacon = Some(Change::To("x".into())), "beacon");
    // Both of these are served in order, so nobody's place moves.
    hall.set(|ask| ask.method = Some(Method::Fifo));
    hall.set(|ask| ask.method = Some(Method::Passthrough));
    hall.set(|ask| ask.method = Some(Method::Draw));
    let mut hall = Hall::open(Method::Random);
    refused(&mut hall, |ask| ask.method = Some(Method::Fifo), "method");
}

#[test]
fn what_a_draw_was_announced_with_stays_part_of_its_proof_until_another_line_begins() {
    let beacon = Some(Change::To("drand round 7".into()));
    let mut hall = Hall::made(&Arrange { beacon, ..with_doors(Method::Draw) });
    hall.set(|ask| ask.beacon_value = Some(Change::To("c0ffee".into())));
    hall.wait(10_000);
    hall.tick();
    hall.set(|ask| ask.mode = Some(RoomMode::Off));
    let other = || Some(Change::To("drand round 8".into()));
    let ask = Arrange { beacon: other(), ..Arrange::nothing([1; 64]) };
    assert_eq!(hall.arrange(ask), Err(RoomRefusal::DoorsOpen { field: "beacon" }));
    // Times of the line to come may be said before it begins.
    hall.set(|ask| ask.doors_at = Some(Change::To(UnixMillis(900_000))));
    assert_eq!(hall.room.terms().beacon.as_deref(), Some("drand round 7"));
    hall.set(|ask| (ask.mode, ask.beacon) = (Some(RoomMode::On), other()));
    assert_eq!((hall.room.sealed(), hall.room.terms().beacon_value.as_deref()), (None, None));
}

#[test]
fn a_method_that_orders_nobody_opens_no_doors() {
    let mut hall = Hall::made(&with_doors(Method::Draw));
    hall.join_all(0..3);
    hall.set(|ask| ask.method = Some(Method::Reject));
    hall.wait(10_000);
    assert_eq!(hall.tick(), []);
    assert_eq!(hall.room.waiting_for(UnixMillis(hall.now)), Some(WaitingFor::Method));
    hall.set(|ask| ask.method = Some(Method::Draw));
    assert!(matches!(hall.tick()[..], [RoomFact::Sealed(_)]));
}

#[test]
fn terms_out_of_bounds_are_refused_by_name() {
    let mut hall = Hall::open(Method::Draw);
    let refused = |hall: &mut Hall, change: &dyn Fn(&mut Arrange), field| {
        let mut ask = Arrange::nothing([1; 64]);
        change(&mut ask);
        assert_eq!(create(&ask, UnixMillis(1)), Err(RoomRefusal::OutOfBounds { field }));
        assert_eq!(hall.arrange(ask), Err(RoomRefusal::OutOfBounds { field }));
    };
    let text = |length: usize| Some(Change::To("x".repeat(length).into()));
    refused(&mut hall, &|ask| ask.rate_per_minute = Some(0), "rate_per_minute");
    refused(&mut hall, &|ask| ask.rate_per_minute = Some(10_000_001), "rate_per_minute");
    refused(&mut hall, &|ask| ask.active_max = Some(0), "active_max");
    refused(&mut hall, &|ask| ask.pass_seconds = Some(9), "pass_seconds");
    refused(&mut hall, &|ask| ask.return_seconds = Some(86_401), "return_seconds");
    refused(&mut hall, &|ask| ask.absent_seconds = Some(9), "absent_seconds");
    refused(&mut hall, &|ask| ask.units_per_pass_hundredths = Some(0), "units_per_pass");
    refused(&mut hall, &|ask| ask.auto_per_second = Some(0), "auto_per_second");
    refused(&mut hall, &|ask| ask.message = text(501), "message");
    refused(&mut hall, &|ask| ask.message = text(0), "message");
    refused(&mut hall, &|ask| ask.message = Some(Change::To("a\u{7}b".into())), "message");
    refused(&mut hall, &|ask| ask.beacon = text(201), "beacon");
    refused(&mut hall, &|ask| ask.beacon = Some(Change::To("a\nb".into())), "beacon");
    refused(&mut hall, &|ask| ask.beacon_value = text(3), "beacon_value");
    let twice = || Some(vec![code(1, None), code(2, None), code(1, Some(2))]);
    refused(&mut hall, &|ask| ask.codes = twice(), "codes");
    refused(&mut hall, &|ask| ask.codes = Some(vec![code(1, Some(0))]), "codes");
}

#[test]
fn an_arrangement_of_another_revision_is_refused_and_one_of_nothing_changes_nothing() {
    let mut hall = Hall::open(Method::Draw);
    let ask =
        Arrange { expected_revision: Some(2), paused: Some(true), ..Arrange::nothing([1; 64]) };
    assert_eq!(hall.arrange(ask.clone()), Err(RoomRefusal::VersionMismatch { current: 1 }));
    hall.arrange(Arrange { expected_revision: Some(1), ..ask.clone() }).unwrap();
    assert_eq!((hall.room.terms().revision, hall.room.terms().paused), (2, true));
    let nothing = Arrange { expected_revision: Some(2), ..ask };
    assert_eq!(hall.arrange(nothing), Ok(RoomDecision::Unchanged));
}
