//! What the provider comes to say by itself: believed with its signature only, and harmless whenever and
//! however often it comes.

use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::shop::{Shop, now_s};
use crate::stripe_stand_in::{Webhook, sign};

impl Shop {
    async fn tell(&self, signature: Option<&str>, body: &str) -> (u16, Value) {
        let url = format!("{}/v1/payments/webhook", self.server.url);
        let mut request = self.server.client.post(url).header(CONTENT_TYPE, "application/json");
        if let Some(signature) = signature {
            request = request.header("Stripe-Signature", signature);
        }
        let answer = request.body(body.to_owned()).send().await.expect("an answer");
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.expect("a body");
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    async fn tell_all<'a>(&self, webhooks: impl IntoIterator<Item = &'a Webhook>) {
        for webhook in webhooks {
            let (status, heard) = self.tell(Some(&webhook.signature), &webhook.body).await;
            assert_eq!((status, &heard["result"]), (200, &json!("noted")), "{}", webhook.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn webhooks_in_any_order_and_number_change_nothing_that_is_final() {
    let mut shop = Shop::open().await;
    shop.event("a", 10, json!({})).await;
    let kept = shop.buy("a", "ann", 1, "pm_card_visa-ann").await;
    let returned = shop.buy("a", "bob", 1, "pm_card_visa-bob").await;
    let slow = shop.buy("a", "cyd", 1, "pm_card_slow-cyd").await;
    let declined = shop.buy("a", "dan", 1, "pm_card_chargeDeclined-dan").await;
    shop.until_status("a", &kept, "CONFIRMED").await;
    shop.until_status("a", &returned, "CONFIRMED").await;
    shop.until_status("a", &declined, "FAILED").await;
    assert_eq!(shop.cancel("a", &returned).await.0, 202);
    shop.until_refund("a", &returned, "refunded").await;
    shop.until("a", &slow, |booking| booking["payment"]["status"] == "PROCESSING").await;
    let intents = shop.stripe.intents();
    let intent = intents.iter().find(|intent| intent.status == "processing").expect("the slow one");
    shop.stripe.settle(&intent.id, true);
    // Newest first, so "succeeded" comes before "processing", and each twice.
    let mut webhooks = shop.stripe.webhooks(now_s());
    webhooks.reverse();
    let refunds = |webhook: &&Webhook| webhook.body.contains("charge.refunded");
    assert_eq!(webhooks.iter().filter(refunds).count(), 1);
    webhooks.retain(|webhook| !refunds(&webhook));
    for _ in 0..2 {
        shop.tell_all(&webhooks).await;
    }
    webhooks.reverse();
    shop.tell_all(&webhooks).await;
    for (id, status) in [
        (&kept, "CONFIRMED"),
        (&returned, "CANCELLED"),
        (&slow, "CONFIRMED"),
        (&declined, "FAILED"),
    ] {
        assert_eq!(shop.booking("a", id).await["status"], status);
    }
    assert_eq!(shop.booking("a", &returned).await["refund_status"], "refunded");
    assert_eq!(shop.units("a").await, (8, 0, 2));
    assert_eq!(shop.letters_to("cyd", true).await.len(), 1, "one mail for one confirmation");
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_is_forged_stale_or_unsigned_is_not_believed() {
    let mut shop = Shop::open().await;
    shop.event("a", 1, json!({})).await;
    let id = shop.buy("a", "ann", 1, "pm_card_slow-ann").await;
    shop.until("a", &id, |booking| booking["payment"]["status"] == "PROCESSING").await;
    let object = json!({"id": "pi_1", "object": "payment_intent", "amount": 4_500, "currency": "eur",
        "status": "succeeded", "metadata": {"event": "a", "booking": id, "attempt": "1"}});
    let event = json!({"id": "evt_x", "object": "event", "type": "payment_intent.succeeded",
        "api_version": "2025-03-31.basil", "livemode": false, "data": {"object": object}});
    let (fresh, stale, early) =
        (sign(&event, now_s()), sign(&event, now_s() - 3_600), sign(&event, now_s() + 3_600));
    let (head, tag) = fresh.signature.split_once("v1=").expect("a signature");
    let flipped = format!("{head}v1={}{}", if tag.starts_with('0') { '1' } else { '0' }, &tag[1..]);
    let other_body = fresh.body.replace("4500", "4501");
    let cases = [
        (None, fresh.body.as_str()),
        (Some(""), &fresh.body),
        (Some("nonsense"), &fresh.body),
        (Some(flipped.as_str()), &fresh.body),
        (Some(&fresh.signature), &other_body),
        (Some(&fresh.signature), ""),
        (Some(&stale.signature), &stale.body),
        (Some(&early.signature), &early.body),
    ];
    for (signature, body) in cases {
        let (status, answer) = shop.tell(signature, body).await;
        assert_eq!(
            (status, &answer["code"]),
            (401, &json!("bad_signature")),
            "{signature:?} {body}"
        );
    }
    assert_eq!(shop.booking("a", &id).await["payment"]["status"], "PROCESSING");
    let (status, heard) = shop.tell(Some(&fresh.signature), &fresh.body).await;
    assert_eq!((status, &heard["result"]), (200, &json!("noted")), "the same, rightly signed");
    assert_eq!(shop.booking("a", &id).await["status"], "CONFIRMED");
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_of_something_else_is_acknowledged_and_one_that_is_no_event_refused() {
    let mut shop = Shop::open().await;
    shop.event("a", 5, json!({})).await;
    let held = shop.hold("a", "ann", 1).await;
    let about = |event: &str, booking: &str| {
        json!({"id": "evt_1", "object": "event", "type": "payment_intent.succeeded",
            "api_version": "2025-03-31.basil", "livemode": false, "data": {"object": {
            "id": "pi_9", "object": "payment_intent", "amount": 4_500, "currency": "eur",
            "status": "succeeded",
            "metadata": {"event": event, "booking": booking, "attempt": "1"}}}})
    };
    let other = json!({"id": "evt_2", "object": "event", "type": "customer.created",
        "api_version": "2025-03-31.basil", "livemode": false, "data": {"object": {"id": "cus_1"}}});
    for (event, result) in [
        (about("nowhere", &held), "unknown_booking"),
        (about("a", "not-an-id"), "unknown_booking"),
        (about("a", &held), "unknown_booking"),
        (other, "ignored"),
    ] {
        let webhook = sign(&event, now_s());
        let (status, heard) = shop.tell(Some(&webhook.signature), &webhook.body).await;
        assert_eq!((status, &heard["result"]), (200, &json!(result)), "{event}");
    }
    for garbage in [json!([1, 2]), json!({"id": "evt_3"}), json!("text")] {
        let webhook = sign(&garbage, now_s());
        let (status, answer) = shop.tell(Some(&webhook.signature), &webhook.body).await;
        assert_eq!((status, &answer["code"]), (400, &json!("invalid_request")), "{garbage}");
    }
    assert_eq!(shop.units("a").await, (4, 1, 0));
    shop.close();
}
