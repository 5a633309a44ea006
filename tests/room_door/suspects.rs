//! Many joins from one address, when the operator asked to look for them.

use reqwest::Method;
use serde_json::json;

use crate::hall::{Hall, ROOM, in_seconds};

#[tokio::test]
async fn who_joins_after_so_many_from_one_address_goes_last_and_is_listed() {
    let settings = [("ONSALE__WAITING_ROOM__JOINS_PER_SOURCE_MAX", "3")];
    let hall = Hall::with(100, &settings).await;
    hall.arrange(json!({"doors_at": in_seconds(2), "active_max": 1, "paused": true}))
        .await
        .expect(201);
    let mut tiers = Vec::new();
    let mut tokens = Vec::new();
    for fan in 0..5 {
        let joined = hall.join(&format!("fan-{fan}")).await.expect(201).body;
        tiers.push(joined["tier"].as_str().expect("a tier").to_owned());
        tokens.push(joined["token"].as_str().expect("a token").to_owned());
    }
    assert_eq!(tiers, ["general", "general", "general", "suspect", "suspect"]);
    // Who asks again is no second one.
    for _ in 0..5 {
        hall.join("fan-0").await.expect(200);
    }
    let path = format!("{}{ROOM}/suspects", hall.server.admin);
    let listed = hall.get(&path).await.expect(200).body;
    assert_eq!(listed["joins_per_source_max"], 3);
    assert_eq!(listed["sources"], json!([{"source": "127.0.0.1", "joins": 5}]));
    for token in &tokens[3..] {
        let place = hall.until(token, |place| !place["place"].is_null()).await;
        assert!(4 <= place["place"].as_u64().expect("a place"), "behind all others: {place}");
    }
    assert_eq!(hall.get(&path).await.body["joined"], 2);
    let entries =
        hall.send(Method::GET, &format!("{ROOM}/draw/entries"), &[], None).await.expect(200);
    assert_eq!(entries.text.lines().filter(|line| line.split(' ').nth(1) == Some("2")).count(), 2);
}
