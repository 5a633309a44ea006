//! An event's log over HTTP: pages, streams, and what is refused.

use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::Server;

const LOG: &str = "/v1/events/concert-a/log";
/// For anything that is sure to happen.
const PATIENCE: Duration = Duration::from_secs(30);

async fn hold(server: &Server, n: u32) -> String {
    let (status, held) = server.reserve("concert-a", "fan", &n.to_string(), 2).await.expect("up");
    assert_eq!(status, 201, "{held}");
    held["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_log_tells_what_happened_in_order_and_says_how_to_go_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let (first, second) = (hold(&server, 1).await, hold(&server, 2).await);
    let gone = format!("/v1/events/concert-a/reservations/{first}");
    assert_eq!(server.send(Method::DELETE, &gone, None, None).await.expect("up").0, 200);
    let rename = json!({"name": "Concert B"});
    let renamed = server.send(Method::PATCH, "/v1/events/concert-a", None, Some(rename)).await;
    assert_eq!(renamed.expect("up").0, 200);
    let (status, page) = server.get(LOG).await;
    assert_eq!(status, 200, "{page}");
    let items = page["items"].as_array().expect("a list");
    let told: Vec<_> = items.iter().map(|entry| (&entry["number"], &entry["type"])).collect();
    let expected = [
        (&json!(1), &json!("event.created")),
        (&json!(2), &json!("reservation.held")),
        (&json!(3), &json!("reservation.held")),
        (&json!(4), &json!("reservation.released")),
        (&json!(5), &json!("event.changed")),
    ];
    assert_eq!(told, expected);
    assert_eq!(page["next"], 5);
    let (_, held) = server.get(&format!("/v1/events/concert-a/reservations/{second}")).await;
    for field in ["id", "customer", "lines", "total", "created_at", "expires_at"] {
        assert_eq!(items[2]["data"][field], held[field], "{field}");
    }
    assert_eq!((&items[2]["event"], &items[2]["at"]), (&json!("concert-a"), &held["created_at"]));
    assert_eq!(items[3]["data"], json!({"id": first}));
    let names = (&items[0]["data"]["name"], &items[4]["data"]["name"]);
    assert_eq!(names, (&json!("Concert A"), &json!("Concert B")));
    // A page at a time.
    for after in 0..6_usize {
        let (_, page) = server.get(&format!("{LOG}?after={after}&limit=2")).await;
        let end = items.len().min(after + 2);
        assert_eq!(page["items"], json!(items[after.min(end)..end]), "after {after}");
        assert_eq!(page["next"], json!(end.max(after)), "after {after}");
    }
    let (status, page) = server.get(&format!("{LOG}?after={}", u64::MAX)).await;
    assert_eq!((status, page), (200, json!({"items": [], "next": u64::MAX})));
    let answer = server.client.get(format!("{}{LOG}", server.url)).send().await.expect("up");
    assert_eq!(answer.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn what_is_no_question_of_ours_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    for (query, field) in [
        ("after=x", "after"),
        ("after=-1", "after"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("since=1", "since"),
    ] {
        let (status, refused) = server.get(&format!("{LOG}?{query}")).await;
        assert_eq!((status, &refused["code"]), (400, &json!("invalid_request")), "{query}");
        assert_eq!(refused["errors"][0]["field"], field, "{query}");
    }
    assert_eq!(server.get("/v1/events/nowhere/log").await.0, 404);
    let bad = stream(&server, "", Some("x")).await;
    assert_eq!(bad.status(), 400);
    let bad: Value = bad.json().await.expect("a problem");
    assert_eq!(bad["errors"][0]["field"], "Last-Event-ID");
    // What it may be told stands in the contract.
    let (_, contract) = server.get("/openapi.json").await;
    let route = &contract["paths"]["/v1/events/{event}/log"]["get"];
    assert!(route["responses"]["200"]["content"]["text/event-stream"].is_object(), "{route}");
    assert!(route["responses"]["410"].is_object(), "{route}");
    assert!(contract["components"]["schemas"]["LogEntry"].is_object());
}

/// No email, phone, name, card token or key leaves by the log.
#[tokio::test]
async fn a_log_tells_nothing_of_contacts_and_cards() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let id = hold(&server, 1).await;
    let order = json!({"reservation": id, "payment": {"method": "card", "token": "tok_secret"},
        "contact": {"email": "ada@example.org", "phone": "+4930123456", "name": "Ada Byron"}});
    let path = "/v1/events/concert-a/bookings";
    let booked = server.send(Method::POST, path, Some("key-secret"), Some(order)).await;
    assert_eq!(booked.expect("up").0, 202);
    let started = Instant::now();
    let text = loop {
        let text = server.get(LOG).await.1.to_string();
        if text.contains("message.sent") {
            break text;
        }
        assert!(started.elapsed() < PATIENCE, "{text}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    for told in ["booking.created", "booking.confirmed", &format!("{id}-2")] {
        assert!(text.contains(told), "{told} is not in {text}");
    }
    for secret in ["tok_secret", "key-secret", "ada@", "4930123456", "Ada Byron"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

#[tokio::test]
async fn what_is_not_kept_any_more_is_gone_and_says_where_to_go_on() {
    let dir = tempfile::tempdir().expect("a directory");
    // Folded at 64 KiB, and nothing of it kept.
    let settings =
        [("ONSALE__STORAGE__EPOCH_BYTES_MAX", "65536"), ("ONSALE__STORAGE__LOG_BYTES_MAX", "0")];
    let server = Server::start(dir.path(), &settings);
    let started = Instant::now();
    let gone = loop {
        fill(&server, started.elapsed().as_nanos()).await;
        let (status, answer) = server.get(LOG).await;
        if status == 410 {
            break answer;
        }
        assert_eq!(status, 200, "{answer}");
        assert!(started.elapsed() < PATIENCE, "nothing is ever folded");
    };
    assert_eq!(gone["code"], "log_gone");
    assert_eq!(server.get("/problems/log_gone").await.0, 200);
    let oldest = gone["oldest"].as_u64().expect("a number");
    assert!(1 < oldest, "{gone}");
    hold(&server, 1).await;
    let (status, page) = server.get(&format!("{LOG}?after={}", oldest - 1)).await;
    assert_eq!((status, &page["items"][0]["number"]), (200, &json!(oldest)), "{page}");
    assert_eq!(stream(&server, "", None).await.status(), 410);
    assert!(!dir.path().join("data/log").exists(), "0 keeps none");
}

/// Some 30 KB of records.
async fn fill(server: &Server, run: u128) {
    let name = "x".repeat(255);
    let lines: String = (0..100)
        .map(|n| {
            let lines = [json!({"pool": "standing", "quantity": 1})];
            let key = format!("{run}-{n}");
            json!({"idempotency_key": key, "customer": name, "lines": lines}).to_string() + "\n"
        })
        .collect();
    let bulk = server.client.post(format!("{}/v1/events/concert-a/reservations/bulk", server.url));
    let bulk = bulk.header("Content-Type", "application/x-ndjson").body(lines).send();
    let outcomes = bulk.await.expect("up").text().await.expect("outcomes");
    assert_eq!(outcomes.matches("\"status\":201").count(), 100, "{outcomes}");
}

async fn stream(server: &Server, query: &str, last: Option<&str>) -> Response {
    let mut request = server.client.get(format!("{}{LOG}{query}", server.url));
    request = request.header("Accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    request.send().await.expect("an answer")
}

/// Reads until there are so many events, or the end; gives id, type and entry of each.
async fn events(answer: &mut Response, wanted: usize) -> Vec<(u64, String, Value)> {
    let (mut text, mut found) = (String::new(), Vec::new());
    while found.len() < wanted {
        let piece = tokio::time::timeout(PATIENCE, answer.chunk()).await.expect("in time");
        let Some(piece) = piece.expect("a piece") else { break };
        text.push_str(std::str::from_utf8(&piece).expect("text"));
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
            let Some(id) = field("id: ") else { continue };
            let id = id.parse().expect("a number");
            let data = serde_json::from_str(field("data: ").expect("data")).expect("JSON");
            found.push((id, field("event: ").expect("a type").to_owned(), data));
        }
    }
    found
}

#[tokio::test]
async fn a_stream_tells_what_happens_and_goes_on_where_it_broke_off() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    hold(&server, 1).await;
    let mut answer = stream(&server, "", None).await;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut told = events(&mut answer, 2).await;
    for n in 2..10 {
        hold(&server, n).await;
        told.extend(events(&mut answer, 1).await);
    }
    drop(answer);
    for n in 10..300 {
        hold(&server, n).await;
    }
    let last = told.last().expect("some").0;
    // The header wins over the query, as it does when a browser connects again.
    let mut answer = stream(&server, "?after=1", Some(&last.to_string())).await;
    told.extend(events(&mut answer, 290).await);
    let (_, page) = server.get(&format!("{LOG}?limit=1000")).await;
    let items = page["items"].as_array().expect("a list");
    assert_eq!((items.len(), told.len()), (300, 300));
    for ((id, kind, data), entry) in told.iter().zip(items) {
        assert_eq!(
            (json!(id), json!(kind), data),
            (entry["number"].clone(), entry["type"].clone(), entry)
        );
    }
    // It ends with the server, in order.
    let asked = Instant::now();
    server.terminate();
    assert_eq!(events(&mut answer, usize::MAX).await, []);
    assert!(asked.elapsed() < Duration::from_secs(5), "the drain waited for a stream");
}

#[tokio::test]
async fn streams_have_a_bound_and_who_hangs_up_makes_room() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[("ONSALE__SERVER__LOG_STREAMS_MAX", "2")]);
    let (first, _second) = (stream(&server, "", None).await, stream(&server, "", None).await);
    let refused = stream(&server, "", None).await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (503, &"1".parse().expect("a value"))
    );
    let refused: Value = refused.json().await.expect("a problem");
    assert_eq!(refused["code"], "busy");
    assert_eq!(server.get(LOG).await.0, 200, "pages have no such bound");
    drop(first);
    let started = Instant::now();
    while stream(&server, "", None).await.status() != 200 {
        assert!(started.elapsed() < PATIENCE, "the place is never free again");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A hold on the journal for as long as a stream would have ended folding at the first of them.
#[tokio::test]
async fn a_reader_that_does_not_read_keeps_nothing_from_being_folded() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = [("ONSALE__STORAGE__EPOCH_BYTES_MAX", "65536")];
    let server = Server::start(dir.path(), &settings);
    let mut unread = Vec::new();
    for _ in 0..8 {
        unread.push(stream(&server, "", None).await);
    }
    let started = Instant::now();
    let segments = || std::fs::read_dir(dir.path().join("data/log")).expect("segments").count();
    while segments() < 8 {
        fill(&server, started.elapsed().as_nanos()).await;
        assert!(started.elapsed() < PATIENCE, "{} epochs were folded", segments());
    }
    // And it may still read, from the segments.
    let (_, page) = server.get("/v1/events/concert-a/availability").await;
    let version = usize::try_from(page["version"].as_u64().expect("a version")).expect("small");
    let told = events(&mut unread[0], version).await;
    let numbers: Vec<u64> = told.iter().map(|(number, _, _)| *number).collect();
    assert_eq!(numbers, (1..=version as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_damaged_segment_is_refused_by_who_reads_it_and_keeps_nobody_from_buying() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = [("ONSALE__STORAGE__EPOCH_BYTES_MAX", "65536")];
    let mut server = Server::start(dir.path(), &settings);
    let started = Instant::now();
    let first = dir.path().join("data/log/0000000000000001.segment");
    while !first.exists() {
        fill(&server, started.elapsed().as_nanos()).await;
        assert!(started.elapsed() < PATIENCE, "nothing is ever folded");
    }
    let mut bytes = std::fs::read(&first).expect("a segment");
    bytes[100] ^= 1;
    std::fs::write(&first, bytes).expect("written");
    for n in 0..2 {
        // Until it is folded the journal has it.
        loop {
            let (status, refused) = server.get(LOG).await;
            if status != 200 {
                assert_eq!((status, &refused["code"]), (500, &json!("internal")), "{refused}");
                break;
            }
            assert!(started.elapsed() < PATIENCE, "nobody noticed");
        }
        hold(&server, n).await;
        let (_, now) = server.get("/v1/events/concert-a/availability").await;
        let newest = now["version"].as_u64().expect("a version") - 1;
        let (status, page) = server.get(&format!("{LOG}?after={newest}")).await;
        assert_eq!((status, &page["items"][0]["type"]), (200, &json!("reservation.held")));
        // A start does not stumble over it either.
        server.kill();
        server = Server::start(dir.path(), &settings);
    }
}
