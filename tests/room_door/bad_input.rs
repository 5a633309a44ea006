//! Forged, cut, foreign, expired and repeated tokens; polls that come too early; joins that make no sense.

use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::hall::{Hall, ME, PLACES, ROOM, in_seconds, quick};

#[tokio::test]
async fn a_token_that_is_not_exactly_ours_finds_no_place() {
    let hall = Hall::with_room(100, json!({"method": "fifo", "paused": true})).await;
    hall.event("other", 100).await;
    hall.send(Method::PATCH, "/v1/events/other/waiting-room", &[], Some(quick())).await.expect(201);
    let token = hall.token("a").await;
    let foreign = json!({"customer": "a"});
    let places = "/v1/events/other/waiting-room/places";
    let foreign = hall.send(Method::POST, places, &[], Some(foreign)).await.expect(201).body;
    let foreign = foreign["token"].as_str().expect("a token").to_owned();
    let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).expect("base64url");
    let mut bad: Vec<String> = vec![foreign, String::new(), "x".into(), format!("{token}A")];
    bad.push(token[..token.len() - 1].to_owned());
    bad.push(token.to_uppercase());
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        bad.push(BASE64URL_NOPAD.encode(&bytes));
    }
    for token in &bad {
        for (method, below) in [
            (Method::GET, ""),
            (Method::DELETE, ""),
            (Method::GET, "/stream"),
            (Method::GET, "/pass"),
            (Method::GET, "/proof"),
        ] {
            let answer = hall.me(method, below, token).await.expect(404);
            assert_eq!(answer.code(), "not_found", "{token} {below}");
        }
    }
    let without = hall.get(ME).await.expect(400);
    assert_eq!(without.body["errors"][0]["field"], "Onsale-Place");
    let twice = [("Onsale-Place", token.as_str()), ("Onsale-Place", token.as_str())];
    hall.send(Method::GET, ME, &twice, None).await.expect(400);
    let place = hall.until(&token, |_| true).await;
    assert_eq!(place["status"], "WAITING", "nothing happened to it");
}

#[tokio::test]
async fn a_poll_before_its_time_is_turned_away_with_the_time_to_come() {
    let hall = Hall::with_room(100, json!({"method": "fifo", "paused": true})).await;
    let token = hall.token("a").await;
    let early = hall.poll(&token).await.expect(429);
    assert_eq!(early.code(), "rate_limited");
    let seconds: u64 = early.header("retry-after").parse().expect("seconds");
    let wait_ms = early.body["poll_after_ms"].as_u64().expect("milliseconds");
    assert!(0 < wait_ms && wait_ms <= seconds * 1_000 && seconds <= 40, "{}", early.text);
    for _ in 0..5 {
        hall.poll(&token).await.expect(429);
    }
    assert_eq!(hall.figures().await["early_polls"], 6);
    // Turned away six times, and not one millisecond was added.
    let again = hall.poll(&token).await.expect(429);
    assert!(again.body["poll_after_ms"].as_u64().expect("milliseconds") <= wait_ms);
}

#[tokio::test]
async fn a_join_that_makes_no_sense_is_refused_with_its_field_named() {
    let terms = json!({"doors_at": in_seconds(600), "codes": [{"code": "good-code"}]});
    let hall = Hall::with_room(100, terms).await;
    let long = "x".repeat(256);
    let cases = [
        (json!({}), "customer"),
        (json!({"customer": "a", "device": "b"}), "customer"),
        (json!({"customer": ""}), "customer"),
        (json!({"customer": long}), "customer"),
        (json!({"device": "a\nb"}), "device"),
        (json!({"customer": 1}), "customer"),
        (json!({"customer": "a", "tier": "priority"}), "tier"),
        (json!({"customer": "a", "code": "x"}), "code"),
        (json!({"customer": "a", "code": 1}), "code"),
        (json!({"customer": "a", "code": "bad-code"}), "code"),
    ];
    for (body, field) in cases {
        let answer = hall.send(Method::POST, PLACES, &[], Some(body)).await.expect(400);
        assert_eq!(answer.body["errors"][0]["field"], field, "{}", answer.text);
    }
    let unknown = "/v1/events/nothing/waiting-room/places";
    hall.send(Method::POST, unknown, &[], Some(json!({"customer": "a"}))).await.expect(404);
    hall.event("roomless", 1).await;
    let roomless = "/v1/events/roomless/waiting-room/places";
    let answer = hall.send(Method::POST, roomless, &[], Some(json!({"customer": "a"}))).await;
    assert_eq!(answer.expect(404).code(), "not_found");
    assert_eq!(hall.get(ROOM).await.body["counts"]["joined"], 0, "nobody stands in line");
}

#[tokio::test]
async fn a_room_that_takes_nobody_says_so() {
    let hall = Hall::with_room(100, json!({"method": "reject"})).await;
    let state = async |hall: &Hall| hall.join("a").await.expect(409).body["state"].clone();
    assert_eq!(state(&hall).await, "reject");
    hall.arrange(json!({"mode": "off"})).await.expect(200);
    assert_eq!(state(&hall).await, "idle");
    hall.reserve("a", &[]).await.expect(201);
}

#[tokio::test]
async fn places_of_a_line_that_ended_have_expired() {
    let hall = Hall::with_room(100, json!({"method": "fifo", "paused": true})).await;
    let token = hall.token("a").await;
    hall.arrange(json!({"mode": "off"})).await.expect(200);
    hall.arrange(json!({"mode": "on"})).await.expect(200);
    let new = hall.token("b").await;
    let mut answer = hall.poll(&token).await;
    while answer.status == 429 {
        let wait_ms = answer.body["poll_after_ms"].as_u64().expect("milliseconds");
        tokio::time::sleep(std::time::Duration::from_millis(wait_ms)).await;
        answer = hall.poll(&token).await;
    }
    assert_eq!(answer.expect(410).code(), "place_expired");
    let place = hall.until(&new, |place| place["place"] != Value::Null).await;
    assert_eq!(place["place"], 1, "a new line begins at its front");
}
