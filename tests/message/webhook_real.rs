//! Webhooks to a receiver that `tests/webhooks.sh` starts, which checks them with the official library.

use bytes::Bytes;
use onsale::clock::{Clock, SystemClock};
use onsale::domain::time::UnixMillis;
use onsale::providers::webhook::{
    HttpWebhooks, Reach, SigningSecret, Webhook, WebhookChannel, WebhookOptions,
};

use crate::ending;

fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name}: run tests/webhooks.sh"))
}

/// One try, signed with these secrets at this time.
async fn send(id: &str, secrets: Vec<SigningSecret>, now: UnixMillis) -> &'static str {
    let allowed = vec!["127.0.0.0/8".parse().expect("a network")];
    let reach = Reach { allow_http: true, allow_private: false, allowed };
    let options = WebhookOptions { reach, ..WebhookOptions::default() };
    let body = Bytes::from(r#"{"type":"booking.confirmed","data":{"name":"Жанна 🎫"}}"#);
    let url = told("ONSALE_TEST_WEBHOOK_URL");
    let webhook = Webhook { id: id.to_owned(), url, secrets, body, trace: None };
    let result = HttpWebhooks::new(options).expect("good options").send(&webhook, now).await;
    println!("{id}: {result:?}");
    ending(&result)
}

#[tokio::test]
#[ignore = "needs the receiver that tests/webhooks.sh starts"]
async fn the_official_library_takes_what_we_sign_and_refuses_what_is_old_or_foreign() {
    let ours = SigningSecret::parse(&told("ONSALE_TEST_WEBHOOK_SECRET")).unwrap();
    let other = SigningSecret::from_bytes(vec![7; 32]).unwrap();
    let now = SystemClock::start().now();
    assert_eq!(send("msg_plain", vec![ours.clone()], now).await, "delivered");
    assert_eq!(send("msg_rotated", vec![other.clone(), ours.clone()], now).await, "delivered");
    // The receiver answers 400 to what its library refuses.
    assert_eq!(send("msg_foreign", vec![other], now).await, "later");
    let minutes = |count: u64| UnixMillis(now.0 - count * 60_000);
    assert_eq!(send("msg_recent", vec![ours.clone()], minutes(4)).await, "delivered");
    assert_eq!(send("msg_old", vec![ours], minutes(6)).await, "later");
}
