//! A room from its making to its end, as its fans see it.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::hall::{Hall, ROOM, in_seconds};

#[tokio::test]
async fn fans_wait_are_drawn_let_in_and_buy_and_each_turn_that_ends_is_the_next_ones() {
    let hall = Hall::of(100).await;
    hall.get(ROOM).await.expect(404);
    let free = hall.reserve("early", &[]).await.expect(201);
    assert_eq!(free.body["status"], "HELD", "without a room nothing is asked");
    let terms = json!({"method": "draw", "doors_at": in_seconds(4), "rate_per_minute": 60_000,
        "active_max": 2, "message": "Have your card ready"});
    let made = hall.arrange(terms).await.expect(201);
    assert_eq!((&made.body["phase"], &made.body["version"]), (&json!("PRE_QUEUE"), &json!(1)));
    let commitment = made.body["commitment"].as_str().expect("a commitment").to_owned();

    let tokens = five_join(&hall).await;
    let again = hall.join("fan-3").await.expect(200);
    let refused = hall.reserve("fan-0", &[]).await.expect(403);
    assert_eq!((refused.code(), refused.reason()), ("not_admitted", "missing"));
    assert_eq!(refused.body["waiting_room"], format!("{ROOM}/places"));
    hall.get(&format!("{ROOM}/draw/entries")).await.expect(409);

    hall.phase("ACTIVE").await;
    let mut fans = Vec::new();
    for (fan, token) in tokens.iter().enumerate() {
        let place = hall.until(token, |place| place["status"] != "IN_DRAW").await;
        fans.push((fan, token.clone(), place));
    }
    let (mut admitted, mut waiting): (Vec<_>, Vec<_>) =
        fans.into_iter().partition(|(_, _, place)| place["status"] == "ADMITTED");
    assert_eq!((admitted.len(), waiting.len()), (2, 3), "no more than may shop at one time");
    waiting.sort_by_key(|(_, _, place)| place["place"].as_u64());
    let places: Vec<u64> =
        waiting.iter().map(|(_, _, p)| p["place"].as_u64().expect("a place")).collect();
    assert_eq!(places, [3, 4, 5]);
    let sealed = hall.get(&format!("{ROOM}/draw")).await.expect(200).body;
    assert_eq!(sealed["commitment"], json!(commitment), "what was promised before the doors");
    let token = again.body["token"].as_str().expect("a token");
    let numbers = [token, &tokens[3]].map(|token| hall.me(Method::GET, "/proof", token));
    let [one, other] = numbers;
    assert_eq!(one.await.expect(200).body["number"], other.await.expect(200).body["number"]);

    // One buys, gives back, and the next one's turn comes with it.
    let (fan, token, _) = admitted.remove(0);
    let customer = format!("fan-{fan}");
    let pass = hall.admitted(&token).await;
    let held = hall.reserve(&customer, &[("Onsale-Pass", &pass)]).await.expect(201);
    let (_, next, _) = waiting.remove(0);
    let path = format!("/v1/events/hall/reservations/{}", held.body["id"].as_str().expect("an id"));
    hall.send(Method::DELETE, &path, &[], None).await.expect(200);
    hall.admitted(&next).await;
    assert_eq!(hall.until(&token, |place| place["status"] == "USED").await["pass"], Value::Null);

    // One gives up, and those behind move up without their places changing.
    let (_, gone, _) = waiting.remove(0);
    let left = hall.me(Method::DELETE, "", &gone).await.expect(200);
    assert_eq!(left.body["status"], "LEFT");
    assert_eq!(hall.me(Method::DELETE, "", &gone).await.expect(200).body["status"], "LEFT");
    let (_, last, _) = waiting.remove(0);
    let place = hall.until(&last, |place| place["ahead"] == 0 || place["ahead"] == 1).await;
    assert_eq!((&place["place"], &place["status"]), (&json!(5), &json!("WAITING")));

    // The rest is let in, then nobody needs a pass.
    hall.arrange(json!({"ending": "drain", "active_max": 100})).await.expect(200);
    let refused = hall.join("late").await.expect(409);
    assert_eq!(refused.code(), "invalid_state", "it drains, or is drained already");
    hall.admitted(&last).await;
    hall.phase("DRAINED").await;
    hall.reserve("late", &[]).await.expect(201);
    let figures = hall.figures_until(|figures| figures["passes_used"] == 1).await;
    assert_eq!((&figures["joined"], &figures["left"]), (&json!(5), &json!(1)), "{figures}");
    assert_eq!((&figures["passes_issued"], &figures["passes_used"]), (&json!(4), &json!(1)));
    assert!(figures["order_inversions"] == 0 && figures["seal_ms"].is_number(), "{figures}");
}

