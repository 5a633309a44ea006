//! Whatever becomes of an answer of the provider, a card is charged once, or the units go back.

use std::time::Duration;

use serde_json::json;

use crate::shop::{PRICE, Shop};
use crate::stripe_stand_in::Fault;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_is_charged_once_whatever_becomes_of_the_answer() {
    // Stripe's search may find what was made at once, or an hour later; see both.
    for is_blind in [false, true] {
        charge_all(is_blind).await;
    }
}

async fn charge_all(is_blind: bool) {
    use Fault::{
        BadGateway, CutAfter, GarbageAfter, HangAfter, HangBefore, Slow, Status, StoredErrorAfter,
    };
    let mut shop = Shop::open().await;
    shop.stripe.blind_search(is_blind);
    shop.event("a", 100, json!({})).await;
    let cases: &[(&str, &[Fault])] = &[
        ("hang-before", &[HangBefore]),
        ("hang-before-twice", &[HangBefore, HangBefore]),
        ("hang-after", &[HangAfter]),
        ("cut-after", &[CutAfter]),
        ("garbage", &[GarbageAfter]),
        ("bad-gateway", &[BadGateway]),
        ("unavailable", &[Status(503), BadGateway]),
        ("slow", &[Slow(Duration::from_millis(150))]),
        ("too-slow", &[Slow(Duration::from_millis(800))]),
    ];
    // Only looking it up tells how this one ended.
    let stored: &[(&str, &[Fault])] = &[("stored", &[StoredErrorAfter])];
    let cases: Vec<_> = cases.iter().chain(stored.iter().filter(|_| !is_blind)).collect();
    let mut ids = Vec::new();
    for (name, faults) in &cases {
        let token = format!("pm_card_visa-{name}");
        shop.stripe.script_card(&token, faults.iter().copied());
        ids.push((shop.buy("a", name, 2, &token).await, name, token));
    }
    for (id, name, token) in &ids {
        shop.until_status("a", id, "CONFIRMED").await;
        assert_eq!(shop.stripe.times_charged(token), 1, "{name}");
        assert_eq!(shop.stripe.kept(token), 2 * PRICE, "{name}");
        assert_eq!(shop.tickets("a", id).await.len(), 2, "{name}");
        assert_eq!(shop.letters_to(name, true).await.len(), 1, "{name}");
    }
    let units = 2 * cases.len() as u64;
    assert_eq!(shop.units("a").await, (100 - units, 0, units));
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declined_card_returns_the_units_and_is_not_asked_again() {
    let mut shop = Shop::open().await;
    shop.event("a", 10, json!({})).await;
    let cards = ["pm_card_chargeDeclined", "tok_chargeDeclined", "pm_card_unknown"];
    for (number, card) in cards.into_iter().enumerate() {
        let (customer, token) = (format!("fan-{number}"), format!("{card}-{number}"));
        let id = shop.buy("a", &customer, 3, &token).await;
        let failed = shop.until_status("a", &id, "FAILED").await;
        assert_eq!(
            (&failed["reason"], &failed["payment"]["status"]),
            (&json!("declined"), &json!("FAILED"))
        );
        assert_eq!(shop.units("a").await, (10, 0, 0));
        assert_eq!(shop.tickets("a", &id).await, [json!(null); 0]);
        assert_eq!(shop.letters_to(&customer, false).await.len(), 1);
    }
    let calls = shop.stripe.calls();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(shop.stripe.calls(), calls, "nothing is owed any more");
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_under_way_ends_by_webhook_or_by_asking_if_that_is_lost() {
    let mut shop = Shop::open().await;
    shop.event("a", 10, json!({})).await;
    for (customer, is_told, succeeds) in [
        ("told", true, true),
        ("lost", false, true),
        ("told-no", true, false),
        ("lost-no", false, false),
    ] {
        if is_told {
            shop.hear_webhooks(2)
        } else {
            shop.stripe.keep_webhooks()
        }
        let token = format!("pm_card_slow-{customer}");
        let id = shop.buy("a", customer, 1, &token).await;
        shop.until("a", &id, |booking| booking["payment"]["status"] == "PROCESSING").await;
        let intents = shop.stripe.intents();
        let intent = intents.iter().find(|intent| intent.token == token).expect("it was made");
        shop.stripe.settle(&intent.id, succeeds);
        let end = if succeeds { "CONFIRMED" } else { "FAILED" };
        shop.until_status("a", &id, end).await;
        assert_eq!(shop.stripe.times_charged(&token), usize::from(succeeds), "{customer}");
    }
    assert_eq!(shop.units("a").await, (8, 0, 2));
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_tried_until_it_is_made_and_made_once() {
    let mut shop = Shop::open().await;
    shop.event("a", 10, json!({})).await;
    for fault in [Fault::HangBefore, Fault::HangAfter, Fault::GarbageAfter, Fault::BadGateway] {
        let name = format!("{fault:?}");
        let token = format!("pm_card_visa-{name}");
        let id = shop.buy("a", &name, 1, &token).await;
        shop.until_status("a", &id, "CONFIRMED").await;
        shop.stripe.script([fault]);
        assert_eq!(shop.cancel("a", &id).await.0, 202);
        shop.until_refund("a", &id, "refunded").await;
        assert_eq!(
            (shop.stripe.times_refunded(&token), shop.stripe.kept(&token)),
            (1, 0),
            "{name}"
        );
    }
    assert_eq!(shop.units("a").await, (10, 0, 0));
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_away_costs_no_booking() {
    let mut shop = Shop::open().await;
    shop.event("a", 100, json!({})).await;
    // More faults in a row than the circuit breaker takes.
    shop.stripe.script([Fault::BadGateway; 25]);
    let mut ids = Vec::new();
    for number in 0..8 {
        let token = format!("pm_card_visa-{number}");
        ids.push((shop.buy("a", &format!("fan-{number}"), 1, &token).await, token));
    }
    for (id, token) in &ids {
        shop.until_status("a", id, "CONFIRMED").await;
        assert_eq!(shop.stripe.times_charged(token), 1);
    }
    shop.close();
}
