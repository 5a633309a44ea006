//! What the log tells, at its most talkative: one line for each event, no secret, nothing that a client
//! could forge a line with.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use crate::shop::{EVENT, send};
use crate::support::Server;

/// Everything that must stay out of the log, settings and requests alike.
const SECRETS: [&str; 16] = [
    "sk_test_hushhush1",
    "whsec_aHVzaGh1c2gyaHVzaGh1c2gyaHVzaGh1c2gy",
    "whsec_aHVzaGh1c2gzaHVzaGh1c2gzaHVzaGh1c2gz",
    "mailhushhush4",
    "smshushhush5",
    "bearerhushhush6",
    "cookiehushhush7",
    "keyhushhush8",
    "idemhushhush9",
    "tok_hushhush10",
    "queryhushhush11",
    "codehushhush12",
    "hushhush13@example.org",
    "+4930123456789",
    "devicehushhush14",
    "passhushhush15",
];

/// Everybody we talk to is away, so that failures are told too.
fn settings(level: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![
        ("ONSALE__LOG__FILTER", level),
        ("ONSALE__LOG__ACCESS_SAMPLE_PERMILLE", "1000"),
        ("ONSALE__PAYMENT__PROVIDER", "stripe"),
        ("ONSALE__PAYMENT__BASE_URL", "http://127.0.0.1:9"),
        ("ONSALE__PAYMENT__SECRET_KEY", SECRETS[0]),
        ("ONSALE__PAYMENT__WEBHOOK_SECRET", SECRETS[1]),
        ("ONSALE__WEBHOOKS__URL", "http://127.0.0.1:9/hook"),
        ("ONSALE__WEBHOOKS__SECRETS", SECRETS[2]),
        ("ONSALE__WEBHOOKS__ALLOW_PRIVATE", "true"),
        ("ONSALE__MAIL__MODE", "smtp"),
        ("ONSALE__MAIL__HOST", "127.0.0.1"),
        ("ONSALE__MAIL__PORT", "9"),
        ("ONSALE__MAIL__SECURITY", "none"),
        ("ONSALE__MAIL__USERNAME", "mailer"),
        ("ONSALE__MAIL__PASSWORD", SECRETS[3]),
        ("ONSALE__SMS__MODE", "http"),
        ("ONSALE__SMS__URL", "http://127.0.0.1:9/sms"),
        ("ONSALE__SMS__TOKEN", SECRETS[4]),
        ("ONSALE__TELEMETRY__OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("ONSALE__TELEMETRY__SAMPLE_PERMILLE", "1000"),
    ]
}

/// What reaches the file last: the drain is told when everything else was.
fn end(mut server: Server, log: &Path) -> String {
    server.terminate();
    assert_eq!(server.exit_code(), Some(0));
    let bytes = std::fs::read(log).expect("a log");
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn no_secret_is_logged_however_much_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("log");
    let server = Server::start_logged(dir.path(), &settings("trace"), &log);
    let url = |path: &str| format!("{}{path}", server.url);
    let credentials = [
        ("Authorization", "Bearer bearerhushhush6"),
        ("Cookie", "session=cookiehushhush7"),
        ("X-API-Key", "keyhushhush8"),
        ("Idempotency-Key", "idemhushhush9"),
        ("Onsale-Pass", "passhushhush15"),
        ("Onsale-Place", "passhushhush15"),
        ("Stripe-Signature", "t=1,v1=passhushhush15"),
    ];
    let order = json!({"customer": "fan", "lines": [{"pool": "standing", "quantity": 1}]});
    let reservations = url("/v1/events/concert-a/reservations");
    let held = send(&server.client, Method::POST, &reservations, &credentials, Some(&order)).await;
    assert_eq!(held.status(), 201);
    let held: serde_json::Value = held.json().await.expect("JSON");
    let order = json!({"reservation": held["id"],
        "payment": {"method": "card", "token": "tok_hushhush10"},
        "contact": {"email": "hushhush13@example.org", "phone": "+4930123456789"}});
    let booked = url("/v1/events/concert-a/bookings");
    // A key of its own.
    let anew = [credentials[0], credentials[1], credentials[2]];
    let booked = send(&server.client, Method::POST, &booked, &anew, Some(&order)).await;
    assert_eq!(booked.status(), 202, "{:?}", booked.text().await);
    let room = json!({"mode": "on", "codes": [{"code": "codehushhush12"}]});
    let path = url("/v1/events/concert-a/waiting-room");
    send(&server.client, Method::PATCH, &path, &credentials, Some(&room)).await;
    let join = json!({"device": "devicehushhush14", "code": "codehushhush12"});
    let joined =
        send(&server.client, Method::POST, &format!("{path}/places"), &credentials, Some(&join))
            .await;
    assert_eq!(joined.status(), 201);
    let joined: serde_json::Value = joined.json().await.expect("JSON");
    let token = joined["token"].as_str().expect("a token").to_owned();
    for path in [
        "/v1/events/concert-a/waiting-room/places/me",
        "/v1/events/concert-a/waiting-room/places/me/pass",
        "/v1/events/concert-a?api_key=queryhushhush11",
        "/nothing?queryhushhush11",
    ] {
        let with = [credentials[0], credentials[1], credentials[2], ("Onsale-Place", &token)];
        send(&server.client, Method::GET, &url(path), &with, None).await;
    }
    let hook = json!({"tok_hushhush10": "codehushhush12"});
    send(&server.client, Method::POST, &url("/v1/payments/webhook"), &credentials, Some(&hook))
        .await;
    // The first tries to charge and to tell have failed when this is there.
    until_told(&log, &["webhook was not taken", "not connected"]).await;
    let log = end(server, &log);
    assert!(log.contains(" TRACE ") || log.contains("TRACE"), "it was not talkative");
    assert!(log.contains("access: ") && log.contains("/v1/events/concert-a/bookings"));
    for secret in SECRETS.iter().copied().chain([token.as_str()]) {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{secret} is told: {line:?}");
    }
}

/// Until each is in the log, or the time is over; what is missing then is the assertions' business.
async fn until_told(log: &Path, wanted: &[&str]) {
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(20) {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        if wanted.iter().all(|wanted| text.contains(wanted)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_a_client_sends_neither_begins_a_line_nor_moves_a_cursor() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = dir.path().join("log");
    let server = Server::start_logged(dir.path(), &settings("debug"), &log);
    // C1 controls, separators of lines and text that runs backwards pass for header values; ESC, CR and LF
    // come percent-encoded or in JSON.
    let hostile = "a\u{9b}31m\u{85}2026-01-01T00:00:00Z ERROR forged\u{2028}forged\u{202e}\tx";
    let value = reqwest::header::HeaderValue::from_bytes(hostile.as_bytes()).expect("a value");
    for path in [
        EVENT,
        "/v1/events/a%0d%0a2026-01-01T00:00:00Z%20%20INFO%20forged%1b%5b2J",
        "/v1/events/concert-a%00/log?after=%0a",
        "/v1/dead-letters/%1b%5b2J/send",
    ] {
        for name in ["User-Agent", "X-Request-Id", "traceparent", "Origin", "Onsale-Place"] {
            let request = server.client.get(format!("{}{path}", server.url));
            let answer = request.header(name, value.clone()).send().await;
            answer.expect("an answer");
        }
    }
    let text = "x\r\n2026-01-01T00:00:00Z ERROR forged\u{1b}[2J\u{7}";
    for (method, path, body) in [
        (Method::POST, "/v1/events", json!({"id": text, "name": text, "pools": []})),
        (Method::PATCH, EVENT, json!({"name": text, "venue": text, text: 1})),
        (
            Method::POST,
            "/v1/events/concert-a/reservations",
            json!({"customer": text, "lines": [
            {"pool": text, "quantity": 1}]}),
        ),
        (
            Method::POST,
            "/v1/events/concert-a/bookings",
            json!({"reservation": text,
            "payment": {"method": text, "token": text}, "contact": {"email": text, "phone": text}}),
        ),
        (Method::POST, "/v1/events/concert-a/checkins", json!({"code": text, "nonce": text})),
    ] {
        let url = format!("{}{path}", server.url);
        let answer = send(&server.client, method, &url, &[], Some(&body)).await;
        assert_eq!(answer.status(), 400, "{path}");
    }
    let log = end(server, &log);
    assert!(log.contains("forged"), "nothing of it was told: the test tried nothing");
    for line in log.lines() {
        let words: Vec<&str> = line.split_whitespace().take(2).collect();
        let is_ours = words.len() == 2
            && words[0].parse::<jiff::Timestamp>().is_ok()
            && ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&words[1])
            // Ours tell the microseconds.
            && words[0].contains('.');
        assert!(is_ours, "a line that is not ours: {line:?}");
        let bad = line.chars().find(|c| c.is_control() || "\u{2028}\u{2029}\u{202e}".contains(*c));
        assert_eq!(bad, None, "{line:?}");
    }
}

#[tokio::test]
async fn the_access_log_is_a_sample_and_can_be_off() {
    let dir = tempfile::tempdir().expect("a directory");
    for (permille, least, most) in [("0", 0, 0), ("1000", 400, 400), ("250", 40, 180)] {
        let log = dir.path().join(permille);
        let settings = [("ONSALE__LOG__ACCESS_SAMPLE_PERMILLE", permille)];
        let server = Server::start_logged(dir.path(), &settings, &log);
        for n in 0..200 {
            // By both ways in.
            server.get(EVENT).await;
            let held = server.reserve("concert-a", "fan", &format!("{permille}-{n}"), 1).await;
            assert_eq!(held.expect("an answer").0, 201);
        }
        let log = end(server, &log);
        let told = log.lines().filter(|line| line.contains(" access: ")).collect::<Vec<_>>();
        assert!((least..=most).contains(&told.len()), "{permille}: {} lines", told.len());
        for line in told {
            assert!(line.contains(" method=\"") && line.contains(" route=\"/v1/events/{event}"));
            assert!(line.contains(" status=20") && line.contains(" took_us="), "{line}");
            assert!(line.contains(" from=\"127.0.0.1\"") && line.contains(" id=\""), "{line}");
        }
    }
}