/// The tokens of five who joined before the doors.
async fn five_join(hall: &Hall) -> Vec<String> {
    let mut tokens = Vec::new();
    for fan in 0..5 {
        let joined = hall.join(&format!("fan-{fan}")).await.expect(201);
        let body = &joined.body;
        assert_eq!((&body["status"], &body["place"]), (&json!("IN_DRAW"), &Value::Null), "{body}");
        assert_eq!((&body["tier"], &body["ahead"]), (&json!("general"), &Value::Null));
        assert_eq!(body["message"], "Have your card ready");
        assert!(joined.header("location").ends_with("/places/me"));
        tokens.push(body["token"].as_str().expect("a token").to_owned());
    }
    tokens
}

#[tokio::test]
async fn who_comes_after_the_doors_stands_behind_and_a_pause_holds_everybody() {
    let hall =
        Hall::with_room(100, json!({"method": "fifo", "active_max": 1, "paused": true})).await;
    let tokens = [hall.token("a").await, hall.token("b").await, hall.token("c").await];
    hall.phase("PAUSED").await;
    for (at, token) in tokens.iter().enumerate() {
        let place = hall.until(token, |place| place["place"] != Value::Null).await;
        assert_eq!((&place["place"], &place["status"]), (&json!(at + 1), &json!("WAITING")));
        assert_eq!(
            place["expected_wait_seconds"],
            Value::Null,
            "nobody can say while it is paused"
        );
    }
    hall.arrange(json!({"paused": false})).await.expect(200);
    hall.admitted(&tokens[0]).await;
    let second = hall.until(&tokens[1], |place| place["ahead"] == 0).await;
    assert_eq!((&second["status"], &second["chance"]), (&json!("WAITING"), &json!("high")));
    // A pass that is given back frees its turn, and is good for nothing any more.
    let pass = hall.admitted(&tokens[0]).await;
    hall.me(Method::DELETE, "", &tokens[0]).await.expect(200);
    let refused = hall.reserve("a", &[("Onsale-Pass", &pass)]).await.expect(403);
    assert_eq!(refused.reason(), "ended");
    hall.admitted(&tokens[1]).await;
}

#[tokio::test]
async fn a_closed_room_lets_nobody_in_and_nobody_join_until_it_is_opened_again() {
    let hall = Hall::with_room(100, json!({"method": "fifo", "active_max": 1})).await;
    let (first, second) = (hall.token("a").await, hall.token("b").await);
    let pass = hall.admitted(&first).await;
    hall.arrange(json!({"ending": "close"})).await.expect(200);
    hall.phase("CLOSED").await;
    let refused = hall.join("c").await.expect(409);
    assert_eq!(refused.body["state"], "closed");
    assert_eq!(hall.reserve("c", &[]).await.code(), "not_admitted");
    // Whoever was let in may still buy.
    let held = hall.reserve("a", &[("Onsale-Pass", &pass)]).await.expect(201);
    let path = format!("/v1/events/hall/reservations/{}", held.body["id"].as_str().expect("an id"));
    hall.send(Method::DELETE, &path, &[], None).await.expect(200);
    let waits = hall.until(&second, |place| place["status"] == "WAITING").await;
    assert_eq!(waits["place"], 2);
    hall.arrange(json!({"ending": "none"})).await.expect(200);
    hall.admitted(&second).await;
}

