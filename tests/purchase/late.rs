//! Money that comes when the time is over: the units went back in time, and the event's policy decides.

use serde_json::{Value, json};

use crate::shop::{PRICE, Shop};
use crate::stripe_stand_in::Fault;

/// A booking of one unit whose payment is under way when its time is over.
async fn lapsed(shop: &Shop, event: &str, customer: &str) -> (String, String, String) {
    let token = format!("pm_card_slow-{customer}");
    let id = shop.buy(event, customer, 1, &token).await;
    let failed = shop.until_status(event, &id, "FAILED").await;
    assert_eq!((&failed["reason"], &failed["refund_status"]), (&json!("expired"), &json!("none")));
    let intents = shop.stripe.intents();
    let intent = intents.iter().find(|intent| intent.token == token).expect("it was made");
    (id, token, intent.id.clone())
}

fn sale(policy: &str) -> Value {
    json!({"payment_seconds": 1, "late_payment": policy})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_money_takes_the_units_again_if_they_are_free() {
    let mut shop = Shop::open().await;
    shop.hear_webhooks(1);
    shop.event("a", 1, sale("retake")).await;
    let (id, token, intent) = lapsed(&shop, "a", "ann").await;
    assert_eq!(shop.units("a").await, (1, 0, 0), "no unit is kept beyond its time");
    shop.stripe.settle(&intent, true);
    shop.until_status("a", &id, "CONFIRMED").await;
    assert_eq!(shop.units("a").await, (0, 0, 1));
    assert_eq!((shop.stripe.times_charged(&token), shop.stripe.kept(&token)), (1, PRICE));
    assert_eq!(shop.tickets("a", &id).await.len(), 1);
    assert_eq!(shop.letters_to("ann", true).await.len(), 1);
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_money_is_refunded_if_the_units_are_taken_or_the_event_wants_it_so() {
    let mut shop = Shop::open().await;
    shop.hear_webhooks(2);
    shop.event("a", 1, sale("retake")).await;
    shop.event("b", 1, sale("refund")).await;
    let (id, token, intent) = lapsed(&shop, "a", "ann").await;
    let other = shop.buy("a", "bob", 1, "pm_card_visa-bob").await;
    shop.until_status("a", &other, "CONFIRMED").await;
    shop.stripe.settle(&intent, true);
    shop.until_refund("a", &id, "refunded").await;
    assert_eq!(shop.booking("a", &id).await["status"], "FAILED");
    assert_eq!((shop.stripe.times_refunded(&token), shop.stripe.kept(&token)), (1, 0));
    assert_eq!(shop.units("a").await, (0, 0, 1));

    // Nobody says that it succeeded: the cashier asks until it knows.
    shop.stripe.keep_webhooks();
    let (id, token, intent) = lapsed(&shop, "b", "cyd").await;
    shop.stripe.settle(&intent, true);
    shop.until_refund("b", &id, "refunded").await;
    assert_eq!(shop.booking("b", &id).await["status"], "FAILED");
    assert_eq!((shop.stripe.times_refunded(&token), shop.stripe.kept(&token)), (1, 0));
    assert_eq!(shop.units("b").await, (1, 0, 0));
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_that_passes_while_the_server_is_dead_holds_all_the_same() {
    let mut shop = Shop::open().await;
    shop.event("a", 2, sale("retake")).await;
    let paid = shop.buy("a", "ann", 1, "pm_card_slow-ann").await;
    let unpaid = shop.buy("a", "bob", 1, "pm_card_slow-bob").await;
    for id in [&paid, &unpaid] {
        shop.until("a", id, |booking| booking["payment"]["status"] == "PROCESSING").await;
    }
    shop.server.kill();
    for intent in shop.stripe.intents() {
        shop.stripe.settle(&intent.id, intent.token == "pm_card_slow-ann");
    }
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    shop.reopen();
    // Late by our fault: the money came, and the unit is free.
    shop.until_status("a", &paid, "CONFIRMED").await;
    let failed = shop.until_status("a", &unpaid, "FAILED").await;
    assert!(["expired", "declined"].contains(&failed["reason"].as_str().expect("a reason")));
    shop.until("a", &unpaid, |booking| booking["payment"]["status"] == "FAILED").await;
    assert_eq!(shop.stripe.kept("pm_card_slow-ann"), PRICE);
    assert_eq!(shop.units("a").await, (1, 0, 1));
    assert_eq!(shop.letters_to("ann", true).await.len(), 1);
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_that_hangs_beyond_its_time_gives_the_units_back_and_is_not_begun_again() {
    let mut shop = Shop::open().await;
    shop.event("a", 5, sale("retake")).await;
    let hangs = [Fault::HangBefore; 50];
    shop.stripe.script_card("pm_card_visa-hang", hangs);
    // Stripe gives a failure that it has stored again for as long as it knows the key.
    shop.stripe.script_card("pm_card_visa-stored", [Fault::Status(500)]);
    let hanging = shop.buy("a", "ann", 2, "pm_card_visa-hang").await;
    let stored = shop.buy("a", "bob", 2, "pm_card_visa-stored").await;
    for id in [&hanging, &stored] {
        assert_eq!(shop.until_status("a", id, "FAILED").await["reason"], "expired");
    }
    assert_eq!(shop.units("a").await, (5, 0, 0));
    // Long enough for a try that was under way to end, and for several that must not come.
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    for token in ["pm_card_visa-hang", "pm_card_visa-stored"] {
        assert_eq!(shop.stripe.times_charged(token), 0, "{token}");
    }
    assert_eq!(shop.units("a").await, (5, 0, 0));
    shop.close();
}
