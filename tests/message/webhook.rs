//! Webhooks against stand-ins for organizers: friendly, broken, slow and hostile ones.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use onsale::providers::client::Patience;
use onsale::providers::send::SendError;
use onsale::providers::webhook::{
    HttpWebhooks, Reach, SigningSecret, Webhook, WebhookChannel, WebhookOptions, signature,
};
use onsale::telemetry::TraceContext;

use crate::stand_in::{StandIn, mute, nobody};
use crate::{NOW, ending};

/// Loopback by its number, as an operator would allow a network of theirs.
fn loopback() -> Reach {
    let allowed =
        ["127.0.0.0/8", "::1/128"].map(|network| network.parse().expect("a network")).into();
    Reach { allow_http: true, allow_private: false, allowed }
}

fn channel(reach: Reach) -> HttpWebhooks {
    let patience =
        Patience { connect: Duration::from_millis(500), total: Duration::from_millis(1_000) };
    HttpWebhooks::new(WebhookOptions { reach, idle_max: 1, roots_file: None, patience })
        .expect("good options")
}

fn webhook(url: &str) -> Webhook {
    let secret = |byte| SigningSecret::from_bytes(vec![byte; 32]).expect("32 bytes");
    Webhook {
        id: "msg_1".to_owned(),
        url: url.to_owned(),
        secrets: vec![secret(1), secret(2)],
        body: Bytes::from_static(br#"{"type":"booking.confirmed"}"#),
        trace: TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    }
}

async fn send_to(url: &str) -> Result<(), SendError> {
    channel(loopback()).send(&webhook(url), NOW).await
}

#[tokio::test]
async fn the_receiver_gets_the_body_signed_with_each_secret() {
    let receiver = StandIn::start(|| StatusCode::NO_CONTENT).await;
    send_to(&receiver.url).await.unwrap();
    let seen = receiver.seen();
    let [(headers, body)] = seen.as_slice() else { panic!("{seen:?}") };
    let sent = webhook(&receiver.url);
    assert_eq!(*body, sent.body);
    assert_eq!(headers["webhook-id"], "msg_1");
    assert_eq!(headers["webhook-timestamp"], "1795521600");
    let signed = signature(&sent.secrets, "msg_1", 1_795_521_600, body);
    assert_eq!(headers["webhook-signature"], signed.as_str());
    assert_eq!(headers["content-type"], "application/json");
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(headers["traceparent"], traceparent);
}

#[tokio::test]
async fn each_status_is_told_as_what_it_is() {
    for (status, expected) in [
        (200, "delivered"),
        (299, "delivered"),
        (302, "later"),
        (400, "later"),
        (401, "later"),
        (404, "later"),
        (410, "never"),
        (429, "later"),
        (500, "later"),
        (503, "later"),
    ] {
        let receiver = StandIn::start(move || StatusCode::from_u16(status).unwrap()).await;
        let result = send_to(&receiver.url).await;
        assert_eq!(ending(&result), expected, "{status}: {result:?}");
        assert_eq!(receiver.seen().len(), 1, "{status}: one try is one request");
    }
}

#[tokio::test]
async fn a_receiver_may_ask_for_time_in_seconds_or_until_a_date() {
    for (value, seconds) in [("90", 90), ("Tue, 24 Nov 2026 12:02:00 GMT", 120)] {
        let answer = move || (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", value)]);
        let receiver = StandIn::start(answer).await;
        let Err(SendError::Later { retry_after, .. }) = send_to(&receiver.url).await else {
            panic!("503 is later")
        };
        assert_eq!(retry_after, Some(Duration::from_secs(seconds)), "{value}");
    }
}

#[tokio::test]
async fn what_was_sent_and_not_answered_is_unknown_and_what_was_not_sent_is_not() {
    for (url, expected) in [
        (format!("http://127.0.0.1:{}/", mute(false).await), "unknown"),
        (format!("http://127.0.0.1:{}/", mute(true).await), "unknown"),
        (format!("http://127.0.0.1:{}/", nobody()), "later"),
        // Connected, but TLS does not come about: nothing of the message was sent.
        (format!("https://127.0.0.1:{}/", mute(false).await), "later"),
        (format!("https://127.0.0.1:{}/", mute(true).await), "later"),
        ("https://no-such-host.invalid/".to_owned(), "later"),
    ] {
        let result = send_to(&url).await;
        assert_eq!(ending(&result), expected, "{url}: {result:?}");
    }
}

#[tokio::test]
async fn a_body_without_end_holds_nobody_up() {
    // The channel's sender is kept: chunks come, an end never does.
    let endless = || {
        let (mut sender, body) = http_body_util::channel::Channel::<Bytes>::new(1);
        tokio::spawn(async move {
            while sender.send_data(Bytes::from(vec![b'x'; 1024])).await.is_ok() {}
        });
        Body::new(body)
    };
    let receiver = StandIn::start(endless).await;
    let begun = Instant::now();
    send_to(&receiver.url).await.unwrap();
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn without_leave_our_own_machine_is_not_reached_by_number_or_name() {
    let receiver = StandIn::start(|| StatusCode::OK).await;
    let strict = channel(Reach { allow_http: true, ..Reach::default() });
    let port = receiver.port;
    for (url, expected) in [
        (format!("http://127.0.0.1:{port}/"), "never"),
        (format!("http://0x7f000001:{port}/"), "never"),
        (format!("http://[::ffff:127.0.0.1]:{port}/"), "never"),
        (format!("http://0.0.0.0:{port}/"), "never"),
        // Names are checked by what the look-up gives, at the time of connecting.
        (format!("http://localhost:{port}/"), "later"),
    ] {
        let result = strict.send(&webhook(&url), NOW).await;
        assert_eq!(ending(&result), expected, "{url}: {result:?}");
        let told = format!("{result:?}");
        assert!(told.contains("public") && !told.contains("127.0.0.1"), "{told}");
    }
    assert_eq!(receiver.seen().len(), 0);
    // The same name, once it is allowed.
    let url = format!("http://localhost:{port}/");
    channel(loopback()).send(&webhook(&url), NOW).await.unwrap();
    assert_eq!(receiver.seen().len(), 1);
}

#[tokio::test]
async fn a_redirect_to_the_inside_is_not_followed() {
    let inside = StandIn::start(|| StatusCode::OK).await;
    for status in [301, 302, 303, 307, 308] {
        let to = inside.url.clone();
        let answer = move || (StatusCode::from_u16(status).unwrap(), [("location", to.clone())]);
        let receiver = StandIn::start(answer).await;
        let result = send_to(&receiver.url).await;
        assert_eq!(ending(&result), "later", "{status}: {result:?}");
    }
    assert_eq!(inside.seen().len(), 0);
}

#[tokio::test]
async fn what_no_try_can_make_good_is_a_dead_letter() {
    let bad: [fn(&mut Webhook); 5] = [
        |webhook| webhook.id = "a.b".to_owned(),
        |webhook| webhook.secrets.clear(),
        |webhook| webhook.url = "https://user:pass@example.org/".to_owned(),
        |webhook| webhook.url = "nonsense".to_owned(),
        |webhook| webhook.url = "https://10.0.0.1/".to_owned(),
    ];
    for spoil in bad {
        let mut webhook = webhook("https://example.invalid/");
        spoil(&mut webhook);
        let result = channel(loopback()).send(&webhook, NOW).await;
        assert_eq!(ending(&result), "never", "{result:?}");
    }
    let plain = channel(Reach::default()).send(&webhook("http://example.invalid/"), NOW).await;
    assert_eq!(ending(&plain), "never", "{plain:?}");
}
