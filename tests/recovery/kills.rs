//! What was acknowledged survives `kill -9`, and nothing is sold twice.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::support::Server;

/// Rounds of load and `kill -9`.
const CYCLES: u32 = 50;
/// More than all cycles can sell, so that the last server still sells.
const UNITS: u64 = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_loses_an_acknowledged_reservation_or_oversells() {
    let dir = tempfile::tempdir().expect("a directory");
    // Small epochs, so that checkpoints are written and dropped while the kills fall.
    let settings = [("ONSALE__STORAGE__EPOCH_BYTES_MAX", "65536")];
    let ledger: Arc<Mutex<BTreeMap<String, String>>> = Arc::default();
    for cycle in 0..CYCLES {
        let mut server = Server::start(dir.path(), &settings);
        if cycle == 0 {
            let more = json!({"pools": [{"id": "standing", "capacity": UNITS}]});
            let path = "/v1/events/concert-a";
            let amended = server.send(reqwest::Method::PATCH, path, None, Some(more)).await;
            assert_eq!(amended.expect("an answer").0, 200);
        }
        check(&server, &ledger).await;
        let buyers: Vec<_> = (0..8)
            .map(|buyer| {
                let (client, url) = (server.client.clone(), server.url.clone());
                let ledger = Arc::clone(&ledger);
                tokio::spawn(async move { rush(&client, &url, cycle, buyer, &ledger).await })
            })
            .collect();
        tokio::time::sleep(std::time::Duration::from_millis(60 + u64::from(cycle) * 7)).await;
        server.kill();
        for buyer in buyers {
            buyer.await.expect("a buyer");
        }
    }
    let server = Server::start(dir.path(), &settings);
    check(&server, &ledger).await;
    let (status, _) = server.reserve("concert-a", "fan", "last", 1).await.expect("an answer");
    assert_eq!(status, 201, "a recovered server sells on");
    let acknowledged = ledger.lock().expect("the ledger").len();
    assert!(acknowledged > 500, "only {acknowledged} reservations: the test tried nothing");
}

/// Buys until the server is gone, and writes down every 201.
async fn rush(
    client: &reqwest::Client,
    url: &str,
    cycle: u32,
    buyer: u32,
    ledger: &Mutex<BTreeMap<String, String>>,
) {
    for n in 0.. {
        let key = format!("{cycle}-{buyer}-{n}");
        let body = json!({
            "customer": format!("fan-{buyer}"), "lines": [{"pool": "standing", "quantity": 1}],
        });
        let request = client
            .post(format!("{url}/v1/events/concert-a/reservations"))
            .header("Idempotency-Key", &key)
            .json(&body);
        let Ok(response) = request.send().await else { return };
        if response.status() != 201 {
            continue;
        }
        let Ok(body) = response.json::<serde_json::Value>().await else { return };
        let id = body["id"].as_str().expect("an id").to_owned();
        let before = ledger.lock().expect("the ledger").insert(id.clone(), key);
        assert_eq!(before, None, "reservation {id} was given out twice");
    }
}

async fn check(server: &Server, ledger: &Mutex<BTreeMap<String, String>>) {
    let (status, now) = server.get("/v1/events/concert-a/availability").await;
    assert_eq!(status, 200);
    let pool = &now["pools"][0];
    let count = |name: &str| pool[name].as_u64().expect("a count");
    let sum = count("available") + count("held") + count("sold") + count("blocked");
    assert_eq!(sum, UNITS, "INV-1: {pool}");
    let acknowledged = ledger.lock().expect("the ledger").clone();
    let taken = count("held") + count("sold");
    assert!(acknowledged.len() as u64 <= taken, "{} told, {taken} held", acknowledged.len());
    // The newest are the ones that a lost tail would take.
    for (id, key) in acknowledged.iter().rev().take(200) {
        let (status, found) = server.get(&format!("/v1/events/concert-a/reservations/{id}")).await;
        assert_eq!(status, 200, "acknowledged reservation {id} of key {key} is gone: {found}");
    }
}
