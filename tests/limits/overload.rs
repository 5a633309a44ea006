//! More than may be under way at once.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::support::Server;
use crate::{EVENT, ask};

fn connect(server: &Server) -> TcpStream {
    let address = server.url.trim_start_matches("http://");
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    stream
}

/// A request that is under way as long as its body lacks.
fn half(server: &Server) -> TcpStream {
    let mut stream = connect(server);
    let head = format!(
        "POST {EVENT}/bookings HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
         Content-Length: 50\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    stream
}

/// Asks until the answer has this status: who holds a place may still be on the way.
async fn until(wanted: u16, ask: impl AsyncFn() -> u16) {
    for _ in 0..200 {
        if ask().await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never answered {wanted}");
}

#[tokio::test]
async fn what_matters_least_is_refused_first_and_health_never() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[("ONSALE__SERVER__IN_FLIGHT_MAX", "10")]);
    let status = async |method: Method, path: &str| {
        let (status, headers, body) = ask(&server, method, path, "203.0.113.9").await;
        if status == 503 {
            assert_eq!(body["code"], "busy", "{body}");
            let after = headers["retry-after"].to_str().expect("ASCII");
            assert!((1..=4).contains(&after.parse::<u8>().expect("seconds")), "{after}");
        }
        status
    };
    let read = async || status(Method::GET, EVENT).await;
    let join = async || status(Method::POST, &format!("{EVENT}/waiting-room/places")).await;
    let poll = async || status(Method::GET, &format!("{EVENT}/waiting-room/places/me")).await;
    let reserve = async || status(Method::POST, &format!("{EVENT}/reservations")).await;
    let book = async || status(Method::POST, &format!("{EVENT}/bookings")).await;
    let health = async || status(Method::GET, "/healthz").await;
    assert_eq!((read().await, health().await), (200, 200));
    let mut held: Vec<TcpStream> = (0..7).map(|_| half(&server)).collect();
    until(503, &read).await;
    assert_eq!((join().await, poll().await), (503, 404));
    held.push(half(&server));
    until(503, &poll).await;
    assert_eq!(reserve().await, 400, "served, and its body is none");
    held.push(half(&server));
    until(503, &reserve).await;
    assert_eq!((book().await, health().await), (400, 200));
    held.push(half(&server));
    until(503, &book).await;
    assert_eq!(health().await, 200);
    drop(held);
    // And then everybody is served again.
    until(200, &read).await;
    let scrape = server.client.get(format!("{}/metrics", server.admin)).send().await;
    let text = scrape.expect("an answer").text().await.expect("a body");
    for class in ["read", "join", "poll", "reserve", "book"] {
        let line = format!("onsale_shed_total{{class=\"{class}\"}} ");
        assert!(text.contains(&line), "{line}");
    }
}

#[tokio::test]
async fn whoever_has_a_pass_is_served_until_the_very_last() {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::start(dir.path(), &[("ONSALE__SERVER__IN_FLIGHT_MAX", "10")]);
    let room = format!("{EVENT}/waiting-room");
    let open = json!({"rate_per_minute": 6_000, "active_max": 10});
    let (status, body) =
        server.send(Method::PATCH, &room, None, Some(open)).await.expect("an answer");
    assert!(status == 200 || status == 201, "{status} {body}");
    let places = format!("{room}/places");
    let join = server.send(Method::POST, &places, None, Some(json!({"customer": "fan"}))).await;
    let mut place = join.expect("an answer").1;
    let token = place["token"].as_str().expect("a token").to_owned();
    for _ in 0..100 {
        if place["pass"].is_object() || place["pass"].is_string() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let me = server.client.get(format!("{}{places}/me", server.url));
        let me = me.header("Onsale-Place", &token).send().await.expect("an answer");
        place = me.json().await.expect("JSON");
    }
    let pass = place["pass"].as_str().or(place["pass"]["token"].as_str());
    let pass = pass.unwrap_or_else(|| panic!("no pass: {place}")).to_owned();
    let held: Vec<TcpStream> = (0..9).map(|_| half(&server)).collect();
    let reserve = async |pass: &str| {
        let request = server.client.post(format!("{}{EVENT}/reservations", server.url));
        let body = json!({"customer": "fan", "lines": [{"pool": "standing", "quantity": 1}]});
        let request = request.header("Onsale-Pass", pass).json(&body);
        request.send().await.expect("an answer").status().as_u16()
    };
    until(503, async || reserve("not-a-pass").await).await;
    assert_eq!(reserve(&pass[..pass.len() - 1]).await, 503);
    assert_eq!(reserve(&pass).await, 201);
    drop(held);
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_gets_them_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings =
        [("ONSALE__SERVER__CONNECTIONS_PER_ADDRESS_MAX", "2"), ("ONSALE__LIMITS__EXEMPT", "")];
    let server = Server::start(dir.path(), &settings);
    let served = |mut stream: &TcpStream| {
        let request = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut first = [0; 12];
        stream.write_all(request).and_then(|()| stream.read_exact(&mut first)).is_ok()
    };
    let held = [connect(&server), connect(&server)];
    assert!(held.iter().all(served));
    assert!(!served(&connect(&server)), "a third one is closed at once");
    drop(held);
    let again = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        served(&connect(&server))
    });
    assert!(again, "the seats of those who have gone are free");
    let scrape = server.client.get(format!("{}/metrics", server.admin)).send().await;
    let text = scrape.expect("an answer").text().await.expect("a body");
    assert!(text.contains("onsale_http_connections_refused_total"), "{text}");
}
