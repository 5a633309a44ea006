//! The bulk door: one outcome a line, in order, whatever the lines are and however they arrive.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::Server;

const BULK: &str = "/v1/events/concert-a/reservations/bulk";

async fn bulk(server: &Server, lines: &str) -> Vec<Value> {
    let request = server.client.post(format!("{}{BULK}", server.url));
    let request = request.header("Content-Type", "application/x-ndjson").body(lines.to_owned());
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let text = response.text().await.expect("a body");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn line(key: &str, quantity: u32) -> String {
    let lines = json!([{"pool": "standing", "quantity": quantity}]);
    format!("{}\n", json!({"idempotency_key": key, "customer": "fan", "lines": lines}))
}

async fn held(server: &Server) -> Value {
    server.get("/v1/events/concert-a/availability").await.1["pools"][0]["held"].clone()
}

#[tokio::test]
async fn each_line_has_its_own_outcome_in_its_own_place() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let lines = [
        line("a", 2),
        "{\n".to_owned(),
        line("b", 0),
        "\n".to_owned(),
        line("c", 9_999),
        line("a", 2),
        line("a", 3),
        line("", 1),
        r#"{"idempotency_key":"d","customer":"fan","lines":[{"pool":"none","quantity":1}]}"#.into(),
        "\n".to_owned(),
        line("e", 3).trim_end().to_owned(),
    ];
    let told = bulk(&server, &lines.concat()).await;
    let brief: Vec<_> =
        told.iter().map(|o| (o["line"].clone(), o["status"].clone(), o["code"].clone())).collect();
    let none = Value::Null;
    let expected = [
        (1, 201, none.clone()),
        (2, 400, json!("invalid_request")),
        (3, 400, json!("invalid_request")),
        (5, 409, json!("all_held")),
        (6, 201, none.clone()),
        (7, 422, json!("idempotency_key_reused")),
        (8, 400, json!("invalid_request")),
        (9, 404, json!("not_found")),
        (10, 201, none),
    ];
    let expected: Vec<_> =
        expected.into_iter().map(|(l, s, code)| (json!(l), json!(s), code)).collect();
    assert_eq!(brief, expected, "{told:#?}");
    assert_eq!(told[2]["errors"][0]["field"], "lines[0].quantity");
    assert_eq!(told[6]["errors"][0]["field"], "idempotency_key");
    assert_eq!((&told[4]["id"], &told[4]["replayed"]), (&told[0]["id"], &json!(true)));
    assert_eq!(told[0]["idempotency_key"], "a");
    assert_eq!(held(&server).await, 5);
    let path = format!("/v1/events/concert-a/reservations/{}", told[0]["id"].as_str().expect("id"));
    let (_, found) = server.get(&path).await;
    assert_eq!((&found["status"], &found["expires_at"]), (&json!("HELD"), &told[0]["expires_at"]));
}

#[tokio::test]
async fn a_hall_goes_through_a_small_queue_and_none_is_lost_or_doubled() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = [("ONSALE__SHARDS__QUEUE_DEPTH_MAX", "600")];
    let server = Server::start(dir.path(), &settings);
    let lines: String = (0..12_000).map(|n| line(&format!("k{n}"), 1)).collect();
    for again in [false, true] {
        let told = bulk(&server, &lines).await;
        assert_eq!(told.len(), 12_000);
        let sold = told.iter().filter(|outcome| outcome["status"] == 201);
        let ids: std::collections::BTreeSet<_> = sold.map(|o| o["id"].to_string()).collect();
        assert_eq!(ids.len(), 10_000);
        let refused = told.iter().filter(|outcome| outcome["code"] == "all_held").count();
        assert_eq!(refused, 2_000);
        assert!(told.iter().all(|o| o["status"] != 201 || (o["replayed"] == true) == again));
    }
    assert_eq!(held(&server).await, 10_000);
}

#[tokio::test]
async fn outcomes_come_while_lines_are_still_being_sent_and_silence_ends_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = [("ONSALE__SERVER__IDLE_TIMEOUT_MS", "500")];
    let server = Server::start(dir.path(), &settings);
    let mut stream =
        TcpStream::connect(server.url.trim_start_matches("http://")).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    let first = line("a", 1);
    let head = format!("POST {BULK} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{first}");
    stream.write_all(head.as_bytes()).expect("sent");
    let mut text = String::new();
    let mut buffer = [0; 4_096];
    while !text.contains("\"status\":201") {
        let read = stream.read(&mut buffer).expect("an outcome before the body ends");
        assert!(read > 0, "{text}");
        text += &String::from_utf8_lossy(&buffer[..read]);
    }
    drop(stream.read_to_string(&mut text));
    assert!(text.contains("\"code\":\"request_timeout\""), "{text}");
    assert_eq!(held(&server).await, 1);
}

#[tokio::test]
async fn what_is_no_bulk_request_is_refused_as_a_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[]);
    let request = server.client.post(format!("{}{BULK}", server.url));
    let answer = request.header("Content-Type", "application/json").body("{}").send().await;
    assert_eq!(answer.expect("an answer").status(), 415);
    let nowhere = format!("{}/v1/events/nowhere/reservations/bulk", server.url);
    let answer = server.client.post(nowhere).body("{}").send().await;
    assert_eq!(answer.expect("an answer").status(), 404);
    let told = bulk(&server, &format!("{}{}", line("a", 1), "x".repeat(20_000))).await;
    assert_eq!((&told[0]["status"], &told[1]["code"]), (&json!(201), &json!("body_too_large")));
}
