//! Joining a room that asks for a proof of work. `tests/altcha.sh` does the same with the official library
//! of npm.

use altcha::{Challenge, SolveChallengeOptions, solve_challenge};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::hall::{Answer, Hall, PLACES, ROOM, in_seconds};

const EASY: &[(&str, &str)] = &[("ONSALE__WAITING_ROOM__CHALLENGE_COST_MIN", "1")];

async fn hall() -> Hall {
    let hall = Hall::with(100, EASY).await;
    let terms = json!({"doors_at": in_seconds(600), "challenge": true,
        "codes": [{"code": "good-code"}]});
    hall.arrange(terms).await.expect(201);
    hall
}

async fn solved(hall: &Hall, room: &str) -> Value {
    let challenge =
        hall.send(Method::POST, &format!("{room}/challenge"), &[], None).await.expect(200);
    assert_eq!(challenge.header("cache-control"), "no-store");
    let of: Challenge = serde_json::from_value(challenge.body.clone()).expect("a challenge");
    let solution = solve_challenge(SolveChallengeOptions::new(&of)).expect("solvable");
    json!({"challenge": challenge.body, "solution": solution.expect("in time")})
}

fn posted(payload: &Value) -> String {
    BASE64_STANDARD.encode(payload.to_string())
}

async fn join(hall: &Hall, customer: &str, altcha: &str) -> Answer {
    let body = json!({"customer": customer, "altcha": altcha});
    hall.send(Method::POST, PLACES, &[], Some(body)).await
}

#[tokio::test]
async fn a_solved_challenge_joins_once_and_nothing_else_does() {
    let hall = hall().await;
    assert_eq!(hall.get(ROOM).await.expect(200).body["challenge"], true);
    let refused = hall.join("a").await.expect(403);
    assert_eq!((refused.code(), refused.reason()), ("challenge_failed", "missing"));
    assert_eq!(refused.body["challenge"], format!("{ROOM}/challenge"));
    let good = solved(&hall, ROOM).await;
    let mut wrong = good.clone();
    wrong["solution"]["counter"] =
        json!(wrong["solution"]["counter"].as_u64().expect("a number") + 1);
    let mut easier = good.clone();
    easier["challenge"]["parameters"]["keyPrefix"] = json!("0");
    for (altcha, reason) in [
        (posted(&wrong), "wrong"),
        (posted(&easier), "unknown"),
        ("nonsense".to_owned(), "malformed"),
        (String::new(), "malformed"),
    ] {
        let refused = join(&hall, "a", &altcha).await.expect(403);
        assert_eq!((refused.code(), refused.reason()), ("challenge_failed", reason));
    }
    join(&hall, "a", &posted(&good)).await.expect(201);
    let refused = join(&hall, "b", &posted(&good)).await.expect(403);
    assert_eq!(refused.reason(), "used");
    // Also twice at the same instant.
    let good = posted(&solved(&hall, ROOM).await);
    let (one, other) = tokio::join!(join(&hall, "b", &good), join(&hall, "c", &good));
    let mut codes = [one.status, other.status];
    codes.sort_unstable();
    assert_eq!(codes, [201, 403]);
    hall.figures_until(|figures| figures["joined"] == 2).await;
}

#[tokio::test]
async fn a_challenge_of_another_event_or_from_before_a_restart_joins_nobody() {
    let hall = hall().await;
    hall.event("other", 10).await;
    let other = "/v1/events/other/waiting-room";
    hall.send(Method::PATCH, other, &[], Some(json!({"challenge": true}))).await.expect(201);
    let foreign = posted(&solved(&hall, other).await);
    assert_eq!(join(&hall, "a", &foreign).await.expect(403).reason(), "other_event");
    // Another server stands for this one after a restart: its key is its own.
    let again = self::hall().await;
    let before = posted(&solved(&again, ROOM).await);
    assert_eq!(join(&hall, "a", &before).await.expect(403).reason(), "unknown");
}

#[tokio::test]
async fn guessing_a_code_costs_a_challenge_each() {
    let hall = hall().await;
    let altcha = posted(&solved(&hall, ROOM).await);
    let with = |code: &str| json!({"customer": "a", "altcha": altcha, "code": code});
    let refused = hall.send(Method::POST, PLACES, &[], Some(with("guess-1"))).await.expect(400);
    assert_eq!(refused.body["errors"][0]["field"], "code");
    let refused = hall.send(Method::POST, PLACES, &[], Some(with("good-code"))).await.expect(403);
    assert_eq!(refused.reason(), "used");
}

#[tokio::test]
async fn the_widget_may_ask_with_get_and_a_room_without_challenges_does_not_care() {
    let hall = Hall::with_room(10, json!({"method": "fifo", "paused": true})).await;
    let challenge = hall.get(&format!("{ROOM}/challenge")).await.expect(200).body;
    assert_eq!(challenge["parameters"]["algorithm"], "PBKDF2/SHA-256");
    assert_eq!(challenge["parameters"]["data"]["event"], "hall");
    join(&hall, "a", "whatever").await.expect(201);
    hall.get("/v1/events/nothing/waiting-room/challenge").await.expect(404);
}
