//! Places that are pushed: to those near the front, at most so many, at little memory each.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::hall::{Hall, ME};

/// One at a time, ten a second: near the front are the first 1,200.
fn slow() -> Value {
    json!({"method": "fifo", "rate_per_minute": 600, "active_max": 1})
}

/// Events until the server ends the stream: name and data.
fn events(text: &str) -> Vec<(String, Value)> {
    let lines = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.unwrap_or_default()
    };
    text.split("\n\n")
        .filter(|event| event.contains("event: "))
        .map(|event| {
            let data = serde_json::from_str(&lines(event, "data: ")).expect("JSON");
            (lines(event, "event: "), data)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_near_the_front_is_told_each_change_and_gets_the_pass() {
    let hall = Hall::with_room(100, slow()).await;
    let tokens = [hall.token("a").await, hall.token("b").await, hall.token("c").await];
    hall.admitted(&tokens[0]).await;
    hall.until(&tokens[2], |place| place["expected_wait_seconds"] != Value::Null).await;
    let last = tokens[2].clone();
    let (client, url) = (hall.server.client.clone(), format!("{}{ME}/stream", hall.server.url));
    let mut answer = client.get(url).header("Onsale-Place", last).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    let mut read = async |text: &mut String| {
        let piece = tokio::time::timeout(Duration::from_secs(30), answer.chunk()).await;
        let piece = piece.expect("in time").expect("a piece");
        if let Some(piece) = &piece {
            text.push_str(&String::from_utf8_lossy(piece));
        }
        piece.is_some()
    };
    assert!(read(&mut text).await, "the place at once");
    hall.me(Method::DELETE, "", &tokens[1]).await.expect(200);
    hall.me(Method::DELETE, "", &tokens[0]).await.expect(200);
    while read(&mut text).await {}
    let events = events(&text);
    assert_eq!((events[0].0.as_str(), &events[0].1["place"]), ("place", &json!(3)), "{text}");
    let (name, place) = events.last().expect("events");
    assert_eq!((name.as_str(), &place["status"]), ("admitted", &json!("ADMITTED")));
    let pass = place["pass"]["token"].as_str().expect("a pass");
    hall.reserve("c", &[("Onsale-Pass", pass)]).await.expect(201);
    assert_eq!(hall.figures().await["streams"], 0, "and its room is free again");
}

#[tokio::test]
async fn who_is_far_away_or_comes_when_all_are_taken_polls() {
    let settings = [("ONSALE__SERVER__PLACE_STREAMS_MAX", "1")];
    let hall = Hall::with(100, &settings).await;
    let mut terms = slow();
    terms["paused"] = json!(true);
    hall.arrange(terms).await.expect(201);
    let tokens = [hall.token("a").await, hall.token("b").await];
    let far = hall.me(Method::GET, "/stream", &tokens[0]).await.expect(409);
    assert_eq!((far.code(), &far.body["state"]), ("invalid_state", &json!("not_near")));
    assert!(far.body["poll_after_ms"].is_number());
    hall.arrange(json!({"paused": false})).await.expect(200);
    hall.admitted(&tokens[0]).await;
    hall.until(&tokens[1], |place| place["expected_wait_seconds"] != Value::Null).await;
    let held = open(&hall, &tokens[1]);
    let taken = hall.me(Method::GET, "/stream", &tokens[1]).await.expect(409);
    assert_eq!(taken.body["state"], "streams_taken");
    drop(held);
    for _ in 0..100 {
        if hall.figures().await["streams"] == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("a reader that hung up still holds its stream");
}

/// A stream on a bare socket, once its first event is here.
fn open(hall: &Hall, token: &str) -> TcpStream {
    let address = hall.server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let request = format!("GET {ME}/stream HTTP/1.1\r\nHost: x\r\nOnsale-Place: {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut reader = BufReader::new(stream.try_clone().expect("a handle"));
    let mut line = String::new();
    while !line.starts_with("data: ") {
        line.clear();
        assert!(0 < reader.read_line(&mut line).expect("a line"), "it ended");
        assert!(!line.starts_with("HTTP/1.1 4"), "{line}");
    }
    stream
}

/// Resident memory of the server. Unit: bytes.
fn resident(process: u32) -> u64 {
    let mut status = String::new();
    let file = std::fs::File::open(format!("/proc/{process}/status")).expect("it runs");
    BufReader::new(file).read_to_string(&mut status).expect("readable");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    let kib: u64 =
        line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number");
    kib * 1_024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_stream_costs_some_kib() {
    const SHOPPERS: usize = 200;
    const STREAMS: usize = 450;
    let terms = json!({"method": "fifo", "rate_per_minute": 60_000, "active_max": SHOPPERS});
    let hall = Hall::with_room(10_000, terms).await;
    let mut tokens = Vec::new();
    for fan in 0..SHOPPERS + STREAMS {
        tokens.push(hall.token(&format!("fan-{fan}")).await);
    }
    // Those who were let in came quickly, so for half a minute the others may hope to follow soon.
    hall.figures_until(|figures| figures["ready"] == SHOPPERS).await;
    let tokens = tokens.split_off(SHOPPERS);
    // Whatever grows once has grown before it is measured.
    let warm: Vec<TcpStream> = tokens[..50].iter().map(|token| open(&hall, token)).collect();
    let before = resident(hall.server.process());
    let held: Vec<TcpStream> = tokens[50..].iter().map(|token| open(&hall, token)).collect();
    let started = Instant::now();
    let after = loop {
        let streams = hall.figures().await["streams"].as_u64().expect("a number");
        if streams as usize == warm.len() + held.len() {
            break resident(hall.server.process());
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{streams}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let each = after.saturating_sub(before) / held.len() as u64;
    println!("a held stream: {each} bytes");
    assert!(each < 16 << 10, "{each} bytes");
}
