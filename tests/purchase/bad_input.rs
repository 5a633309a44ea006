//! What is wrong with a request is said by its code and field, and changes nothing.

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Shop, order};

const TOKEN: &str = "pm_card_visa-ann";

impl Shop {
    /// Books under a key: status, body, whether it says that it is a repeat.
    async fn book(&self, order: &Value, key: &str) -> (u16, Value, bool) {
        let url = format!("{}/v1/events/a/bookings", self.server.url);
        let request = self.server.client.post(url).header("Idempotency-Key", key).json(order);
        let answer = request.send().await.expect("an answer");
        let replayed = answer.headers().contains_key("Idempotent-Replayed");
        (answer.status().as_u16(), answer.json().await.expect("JSON"), replayed)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_is_wrong_is_refused_with_its_field_named_and_changes_nothing() {
    let mut shop = Shop::open().await;
    shop.event("a", 10, json!({})).await;
    let id = shop.hold("a", "ann", 2).await;
    let good = order(&id, TOKEN, "ann");
    let with = |path: &[&str], value: Value| {
        let mut order = good.clone();
        let place = path.iter().fold(&mut order, |place, name| &mut place[*name]);
        *place = value;
        order
    };
    let without = |name: &str| {
        let mut order = good.clone();
        order.as_object_mut().expect("an object").remove(name);
        order
    };
    let cases = [
        (with(&["payment", "method"], json!("cash")), "payment.method"),
        (with(&["payment", "method"], json!("")), "payment.method"),
        (with(&["payment", "method"], json!(7)), "payment.method"),
        (with(&["payment", "token"], json!("")), "payment.token"),
        (with(&["payment", "token"], json!("a\nb")), "payment.token"),
        (with(&["payment", "token"], json!("x".repeat(256))), "payment.token"),
        (with(&["payment", "card_number"], json!("4242")), "payment.card_number"),
        (with(&["payment"], json!([])), "payment"),
        (with(&["contact", "email"], json!("nobody")), "contact.email"),
        (
            with(&["contact", "email"], json!("a@example.org\r\nBcc: b@example.org")),
            "contact.email",
        ),
        (with(&["contact", "email"], json!(1)), "contact.email"),
        (with(&["contact", "phone"], json!("030 123456")), "contact.phone"),
        (with(&["contact", "phone"], json!("+4930-abc")), "contact.phone"),
        (with(&["contact", "phone"], json!("")), "contact.phone"),
        (with(&["contact", "phone"], json!("+49".repeat(10_000))), "contact.phone"),
        (with(&["contact", "name"], json!("")), "contact.name"),
        (with(&["contact", "name"], json!("x".repeat(201))), "contact.name"),
        (with(&["contact", "fax"], json!("1")), "contact.fax"),
        (with(&["reservation"], json!(1)), "reservation"),
        (with(&["coupon"], json!("x")), "coupon"),
        (without("reservation"), "reservation"),
        (without("payment"), "payment"),
        (json!([good]), "reservation"),
    ];
    for (body, field) in cases {
        let (status, answer) = shop.post("/v1/events/a/bookings", body.clone()).await;
        assert_eq!((status, &answer["code"]), (400, &json!("invalid_request")), "{body}: {answer}");
        if !body.is_array() {
            assert_eq!(answer["errors"][0]["field"], field, "{body}: {answer}");
        }
        if field == "contact.phone" {
            let reason = answer["errors"][0]["reason"].as_str().expect("a reason");
            let value = body["contact"]["phone"].as_str().expect("a text");
            assert!(reason.contains(&value[..value.len().min(40)]), "{reason}");
            assert!(reason.contains("country code") && reason.len() < 250, "{reason}");
        }
    }
    let (status, answer, _) = shop.book(&good, &"k".repeat(256)).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (400, &json!("Idempotency-Key")));
    assert_eq!(shop.units("a").await, (8, 2, 0));
    let (_, held) = shop.server.get(&format!("/v1/events/a/reservations/{id}")).await;
    assert_eq!(held["status"], "HELD", "it can be bought still");
    assert_eq!(shop.book(&good, "k").await.0, 202);
    shop.until_status("a", &id, "CONFIRMED").await;
    assert_eq!(shop.stripe.intents().len(), 1);
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_that_is_unknown_foreign_or_gone_is_not_bought() {
    let mut shop = Shop::open().await;
    shop.event("a", 10, json!({})).await;
    shop.event("b", 10, json!({"hold_seconds": 1})).await;
    let lapsing = shop.hold("b", "bob", 1).await;
    let (held, released) = (shop.hold("a", "ann", 1).await, shop.hold("a", "rel", 1).await);
    let path = format!("/v1/events/a/reservations/{released}");
    shop.server.send(Method::DELETE, &path, None, None).await.expect("an answer");
    // The same number with another salt, as a guesser would try.
    let guessed = match held.as_bytes()[held.len() - 1] {
        b'0' => format!("{}1", &held[..held.len() - 1]),
        _ => format!("{}0", &held[..held.len() - 1]),
    };
    let cases = [
        ("a", "nonsense", 404, "not_found"),
        ("a", "", 404, "not_found"),
        ("a", &guessed, 404, "not_found"),
        ("b", &held, 404, "not_found"),
        ("nowhere", &held, 404, "not_found"),
        ("a", &released, 409, "invalid_state"),
    ];
    for (event, id, status, code) in cases {
        let path = format!("/v1/events/{event}/bookings");
        let answer = shop.post(&path, order(id, TOKEN, "ann")).await;
        assert_eq!((answer.0, &answer.1["code"]), (status, &json!(code)), "{event} {id}");
        if id != held && !id.is_empty() {
            assert_eq!(shop.server.get(&format!("{path}/{id}")).await.0, 404, "{event} {id}");
            assert_eq!(shop.cancel(event, id).await.0, 404, "{event} {id}");
        }
    }
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    let late = shop.post("/v1/events/b/bookings", order(&lapsing, TOKEN, "bob")).await;
    assert_eq!((late.0, &late.1["code"]), (410, &json!("reservation_expired")));
    assert_eq!(shop.units("a").await, (9, 1, 0));
    assert_eq!(shop.units("b").await, (10, 0, 0));
    assert_eq!(shop.stripe.calls(), 0);
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_is_bought_once_and_a_repeat_hears_the_first_answer() {
    let mut shop = Shop::open().await;
    shop.event("a", 10, json!({})).await;
    let (id, other) = (shop.hold("a", "ann", 1).await, shop.hold("a", "bob", 1).await);
    let good = order(&id, TOKEN, "ann");
    let (status, first, replayed) = shop.book(&good, "k").await;
    assert_eq!((status, replayed), (202, false), "{first}");
    assert_eq!(shop.book(&good, "k").await, (202, first.clone(), true));
    shop.until_status("a", &id, "CONFIRMED").await;
    assert_eq!(shop.book(&good, "k").await, (202, first, true), "the first answer, also later");
    let (status, answer, _) = shop.book(&good, "other").await;
    assert_eq!((status, &answer["code"]), (409, &json!("already_booked")));
    for body in
        [order(&id, "pm_card_visa-x", "ann"), order(&id, TOKEN, "x"), order(&other, TOKEN, "ann")]
    {
        let (status, answer, _) = shop.book(&body, "k").await;
        assert_eq!((status, &answer["code"]), (422, &json!("idempotency_key_reused")), "{body}");
    }
    // The key of a reservation is no booking's.
    let (status, answer, _) = shop.book(&order(&other, TOKEN, "bob"), "hold-bob").await;
    assert_eq!((status, &answer["code"]), (422, &json!("idempotency_key_reused")));
    // Nor can what is being bought be given back as a mere reservation.
    let path = format!("/v1/events/a/reservations/{id}");
    let (status, answer) =
        shop.server.send(Method::DELETE, &path, None, None).await.expect("an answer");
    assert_eq!((status, &answer["code"]), (409, &json!("invalid_state")), "{answer}");
    assert_eq!(shop.units("a").await, (8, 1, 1));
    assert_eq!(shop.stripe.times_charged(TOKEN), 1);
    shop.close();
}

/// When nothing was left, the answer that wakes no shard said so, and the shard would have said this.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_a_booking_reserves_nothing_also_when_nothing_is_left() {
    let mut shop = Shop::open().await;
    shop.event("a", 1, json!({})).await;
    let id = shop.hold("a", "ann", 1).await;
    assert_eq!(shop.book(&order(&id, TOKEN, "ann"), "k").await.0, 202);
    for when in ["at once", "after a restart"] {
        let (status, answer) = shop.server.reserve("a", "x", "k", 1).await.expect("an answer");
        let told = (status, &answer["code"]);
        assert_eq!(told, (422, &json!("idempotency_key_reused")), "{when}: {answer}");
        let answer = shop.server.reserve("a", "x", "new", 1).await;
        assert_eq!(answer.expect("an answer").0, 409, "{when}: nothing is left");
        shop.server.kill();
        shop.reopen();
    }
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_is_no_ticket_of_the_event_opens_no_door() {
    let mut shop = Shop::open().await;
    shop.event("a", 10, json!({})).await;
    shop.event("b", 10, json!({})).await;
    let id = shop.buy("a", "ann", 1, TOKEN).await;
    shop.until_status("a", &id, "CONFIRMED").await;
    let tickets = shop.tickets("a", &id).await;
    let code = tickets[0]["code"].as_str().expect("a code").to_owned();
    let other_letter = |letter: char| if letter == 'A' { 'B' } else { 'A' };
    // One letter of five bits, so at least one bit of the code, at each place.
    for at in (0..code.len()).step_by(7) {
        let mut letters: Vec<char> = code.chars().collect();
        letters[at] = other_letter(letters[at]);
        let changed: String = letters.into_iter().collect();
        let (status, answer) = shop.scan("a", &changed, "gate").await;
        assert_eq!((status, &answer["code"]), (400, &json!("bad_ticket")), "{at}: {answer}");
    }
    for (event, code, reason) in [
        ("b", code.as_str(), "other_event"),
        ("a", "", "malformed"),
        ("a", "hello", "malformed"),
        ("a", &code.to_lowercase(), "malformed"),
        ("a", &code[..code.len() - 8], "malformed"),
        ("a", &"A".repeat(10_000), "malformed"),
    ] {
        let (status, answer) = shop.scan(event, code, "gate").await;
        assert_eq!((status, &answer["code"]), (400, &json!("bad_ticket")), "{code}: {answer}");
        if reason == "other_event" {
            assert_eq!(answer["reason"], reason, "{answer}");
        }
    }
    for (body, field) in [
        (json!({"code": code}), "nonce"),
        (json!({"code": code, "nonce": ""}), "nonce"),
        (json!({"code": code, "nonce": "x".repeat(256)}), "nonce"),
        (json!({"code": code, "nonce": 1}), "nonce"),
        (json!({"code": 1, "nonce": "n"}), "code"),
        (json!({"nonce": "n"}), "code"),
        (json!({"code": code, "nonce": "n", "occurred_at": "yesterday"}), "occurred_at"),
        (json!({"code": code, "nonce": "n", "gate": 1}), "gate"),
    ] {
        let (status, answer) = shop.post("/v1/events/a/checkins", body.clone()).await;
        assert_eq!(
            (status, &answer["errors"][0]["field"]),
            (400, &json!(field)),
            "{body}: {answer}"
        );
    }
    assert_eq!(shop.scan("nowhere", &code, "gate").await.0, 404);
    assert_eq!(shop.tickets("a", &id).await[0]["status"], "VALID", "nothing changed");
    assert_eq!(shop.scan("a", &code, "gate").await.0, 200);
    shop.close();
}
