//! Buyers who left a number are told by short message: once each, whatever becomes of the gateway.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gateway::{Gateway, Manner, TOKEN, order_by};
use crate::shop::Shop;

/// For anything that is sure to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A shop whose short messages go to this gateway.
pub async fn open(gateway: &Gateway, extra: &[(&str, &str)]) -> Shop {
    let settings = settings(gateway);
    let all: Vec<(&str, &str)> = settings.iter().chain(extra).copied().collect();
    Shop::open_with(&all).await
}

pub fn settings(gateway: &Gateway) -> [(&str, &str); 5] {
    [
        ("ONSALE__SMS__MODE", "http"),
        ("ONSALE__SMS__URL", &gateway.url),
        ("ONSALE__SMS__TOKEN", TOKEN),
        ("ONSALE__SMS__FROM", "onsale"),
        ("ONSALE__SMS__TIMEOUT_MS", "400"),
    ]
}

impl Shop {
    /// Reserves and books, leaving this contact; gives the booking's id.
    pub async fn buy_as(&self, customer: &str, token: &str, contact: Value) -> String {
        let reservation = self.hold("a", customer, 2).await;
        let order = order_by(&reservation, token, contact);
        let (status, booked) = self.post("/v1/events/a/bookings", order).await;
        assert_eq!(status, 202, "{booked}");
        reservation
    }

