//! Two customers, each asking for what is the other's: they hear what they would hear if there were nothing.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{Answer, World, answer, booking, one_unit};

struct Fan {
    name: &'static str,
    token: String,
    held: String,
    booked: String,
    place: String,
}

async fn fan(world: &World, name: &'static str) -> Fan {
    let token = world.issuer.token(name);
    Fan {
        name,
        held: world.reservation_of(&token).await,
        booked: world.booking_of(&token).await,
        place: world.place_of(&token).await,
        token,
    }
}

async fn two_fans() -> (World, [Fan; 2]) {
    let world = World::start().await;
    let fans = [fan(&world, "alice-7").await, fan(&world, "bob-8").await];
    (world, fans)
}

/// Each route that tells of, or changes, what one customer has; with the id of it, and its body.
fn routes(held: &str, booked: &str) -> Vec<(Method, String, Option<Value>)> {
    let path = |below: String| format!("/v1/events/own/{below}");
    let get = |below: String| (Method::GET, path(below), None);
    let mut routes: Vec<_> = ["", "/stream", "/tickets", "/tickets.pdf"]
        .map(|end| get(format!("bookings/{booked}{end}")))
        .into();
    routes.push(get(format!("bookings/{held}")));
    routes.push(get(format!("reservations/{held}")));
    routes.push(get(format!("reservations/{booked}")));
    routes.push(get(format!("tickets/{booked}-1/qr.svg")));
    routes.push((Method::DELETE, path(format!("reservations/{held}")), None));
    routes.push((Method::DELETE, path(format!("reservations/{booked}")), None));
    routes.push((Method::POST, path(format!("bookings/{booked}/cancel")), None));
    routes.push((Method::POST, path("bookings".into()), Some(booking(held))));
    routes.push((Method::POST, path("bookings".into()), Some(booking(booked))));
    routes
}

const NOBODYS: &str = "0000000000ffffff00000001";

async fn place(world: &World, method: Method, end: &str, token: &str, place: &str) -> Answer {
    let path = format!("/v1/events/line/waiting-room/places/me{end}");
    answer(world.request(method, &path, token).header("Onsale-Place", place)).await
}

#[tokio::test]
async fn what_is_anothers_is_like_what_is_not() {
    let (world, fans) = two_fans().await;
    for (asks, owns) in [(&fans[0], &fans[1]), (&fans[1], &fans[0])] {
        let (theirs, nothing) = (routes(&owns.held, &owns.booked), routes(NOBODYS, NOBODYS));
        for ((method, path, body), (_, nowhere, no_body)) in theirs.into_iter().zip(nothing) {
            let found = world.ask(method.clone(), &path, &asks.token, body).await;
            let none = world.ask(method.clone(), &nowhere, &asks.token, no_body).await;
            assert_eq!(found, none, "{method} {path}");
            assert_eq!(found.status, 404, "{method} {path}");
            assert!(!found.text.contains(owns.name), "{method} {path}: {}", found.text);
        }
        for (method, end) in [
            (Method::GET, ""),
            (Method::GET, "/stream"),
            (Method::GET, "/pass"),
            (Method::GET, "/proof"),
            (Method::DELETE, ""),
        ] {
            let found = place(&world, method.clone(), end, &asks.token, &owns.place).await;
            let none = place(&world, method.clone(), end, &asks.token, "no-place").await;
            assert_eq!((found.status, &found), (404, &none), "{method} {end}");
        }
        let log = world.get("/v1/events/own/log", &asks.token).await;
        assert_eq!(log.status, 403, "{log:?}");
        let places = "/v1/events/line/waiting-room/places";
        let join = Some(json!({"customer": owns.name}));
        let joined = world.ask(Method::POST, places, &asks.token, join).await;
        assert_eq!(joined.status, 403, "{joined:?}");
        let mut named = one_unit();
        named["customer"] = json!(owns.name);
        let reserved = world.reserve(&asks.token, named).await;
        assert_eq!(reserved.status, 403, "{reserved:?}");
    }
    for fan in &fans {
        let held =
            world.get(&format!("/v1/events/own/reservations/{}", fan.held), &fan.token).await;
        assert_eq!((held.status, &held.body["status"]), (200, &json!("HELD")), "{held:?}");
        assert_eq!(held.body["customer"], fan.name);
        let booked =
            world.get(&format!("/v1/events/own/bookings/{}", fan.booked), &fan.token).await;
        assert_eq!((booked.status, &booked.body["status"]), (200, &json!("CONFIRMED")));
        let own = place(&world, Method::GET, "", &fan.token, &fan.place).await;
        // Both are only told to whoever holds the place.
        assert!(matches!(own.status, 200 | 429), "{own:?}");
        // The shop of the event sees what is its customers'; the other organizer's does not.
        let path = format!("/v1/events/own/bookings/{}", fan.booked);
        assert_eq!(world.get(&path, &world.acme.service).await.status, 200);
        assert_eq!(world.get(&path, &world.other.service).await.status, 404);
    }
}

