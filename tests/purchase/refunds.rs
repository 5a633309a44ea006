//! Refunds that take their time: what became of them is looked up, and they are made once.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::shop::Shop;

/// For anything that is sure to happen.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_under_way_is_looked_up_and_not_asked_for_again() {
    let mut shop = Shop::open().await;
    shop.event("a", 10, json!({})).await;
    let token = "pm_card_pendingRefund-ann";
    let id = shop.buy("a", "ann", 2, token).await;
    shop.until_status("a", &id, "CONFIRMED").await;
    assert_eq!(shop.cancel("a", &id).await.0, 202);
    shop.until_refund("a", &id, "pending").await;
    // No webhook is heard here: only asking tells. Some time it is under way still.
    let (before, started) = (shop.stripe.calls(), Instant::now());
    while shop.stripe.calls() < before + 4 {
        assert!(started.elapsed() < PATIENCE, "nobody asks how the refund stands");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(shop.booking("a", &id).await["refund_status"], "pending");
    assert_eq!(shop.stripe.posts("/v1/refunds"), 1, "it was asked for again");
    // The next process does not know what was answered before.
    shop.server.kill();
    shop.reopen();
    shop.stripe.settle_refund(token, true);
    shop.until_refund("a", &id, "refunded").await;
    assert_eq!((shop.stripe.times_refunded(token), shop.stripe.kept(token)), (1, 0));
    assert!(shop.stripe.posts("/v1/refunds") <= 2, "once by each process at the most");
    shop.close();
}
