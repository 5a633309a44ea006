//! A shard that panics is replaced by replay: the others sell on, and nothing acknowledged is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::Server;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shard_that_panics_comes_back_with_all_it_promised() {
    let dir = tempfile::tempdir().expect("a directory");
    // The shard panics when the customer `panic` reserves, beside what `tests/teeth.sh` plants.
    let more = std::env::var("ONSALE_FAULT").unwrap_or_default();
    let planted = format!("panic_on_customer,{more}");
    let settings = [("ONSALE_FAULT", planted.as_str()), ("ONSALE__SHARDS__COUNT", "2")];
    let server = Arc::new(Server::start(dir.path(), &settings));
    let mut told = Vec::new();
    for round in 0..5 {
        for n in 0..20 {
            told.push(insist(&server, &format!("{round}-{n}")).await);
        }
        // With company, so that commands are staged and queued when it happens.
        let mut company = JoinSet::new();
        for n in 0..20 {
            let server = Arc::clone(&server);
            company.spawn(async move {
                let key = format!("with-{round}-{n}");
                (server.reserve("concert-a", "fan", &key, 1).await, key)
            });
        }
        let poisoned = server.reserve("concert-a", "panic", "poison", 1).await;
        let (status, body) = poisoned.expect("an answer");
        assert_eq!((status, &body["code"]), (503, &json!("outcome_unknown")), "{body}");
        while let Some(answered) = company.join_next().await {
            let (answer, key) = answered.expect("a buyer");
            let (status, body) = answer.expect("an answer");
            let code = body["code"].as_str().unwrap_or_default();
            let known = status == 201 || matches!(code, "outcome_unknown" | "shard_down");
            assert!(known, "{key}: {status} {body}");
            let id = insist(&server, &key).await;
            assert!(
                status != 201 || body["id"] == json!(id),
                "{key}: the key gives the first answer"
            );
            told.push(id);
        }
    }
    let (_, now) = server.get("/v1/events/concert-a/availability").await;
    assert_eq!(
        now["pools"][0]["held"],
        json!(told.len()),
        "one unit for each key, none for the poison"
    );
    for id in &told {
        let (status, body) = server.get(&format!("/v1/events/concert-a/reservations/{id}")).await;
        assert_eq!((status, &body["status"]), (200, &json!("HELD")), "{id}: {body}");
    }
}

/// Repeats the same key until it is decided, as `outcome_unknown` and `shard_down` ask for.
async fn insist(server: &Server, key: &str) -> String {
    let started = Instant::now();
    loop {
        let sold = server.reserve("concert-a", "fan", key, 1).await;
        let (status, body) = sold.expect("an answer");
        if status == 201 {
            return body["id"].as_str().expect("an id").to_owned();
        }
        assert_eq!(status, 503, "{body}");
        assert!(started.elapsed() < Duration::from_secs(20), "the shard stays down: {body}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
