//! Many bookings against the simulated provider with its worst manners: time-outs, declines, payments under
//! way, webhooks twice and late. In the end its money and our stock are counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::shop::{PRICE, order};
use crate::support::Server;

/// Buyers at a time.
const BUYERS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_and_stock_balance_after_five_hundred_bookings_with_bad_manners() {
    rush(500, Duration::from_secs(60)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "ten thousand take a minute; the gate runs it"]
async fn money_and_stock_balance_after_ten_thousand_bookings_with_bad_manners() {
    rush(10_000, Duration::from_secs(600)).await;
}

async fn rush(bookings: usize, patience: Duration) {
    let settings = [
        ("ONSALE__DEMO__EVENT", "false"),
        ("ONSALE__PAYMENT__PROVIDER", "simulated"),
        ("ONSALE__PAYMENT__CONCURRENCY", "1000"),
        ("ONSALE__PAYMENT__PER_SECOND", "10000"),
        ("ONSALE__PAYMENT__TIMEOUT_MS", "200"),
        ("ONSALE__PAYMENT__SIMULATED_LATENCY_MS", "20"),
        ("ONSALE__PAYMENT__SIMULATED_TIMEOUTS_PERMILLE", "200"),
        ("ONSALE__PAYMENT__SIMULATED_DUPLICATES_PERMILLE", "200"),
        ("ONSALE__PAYMENT__SIMULATED_DECLINES_PERMILLE", "100"),
        ("ONSALE__PAYMENT__SIMULATED_ASYNCS_PERMILLE", "100"),
        ("ONSALE__MAIL__DIRECTORY", "mails"),
    ];
    let dir = tempfile::tempdir().expect("a directory");
    let server = Arc::new(Server::start(dir.path(), &settings));
    let body = json!({"id": "a", "name": "A", "pools": [{"id": "standing", "capacity": bookings,
        "price": {"amount": PRICE, "currency": "EUR"}}]});
    let made = server.send(Method::POST, "/v1/events", None, Some(body)).await;
    assert_eq!(made.expect("an answer").0, 201);
    let started = Instant::now();
    let buyers = (0..BUYERS).map(|buyer| {
        let server = Arc::clone(&server);
        tokio::spawn(async move {
            let mut ids = Vec::new();
            for number in (buyer..bookings).step_by(BUYERS) {
                ids.push((number, buy(&server, number).await));
            }
            let mut ends = Vec::new();
            for (number, id) in ids {
                ends.push(end(&server, number, &id, started, patience).await);
            }
            ends
        })
    });
    let mut ends: BTreeMap<&'static str, usize> = BTreeMap::new();
    for buyer in buyers.collect::<Vec<_>>() {
        for end in buyer.await.expect("a buyer") {
            *ends.entry(end).or_default() += 1;
        }
    }
    let took = started.elapsed();
    // Late webhooks come three seconds later, and must change nothing.
    for late in [false, true] {
        if late {
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
        balance(&server, &ends, bookings).await;
    }
    println!("{bookings} bookings in {took:.1?}: {ends:?}");
    let of = |end: &str| ends.get(end).copied().unwrap_or_default();
    assert!(of("FAILED") > 0 && of("CANCELLED") > 0, "nothing went wrong: {ends:?}");
    assert_eq!(of("CONFIRMED") + of("FAILED") + of("CANCELLED"), bookings);
}

/// Reserves and books one unit; gives the booking's id. A full queue is asked again.
async fn buy(server: &Server, number: usize) -> String {
    let (customer, key) = (format!("fan-{number}"), format!("book-{number}"));
    let hold = json!({"customer": customer, "lines": [{"pool": "standing", "quantity": 1}]});
    let held = ask(server, "/v1/events/a/reservations", &format!("hold-{number}"), hold).await;
    assert_eq!(held.0, 201, "{}", held.1);
    let id = held.1["id"].as_str().expect("an id").to_owned();
    let mut order = order(&id, &format!("tok_{number}"), &customer);
    if !number.is_multiple_of(50) {
        // Drawing tickets is not what this is about.
        order["contact"] = json!({});
    }
    let booked = ask(server, "/v1/events/a/bookings", &key, order).await;
    assert_eq!(booked.0, 202, "{}", booked.1);
    id
}

async fn ask(
    server: &Server,
    path: &str,
    key: &str,
    body: serde_json::Value,
) -> (u16, serde_json::Value) {
    loop {
        let answer = server.send(Method::POST, path, Some(key), Some(body.clone())).await;
        let (status, answer) = answer.expect("an answer");
        if status != 503 {
            return (status, answer);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits for the outcome; one in ten is then given back.
async fn end(
    server: &Server,
    number: usize,
    id: &str,
    started: Instant,
    patience: Duration,
) -> &'static str {
    let path = format!("/v1/events/a/bookings/{id}");
    let mut is_cancelled = false;
    loop {
        let (status, booking) = server.get(&path).await;
        match booking["status"].as_str() {
            Some("CONFIRMED") if !number.is_multiple_of(10) => return "CONFIRMED",
            Some("CONFIRMED") if !is_cancelled => {
                let path = format!("{path}/cancel");
                let cancelled = server.send(Method::POST, &path, None, None).await;
                is_cancelled = cancelled.expect("an answer").0 == 202;
                continue;
            }
            Some("CANCELLED") if booking["refund_status"] == "refunded" => return "CANCELLED",
            Some("FAILED") => return "FAILED",
            _ => assert!(status == 200 || status == 503, "{status} {booking}"),
        }
        assert!(started.elapsed() < patience, "{number} is still {booking}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn balance(server: &Server, ends: &BTreeMap<&'static str, usize>, bookings: usize) {
    let page = server.client.get(format!("{}/metrics", server.admin)).send().await;
    let page = page.expect("an answer").text().await.expect("text");
    let money = |state: &str| -> u64 {
        let start = format!("onsale_simulated_money_total{{state=\"{state}\"}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&start));
        line.map_or(0, |number| number.parse().expect("a number"))
    };
    let of = |end: &str| ends.get(end).copied().unwrap_or_default() as u64;
    let (captured, refunded) = (money("captured"), money("refunded"));
    assert_eq!(
        captured,
        (of("CONFIRMED") + of("CANCELLED")) * PRICE,
        "each charged once: {ends:?}"
    );
    assert_eq!(refunded, of("CANCELLED") * PRICE, "each refunded once: {ends:?}");
    let (_, now) = server.get("/v1/events/a/availability").await;
    let pool = &now["pools"][0];
    assert_eq!((&pool["sold"], &pool["held"]), (&json!(of("CONFIRMED")), &json!(0)), "{pool}");
    assert_eq!(pool["available"], json!(bookings as u64 - of("CONFIRMED")), "{pool}");
}
