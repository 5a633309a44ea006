//! The Stripe provider: what it sends, what it makes of what comes back, and what it takes twice: nothing.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use onsale::domain::money::Currency;
use onsale::domain::time::UnixMillis;
use onsale::providers::payment::{
    ChargeReport, ChargeState, PaymentProvider, ProviderError, RefundState, WebhookError,
    WebhookMeaning,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::stripe_stand_in::{Fault, StripeStandIn};
use crate::{
    NOW, assert_not_done, assert_unknown, both, charge, declined, refund, stripe, succeeded,
};

#[tokio::test]
async fn a_charge_is_sent_as_stripe_wants_it_and_taken_once_per_key() {
    let (stand_in, stripe) = both().await;
    for token in ["pm_card_visa", "tok_visa"] {
        let charge = charge(&token.replace('_', "-"), token);
        let first = stripe.charge(&charge).await.expect("an answer");
        assert_eq!(first.state, ChargeState::Succeeded);
        assert_eq!(stripe.charge(&charge).await.as_ref(), Ok(&first), "the same key");
        assert_eq!(stand_in.times_charged(token), 1);
        assert_eq!(stand_in.kept(token), 4_500);
    }
    let intent = &stand_in.intents()[0];
    assert_eq!((intent.currency.as_str(), intent.key.as_str()), ("eur", "charge-pm-card-visa-1"));
    assert_eq!(intent.metadata["booking"], "pm-card-visa");
    assert_eq!(intent.metadata["attempt"], "1");
    assert_eq!(stand_in.complaints(), [""; 0]);
}

#[tokio::test]
async fn a_card_that_is_refused_is_declined_with_the_banks_word() {
    let (stand_in, stripe) = both().await;
    for (number, (token, reason)) in (1..).zip([
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_authenticationRequired", "authentication_required"),
        ("tok_chargeDeclined", "generic_decline"),
    ]) {
        let charge = charge(&format!("b{number}"), token);
        let report = declined(&format!("pi_{number}"), reason);
        assert_eq!(stripe.charge(&charge).await.as_ref(), Ok(&report), "{token}");
        assert_eq!(stripe.charge(&charge).await.as_ref(), Ok(&report), "again");
        assert_eq!(stripe.look_up(&charge, None).await, Ok(Some(report)), "looked up");
    }
    // What somebody typed in place of a token is declined as well: as a fault it would let one buyer
    // open the circuit for all.
    let made_up = stripe.charge(&charge("b9", "pm_unknown")).await;
    assert_eq!(made_up, Ok(declined("", "resource_missing")));
    assert_eq!(stand_in.captured(), []);
}

#[tokio::test]
async fn a_lost_answer_is_unknown_and_the_same_key_finds_out_and_takes_once() {
    for fault in [
        Fault::HangBefore,
        Fault::HangAfter,
        Fault::CutAfter,
        Fault::GarbageAfter,
        Fault::BadGateway,
        Fault::Status(409),
        Fault::Status(502),
        Fault::Status(503),
    ] {
        let (stand_in, stripe) = both().await;
        let charge = charge("b1", "pm_card_visa");
        stand_in.script([fault]);
        assert_unknown(&stripe.charge(&charge).await);
        assert_eq!(stripe.charge(&charge).await, Ok(succeeded("pi_1")), "{fault:?}");
        assert_eq!(stand_in.times_charged("pm_card_visa"), 1, "{fault:?}");
        assert_eq!(stand_in.complaints(), [""; 0]);
    }
}

#[tokio::test]
async fn a_look_up_tells_a_lost_charge_that_was_made_from_one_that_was_not() {
    let (stand_in, stripe) = both().await;
    let (made, not_made) = (charge("made", "pm_card_visa"), charge("not-made", "pm_card_visa"));
    stand_in.script([Fault::HangAfter, Fault::HangBefore]);
    assert_unknown(&stripe.charge(&made).await);
    assert_unknown(&stripe.charge(&not_made).await);
    assert_eq!(stripe.look_up(&made, None).await, Ok(Some(succeeded("pi_1"))));
    assert_eq!(stripe.look_up(&made, Some("")).await, Ok(Some(succeeded("pi_1"))));
    assert_eq!(stripe.look_up(&made, Some("pi_1")).await, Ok(Some(succeeded("pi_1"))));
    assert_eq!(stripe.look_up(&not_made, None).await, Ok(None));
    assert_eq!(stripe.look_up(&not_made, Some("pi_7")).await, Ok(None));
    assert_unknown(&stripe.look_up(&not_made, Some("pi_1")).await);
    let second = charge_of_attempt(2);
    assert_eq!(stripe.look_up(&second, None).await, Ok(None), "another attempt is another charge");
    assert_eq!(stand_in.intents().len(), 1, "looking up pays nothing");
    assert_eq!(stand_in.complaints(), [""; 0]);
}

fn charge_of_attempt(attempt: u32) -> onsale::providers::payment::Charge {
    let mut charge = charge("made", "pm_card_visa");
    charge.reference.attempt = attempt;
    charge
}

#[tokio::test]
async fn a_stored_500_stays_and_a_look_up_gets_past_it() {
    let (stand_in, stripe) = both().await;
    let charge = charge("b1", "pm_card_visa");
    stand_in.script([Fault::Status(500)]);
    for _ in 0..3 {
        assert_unknown(&stripe.charge(&charge).await);
    }
    assert_eq!(stripe.look_up(&charge, None).await, Ok(None));
    assert_eq!(stand_in.intents(), []);
}

#[tokio::test]
async fn what_was_refused_at_the_door_was_not_done() {
    let (stand_in, stripe) = both().await;
    let charge = charge("b1", "pm_card_visa");
    stand_in.script([
        Fault::Status(429),
        Fault::Status(401),
        Fault::Status(403),
        Fault::Status(404),
    ]);
    let busy = stripe.charge(&charge).await;
    let Err(ProviderError::NotDone { retry_after, .. }) = busy else { panic!("{busy:?}") };
    assert_eq!(retry_after, Some(Duration::from_secs(7)));
    for _ in 0..3 {
        assert_not_done(&stripe.charge(&charge).await);
    }
    assert_eq!(stripe.charge(&charge).await, Ok(succeeded("pi_1")), "the same key, in the end");
}

#[tokio::test]
async fn a_key_that_came_before_with_another_charge_takes_nothing() {
    let (stand_in, stripe) = both().await;
    let mut charge = charge("b1", "pm_card_visa");
    stripe.charge(&charge).await.expect("the first");
    charge.amount.amount = 9_900;
    assert_unknown(&stripe.charge(&charge).await);
    let refund = crate::refund(&charge, "pi_1");
    let refund = onsale::providers::payment::Refund { key: charge.key.clone(), ..refund };
    assert_unknown(&stripe.refund(&refund).await);
    assert_eq!(stand_in.kept("pm_card_visa"), 4_500);
}

#[tokio::test]
async fn two_calls_with_one_key_at_the_same_time_take_it_once() {
    let (stand_in, stripe) = both().await;
    let charge = charge("b1", "pm_card_visa");
    stand_in.script([Fault::Slow(Duration::from_millis(100))]);
    let calls = (0..8).map(|_| stripe.charge(&charge));
    let answers = join_all(calls.collect()).await;
    assert!(answers.contains(&Ok(succeeded("pi_1"))), "{answers:?}");
    let others = answers.iter().filter(|answer| **answer != Ok(succeeded("pi_1")));
    others.for_each(assert_unknown);
    assert_eq!(stand_in.times_charged("pm_card_visa"), 1);
}

async fn join_all<T>(calls: Vec<onsale::providers::payment::Later<'_, T>>) -> Vec<T> {
    let mut answers: Vec<Option<T>> = calls.iter().map(|_| None).collect();
    let mut calls: Vec<_> = calls.into_iter().map(Some).collect();
    std::future::poll_fn(|context| {
        for (call, answer) in calls.iter_mut().zip(&mut answers) {
            let polled = call.as_mut().map(|call| call.as_mut().poll(context));
            if let Some(std::task::Poll::Ready(value)) = polled {
                *answer = Some(value);
                *call = None;
            }
        }
        if calls.iter().all(Option::is_none) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    answers.into_iter().flatten().collect()
}

#[tokio::test]
async fn a_refund_is_made_once_per_key_and_never_more_than_was_taken() {
    let (stand_in, stripe) = both().await;
    let charge = charge("b1", "pm_card_visa");
    let report = stripe.charge(&charge).await.expect("taken");
    let refund = refund(&charge, &report.provider_id);
    stand_in.script([Fault::HangAfter]);
    assert_unknown(&stripe.refund(&refund).await);
    assert_eq!(stripe.refund(&refund).await, Ok(RefundState::Succeeded));
    assert_eq!(stand_in.times_refunded("pm_card_visa"), 1);
    assert_eq!(stand_in.kept("pm_card_visa"), 0);
    // A day later Stripe has forgotten the key, and answers that it is all given back.
    let later = onsale::providers::payment::Refund { key: "refund-later".to_owned(), ..refund };
    assert_eq!(stripe.refund(&later).await, Ok(RefundState::Succeeded));
    assert_eq!(stand_in.times_refunded("pm_card_visa"), 1);
    assert_eq!(stand_in.complaints(), [""; 0]);
}

#[tokio::test]
async fn a_refund_can_be_pending_or_fail() {
    let (_stand_in, stripe) = both().await;
    let failed = |reason: &str| Ok(RefundState::Failed { reason: reason.to_owned() });
    for (booking, token, state) in [
        ("b1", "pm_card_pendingRefund", Ok(RefundState::Pending)),
        ("b2", "pm_card_refundFail", failed("failed")),
        ("b3", "pm_card_chargeDeclined", failed("payment_intent_unexpected_state")),
    ] {
        let charge = charge(booking, token);
        let report = stripe.charge(&charge).await.expect("an answer");
        assert_eq!(stripe.refund(&refund(&charge, &report.provider_id)).await, state, "{token}");
    }
    let never = refund(&charge("b4", "pm_card_visa"), "pi_77");
    assert_eq!(stripe.refund(&never).await, failed("resource_missing"));
}

#[tokio::test]
async fn a_slow_payment_is_processing_until_a_webhook_or_a_look_up_says_more() {
    let (stand_in, stripe) = both().await;
    let charge = charge("b1", "pm_card_slow");
    let processing =
        ChargeReport { provider_id: "pi_1".to_owned(), state: ChargeState::Processing };
    assert_eq!(stripe.charge(&charge).await, Ok(processing));
    stand_in.settle("pi_1", false);
    let report = declined("pi_1", "insufficient_funds");
    assert_eq!(stripe.look_up(&charge, Some("pi_1")).await, Ok(Some(report.clone())));
    let heard = hear_all(&stand_in, &stripe);
    let reference = charge.reference;
    let last = heard.last().map(|(_, meaning)| meaning.clone());
    assert_eq!(last, Some(WebhookMeaning::Charge { reference, report }));
}

#[tokio::test]
async fn webhooks_tell_of_charges_and_refunds_and_keep_their_id() {
    let (stand_in, stripe) = both().await;
    let charge = charge("b1", "pm_card_visa");
    stripe.charge(&charge).await.expect("taken");
    stripe.refund(&refund(&charge, "pi_1")).await.expect("given back");
    let reference = charge.reference;
    let refunded =
        WebhookMeaning::Refund { reference: reference.clone(), state: RefundState::Succeeded };
    let taken = WebhookMeaning::Charge { reference, report: succeeded("pi_1") };
    let expected = [("evt_1", taken), ("evt_2", refunded.clone()), ("evt_3", refunded)];
    let expected = expected.map(|(id, meaning)| (id.to_owned(), meaning));
    assert_eq!(hear_all(&stand_in, &stripe), expected);
    assert_eq!(hear_all(&stand_in, &stripe), expected, "sent again");
}

fn hear_all(
    stand_in: &StripeStandIn,
    stripe: &dyn PaymentProvider,
) -> Vec<(String, WebhookMeaning)> {
    let hear = |webhook: crate::stripe_stand_in::Webhook| {
        let headers = signed(&webhook.signature);
        let event = stripe.webhook(&headers, webhook.body.as_bytes(), NOW);
        let event = event.expect("believed");
        let late = UnixMillis(NOW.0 + 301_000);
        let heard = stripe.webhook(&headers, webhook.body.as_bytes(), late);
        assert_eq!(heard, Err(WebhookError::Stale));
        let changed = webhook.body.replace("4500", "4501") + " ";
        let heard = stripe.webhook(&headers, changed.as_bytes(), NOW);
        assert_eq!(heard, Err(WebhookError::BadSignature));
        (event.id, event.meaning)
    };
    stand_in.webhooks(NOW.0 / 1_000).into_iter().map(hear).collect()
}

fn signed(signature: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("Stripe-Signature", HeaderValue::try_from(signature).expect("ASCII"));
    headers
}

#[tokio::test]
async fn a_provider_that_is_not_there_has_done_nothing() {
    // Bound and not listened on: nobody else can take the port meanwhile.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let stripe = stripe(&format!("http://{}", socket.local_addr().expect("bound")));
    let charge = charge("b1", "pm_card_visa");
    assert_not_done(&stripe.charge(&charge).await);
    assert_not_done(&stripe.look_up(&charge, None).await);
    assert_not_done(&stripe.refund(&refund(&charge, "pi_1")).await);
}

#[tokio::test]
async fn where_no_tls_is_spoken_the_secret_is_not_sent_and_nothing_was_done() {
    // Needs root certificates on this machine, as every client of https does.
    let (stand_in, _) = both().await;
    let stripe = stripe(&stand_in.url.replace("http:", "https:"));
    assert_not_done(&stripe.charge(&charge("b1", "pm_card_visa")).await);
    assert_eq!(stand_in.calls(), 0);
}

#[tokio::test]
async fn endless_answers_and_redirects_are_unknown_and_lead_nowhere() {
    let (stand_in, _) = both().await;
    let elsewhere = format!("location: {}/v1/payment_intents\r\ncontent-length: 0", stand_in.url);
    let endless = "content-length: 9999999999".to_owned();
    for (status, head, why) in
        [(200, endless, "has more than 1048576 bytes"), (307, elsewhere, "status 307")]
    {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let server = tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.expect("a call");
            let mut request = [0; 16_384];
            let read = socket.read(&mut request).await.expect("a request");
            assert_ne!(read, 0);
            let head = format!("HTTP/1.1 {status} x\r\n{head}\r\n\r\n");
            drop(socket.write_all(head.as_bytes()).await);
            let endless = status == 200;
            while endless && socket.write_all(&[b'x'; 65_536]).await.is_ok() {}
        });
        let answer = stripe(&url).charge(&charge("b1", "pm_card_visa")).await;
        assert_unknown(&answer);
        let reason = answer.expect_err("unknown").to_string();
        assert!(reason.contains(why), "{reason}");
        server.abort();
    }
    assert_eq!(stand_in.calls(), 0, "the secret went elsewhere");
}

#[tokio::test]
async fn what_stripe_cannot_take_is_declined_before_it_is_sent() {
    let (stand_in, stripe) = both().await;
    let mut dinar = charge("b1", "pm_card_visa");
    dinar.amount.amount = 4_505;
    dinar.amount.currency = Currency::parse("KWD").expect("three letters");
    assert_eq!(stripe.charge(&dinar).await, Ok(declined("", "amount_not_payable")));
    let mut cheque = charge("b1", "pm_card_visa");
    "cheque".clone_into(&mut cheque.method);
    assert_eq!(stripe.charge(&cheque).await, Ok(declined("", "payment_method_unsupported")));
    let mut quoted = charge("b1", "pm_card_visa");
    "b1' OR '".clone_into(&mut quoted.reference.booking);
    let Err(ProviderError::NotDone { reason, .. }) = stripe.look_up(&quoted, None).await else {
        panic!("a quote in a query");
    };
    assert!(reason.contains("booking is \"b1' OR '\""), "{reason}");
    let mut blank = charge("b1", "pm_card_visa");
    "a b".clone_into(&mut blank.key);
    assert_not_done(&stripe.charge(&blank).await);
    assert_eq!(stand_in.calls(), 0);
}

#[test]
fn no_secret_and_no_token_is_printed() {
    let options = onsale::providers::payment::stripe::StripeOptions::new(
        "sk_live_geheim",
        vec!["whsec_geheim".to_owned()],
    );
    let printed = format!("{options:?} {:?}", charge("b1", "pm_geheim"));
    assert!(!printed.contains("geheim"), "{printed}");
}