#[tokio::test]
async fn what_is_anothers_takes_no_longer_than_what_is_not() {
    let (world, fans) = two_fans().await;
    let theirs = format!("/v1/events/own/bookings/{}", fans[1].booked);
    let nothing = format!("/v1/events/own/bookings/{NOBODYS}");
    let mut took: [Vec<Duration>; 2] = [Vec::new(), Vec::new()];
    // In turns, so that a busy machine is busy for both.
    for turn in 0..1_200 {
        let path = [&theirs, &nothing][turn % 2];
        let started = Instant::now();
        let answer = world.get(path, &fans[0].token).await;
        took[turn % 2].push(started.elapsed());
        assert_eq!(answer.status, 404);
    }
    let [theirs, nothing] = took.map(|mut took| {
        took.sort_unstable();
        took[took.len() / 2].as_secs_f64() * 1e6
    });
    let apart = (theirs - nothing).abs() / theirs.max(nothing);
    assert!(
        apart < 0.25,
        "medians: {theirs:.0} us of what is another's, {nothing:.0} us of nothing"
    );
}

#[tokio::test]
async fn the_same_idempotency_key_of_two_callers_gives_each_their_own_answer() {
    let (world, fans) = two_fans().await;
    let reserve = async |token: &str| {
        let request = world.request(Method::POST, "/v1/events/own/reservations", token);
        answer(request.header("Idempotency-Key", "order-1").json(&one_unit())).await
    };
    let (one, two) = (reserve(&fans[0].token).await, reserve(&fans[1].token).await);
    assert_eq!((one.status, two.status), (201, 201), "{one:?} {two:?}");
    assert_ne!(one.body["id"], two.body["id"]);
    assert_eq!(
        (&one.body["customer"], &two.body["customer"]),
        (&json!("alice-7"), &json!("bob-8"))
    );
    assert_eq!(reserve(&fans[0].token).await.body["id"], one.body["id"]);
    // Events without an id get one that is made of the key.
    let create = async |key: &str| {
        let mut body = crate::world::event("x");
        body.as_object_mut().expect("an object").remove("id");
        let request = world.request(Method::POST, "/v1/events", key);
        answer(request.header("Idempotency-Key", "event-1").json(&body)).await
    };
    let (one, two) = (create(&world.acme.organizer).await, create(&world.other.organizer).await);
    assert_eq!((one.status, two.status), (201, 201), "{one:?} {two:?}");
    assert_ne!(one.body["id"], two.body["id"]);
    assert_eq!(create(&world.acme.organizer).await, one);
}

#[tokio::test]
async fn a_customers_token_is_the_name_at_the_gate() {
    let (world, fans) = two_fans().await;
    let pass = loop {
        let polled = place(&world, Method::GET, "", &fans[0].token, &fans[0].place).await;
        if let Some(pass) = polled.body["pass"]["token"].as_str() {
            break pass.to_owned();
        }
        assert!(matches!(polled.status, 200 | 429), "{polled:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let reserve = async |token: &str| {
        let request = world.request(Method::POST, "/v1/events/line/reservations", token);
        answer(request.header("Onsale-Pass", &pass).json(&one_unit())).await
    };
    let stolen = reserve(&fans[1].token).await;
    assert_eq!((stolen.status, &stolen.body["code"]), (403, &json!("not_admitted")), "{stolen:?}");
    let own = reserve(&fans[0].token).await;
    assert_eq!((own.status, &own.body["customer"]), (201, &json!("alice-7")), "{own:?}");
}
