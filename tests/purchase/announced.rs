//! What the organizer's server is told by webhooks, whatever dies or refuses on the way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use reqwest::Method;
use serde_json::json;

use crate::organizer::{Known, Organizer, SECRET};
use crate::shop::Shop;
use crate::support::Server;

/// Newest entry of the event.
async fn newest(shop: &Shop, event: &str) -> u64 {
    let (status, now) = shop.server.get(&format!("/v1/events/{event}/availability")).await;
    assert_eq!(status, 200, "{now}");
    now["version"].as_u64().expect("a number")
}

fn hour() -> serde_json::Value {
    json!({"hold_seconds": 3_600})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_told_and_the_organizer_knows_what_we_know() {
    let organizer = Organizer::start().await;
    let mut shop = Shop::open_with(&organizer.settings()).await;
    shop.hear_webhooks(1);
    shop.event("a", 20, hour()).await;
    shop.event("b", 20, json!({"hold_seconds": 3, "payment_seconds": 1})).await;
    let lapses = shop.hold("b", "nobody", 1).await;
    let never_paid = shop.buy("b", "eve", 1, "pm_card_slow-eve").await;
    let released = shop.hold("a", "ann", 2).await;
    let path = format!("/v1/events/a/reservations/{released}");
    let (status, _) = shop.server.send(Method::DELETE, &path, None, None).await.expect("ok");
    assert_eq!(status, 200);
    let visits = shop.buy("a", "bob", 2, "pm_card_visa-bob").await;
    let cancels = shop.buy("a", "cyd", 1, "pm_card_visa-cyd").await;
    let declined = shop.buy("a", "dan", 1, "pm_card_chargeDeclined-dan").await;
    shop.until_status("a", &visits, "CONFIRMED").await;
    shop.until_status("a", &cancels, "CONFIRMED").await;
    shop.until_status("a", &declined, "FAILED").await;
    // Before it is cancelled: then its tickets are no news any more, and are not sent.
    for customer in ["bob", "cyd"] {
        shop.letters_to(customer, true).await;
    }
    let ticket = shop.tickets("a", &visits).await[0].clone();
    assert_eq!(shop.scan("a", ticket["code"].as_str().expect("a code"), "gate-1").await.0, 200);
    assert_eq!(shop.cancel("a", &cancels).await.0, 202);
    shop.until_refund("a", &cancels, "refunded").await;
    shop.until_status("b", &never_paid, "FAILED").await;
    shop.until_units("b", (20, 0, 0)).await;

    let heard = organizer.hear_all(1, newest(&shop, "a").await).await;
    let states = |all: &[(&String, &'static str)]| {
        all.iter().map(|(id, state)| ((*id).clone(), *state)).collect()
    };
    let expected = Known {
        reservations: states(&[(&released, "RELEASED")]),
        bookings: states(&[(&visits, "CONFIRMED"), (&cancels, "CANCELLED"), (&declined, "FAILED")]),
        redeemed: vec![ticket["id"].as_str().expect("an id").to_owned()],
    };
    assert_eq!(Known::of(&heard), expected, "{heard:#?}");
    let lapsed = organizer.hear_all(2, newest(&shop, "b").await).await;
    let expected = Known {
        reservations: states(&[(&lapses, "EXPIRED")]),
        bookings: states(&[(&never_paid, "FAILED")]),
        redeemed: Vec::new(),
    };
    assert_eq!(Known::of(&lapsed), expected, "{lapsed:#?}");
    let first = &heard[&1];
    assert_eq!((&first["type"], &first["event"]), (&json!("event.created"), &json!("a")));
    assert!(heard.values().all(|body| body["timestamp"] == body["at"]), "{first}");
    assert!(!format!("{heard:?}").contains("example.org"), "no contact is told");
    assert!(!format!("{heard:?}").contains("pm_card"), "no card is told");
    assert_eq!(organizer.complaints(), [""; 0]);
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_while_the_receiver_is_away_is_told_when_it_comes() {
    let mut organizer = Organizer::absent(SECRET).await;
    let mut shop = Shop::open_with(&organizer.settings()).await;
    shop.event("a", 1_000, hour()).await;
    // Enough to fold the journal and to make the receiver count as down.
    for round in 0..2 {
        shop.fill("a", &round.to_string()).await;
    }
    shop.server.kill();
    shop.reopen_with(&organizer.settings());
    organizer.come().await;
    let heard = organizer.hear_all(1, 501).await;
    assert_eq!(Known::of(&heard).reservations.len(), 500);
    assert_eq!(organizer.complaints(), [""; 0]);
    let found = shop.close();
    assert!(!found.contains("checkpoint    none"), "nothing was folded: {found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_entry_that_is_not_taken_holds_up_no_other_and_comes_later() {
    let organizer = Organizer::start().await;
    let refusals = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&refusals);
    organizer.answer(move |id| {
        let is_first = id == "w1-3" && count.fetch_add(1, Ordering::SeqCst) == 0;
        if is_first { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::NO_CONTENT }
    });
    let mut shop = Shop::open_with(&organizer.settings()).await;
    shop.event("a", 10, hour()).await;
    for customer in 0..9 {
        shop.hold("a", &format!("fan-{customer}"), 1).await;
    }
    organizer.until(|organizer| organizer.heard(1).len() == 9).await;
    assert!(!organizer.heard(1).contains_key(&3), "it rests for some seconds");
    organizer.hear_all(1, 10).await;
    assert_eq!(refusals.load(Ordering::SeqCst), 2);
    assert_eq!(organizer.complaints(), [""; 0]);
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_receiver_never_wants_is_seen_by_operators_and_sent_again_by_them() {
    let organizer = Organizer::start().await;
    organizer.answer(|id| if id == "w1-1" { StatusCode::OK } else { StatusCode::GONE });
    let mut shop = Shop::open_with(&organizer.settings()).await;
    shop.event("a", 10, hour()).await;
    for customer in ["ann", "bob"] {
        shop.hold("a", customer, 1).await;
    }
    let list = until_dead(&shop, 2).await;
    let letter = |id: &str| {
        json!({"id": id, "channel": "webhook", "event": "a", "booking": null,
            "kind": "reservation.held", "status": "DEAD", "tries": 1,
            "reason": "answered 410 Gone"})
    };
    assert_eq!(list, json!({"items": [letter("w1-2"), letter("w1-3")], "next_cursor": null}));
    // They go out side by side, so the first may be the last to come.
    organizer.hear_all(1, 1).await;
    let refused = organizer.tries().into_iter().filter(|(_, is_taken)| !is_taken);
    assert_eq!(refused.count(), 2, "410 is for good");
    // The same after a restart, page by page.
    shop.server.terminate();
    shop.server.exit_code();
    shop.reopen_with(&organizer.settings());
    let page = shop.operator(Method::GET, "/v1/dead-letters?limit=1").await;
    assert_eq!(page, (200, json!({"items": [letter("w1-2")], "next_cursor": "w1-2"})));
    let page = shop.operator(Method::GET, "/v1/dead-letters?limit=1&cursor=w1-2").await;
    assert_eq!(page, (200, json!({"items": [letter("w1-3")], "next_cursor": null})));
    organizer.answer(|_| StatusCode::SERVICE_UNAVAILABLE);
    let send = "/v1/dead-letters/w1-3/send";
    let (status, sent) = shop.operator(Method::POST, send).await;
    let now = (&sent["id"], &sent["status"], &sent["tries"], &sent["reason"]);
    assert_eq!((status, now), (202, (&json!("w1-3"), &json!("WAITING"), &json!(0), &json!(null))));
    let (status, refused) = shop.operator(Method::POST, send).await;
    let told = (status, &refused["code"], &refused["state"]);
    assert_eq!(told, (409, &json!("invalid_state"), &json!("WAITING")), "{refused}");
    // The 202 was on the disk.
    shop.server.kill();
    organizer.answer(|_| StatusCode::NO_CONTENT);
    shop.reopen_with(&organizer.settings());
    organizer.until(|organizer| organizer.heard(1).contains_key(&3)).await;
    until_dead(&shop, 1).await;
    for id in ["w1-3", "w1-9", "w9-1", "w1-03", "w"] {
        let path = format!("/v1/dead-letters/{id}/send");
        let (status, answer) = shop.operator(Method::POST, &path).await;
        assert_eq!((status, &answer["code"]), (404, &json!("not_found")), "{id}");
    }
    assert_eq!(until_dead(&shop, 1).await["items"], json!([letter("w1-2")]));
    assert!(!organizer.heard(1).contains_key(&2), "nobody asked for it");
    assert_eq!(organizer.complaints(), [""; 0]);
    shop.close();
}

/// Waits until so many webhooks are given up, and gives the list.
async fn until_dead(shop: &Shop, count: usize) -> serde_json::Value {
    let started = Instant::now();
    loop {
        let (status, list) = shop.operator(Method::GET, "/v1/dead-letters").await;
        assert_eq!(status, 200, "{list}");
        if list["items"].as_array().expect("a list").len() == count {
            return list;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{list}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Reservations, over a server that dies once at `place`.
async fn die_at(place: &str) {
    let organizer = Organizer::start().await;
    let mut settings = organizer.settings();
    settings.push(("ONSALE_CRASH", place));
    let mut shop = Shop::open_with(&settings).await;
    shop.event("a", 1_000, hour()).await;
    for customer in 0.. {
        let name = format!("fan-{customer}");
        if shop.server.reserve("a", &name, &name, 1).await.is_err() {
            break;
        }
        assert!(customer < 500, "{place} was not passed: nothing was tried");
    }
    shop.server.kill();
    shop.reopen_with(&organizer.settings());
    let newest = newest(&shop, "a").await;
    let heard = organizer.hear_all(1, newest).await;
    assert_eq!(Known::of(&heard).reservations.len() as u64, newest - 1, "{place}");
    // A repeat has the id of the first, and says the same.
    assert_eq!(organizer.complaints(), [""; 0], "{place}");
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_death_around_a_webhook_loses_it() {
    for place in [
        "before_announced",
        "before_announced:20",
        "after_announced",
        "after_announced:20",
        "after_announced_noted",
        "after_announced_noted:5",
    ] {
        die_at(place).await;
    }
}

/// While tries are under way others are noted and synced with the journal. A cursor must not pass what
/// nobody has taken yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_while_the_receiver_thinks_loses_what_it_never_answered() {
    let organizer = Organizer::start().await;
    organizer.answer(|_| StatusCode::SERVICE_UNAVAILABLE);
    let mut shop = Shop::open_with(&organizer.settings()).await;
    shop.event("a", 1_000, hour()).await;
    for round in 0..20 {
        shop.hold("a", &format!("fan-{round}"), 1).await;
    }
    organizer.until(|organizer| 5 < organizer.tries().len()).await;
    // Whatever was written before is on the disk with this.
    shop.hold("a", "the last", 1).await;
    shop.server.kill();
    organizer.answer(|_| StatusCode::NO_CONTENT);
    shop.reopen_with(&organizer.settings());
    organizer.hear_all(1, newest(&shop, "a").await).await;
    assert_eq!(organizer.complaints(), [""; 0]);
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_secret_changes_the_old_and_the_new_one_are_good() {
    const NEW: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    for known in [SECRET, NEW] {
        let organizer = Organizer::start_with(known).await;
        let both = format!("{SECRET} {NEW}");
        let mut settings = organizer.settings();
        settings.push(("ONSALE__WEBHOOKS__SECRETS", &both));
        let mut shop = Shop::open_with(&settings).await;
        shop.event("a", 1, hour()).await;
        organizer.hear_all(1, 1).await;
        assert_eq!(organizer.complaints(), [""; 0]);
        shop.close();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_inside_is_reached_by_a_redirect_or_without_leave() {
    let inside = Organizer::start().await;
    let organizer = Organizer::start().await;
    let to = inside.url.clone();
    organizer.answer(move |_| (StatusCode::TEMPORARY_REDIRECT, [("location", to.clone())]));
    let mut shop = Shop::open_with(&organizer.settings()).await;
    shop.event("a", 1, hour()).await;
    organizer.until(|organizer| !organizer.tries().is_empty()).await;
    shop.close();
    assert_eq!(inside.tries(), []);

    let dir = tempfile::tempdir().expect("a directory");
    for (url, reason) in [
        ("https://127.0.0.1:1/", "must not lead to an address that is not public"),
        ("http://example.org/", "must begin with https://"),
        ("https://user:word@example.org/", "must not hold a user name or password"),
    ] {
        let settings = [("ONSALE__WEBHOOKS__URL", url), ("ONSALE__WEBHOOKS__SECRETS", SECRET)];
        let ended = Server::refused(dir.path(), &settings);
        assert_eq!(ended.code, Some(1), "{}", ended.text);
        assert!(ended.text.contains(&format!("[webhooks] url: {reason}")), "{}", ended.text);
    }
    let url = ("ONSALE__WEBHOOKS__URL", "https://example.org/");
    for (setting, reason) in [
        (("ONSALE__WEBHOOKS__SECRETS", "whsec_c2hvcnQ="), "[webhooks] secrets: must be whsec_"),
        (("ONSALE__WEBHOOKS__TYPES", "bookings.*"), "\"bookings.*\" fits no type"),
    ] {
        let settings = [url, ("ONSALE__WEBHOOKS__SECRETS", SECRET), setting];
        let ended = Server::refused(dir.path(), &settings);
        assert_eq!(ended.code, Some(1), "{}", ended.text);
        assert!(ended.text.contains(reason) && !ended.text.contains("c2hvcnQ="), "{}", ended.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_asked_for_is_sent_and_what_was_before_is_no_news() {
    let organizer = Organizer::start().await;
    let mut shop = Shop::open().await;
    shop.event("old", 10, hour()).await;
    shop.hold("old", "ann", 1).await;
    let mut settings = organizer.settings();
    settings.push(("ONSALE__WEBHOOKS__TYPES", "reservation.released booking.*"));
    shop.server.kill();
    shop.reopen_with(&settings);
    shop.event("new", 10, hour()).await;
    let mut told = BTreeSet::new();
    for (number, event) in [(1, "old"), (2, "new")] {
        let id = shop.hold(event, "bob", 1).await;
        let path = format!("/v1/events/{event}/reservations/{id}");
        let answer = shop.server.send(Method::DELETE, &path, None, None).await;
        assert_eq!(answer.expect("an answer").0, 200);
        told.insert(format!("w{number}-{}", newest(&shop, event).await));
    }
    organizer.until(|organizer| organizer.tries().len() == 2).await;
    // Off, and on again: what comes into being meanwhile is told from then on only.
    shop.server.terminate();
    shop.server.exit_code();
    shop.reopen();
    shop.event("meanwhile", 10, hour()).await;
    let before = shop.buy("meanwhile", "cyd", 1, "pm_card_visa-cyd").await;
    shop.until_status("meanwhile", &before, "CONFIRMED").await;
    shop.letters_to("cyd", true).await;
    shop.server.kill();
    shop.reopen_with(&settings);
    assert_eq!(shop.cancel("meanwhile", &before).await.0, 202);
    organizer.until(|organizer| organizer.heard(3).len() == 1).await;
    let heard = organizer.heard(3);
    assert!(heard.values().all(|body| body["type"] == "booking.cancelled"), "{heard:?}");
    let ids: BTreeSet<String> = organizer.tries().into_iter().map(|(id, _)| id).collect();
    told.extend(heard.keys().map(|number| format!("w3-{number}")));
    assert_eq!(ids, told);
    assert_eq!(organizer.complaints(), [""; 0]);
    shop.close();
}
