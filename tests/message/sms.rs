//! Short messages against a stand-in for a gateway.

use std::time::Duration;

use axum::http::StatusCode;
use onsale::providers::client::Patience;
use onsale::providers::send::{Hidden, SendError};
use onsale::providers::sms::{HttpSms, HttpSmsOptions, Sms, SmsChannel, check_phone};
use serde_json::{Value, json};

use crate::stand_in::{StandIn, mute, nobody};
use crate::{NOW, Spoil, ending};

fn options(url: String) -> HttpSmsOptions {
    HttpSmsOptions {
        url,
        token: Hidden::new("secret-token"),
        from: "onsale".to_owned(),
        segments_max: 2,
        roots_file: None,
        patience: Patience {
            connect: Duration::from_millis(500),
            total: Duration::from_millis(800),
        },
    }
}

async fn send_to(url: String, text: &str) -> Result<(), SendError> {
    let phone = check_phone("+49 151 12345678").expect("a number");
    let sms = Sms { id: "sms-1".to_owned(), to: phone, text: text.to_owned() };
    HttpSms::new(options(url)).expect("good options").send(&sms, NOW).await
}

#[tokio::test]
async fn the_gateway_gets_what_was_to_be_said_once_and_with_its_key() {
    let gateway = StandIn::start(|| StatusCode::ACCEPTED).await;
    send_to(gateway.url.clone(), "Tor 3, 19 Uhr 🎫").await.unwrap();
    let seen = gateway.seen();
    let [(headers, body)] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!(headers["authorization"], "Bearer secret-token");
    assert_eq!(headers["idempotency-key"], "sms-1");
    assert_eq!(headers["content-type"], "application/json");
    let body: Value = serde_json::from_slice(body).unwrap();
    let expected = json!({
        "id": "sms-1", "to": "+4915112345678", "text": "Tor 3, 19 Uhr 🎫", "from": "onsale",
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn each_status_is_told_as_what_it_is() {
    for (status, expected) in [
        (200, "delivered"),
        (202, "delivered"),
        (301, "later"),
        (307, "later"),
        (400, "never"),
        (401, "later"),
        (403, "later"),
        (404, "never"),
        (409, "later"),
        (410, "never"),
        (413, "never"),
        (422, "never"),
        (429, "later"),
        (500, "unknown"),
        (502, "unknown"),
        (503, "later"),
        (504, "unknown"),
    ] {
        let answer = move || (StatusCode::from_u16(status).unwrap(), "no such number");
        let gateway = StandIn::start(answer).await;
        let result = send_to(gateway.url.clone(), "hello").await;
        assert_eq!(ending(&result), expected, "{status}: {result:?}");
        assert_eq!(gateway.seen().len(), 1, "{status}: one try is one request");
        if let Err(error) = result {
            let told = error.to_string();
            assert!(told.contains(&status.to_string()) && told.contains("no such"), "{told}");
        }
    }
}

#[tokio::test]
async fn a_busy_gateway_says_how_long_to_wait() {
    let answer = || (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]);
    let gateway = StandIn::start(answer).await;
    let Err(SendError::Later { retry_after, .. }) = send_to(gateway.url.clone(), "hello").await
    else {
        panic!("429 is later")
    };
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_unknown_and_what_was_not_sent_is_not() {
    for (port, expected) in
        [(mute(false).await, "unknown"), (mute(true).await, "unknown"), (nobody(), "later")]
    {
        let result = send_to(format!("http://127.0.0.1:{port}/"), "hello").await;
        assert_eq!(ending(&result), expected, "{result:?}");
    }
}

#[tokio::test]
async fn texts_that_cost_too_much_do_not_leave() {
    let gateway = StandIn::start(|| StatusCode::OK).await;
    for (text, expected) in [
        ("a".repeat(306), "delivered"),
        ("a".repeat(307), "never"),
        ("ж".repeat(134), "delivered"),
        ("ж".repeat(135), "never"),
        (String::new(), "never"),
    ] {
        assert_eq!(ending(&send_to(gateway.url.clone(), &text).await), expected, "{text}");
    }
    assert_eq!(gateway.seen().len(), 2);
}

#[test]
fn options_that_cannot_be_are_refused_by_name() {
    let good = options("https://sms.example/send".to_owned());
    assert!(!format!("{good:?}").contains("secret-token"));
    assert!(HttpSms::new(good.clone()).is_ok());
    let bad: [Spoil<HttpSmsOptions>; 7] = [
        ("url", |o| o.url = "http://sms.example/".to_owned()),
        ("url", |o| o.url = "http://localhost/".to_owned()),
        ("url", |o| o.url = "sms".to_owned()),
        ("token", |o| o.token = Hidden::new("a\r\nX: y")),
        ("from", |o| o.from = String::new()),
        ("segments_max", |o| o.segments_max = 0),
        ("roots_file", |o| o.roots_file = Some("/nowhere/roots.pem".into())),
    ];
    for (field, spoil) in bad {
        let mut options = good.clone();
        spoil(&mut options);
        assert_eq!(HttpSms::new(options).err().map(|error| error.field), Some(field));
    }
}