    /// A counter or gauge of messages; 0 if there is none yet.
    pub async fn messages(&self, metric: &str, channel: &str, outcome: &str) -> u64 {
        let page = self.server.client.get(format!("{}/metrics", self.server.admin)).send().await;
        let page = page.expect("an answer").text().await.expect("text");
        let start = format!("{metric}{{channel=\"{channel}\",outcome=\"{outcome}\"}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&start));
        line.map_or(0, |number| number.parse().expect("a number"))
    }

    #[track_caller]
    pub fn until_messages<'a>(
        &'a self,
        metric: &'a str,
        channel: &'a str,
        outcome: &'a str,
        wanted: u64,
    ) -> impl Future<Output = ()> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let started = Instant::now();
            loop {
                let found = self.messages(metric, channel, outcome).await;
                if found == wanted {
                    return;
                }
                let told = format!("{metric} of {channel}, {outcome}: {found} for {wanted}");
                assert!(started.elapsed() < PATIENCE, "{place}: {told}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

pub const TOLD: &str = "onsale_notifications_total";
pub const OUTBOX: &str = "onsale_outbox_depth";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_is_told_by_each_way_that_they_left_and_once() {
    let gateway = Gateway::start().await;
    let mut shop = open(&gateway, &[]).await;
    shop.event("a", 100, json!({})).await;
    let phone = json!({"phone": "+49 (30) 123-001"});
    let only_phone = shop.buy_as("ann", "pm_card_visa-ann", phone).await;
    let both = json!({"phone": "+4930123002", "email": "bob@example.org"});
    let both = shop.buy_as("bob", "pm_card_visa-bob", both).await;
    let declined = json!({"phone": "+4930123003", "email": null});
    let declined = shop.buy_as("cyd", "pm_card_chargeDeclined-cyd", declined).await;
    let told = |id: &str, what: &str| format!("Concert: {what}, booking {id}, 2 tickets.");
    for (number, id, what) in [
        ("+4930123001", &only_phone, "confirmed"),
        ("+4930123002", &both, "confirmed"),
        ("+4930123003", &declined, "payment failed"),
    ] {
        let texts = gateway.until_taken(number, 1).await;
        assert_eq!(
            (texts[0].text.as_str(), texts[0].from.as_str()),
            (told(id, what).as_str(), "onsale")
        );
    }
    assert_eq!(shop.booking("a", &only_phone).await["contact"]["phone"], "+4930123001");
    assert_eq!(shop.letters_to("bob", true).await.len(), 1);
    assert_eq!(shop.cancel("a", &both).await.0, 202);
    let texts = gateway.until_taken("+4930123002", 2).await;
    assert_eq!(texts[1].text, told(&both, "cancelled"));
    assert_ne!(texts[0].id, texts[1].id);
    assert_eq!(shop.letters_to("bob", false).await.len(), 1);
    shop.until_messages(TOLD, "sms", "sent", 4).await;
    shop.until_messages(TOLD, "mail", "sent", 2).await;
    shop.until_messages(OUTBOX, "sms", "waiting", 0).await;
    // Nothing is sent again by the next process.
    shop.server.kill();
    shop.reopen_with(&settings(&gateway));
    let last = shop.buy_as("dan", "pm_card_visa-dan", json!({"phone": "+4930123004"})).await;
    gateway.until_taken("+4930123004", 1).await;
    shop.until_status("a", &last, "CONFIRMED").await;
    let counts = ["1", "2", "3", "4"].map(|n| gateway.calls(&format!("+493012300{n}")).len());
    assert_eq!(counts, [1, 2, 1, 1]);
    assert_eq!(shop.letters().len(), 2, "nobody else left an address");
    assert_eq!(gateway.complaints(), [""; 0]);
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_is_down_gets_the_same_message_later_and_holds_up_nothing() {
    let gateway = Gateway::start().await;
    let mut shop = open(&gateway, &[]).await;
    shop.event("a", 100, json!({})).await;
    gateway.script("+4930123001", &[Manner::Status(503)]);
    gateway.script("+4930123002", &[Manner::HangAfter]);
    for (customer, number) in [("ann", "+4930123001"), ("bob", "+4930123002")] {
        let contact = json!({"phone": number, "email": format!("{customer}@example.org")});
        let id = shop.buy_as(customer, &format!("pm_card_visa-{customer}"), contact).await;
        shop.until_status("a", &id, "CONFIRMED").await;
    }
    shop.until_messages(TOLD, "sms", "failed", 2).await;
    for customer in ["ann", "bob"] {
        assert_eq!(shop.letters_to(customer, true).await.len(), 1, "{customer}");
    }
    shop.until_messages(OUTBOX, "sms", "waiting", 2).await;
    assert_eq!(shop.messages(OUTBOX, "mail", "waiting").await, 0);
    // The gateway took the second one and did not say so: by its id it knows the repeat.
    for (number, taken) in [("+4930123001", 1), ("+4930123002", 2)] {
        gateway.until_taken(number, taken).await;
        let calls = gateway.calls(number);
        assert_eq!(calls.len(), 2, "{calls:?}");
        assert_eq!(calls[0], calls[1], "the same words under the same id");
    }
    shop.until_messages(TOLD, "sms", "sent", 2).await;
    shop.until_messages(OUTBOX, "sms", "waiting", 0).await;
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_that_the_gateway_refuses_is_given_up_and_the_mail_goes_out() {
    let gateway = Gateway::start().await;
    let mut shop = open(&gateway, &[]).await;
    shop.event("a", 100, json!({})).await;
    gateway.script("+4930123001", &[Manner::Status(400)]);
    let contact = json!({"phone": "+4930123001", "email": "ann@example.org"});
    shop.buy_as("ann", "pm_card_visa-ann", contact).await;
    shop.until_messages(TOLD, "sms", "dead", 1).await;
    shop.until_messages(OUTBOX, "sms", "dead", 1).await;
    assert_eq!(shop.letters_to("ann", true).await.len(), 1);
    // Given up for good, over a restart too, and it still counts.
    shop.server.kill();
    shop.reopen_with(&settings(&gateway));
    shop.until_messages(OUTBOX, "sms", "dead", 1).await;
    shop.buy_as("bob", "pm_card_visa-bob", json!({"phone": "+4930123002"})).await;
    gateway.until_taken("+4930123002", 1).await;
    assert_eq!(gateway.calls("+4930123001").len(), 1);
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_way_for_short_messages_they_are_closed_and_not_called_sent() {
    let mut shop = Shop::open().await;
    shop.event("a", 100, json!({})).await;
    shop.buy_as("ann", "pm_card_visa-ann", json!({"phone": "+4930123001"})).await;
    shop.until_messages(TOLD, "sms", "skipped", 1).await;
    shop.until_messages(OUTBOX, "sms", "waiting", 0).await;
    assert_eq!(shop.messages(TOLD, "sms", "sent").await, 0);
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_news_any_more_is_not_called_sent() {
    // The gateway is away while the booking is confirmed, and it is cancelled by the time it is back.
    let gateway = Gateway::start().await;
    let mut shop = open(&gateway, &[]).await;
    shop.event("a", 100, json!({})).await;
    gateway.script("+4930123001", &[Manner::Status(503)]);
    let id = shop.buy_as("ann", "pm_card_visa-ann", json!({"phone": "+4930123001"})).await;
    shop.until_messages(TOLD, "sms", "failed", 1).await;
    assert_eq!(shop.cancel("a", &id).await.0, 202);
    shop.until_messages(TOLD, "sms", "skipped", 1).await;
    let texts = gateway.taken("+4930123001");
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].text.contains("cancelled"), "{texts:?}");
    assert_eq!(shop.messages(TOLD, "sms", "sent").await, 1);
    shop.close();
}

/// One death around the sending of a short message; gives how often it came under how many ids.
async fn die_at(place: &str) -> (usize, usize) {
    let gateway = Gateway::start().await;
    let mut shop = open(&gateway, &[("ONSALE_CRASH", place)]).await;
    shop.event("a", 100, json!({})).await;
    let id = shop.buy_as("ann", "pm_card_visa-ann", json!({"phone": "+4930123001"})).await;
    let started = Instant::now();
    while !shop.server.has_ended() {
        assert!(started.elapsed() < PATIENCE, "{place} was not passed: nothing was tried");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    shop.reopen_with(&settings(&gateway));
    shop.until_status("a", &id, "CONFIRMED").await;
    gateway.until_taken("+4930123001", 1).await;
    shop.until_messages(OUTBOX, "sms", "waiting", 0).await;
    // Whoever comes later is told after everything that was owed before.
    shop.buy_as("bob", "pm_card_visa-bob", json!({"phone": "+4930123002"})).await;
    gateway.until_taken("+4930123002", 1).await;
    let calls = gateway.calls("+4930123001");
    let ids: std::collections::BTreeSet<&str> = calls.iter().map(|c| c.id.as_str()).collect();
    let counts = (calls.len(), ids.len());
    shop.close();
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_death_around_a_short_message_loses_it_and_a_repeat_has_its_id() {
    assert_eq!(die_at("before_sms").await, (1, 1));
    assert_eq!(die_at("after_sms").await, (2, 1), "sent, not noted, so sent again");
    let noted = die_at("after_sms_noted").await;
    assert!(noted == (1, 1), "{noted:?}");
}
