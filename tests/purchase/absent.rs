//! Services that cannot be reached at all: nothing is lost, no unit is stuck, and it goes on when they are
//! back.

use serde_json::json;

use crate::shop::Shop;

/// Nobody listens there: discard is a privileged port, and not in use.
const NOWHERE: &str = "http://127.0.0.1:9";

const NO_PROVIDER: (&str, &str) = ("ONSALE__PAYMENT__BASE_URL", NOWHERE);
const NO_MAIL: [(&str, &str); 4] = [
    ("ONSALE__MAIL__MODE", "smtp"),
    ("ONSALE__MAIL__HOST", "127.0.0.1"),
    ("ONSALE__MAIL__PORT", "9"),
    ("ONSALE__MAIL__SECURITY", "none"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_is_not_there_costs_time_only_and_no_unit_beyond_its_time() {
    let mut shop = Shop::open_with(&[NO_PROVIDER]).await;
    shop.event("a", 5, json!({})).await;
    shop.event("short", 5, json!({"payment_seconds": 1})).await;
    let waiting = shop.buy("a", "ann", 2, "pm_card_visa-ann").await;
    let lapsing = shop.buy("short", "bob", 2, "pm_card_visa-bob").await;
    assert_eq!(shop.until_status("short", &lapsing, "FAILED").await["reason"], "expired");
    assert_eq!(shop.units("short").await, (5, 0, 0));
    assert_eq!(shop.booking("a", &waiting).await["status"], "PENDING_PAYMENT");
    assert_eq!(shop.units("a").await, (3, 2, 0));
    shop.server.kill();
    shop.reopen();
    shop.until_status("a", &waiting, "CONFIRMED").await;
    assert_eq!(shop.stripe.times_charged("pm_card_visa-ann"), 1);
    assert_eq!(shop.stripe.times_charged("pm_card_visa-bob"), 0, "its time was over");
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_server_that_is_not_there_holds_up_no_purchase_and_no_mail_is_lost() {
    let mut shop = Shop::open_with(&NO_MAIL).await;
    shop.event("a", 5, json!({})).await;
    let id = shop.buy("a", "ann", 2, "pm_card_visa-ann").await;
    shop.until_status("a", &id, "CONFIRMED").await;
    assert_eq!(shop.tickets("a", &id).await.len(), 2);
    shop.server.kill();
    shop.reopen();
    assert_eq!(shop.letters_to("ann", true).await.len(), 1);
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_owed_is_owed_still_when_it_was_folded_into_a_checkpoint() {
    let mut shop = Shop::open_with(&NO_MAIL).await;
    shop.event("a", 10, json!({})).await;
    shop.event("filler", 1_000, json!({})).await;
    let mailed = shop.buy("a", "ann", 1, "pm_card_visa-ann").await;
    let returned = shop.buy("a", "bob", 1, "pm_card_visa-bob").await;
    shop.until_status("a", &mailed, "CONFIRMED").await;
    shop.until_status("a", &returned, "CONFIRMED").await;
    shop.server.kill();
    let neither: Vec<_> = NO_MAIL.into_iter().chain([NO_PROVIDER]).collect();
    shop.reopen_with(&neither);
    assert_eq!(shop.cancel("a", &returned).await.0, 202);
    let charged = shop.buy("a", "cyd", 1, "pm_card_visa-cyd").await;
    shop.fill("filler", "first").await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    shop.server.kill();
    let found = shop.verify();
    assert!(!found.contains("checkpoint    none"), "nothing was folded: {found}");
    shop.reopen();
    shop.until_status("a", &charged, "CONFIRMED").await;
    shop.until_refund("a", &returned, "refunded").await;
    assert_eq!(shop.stripe.times_charged("pm_card_visa-cyd"), 1);
    assert_eq!(shop.stripe.kept("pm_card_visa-bob"), 0);
    assert_eq!(shop.units("a").await, (8, 0, 2));
    assert_eq!(shop.letters_to("ann", true).await.len(), 1);
    assert_eq!(shop.letters_to("cyd", true).await.len(), 1);
    assert_eq!(shop.letters_to("bob", false).await.len(), 1);
    shop.close();
}
