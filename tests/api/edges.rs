//! Hostile and clumsy clients, on bare sockets: bounded in bytes, in time and in number, and answered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use crate::support::Server;

const EVENT: &str = "/v1/events/concert-a";
const PUBLIC: &str = "public, max-age=1, s-maxage=1, stale-while-revalidate=5";

async fn ask(
    server: &Server,
    method: Method,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, HeaderMap, Value) {
    let mut request = server.client.request(method, format!("{}{path}", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.body(body.to_owned()).send().await.expect("an answer");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = response.bytes().await.expect("a body");
    (status, headers, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

fn connect(server: &Server) -> TcpStream {
    let address = server.url.trim_start_matches("http://");
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream
}

/// Everything until the server closes.
fn rest(mut stream: &TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after the answer is as good as an end.
    drop(stream.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Method, path, headers, body; status and code of the answer.
type Case<'a> = (Method, &'a str, &'a [(&'a str, &'a str)], String, u16, &'a str);

#[tokio::test]
async fn what_is_no_request_of_ours_gets_the_status_and_code_that_say_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[("ONSALE__SERVER__BODY_BYTES_MAX", "4096")]);
    let reservations = &format!("{EVENT}/reservations");
    let json = [("Content-Type", "application/json")];
    let good = r#"{"customer":"a","lines":[{"pool":"standing","quantity":1}]}"#;
    let long_key = "k".repeat(256);
    let cases: &[Case<'_>] = &[
        (Method::POST, reservations, &json, "{".into(), 400, "invalid_request"),
        (Method::POST, reservations, &json, String::new(), 400, "invalid_request"),
        (Method::POST, reservations, &json, format!("{good}x"), 400, "invalid_request"),
        (Method::POST, reservations, &json, "\u{feff}".into(), 400, "invalid_request"),
        (Method::POST, reservations, &json, "[".repeat(3_000), 400, "invalid_request"),
        (Method::POST, reservations, &json, " ".repeat(5_000), 413, "body_too_large"),
        (
            Method::POST,
            reservations,
            &[("Content-Type", "text/plain")],
            good.into(),
            415,
            "unsupported_media_type",
        ),
        (Method::PUT, reservations, &json, good.into(), 405, "method_not_allowed"),
        (Method::GET, "/v1/nothing", &[], String::new(), 404, "not_found"),
        (Method::GET, "/v1/events/Not%20A%20Slug", &[], String::new(), 404, "not_found"),
        (Method::GET, &format!("{reservations}/%00"), &[], String::new(), 404, "not_found"),
        (Method::GET, &format!("{reservations}/zz"), &[], String::new(), 404, "not_found"),
        (Method::GET, "/v1/events?limit=0", &[], String::new(), 400, "invalid_request"),
        (Method::GET, "/v1/events?limit=many", &[], String::new(), 400, "invalid_request"),
        (
            Method::POST,
            reservations,
            &[("Content-Type", "application/json"), ("Idempotency-Key", &long_key)],
            good.into(),
            400,
            "invalid_request",
        ),
    ];
    for (method, path, headers, body, status, code) in cases {
        let answer = ask(&server, method.clone(), path, headers, body).await;
        let shown = &body[..body.len().min(40)];
        assert_eq!(
            (answer.0, &answer.2["code"]),
            (*status, &json!(code)),
            "{method} {path} {shown}"
        );
        let problem = &answer.2;
        assert_eq!(problem["type"], json!(format!("/problems/{code}")));
        assert_eq!(problem["status"], json!(status));
        assert_eq!(answer.1["content-type"], "application/problem+json");
        assert_eq!(problem["instance"], json!(answer.1["x-request-id"].to_str().expect("ASCII")));
        if *status == 405 {
            assert_eq!(answer.1["allow"], "POST");
        }
        let page = ask(&server, Method::GET, &format!("/problems/{code}"), &[], "").await;
        assert_eq!(page.0, 200, "the page that explains {code}");
    }
    let (_, left) = server.get(&format!("{EVENT}/availability")).await;
    assert_eq!(left["pools"][0]["available"], 10_000, "nothing changed");
}

#[tokio::test]
async fn catalogue_and_availability_are_not_sent_twice_and_not_changed_blindly() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    for path in ["/v1/events", EVENT, &format!("{EVENT}/availability")] {
        let (status, headers, _) = ask(&server, Method::GET, path, &[], "").await;
        assert_eq!((status, &headers["cache-control"]), (200, &HeaderValue::from_static(PUBLIC)));
        let tag = headers["etag"].to_str().expect("ASCII");
        let (status, ..) = ask(&server, Method::GET, path, &[("If-None-Match", tag)], "").await;
        assert_eq!(status, 304, "{path}");
    }
    let (_, before, _) = ask(&server, Method::GET, EVENT, &[], "").await;
    let seen = before["etag"].to_str().expect("ASCII");
    let json = ("Content-Type", "application/json");
    let pause = r#"{"sale":{"state":"paused"}}"#;
    let stale = [json, ("If-Match", "\"0\"")];
    let answer = ask(&server, Method::PATCH, EVENT, &stale, pause).await;
    assert_eq!((answer.0, &answer.2["code"]), (412, &json!("version_mismatch")));
    let (status, after, _) =
        ask(&server, Method::PATCH, EVENT, &[json, ("If-Match", seen)], pause).await;
    assert_eq!(status, 200);
    assert_ne!(after["etag"], before["etag"]);
    let (status, ..) = ask(&server, Method::GET, EVENT, &[("If-None-Match", seen)], "").await;
    assert_eq!(status, 200, "the old tag is worth nothing now");
}

#[tokio::test]
async fn slow_and_silent_clients_are_let_go() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings =
        [("ONSALE__SERVER__HEADER_TIMEOUT_MS", "500"), ("ONSALE__SERVER__IDLE_TIMEOUT_MS", "500")];
    let server = Server::start(dir.path(), &settings);
    let started = Instant::now();
    let silent = connect(&server);
    let mut half_a_head = connect(&server);
    half_a_head.write_all(b"GET /healthz HT").expect("sent");
    let mut half_a_body = connect(&server);
    let head =
        format!("POST {EVENT}/reservations HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{{");
    half_a_body.write_all(head.as_bytes()).expect("sent");
    assert_eq!(rest(&silent), "");
    rest(&half_a_head);
    let told = rest(&half_a_body);
    assert!(told.starts_with("HTTP/1.1 408") && told.contains("\"request_timeout\""), "{told}");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_body_that_drips_is_let_go() {
    let dir = tempfile::tempdir().expect("a directory");
    // A byte came well within every timeout, so that a connection was held for as long as somebody wished.
    let server = Server::start(dir.path(), &[("ONSALE__SERVER__BODY_TIMEOUT_MS", "500")]);
    let mut drip = connect(&server);
    let head =
        format!("POST {EVENT}/reservations HTTP/1.1\r\nHost: a\r\nContent-Length: 4000\r\n\r\n");
    drip.write_all(head.as_bytes()).expect("sent");
    drip.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    let told = (0..200).find_map(|_| {
        let mut bytes = [0; 4096];
        match drip.read(&mut bytes) {
            Ok(read) => Some(String::from_utf8_lossy(&bytes[..read]).into_owned()),
            Err(_) => drip.write_all(b" ").err().map(|error| error.to_string()),
        }
    });
    let told = told.expect("let go within ten seconds");
    assert!(told.starts_with("HTTP/1.1 408") && told.contains("\"request_timeout\""), "{told}");
}

#[tokio::test]
async fn a_client_that_never_reads_is_let_go() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = [("ONSALE__SERVER__IDLE_TIMEOUT_MS", "500")];
    let server = Server::start(dir.path(), &settings);
    let greedy = connect(&server);
    greedy.set_write_timeout(Some(Duration::from_secs(2))).expect("a timeout");
    // Asks for far more than both kernels buffer, and reads none of it.
    let ask = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1_000);
    assert!(metric(&server, "onsale_http_connections").await > 0.0, "it is counted");
    // It may fail: the server stops reading when nobody reads its answers.
    drop((0..30).try_for_each(|_| (&greedy).write_all(&ask)));
    let mut open = f64::NAN;
    for _ in 0..50 {
        open = metric(&server, "onsale_http_connections").await;
        if open == 0.0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{open} connections are still open");
}

#[tokio::test]
async fn no_more_connections_are_served_than_allowed_and_the_next_waits_its_turn() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[("ONSALE__SERVER__CONNECTIONS_MAX", "2")]);
    let request = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    let held = [connect(&server), connect(&server)];
    for mut stream in &held {
        stream.write_all(request).expect("sent");
        let mut first = [0; 12];
        stream.read_exact(&mut first).expect("served");
        assert_eq!(&first, b"HTTP/1.1 200");
    }
    let mut third = connect(&server);
    third.write_all(request).expect("sent");
    third.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
    let mut first = [0; 12];
    assert!(third.read_exact(&mut first).is_err(), "a third connection was served");
    drop(held);
    third.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    third.read_exact(&mut first).expect("served after the others have gone");
    assert_eq!(&first, b"HTTP/1.1 200");
}

async fn metric(server: &Server, name: &str) -> f64 {
    let scrape = server.client.get(format!("{}/metrics", server.admin)).send().await;
    let text = scrape.expect("an answer").text().await.expect("a body");
    let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
    let value = line.and_then(|line| line.rsplit_once(' ')).expect("the metric").1;
    value.parse().expect("a number")
}
