//! Bodies and queries that mean nothing are refused with their field named, within a second and without
//! growing the process.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use crate::shop::{EVENT, Shop};
use crate::support::Server;

/// A method, a path, and a body that is good.
const GOOD: &[(&str, &str, &str)] = &[
    (
        "POST",
        "/v1/events",
        r#"{"name":"N","pools":[{"id":"a","capacity":1,"price":{"amount":1,"currency":"EUR"}}]}"#,
    ),
    ("PATCH", EVENT, r#"{"name":"N","sale":{"state":"open"},"pools":[{"id":"standing"}]}"#),
    (
        "POST",
        "/v1/events/concert-a/reservations",
        r#"{"customer":"a","lines":[{"pool":"standing","quantity":1}]}"#,
    ),
    (
        "POST",
        "/v1/events/concert-a/bookings",
        r#"{"reservation":"x","payment":{"method":"card","token":"t"},"contact":{"email":"a@b.example"}}"#,
    ),
    ("POST", "/v1/events/concert-a/checkins", r#"{"code":"x","nonce":"n"}"#),
    ("PATCH", "/v1/events/concert-a/waiting-room", r#"{"mode":"on","codes":[{"code":"abcd"}]}"#),
    ("POST", "/v1/events/concert-a/waiting-room/places", r#"{"customer":"a"}"#),
];

async fn ask(server: &Server, method: &str, path: &str, body: String) -> (u16, Value, Duration) {
    let method: Method = method.parse().expect("a method");
    let started = Instant::now();
    let request = server.client.request(method, format!("{}{path}", server.url));
    let request = request.header("Content-Type", "application/json").body(body);
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.json().await.unwrap_or(Value::Null);
    (status, body, started.elapsed())
}

async fn refused(server: &Server, method: &str, path: &str, body: String, field: Option<&str>) {
    let shown: String = body.chars().take(120).collect();
    let (status, problem, took) = ask(server, method, path, body).await;
    assert_eq!(
        (status, &problem["code"]),
        (400, &"invalid_request".into()),
        "{method} {path} {shown}"
    );
    if let Some(field) = field {
        let named = problem["errors"][0]["field"].as_str().unwrap_or_default();
        assert!(named.contains(field), "{method} {path} {shown}: {problem}");
    }
    assert!(problem.to_string().len() < 4_096, "{path}: a refusal is short");
    assert!(took < Duration::from_secs(1), "{path}: {took:?}");
}

#[tokio::test]
async fn an_unknown_or_repeated_key_is_refused_at_every_depth_of_every_body() {
    let dir = tempfile::tempdir().expect("a directory");
    let shop = Shop::open(dir.path(), &[]).await;
    let server = &shop.server;
    for (method, path, good) in GOOD {
        let mut tried = 0;
        for (at, _) in good.match_indices('{') {
            let (before, after) = good.split_at(at + 1);
            refused(server, method, path, format!(r#"{before}"zzz":1,{after}"#), Some("zzz")).await;
            let key = after.split('"').nth(1).expect("a key");
            let twice = format!(r#"{before}"{key}":null,{after}"#);
            refused(server, method, path, twice, None).await;
            // The same value twice is no better.
            let end = at + 1 + value_end(after);
            let twice = format!("{},{}", &good[..end], &good[at + 1..]);
            refused(server, method, path, twice, Some(key)).await;
            tried += 3;
        }
        assert!(3 <= tried, "{path}");
    }
}

/// Where the first member of an object ends.
fn value_end(members: &str) -> usize {
    let (mut depth, mut quoted) = (0, false);
    for (at, c) in members.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted && depth == 0 => return at,
            '}' | ']' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => return at,
            _ => {}
        }
    }
    members.len()
}

#[tokio::test]
async fn deep_wide_and_endless_json_is_refused_in_a_second_and_costs_little_memory() {
    let dir = tempfile::tempdir().expect("a directory");
    let shop = Shop::open(dir.path(), &[]).await;
    let server = &shop.server;
    // The first round shows the allocator what it will need; what grows after it grows for ever.
    refuse_all(server).await;
    let before = resident_kib(server.process());
    for _ in 0..3 {
        refuse_all(server).await;
    }
    let grown = resident_kib(server.process()).saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB more than before");
}

async fn refuse_all(server: &Server) {
    let keys: String = (0..100_000).map(|n| format!("\"{n:x}\":1,")).collect();
    for (method, path, good) in GOOD {
        let first = good.split('"').nth(1).expect("a key");
        let bodies = [
            "[".repeat(10_000),
            "{\"a\":".repeat(10_000),
            format!("{{\"{first}\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000)),
            format!("{{\"zzz\":{}1{}}}", "{\"a\":".repeat(10_000), "}".repeat(10_000)),
            format!("{{{keys}\"z\":1}}"),
            format!("{{\"{first}\":{{{keys}\"z\":1}}}}"),
            format!("{{{}\"z\":1}}", format!("\"{first}\":\"a\",").repeat(10_000)),
            format!("{{\"lines\":[{}1]}}", "1,".repeat(100_000)),
            format!("{{\"pools\":[{}{{}}]}}", "{\"id\":\"a\"},".repeat(20_000)),
            format!("{{\"codes\":[{}{{}}]}}", "{\"code\":\"a\"},".repeat(20_000)),
            format!("{{\"{first}\":1{}}}", "0".repeat(100_000)),
            format!("{{\"{first}\":\"{}\"}}", "\\u0000".repeat(10_000)),
            format!("{{\"{first}\":\"\\ud800\"}}"),
            "\"".to_owned() + &"a".repeat(900_000),
            "null".to_owned(),
            "[]".to_owned(),
            "1e999999".to_owned(),
        ];
        for body in bodies {
            assert!(body.len() < 1 << 20, "{} bytes would be refused for that", body.len());
            refused(server, method, path, body, None).await;
        }
        let told = too_large(server, method, path);
        assert!(told.starts_with("HTTP/1.1 413 ") && told.contains("body_too_large"), "{told}");
    }
}

/// What is said to a body that is announced and never comes.
fn too_large(server: &Server, method: &str, path: &str) -> String {
    let address = server.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("it listens");
    let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("sent");
    stream.set_read_timeout(Some(Duration::from_secs(1))).expect("a timeout");
    let mut told = Vec::new();
    // A reset after the answer is as good as an end.
    drop(stream.read_to_end(&mut told));
    String::from_utf8_lossy(&told).into_owned()
}

#[cfg(target_os = "linux")]
fn resident_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a size");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

#[tokio::test]
async fn a_parameter_that_means_nothing_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let shop = Shop::open(dir.path(), &[]).await;
    let server = &shop.server;
    let rush = "/v1/events/concert-a/reservations";
    let order = GOOD[2].2;
    let booking = format!("{EVENT}/bookings/{}", shop.booking);
    let asked: &[(&str, &str, &str, &str)] = &[
        ("GET", EVENT, "utm=1", ""),
        ("GET", &format!("{EVENT}/availability"), "_=12345", ""),
        ("GET", &format!("{EVENT}/waiting-room"), "x", ""),
        ("GET", &booking, "token=secret", ""),
        ("POST", rush, "quantity=2", order),
        ("POST", "/v1/events/concert-a/waiting-room/places", "customer=a", GOOD[6].2),
        ("GET", "/v1/events/concert-a/waiting-room/places/me", "place=a", ""),
        ("GET", "/v1/events", "limit=1&limit=2", ""),
        ("GET", "/v1/events", "cursor=a&cursor=b", ""),
        ("GET", "/v1/events", "offset=1", ""),
        ("GET", "/v1/events", "limit=%31", ""),
        ("GET", "/v1/events/concert-a/log", "after=1&after=2", ""),
        ("GET", "/v1/events/concert-a/log", "limit=1&limit=1", ""),
        ("GET", "/v1/events/concert-a/log", "since=1", ""),
    ];
    for (method, path, query, body) in asked {
        let field = query.split('=').next();
        let path = format!("{path}?{query}");
        refused(server, method, &path, (*body).to_owned(), field).await;
    }
    refused(server, "GET", "/v1/events/%FF", String::new(), None).await;
    let (status, ..) = ask(server, "GET", "/v1/events?limit=1", String::new()).await;
    assert_eq!(status, 200);
    let (status, ..) = ask(server, "GET", &format!("{EVENT}?"), String::new()).await;
    assert_eq!(status, 200, "an empty query says nothing");
}