#[tokio::test]
async fn a_pass_that_is_not_used_in_time_lapses_and_its_fan_may_come_back_once() {
    let terms =
        json!({"method": "fifo", "active_max": 1, "pass_seconds": 10, "return_seconds": 600});
    let hall = Hall::with_room(100, terms).await;
    let (first, second) = (hall.token("a").await, hall.token("b").await);
    let pass = hall.admitted(&first).await;
    let ends = hall.poll_when_due(&first).await["pass"]["expires_at"].clone();
    // The next one's turn comes when the first one's ran out.
    hall.admitted(&second).await;
    let ends: jiff::Timestamp = ends.as_str().expect("a time").parse().expect("RFC 3339");
    assert!(ends <= jiff::Timestamp::now(), "not before its end");
    let refused = hall.reserve("a", &[("Onsale-Pass", &pass)]).await.expect(403);
    assert_eq!(refused.reason(), "ended");
    let back = hall.until(&first, |place| place["status"] != "ADMITTED").await;
    assert_eq!(back["status"], "RETURNING", "{back}");
    // The second one leaves: the one who came back is next, before all who wait.
    let third = hall.token("c").await;
    hall.me(Method::DELETE, "", &second).await.expect(200);
    let pass = hall.admitted(&first).await;
    let waits = hall.until(&third, |place| place["place"] == 3).await;
    assert_eq!(waits["status"], "WAITING");
    hall.reserve("a", &[("Onsale-Pass", &pass)]).await.expect(201);
}

#[tokio::test]
async fn who_does_not_come_back_in_time_has_lost_the_place() {
    let terms = json!({"method": "fifo", "pass_seconds": 10, "return_seconds": 0});
    let hall = Hall::with_room(100, terms).await;
    let token = hall.token("a").await;
    hall.admitted(&token).await;
    for _ in 0..60 {
        let answer = hall.poll(&token).await;
        if answer.status == 410 {
            assert_eq!(answer.code(), "place_expired");
            assert_eq!(hall.me(Method::GET, "/pass", &token).await.code(), "place_expired");
            hall.join("a").await.expect(201);
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("the place never expired");
}

#[tokio::test]
async fn nobody_is_told_a_place_that_does_not_exist() {
    let terms = json!({"method": "random", "active_max": 1});
    let hall = Hall::with_room(100, terms).await;
    let tokens = [hall.token("a").await, hall.token("b").await, hall.token("c").await];
    hall.phase("ACTIVE").await;
    let mut admitted = 0;
    for token in &tokens {
        let place = hall.until(token, |place| place["status"] != "IN_DRAW").await;
        assert_eq!((&place["place"], &place["ahead"]), (&Value::Null, &Value::Null), "{place}");
        admitted += i32::from(place["status"] == "ADMITTED");
    }
    assert_eq!(admitted, 1);
    let refused = hall.get(&format!("{ROOM}/draw")).await.expect(409);
    assert_eq!(refused.body["state"], "random", "there is nothing to prove");
}

#[tokio::test]
async fn a_place_outlives_the_server() {
    let mut hall = Hall::with_room(100, json!({"method": "fifo", "paused": true})).await;
    hall.sealed().await;
    let mut tokens = Vec::new();
    for customer in ["a", "b", "c"] {
        tokens.push(hall.token(customer).await);
    }
    hall.restart();
    let place = hall.poll(&tokens[2]).await.expect(200).body;
    assert_eq!((&place["status"], &place["place"]), (&json!("WAITING"), &json!(3)), "{place}");
    hall.join("b").await.expect(200);
    assert_eq!(hall.token("d").await.len(), tokens[0].len());
}

impl Hall {
    /// One poll, when it is due.
    async fn poll_when_due(&self, token: &str) -> Value {
        self.until(token, |_| true).await
    }
}
