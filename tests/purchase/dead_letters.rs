//! Messages that were given up are seen by operators, over all events, and sent again by them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::gateway::{Gateway, Manner};
use crate::shop::Shop;
use crate::short_messages::{OUTBOX, TOLD, open, settings};
use crate::smtp_script::{Act, Server as MailServer};

impl Shop {
    async fn dead_letters(&self, query: &str) -> Value {
        let (status, list) = self.operator(Method::GET, &format!("/v1/dead-letters{query}")).await;
        assert_eq!(status, 200, "{list}");
        list
    }

    async fn send_again(&self, id: &str) -> (u16, Value) {
        self.operator(Method::POST, &format!("/v1/dead-letters/{id}/send")).await
    }
}

fn ids(list: &Value) -> Vec<String> {
    let items = list["items"].as_array().expect("a list");
    items.iter().map(|letter| letter["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_up_is_listed_with_its_reason_and_sent_again_with_its_id() {
    let (gateway, mail) = (Gateway::start().await, mail_server().await);
    let port = mail.port.to_string();
    let mut shop = open(&gateway, &smtp(&port)).await;
    shop.event("a", 100, json!({})).await;
    assert_eq!(shop.dead_letters("").await, json!({"items": [], "next_cursor": null}));
    gateway.script("+4930123001", &[Manner::Status(422), Manner::Status(503)]);
    let contact = json!({"phone": "+4930123001", "email": "ann@example.org"});
    let booking = shop.buy_as("ann", "pm_card_visa-ann", contact).await;
    shop.until_messages(OUTBOX, "sms", "dead", 1).await;
    shop.until_messages(OUTBOX, "mail", "dead", 1).await;
    let list = shop.dead_letters("").await;
    let [of_mail, of_sms] = &list["items"].as_array().expect("a list")[..] else {
        panic!("{list}")
    };
    for (letter, channel, reason) in [(of_mail, "mail", "no such box"), (of_sms, "sms", "422")] {
        let id = letter["id"].clone();
        let told = letter["reason"].as_str().expect("a reason");
        assert!(told.contains(reason), "{letter}");
        assert_eq!(
            *letter,
            json!({"id": id, "channel": channel, "event": "a", "booking": booking,
            "kind": "confirmed", "status": "DEAD", "tries": 1, "reason": told})
        );
    }
    let (mail_id, sms_id) = (of_mail["id"].as_str().unwrap(), of_sms["id"].as_str().unwrap());
    // The same after a restart, and again with the mail in a box that takes it.
    shop.server.kill();
    shop.reopen_with(&settings(&gateway));
    assert_eq!(shop.dead_letters("").await, list);
    let (status, sent) = shop.send_again(mail_id).await;
    let now = (&sent["id"], &sent["status"], &sent["tries"], &sent["reason"]);
    assert_eq!((status, now), (202, (&json!(mail_id), &json!("WAITING"), &json!(0), &json!(null))));
    let letters = shop.letters_to("ann", true).await;
    assert!(letters.len() == 1 && letters[0].text.contains(mail_id), "its Message-ID");
    // The gateway is away at first: tries begin anew.
    assert_eq!(shop.send_again(sms_id).await.0, 202);
    shop.until_messages(TOLD, "sms", "failed", 1).await;
    let (status, refused) = shop.send_again(sms_id).await;
    let told = (status, &refused["code"], &refused["state"]);
    assert_eq!(told, (409, &json!("invalid_state"), &json!("WAITING")), "{refused}");
    let texts = gateway.until_taken("+4930123001", 1).await;
    assert_eq!(texts[0].id, sms_id);
    shop.until_messages(OUTBOX, "sms", "waiting", 0).await;
    for (id, why) in [
        (sms_id, "it was sent"),
        ("m9-1", "no such event"),
        ("m1-1", "no such number"),
        ("w1-1", "no such source"),
        ("m", "no id"),
    ] {
        let (status, answer) = shop.send_again(id).await;
        assert_eq!((status, &answer["code"]), (404, &json!("not_found")), "{why}");
    }
    assert_eq!(shop.dead_letters("").await["items"], json!([]));
    shop.close();
}

/// A mail server that has no box for anybody.
async fn mail_server() -> MailServer {
    MailServer::start(vec![vec![("RCPT", Act::Say("550 no such box"))]]).await
}

fn smtp(port: &str) -> [(&str, &str); 4] {
    [
        ("ONSALE__MAIL__MODE", "smtp"),
        ("ONSALE__MAIL__HOST", "127.0.0.1"),
        ("ONSALE__MAIL__PORT", port),
        ("ONSALE__MAIL__SECURITY", "none"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_go_through_all_events_in_one_order_and_leave_none_out() {
    let gateway = Gateway::start().await;
    // Several shards, whose lists are one.
    let mut shop = open(&gateway, &[("ONSALE__SHARDS__COUNT", "3")]).await;
    for event in ["a", "b", "c", "d"] {
        shop.event(event, 100, json!({})).await;
        for customer in ["ann", "bob"] {
            let number = format!("+4930{}{}", event.as_bytes()[0], customer.as_bytes()[0]);
            gateway.script(&number, &[Manner::Status(410)]);
            let id = shop.hold(event, customer, 1).await;
            let order = crate::gateway::order_by(&id, "pm_card_visa", json!({"phone": number}));
            assert_eq!(shop.post(&format!("/v1/events/{event}/bookings"), order).await.0, 202);
        }
    }
    shop.until_messages(OUTBOX, "sms", "dead", 8).await;
    let all = shop.dead_letters("").await;
    assert_eq!((ids(&all).len(), &all["next_cursor"]), (8, &json!(null)), "{all}");
    let place = |id: &String| -> (u64, u64) {
        let (event, number) = id[1..].split_once('-').expect("an id");
        (event.parse().expect("a number"), number.parse().expect("a number"))
    };
    assert!(ids(&all).is_sorted_by_key(place), "{all}");
    for limit in [1, 3, 7, 8] {
        let (mut found, mut query) = (Vec::new(), format!("?limit={limit}"));
        loop {
            let page = shop.dead_letters(&query).await;
            assert!(ids(&page).len() <= limit, "{page}");
            found.extend(ids(&page));
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            assert_eq!(found.last().map(String::as_str), Some(cursor), "{page}");
            query = format!("?limit={limit}&cursor={cursor}");
        }
        assert_eq!(found, ids(&all), "{limit} at a time");
    }
    for (query, field) in [
        ("?limit=0", "limit"),
        ("?limit=1001", "limit"),
        ("?limit=x", "limit"),
        ("?cursor=7", "cursor"),
        ("?cursor=m1", "cursor"),
        ("?cursor=", "cursor"),
        ("?channel=sms", "channel"),
    ] {
        let (status, answer) =
            shop.operator(Method::GET, &format!("/v1/dead-letters{query}")).await;
        let told = (status, &answer["errors"][0]["field"]);
        assert_eq!(told, (400, &json!(field)), "{query}: {answer}");
    }
    shop.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buyers_do_not_reach_dead_letters_and_operators_find_them_described() {
    let mut shop = Shop::open().await;
    assert_eq!(shop.server.get("/v1/dead-letters").await.0, 404);
    assert_eq!(shop.post("/v1/dead-letters/m1-1/send", json!({})).await.0, 404);
    let (_, document) = shop.server.get("/openapi.json").await;
    assert!(document["paths"]["/v1/dead-letters"].is_null());
    let (status, document) = shop.operator(Method::GET, "/openapi.json").await;
    assert_eq!(status, 200);
    let paths = &document["paths"];
    let described =
        [&paths["/v1/dead-letters"]["get"], &paths["/v1/dead-letters/{id}/send"]["post"]];
    assert!(described.iter().all(|operation| operation.is_object()), "{paths}");
    let (status, answer) = shop.operator(Method::DELETE, "/v1/dead-letters").await;
    assert_eq!((status, &answer["code"]), (405, &json!("method_not_allowed")), "{answer}");
    shop.close();
}
