//! Solutions as they are posted, and everything that is none.

use std::time::Duration;

use altcha::{SolveChallengeOptions, solve_challenge};
use serde_json::{Value, json};

use super::*;

const NUMBER: EventNumber = EventNumber(7);

fn challenges(used_max: usize) -> Challenges {
    Challenges::new(&WaitingRoomConfig {
        joins_per_source_max: None,
        sources_max: 1_000,
        challenge_life: Duration::from_secs(60),
        challenge_cost_min: 1,
        challenge_cost_max: 40,
        challenge_joins_per_second: 10,
        challenges_used_max: used_max,
    })
}

fn event() -> EventId {
    EventId::parse("concert-a").unwrap()
}

/// The library reads the wall clock too, so tests live in the present.
fn now() -> UnixMillis {
    use crate::clock::{Clock, SystemClock};
    SystemClock::start().now()
}

fn payload(challenge: &Challenge) -> Value {
    let solution = solve_challenge(SolveChallengeOptions::new(challenge)).unwrap().unwrap();
    json!({"challenge": challenge, "solution": solution})
}

fn posted(payload: &Value) -> String {
    BASE64_STANDARD.encode(payload.to_string())
}

#[test]
fn a_solution_is_good_once_for_its_event_and_until_its_end() {
    let (challenges, now) = (challenges(1_000), now());
    let challenge = challenges.issue((&event(), NUMBER), 0, now).unwrap();
    let good = posted(&payload(&challenge));
    let other = EventId::parse("concert-b").unwrap();
    assert_eq!(challenges.take(&other, &good, now), Err(ChallengeError::OtherEvent));
    let late = now.plus_millis(60_000);
    assert_eq!(challenges.take(&event(), &good, late), Err(ChallengeError::Ended));
    assert_eq!(challenges.take(&event(), &good, now), Ok(()));
    assert_eq!(challenges.take(&event(), &good, now), Err(ChallengeError::Used));
    let after = now.plus_millis(59_000);
    assert_eq!(challenges.take(&event(), &good, after), Err(ChallengeError::Used));
}

#[test]
fn whoever_changes_anything_is_refused() {
    let (challenges, now) = (challenges(1_000), now());
    let challenge = challenges.issue((&event(), NUMBER), 0, now).unwrap();
    let good = payload(&challenge);
    let changed = |path: &str, value: Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value;
        challenges.take(&event(), &posted(&bad), now)
    };
    let counter = good["solution"]["counter"].as_u64().unwrap();
    let wrong = Err(ChallengeError::Wrong);
    assert_eq!(changed("/solution/counter", json!(counter + 1)), wrong);
    assert_eq!(changed("/solution/derivedKey", json!("00".repeat(32))), wrong);
    assert_eq!(changed("/solution/derivedKey", json!("zz")), wrong);
    let unknown = Err(ChallengeError::Unknown);
    assert_eq!(changed("/challenge/parameters/cost", json!(0)), unknown);
    assert_eq!(changed("/challenge/parameters/keyPrefix", json!("")), unknown);
    assert_eq!(changed("/challenge/parameters/keyLength", json!(1)), unknown);
    assert_eq!(changed("/challenge/parameters/algorithm", json!("SHA-256")), unknown);
    assert_eq!(changed("/challenge/signature", json!("00".repeat(32))), unknown);
    assert_eq!(changed("/challenge/signature", json!("0")), unknown);
    assert_eq!(changed("/challenge/parameters/expiresAt", json!(0)), Err(ChallengeError::Ended));
    assert_eq!(changed("/challenge/parameters/expiresAt", json!(99_999_999_999_u64)), unknown);
    assert_eq!(
        changed("/challenge/parameters/data", json!({"event": "concert-b"})),
        Err(ChallengeError::OtherEvent)
    );
    let malformed = Err(ChallengeError::Malformed);
    for text in ["", "x", "e30=", "bnVsbA==", &"A".repeat(5_000)] {
        assert_eq!(challenges.take(&event(), text, now), malformed, "{text}");
    }
    // Another server's challenge, or ours from before a restart.
    let foreign = self::challenges(1_000).issue((&event(), NUMBER), 0, now).unwrap();
    assert_eq!(challenges.take(&event(), &posted(&payload(&foreign)), now), unknown);
    assert_eq!(challenges.take(&event(), &posted(&good), now), Ok(()), "nothing was used up");
}

#[test]
fn who_used_one_is_remembered_until_it_has_ended_and_not_for_ever() {
    let mut used = Used::new(3, 10_000);
    let at = |second: u64| UnixMillis(1_000_000 + second * 1_000);
    assert_eq!(used.take(1, at(0)), Ok(()));
    assert_eq!(used.take(1, at(9)), Err(ChallengeError::Used));
    assert_eq!(used.take(2, at(9)), Ok(()));
    // The halves turn at 11; what was used at 9 may be good until 20.
    assert_eq!(used.take(3, at(11)), Ok(()));
    assert_eq!(used.take(2, at(20)), Err(ChallengeError::Used));
    assert_eq!(used.take(4, at(20)), Err(ChallengeError::Full), "rather than to forget");
    assert_eq!(used.take(4, at(22)), Ok(()), "1 and 2 have ended");
    assert_eq!(used.take(3, at(22)), Err(ChallengeError::Used));
    assert_eq!(used.take(3, at(60)), Ok(()), "a quiet time forgets all");
}

#[test]
fn difficulty_rises_with_the_join_rate_and_falls_again() {
    let challenges = challenges(1_000);
    let cost = |joins: u32, second: u64| {
        let now = UnixMillis(1_000_000_000_000 + second * 1_000);
        challenges.issue((&event(), NUMBER), joins, now).unwrap().parameters.cost
    };
    assert_eq!(cost(0, 0), 1);
    let rising: Vec<u32> = (1..=30).map(|second| cost(100, second)).collect();
    assert!(rising.is_sorted() && rising[0] < 5 && 10 <= rising[29], "{rising:?}");
    assert_eq!(cost(1_000_000, 60), 40, "bounded");
    assert_eq!(cost(0, 1_000), 1);
    let other = challenges.issue((&event(), EventNumber(8)), 0, UnixMillis(1_000_000_060_000));
    assert_eq!(other.unwrap().parameters.cost, 1, "another event's rush is not ours");
}
