//! The circuit breaker around a provider that is in trouble.

use std::num::NonZeroU32;
use std::time::Duration;

use onsale::providers::breaker::BreakerOptions;
use onsale::providers::payment::guarded::Guarded;
use onsale::providers::payment::{PaymentProvider, ProviderError};

use crate::stripe_stand_in::Fault;
use crate::{assert_not_done, assert_unknown, both, charge, declined, refund, succeeded};

const PAUSE: Duration = Duration::from_millis(200);

fn options() -> BreakerOptions {
    BreakerOptions { faults_max: NonZeroU32::new(3).expect("three"), pause: PAUSE }
}

#[tokio::test]
async fn after_faults_in_a_row_nobody_is_asked_until_a_probe_succeeds() {
    let (stand_in, stripe) = both().await;
    let guarded = Guarded::new(stripe, options());
    let charge = charge("b1", "pm_card_visa");
    stand_in.script([Fault::BadGateway, Fault::Status(429), Fault::Status(503), Fault::BadGateway]);
    assert_unknown(&guarded.charge(&charge).await);
    assert_not_done(&guarded.charge(&charge).await);
    assert_unknown(&guarded.charge(&charge).await);
    let calls = stand_in.calls();
    let refused = guarded.charge(&charge).await;
    let Err(ProviderError::NotDone { retry_after: Some(left), .. }) = refused else {
        panic!("{refused:?}");
    };
    assert!(left <= PAUSE);
    assert_not_done(&guarded.look_up(&charge, None).await);
    assert_not_done(&guarded.refund(&refund(&charge, "pi_1")).await);
    assert_eq!(stand_in.calls(), calls, "somebody was asked");
    tokio::time::sleep(PAUSE).await;
    assert_unknown(&guarded.charge(&charge).await);
    assert_not_done(&guarded.charge(&charge).await);
    assert_eq!(stand_in.calls(), calls + 1, "one probe");
    tokio::time::sleep(PAUSE).await;
    assert_eq!(guarded.charge(&charge).await, Ok(succeeded("pi_1")));
    assert!(!guarded.is_open());
}

#[tokio::test]
async fn declined_cards_and_made_up_tokens_never_open_it() {
    let (_stand_in, stripe) = both().await;
    let guarded = Guarded::new(stripe, options());
    for number in 0..5 {
        let made_up = charge(&format!("m{number}"), "pm_unknown");
        assert_eq!(guarded.charge(&made_up).await, Ok(declined("", "resource_missing")));
        let bad = guarded.charge(&charge(&format!("d{number}"), "pm_card_chargeDeclined")).await;
        bad.expect("an answer");
    }
    assert!(!guarded.is_open());
}

#[tokio::test]
async fn webhooks_are_heard_while_it_is_open() {
    let (stand_in, stripe) = both().await;
    let guarded = Guarded::new(stripe, options());
    let charge = charge("b1", "pm_card_visa");
    guarded.charge(&charge).await.expect("taken");
    stand_in.script([Fault::BadGateway; 3]);
    for booking in ["b2", "b3", "b4"] {
        assert_unknown(&guarded.charge(&crate::charge(booking, "pm_card_visa")).await);
    }
    assert!(guarded.is_open());
    let webhook = stand_in.webhooks(crate::NOW.0 / 1_000).remove(0);
    let mut headers = http::HeaderMap::new();
    let signature = http::HeaderValue::try_from(webhook.signature).expect("ASCII");
    headers.insert("stripe-signature", signature);
    let heard = guarded.webhook(&headers, webhook.body.as_bytes(), crate::NOW);
    assert_eq!(heard.map(|event| event.id).as_deref(), Ok("evt_1"));
}
