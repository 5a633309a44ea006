//! One purchase from the reservation to the door, and one that is given back.

use serde_json::json;

use crate::shop::{PRICE, Shop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_bought_comes_by_mail_and_opens_the_door_once() {
    let mut shop = Shop::open().await;
    shop.event("a", 10, json!({})).await;
    let id = shop.buy("a", "ann", 3, "pm_card_visa-ann").await;
    let booking = shop.until_status("a", &id, "CONFIRMED").await;
    assert_eq!(booking["payment"]["status"], "SUCCEEDED");
    assert_eq!(booking["total"], json!({"amount": 3 * PRICE, "currency": "EUR"}));
    assert_eq!(shop.units("a").await, (7, 0, 3));
    assert_eq!(shop.stripe.times_charged("pm_card_visa-ann"), 1);
    assert_eq!(shop.stripe.kept("pm_card_visa-ann"), 3 * PRICE);

    let tickets = shop.tickets("a", &id).await;
    assert_eq!(tickets.len(), 3, "one for each unit");
    assert!(tickets.iter().all(|ticket| ticket["status"] == "VALID"), "{tickets:?}");
    assert_eq!(shop.letters_to("ann", true).await.len(), 1);
    papers(&shop, &id, tickets[0]["id"].as_str().expect("an id")).await;

    let code = tickets[0]["code"].as_str().expect("a code");
    let (status, first) = shop.scan("a", code, "gate-1").await;
    assert_eq!((status, &first["status"]), (200, &json!("REDEEMED")), "{first}");
    assert_eq!(shop.scan("a", code, "gate-1").await, (200, first.clone()), "a scanner's repeat");
    let (status, second) = shop.scan("a", code, "gate-2").await;
    assert_eq!((status, &second["code"]), (409, &json!("already_redeemed")));
    assert_eq!(second["redeemed_at"], first["redeemed_at"]);
    assert_eq!(shop.tickets("a", &id).await[0]["status"], "REDEEMED");
    let (status, late) = shop.cancel("a", &id).await;
    assert_eq!((status, &late["code"]), (409, &json!("invalid_state")), "somebody is inside");
    assert_eq!(shop.stripe.times_refunded("pm_card_visa-ann"), 0);

    shop.server.kill();
    shop.reopen();
    let (status, third) = shop.scan("a", code, "gate-3").await;
    assert_eq!((status, &third["redeemed_at"]), (409, &first["redeemed_at"]), "after a restart");
    assert_eq!(shop.scan("a", code, "gate-1").await, (200, first), "a repeat, after a restart");
    let code = tickets[1]["code"].as_str().expect("a code");
    assert_eq!(shop.scan("a", code, "gate-1").await.0, 200, "the keys are the same");
    shop.close();
}

async fn papers(shop: &Shop, id: &str, ticket: &str) {
    let (status, media, svg) = shop.fetch(&format!("/v1/events/a/tickets/{ticket}/qr.svg")).await;
    assert_eq!((status, media.as_str()), (200, "image/svg+xml"));
    assert!(String::from_utf8_lossy(&svg).contains("<svg"), "a picture");
    let (status, media, pdf) = shop.fetch(&format!("/v1/events/a/bookings/{id}/tickets.pdf")).await;
    assert_eq!((status, media.as_str()), (200, "application/pdf"));
    assert!(pdf.starts_with(b"%PDF"), "a document");
    let (status, keys) = shop.server.get("/v1/events/a/keys").await;
    assert_eq!(status, 200);
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")), "{keys}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_back_is_refunded_returns_to_stock_and_opens_no_door() {
    let mut shop = Shop::open().await;
    shop.event("a", 2, json!({})).await;
    let id = shop.buy("a", "bob", 2, "pm_card_visa-bob").await;
    shop.until_status("a", &id, "CONFIRMED").await;
    let codes = shop.tickets("a", &id).await;
    let (status, cancelled) = shop.cancel("a", &id).await;
    assert_eq!((status, &cancelled["status"]), (202, &json!("CANCELLED")));
    assert_eq!(cancelled["refund_status"], "pending", "{cancelled}");
    assert_eq!(shop.units("a").await, (2, 0, 0), "in the step that cancels");
    shop.until_refund("a", &id, "refunded").await;
    let (status, again) = shop.cancel("a", &id).await;
    assert_eq!((status, &again["status"]), (202, &json!("CANCELLED")), "a repeat");
    assert_eq!(shop.stripe.times_charged("pm_card_visa-bob"), 1);
    assert_eq!(shop.stripe.times_refunded("pm_card_visa-bob"), 1);
    assert_eq!(shop.stripe.kept("pm_card_visa-bob"), 0);

    let tickets = shop.tickets("a", &id).await;
    assert_eq!(tickets.len(), 2);
    assert!(tickets.iter().all(|ticket| ticket["status"] == "REVOKED"), "{tickets:?}");
    let code = codes[1]["code"].as_str().expect("a code");
    let (status, refused) = shop.scan("a", code, "gate-1").await;
    assert_eq!((status, &refused["code"]), (409, &json!("ticket_revoked")));
    let ticket = codes[1]["id"].as_str().expect("an id");
    for path in [format!("tickets/{ticket}/qr.svg"), format!("bookings/{id}/tickets.pdf")] {
        assert_eq!(shop.fetch(&format!("/v1/events/a/{path}")).await.0, 409, "{path}");
    }
    // The units are worth buying again.
    let next = shop.buy("a", "cyd", 2, "pm_card_visa-cyd").await;
    shop.until_status("a", &next, "CONFIRMED").await;
    assert_eq!(shop.letters_to("cyd", true).await.len(), 1);
    assert_eq!(shop.letters_to("bob", false).await.len(), 1, "that it was cancelled");
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_cancelled_before_it_is_paid_is_refunded_if_it_was_paid_after_all() {
    let mut shop = Shop::open().await;
    shop.event("a", 1, json!({})).await;
    let id = shop.buy("a", "dan", 1, "pm_card_slow-dan").await;
    shop.until("a", &id, |booking| booking["payment"]["status"] == "PROCESSING").await;
    let (status, cancelled) = shop.cancel("a", &id).await;
    assert_eq!((status, &cancelled["status"]), (202, &json!("FAILED")));
    assert_eq!(cancelled["reason"], "cancelled");
    assert_eq!(shop.units("a").await, (1, 0, 0));
    let intent = shop.stripe.intents()[0].id.clone();
    shop.stripe.settle(&intent, true);
    shop.until_refund("a", &id, "refunded").await;
    assert_eq!(shop.booking("a", &id).await["status"], "FAILED");
    assert_eq!(shop.stripe.kept("pm_card_slow-dan"), 0);
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_costs_nothing_is_confirmed_without_the_provider() {
    let mut shop = Shop::open().await;
    let body = json!({"id": "free", "name": "Free", "pools": [
        {"id": "standing", "capacity": 5, "price": {"amount": 0, "currency": "EUR"}}]});
    assert_eq!(shop.post("/v1/events", body).await.0, 201);
    let id = shop.buy("free", "eve", 2, "pm_card_visa-eve").await;
    shop.until_status("free", &id, "CONFIRMED").await;
    assert_eq!(shop.tickets("free", &id).await.len(), 2);
    assert_eq!(shop.cancel("free", &id).await.0, 202);
    shop.until_refund("free", &id, "refunded").await;
    assert_eq!(shop.units("free").await, (5, 0, 0));
    assert_eq!(shop.stripe.calls(), 0);
    shop.close();
}
