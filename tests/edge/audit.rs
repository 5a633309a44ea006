//! Privileged changes are on record before anybody hears of them, whatever happens to the process.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{EVENT, Shop, buy, send};
use crate::support::Server;

async fn audit(server: &Server, query: &str) -> Value {
    let url = format!("{}/v1/audit{query}", server.admin);
    let answer = send(&server.client, Method::GET, &url, &[], None).await;
    assert_eq!(answer.status(), 200);
    answer.json().await.expect("JSON")
}

/// All entries, by pages.
async fn all(server: &Server) -> Vec<Value> {
    let (mut found, mut next) = (Vec::new(), 0);
    loop {
        let page = audit(server, &format!("?after={next}&limit=1000")).await;
        let items = page["items"].as_array().expect("a list");
        if items.is_empty() {
            assert_eq!(page["next"], json!(next));
            return found;
        }
        found.extend(items.iter().cloned());
        next = page["next"].as_u64().expect("a number");
    }
}

async fn rename(server: &Server, name: &str) -> Option<u16> {
    let body = json!({ "name": name });
    let answer = server.send(Method::PATCH, EVENT, None, Some(body)).await;
    answer.ok().map(|(status, _)| status)
}

#[tokio::test]
async fn every_privileged_change_is_on_record_with_its_outcome() {
    let dir = tempfile::tempdir().expect("a directory");
    let shop = Shop::open(dir.path(), &[]).await;
    let server = &shop.server;
    let json = ("Content-Type", "application/json");
    let url = format!("{}{EVENT}", server.url);
    let other = json!({"name": "Other"});
    let with = [json, ("If-Match", "\"0\"")];
    let stale = send(&server.client, Method::PATCH, &url, &with, Some(&other)).await;
    assert_eq!(stale.status(), 412);
    let bad = json!({"name": ""});
    let bad = server.send(Method::PATCH, EVENT, None, Some(bad)).await.expect("an answer");
    assert_eq!(bad.0, 400, "what is no change is not on record");
    let event = json!({"id": "concert-b", "name": "B", "pools": [
        {"id": "a", "capacity": 1, "price": {"amount": 1, "currency": "EUR"}}]});
    for expected in [201, 409] {
        let made = server.send(Method::POST, "/v1/events", None, Some(event.clone())).await;
        assert_eq!(made.expect("an answer").0, expected);
    }
    let cancel = format!("{EVENT}/bookings/{}/cancel", shop.booking);
    let gone = server.send(Method::POST, &cancel, None, None).await.expect("an answer");
    assert_eq!(gone.0, 202);
    let again = format!("{}/v1/dead-letters/m1-1/send", server.admin);
    assert_eq!(send(&server.client, Method::POST, &again, &[], None).await.status(), 404);
    let room = format!("{EVENT}/waiting-room");
    let booking = format!("{}/bookings/{}", &EVENT[4..], shop.booking);
    let expected = [
        ("arrange_room", &room[4..], "done"),
        ("amend_event", &EVENT[4..], "version_mismatch"),
        ("create_event", "events/concert-b", "done"),
        ("create_event", "events/concert-b", "already_exists"),
        ("cancel_booking", &booking, "done"),
        ("send_again", "dead-letters/m1-1", "not_found"),
    ];
    let found = all(server).await;
    let told = |entry: &Value| {
        assert_eq!((&entry["who"], &entry["from"]), (&json!("development"), &json!("127.0.0.1")));
        assert!(entry["at"].as_str().expect("a time").ends_with('Z'));
        ["action", "object", "outcome"].map(|name| entry[name].as_str().unwrap_or("-").to_owned())
    };
    let found: Vec<_> = found.iter().map(told).collect();
    let expected = expected.map(|(action, object, outcome)| {
        [action, object, outcome].map(|word| word.trim_start_matches('/').to_owned())
    });
    assert_eq!(found, expected);
}

#[tokio::test]
async fn pages_are_bounded_and_a_bad_question_has_its_field_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let empty = audit(&server, "").await;
    assert_eq!(empty, json!({"items": [], "next": 0, "oldest": null}));
    for n in 0..5 {
        assert_eq!(rename(&server, &format!("Name {n}")).await, Some(200));
    }
    let page = audit(&server, "?after=1&limit=2").await;
    let numbers: Vec<_> =
        page["items"].as_array().expect("a list").iter().map(|e| &e["n"]).collect();
    assert_eq!(
        (numbers, &page["next"], &page["oldest"]),
        (vec![&json!(2), &json!(3)], &json!(3), &json!(1))
    );
    for (query, field) in [("?limit=0", "limit"), ("?after=x", "after"), ("?who=me", "who")] {
        let url = format!("{}/v1/audit{query}", server.admin);
        let answer = send(&server.client, Method::GET, &url, &[], None).await;
        assert_eq!(answer.status(), 400);
        let problem: Value = answer.json().await.expect("JSON");
        assert_eq!(problem["errors"][0]["field"], field);
    }
    // For operators only.
    let (status, _) = server.get("/v1/audit").await;
    assert_eq!(status, 404);
}

/// The process dies when the change is durable and its outcome is not on record yet.
#[tokio::test]
async fn a_change_whose_outcome_was_lost_is_on_record_without_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(dir.path(), &[("ONSALE_CRASH", "before_audit_ended")]);
    assert_eq!(rename(&server, "Renamed").await, None, "it died");
    assert_eq!(server.exit_code(), None, "by a signal");
    let server = Server::start(dir.path(), &[]);
    assert_eq!(server.get(EVENT).await.1["name"], "Renamed");
    let found = all(&server).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["action"], &found[0]["outcome"]), (&json!("amend_event"), &Value::Null));
    assert_eq!(rename(&server, "Again").await, Some(200));
    assert_eq!(all(&server).await[1]["n"], 2, "numbers go on");
}

/// Rounds of changes and `kill -9`.
const CYCLES: u32 = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_loses_the_record_of_a_change_that_was_answered() {
    let dir = tempfile::tempdir().expect("a directory");
    // Small epochs, so that checkpoints are written and dropped while the kills fall.
    let settings = [("ONSALE__STORAGE__EPOCH_BYTES_MAX", "65536")];
    let answered = Arc::new(AtomicU64::new(0));
    for cycle in 0..CYCLES {
        let mut server = Server::start(dir.path(), &settings);
        check(&server, answered.load(Ordering::SeqCst)).await;
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let (client, url) = (server.client.clone(), format!("{}{EVENT}", server.url));
                let answered = Arc::clone(&answered);
                tokio::spawn(async move {
                    for n in 0.. {
                        let body = json!({"name": format!("{cycle} {worker} {n}")});
                        let Ok(answer) = client.patch(&url).json(&body).send().await else {
                            return;
                        };
                        assert_eq!(answer.status(), 200);
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(150 + u64::from(cycle) * 13)).await;
        server.kill();
        for worker in workers {
            worker.await.expect("a worker");
        }
    }
    let server = Server::start(dir.path(), &settings);
    let told = answered.load(Ordering::SeqCst);
    check(&server, told).await;
    assert!(100 < told, "only {told} changes: the test tried nothing");
    buy(&server, "fan", &[]).await;
    drop(server);
    let verify = Command::new(env!("CARGO_BIN_EXE_onsale"))
        .args(["verify".as_ref(), dir.path().join("data").as_os_str()])
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&verify.stdout);
    assert!(said.contains("audit log ") && said.contains("all laws hold"), "{said}");
}

async fn check(server: &Server, answered: u64) {
    let found = all(server).await;
    for (at, entry) in found.iter().enumerate() {
        assert_eq!(entry["n"], json!(at + 1), "numbers have no gap");
    }
    let done = found.iter().filter(|entry| entry["outcome"] == "done").count() as u64;
    assert!(answered <= done, "{answered} answered, {done} on record");
    // Of each of four workers at each kill one change may be made and its answer lost.
    let unknown = found.iter().filter(|entry| entry["outcome"].is_null()).count() as u64;
    assert!(unknown <= 4 * u64::from(CYCLES), "{unknown} without an outcome");
}
